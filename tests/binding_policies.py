"""Policies that refuse to bind, really put in force: Landlock on a process of its own, BPF programs on a control group."""

import ctypes
import os
import struct
from contextlib import contextmanager

from portulan.system.linux.syscall import prctl, syscall

LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446
BIND_TCP = 1
NO_NEW_PRIVS = 38
SOCK_ADDR, INET4_BIND, INET6_BIND = 18, 8, 9
PROG_LOAD, PROG_ATTACH, PROG_DETACH = 5, 8, 9
REFUSE = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)
"""Return 0."""
MULTI = 2


def confine_by_landlock():
    """Forbid this process every TCP port, from now on. Raises OSError where the kernel cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    rules = ctypes.create_string_buffer(struct.pack("=QQ", 0, BIND_TCP))
    descriptor = libc.syscall(LANDLOCK_CREATE, rules, 16, 0)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    prctl(NO_NEW_PRIVS, 1)
    if libc.syscall(LANDLOCK_RESTRICT, descriptor, 0):
        raise OSError(ctypes.get_errno(), "Landlock")
    os.close(descriptor)


def _load(kind, name):
    code, licence = ctypes.create_string_buffer(REFUSE, len(REFUSE)), ctypes.create_string_buffer(b"GPL")
    attribute = struct.pack(
        "<IIQQIIQII16sII", SOCK_ADDR, len(REFUSE) // 8, ctypes.addressof(code), ctypes.addressof(licence), 0, 0, 0, 0, 0, name.encode(), 0, kind
    )  # fmt: skip
    return _bpf(PROG_LOAD, attribute)


def _bpf(command, attribute):
    return syscall("bpf", command, ctypes.create_string_buffer(attribute, len(attribute)), len(attribute))


@contextmanager
def refusing(folder, name):
    """Processes of a control group may bind nothing, by programs of that name. Raises OSError where the kernel cannot."""
    group = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    attached = []
    try:
        for kind in (INET4_BIND, INET6_BIND):
            program = _load(kind, name)
            _bpf(PROG_ATTACH, struct.pack("<IIII", group, program, kind, MULTI))
            attached.append((program, kind))
        yield
    finally:
        for program, kind in attached:
            _bpf(PROG_DETACH, struct.pack("<IIII", group, program, kind, 0))
            os.close(program)
        os.close(group)
