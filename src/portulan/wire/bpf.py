"""The BPF program that lists who holds which socket, assembled here: no compiler on the user's machine.

It runs once for every open file of every process (iterator `task_file`, kernel/bpf/task_iter.c), keeps those that are bound IPv4 or IPv6
sockets, and writes one HOLDER record for each. It reads only; the kernel's verifier checks that before it runs.
"""

from __future__ import annotations

from struct import Struct, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

STRUCTS = {
    "task_struct": ("tgid", "start_boottime", "comm", "group_leader", "cred"),
    "cred": ("euid",),
    "socket": ("sk",),
    "net": ("ns",),
    "ns_common": ("inum",),
    "sock": ("sk_type",),
    "sock_common": ("skc_num", "skc_family", "skc_state", "skc_net", "skc_cookie"),
}
ITERATOR = "bpf_iter_task_file"
NEEDED = (*(f"{struct}.{member}" for struct, members in STRUCTS.items() for member in members), ITERATOR)
"""What `parse_btf` must have found for the program to be built."""

HOLDER = Struct("=QQ16sIIIIBBH4x")
"""cookie, start (ns since boot), name of the process, pid, descriptor, namespace inode, effective uid, kernel state, sharing bits, port."""
REUSE_ADDRESS, REUSE_PORT = 0x0F, 0x10
"""Sharing bits: skc_reuse:4 and skc_reuseport:1 share the byte behind skc_state (include/net/sock.h)."""

_LISTEN, _CLOSE, _ESTABLISHED, _DATAGRAM = 10, 7, 1, 2
_SOCK_FROM_FILE, _PROBE_READ_KERNEL, _SEQ_WRITE, _GET_SOCKET_COOKIE = 162, 113, 127, 46
# Opcodes: loads and stores by width in bytes, 64-bit moves and jumps (Documentation/bpf/standardization/instruction-set.rst).
_LOAD = {1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79}
_STORE = {1: 0x73, 2: 0x6B, 4: 0x63, 8: 0x7B}
_MOVE, _SET, _ADD, _CALL, _JUMP_EQUAL, _JUMP_NOT, _JUMP_ALWAYS, _EXIT = 0xBF, 0xB7, 0x07, 0x85, 0x15, 0x55, 0x05, 0x95


def _op(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return pack("<BBhi", code, target | source << 4, offset, value)


_LEAVE = _op(_SET) + _op(_EXIT)


def _load(width: int, target: int, source: int, offset: int = 0) -> bytes:
    return _op(_LOAD[width], target, source, offset)


def _unless_zero(register: int) -> bytes:
    """Leave the program when the register is 0."""
    return _op(_JUMP_NOT, register, offset=2) + _LEAVE


def build_holders_program(at: Mapping[str, int], *, every_state: bool) -> bytes:
    """The program, for struct offsets `at`. Listeners and unconnected or connected UDP sockets; with `every_state` all that have a port."""
    common = {name.removeprefix("sock_common."): offset for name, offset in at.items() if name.startswith("sock_common.")}
    record, stack = -HOLDER.size, 10

    def put(width: int, source: int, place: int) -> bytes:
        return _op(_STORE[width], stack, source, record + place)

    # Registers: 6 the context, 7 the file and then the process, 8 the sock.
    if every_state:
        wanted = _load(1, 1, 8, common["skc_state"])
    else:
        wanted = b"".join((
            _load(1, 1, 8, common["skc_state"]),
            _op(_JUMP_EQUAL, 1, offset=6, value=_LISTEN),
            _op(_JUMP_EQUAL, 1, offset=5, value=_CLOSE),
            _op(_JUMP_NOT, 1, offset=2, value=_ESTABLISHED),
            _load(2, 2, 8, at["sock.sk_type"]),
            _op(_JUMP_EQUAL, 2, offset=2, value=_DATAGRAM),
            _LEAVE,
        ))  # fmt: skip
    return b"".join((
        _op(_MOVE, 6, 1), _load(8, 7, 6, 24), _unless_zero(7),
        _op(_MOVE, 1, 7), _op(_CALL, value=_SOCK_FROM_FILE), _unless_zero(0),
        _load(8, 8, 0, at["socket.sk"]), _unless_zero(8),
        _load(2, 9, 8, common["skc_num"]), _unless_zero(9), put(2, 9, 50),
        _load(2, 1, 8, common["skc_family"]), _op(_JUMP_EQUAL, 1, offset=3, value=2), _op(_JUMP_EQUAL, 1, offset=2, value=10), _LEAVE,
        wanted, put(1, 1, 48),
        _load(1, 1, 8, common["skc_state"] + 1), put(1, 1, 49),
        _op(_MOVE, 1, 8), _op(_CALL, value=_GET_SOCKET_COOKIE), put(8, 0, 0),
        _load(8, 1, 8, common["skc_net"]), _op(_SET, 2), _op(_JUMP_EQUAL, 1, offset=1), _load(4, 2, 1, at["net.ns"] + at["ns_common.inum"]), put(4, 2, 40),
        _load(8, 7, 6, 8), _unless_zero(7), _load(8, 7, 7, at["task_struct.group_leader"]), _unless_zero(7),
        _load(4, 1, 7, at["task_struct.tgid"]), put(4, 1, 32), _load(4, 1, 6, 16), put(4, 1, 36),
        _load(8, 1, 7, at["task_struct.start_boottime"]), put(8, 1, 8),
        _op(_SET, 2), _load(8, 1, 7, at["task_struct.cred"]), _op(_JUMP_EQUAL, 1, offset=1), _load(4, 2, 1, at["cred.euid"]), put(4, 2, 44),
        _op(_SET, 2), put(4, 2, 52),
        _op(_MOVE, 1, stack), _op(_ADD, 1, value=record + 16), _op(_SET, 2, value=16), _op(_MOVE, 3, 7), _op(_ADD, 3, value=at["task_struct.comm"]),
        _op(_CALL, value=_PROBE_READ_KERNEL),
        _load(8, 1, 6), _load(8, 1, 1), _op(_MOVE, 2, stack), _op(_ADD, 2, value=record), _op(_SET, 3, value=HOLDER.size), _op(_CALL, value=_SEQ_WRITE), _LEAVE,
    ))  # fmt: skip
