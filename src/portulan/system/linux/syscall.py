"""System calls that Python 3.11 lacks. ctypes is imported at the first use: it costs 5 ms."""

from __future__ import annotations

import os
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes

# x86_64 has its own table; aarch64, riscv64 and loongarch64 share the generic one (include/uapi/asm-generic/unistd.h).
_NUMBERS = {"x86_64": {"bpf": 321, "open_by_handle_at": 304, "pidfd_getfd": 438, "landlock_create_ruleset": 444, "setresuid": 117}}
_GENERIC = {"bpf": 280, "open_by_handle_at": 265, "pidfd_getfd": 438, "landlock_create_ruleset": 444, "setresuid": 147}

CLONE_NEWNET = 0x4000_0000
CLONE_NEWNS = 0x0002_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWUSER = 0x1000_0000


@cache
def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        import ctypes

        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def syscall(name: str, *arguments: object) -> int:
    """Call the kernel by name. Raises OSError with its error."""
    number = _NUMBERS.get(os.uname().machine, _GENERIC)[name]
    return _checked(_libc().syscall(number, *arguments))


def setns(descriptor: int, kind: int) -> None:
    """Enter the namespace behind an open descriptor, this thread only (setns(2))."""
    _checked(_libc().setns(descriptor, kind))


def unshare(flags: int) -> None:
    """Leave shared namespaces (unshare(2))."""
    _checked(_libc().unshare(flags))


def prctl(option: int, argument: int) -> None:
    """prctl(2) with one argument."""
    _checked(_libc().prctl(option, argument, 0, 0, 0))


def set_domain_name(name: str) -> None:
    """setdomainname(2): the NIS domain name of this thread's UTS namespace. The file in /proc/sys is root's alone, this is its owner's too."""
    data = name.encode("ascii")
    _checked(_libc().setdomainname(data, len(data)))


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    _checked(_libc().mount(source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None))


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _checked(_libc().umount2(target.encode(), flags))
