"""Lines of a policy as chains: who is let in, how often, what is written down of it, and what helps the kernel to see the rest of the exchange."""

from __future__ import annotations

from portulan.guard.policy.compile_draft import ACCEPT, ADDRESS_TYPES, HEADERS, RETURN, Draft, equals, jump, nobody, rule
from portulan.guard.policy.compile_words import log_prefix, remark
from portulan.guard.policy.tracking_helpers import HELPERS
from portulan.model.guard_compiled import FAMILY, TABLE
from portulan.model.policy import Per
from portulan.model.port import PROTOCOL_NUMBERS, Transport
from portulan.model.record import Record
from portulan.model.rule import Binary, Field, Limit, Log, Name, Number, Update, Use
from portulan.model.ruleset import NamedObject, NamedSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.model.policy import Crossing, Line
    from portulan.model.policy import Limit as Rate
    from portulan.model.rule import Match, Rule, Statement, Verdict

_SECONDS = {Per.SECOND: 1, Per.MINUTE: 60, Per.HOUR: 3600, Per.DAY: 86_400}
_FULL = 65_536
"""Senders whose rate is remembered; beyond them a sender is let in without being counted."""
_NETWORK_6 = (1 << 128) - (1 << 64)
"""One sender of IPv6 has at least 2^64 addresses (RFC 4291 section 2.5.4)."""
_LEAST_MEMORY_S = 60


class Clause(Record):
    """Some senders, and what becomes of them."""

    who: tuple[Match, ...]
    verdict: Verdict
    comment: str | None = None


class Lines:
    """The chains of all lines of one direction."""

    def __init__(self, draft: Draft, *, out: bool = False) -> None:
        """`out`: of `[outgoing]`."""
        self.draft, self.out = draft, out
        self._single: dict[tuple[int, Transport | None], Verdict] = {}
        self._groups: dict[object, Verdict] = {}

    def verdict(self, lines: Sequence[Line], transport: Transport) -> Verdict | None:
        """What becomes of packets to a port that these lines name: accepted, or judged by a chain; None where nobody may come."""
        clauses: list[Clause] = []
        for line in sorted(lines, key=_rank):
            then = self.then(line, transport)
            for source in line.sources:
                clauses += [Clause(who, then, remark(source.name) if who else None) for who in self.draft.senders(source, out=self.out)]
            if then == ACCEPT and any(not clause.who for clause in clauses):
                break  # all who are left have come in
        clauses = list(dict.fromkeys(clauses))
        if not clauses:
            return None
        if not clauses[0].who:
            first = clauses[0].verdict
            if first == ACCEPT or len(clauses) == 1:
                return first
        known = self._groups.get(key := tuple(clauses))
        if known is None:
            known = self._groups[key] = jump(self._group(lines, clauses))
        return known

    def _group(self, lines: Sequence[Line], clauses: Sequence[Clause]) -> str:
        if all(clause.verdict == ACCEPT for clause in clauses):
            words = (
                "to" if self.out else "from",
                *dict.fromkeys(source.name for line in lines for source in line.sources if not nobody(source)),
            )
        else:
            words = ("doors", lines[0].text)
        return self.draft.chain(self.draft.names.take(words), (rule(*one.who, one.verdict, comment=one.comment) for one in clauses))

    def then(self, line: Line | Crossing, transport: Transport | None) -> Verdict:
        """What becomes of those whom a line means: accepted at once, or after its own chain has counted them, written it down or set a helper to them."""
        helper = getattr(line, "helper", None)
        if line.limit is None and not line.log and helper is None:
            return ACCEPT
        key = id(line), transport if helper is not None else None
        known = self._single.get(key)
        if known is None:
            known = self._single[key] = jump(self._own(line, transport, helper))
        return known

    def _own(self, line: Line | Crossing, transport: Transport | None, helper: str | None) -> str:
        draft = self.draft
        name = draft.names.take(("out" if self.out else "door", line.text))
        rules: list[Rule] = []
        if line.limit is not None:
            rules += [rule(self._count(line.limit, version, line.text), RETURN, comment="too often") for version in (4, 6)]
        last: list[Statement] = []
        if helper is not None and transport is not None and transport in HELPERS.get(helper, ()):
            protocol = equals("meta", "l4proto", PROTOCOL_NUMBERS[transport])
            rules.append(rule(protocol, Use("ct helper", Name(self._helper(helper, transport)))))
        if line.log:
            last.append(Log(log_prefix(line.text)))
        rules.append(rule(*last, ACCEPT, comment=described(line)))
        return draft.chain(name, rules)

    def _count(self, rate: Rate, version: int, text: str) -> Update:
        """Counts a sender, and goes on where it comes too often. A full set ends the rule: then nobody more is counted, but none is shut out either."""
        draft = self.draft
        memory_s = max(_LEAST_MEMORY_S, -(-rate.burst * _SECONDS[rate.per] // rate.number))
        name = draft.names.take(("often", text), f"_v{version}")
        draft.named(
            NamedSet(FAMILY, TABLE, name, (ADDRESS_TYPES[version],), None, flags=("dynamic", "timeout"), timeout_s=memory_s, size=_FULL)
        )
        sender = Field(HEADERS[version], "saddr")
        key = sender if version == 4 else Binary("&", sender, Number(_NETWORK_6))
        return Update("update", name, key, statements=(Limit(rate.number, rate.per.value, rate.burst, over=True),))

    def _helper(self, helper: str, transport: Transport) -> str:
        draft = self.draft
        for name, known in draft.objects.items():
            if (known.facts["type"], known.facts["protocol"]) == (helper, transport.value):
                return name
        name = draft.names.take((helper, transport.value))
        draft.objects[name] = NamedObject(FAMILY, TABLE, name, "ct helper", None, {"type": helper, "protocol": transport.value})
        return name


def _rank(line: Line) -> int:
    """What is written down comes before what is not, and what is counted comes last: a sender who may come in uncounted is not."""
    return 2 if line.limit is not None else 0 if line.log or line.helper is not None else 1


def described(line: Line | Crossing) -> str:
    """Where a line stands and what it says, as a comment."""
    return remark(f"{line.spot.file.rpartition('/')[2]}:{line.spot.line} {line.text}" + (f": {line.note}" if line.note else ""))
