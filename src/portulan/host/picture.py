"""From what is assigned, open and in use to the picture of all ports, and from the picture to fewer cells. Pure."""

from __future__ import annotations

from itertools import groupby, pairwise

from portulan.model.address import EXPOSURE_ORDER, Exposure, exposure_of
from portulan.model.chart import State
from portulan.model.picture import CELLS, Cell, Door, OpenPort, Picture, Spot, Stretch
from portulan.model.port import LAST_SYSTEM, LAST_USER, PORTS, TRANSPORTS, Transport, port_class
from portulan.model.portset import PortRange, PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from portulan.model.survey import Row

_BYTE = {cell: at for at, cell in enumerate(CELLS)}
_RANK = {exposure: at for at, exposure in enumerate(EXPOSURE_ORDER)}


def read_rows(rows: Iterable[Row], service_of: Callable[[int, Transport], str | None]) -> tuple[list[OpenPort], set[int]]:
    """What a survey's sockets open (as often as there are addresses of different reach) and which numbers are merely in use."""
    opened, in_use = set(), set()
    for row in rows:
        if row.state is State.LISTENING or (row.state is State.BOUND and row.transport is not Transport.TCP):
            opened.add((row.port, row.transport, exposure_of(row.source)))
        else:
            in_use.add(row.port)
    ports = [
        OpenPort(transport=transport, port=port, exposure=exposure, service=service_of(port, transport))
        for port, transport, exposure in opened
    ]
    return ports, in_use


def draw(assigned: PortSet, opened: Iterable[OpenPort], in_use: Iterable[int]) -> Picture:
    """The picture. Of a transport and port that occur several times (one row per address) the farthest-reaching counts."""
    farthest: dict[tuple[int, int], OpenPort] = {}
    for port in opened:
        key = (port.port, TRANSPORTS.index(port.transport))
        known = farthest.get(key)
        if known is None or _RANK[port.exposure] > _RANK[known.exposure]:
            farthest[key] = port
    ordered = tuple(farthest[key] for key in sorted(farthest))
    used = PortSet.of(PortRange(number, number) for number in set(in_use))
    cells = bytearray(PORTS)
    for layer, byte in ((assigned, _BYTE[Cell.ASSIGNED]), (used, _BYTE[Cell.IN_USE])):
        for part in layer.ranges:
            cells[part.first : part.last + 1] = bytes([byte]) * len(part)
    for port in ordered:
        cells[port.port] = max(cells[port.port], _BYTE[Cell(port.exposure.value)])
    return Picture(cells=bytes(cells), assigned=assigned, in_use=used, open=ordered)


def shrink(picture: Picture, run: int, ports: range = range(PORTS)) -> list[Spot]:
    """The ports of a range as drawn cells of `run` neighbours each (the last may have fewer); the most telling of each run wins."""
    marks = bytearray(PORTS)
    for part in picture.assigned.ranges:
        marks[part.first : part.last + 1] = b"\1" * len(part)
    spots = []
    for first in range(ports.start, ports.stop, run):
        last = min(first + run, ports.stop)
        spots.append(Spot(CELLS[max(picture.cells[first:last])], marks.count(1, first, last), last - first))
    return spots


def count_cells(picture: Picture) -> Mapping[Cell, int]:
    """How many ports are in each state; the counts add up to 65,536."""
    return {cell: picture.cells.count(at) for at, cell in enumerate(CELLS)}


def open_numbers(opened: Iterable[OpenPort]) -> PortSet:
    """The numbers that are open, on whatever transport."""
    return PortSet.of(PortRange(port.port, port.port) for port in opened)


def by_exposure(opened: Iterable[OpenPort]) -> Mapping[Exposure, Mapping[Transport, PortSet]]:
    """The open ports by how far they reach, farthest first, then by transport; what is empty is left out."""
    groups: dict[tuple[int, int], list[OpenPort]] = {}
    for port in opened:
        groups.setdefault((-_RANK[port.exposure], TRANSPORTS.index(port.transport)), []).append(port)
    answer: dict[Exposure, dict[Transport, PortSet]] = {}
    for (rank, transport), alike in sorted(groups.items()):
        answer.setdefault(EXPOSURE_ORDER[-rank], {})[TRANSPORTS[transport]] = open_numbers(alike)
    return answer


def stretches(picture: Picture) -> tuple[Stretch, ...]:
    """All ports, neighbours that are alike joined, in order. A stretch never crosses from one of the three ranges into the next."""
    doors = {
        number: tuple(Door(port.transport, port.exposure) for port in alike)
        for number, alike in groupby(picture.open, lambda port: port.port)
    }
    edges = {0, LAST_SYSTEM + 1, LAST_USER + 1, PORTS}
    for part in (*picture.assigned.ranges, *picture.in_use.ranges, *open_numbers(picture.open).ranges):
        edges |= {part.first, part.last + 1}
    # Inside a run of open ports the doors may differ from number to number.
    edges |= {number for number in doors if doors.get(number - 1) != doors[number]}
    return tuple(
        Stretch(
            first=first,
            last=after - 1,
            port_class=port_class(first),
            assigned=first in picture.assigned,
            in_use=first in picture.in_use,
            open=doors.get(first, ()),
        )
        for first, after in pairwise(sorted(edges))
    )
