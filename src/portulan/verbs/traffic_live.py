"""What passes now, by port and by process: listens, counts, and tells at any moment what it has counted so far."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from time import monotonic

import numpy as np

from portulan.errors import CannotTell
from portulan.model.portset import PortRange, PortSet
from portulan.model.traffic import Aside, Ended, FlowRow, Held, Origin, Passed, PortTraffic, Traffic
from portulan.traffic.holders import Holder, named
from portulan.traffic.join import picked
from portulan.traffic.live import HEADS, WHOLE, Listening
from portulan.traffic.table import CAP, FlowTable
from portulan.traffic.totals import doors, largest, with_ports
from portulan.verbs.onlooker import Onlooker, Told
from portulan.verbs.traffic import traffic_of, wanted_ports
from portulan.verbs.traffic_names import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.system.packet_file import PacketFile
    from portulan.traffic.batch import Batch
    from portulan.traffic.flows import Flows

_ASKED_AT_ONCE, _ASKED_AT_END = 2_000, 200_000
"""Flows whose processes are asked for while it runs, and at the end, the largest first: 10 us each."""
NOT_ASKED, THINNED = "not-asked", "thinned"
_THINNEST = 1 << 16
_SHORTEST_S = 0.2
"""Rates are of a stretch of time at least that long."""
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _CAP_SYS_PTRACE = 1, 2, 19
"""What it takes to see whose a socket is, where the kernel does not tell as it happens."""


class TrafficWatch:
    """Listens from when it is made until it is closed. A context manager: `step` again and again, `now` at any time."""

    def __init__(
        self, interfaces: Sequence[str] = (), *, ports: Iterable[str] = (), filter: str | None = None, sample: int | None = 1,  # noqa: A002 - tcpdump's word
        write: str | None = None, processes: bool = True, promiscuous: bool = False, inner: bool = False, bucket_s: float | None = None,
        top: int = 10, cap: int = CAP, drop_rights: bool = False, files_later: bool = False,
    ) -> None:  # fmt: skip
        """On these interfaces, or all.

        `ports`: only flows with one of these at either end. `filter`: only packets that an expression in tcpdump's language matches. `sample`: look at one packet
        in so many; None: at all, and at ever fewer when more come than can be read. `write`: keep the packets in this file (pcapng), whole. `processes`: tell whose they are. `drop_rights`: give up, for good, what is not
        needed once all is open: for programs that do nothing else; `files_later`: but for the right to write anybody's files. The others as in `verbs.traffic`.
        Raises BadInput, CannotTell, NotPermitted, MachineFailed.
        """
        self._wanted = wanted_ports(ports)
        self._set = PortSet.of(PortRange(first, last) for _, first, last in self._wanted) if self._wanted else None
        self.top, self.cap, self.inner, self.bucket_s = top, cap, inner, bucket_s
        self.thins = sample is None
        self.missing: list[str] = []
        """Codes of what could not be had."""
        with ExitStack() as opened:
            self.listening = opened.enter_context(Listening(
                interfaces, filter=filter, ports=None if inner else self._set, snap=WHOLE if write else HEADS, sample=sample or 1, promiscuous=promiscuous
            ))  # fmt: skip
            self.file: PacketFile | None = None
            if write is not None:
                from portulan.system.packet_file import PacketFile

                self.file = opened.enter_context(PacketFile(write))
            self._onlooker = self._look(opened) if processes else None
            self._opened = opened.pop_all()
        if drop_rights:
            self._drop(files_later=files_later)
        self.reset()

    def _look(self, opened: ExitStack) -> Onlooker | None:
        try:
            onlooker = Onlooker()
        except CannotTell as error:
            self.missing.append(error.code)
            return None
        opened.callback(onlooker.close)
        if onlooker.without is not None:
            self.missing.append("short-lived")
        return onlooker

    def _drop(self, *, files_later: bool) -> None:
        if sys.platform != "linux":
            return
        from portulan.system.linux.procfs import effective_capabilities
        from portulan.system.linux.rights import drop_rights

        polls = self._onlooker is not None and self._onlooker.events is None
        keep = (1 << _CAP_DAC_READ_SEARCH | 1 << _CAP_SYS_PTRACE) if polls else 0
        keep |= 1 << _CAP_DAC_OVERRIDE if files_later else 0
        with suppress(OSError):  # a confined process may not even give up
            drop_rights(effective_capabilities() & keep)

    def __enter__(self) -> TrafficWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; the file is whole then."""
        self._opened.close()

    def reset(self) -> None:
        """Forget what was counted."""
        self.table = FlowTable(self.cap, inner=self.inner, bucket_s=self.bucket_s)
        self._base = (self.listening.packets, self.listening.bytes, self.listening.merged, self.listening.dropped)
        self._lost = self._base[3]
        self._passed = {one.number: (one.packets, one.bytes) for one in self.listening.interfaces}
        self._before: dict[tuple[str, int | None], tuple[int, int]] = {}
        self._since_s = monotonic()
        self._rates: dict[tuple[str, int | None], tuple[float, float]] = {}

    def step(self, most_s: float) -> None:
        """Count what comes within that time. Raises CannotTell when the interfaces are gone, MachineFailed when the file cannot be written."""
        before = self.listening.packets
        for batch in self.listening.batches(most_s):
            self._take(batch)
        if self._onlooker is not None:
            self._onlooker.catch_up(busy=self.listening.packets > before)
            if self._onlooker.lost and "overrun" not in self.missing:
                self.missing.append("overrun")
        if self.thins:
            self._thin()

    def _thin(self) -> None:
        """Look at fewer packets, where some were dropped since the last step."""
        lost, self._lost = self._lost, self.listening.dropped
        if self._lost > lost and self.listening.sample < _THINNEST:
            self.listening.thin()
            if THINNED not in self.missing:
                self.missing.append(THINNED)

    def _take(self, batch: Batch) -> None:
        self.table.add(batch)  # first: what was heard is told, also when it cannot be kept
        if self.file is not None and batch.interface is not None:
            for number in np.unique(batch.interface).tolist():
                one = self.listening.heard[number]
                self.file.interface(number, one.name, one.link)
            self.file.write(batch.buffer, batch.interface, batch.time_ns, batch.start, batch.captured, batch.length)

    def finish(self) -> Traffic:
        """Count what is there already, and tell all of it."""
        for batch in self.listening.rest():
            self._take(batch)
        if self._onlooker is not None:
            self._onlooker.catch_up()
        heard = self.listening.interfaces
        if self.file is not None and len(heard) == 1:  # of several, nobody knows which one lost how many
            self.file.lost(heard[0].number, self.listening.dropped)
        return self.now(every=True)

    def now(self, *, every: bool = False) -> Traffic:
        """All that was counted so far. `every`: ask for the processes of very many flows, not of the largest alone."""
        flows, times = self.table.finish()
        said = traffic_of(
            flows, times=times, origins=(self._origin(),), packets=self.table.packets, bytes_=self.table.bytes,
            aside=tuple(Aside(code, packets, size) for code, (packets, size) in self.table.aside.items()),
            began_ns=self.table.began_ns, ended_ns=self.table.ended_ns, words=Words(self.table, ()), wanted=self._wanted, top=self.top, cap=self.cap,
        )  # fmt: skip
        if self._wanted:
            flows = picked(flows, with_ports(flows, self._wanted))
        if self._onlooker is not None:
            said = _with_processes(said, flows, self._onlooker, _ASKED_AT_END if every else _ASKED_AT_ONCE)
        return self._with_rates(said)

    def _origin(self) -> Origin:
        packets, size, merged, dropped = self._base
        heard = [
            Passed(one.name, one.packets - before, one.bytes - bytes_before)
            for one in self.listening.interfaces for before, bytes_before in (self._passed.get(one.number, (0, 0)),)
        ]  # fmt: skip
        name = ", ".join(one.name for one in heard if one.packets or self.listening.named) or ", ".join(one.name for one in heard)
        return Origin(
            name, "live", self.listening.packets - packets, self.listening.bytes - size, Ended.STOPPED, dropped=self.listening.dropped - dropped,
            sampled=self.listening.sample, interfaces=tuple(heard), merged=self.listening.merged - merged,
        )  # fmt: skip

    def _with_rates(self, said: Traffic) -> Traffic:
        now_s = monotonic()
        took_s = now_s - self._since_s
        totals = {(row.transport, row.port): (row.packets, row.bytes) for row in said.ports}
        if took_s >= _SHORTEST_S:
            totals["", None] = (said.packets, said.bytes)
            self._rates = {
                key: ((packets - before) / took_s, (size - bytes_before) / took_s)
                for key, (packets, size) in totals.items() for before, bytes_before in (self._before.get(key, (0, 0)),)
            }  # fmt: skip
            self._before, self._since_s = totals, now_s
        ports = tuple(
            row._replace(packets_per_s=rate[0], bytes_per_s=rate[1])
            for row in said.ports for rate in (self._rates.get((row.transport, row.port), (None, None)),)
        )  # fmt: skip
        every = self._rates.get(("", None), (None, None))
        return said._replace(
            ports=ports,
            packets_per_s=every[0],
            bytes_per_s=every[1],
            missing=(*self.missing, *(["interface-off"] if self.listening.off else [])),
        )


def _with_processes(said: Traffic, flows: Flows, onlooker: Onlooker, most: int) -> Traffic:
    """The same, with whose each port's flows are."""
    table = doors(flows)
    sizes = flows.forward.bytes + flows.reverse.bytes
    order = np.argsort(-sizes, kind="stable")
    asked = order[:most]
    told = onlooker.tell(flows, asked.tolist())
    by_door: dict[int, tuple[dict[Holder, list[int]], dict[str, int]]] = {}
    for door, size, one in zip(table.door[asked].tolist(), sizes[asked].tolist(), told, strict=True):
        held, untold = by_door.setdefault(door, ({}, {}))
        for holder in one.holders:
            counts = held.setdefault(holder, [0, 0])
            counts[0] += 1
            counts[1] += size
        if one.untold is not None:
            untold[one.untold] = untold.get(one.untold, 0) + 1
    for door, count in zip(*(each.tolist() for each in np.unique(table.door[order[most:]], return_counts=True)), strict=True):
        by_door.setdefault(door, ({}, {}))[1][NOT_ASKED] = count
    ports = tuple(_with_held(row, *by_door.get(door, ({}, {}))) for door, row in enumerate(said.ports))
    return said._replace(ports=ports, rows=_named_rows(said.rows, flows, dict(zip(asked.tolist(), told, strict=True))))


def _with_held(row: PortTraffic, held: dict[Holder, list[int]], untold: dict[str, int]) -> PortTraffic:
    processes = tuple(
        Held(holder.pid, holder.name, count, size) for holder, (count, size) in sorted(held.items(), key=lambda each: -each[1][1])
    )
    return row._replace(processes=processes or None, untold=untold)


def _named_rows(rows: tuple[FlowRow, ...], flows: Flows, told: dict[int, Told]) -> tuple[FlowRow, ...]:
    """The flows that are told one by one, with their processes."""
    ones = (told.get(flow) for flow in largest(flows, len(rows)).tolist())
    return tuple(
        row if one is None or not one.holders else row._replace(processes=named(one.holders)) for row, one in zip(rows, ones, strict=True)
    )
