"""What went through which port: of captures, or of any table of flows."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from portulan.model.address import format_address, narrowed
from portulan.model.port import PROTOCOL_NUMBERS
from portulan.model.traffic import PROTOCOLS, Aside, Bucket, FlowRow, HostTraffic, Mark, Origin, PortTraffic, Traffic
from portulan.traffic.join import picked
from portulan.traffic.keys import key_of
from portulan.traffic.table import CAP, Times
from portulan.traffic.totals import by_time, doors, hosts, largest, protocols_by_door, with_ports
from portulan.verbs.traffic_names import Words
from portulan.verbs.traffic_piece import Asked
from portulan.verbs.traffic_read import read_captures
from portulan.verbs.traffic_services import Services

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from portulan.system.workers import ClusterWorkers, LocalWorkers
    from portulan.traffic.flows import Flows
    from portulan.traffic.totals import Doors

_NAMES = {number: transport for transport, number in PROTOCOL_NUMBERS.items()}
_MOST_APART = 12
"""Doors whose traffic is told apart in stretches of time; the others are added up by transport."""
_MANY = 1 << 16
"""Flows from which on hosts are summed up in a thread of their own, beside the rest."""
_MOST_MARKS = 8
"""Of one port: the protocols with the most bytes."""


def traffic(
    paths: Sequence[str],
    *,
    ports: Iterable[str] = (),
    resync: bool = False,
    inner: bool = False,
    workers: int | LocalWorkers | ClusterWorkers | None = None,
    bucket_s: float | None = None,
    top: int = 10,
    cap: int = CAP,
    stopped: Callable[[], bool] | None = None,
) -> Traffic:
    """What is in these captures, which count as one ("-": standard input).

    `ports`: only flows with one of these at either end (`443`, `53/udp`, `8000-8010`, `https`); what was captured is told of all packets all
    the same. `resync`: go on behind damage. `inner`: look into tunnels. `bucket_s`: the width of stretches of time; None: as fits the capture.
    `top`: so many flows and hosts. `cap`: distinct flows that are told apart at most. `workers`: processes that read, or those of a cluster.
    `stopped`: asked again and again whether nobody waits for the rest: then what was read is told.
    Raises BadInput for what is no capture, CannotTell and NotPermitted for what cannot be read.
    """
    wanted = wanted_ports(ports)
    table, origins = read_captures(paths, Asked(cap, inner, resync, bucket_s), workers, stopped)
    flows, times = table.finish()
    aside = tuple(Aside(code, packets, bytes_) for code, (packets, bytes_) in table.aside.items())
    with Words(table, paths) as words:
        return traffic_of(
            flows, times=times, origins=origins, packets=table.packets, bytes_=table.bytes, aside=aside, began_ns=table.began_ns,
            ended_ns=table.ended_ns, words=words, wanted=wanted, top=top, cap=cap,
        )  # fmt: skip


def read_flows(
    paths: Sequence[str],
    *,
    resync: bool = False,
    inner: bool = False,
    workers: int | LocalWorkers | ClusterWorkers | None = None,
    cap: int = CAP,
    stopped: Callable[[], bool] | None = None,
) -> tuple[Flows, tuple[Origin, ...]]:
    """The flows of these captures, which count as one, and how each of them ended. Raises what `traffic` raises."""
    table, origins = read_captures(paths, Asked(cap, inner, resync, None), workers, stopped)
    return table.flows(), origins


def traffic_of(
    flows: Flows,
    *,
    times: Times | None = None,
    origins: tuple[Origin, ...] = (),
    packets: int | None = None,
    bytes_: int | None = None,
    aside: tuple[Aside, ...] = (),
    began_ns: int | None = None,
    ended_ns: int | None = None,
    words: Words | None = None,
    wanted: Iterable[tuple[int | None, int, int]] = (),
    top: int = 10,
    cap: int = CAP,
) -> Traffic:
    """What a table of flows says. `packets`, `bytes_`, `aside`: of all that was captured; `words`: what clients said first.

    `wanted`: (IP protocol number or None, first port, last port): flows with one of these at either end.
    """
    packets = int(_both(flows, "packets").sum()) if packets is None else packets
    bytes_ = int(_both(flows, "bytes").sum()) if bytes_ is None else bytes_
    wanted = tuple(wanted)
    if wanted:
        chosen = with_ports(flows, wanted)
        flows, times = picked(flows, chosen), None if times is None else _times_of(times, chosen, len(flows.place))
    if began_ns is None and len(flows.place):
        began_ns, ended_ns = int(flows.forward.first_ns.min()), int(max(flows.forward.last_ns.max(), flows.reverse.last_ns.max()))
    found_hosts = _beside(_hosts, flows, top) if len(flows.place) >= _MANY else None
    services, table = Services(), doors(flows)
    return Traffic(
        origins=origins, packets=packets, bytes=bytes_, flows=len(flows.place), began_at=_at(began_ns), ended_at=_at(ended_ns),
        ports=_ports(flows, table, services, words, bytes_),
        rows=tuple(_row(flows, flow, table, services, words) for flow in largest(flows, top).tolist()),
        buckets=() if times is None else _buckets(times, table, services), aside=aside, cap=cap,
        hosts=_hosts(flows, top) if found_hosts is None else found_hosts(),
    )  # fmt: skip


def _beside(work: Callable[[Flows, int], tuple[HostTraffic, ...]], flows: Flows, top: int) -> Callable[[], tuple[HostTraffic, ...]]:
    """Begin it in a thread; what gives its answer."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    future = pool.submit(work, flows, top)
    pool.shutdown(wait=False)
    return future.result


def wanted_ports(ports: Iterable[str]) -> tuple[tuple[int | None, int, int], ...]:
    """As `traffic_of` takes them. Raises BadInput."""
    from portulan.verbs.ports import resolve_ports

    found: list[tuple[int | None, int, int]] = []
    for text in ports:
        numbers, transports = resolve_ports(text)
        for run in numbers.ranges:
            found += [(PROTOCOL_NUMBERS[transport] if "/" in text else None, run.first, run.last) for transport in transports]
    return tuple(dict.fromkeys(found))


def _times_of(times: Times, chosen: np.ndarray[tuple[int], np.dtype[np.int64]], count: int) -> Times:
    """Those of some flows, by their new numbers."""
    number = np.full(count, -1, np.int64)
    number[chosen] = np.arange(len(chosen))
    flow = number[times.flow]
    kept = flow >= 0
    return Times(times.width_ns, flow[kept], times.begin_ns[kept], times.packets[kept], times.bytes[kept])


def _both(flows: Flows, name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    there, back = getattr(flows.forward, name), getattr(flows.reverse, name)
    total: np.ndarray[tuple[int], np.dtype[np.int64]] = there + back
    return total


def _at(time_ns: int | None) -> datetime | None:
    return None if time_ns is None else datetime.fromtimestamp(time_ns / 1e9, UTC)


def _when(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // 1000 / 1e6, UTC)


def _address(packed: bytes) -> str:
    return format_address(narrowed(packed))


def _ports(flows: Flows, table: Doors, services: Services, words: Words | None, all_bytes: int) -> tuple[PortTraffic, ...]:
    protocols = protocols_by_door(table)
    marks = _marks(flows, table, protocols, services, words)
    columns = (table.transport, table.port, table.packets, table.bytes, table.flows, table.forward_bytes, table.reverse_bytes)
    return tuple(
        PortTraffic(
            _NAMES[transport], port, services.name(_NAMES[transport], port), packets, bytes_, count, there, back,
            bytes_ / all_bytes if all_bytes else 0.0, protocols.get(number, {}), marks.get(number, ()),
        )
        for number, (transport, port, packets, bytes_, count, there, back) in enumerate(zip(*(each.tolist() for each in columns), strict=True))
    )  # fmt: skip


def _marks(
    flows: Flows, table: Doors, protocols: Mapping[int, Mapping[str, int]], services: Services, words: Words | None
) -> dict[int, tuple[Mark, ...]]:
    """By number of the door: what went through it that it does not promise."""
    broken = {
        (number, PROTOCOLS.index(protocol))
        for number, of_door in protocols.items()
        for protocol in of_door
        if not services.keeps(protocol, _NAMES[int(table.transport[number])], int(table.port[number]))
    }
    if not broken:
        return {}
    pair = table.door << 8 | table.protocol
    chosen = np.flatnonzero(np.isin(pair, [number << 8 | code for number, code in broken]))
    total = _both(flows, "bytes")
    found: dict[int, list[Mark]] = {}
    for number, code in sorted(broken):
        mine = chosen[pair[chosen] == number << 8 | code]
        most = int(mine[np.argmax(total[mine])])
        mark = Mark(
            PROTOCOLS[code], _address(flows.source[most].tobytes()), _address(flows.destination[most].tobytes()), len(mine),
            int(total[mine].sum()), services.server_name(_said(flows, most, words)),
        )  # fmt: skip
        found.setdefault(number, []).append(mark)
    return {number: tuple(sorted(marks, key=lambda mark: -mark.bytes)[:_MOST_MARKS]) for number, marks in found.items()}


def _said(flows: Flows, flow: int, words: Words | None) -> tuple[int, bytes] | None:
    """The first payload of whoever named a server: the initiator, or the other side where the capture began in the middle."""
    if words is None:
        return None
    ends = flows.source[flow].tobytes(), flows.destination[flow].tobytes()
    ports = int(flows.source_port[flow]), int(flows.destination_port[flow])
    transport = int(flows.transport[flow])
    forward = words.get(key_of(*ends, transport, *ports))
    return forward or words.get(key_of(*ends[::-1], transport, *ports[::-1]))


def _hosts(flows: Flows, top: int) -> tuple[HostTraffic, ...]:
    table = hosts(flows, top)
    rows = zip(*(column.tolist() for column in (table.packets, table.bytes, table.sent_bytes, table.flows, table.ports)), strict=True)
    return tuple(HostTraffic(_address(address.tobytes()), *row) for address, row in zip(table.address, rows, strict=True))


def _row(flows: Flows, flow: int, table: Doors, services: Services, words: Words | None) -> FlowRow:
    number, forward, reverse = int(table.door[flow]), flows.forward, flows.reverse
    transport = _NAMES[int(flows.transport[flow])]
    protocol = PROTOCOLS[int(table.protocol[flow])]
    return FlowRow(
        transport=transport, source=_address(flows.source[flow].tobytes()), source_port=int(flows.source_port[flow]),
        destination=_address(flows.destination[flow].tobytes()), destination_port=int(flows.destination_port[flow]),
        service=services.name(transport, int(table.port[number])), packets=int(forward.packets[flow]), bytes=int(forward.bytes[flow]),
        reverse_packets=int(reverse.packets[flow]), reverse_bytes=int(reverse.bytes[flow]), first_at=_when(int(forward.first_ns[flow])),
        last_at=_when(max(int(forward.last_ns[flow]), int(reverse.last_ns[flow]))), protocol=None if protocol == "unknown" else protocol,
        name=services.server_name(_said(flows, flow, words)),
    )  # fmt: skip


def _buckets(times: Times, table: Doors, services: Services) -> tuple[Bucket, ...]:
    """Of the largest doors, and of all others by transport. Packets without a time are in none."""
    found = []
    for begin, door, packets, bytes_ in zip(*(column.tolist() for column in by_time(times, table, _MOST_APART)), strict=True):
        if begin <= 0:
            continue
        transport = _NAMES[int(table.transport[door]) if door >= 0 else -1 - door]
        port = int(table.port[door]) if door >= 0 else None
        service = None if port is None else services.name(transport, port)
        found.append(Bucket(_when(begin), times.width_ns / 1e9, transport, port, service, packets, bytes_))
    return tuple(found)
