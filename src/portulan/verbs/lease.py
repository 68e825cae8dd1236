"""A port kept for you: take one, note one, hold one, list them, give one back."""

from __future__ import annotations

import os

from portulan.errors import BadInput, PortulanError, Refused
from portulan.host.handover import FIRST, Way, hand_over, known_way, with_port
from portulan.host.leases import counts_in, settled, without
from portulan.model.lease import Guarantee, Keeper, Lease
from portulan.model.port import Port
from portulan.model.record import Record
from portulan.system.keepers import Detached, end, keeper_of, network_namespace
from portulan.system.lease_file import Book, open_book
from portulan.system.seats import Seat, serve
from portulan.verbs.leasing import LOOPBACK, agree, asked_for, guarantee_named, is_gone, known_lease, one_transport, take, word_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from typing import NoReturn


class Leases(Record):
    """All leases of this user, and what was wrong with the list."""

    items: tuple[Lease, ...]
    faults: tuple[PortulanError, ...] = ()


class Leased:
    """A port that this process has. Give it back with `close`, or let `with` do so, which gives the number: `with lease("db") as port:`.

    It stands for its number in most places itself (formatting, int(), bind), but not where Python wants a plain int (getaddrinfo, and so
    create_connection): `number` is one. In a child made by fork it is a number only: the lease stays its parent's.
    """

    def __init__(self, made: Lease, seat: Seat, *, way: Way | None = None, faults: tuple[PortulanError, ...] = ()) -> None:
        self.lease = made
        self.number = made.port
        self.faults = faults
        """What kept the lease from being listed: it holds all the same."""
        self._seat: Seat | None = seat
        self._way = way

    def __index__(self) -> int:
        return self.number

    def __str__(self) -> str:
        return str(self.number)

    def __repr__(self) -> str:
        return f"<{self.lease.guarantee.value} lease of {self.lease.ports} for {self.lease.name!r}>"

    def socket(self, transport: str = "tcp", address: str = LOOPBACK) -> socket.socket:
        """The socket that serves the port, for a server that takes one: TCP listens already, UDP is bound. It is the caller's to close.

        Where the lease is absolute it is the one that was opened with it; else it is opened now, at `address`. Raises Refused when a stranger was
        quicker, BadInput for another transport than the lease's or an address that is not this machine's.
        """
        [kind] = one_transport(transport)
        seat = self._seat
        if seat is None or (kind not in seat.served and kind not in seat.held):
            raise BadInput("lease.no-socket", name=self.lease.name, port=str(Port(self.number, kind)))
        if kind not in seat.served and not serve(seat, kind, address):
            raise Refused("lease.occupied", port=str(Port(self.number, kind)), number=self.number)
        return seat.served.pop(kind)

    def become(self, words: Sequence[str]) -> NoReturn:
        """End this program and go on as another one, which gets the port. Raises BadInput where it cannot be started: the port is given back."""
        from portulan.system.become import become

        served, held = self._descriptors()
        try:
            if served:
                made = hand_over(
                    words, self.number, way=self._way or Way.LISTEN_FDS, pid=os.getpid(), names=[self.lease.name] * len(served)
                )
                become(made.words, made.environment, handed=served, first=FIRST, kept=held)
            made = with_port(words, self.number)
            become(made.words, made.environment, kept=held)
        except BadInput:
            self.close()
            raise

    def _descriptors(self) -> tuple[list[int], list[int]]:
        """What serves and what only holds."""
        if self._seat is None:
            return [], []
        return [one.fileno() for one in self._seat.served.values()], [one.fileno() for one in self._seat.held.values()]

    def close(self) -> None:
        """Give it back; more than once does no harm. What is noted stays noted."""
        seat, self._seat = self._seat, None
        if seat is None:
            return
        seat.close()
        keeper = self.lease.keeper
        if keeper is None or keeper.pid != os.getpid():
            return
        with open_book(needed=False) as book:
            ours = next((lease for lease in book.leases if lease.name == self.lease.name and lease.keeper == keeper), None)
            if ours is not None:
                left = settled(ours, lambda _: True)
                book.write((*without(book.leases, ours), *([left] if left else [])))

    def __enter__(self) -> int:
        return self.number

    def __exit__(self, *_: object) -> None:
        self.close()


def lease(
    name: str | None = None,
    *,
    transport: str | None = None,
    port: int | None = None,
    within: str | None = None,
    address: str | None = None,
    guarantee: str = "cooperative",
) -> Leased:
    """Take a port for this process, until it is closed or the process ends, whatever ends it.

    The number belongs to the name: the same name gets the same one while it is free. `transport` is tcp (unless the name is noted for another), udp
    or both; `port` asks for one number, `within` for a range (8000-8999, dynamic, user). `guarantee` is cooperative (held bound; a server that sets
    SO_REUSEADDR binds over it), absolute (a socket that serves at `address`, by default 127.0.0.1; `socket()` gives it out) or noted (other leases keep
    off, nobody else).

    Raises Refused when the name is leased already or no such port is to be had; BadInput, NotPermitted, MachineFailed.
    """
    if name is None:
        name = f"anonymous-{os.urandom(4).hex()}"
    return _take_here(name, transport, port, within, address, guarantee_named(guarantee))


def lease_for(
    words: Sequence[str],
    name: str,
    *,
    transport: str | None = None,
    port: int | None = None,
    within: str | None = None,
    address: str | None = None,
    guarantee: str | None = None,
) -> Leased:
    """Take a port for a program that this process will `become`. Errors as of `lease`.

    Without `guarantee`: absolute where the program is known to take sockets, else cooperative.
    """
    way = known_way(words)
    wanted = guarantee_named(guarantee) if guarantee else Guarantee.ABSOLUTE if way else Guarantee.COOPERATIVE
    if address is not None and wanted is not Guarantee.ABSOLUTE:
        raise BadInput("lease.address-not-ours", program=words[0], address=address)
    return _take_here(name, transport, port, within, address, wanted, way)


def note(
    name: str, *, transport: str | None = None, port: int | None = None, within: str | None = None
) -> tuple[Lease, tuple[PortulanError, ...]]:
    """Keep a number for a name in the list of leases until it is released; the one it has, if it has one. With the faults of the list.

    Raises as `lease` does, and MachineFailed where the list cannot be written.
    """
    with open_book(needed=True) as book:
        known = known_lease(book, name)
        asked = asked_for(name, transport or word_for(known), port, within, None)
        if known is None:
            made, seat = take(book, asked, Guarantee.NOTED, lambda _: None)
            seat.close()
            return made, _faults(book)
        agree(known, asked)
        made = known._replace(noted=True)
        book.write(tuple(made if one.name == name and one.netns == known.netns else one for one in book.leases))
        return made, _faults(book)


def hold(
    name: str, *, transport: str | None = None, port: int | None = None, within: str | None = None
) -> tuple[Lease, tuple[PortulanError, ...]]:
    """Keep a port bound by a process of its own, which lives until it is released; the one there is, if there is one. Raises as `note` does."""
    started: list[Detached] = []

    def keep(seat: Seat) -> Keeper:
        started.append(Detached([one.fileno() for one in seat.held.values()]))
        return keeper_of(started[0].pid, detached=True)

    try:
        with open_book(needed=True) as book:
            known = known_lease(book, name)
            asked = asked_for(name, transport or word_for(known), port, within, None)
            if known is not None and known.keeper is not None and known.keeper.detached:
                agree(known, asked)
                return known, _faults(book)
            made, seat = take(book, asked, Guarantee.COOPERATIVE, keep)
            seat.close()
    except BaseException:
        for one in started:
            one.give_up()
        raise
    started[0].let_live()
    return made, _faults(book)


def leases() -> Leases:
    """All leases of this user, by name. Those whose keeper is gone are taken back first."""
    with open_book(needed=False) as book:
        left = [one for each in book.leases if (one := settled(each, is_gone)) is not None]
        book.write(left)
        return Leases(tuple(sorted(left, key=lambda one: (one.name, one.netns))), _faults(book))


def release(name: str) -> tuple[Lease, tuple[PortulanError, ...]]:
    """Give a port back: forget the note, end the process that only holds it.

    Raises Refused when there is no such lease, or when a program has it: that program is to be stopped then.
    """
    with open_book(needed=True) as book:
        known = known_lease(book, name)
        if known is None:
            raise Refused("lease.unknown", name=name, near=_nearest(name, book))
        if known.keeper is not None and not known.keeper.detached:
            raise Refused("lease.in-use", name=name, ports=known.ports, pid=known.keeper.pid)
        if known.keeper is not None and not end(known.keeper):
            raise Refused("lease.not-ended", name=name, pid=known.keeper.pid)
        book.write(tuple(one for one in book.leases if not (one.name == name and counts_in(one, network_namespace()))))
        return known, _faults(book)


def _take_here(
    name: str,
    transport: str | None,
    port: int | None,
    within: str | None,
    address: str | None,
    guarantee: Guarantee,
    way: Way | None = None,
) -> Leased:
    keeper = keeper_of(os.getpid())
    with open_book(needed=False) as book:
        asked = asked_for(name, transport or word_for(known_lease(book, name)), port, within, address)
        made, seat = take(book, asked, guarantee, lambda _: keeper)
        return Leased(made, seat, way=way, faults=_faults(book))


def _faults(book: Book) -> tuple[PortulanError, ...]:
    return () if book.fault is None else (book.fault,)


def _nearest(name: str, book: Book) -> str:
    from difflib import get_close_matches

    return "".join(get_close_matches(name, [one.name for one in book.leases], 1))
