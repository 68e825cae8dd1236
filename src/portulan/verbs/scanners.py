"""Who is trying the doors: in captures, or as it happens.

For faces. `scanners(paths)` answers once. `ScannerWatch` is a context manager: `step(most_s)` listens for so long and returns the rows that have become sure (kinds vertical, horizontal,
both, distributed: each source once, each group once); `now()` is the whole answer so far, `finish()` the last one. Of a row that `step` returned the numbers grow afterwards: `now()`
has them. Rows of backscatter stand in `now()` and `finish()` alone.
"""

from __future__ import annotations

from contextlib import ExitStack
from secrets import randbits
from time import monotonic, time_ns

from portulan.errors import PortulanError
from portulan.model.traffic import Ended, Origin
from portulan.traffic.scanners import Doorkeeper, Settings
from portulan.traffic.table import CAP, FlowTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.model.scanner import Scanner, Scanners
    from portulan.system.workers import ClusterWorkers, LocalWorkers
    from portulan.traffic.scanners import OwnDoors
    from portulan.verbs.own_doors import Rules

HORIZON_S = 86_400.0
_LAG_NS = 300_000_000
"""Packets are handed over in blocks: those before that are all here."""
_LOOK_S = 5.0
"""How often this host is asked what it has open."""
_RULES_S = 60.0
"""How often its firewall is."""
_TICK_CAP = 1 << 18
"""Flows of one step."""


def scanners(
    paths: Sequence[str],
    *,
    own_open: OwnDoors | None = None,
    horizon_s: float = HORIZON_S,
    resync: bool = False,
    inner: bool = False,
    workers: int | LocalWorkers | ClusterWorkers | None = None,
    cap: int = CAP,
    stopped: Callable[[], bool] | None = None,
) -> Scanners:
    """Who tries doors in these captures, which count as one ("-": standard input).

    `own_open`: what a host really has open, where that is known of the time of the capture. `horizon_s`: how long a source that does nothing is remembered. The others as in
    `verbs.traffic`. Raises BadInput for what is no capture, CannotTell and NotPermitted for what cannot be read.
    """
    from portulan.verbs.traffic import read_flows

    flows, origins = read_flows(paths, resync=resync, inner=inner, workers=workers, cap=cap, stopped=stopped)
    keeper = Doorkeeper(own_open, Settings(horizon_s=horizon_s, salt=randbits(64)))
    ends = [int(way.last_ns.max()) for way in (flows.forward, flows.reverse) if len(way.last_ns)]
    keeper.see(flows, max(ends, default=0))
    return keeper.end(max(ends, default=0))._replace(origins=origins)


class ScannerWatch:
    """Listens from when it is made until it is closed. A context manager."""

    def __init__(
        self, interfaces: Sequence[str] = (), *, filter: str | None = None, horizon_s: float = HORIZON_S, own: bool = True,  # noqa: A002 - tcpdump's word
        promiscuous: bool = False,
    ) -> None:  # fmt: skip
        """On these interfaces, or all.

        `filter`: only packets that an expression in tcpdump's language matches; it should let both directions pass. `own`: ask this host what it has open, and spare its own addresses.
        Raises BadInput, CannotTell, NotPermitted, MachineFailed.
        """
        from portulan.traffic.live import Listening

        self.missing: list[str] = []
        """Codes of what could not be had: `own-doors`."""
        self._own = own
        self._look_s = self._rules_s = 0.0
        self._rules: Rules | None = None
        with ExitStack() as opened:
            self.listening = opened.enter_context(Listening(interfaces, filter=filter, promiscuous=promiscuous))
            settings = Settings(horizon_s=horizon_s, both_ways=filter is None, salt=randbits(64))
            self.keeper = Doorkeeper(settings=settings)
            self._opened = opened.pop_all()
        self._dropped = 0
        self._seen_ns = time_ns()
        self._ask()

    def __enter__(self) -> ScannerWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._opened.close()

    def step(self, most_s: float) -> tuple[Scanner, ...]:
        """Listen within that time; who turned out to be a scanner. Raises CannotTell when the interfaces are gone."""
        self._ask()
        table = FlowTable(_TICK_CAP)
        for batch in self.listening.batches(most_s):
            table.add(batch)
        return self._see(table)

    def finish(self) -> Scanners:
        """Look at what is there already, and tell all of it."""
        table = FlowTable(_TICK_CAP)
        for batch in self.listening.rest():
            table.add(batch)
        self._see(table)
        return self.keeper.end(time_ns())._replace(origins=(self._origin(),))

    def now(self) -> Scanners:
        """All that is known so far."""
        return self.keeper.now()._replace(origins=(self._origin(),))

    def _see(self, table: FlowTable) -> tuple[Scanner, ...]:
        now_ns = time_ns()
        if self.listening.dropped > self._dropped:
            self.keeper.missed(self._seen_ns - _LAG_NS, now_ns)
            self._dropped = self.listening.dropped
        self._seen_ns = now_ns
        return self.keeper.see(table.flows(), now_ns - _LAG_NS)

    def _origin(self) -> Origin:
        heard = self.listening
        name = ", ".join(one.name for one in heard.interfaces)
        return Origin(name, "live", heard.packets, heard.bytes, Ended.STOPPED, dropped=heard.dropped)

    def _ask(self) -> None:
        """What this host has open now. Where it cannot be asked, contacts are judged by the answers they get."""
        if not self._own or monotonic() < self._look_s:
            return
        from portulan.verbs.inventory import inventory
        from portulan.verbs.own_doors import own_addresses, own_doors, read_rules

        try:
            known = inventory()
            if self._rules is None or monotonic() >= self._rules_s:
                self._rules, self._rules_s = read_rules(known.own), monotonic() + _RULES_S
        except PortulanError:
            self._miss("own-doors")
            self.keeper.own(None)
        else:
            self.keeper.own(own_doors(known, self._rules))
            self.keeper.spare = own_addresses(known)
        self._look_s = monotonic() + _LOOK_S

    def _miss(self, code: str) -> None:
        if code not in self.missing:
            self.missing.append(code)
