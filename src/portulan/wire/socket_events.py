"""The BPF programs that say which process a port has gone to, as it happens, assembled here: no compiler on the user's machine.

They run at three tracepoints and write one record each time into a ring that we read (kernel/bpf/ringbuf.c): the process, the time, and the part of the
socket that all of them have in common (`struct sock_common`), which is taken apart on our side. They read only; the kernel's verifier checks that before
they run.

- inet_sock_set_state: TCP. A process connects, listens, or lets go; between, the connection is made, in nobody's name: its ports are known then, and the
  cookie tells whose it is.
- sock_send_length, sock_recv_length (Linux 6.3): UDP, the first time that a socket is used.
"""

from __future__ import annotations

from enum import IntEnum
from operator import itemgetter
from struct import Struct, pack

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STRUCTS = {
    "net": ("ns",),
    "ns_common": ("inum",),
    "sock": ("sk_protocol",),
    "sock_common": ("skc_daddr", "skc_rcv_saddr", "skc_dport", "skc_num", "skc_family", "skc_net", "skc_v6_daddr", "skc_v6_rcv_saddr"),
}
NEEDED = tuple(f"{struct}.{member}" for struct, members in STRUCTS.items() for member in members)
STATES, SENT, RECEIVED = "btf_trace_inet_sock_set_state", "btf_trace_sock_send_length", "btf_trace_sock_recv_length"
TRACEPOINTS = (STATES, SENT, RECEIVED)
"""By the kernel's names for their types."""


class Event(IntEnum):
    """What was done with a socket: of TCP the state it went into (include/net/tcp_states.h)."""

    MADE = 1
    """The connection is there. Whose process runs at that moment is chance."""
    CONNECT = 2
    """A process asks for a connection; its local port may not be chosen yet."""
    FINISH = 4
    """A process ends its side first."""
    LAST = 9
    """A process ends its side second."""
    LISTEN = 10
    USE = 64
    """UDP: a process sends or receives by a socket for the first time."""


_TAIL = Struct("=QQQ16sIHH")
"""Cookie, process and thread, time (ns since boot), name of the thread, namespace inode, transport, event."""
_WIDEST = 16
_MOST = 256
_LOOKUP, _UPDATE, _KTIME, _PID_TGID, _COMM, _COOKIE, _PROBE_READ_KERNEL, _RING_OUTPUT = 1, 2, 5, 14, 16, 46, 113, 130
# Opcodes (Documentation/bpf/standardization/instruction-set.rst).
_LOAD, _LOAD_HALF, _STORE, _STORE_WORD, _STORE_HALF, _MOVE, _SET, _ADD, _CALL, _EQUAL, _EXIT, _WIDE, _ADD_IN_MEMORY = (
    0x79, 0x69, 0x7B, 0x63, 0x6B, 0xBF, 0xB7, 0x07, 0x85, 0x15, 0x95, 0x18, 0xDB,
)  # fmt: skip
_STACK = 10
_V4_MAPPED = bytes(10) + b"\xff\xff"
_AF_INET, _AF_INET6 = 2, 10
_UDP = 17


class Happening(Record):
    """One record. Addresses are 16 bytes, IPv4 ones as ::ffff:a.b.c.d; one that is not fixed is all zeros behind that, or all zeros."""

    event: Event
    cookie: int
    transport: int
    address: bytes
    port: int
    peer: bytes
    peer_port: int
    pid: int
    name: str
    """Of the thread, 15 bytes of it."""
    netns: int
    since_boot_ns: int


def _op(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return pack("<BBhi", code, target | source << 4, offset, value)


_LEAVE = _op(_SET) + _op(_EXIT)


def _on_stack(register: int, place: int) -> bytes:
    """The register points there."""
    return _op(_MOVE, register, _STACK) + _op(_ADD, register, value=place)


def _map(register: int, descriptor: int) -> bytes:
    return _op(_WIDE, register, 1, value=descriptor) + _op(0)


def _common_size(at: Mapping[str, int]) -> int:
    """Bytes of the socket that are copied: up to the last that we want."""
    last = max(offset for name, offset in at.items() if name.startswith("sock_common."))
    return min((last + _WIDEST + 7) // 8 * 8, _MOST)


def build_program(tracepoint: str, at: Mapping[str, int], ring: int, known: int, lost: int) -> bytes:
    """The program for one tracepoint, for struct offsets `at`, the ring, and the table of known UDP sockets, by their descriptors.

    `lost`: an array of one number, how many records found no room in the ring.
    """
    # Registers: 6 the arguments, 7 the socket, 8 the event.
    begin = _op(_MOVE, 6, 1) + _op(_LOAD, 7, 6)
    if tracepoint == STATES:
        return begin + _select_state() + _record(at, ring, lost)
    new = b"".join((
        _op(_LOAD_HALF, 1, 7, at["sock.sk_protocol"]), _op(_EQUAL, 1, offset=2, value=_UDP), _LEAVE,
        _op(_MOVE, 1, 7), _op(_CALL, value=_COOKIE), _op(_STORE, _STACK, 0, -8),
        _map(1, known), _on_stack(2, -8), _op(_CALL, value=_LOOKUP), _op(_EQUAL, 0, offset=2), _LEAVE,
        _map(1, known), _on_stack(2, -8), _on_stack(3, -8), _op(_SET, 4), _op(_CALL, value=_UPDATE),
        _op(_SET, 8, value=Event.USE),
    ))  # fmt: skip
    return begin + new + _record(at, ring, lost)


def _select_state() -> bytes:
    """Go on with the states that tell something."""
    wanted = (Event.CONNECT, Event.FINISH, Event.LAST, Event.LISTEN, Event.MADE)
    steps = [_op(_EQUAL, 8, offset=len(wanted) - at - 1 + len(_LEAVE) // 8, value=event) for at, event in enumerate(wanted)]
    return _op(_LOAD, 8, 6, 16) + b"".join(steps) + _LEAVE


def _record(at: Mapping[str, int], ring: int, lost: int) -> bytes:
    size = _common_size(at)
    record = -(size + _TAIL.size)
    tail = record + size
    inode = at["net.ns"] + at["ns_common.inum"]
    count = b"".join((
        _op(_SET, 1), _op(_STORE_WORD, _STACK, 1, -8), _map(1, lost), _on_stack(2, -8), _op(_CALL, value=_LOOKUP), _op(_EQUAL, 0, offset=2),
        _op(_SET, 1, value=1), _op(_ADD_IN_MEMORY, 0, 1),
    ))  # fmt: skip
    return b"".join((
        _on_stack(1, record), _op(_SET, 2, value=size), _op(_MOVE, 3, 7), _op(_CALL, value=_PROBE_READ_KERNEL), _op(_EQUAL, 0, offset=2), _LEAVE,
        _op(_MOVE, 1, 7), _op(_CALL, value=_COOKIE), _op(_STORE, _STACK, 0, tail),
        _op(_CALL, value=_PID_TGID), _op(_STORE, _STACK, 0, tail + 8),
        _op(_CALL, value=_KTIME), _op(_STORE, _STACK, 0, tail + 16),
        _on_stack(1, tail + 24), _op(_SET, 2, value=16), _op(_CALL, value=_COMM),
        _op(_SET, 1), _op(_STORE_WORD, _STACK, 1, tail + 40), _op(_LOAD_HALF, 1, 7, at["sock.sk_protocol"]), _op(_STORE_HALF, _STACK, 1, tail + 44),
        _op(_STORE_HALF, _STACK, 8, tail + 46),
        _on_stack(1, tail + 40), _op(_SET, 2, value=4), _op(_LOAD, 3, _STACK, record + at["sock_common.skc_net"]), _op(_ADD, 3, value=inode),
        _op(_CALL, value=_PROBE_READ_KERNEL),
        _map(1, ring), _on_stack(2, record), _op(_SET, 3, value=-record), _op(_SET, 4), _op(_CALL, value=_RING_OUTPUT),
        _op(_EQUAL, 0, offset=len(count) // 8), count, _LEAVE,
    ))  # fmt: skip


_MEMBERS = {
    "daddr": "4s", "rcv_saddr": "4s", "dport": "2s", "num": "H", "family": "H", "v6_daddr": "16s", "v6_rcv_saddr": "16s",
}  # fmt: skip


def _record_struct(at: Mapping[str, int]) -> tuple[Struct, list[str]]:
    """What reads a record, and the members of the socket in their order."""
    form, end = "=", 0
    names = sorted(_MEMBERS, key=lambda name: at[f"sock_common.skc_{name}"])
    for name in names:
        offset = at[f"sock_common.skc_{name}"]
        form += f"{offset - end}x{_MEMBERS[name]}"
        end = offset + Struct("=" + _MEMBERS[name]).size
    return Struct(f"{form}{_common_size(at) - end}x{_TAIL.format[1:]}"), names


def record_parser(at: Mapping[str, int]) -> tuple[int, Callable[[memoryview, int], Happening | None]]:
    """(bytes of a record, what parses one at an offset of a buffer): None for a socket that is neither IPv4's nor IPv6's."""
    whole, names = _record_struct(at)
    unpack, order = whole.unpack_from, itemgetter(*(names.index(name) for name in _MEMBERS), *range(len(names), len(names) + 7))
    events = {event.value: event for event in Event}

    def parse(data: memoryview, start: int) -> Happening | None:
        peer, address, peer_port, port, family, peer6, address6, cookie, process, time_ns, name, netns, transport, event = order(
            unpack(data, start)
        )
        if family == _AF_INET:
            address6, peer6 = _V4_MAPPED + address, _V4_MAPPED + peer
        elif family != _AF_INET6:
            return None
        return Happening(
            events[event], cookie, transport, address6, port, peer6, peer_port[0] << 8 | peer_port[1], process >> 32,
            name.partition(b"\0")[0].decode("utf-8", "backslashreplace"), netns, time_ns,
        )  # fmt: skip

    return whole.size, parse


_BUSY, _DISCARDED, _HEADER = 1 << 31, 1 << 30, 8


def ring_records(data: memoryview, size: int, consumed: int, produced: int) -> Iterator[tuple[int, int, int]]:
    """(where the record begins in `data`, its length, what is consumed then) of a ring of `size` bytes, mapped twice in a row, up to one still written."""
    word = Struct("=I").unpack_from
    while consumed < produced:
        start = consumed & (size - 1)
        (head,) = word(data, start)
        if head & _BUSY:
            return
        length = head & (_DISCARDED - 1)
        consumed += (length + _HEADER + 7) // 8 * 8
        yield start + _HEADER, 0 if head & _DISCARDED else length, consumed
