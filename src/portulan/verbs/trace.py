"""The way to a port: all hops at once, then what it means, beside other ports of the same host where those tell more."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from time import monotonic, sleep

from portulan.errors import BadInput, PortulanError
from portulan.model.path import Compared, Finding, Flow, Kind, Target, Trace, state_of
from portulan.model.scan import Reason
from portulan.probe.monitor import Monitor
from portulan.probe.mtu import MtuSearch
from portulan.probe.rounds import Rounds
from portulan.probe.verdict import Heard, judge, needs_comparison
from portulan.system.probing import open_probing
from portulan.system.resolver import ReverseNames
from portulan.verbs.beside import Beside
from portulan.verbs.destinations import parse_destination

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Self

    from portulan.model.path import Answer, Verdict
    from portulan.system.probing import MtuProber, Prober, Probing

MOST_HOPS = 30
_HIGHEST_HOPS = 255
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.05, 60.0
_OTHERS = ((Kind.TCP, 443), (Kind.TCP, 80), (Kind.TCP, 22), (Kind.UDP, 33_434), (Kind.ICMP, None))
"""What is asked beside: ports that many hosts have open, one that none has, and no port at all."""
_PREFERRED = (Reason.SYN_ACK, Reason.ANSWER, Reason.PORT_UNREACHABLE, Reason.ECHO_REPLY, Reason.RESET)
_KEYS = 10_000
"""Keys of one run of probes; the next begin there."""
_MTU_KEYS = 1 << 24
_NAMES_S = 0.3
"""How long names may take once the answer is there."""
_BEYOND = (Finding.SILENT, Finding.PORT_FILTERED, Finding.MUTE)
"""Here the first silent hop is shown too."""


def trace(
    target: str,
    *,
    icmp: bool = False,
    most_hops: int = MOST_HOPS,
    wait_s: float = 1.0,
    compare: Sequence[str] = (),
    names: bool = True,
    systems: str | None = None,
    version: int | None = None,
    mtu: bool = True,
) -> Trace:
    """The way to `HOST:PORT` (or `HOST:PORT/udp`; with `icmp` to a host), and what becomes of packets there.

    `compare`: ports of the same host to ask beside, else common ones, and only where that tells more. `systems`: a file with networks and their
    autonomous systems. Raises BadInput, CannotTell (no route, no answer of name servers), NotPermitted (ICMP), MachineFailed.
    """
    check_limits(most_hops, wait_s)
    with Tracer(target, icmp=icmp, version=version, wait_s=wait_s, most_hops=most_hops, names=names) as tracer:
        tracer.run(mtu=mtu)
        tracer.compare(compare)
        found = tracer.result(systems=None)
        if names:
            tracer.names.settle(_NAMES_S, monotonic, sleep)
        return tracer.result(systems=systems) if names or systems else found


def check_limits(most_hops: int, wait_s: float) -> None:
    """Raises BadInput for what no packet and no patience can have."""
    if not 1 <= most_hops <= _HIGHEST_HOPS:
        raise BadInput("path.hops", text=str(most_hops))
    if not _SHORTEST_WAIT_S <= wait_s <= _LONGEST_WAIT_S:
        raise BadInput("path.wait", text=f"{wait_s:g}")


class Tracer:
    """One path being found; also what live tracing goes on with."""

    def __init__(
        self,
        text: str,
        *,
        icmp: bool = False,
        version: int | None = None,
        wait_s: float = 1.0,
        most_hops: int = MOST_HOPS,
        names: bool = True,
    ) -> None:
        """Look the target up and get ready to send. Raises as `trace`."""
        self.probing: Probing = open_probing()
        try:
            self.target = parse_destination(text, icmp=icmp, version=version)
            self.prober: Prober
            self.flow: Flow
            self.prober, self.flow = self.probing.flow(self.target, first=_dice())
        except BaseException:
            self.probing.close()
            raise
        self.wait_s, self.most_hops = wait_s, most_hops
        self.taken_at = datetime.now(UTC)
        self.monitor = Monitor()
        self.rounds = Rounds(last=most_hops, wait_s=wait_s)
        self.compared: list[Compared] = []
        self.names = ReverseNames()
        self.wants_names = names
        self.repeats = 1
        self.took_s = 0.0
        self._mtu: tuple[MtuProber, MtuSearch] | None = None
        self._mtu_key = _MTU_KEYS
        self._next_key = _KEYS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all sockets."""
        self.probing.close()

    # The way

    def run(self, *, mtu: bool = True) -> None:
        """Ask all hops at once, and again those that are silent."""
        begun_s = monotonic()
        self._run(self.rounds, self.prober, self.target, mtu=mtu)
        self.took_s = monotonic() - begun_s
        for sent in self.rounds.sent.values():
            self.monitor.sent(sent.key, sent.hop, sent.at_s)
        for answer, _ in self.rounds.answers.values():
            self.monitor.take(answer)
        self.monitor.expire(monotonic())
        if self._mtu is not None:
            self._finish_mtu()

    def _run(self, rounds: Rounds, prober: Prober, target: Target, *, mtu: bool = False) -> None:
        while True:
            for key, hop in rounds.due(monotonic()):
                prober.send(target, key, hop)
                self._hand_out(self.probing.wait(0), rounds)
            if mtu and self._mtu is None:
                self._begin_mtu()
                mtu = False
            now_s = monotonic()
            if rounds.done(now_s):
                return
            wake_s = rounds.wake_s()
            self._hand_out(self.probing.wait(0.1 if wake_s is None else max(0.0005, wake_s - now_s)), rounds)

    def _hand_out(self, answers: Collection[Answer], rounds: Rounds | None) -> None:
        now_s = monotonic()
        for answer in answers:
            if answer.key is not None and answer.key >= _MTU_KEYS:
                self._take_mtu(answer)
            elif rounds is not None:
                rounds.take(answer, now_s)
            if self.wants_names and answer.by is not None:
                self.names.ask(answer.by)

    # The size of packets

    def _begin_mtu(self) -> None:
        prober = self.probing.mtu(self.target)
        if prober is not None:
            self._mtu = prober, MtuSearch(self.target.version)
            prober.begin(self._mtu_key)
            self._mtu[1].asked(prober.sizes[self._mtu_key])

    def _take_mtu(self, answer: Answer) -> None:
        if self._mtu is None or answer.key is None:
            return
        prober, search = self._mtu
        size = search.take(answer, prober.sizes[answer.key])
        if size is not None:
            self._mtu_key += 1
            prober.ask(self._mtu_key, size)

    def _finish_mtu(self) -> None:
        """Wait for the answer as long as the host itself takes; it may not want to give one."""
        assert self._mtu is not None
        known = [now_s - self.rounds.sent[key].at_s for key, (_, now_s) in self.rounds.answers.items()]
        key, end_s = self._mtu_key, monotonic() + 0.1 * max(known, default=0.0) + 0.002
        while not self._mtu[1].sure and (now_s := monotonic()) < end_s:
            self._hand_out(self.probing.wait(end_s - now_s), None)
            if key != self._mtu_key:  # a router knows better: once more there and back
                key, end_s = self._mtu_key, monotonic() + 1.2 * max(known, default=0.0) + 0.01

    # Other ports

    def heard(self) -> Heard:
        """What was said for the port itself."""
        return _heard(self.target, self.rounds)

    def compare(self, wanted: Sequence[str] = ()) -> None:
        """Ask other ports of the host, where that tells more, or where the user names some."""
        if not wanted and not needs_comparison(self.heard()):
            return
        if wanted:
            others = [self._other(text) for text in wanted]
        else:
            others = [
                self.target._replace(port=port, kind=kind) for kind, port in _OTHERS if (kind, port) != (self.target.kind, self.target.port)
            ]
        beside = Beside(self.probing, others, self._next_key, self.wait_s)
        beside.ask()
        self._next_key = beside.key + _KEYS
        asked, answers = beside.asked, beside.answers
        final = self.heard().final()
        first = final[0] if final is not None else max(self.heard().expired(), default=0) + 1
        ranked = sorted((at for at in answers if self._by_host(answers[at])), key=lambda at: _rank(answers[at].reason))
        done = 0
        for at in ranked:
            if done and not wanted:
                break
            compared = self._trace_other(asked[at], first)
            if compared is not None:
                self.compared.append(compared)
                done += compared.hop is not None
        silent = [asked[at] for at in asked if at not in answers]
        self.compared += [
            Compared(other.port, other.kind, state_of(other.kind, Reason.NONE, by_host=False), Reason.NONE, None) for other in silent
        ]

    def _by_host(self, answer: Answer) -> bool:
        return answer.by == self.target.address

    def _other(self, text: str) -> Target:
        if text == "icmp":
            return self.target._replace(kind=Kind.ICMP, port=None)
        host = f"[{self.target.host}]" if ":" in self.target.host else self.target.host
        other = parse_destination(f"{host}:{text}", version=self.target.version)
        return other._replace(address=self.target.address, scope=self.target.scope)

    def _trace_other(self, other: Target, first: int) -> Compared | None:
        try:
            prober, _ = self.probing.flow(other, first=_dice())
        except PortulanError:
            return None
        rounds = Rounds(first=first, last=self.most_hops, wait_s=self.wait_s, begin_key=self._next_key)
        self._next_key += _KEYS
        self._run(rounds, prober, other)
        heard = _heard(other, rounds)
        final = heard.final()
        hops = tuple((hop, who[0]) for hop, who in heard.expired().items())
        if final is None or final[1].by != self.target.address:
            reason = Reason.NONE if final is None else final[1].reason
            return Compared(other.port, other.kind, state_of(other.kind, reason, by_host=False), reason, None, hops)
        hop, answer = final
        return Compared(other.port, other.kind, state_of(other.kind, answer.reason, by_host=True), answer.reason, hop, hops)

    # The answer

    def verdict(self) -> Verdict:
        """As far as is known."""
        return judge(self.heard(), self.compared)

    @property
    def last_hop(self) -> int:
        """The farthest hop that is shown: the host's distance, or as far as answers come."""
        final = self.rounds.final
        return final if final is not None else self.rounds.farthest

    def result(self, *, systems: str | None = None) -> Trace:
        """All that is known now."""
        verdict = self.verdict()
        known: dict[str, str] = {}
        if systems is not None:
            from portulan.system.as_numbers import read_systems

            known = read_systems(systems, self.monitor.addresses())
        last = self.last_hop + (verdict.finding in _BEYOND and self.last_hop < self.rounds.limit)
        hops = self.monitor.hops(last, self.names.known, known)
        distances = [other.hop for other in self.compared if other.hop is not None]
        if verdict.finding in (Finding.OPEN, Finding.CLOSED) and verdict.hop is not None:
            distances.append(verdict.hop)
        return Trace(
            target=self.target, taken_at=self.taken_at, verdict=verdict, hops=hops, reached=max(distances, default=None), flow=self.flow,
            mtu=self._mtu[1].result() if self._mtu is not None else None, compared=tuple(self.compared), rounds=self.repeats,
            probes=sum(hop.sent for hop in hops), took_ms=round(self.took_s * 1000, 3),
        )  # fmt: skip


def _dice() -> int:
    """A number that nobody can guess: what answers must carry begins there."""
    return int.from_bytes(os.urandom(4))


def _rank(reason: Reason) -> int:
    return _PREFERRED.index(reason) if reason in _PREFERRED else len(_PREFERRED)


def _heard(target: Target, rounds: Rounds) -> Heard:
    hops = sorted(rounds.of_hop)
    return Heard(
        target.kind, target.address, {hop: rounds.answers_of(hop) for hop in hops}, {hop: rounds.tries(hop) for hop in hops},
        [answer for answer, _ in rounds.nameless],
    )  # fmt: skip
