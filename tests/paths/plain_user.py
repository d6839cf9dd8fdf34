"""An engine that permissions hold for, also when the tests run as root.

`connect(paths, module="tests.paths.plain_user")` starts it. Its user id stays (socket and lock are its user's
own), but the capabilities that let root pass by permissions are given up, for good (capabilities(7)).
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def give_up_root() -> None:
    """From here on this process may read and write only what permissions allow its user. OSError when the
    system refuses."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    header, data = _Header(_VERSION_3, 0), (_Data * 2)()
    if libc.capget(ctypes.byref(header), data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    dropped = ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    data[0].effective &= dropped
    data[0].permitted &= dropped
    if libc.capset(ctypes.byref(header), data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    from core.daemon import main

    give_up_root()
    main()
