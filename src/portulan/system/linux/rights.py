"""Rights given up for good, before a byte from the network is read."""

from __future__ import annotations

import os
from struct import pack

from portulan.system.linux.syscall import prctl

_VERSION_3 = 0x2008_0522
"""_LINUX_CAPABILITY_VERSION_3 (include/uapi/linux/capability.h): two words of effective, permitted and inheritable bits each."""
_NO_NEW_PRIVILEGES = 38
CAP_DAC_OVERRIDE = 1


def drop_rights(keep: int = 0) -> None:
    """Give up all capabilities of this thread but those of the bit set `keep`, and what a set-uid program could give back. Raises OSError.

    The user stays who they are: files of their own can still be written.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(pack("=Ii", _VERSION_3, 0))
    low, high = keep & 0xFFFF_FFFF, keep >> 32
    data = ctypes.create_string_buffer(pack("=IIIIII", low, low, 0, high, high, 0))
    prctl(_NO_NEW_PRIVILEGES, 1)
    if libc.capset(header, data):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
