"""How a lease comes to be: what was asked for, which number it gets, and its line in the list. The list is locked throughout."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from portulan.errors import BadInput, MachineFailed, PortulanError, Refused
from portulan.host.free import DYNAMIC, USER, USUAL, Wish, candidates
from portulan.host.leases import Taken, counts_in, find, look_after, settled
from portulan.model.lease import Guarantee, Keeper, Lease, ports_text
from portulan.model.port import Transport
from portulan.model.portset import PortSet, parse_portset
from portulan.model.record import Record
from portulan.system.keepers import lives, network_namespace
from portulan.system.lease_file import Book
from portulan.system.seats import Seat, resolve, seize, serve
from portulan.verbs.numbers import what_is_known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOOPBACK = "127.0.0.1"
"""Where a socket that is handed over listens unless told otherwise: this host only."""
_TRANSPORTS = {"tcp": (Transport.TCP,), "udp": (Transport.UDP,), "both": (Transport.TCP, Transport.UDP)}
_RANGES = {"dynamic": DYNAMIC, "user": USER}
_LONGEST_NAME = 100


class Asked(Record):
    """What a lease shall be."""

    name: str
    transports: tuple[Transport, ...]
    port: int | None
    within: PortSet | None
    address: str | None


def take(book: Book, asked: Asked, guarantee: Guarantee, keep: Callable[[Seat], Keeper | None]) -> tuple[Lease, Seat]:
    """Choose a number, take it, write it down. Sockets of a lease that is only noted are closed already."""
    known = known_lease(book, asked.name)
    if known is not None:
        if known.keeper is not None:
            raise Refused("lease.held", name=asked.name, ports=known.ports, pid=known.keeper.pid)
        agree(known, asked)
    others = tuple(one for one in book.leases if not (one.name == asked.name and counts_in(one, network_namespace())))
    address = (asked.address or LOOPBACK) if guarantee is Guarantee.ABSOLUTE else None
    seat = _find_seat(asked._replace(port=known.port if known else asked.port, address=address), others)
    try:
        if guarantee is Guarantee.NOTED:
            seat.close()
        keeper = keep(seat)
        made = Lease(
            name=asked.name, port=seat.port, transports=asked.transports, guarantee=guarantee, noted=keeper is None or bool(known),
            taken_at=datetime.now(UTC).replace(microsecond=0), netns=network_namespace(), address=address, keeper=keeper,
        )  # fmt: skip
        try:
            book.write((*look_after(others, is_gone), made))
        except MachineFailed as error:
            if keeper is None or keeper.detached:
                raise
            book.fault = error  # the port is held all the same
    except BaseException:
        seat.close()
        raise
    return made, seat


def _find_seat(asked: Asked, others: Sequence[Lease]) -> Seat:
    """The first number in the name's order that can really be had. Raises Refused when none can."""
    taken = Taken(others, network_namespace(), is_gone, asked.transports)
    if asked.port is not None and asked.port in taken:
        other = next(one.name for one in others if one.port == asked.port)
        raise Refused("lease.taken", port=asked.port, name=other)
    if asked.address is not None:
        resolve(asked.address, asked.port or 1, asked.transports[0])  # a wrong address is not tried on every number
    for at, number in enumerate(_numbers(asked, taken)):
        seat = seize(number, asked.transports)
        if seat is None and at == 0 and Transport.TCP in asked.transports:
            seat = _beside_closing(number, asked.transports)
        if seat is not None and (asked.address is None or _served(seat, asked.address)):
            return seat
    if asked.port is not None:
        raise Refused("lease.occupied", port=ports_text(asked.port, asked.transports), number=asked.port)
    raise Refused("lease.none-left", within=str(asked.within or PortSet.of((*DYNAMIC.ranges, *USER.ranges))))


def _served(seat: Seat, address: str) -> bool:
    """Open the sockets that are handed over. A seat that cannot serve is given up."""
    done = False
    try:
        done = all(serve(seat, transport, address) for transport in tuple(seat.held))
    finally:
        if not done:
            seat.close()
    return done


def _numbers(asked: Asked, taken: Taken) -> Iterator[int]:
    """What to try. A range that is asked for is meant: where its better numbers are used up, the others of it will do."""
    if asked.port is not None:
        yield asked.port
        return
    known = what_is_known(taken)
    tried = set()
    for number in candidates(asked.name, known, Wish(within=USUAL if asked.within is None else (asked.within,))):
        tried.add(number)
        yield number
    if asked.within is not None:
        for number in candidates(asked.name, known, Wish((asked.within,), assigned=True, ephemeral=True, reserved=True, privileged=True)):
            if number not in tried:
                yield number


def _beside_closing(number: int, transports: Sequence[Transport]) -> Seat | None:
    """The number that a name had before, where only its last connections are still closing (TIME_WAIT): a server can bind there.

    Bound first and looked second: of two who do so at once, at least one sees the other. The kernel's list must show our own socket, else it does
    not tell of sockets that are bound only (before Linux 6.8), and nothing may be said.
    """
    seat = seize(number, transports, beside_closing=True)
    if seat is None:
        return None
    from portulan.model.chart import State
    from portulan.model.portset import PortRange
    from portulan.model.survey import Selection
    from portulan.system.source import open_source
    from portulan.verbs.chart import look

    selection = Selection(ports=PortSet.of([PortRange(number, number)]), transports=(Transport.TCP,), every_state=True)
    ours = os.fstat(seat.held[Transport.TCP].fileno()).st_ino
    met = False
    try:
        here = network_namespace()
        for item in look(open_source("auto"), selection)[0]:
            if item.netns not in (None, here) or item.port != number:
                continue
            own = {one.inode for one in item.sockets} == {ours}
            met = met or own
            if not own and item.state is not State.TIME_WAIT:
                break
        else:
            if met:
                return seat
    except PortulanError:
        pass
    seat.close()
    return None


def known_lease(book: Book, name: str) -> Lease | None:
    """What the list has of a name, if it still holds."""
    found = find(book.leases, name, network_namespace())
    return None if found is None else settled(found, is_gone)


def is_gone(lease: Lease) -> bool:
    """Whether a lease's keeper is gone. One in another PID namespace is judged by its port, if that is one of ours."""
    if lease.keeper is None:
        return False
    alive = lives(lease.keeper)
    if alive is not None:
        return not alive
    if lease.netns != network_namespace() or lease.guarantee is Guarantee.NOTED:
        return False
    seat = seize(lease.port, lease.transports)
    if seat is None:
        return False
    seat.close()
    return True


def agree(known: Lease, asked: Asked) -> None:
    """Raises BadInput when a name that has a number is asked to have another."""
    within = asked.within is None or known.port in asked.within
    if asked.port not in (None, known.port) or not within or known.transports != asked.transports:
        raise BadInput("lease.different", name=known.name, ports=known.ports)


def word_for(known: Lease | None) -> str:
    """The transports of a lease as they are asked for; TCP where there is none."""
    return next((word for word, kinds in _TRANSPORTS.items() if known is not None and kinds == known.transports), "tcp")


# What was asked for


def asked_for(name: str, transport: str, port: int | None, within: str | None, address: str | None) -> Asked:
    """The wish in our words. Raises BadInput."""
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _LONGEST_NAME or name.startswith("-"):
        raise BadInput("lease.name", text=name, longest=_LONGEST_NAME)
    if transport not in _TRANSPORTS:
        raise BadInput("transport.unknown", text=transport, known=", ".join(_TRANSPORTS))
    if port is not None and not 0 < port < 65_536:
        raise BadInput("lease.port", text=str(port))
    if port is not None and within is not None:
        raise BadInput("form.two", first="--port", second="--range")
    ports = None if within is None else _RANGES.get(within) or parse_portset(within)
    return Asked(name, _TRANSPORTS[transport], port, ports, address)


def guarantee_named(text: str) -> Guarantee:
    """A guarantee by its name. Raises BadInput."""
    try:
        return Guarantee(text)
    except ValueError:
        raise BadInput("lease.guarantee", text=text, known=", ".join(Guarantee)) from None


def one_transport(text: str) -> tuple[Transport, ...]:
    """One transport by its name. Raises BadInput."""
    kinds = _TRANSPORTS.get(text, ())
    if len(kinds) != 1:
        raise BadInput("transport.unknown", text=text, known="tcp, udp")
    return kinds
