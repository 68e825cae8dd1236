"""sock_diag: the kernel's own list of sockets (Linux include/uapi/linux/inet_diag.h, net/ipv4/inet_diag.c).

A request `inet_diag_req_v2` names family, protocol and a bit set of states; each answer is an `inet_diag_msg` of 72 bytes and attributes.
Asking also makes the kernel give every listed socket its cookie, a number that is never used again.
"""

from __future__ import annotations

from struct import Struct, pack, unpack_from

from portulan.errors import ParseError
from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.survey import Row
from portulan.wire.netlink import build_attribute, iterate_attributes

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
UDP_STATES = {ESTABLISHED: State.CONNECTED, CLOSE: State.BOUND}

MEMORY, V6_ONLY, CGROUP, ULP = 7, 11, 21, 19
"""Attributes INET_DIAG_SKMEMINFO, _SKV6ONLY, _CGROUP_ID, _ULP_INFO."""
_EXTENSIONS = 1 << (MEMORY - 1)
_REQUEST = Struct("=BBBxIHH16s16sIQ")
_MESSAGE = Struct("=BBBB2s2s16s16sIQIIIII")
MESSAGE_SIZE = _MESSAGE.size
_PORT = Struct(">H").unpack
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


def _port_filter(port: int) -> bytes:
    """INET_DIAG_REQ_BYTECODE that accepts one local port: `>=` and `<=`, each an instruction and its operand; a jump past the end rejects."""
    greater_equal, less_equal = 2, 3
    step, end = 8, 16
    return pack("=BBHHH", greater_equal, step, end + 4, 0, port) + pack("=BBHHH", less_equal, step, step + 4, 0, port)


def row_parser(  # noqa: C901 - one loop over four attributes; taking it apart would cost a call a row
    netns: int | None, protocol: int
) -> Callable[[bytes, int, int], Row]:
    """A parser of one answer (buffer, start, end of the payload) -> Row, for one dump. It raises ParseError.

    Answers of one dump come in very few shapes, so it remembers where the attributes stood in answers of the same length and only checks
    that they still do.
    """
    layouts: dict[int, tuple[tuple[int, bytes, int], ...]] = {}
    unpack = _MESSAGE.unpack_from
    transport = TRANSPORTS[protocol]
    names = TCP_STATES if transport is Transport.TCP else UDP_STATES

    def parse(data: bytes, start: int, end: int) -> Row:
        if end - start < MESSAGE_SIZE:
            raise ParseError("sock_diag.truncated", offset=start)
        family, state, _, _, port, peer_port, source, destination, device, cookie, expires, rqueue, wqueue, uid, inode = unpack(data, start)
        if family == AF_INET:
            source, destination = source[:4], destination[:4]
        known = layouts.get(end - start)
        if known is None or any(data[start + at - 4 : start + at] != header for at, header, _ in known):
            known = layouts[end - start] = _layout(data, start, end)
        v6_only = drops = ulp = None
        cgroup = 0
        for at, _, kind in known:
            if kind == V6_ONLY:
                v6_only = bool(data[start + at])
            elif kind == CGROUP:
                cgroup = unpack_from("=Q", data, start + at)[0]
            elif kind == MEMORY:
                drops = unpack_from("=I", data, start + at + _DROPS_AT)[0]
            elif kind == ULP:
                ulp = _ulp_name(data, start + at, end)
        try:
            name = names[state]
        except KeyError:
            raise ParseError("sock_diag.state", offset=start, state=state) from None
        return Row(netns, transport, name, _PORT(port)[0], _PORT(peer_port)[0], source, destination, device, cookie, expires, rqueue, wqueue, uid, inode,
                   v6_only if family == AF_INET6 else None, cgroup, drops, protocol == MPTCP or ulp == "mptcp")  # fmt: skip

    return parse


_SMALLEST = {V6_ONLY: 1, CGROUP: 8, MEMORY: _DROPS_AT + 4, ULP: 4}


def _layout(data: bytes, start: int, end: int) -> tuple[tuple[int, bytes, int], ...]:
    """(offset of the value, header bytes, type) of every attribute of this answer; type 0 for one too short to be what it says."""
    return tuple(
        (first - start, data[first - 4 : first], kind if last - first >= _SMALLEST.get(kind, 0) else 0)
        for kind, first, last in iterate_attributes(data, start + MESSAGE_SIZE, end)
    )


def _ulp_name(data: bytes, start: int, end: int) -> str | None:
    """INET_ULP_INFO_NAME (1) inside the nested INET_DIAG_ULP_INFO."""
    length = unpack_from("=H", data, start - 4)[0] - 4
    for kind, first, last in iterate_attributes(data, start, min(start + length, end)):
        if kind == 1:
            return data[first:last].rstrip(b"\0").decode("ascii", "replace")
    return None
