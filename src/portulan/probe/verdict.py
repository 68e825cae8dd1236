"""What becomes of packets to a port: a verdict with its evidence, by what each hop said. Pure.

Routers check the time to live before they filter: a filter in router k lets the probe that ends at k be answered, and shows at k + 1. A reset
carries the host's address whoever made it; who did shows by the distance at which probes begin to draw one, beside the distance at which the
host itself answers something that nobody else can say in its name. A box right before the host draws them at the host's own distance: from here
the two look the same.
"""

from __future__ import annotations

from portulan.model.path import ARRIVED, REJECTED, Answer, Compared, Evidence, Finding, Kind, Sure, Verdict, state_of
from portulan.model.record import Record
from portulan.model.scan import Reason, State
from portulan.probe.statistics import upper_bound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_UNREACHABLE = frozenset({Reason.HOST_UNREACHABLE, Reason.NET_UNREACHABLE})
_TELLING = frozenset({Reason.SYN_ACK, Reason.ANSWER, Reason.ECHO_REPLY, Reason.PORT_UNREACHABLE})
"""What a box that refuses connections does not say in a host's name."""
_LOOPED = 2
_MISPLACED = 1e-3
"""How likely it may be that loss hid the next hop, for the place of a silence to be called certain."""
"""So often must the same address come again, farther away, with others between."""


class Heard(Record):
    """All that was said for one port, by distance."""

    kind: Kind
    host: str
    """The address that was asked."""
    answers: Mapping[int, Sequence[Answer]]
    """Hop -> answers."""
    tries: Mapping[int, int]
    """Hop -> how often it was asked."""
    nameless: Sequence[Answer] = ()
    """Of the host, for no probe in particular."""

    def expired(self) -> dict[int, tuple[str, ...]]:
        """Hop -> who said there that it was too far."""
        found = {}
        for hop, answers in sorted(self.answers.items()):
            who = tuple(dict.fromkeys(answer.by for answer in answers if answer.reason is Reason.TIME_EXCEEDED and answer.by is not None))
            if who:
                found[hop] = who
        return found

    def final(self) -> tuple[int, Answer] | None:
        """(distance, answer): the least distance at which something other than "too far" was said."""
        for hop, answers in sorted(self.answers.items()):
            best = [answer for answer in answers if answer.reason in ARRIVED or answer.reason in REJECTED]
            if best:
                return hop, min(best, key=lambda answer: answer.reason is Reason.RESET)
        if self.nameless:
            return max(self.expired(), default=0) + 1, self.nameless[0]
        return None


def judge(heard: Heard, compared: Sequence[Compared] = ()) -> Verdict:
    """The verdict. `compared`: what other ports of the host said."""
    blocked = _not_sent(heard)
    if blocked is not None:
        return blocked
    final = heard.final()
    if final is None:
        return _unanswered(heard, compared)
    hop, answer = final
    chance = _chance(heard, hop)
    sure = Sure.CERTAIN if chance == 0 else Sure.LIKELY
    evidence = [_before(heard, hop)]
    if answer.reason in (Reason.SYN_ACK, Reason.ANSWER, Reason.ECHO_REPLY):
        said = Evidence("answered", {"hop": hop, "reason": answer.reason.value, "by": heard.host})
        return Verdict(Finding.OPEN, State.OPEN, answer.reason, sure, hop, heard.host, chance or None, (said, *evidence))
    if answer.reason is Reason.RESET:
        return _refused(heard, hop, answer, compared, chance)
    return _rejected(heard, hop, answer, chance)


def needs_comparison(heard: Heard) -> bool:
    """Whether other ports of the host would tell more."""
    if _not_sent(heard) is not None or _loop(heard.expired()) is not None:
        return False
    final = heard.final()
    return final is None or (final[1].reason is Reason.RESET and final[0] > 1)


def _not_sent(heard: Heard) -> Verdict | None:
    reasons = {answer.reason for answers in heard.answers.values() for answer in answers}
    local = reasons & {Reason.NO_ROUTE, Reason.LOCAL_FIREWALL, Reason.LINK_DOWN}
    if not local or reasons - local:
        return None
    reason = min(local)
    return Verdict(Finding.NOT_SENT, State.FILTERED, reason, Sure.CERTAIN, evidence=(Evidence("not-sent", {"reason": reason.value}),))


def _before(heard: Heard, hop: int) -> Evidence:
    """How the way up to a hop is known."""
    if hop == 1:
        return Evidence("next-to-us")
    expired = heard.expired()
    known = [each for each in range(1, hop) if each in expired]
    if len(known) == hop - 1:
        return Evidence("every-hop", {"hops": hop - 1})
    return Evidence(
        "silent-hops",
        {"known": len(known), "hops": hop - 1, "silent": ", ".join(str(each) for each in range(1, hop) if each not in expired)},
    )


def _chance(heard: Heard, hop: int) -> float:
    """That the distance is less than `hop`: that the hops right before it are silent only because all their answers were lost.

    0 where the hop before it answered. Else the loss as the probes that must be answered show it (those at this distance and farther), to the power
    of the tries.
    """
    if hop == 1 or hop - 1 in heard.expired():
        return 0.0
    return _lost(heard, range(hop, 256), heard.tries.get(hop - 1, 0))


def _lost(heard: Heard, hops: range, tries: int) -> float:
    """That so many probes were lost by chance, at most, by the loss of those hops that answer."""
    asked = {hop: count for hop, count in heard.tries.items() if hop in hops and heard.answers.get(hop)}
    if not asked:
        asked = {hop: count for hop, count in heard.tries.items() if heard.answers.get(hop)}
    answered = sum(len(heard.answers[hop]) for hop in asked)
    total = sum(asked.values())
    return min(1.0, upper_bound(total - answered, total) ** tries) if tries else 1.0


def _placed(heard: Heard, last: int) -> bool:
    """Whether silence begins right after that hop: where packets are lost, the next one must have been asked so often that loss does not explain it."""
    lossy = any(answers and len(answers) < heard.tries.get(hop, 0) for hop, answers in heard.answers.items())
    return not lossy or _lost(heard, range(1, last + 1), heard.tries.get(last + 1, 0)) < _MISPLACED


def _refused(heard: Heard, hop: int, answer: Answer, compared: Sequence[Compared], chance: float) -> Verdict:
    """A reset: the host's, or of a box in its name."""
    said = Evidence("reset-from", {"hop": hop, "host": heard.host})
    others = [each for each in compared if each.hop is not None and each.reason in _TELLING] or [
        each for each in compared if each.hop is not None and each.hop > hop
    ]
    expired = heard.expired()
    if hop == 1:
        return Verdict(Finding.CLOSED, State.CLOSED, answer.reason, Sure.CERTAIN, hop, heard.host, 0.0, (said, Evidence("next-to-us")))
    distance = max((each.hop for each in others if each.hop is not None), default=None)
    if distance is None:
        evidence = (said, _before(heard, hop), Evidence("distance-unknown", {"gateway": _who(expired, hop - 1)}))
        return Verdict(Finding.CLOSED, State.CLOSED, answer.reason, Sure.UNDECIDABLE, hop, heard.host, chance or None, evidence)
    best = next(each for each in others if each.hop == distance)
    beside = Evidence("compared", {"port": _name(best), "reason": best.reason.value, "hop": distance})
    if distance > hop:
        facts: dict[str, str | int | float] = {"hop": hop - 1, "by": _who(expired, hop - 1), "distance": distance}
        return Verdict(
            Finding.FORGED, State.FILTERED, Reason.FORGED_RESET, Sure.CERTAIN if not chance else Sure.LIKELY, hop - 1, _who(expired, hop - 1) or None, chance or None,
            (said, beside, Evidence("too-near", facts)),
        )  # fmt: skip
    gateway = Evidence("or-gateway", {"hop": hop - 1, "by": _who(expired, hop - 1)})
    return Verdict(Finding.CLOSED, State.CLOSED, answer.reason, Sure.UNDECIDABLE, hop, heard.host, chance or None, (said, beside, gateway))


def _rejected(heard: Heard, hop: int, answer: Answer, chance: float) -> Verdict:
    """Somebody said that it goes no further."""
    by_host = answer.by == heard.host
    state = state_of(heard.kind, answer.reason, by_host=by_host)
    kind, code = answer.icmp or (0, 0)
    said = Evidence("icmp", {"by": answer.by or "", "type": kind, "code": code, "reason": answer.reason.value, "hop": hop})
    evidence = (said, _before(heard, hop))
    if state is State.CLOSED:
        return Verdict(
            Finding.CLOSED, state, answer.reason, Sure.CERTAIN if not chance else Sure.LIKELY, hop, answer.by, chance or None, evidence
        )
    finding = Finding.UNREACHABLE if answer.reason in _UNREACHABLE else Finding.REJECTED
    # A router that filters answers in its own name one hop before the probe would end.
    expired = heard.expired()
    at = next((each for each, who in expired.items() if answer.by in who), hop if by_host or hop == 1 or hop - 1 in expired else hop - 1)
    return Verdict(finding, state, answer.reason, Sure.CERTAIN, at, answer.by, None, evidence)


def _unanswered(heard: Heard, compared: Sequence[Compared]) -> Verdict:
    """Nobody spoke for the port."""
    expired = heard.expired()
    state = state_of(heard.kind, Reason.NONE, by_host=False)
    asked = sum(heard.tries.values())
    if not expired:
        facts: dict[str, str | int | float] = {"probes": asked}
        evidence = [Evidence("nothing", facts), *_beside(compared)]
        other = next((each for each in compared if each.hop is not None), None)
        if other is not None:
            return Verdict(Finding.PORT_FILTERED, state, Reason.NONE, Sure.LIKELY, 0, None, None, (*evidence, *_difference(0, other)))
        return Verdict(Finding.NOTHING, state, Reason.NONE, Sure.LIKELY, None, None, None, tuple(evidence))
    loop = _loop(expired)
    if loop is not None:
        first, second, addresses = loop
        facts = {"first": first, "second": second, "addresses": ", ".join(addresses)}
        return Verdict(Finding.LOOP, State.FILTERED, Reason.NONE, Sure.CERTAIN, first, addresses[0], None, (Evidence("loop", facts),))
    last = max(expired)
    beyond = {hop: count for hop, count in heard.tries.items() if hop > last}
    chance = _lost(heard, range(1, last + 1), sum(beyond.values()))
    evidence = [Evidence("silence", {"hop": last, "by": expired[last][0], "probes": sum(beyond.values())}), *_beside(compared)]
    answering = [each for each in compared if each.hop is not None]
    sure = Sure.CERTAIN if chance < 1e-6 and _placed(heard, last) else Sure.LIKELY
    if not answering:
        return Verdict(Finding.SILENT, state, Reason.NONE, sure, last, expired[last][0], chance, tuple(evidence))
    beyond_it = max(answering, key=lambda each: each.hop or 0)
    evidence += _difference(last, beyond_it)
    if heard.kind is Kind.UDP and beyond_it.hop is not None and last >= beyond_it.hop - 1:
        return Verdict(Finding.MUTE, state, Reason.NONE, Sure.UNDECIDABLE, last, expired[last][0], chance, tuple(evidence))
    return Verdict(Finding.PORT_FILTERED, state, Reason.NONE, sure, last, expired[last][0], chance, tuple(evidence))


def _beside(compared: Sequence[Compared]) -> list[Evidence]:
    """What other ports said."""
    silent = [_name(each) for each in compared if each.hop is None]
    found = [
        Evidence("compared", {"port": _name(each), "reason": each.reason.value, "hop": each.hop})
        for each in compared
        if each.hop is not None
    ]
    if silent and not found:
        found.append(Evidence("others-silent", {"ports": ", ".join(silent)}))
    return found


def _difference(last: int, other: Compared) -> list[Evidence]:
    """Where the ways of two ports part."""
    after = dict(other.hops).get(last + 1)
    if other.hop is not None and other.hop <= last + 1:
        return [Evidence("at-the-host", {"hop": last})]
    return [Evidence("next-hop", {"hop": last + 1, "by": after or "", "port": _name(other)})]


def _loop(expired: dict[int, tuple[str, ...]]) -> tuple[int, int, tuple[str, ...]] | None:
    """(first hop, hop where it comes again, the addresses between) of packets that go in a circle."""
    seen: dict[str, list[int]] = {}
    for hop, who in expired.items():
        for address in who:
            seen.setdefault(address, []).append(hop)
    for address, hops in seen.items():
        apart = [hop for hop in hops if hop - hops[0] > 1]
        if len(apart) >= _LOOPED:
            first, second = hops[0], apart[0]
            between = dict.fromkeys(each for hop in range(first, second) for each in expired.get(hop, ()))
            return first, second, tuple(dict.fromkeys((address, *between)))
    return None


def _who(expired: dict[int, tuple[str, ...]], hop: int) -> str:
    return expired.get(hop, ("",))[0]


def _name(other: Compared) -> str:
    return other.transport.value if other.port is None else f"{other.port}/{other.transport.value}"
