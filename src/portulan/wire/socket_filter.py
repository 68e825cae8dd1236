"""Socket filters for listening, in classic BPF (Documentation/networking/filter.rst): what the kernel hands over of all that passes.

One program serves every interface: it asks which link a packet came by and goes on to the part written for such links. What it cannot decide it lets
pass; whoever reads decides then.
"""

from __future__ import annotations

from struct import Struct, error

from portulan.errors import ParseError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Step = tuple[int, int, int, int]

_STEP = Struct("=HBBI")
MOST_STEPS = 4096
"""BPF_MAXINSNS."""
# linux/bpf_common.h: loads of a word, a half word and a byte from a place, the same relative to X, and so on.
_WORD, _HALF, _BYTE, _HALF_X = 0x20, 0x28, 0x30, 0x48
_X, _X_HEADER_LENGTH = 0x01, 0xB1
_MODULO, _JUMP, _EQUAL, _GREATER, _AT_LEAST, _HAS_BITS, _RETURN = 0x94, 0x05, 0x15, 0x25, 0x35, 0x45, 0x06
_CLASS, _LOAD, _LOAD_X = 0x07, 0x00, 0x01
_MODE, _ABSOLUTE, _INDIRECT, _HEADER_LENGTH = 0xE0, 0x20, 0x40, 0xA0
# linux/filter.h: what the kernel knows of a packet besides its bytes, and places counted from its network header.
_ANCILLARY, _NETWORK = 0xFFFFF000, 0xFFF00000
_PROTOCOL, _KIND, _INTERFACE, _HARDWARE, _RANDOM = (_ANCILLARY + at for at in (0, 4, 8, 28, 56))
_OUTGOING = 4
_ETHERNET, _LOOPBACK = 1, 772
_IPV4, _IPV6 = 0x0800, 0x86DD
_WRAPPED = (0x8100, 0x88A8, 0x9100, 0x8847, 0x8848, 0x8864)
"""Ethertypes behind which an IP packet may lie: VLAN tags, MPLS, PPPoE."""
_WITH_PORTS = (6, 17, 132, 136, 33)
_PERHAPS = {4: (1, 4, 41, 47), 6: (0, 43, 44, 60, 51, 58, 4, 41, 47)}
"""Protocols that may tell of ports farther in: ICMP errors quote a packet, extension headers come before one, tunnels carry one."""


def drop() -> Step:
    """A packet ends here."""
    return _RETURN, 0, 0, 0


def keep(snap: int) -> Step:
    """A packet is handed over, cut to `snap` bytes."""
    return _RETURN, 0, 0, snap


def build_ports(ports: Sequence[tuple[int, int]], snap: int, *, ethernet: bool) -> list[Step]:
    """Keep what has a port of these ranges (first, last) at either end, and what does not tell its ports in the usual place."""
    network = 14 if ethernet else _NETWORK
    ending: list[Step] = []
    for at in (0, 2):
        ending.append((_HALF_X, 0, 0, network + at))
        for first, last in ports:
            ending += [(_AT_LEAST, 0, 2, first), (_GREATER, 1, 0, last), keep(snap)]
    ending.append(drop())
    four = [
        (_HALF, 0, 0, network + 6), (_HAS_BITS, 0, 1, 0x1FFF), keep(snap),  # a later fragment: whose it is, its first one said
        (_BYTE, 0, 0, network + 9), *_either(_WITH_PORTS, _PERHAPS[4], snap),
        (_X_HEADER_LENGTH, 0, 0, network),
    ]  # fmt: skip
    six = [(_BYTE, 0, 0, network + 6), *_either(_WITH_PORTS, _PERHAPS[6], snap), (_X, 0, 0, 40)]
    # IPv4 goes over to the ports by a jump over IPv6's part.
    return [
        (_HALF, 0, 0, 12) if ethernet else (_WORD, 0, 0, _PROTOCOL),
        (_EQUAL, 1, 0, _IPV4), (_JUMP, 0, 0, len(four) + 1), *four, (_JUMP, 0, 0, len(_wrapped(snap)) + 2 + len(six)),
        *_wrapped(snap), (_EQUAL, 1, 0, _IPV6), drop(), *six, *ending,
    ]  # fmt: skip


def _wrapped(snap: int) -> list[Step]:
    return [step for kind in _WRAPPED for step in ((_EQUAL, 0, 1, kind), keep(snap))]


def _either(with_ports: Iterable[int], perhaps: Iterable[int], snap: int) -> list[Step]:
    """Keep protocols that perhaps lead to ports, go on behind this with those that have some, drop the others."""
    kept = [step for number in perhaps for step in ((_EQUAL, 0, 1, number), keep(snap))]
    numbers = list(with_ports)
    asked = [(_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    return [*kept, *asked, drop()]


def build_all(
    ethernet: Sequence[Step], other: Sequence[Step], *, sample: int = 1, only: Sequence[int] = (), without: Sequence[int] = (),
) -> list[Step]:  # fmt: skip
    """The whole: one packet in `sample` by the kernel's dice, of these interfaces (none named: of all but those `without`), each by its link's part.

    What goes over the loopback passes it twice, on its way out and in: the second time alone is kept. Raises ParseError for what is too long.
    """
    steps: list[Step] = []
    if sample > 1:
        steps += [(_WORD, 0, 0, _RANDOM), (_MODULO, 0, 0, sample), (_EQUAL, 1, 0, 0), drop()]
    if only:
        steps.append((_WORD, 0, 0, _INTERFACE))
        for at, number in enumerate(only):
            steps += [(_EQUAL, 0, 1, number), (_JUMP, 0, 0, 2 * (len(only) - at - 1) + 1)]
        steps.append(drop())
    elif without:
        steps.append((_WORD, 0, 0, _INTERFACE))
        for number in without:
            steps += [(_EQUAL, 0, 1, number), drop()]
    loopback = [(_WORD, 0, 0, _KIND), (_EQUAL, 0, 1, _OUTGOING), drop()]
    steps += [
        (_WORD, 0, 0, _HARDWARE),
        (_EQUAL, 0, 1, _ETHERNET), (_JUMP, 0, 0, 2 + len(other) + len(loopback)),
        (_EQUAL, 0, 1, _LOOPBACK), (_JUMP, 0, 0, len(other)),
        *other, *loopback, *ethernet,
    ]  # fmt: skip
    if len(steps) > MOST_STEPS:
        raise ParseError("traffic.filter-long", steps=len(steps), most=MOST_STEPS)
    return steps


def from_network_header(steps: Iterable[Step]) -> list[Step]:
    """A program written for packets that begin with their IP header, for frames of any link: loads are counted from there."""
    moved = []
    for code, if_true, if_false, operand in steps:
        loads = code & _CLASS in (_LOAD, _LOAD_X) and code & _MODE in (_ABSOLUTE, _INDIRECT, _HEADER_LENGTH)
        moved.append((code, if_true, if_false, operand + _NETWORK if loads and operand < _NETWORK else operand))
    return moved


def with_snap(steps: Iterable[Step], snap: int) -> list[Step]:
    """The same program, which cuts what it keeps to `snap` bytes."""
    return [(code, yes, no, min(operand, snap) if code == _RETURN else operand) for code, yes, no, operand in steps]


def pack_steps(steps: Iterable[Step]) -> bytes:
    """The program as the kernel takes it."""
    return b"".join(_STEP.pack(*step) for step in steps)


def parse_steps(data: bytes) -> list[Step]:
    """A program as libpcap gives it. Raises ParseError."""
    try:
        return [(code, yes, no, operand) for code, yes, no, operand in _STEP.iter_unpack(data)]
    except error:
        raise ParseError("traffic.filter-damaged") from None
