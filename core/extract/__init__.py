"""Taking archives apart, safely: whatever an archive says, nothing is written outside its own folder.

`unpack` is all that others need, and `folder_name` to know what it makes. Knows nothing of jobs or stores.
"""

from core.extract.errors import ArchiveTrouble
from core.extract.names import folder_name
from core.extract.placing import Spot
from core.extract.unpacking import Caps, Unpacked, unpack

__all__ = ["ArchiveTrouble", "Caps", "Spot", "Unpacked", "folder_name", "unpack"]
