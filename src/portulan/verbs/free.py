"""Port numbers that a server can bind now."""

from __future__ import annotations

from portulan.errors import BadInput, Refused
from portulan.host.free import DYNAMIC, NOBODY, USER, USUAL, Wish, candidates
from portulan.model.free import FreePort
from portulan.model.port import Transport, port_class
from portulan.model.portset import PortRange, PortSet, parse_portset
from portulan.system.trial import can_serve, rows_here
from portulan.verbs.numbers import what_is_known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from portulan.host.free import Known

TRANSPORTS = {"tcp": (Transport.TCP,), "udp": (Transport.UDP,), "both": (Transport.TCP, Transport.UDP)}
_RANGES = {"dynamic": DYNAMIC, "user": USER}
_MOST = 65_535
_PROJECT_FILES = (".env", "compose.", "docker-compose.", "podman-compose.", "Procfile", "package.json")
"""How the names begin of what `conflicts` reads in a project's folder."""


def free(
    count: int = 1,
    *,
    name: str | None = None,
    contiguous: bool = False,
    within: str | None = None,
    transport: str = "tcp",
    assigned: bool = False,
    excluded: Container[int] = NOBODY,
    project: str | None = None,
) -> tuple[FreePort, ...]:
    """So many numbers that are free on all addresses, in the order of `name` (the same name, the same numbers, while they are free), or drawn by lot.

    None that the kernel hands to clients, that IANA assigned (`assigned`: those too), that is reserved or leased, that needs a privilege, that the files
    of the `project` (a folder: its .env, compose files, Procfile, package.json) declare, or that is `excluded`. `within` is a range (`A-B`, `dynamic`, `user`): where
    its better numbers are used up its others will do, but never leased, declared or excluded ones. `contiguous`: all in a row, ascending. `transport`: `tcp`,
    `udp` or `both`. They are free now and nobody keeps them: `lease` does.

    Raises BadInput, Refused (`free.none-left`), NotPermitted where a number may not be bound at all, MachineFailed.
    """
    if not 0 < count <= _MOST:
        raise BadInput("free.count", text=str(count), most=_MOST)
    if transport not in TRANSPORTS:
        raise BadInput("transport.unknown", text=transport, known=", ".join(TRANSPORTS))
    transports = TRANSPORTS[transport]
    ground = None if within is None else _RANGES.get(within) or parse_portset(within)
    known = what_is_known(_Taken(transports, excluded, frozenset() if project is None else _declared(project)))
    length = count if contiguous else 1
    found: list[int] = []
    for first in _numbers(name if name is not None else _dice(), known, ground, length, assigned=assigned):
        row = range(first, first + length)
        if length > 1 and not set(row).isdisjoint(found):
            continue
        if all(can_serve(number, transports) for number in row) and by_the_rule(row, transports):
            found += row
            if len(found) >= count:
                return tuple(_describe(number, transports, known) for number in found)
    raise Refused(
        "free.none-left", within=str(ground if ground is not None else PortSet.of(part for one in USUAL for part in one.ranges)),
        found=len(found), count=count,
    )  # fmt: skip


def _numbers(name: str, known: Known, ground: PortSet | None, length: int, *, assigned: bool) -> Iterator[int]:
    """What to try: a range that was asked for is meant, so where its better numbers are used up the others will do."""
    within = USUAL if ground is None else (ground,)
    tried = set()
    for first in candidates(name, known, Wish(within, length, assigned=assigned)):
        tried.add(first)
        yield first
    if ground is not None:
        for first in candidates(name, known, Wish(within, length, assigned=True, ephemeral=True, reserved=True, privileged=True)):
            if first not in tried:
                yield first


def by_the_rule(numbers: Sequence[int], transports: tuple[Transport, ...]) -> bool:
    """Whether the rule agrees that sockets on all addresses, IPv6 and IPv4, can be bound: the kernel's list shows none in the way. True where it cannot be asked."""
    from portulan.model.survey import Selection, Survey

    ports = PortSet.of([PortRange(number, number) for number in numbers])
    rows = rows_here(Selection(ports=ports, transports=transports, every_state=True))
    if not rows:
        return True
    from portulan.host.binding import find_held, judge
    from portulan.model.binding import ANY_4, ANY_6, Answer
    from portulan.model.binding import Wish as Binding

    held = find_held(Survey(source="", rows=rows), None)
    return all(
        judge(Binding(transport, address, number), held).answer is Answer.YES
        for number in numbers
        for transport in transports
        for address in (ANY_4, ANY_6)
    )


class _Taken:
    """What is leased, declared or excluded. The list of leases is read when the first number is asked for, and only if there is one."""

    def __init__(self, transports: tuple[Transport, ...], excluded: Container[int], declared: frozenset[int]) -> None:
        self._transports = transports
        self._excluded = excluded
        self._declared = declared
        self._leased: Container[int] | None = None

    def __contains__(self, number: object) -> bool:
        if self._leased is None:
            self._leased = _leased(self._transports)
        return number in self._declared or number in self._excluded or number in self._leased


def _declared(project: str) -> frozenset[int]:
    """What the project's files declare. Where none of them is there, nobody is called to read them: that would take longer than all the rest."""
    from os import listdir

    try:
        names = listdir(project)
    except OSError:
        return frozenset()
    if not any(name.startswith(_PROJECT_FILES) for name in names):
        return frozenset()
    from portulan.verbs.conflicts import project_ports

    return project_ports(project)


def _leased(transports: tuple[Transport, ...]) -> Container[int]:
    from os.path import exists

    from portulan.system.places import state_folder

    if not exists(state_folder()):  # nothing was ever leased, and a question makes no folder
        return NOBODY
    from portulan.host.leases import Taken
    from portulan.system.keepers import network_namespace
    from portulan.system.lease_file import open_book
    from portulan.verbs.leasing import is_gone

    with open_book(needed=False) as book:
        return Taken(book.leases, network_namespace(), is_gone, transports)


def _dice() -> str:
    from os import urandom

    return urandom(8).hex()


def _describe(number: int, transports: tuple[Transport, ...], known: Known) -> FreePort:
    ephemeral = known.ephemeral is not None and number in known.ephemeral and number not in known.reserved
    return FreePort(number, transports, port_class(number), ephemeral, number in known.assigned)
