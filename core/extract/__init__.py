"""Taking archives apart, safely: whatever an archive says, nothing is written outside its own folder.

`unpack` is all that others need. Knows nothing of jobs or stores.
"""

from core.extract.errors import ArchiveTrouble
from core.extract.unpacking import Caps, Unpacked, unpack

__all__ = ["ArchiveTrouble", "Caps", "Unpacked", "unpack"]
