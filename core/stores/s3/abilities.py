"""What one S3 service was found to do, learnt from its answers and remembered for all its buckets.

Servers differ in what they take beside the bytes, and none says so beforehand. A request that may be too much
for a server is sent once; a refusal leads to one try without, and when that works, nobody asks again. Who keeps
such knowledge longer than a process lives seeds it here and reads it back.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal, get_args

Ability = Literal[
    "checksum_crc64nvme",  # PutObject takes x-amz-checksum-crc64nvme
    "checksum_parts",  # multipart uploads take CRC64NVME of every part and of the whole (FULL_OBJECT)
    "checksum_checked",  # bytes that do not give the checksum they are sent with are refused
    "tag_count",  # HEAD and GET tell x-amz-tagging-count where there are tags
    "tags",  # objects have tags at all
]
ABILITIES: tuple[Ability, ...] = get_args(Ability)
MAX_UPLOADS = 10_000  # more unfinished uploads than one process has at once


class Abilities:
    """Each ability is True, False, or None while nobody knows. Safe for several threads.

    Read the attributes without a lock (the hot path does); change them with `learn`.
    """

    def __init__(self) -> None:
        self.checksum_crc64nvme: bool | None = None
        self.checksum_parts: bool | None = None
        self.checksum_checked: bool | None = None
        self.tag_count: bool | None = None
        self.tags: bool | None = None
        self.tags_denied = False  # these credentials may not read them; of this process only
        self._lock = threading.Lock()
        self._uploads: OrderedDict[str, bool] = OrderedDict()

    def learn(self, ability: Ability, *, able: bool) -> None:
        """An answer showed it."""
        with self._lock:
            setattr(self, ability, able)

    def seed(self, known: Mapping[str, bool | None]) -> None:
        """Take over what was learnt earlier; names that are no abilities, and None, are left alone."""
        with self._lock:
            for ability in ABILITIES:
                if (able := known.get(ability)) is not None:
                    setattr(self, ability, able)

    def known(self) -> dict[str, bool]:
        """What is known by now, for whoever keeps it."""
        with self._lock:
            found = {ability: getattr(self, ability) for ability in ABILITIES}
        return {ability: able for ability, able in found.items() if able is not None}

    # ------------------------------------------------------------ uploads under way

    def note_upload(self, token: str, *, checksummed: bool) -> None:
        """Whether the unfinished upload was begun with CRC64NVME; only then may its parts carry one."""
        with self._lock:
            self._uploads[token] = checksummed
            self._uploads.move_to_end(token)
            if len(self._uploads) > MAX_UPLOADS:
                self._uploads.popitem(last=False)

    def is_checksummed(self, token: str) -> bool:
        """False also for an upload that was neither begun nor looked at by this process: S3 then computes the
        parts' checksums itself."""
        return self._uploads.get(token, False)

    def forget_upload(self, token: str) -> None:
        """It was completed or aborted."""
        with self._lock:
            self._uploads.pop(token, None)
