"""Loss on a link: a small XDP program that forgets a share of what an interface receives, before anybody on that host sees it.

That is what a bad wire does: the sender's capture shows the packet, the receiver's does not, and no way of sending gets round it (packet
sockets can bypass a queueing discipline, and see what a packet filter drops). It runs in the kernel, so it keeps up with everything here.
"""

from __future__ import annotations

import errno
from struct import pack

from portulan.errors import CannotTell, NotPermitted, failed
from portulan.system.linux.syscall import syscall

_PROG_LOAD, _TYPE_XDP = 5, 6
_DROP, _PASS = 1, 2
_RANDOM = 7
"""The helper bpf_get_prandom_u32."""
# Opcodes, as the instruction set has them (Documentation/bpf/standardization/instruction-set.rst).
_MOVE, _SET, _ADD, _SHIFT_RIGHT, _LOAD_1, _LOAD_2, _LOAD_4, _CALL, _EXIT = 0xBF, 0xB7, 0x07, 0x77, 0x71, 0x69, 0x61, 0x85, 0x95
_JUMP, _IF_EQUAL, _IF_NOT, _IF_GREATER, _IF_PAST, _IF_LESS = 0x05, 0x15, 0x55, 0x25, 0x2D, 0xA5
_ICMPV6, _FIRST_DISCOVERY, _LAST_DISCOVERY = 58, 133, 137  # RFC 4861
_HALF = 1 << 31  # dice of 31 bits: an operand is signed

Step = tuple[int, int, int, str | int, int]
"""Opcode, target register, source register, label to jump to or offset, operand."""


def build_loss(share: float) -> bytes:
    """Build the program that drops IPv4 and IPv6 packets with probability `share` (above 0, up to 1).

    ARP and neighbour discovery pass: tests are about transports, not about a neighbour cache that waits a second for its next try.
    """
    steps: list[Step | str] = [
        (_LOAD_4, 6, 1, 0, 0), (_LOAD_4, 7, 1, 4, 0),  # r6, r7: where the frame begins and ends
        (_MOVE, 1, 6, 0, 0), (_ADD, 1, 0, 0, 14), (_IF_PAST, 1, 7, "pass", 0),
        (_LOAD_2, 1, 6, 12, 0), (_IF_EQUAL, 1, 0, "dice", _as_loaded(0x0800)), (_IF_NOT, 1, 0, "pass", _as_loaded(0x86DD)),
        (_MOVE, 1, 6, 0, 0), (_ADD, 1, 0, 0, 55), (_IF_PAST, 1, 7, "dice", 0),
        (_LOAD_1, 1, 6, 20, 0), (_IF_NOT, 1, 0, "dice", _ICMPV6),
        (_LOAD_1, 1, 6, 54, 0), (_IF_LESS, 1, 0, "dice", _FIRST_DISCOVERY), (_IF_GREATER, 1, 0, "dice", _LAST_DISCOVERY),
        "pass", (_SET, 0, 0, 0, _PASS), (_EXIT, 0, 0, 0, 0),
        "dice", (_CALL, 0, 0, 0, _RANDOM), (_SHIFT_RIGHT, 0, 0, 0, 1), (_IF_GREATER, 0, 0, "pass again", max(0, round(share * _HALF) - 1)),
        (_SET, 0, 0, 0, _DROP), (_EXIT, 0, 0, 0, 0),
        "pass again", (_SET, 0, 0, 0, _PASS), (_EXIT, 0, 0, 0, 0),
    ]  # fmt: skip
    return _assemble(steps)


def _as_loaded(ethertype: int) -> int:
    """Tell what the program reads where the frame has this number in network order."""
    return int.from_bytes(pack("=H", ethertype))


def _assemble(steps: list[Step | str]) -> bytes:
    labels: dict[str, int] = {}
    operations: list[Step] = []
    for step in steps:
        if isinstance(step, str):
            labels[step] = len(operations)
        else:
            operations.append(step)
    code = b""
    for at, (opcode, target, source, place, operand) in enumerate(operations):
        offset = labels[place] - at - 1 if isinstance(place, str) else place
        code += pack("=BBhi", opcode, target | source << 4, offset, operand)
    return code


def load_loss(share: float) -> int:
    """Load the program; returns its descriptor. Raises NotPermitted, CannotTell (a kernel without BPF), MachineFailed."""
    import ctypes

    code = ctypes.create_string_buffer(build_loss(share))
    licence = ctypes.create_string_buffer(b"GPL")
    where = ctypes.addressof(code), ctypes.addressof(licence)
    attribute = pack("=IIQQIIQII16s", _TYPE_XDP, (len(code) - 1) // 8, *where, 0, 0, 0, 0, 0, b"portulan_loss")
    try:
        return syscall("bpf", _PROG_LOAD, ctypes.create_string_buffer(attribute, len(attribute)), len(attribute))
    except PermissionError as error:
        raise NotPermitted("sandbox.forbidden", needs="CAP_BPF, CAP_NET_ADMIN") from error
    except OSError as error:
        if error.errno == errno.ENOSYS:
            raise CannotTell("link.kernel-lacks", operation="load", subject="BPF") from error
        raise failed("load", "loss program", error) from error
