"""sock_diag: the kernel's own list of sockets (Linux include/uapi/linux/inet_diag.h, net/ipv4/inet_diag.c).

A request `inet_diag_req_v2` names family, protocol and a bit set of states; each answer is an `inet_diag_msg` of 72 bytes and attributes.
Asking also makes the kernel give every listed socket its cookie, a number that is never used again.
"""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from struct import Struct, pack
from sys import byteorder

from portulan.errors import ParseError
from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.survey import Row
from portulan.wire.netlink import align, build_attribute, iterate_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SOCK_DIAG_BY_FAMILY = 20
AF_INET, AF_INET6 = 2, 10
TCP, UDP, UDPLITE, MPTCP = 6, 17, 136, 262
"""IP protocol numbers; MPTCP's lies outside the byte that IP has for it."""

# Kernel states (include/net/tcp_states.h). 13 is not a state of its own but "closed and bound", since Linux 6.8.
(
    ESTABLISHED,
    SYN_SENT,
    SYN_RECV,
    FIN_WAIT1,
    FIN_WAIT2,
    TIME_WAIT,
    CLOSE,
    CLOSE_WAIT,
    LAST_ACK,
    LISTEN,
    CLOSING,
    NEW_SYN_RECV,
    BOUND_INACTIVE,
) = range(1, 14)

TCP_STATES = {
    ESTABLISHED: State.ESTABLISHED, SYN_SENT: State.SYN_SENT, SYN_RECV: State.SYN_RECEIVED, FIN_WAIT1: State.FIN_WAIT_1,
    FIN_WAIT2: State.FIN_WAIT_2, TIME_WAIT: State.TIME_WAIT, CLOSE: State.BOUND, CLOSE_WAIT: State.CLOSE_WAIT, LAST_ACK: State.LAST_ACK,
    LISTEN: State.LISTENING, CLOSING: State.CLOSING, NEW_SYN_RECV: State.SYN_RECEIVED, BOUND_INACTIVE: State.BOUND,
}  # fmt: skip
_OWNERLESS = (SYN_RECV, NEW_SYN_RECV, TIME_WAIT)
UDP_STATES = {ESTABLISHED: State.CONNECTED, CLOSE: State.BOUND}

MEMORY, V6_ONLY, CGROUP = 7, 11, 21
"""Attributes INET_DIAG_SKMEMINFO, _SKV6ONLY, _CGROUP_ID."""
_EXTENSIONS = 1 << (MEMORY - 1)
_REQUEST = Struct("=BBBxIHH16s16sIQ")
_MESSAGE = Struct("=BBBB2s2s16s16sIQIIIII")
MESSAGE_SIZE = _MESSAGE.size
_DROPS_AT = 8 * 4  # the ninth u32 of SKMEMINFO, SK_MEMINFO_DROPS

TRANSPORTS = {TCP: Transport.TCP, MPTCP: Transport.TCP, UDP: Transport.UDP, UDPLITE: Transport.UDPLITE}


def states(*numbers: int) -> int:
    """The bit set of kernel states."""
    return sum(1 << number for number in numbers)


def build_request(family: int, protocol: int, wanted: int, *, extensions: int = _EXTENSIONS, port: int = 0) -> bytes:
    """The payload of a dump request for sockets in the wanted states; `port` asks for one local port (0: all), filtered inside the kernel."""
    request = _REQUEST.pack(family, protocol if protocol < 256 else 255, extensions, wanted, 0, 0, b"", b"", 0, 0)
    if port:
        request += build_attribute(1, _port_filter(port))  # INET_DIAG_REQ_BYTECODE
    if protocol >= 256:
        request += build_attribute(3, protocol)  # INET_DIAG_REQ_PROTOCOL
    return request


def build_destroy(row: Row) -> bytes:
    """The payload of SOCK_DESTROY for one socket, by its addresses, ports and cookie (all of them must still be its own)."""
    family = AF_INET if len(row.source) == 4 else AF_INET6
    protocol = UDP if row.transport is Transport.UDP else TCP
    ports = int.from_bytes(row.port.to_bytes(2), byteorder), int.from_bytes(row.peer_port.to_bytes(2), byteorder)
    return _REQUEST.pack(family, protocol, 0, 1 << ESTABLISHED, *ports, row.source, row.destination, row.device, row.cookie)


def _port_filter(port: int) -> bytes:
    """INET_DIAG_REQ_BYTECODE that accepts one local port: `>=` and `<=`, each an instruction and its operand; a jump past the end rejects."""
    greater_equal, less_equal = 2, 3
    step, end = 8, 16
    return pack("=BBHHH", greater_equal, step, end + 4, 0, port) + pack("=BBHHH", less_equal, step, step + 4, 0, port)


def row_parser(netns: int | None, protocol: int) -> Callable[[bytes, int, int], Row]:
    """A parser of one answer (buffer, start, end of the payload) -> Row, for one dump. It raises ParseError.

    Answers of one dump come in very few shapes. For each shape one Struct reads the message and its attributes at once, and only the attribute
    headers are compared with those of the first answer of that shape.
    """
    shapes: dict[tuple[int, int], _Shape] = {}
    transport = TRANSPORTS[protocol]
    names = TCP_STATES if transport is Transport.TCP else UDP_STATES
    carrier = protocol == MPTCP
    new_row: Callable[[tuple[object, ...]], Row] = partial(tuple.__new__, Row)  # without a Python call each: there are thousands

    def parse(data: bytes, start: int, end: int) -> Row:
        if end - start < MESSAGE_SIZE:
            raise ParseError("sock_diag.truncated", offset=start)
        shape = shapes.get((end - start, data[start]))
        if shape is None or shape.headers_of(values := shape.unpack(data, start)) != shape.headers:
            shape = shapes[end - start, data[start]] = _Shape(data, start, end)
            values = shape.unpack(data, start)
        (_, state, _, _, port_high, port_low, peer_high, peer_low, source, destination, device, cookie, expires, rqueue, wqueue, uid, inode,
         v6_only, cgroup, drops) = shape.fields_of((*values, None, 0))  # fmt: skip
        name = names.get(state)
        if name is None:
            raise ParseError("sock_diag.state", offset=start, state=state)
        if not inode and state in _OWNERLESS:
            uid = None  # the kernel keeps no owner of these and says 0, which would be root (inet_twsk_diag_fill, inet_req_diag_fill)
        return new_row((
            netns, transport, name, port_high << 8 | port_low, peer_high << 8 | peer_low, source, destination, device, cookie, expires, rqueue,
            wqueue, uid, inode, v6_only, cgroup, drops, carrier,
        ))  # fmt: skip

    return parse


_VALUES = {V6_ONLY: (1, "?"), CGROUP: (8, "Q"), MEMORY: (_DROPS_AT + 4, f"{_DROPS_AT}xI")}
"""Attribute -> (bytes it must have, how to read it)."""


class _Shape:
    """Where everything stands in answers of one length and family."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        """Raises ParseError for an attribute whose length cannot be."""
        four = data[start] == AF_INET
        format_, number = "=BBBBBBBB" + ("4s12x4s12x" if four else "16s16s") + "IQIIIII", 17
        places: dict[int, int] = {}
        headers = []
        for kind, first, last in iterate_attributes(data, start + MESSAGE_SIZE, end):
            size, code = _VALUES.get(kind, (0, ""))
            headers.append(number)
            format_ += "I"
            number += 1
            if code and last - first >= size:
                places[kind] = number
                format_ += code
                number += 1
            else:
                size = 0
            format_ += f"{min(align(last - first), end - first) - size}x"
        self.unpack = Struct(format_).unpack_from
        self.headers_of = itemgetter(*headers, 0)
        self.headers = self.headers_of(self.unpack(data, start))
        # Behind the values the parser puts None and 0: what an attribute that is not there means.
        absent, nothing = number, number + 1
        v6_only = absent if four else places.get(V6_ONLY, absent)
        self.fields_of = itemgetter(*range(17), v6_only, places.get(CGROUP, nothing), places.get(MEMORY, absent))
