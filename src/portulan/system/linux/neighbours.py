"""Hardware addresses of many neighbours at once, by ARP and neighbour discovery of our own: the kernel's table holds 1,024 and asks one by one."""

from __future__ import annotations

import errno
import select
import socket
import time
from struct import pack

import numpy as np

from portulan.errors import MachineFailed, NotPermitted, ParseError, failed
from portulan.system.linux.netlink import ROUTE, Netlink
from portulan.wire.neighbours import (
    ETHERNET_ARP,
    ETHERNET_IPV6,
    GET_NEIGHBOUR,
    build_arp,
    build_get_neighbours,
    build_solicitations,
    parse_advertisement,
    parse_arp_reply,
    parse_neighbour,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.uint8]

RATE = 20_000.0
"""Questions a second, unless told otherwise."""
TRIES = 3
_BATCH = 64
_BUFFER = 1 << 22
_FRAME = 256
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33
_GONE = (errno.ENETDOWN, errno.ENXIO, errno.ENODEV)
# Classic BPF: load half-word or byte at an offset, jump if equal, return (include/uapi/linux/filter.h).
_LOAD_BYTE, _IF_EQUAL, _RETURN = 0x30, 0x15, 0x06
_NEXT_HEADER, _TYPE = 20, 54


def read_neighbours(version: int, link: int) -> dict[bytes, bytes]:
    """Packed address -> hardware address, of those that the kernel is sure of now. Raises MachineFailed."""
    try:
        with Netlink(ROUTE) as netlink:
            answers = netlink.dump(GET_NEIGHBOUR, build_get_neighbours(socket.AF_INET if version == 4 else socket.AF_INET6, link))
            rows = [parse_neighbour(*answer) for answer in answers]
    except ParseError as error:  # the kernel's own answer
        raise MachineFailed("kernel.damaged", detail=str(error)) from error
    except OSError as error:
        raise failed("list", "neighbours", error) from error
    return {row.address: row.hardware_address for row in rows if row.link == link and row.fresh and len(row.hardware_address) == 6}


def ask_neighbours(
    link: int, own_mac: bytes, own_address: bytes, addresses: Rows, wait_s: float = 1.0, *, rate: float = RATE, tries: int = TRIES
) -> tuple[Rows, NDArray[np.bool_]]:
    """Hardware addresses of neighbours on an Ethernet: (rows of 6 bytes, which of them are known).

    Whom the kernel's table does not know for certain is asked up to `tries` times, at most `rate` a second; each time, `wait_s` is waited after the last
    question, or until all have answered. `addresses` are rows of 4 or 16 bytes, `own_address` is one of the link's. Raises NotPermitted, MachineFailed.
    """
    macs = np.zeros((len(addresses), 6), np.uint8)
    known = np.zeros(len(addresses), np.bool_)
    if not len(addresses):
        return macs, known
    version = 4 if addresses.shape[1] == 4 else 6
    table = read_neighbours(version, link)
    place = {row.tobytes(): at for at, row in enumerate(np.ascontiguousarray(addresses))}
    for address, mac in table.items():
        if (at := place.get(address)) is not None:
            macs[at] = np.frombuffer(mac, np.uint8)
            known[at] = True
    with _open(version, link) as one:
        try:
            for _ in range(tries):
                silent = np.flatnonzero(~known)
                if not silent.size:
                    break
                build = build_arp if version == 4 else build_solicitations
                _ask(one, build(own_mac, own_address, addresses[silent]), rate, wait_s, _Answers(one, place, macs, known))
        except OSError as error:
            if error.errno in _GONE:
                raise MachineFailed("scan.link-gone", link=_name(link)) from error
            raise failed("ask", "neighbours", error) from error
    # Rows that were given twice were asked and answered once.
    first = np.array([place[row.tobytes()] for row in np.ascontiguousarray(addresses)])
    return macs[first], known[first]


class _Answers:
    """Takes what a packet socket received, and enters it into the columns."""

    def __init__(self, one: socket.socket, place: dict[bytes, int], macs: Rows, known: NDArray[np.bool_]) -> None:
        self._one, self._place, self._macs, self._known = one, place, macs, known
        self._parse = parse_arp_reply if len(next(iter(place))) == 4 else parse_advertisement
        self.left = len(place) - int(np.count_nonzero(known[list(place.values())]))

    def take(self) -> None:
        while True:
            try:
                frame = self._one.recv(_FRAME)
            except BlockingIOError:
                return
            found = self._parse(frame)
            at = None if found is None else self._place.get(found[0])
            if found is not None and at is not None and not self._known[at]:
                self._macs[at] = np.frombuffer(found[1], np.uint8)
                self._known[at] = True
                self.left -= 1


def _ask(one: socket.socket, frames: Rows, rate: float, wait_s: float, answers: _Answers) -> None:
    """Send all frames at the rate, and wait for their answers."""
    poll = select.poll()
    poll.register(one, select.POLLIN)
    begun = time.monotonic()
    rows = [row.tobytes() for row in frames]
    for at in range(0, len(rows), _BATCH):
        for row in rows[at : at + _BATCH]:
            _send(one, row)
        answers.take()
        early_s = begun + min(at + _BATCH, len(rows)) / rate - time.monotonic()
        if early_s > 0:
            time.sleep(early_s)
    deadline = time.monotonic() + wait_s
    while answers.left and (left_s := deadline - time.monotonic()) > 0:
        if poll.poll(left_s * 1000 + 1):
            answers.take()


def _send(one: socket.socket, frame: bytes) -> None:
    while True:
        try:
            one.send(frame)
        except BlockingIOError:
            select.select([], [one], [], 0.1)
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # the card's queue is full
                raise
            time.sleep(0.001)
        else:
            return


def _open(version: int, link: int) -> socket.socket:
    """A packet socket on the link that sees ARP, or neighbour advertisements only."""
    protocol = ETHERNET_ARP if version == 4 else ETHERNET_IPV6
    try:
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise NotPermitted("neighbours.forbidden", needs="CAP_NET_RAW") from error
    except OSError as error:
        raise failed("open", "a packet socket", error) from error
    try:
        one.setblocking(False)
        if version == 6:
            _filter_advertisements(one)
        try:
            one.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        one.bind((_name(link), protocol))
    except OSError as error:
        one.close()
        if error.errno in _GONE:
            raise MachineFailed("scan.link-gone", link=_name(link)) from error
        raise failed("bind", "a packet socket", error) from error
    return one


def _filter_advertisements(one: socket.socket) -> None:
    import ctypes

    steps = (
        (_LOAD_BYTE, 0, 0, _NEXT_HEADER), (_IF_EQUAL, 0, 3, 58), (_LOAD_BYTE, 0, 0, _TYPE), (_IF_EQUAL, 0, 1, 136), (_RETURN, 0, 0, _FRAME),
        (_RETURN, 0, 0, 0),
    )  # fmt: skip
    program = ctypes.create_string_buffer(b"".join(pack("=HBBI", *step) for step in steps))
    one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pack("@HP", len(steps), ctypes.addressof(program)))


def _name(link: int) -> str:
    try:
        return socket.if_indextoname(link)
    except OSError:
        return f"#{link}"
