"""What the outside sees: every port asked, until it is certain."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache

from portulan.errors import CannotTell
from portulan.model.address import pack_address
from portulan.model.port import Transport
from portulan.model.portset import PortSet
from portulan.model.record import Record
from portulan.model.scan import STATES, HostSeen, Method, Pass, Progress, Reason, ScanReport, State
from portulan.scan.barring import Barring
from portulan.scan.gather import Gather, Host
from portulan.scan.job import Job
from portulan.scan.journal import Found
from portulan.scan.merge import merge_certainties, merge_efforts
from portulan.scan.ranges import count, write
from portulan.scan.stopping import Rules
from portulan.scan.ways import ways_of
from portulan.system.linux.procfs import effective_capabilities
from portulan.system.registry_file import open_table
from portulan.verbs.scan_asked import asked_ports, asked_targets, own_networks
from portulan.verbs.scan_hosts import find_present, worth_it
from portulan.verbs.scan_parts import Parts, asked_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.model.scan import PortSeen, Shard
    from portulan.scan.job import JobEnd
    from portulan.scan.targets import Targets
    from portulan.scan.ways import Barred
    from portulan.verbs.scan_parts import AnyRun

_CAP_NET_RAW = 13
_POLITE_FIRST_RATE, _POLITE_RATE = 1_000.0, 10_000.0
"""Probes a second to public addresses."""
_FEW_ADDRESSES = 256
"""With fewer addresses than this, those that are nobody's are told one by one."""


def scan(
    targets: Sequence[str],
    *,
    ports: str | None = None,
    top: int | None = None,
    method: Method | None = None,
    exclude: Sequence[str] = (),
    target_files: Sequence[str] = (),
    exclude_files: Sequence[str] = (),
    authorized: bool = False,
    discover: bool | None = None,
    hosts_only: bool = False,
    rate: float | None = None,
    max_rtt_s: float | None = None,
    miss: float = 1e-6,
    patience_s: float = 10.0,
    assume_loss: float = 0.3,
    shard: Shard | None = None,
    resume: str | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    local: bool = False,
    every: bool = False,
    drop_rights: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    on_rows: Callable[[Sequence[PortSeen]], None] | None = None,
) -> ScanReport:
    """Ask ports of addresses from here, and say what each of them is and how sure that is."""
    begun = time.time()
    own, broadcasts = own_networks()
    chosen = asked_targets(
        targets,
        target_files=target_files,
        exclude=exclude,
        exclude_files=exclude_files,
        authorized=authorized,
        own=own,
        broadcasts=broadcasts,
    )
    wanted = asked_ports(ports, top, method)
    missing: list[str] = []
    if wanted.tcp:  # also beside datagrams: `-p 53,22/tcp --method udp`
        method, why = _allowed(method)
        missing += why
    if local:
        from portulan.verbs.scan_local import scan_local

        return scan_local(chosen, wanted, every=every, on_rows=on_rows)
    rules = Rules(
        goal=miss, patience_s=patience_s, assume_loss=assume_loss, most_rate=rate, longest_wait_s=max_rtt_s or Rules().longest_wait_s
    )
    if chosen.public:  # other people's networks: slowly at first, and never very fast unless a person says so
        rules = rules._replace(first_rate=_POLITE_FIRST_RATE, most_rate=rate or _POLITE_RATE)
    asked = {Transport.TCP: (method or Method.CONNECT, wanted.tcp), Transport.UDP: (Method.UDP, wanted.udp)}
    asked = {transport: each for transport, each in asked.items() if each[1]}
    parts = Parts(resume=resume, jobs=jobs, cluster=cluster, drop=drop_rights)
    course = _Course(chosen, rules, shard, parts, every=every, on_progress=on_progress, on_rows=on_rows)
    try:
        parts.open(asked_of(chosen, asked, rules, shard, hosts=f"{hosts_only} {discover}"))
        if (
            hosts_only
            or (shard is None and discover is None and worth_it(chosen, max(len(numbers) for _, numbers in asked.values())))
            or discover
        ):
            missing += course.narrow(raw=(method is Method.SYN) or _may_send_raw(), rate=rate)
        if hosts_only:
            return course.report(tuple(targets), begun, missing)
        for transport, (by, numbers) in asked.items():
            course.prepare(transport, by, numbers)
        if drop_rights and not parts.shared:
            _drop_rights()
        course.run()
    except KeyboardInterrupt:
        missing.append("interrupted")
    finally:
        course.close()
        parts.close()
    return course.report(tuple(targets), begun, missing)


def _drop_rights() -> None:
    if sys.platform == "linux":
        from portulan.system.linux.rights import CAP_DAC_OVERRIDE, drop_rights

        held = effective_capabilities()
        with suppress(OSError):  # a confined process may not even give up
            drop_rights(held & 1 << CAP_DAC_OVERRIDE)


def _allowed(method: Method | None) -> tuple[Method, list[str]]:
    """The method for TCP, and what is missing if it is not the best."""
    if method is Method.CONNECT or sys.platform != "linux":
        return Method.CONNECT, []
    return (Method.SYN, []) if _may_send_raw() else (Method.CONNECT, ["syn-needs-root"])


def _may_send_raw() -> bool:
    return sys.platform == "linux" and bool(effective_capabilities() >> _CAP_NET_RAW & 1)


class _Part(Record):
    """One transport by one method."""

    transport: Transport
    method: Method
    ports: PortSet
    runs: list[tuple[AnyRun, Gather]]


class _Course:
    """A scan under way: its passes, and what they gathered."""

    def __init__(
        self,
        targets: Targets,
        rules: Rules,
        shard: Shard | None,
        parts: Parts,
        *,
        every: bool,
        on_progress: Callable[[Progress], None] | None,
        on_rows: Callable[[Sequence[PortSeen]], None] | None,
    ) -> None:
        self._targets, self._rules, self._shard, self._at = targets, rules, shard, parts
        self._every, self._on_progress, self._on_rows = every, on_progress, on_rows
        self._service = open_table().usual
        self._asked = targets
        self._present: dict[str, HostSeen] = {}
        self._parts: list[_Part] = []
        self._passes: list[Pass] = []
        self._rows: list[PortSeen] = []
        self._hosts: dict[str, list[Host]] = {}
        self._states: dict[str, int] = {}
        self._down: dict[str, Reason] = {}
        self._left_out: list[tuple[str, str]] = []
        self._complete, self._unkept = True, False

    def narrow(self, *, raw: bool, rate: float | None) -> list[str]:
        """Find out who is there, and ask only those from now on; returns what is missing. A scan that is gone on with has that from its journal."""
        journal, asked = self._at.journal, self._targets
        found = journal.found if journal is not None else None
        if found is None:
            present = find_present(asked, self._at.key, raw=raw, rate=rate)
            found = Found(present.targets.v4, present.targets.v6, present.targets.links, present.hosts, present.skipped)
            if journal is not None:
                journal.add_found(found)
        self._targets = asked._replace(v4=found.v4, v6=found.v6, links=found.links)
        self._present = {host.address: host for host in found.hosts}
        return [*found.missing, *(() if found.v4 or found.v6 else ("nobody-there",))]

    def prepare(self, transport: Transport, method: Method, ports: PortSet) -> None:
        """Open what one transport's ports of all addresses need, a family after the other."""
        families = [(version, ranges) for version, ranges in ((4, self._targets.v4), (6, self._targets.v6)) if ranges]
        runs: list[tuple[AnyRun, Gather]] = []
        self._parts.append(_Part(transport, method, ports, runs))
        for version, ranges in families:
            links = self._targets.links if version == 6 else ()
            rules = self._rules._replace(goal=self._rules.goal / len(families), datagrams=transport is Transport.UDP)
            shard = (self._shard.number, self._shard.of) if self._shard else (0, 1)
            job = Job(version, ranges, tuple(ports), transport, method, rules, self._at.key, shard, 0, links, self._at.secret)
            known, ways = self._at.known(), None
            refused: tuple[Barred, ...] = ()
            if known is not None:
                job, refused = known[0]._replace(rules=rules), known[1]
            elif method is Method.SYN:
                ways = ways_of(job)
                refused = ways.refused
                if self._shard is None or not ways.lanes:  # else all shards number all addresses
                    job = job._replace(ranges=ways.ranges)
            self._note_refused(version, refused, alone=len(families) == 1 and not job.ranges)
            if job.ranges:
                opened = self._at.run(job, ways, refused)
                barred = [(each.first, each.last) for each in refused] if self._shard is not None else []
                run: AnyRun = Barring(opened, barred) if barred else opened
                gather = Gather(
                    run.space, transport, service=self._service, responders=run.responders, every=self._every, on_rows=self._on_rows
                )
                runs.append((run, gather))

    def run(self) -> None:
        """Ask. Raises KeyboardInterrupt when interrupted, after taking note of what is known."""
        for part in self._parts:
            begun = time.time()
            ends: list[JobEnd] = []
            try:
                for run, gather in part.runs:
                    self._run(run, gather, ends)
            finally:
                if ends:
                    certainty = merge_certainties([end.certainty for end in ends])._replace(goal=self._rules.goal)
                    # With a journal some of it was done by processes before this one.
                    took_s = time.time() - begun if self._at.journal is None else sum(end.took_s for end in ends)
                    effort = merge_efforts(ends, took_s)
                    self._passes.append(Pass(part.transport, part.method, str(part.ports), certainty, effort))

    def close(self) -> None:
        """Close what was opened."""
        for part in self._parts:
            for run, _ in part.runs:
                run.close()

    def _note_refused(self, version: int, refused: tuple[Barred, ...], *, alone: bool) -> None:
        """Take note of the addresses that cannot be asked. Raises CannotTell where there are no others (`alone`) and no way leads to them."""
        if alone and all(each.reason is Reason.NO_ROUTE for each in refused):
            first = refused[0]
            raise CannotTell("scan.no-route", address=write(version, (first.first, first.last)), reason=first.reason.value)
        few = count((each.first, each.last) for each in refused) <= _FEW_ADDRESSES
        for each in refused:
            if few and each.reason is Reason.HOST_DOWN:
                for number in range(each.first, each.last + 1):
                    self._down[write(version, (number, number))] = each.reason
            else:
                self._left_out.append((write(version, (each.first, each.last)), each.reason.value))

    def _run(self, run: AnyRun, gather: Gather, ends: list[JobEnd]) -> None:
        try:
            for block in run.blocks(self._on_progress):
                gather.add(block)
        except KeyboardInterrupt:
            self._complete = False
            for block in run.abandon():
                gather.add(block)
            raise
        finally:
            if run.failure is not None:
                self._complete = False
            ends.append(run.end())
            rows, hosts = gather.finish()
            self._rows += rows
            self._unkept |= bool(gather.unkept)
            for host in hosts:
                self._hosts.setdefault(host.address, []).append(host)
            for state, amount in zip(STATES, gather.states.tolist(), strict=True):
                if amount:
                    self._states[state.value] = self._states.get(state.value, 0) + amount

    def report(self, asked: tuple[str, ...], begun: float, missing: list[str]) -> ScanReport:
        """All of it."""
        names = self._asked.names
        hosts = [_joined(address, names.get(address), parts, self._present.get(address)) for address, parts in self._hosts.items()]
        hosts += [host for address, host in self._present.items() if address not in self._hosts]
        told = self._hosts.keys() | self._present.keys()
        hosts += [HostSeen(address, names.get(address), up=False, states={}) for address in self._down if address not in told]
        if self._unkept:
            missing.append("rows-not-kept")
        took_s = time.time() - begun
        if self._at.journal is not None:
            begun, took_s = self._at.begun, sum(each.effort.took_s for each in self._passes)
        return ScanReport(
            targets=asked,
            addresses=self._asked.addresses,
            begun_at=datetime.fromtimestamp(begun, UTC),
            took_s=took_s,
            passes=tuple(self._passes),
            hosts=tuple(sorted(hosts, key=lambda host: _order(host.address))),
            rows=tuple(sorted(self._rows, key=lambda row: (_order(row.address), row.transport, row.port))),
            states={state.value: self._states[state.value] for state in State if state.value in self._states},
            left_out=(*self._asked.left_out, *self._left_out),
            shard=self._shard,
            complete=self._complete,
            missing=tuple(missing),
        )


def _joined(address: str, name: str | None, parts: list[Host], present: HostSeen | None) -> HostSeen:
    states: dict[str, int] = {}
    for part in parts:
        for state, amount in part.states.items():
            states[state] = states.get(state, 0) + amount
    ups = {part.up for part in parts}
    return HostSeen(
        address,
        name,
        up=True if True in ups or present is not None else None if None in ups else False,
        states=states,
        others=tuple(other for part in parts for other in part.others),
        mac=present.mac if present is not None else None,
        reason=present.reason if present is not None else None,
        rtt_ms=present.rtt_ms if present is not None else None,
    )


@lru_cache(maxsize=1 << 16)
def _order(address: str) -> tuple[int, bytes]:
    packed = pack_address(address.partition("%")[0])
    return len(packed), packed
