"""What one rule decides, and of which packets at least and at most."""

from __future__ import annotations

from portulan.model.record import Record
from portulan.model.rule import (
    Assign,
    Choose,
    Counter,
    Log,
    Match,
    Members,
    Name,
    Names,
    NoTrack,
    Number,
    Opaque,
    Range,
    Reject,
    Spans,
    Translate,
    Use,
    Verdict,
    VerdictKind,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from portulan.guard.conditions import Box, Condition, Conditions, Key, Part
    from portulan.model.rule import Element, Rule, Statement
    from portulan.model.ruleset import Chain, Ruleset

    Fate: TypeAlias = tuple[object, ...]
    """(accept), (drop), (reject, how, code), (return), (goto, chain), (translate)."""

ANYWHERE = ""
"""In place of a chain's name: any chain of the table."""
CONTINUE: Fate = ("continue",)
FINAL = ("accept", "drop", "reject")
"""The packet's way through this base chain ends."""


class Decision(Record):
    """One rule."""

    most: Box
    """No packet outside of it is changed, counted, logged or decided by the rule."""
    clash: Key | None
    """The field for which no value is left in `most`."""
    sure: tuple[tuple[Box, Fate], ...]
    """Whatever lies in one of these boxes is decided so, and sees no later rule of the chain."""
    whole: bool
    """That is all that the rule does: it leaves any other packet alone, and none is counted, logged or changed."""
    only: Fate | None
    """If it does anything to a packet it is this, and nothing is counted, logged or changed; `(continue)` where it does nothing at all."""
    jump: tuple[Box, str] | None
    """Whatever lies in the box is sent through this chain, and nothing is done to it before."""
    leads: tuple[str, ...]
    """Every chain it may send packets to."""
    leaves: bool
    """It may send a packet out of its chain, to where that was called from."""
    changes: frozenset[Key] | None
    """The fields it may change; None: any."""


def decide(rule: Rule, chain: Chain, entered: Box, known: Conditions, ruleset: Ruleset) -> Decision:
    """Reads a rule; `entered` is what is true of every packet that comes into its chain."""
    return _Reader(rule, chain, entered, known, ruleset).read()


class _Reader:
    """Goes through the statements of one rule."""

    def __init__(self, rule: Rule, chain: Chain, entered: Box, known: Conditions, ruleset: Ruleset) -> None:
        self.rule, self.chain, self.known, self.ruleset, self.entered = rule, chain, known, ruleset, entered
        self.most: list[Part] = []
        self.least: list[Part] | None = []
        self.quiet = True
        """Whether nothing but questions was met so far."""
        self.fate: Fate | None = None
        self.ends: list[tuple[Condition, Fate]] | None = None
        """Of a verdict map: each element."""
        self.leads: list[str] = []
        self.leaves = False
        self.changes: set[Key] | None = set()

    def read(self) -> Decision:
        """All of it."""
        for statement in self.rule.statements:
            if self.fate is not None or self.ends is not None:
                self.least, self.quiet = None, False  # nothing may follow a verdict: whatever it is, nobody knows what it means
                break
            self._statement(statement)
        known = self.known
        most = known.box(self.most, self.entered)
        sure = self._sure()
        only = self.fate or CONTINUE if self.quiet and self.ends is None else None
        jump = (
            (known.box(self.least, self.entered), str(only[1]))
            if only is not None and only[0] == "jump" and self.least is not None
            else None
        )
        changes = frozenset(self.changes) if self.changes is not None else None
        return Decision(
            most, known.clash(most), sure, self._is_whole(most, sure), only, jump, tuple(self.leads), self.leaves, changes
        )  # fmt: skip

    def _is_whole(self, most: Box, sure: tuple[tuple[Box, Fate], ...]) -> bool:
        """Whatever may match matches for certain; a jump is not all."""
        if not self.quiet or self.least is None or self.leads:
            return False
        if self.ends is None:
            return len(sure) == 1 and sure[0][0] == most
        return all(
            self.known.box(asked.least or (), self.entered) == self.known.box(asked.most, self.entered) for asked, _ in self.ends
        ) and (self.known.box(self.least, self.entered) == most)

    def _sure(self) -> tuple[tuple[Box, Fate], ...]:
        if self.least is None:
            return ()
        found = [(self.least, self.fate)] if self.fate is not None else []
        found += [([*self.least, *(asked.least or ())], fate) for asked, fate in self.ends or ()]
        boxes = [(self.known.box(parts, self.entered), fate) for parts, fate in found if fate[0] not in ("jump", "continue")]
        return tuple((box, fate) for box, fate in boxes if self.known.clash(box) is None)

    def _statement(self, statement: Statement) -> None:
        if isinstance(statement, Match):
            self._match(statement)
        elif isinstance(statement, Verdict):
            self.fate = _fate_of(statement)
            self._lead(statement)
        elif isinstance(statement, Reject):
            self.fate = ("reject", statement.how, statement.code)
            self._narrow(_needs_of_reject(statement, self))
        elif isinstance(statement, Choose):
            self._choose(statement)
        elif isinstance(statement, Counter) and self.known.is_iptables(self.chain, self.rule):
            pass  # iptables gives one to every rule
        elif isinstance(statement, Counter | Log) or (
            isinstance(statement, Use) and statement.kind == "counter" and isinstance(statement.object, Name)
        ):
            self.quiet = False
        else:
            self._other(statement)

    def _match(self, statement: Match) -> None:
        asked = self.known.read(statement, self.chain, self.rule)
        if self.changes:  # asked of what the rule itself has changed
            self.least = None
        if asked.stateful:
            self.quiet = False
        if self.quiet:
            self.most += asked.most
        self._narrow(asked.least)

    def _narrow(self, parts: Iterable[Part] | None) -> None:
        if parts is None:
            self.least = None
        elif self.least is not None:
            self.least += parts

    def _other(self, statement: Statement) -> None:
        """What changes, counts or limits: later questions are not asked of every packet, and the rule may end here."""
        self.quiet = False
        if isinstance(statement, Translate) and not _is_looked_up(statement.address) and not _is_looked_up(statement.port):
            self.fate = ("translate",)
            self._narrow(_needs_of_translation(statement, self))
        elif isinstance(statement, Assign):
            self._assign(statement)
        elif isinstance(statement, NoTrack):
            self._change(("ct", "state"))
        elif isinstance(statement, Opaque):
            if statement.reason in ("unknown", "xt"):
                self.leaves, self.changes = True, None
                self.leads += [ANYWHERE] if statement.reason == "unknown" else []
            if statement.reason != "aside":
                self.least = None
        else:
            self.least = None
            for verdict in _verdicts(statement):
                self._lead(verdict)

    def _assign(self, statement: Assign) -> None:
        group, name = statement.field.group, statement.field.name
        if group == "meta" and isinstance(statement.value, Number):
            self._change((group, name))
            return
        self.least = None  # where a header lacks the field, or a map the key, the rule ends
        if group in ("meta", "ct"):
            self._change((group, name) if group == "meta" else ("ct", "state"))
        else:
            self.changes = None

    def _change(self, key: Key) -> None:
        if self.changes is not None:
            self.changes.add(key)

    def _lead(self, verdict: Verdict) -> None:
        self.leaves = self.leaves or verdict.kind in (VerdictKind.RETURN, VerdictKind.GOTO)
        self.leads += [verdict.target] if verdict.target is not None else []

    def _choose(self, statement: Choose) -> None:
        """A verdict map: each element is a rule of its own."""
        self.ends = []
        members = self.known.constant(statement.map, self.chain)
        if members is None:
            self.leads.append(ANYWHERE)
            self.least, self.quiet, self.leaves = None, False, True
            return
        for verdict in _verdicts(members):
            self._lead(verdict)
        for each in members.elements or ():
            one = self._element(statement, each)
            if one is None:
                self.least, self.quiet = None, False
                return
            self.ends.append(one)

    def _element(self, statement: Choose, element: Element) -> tuple[Condition, Fate] | None:
        """What an element asks for, and what it decides; None where there is more to it."""
        if element.wildcard or element.statements or element.changing or len(element.key) != 1 or not isinstance(element.data, Verdict):
            return None
        (part,) = element.key
        if isinstance(part, Range):
            members = Members(spans=Spans((part.first,), (part.last,)))
        elif isinstance(part, Name):
            members = Members(names=Names((part,)))
        else:
            return None
        asked = self.known.read(Match(statement.key, members), self.chain, self.rule)
        return None if asked.least is None else (asked, _fate_of(element.data) or CONTINUE)


def _fate_of(verdict: Verdict) -> Fate | None:
    if verdict.kind is VerdictKind.CONTINUE:
        return None
    return (verdict.kind.value,) if verdict.target is None else (verdict.kind.value, verdict.target)


def _needs_of_reject(statement: Reject, reader: _Reader) -> tuple[Part, ...]:
    """Of which packets nft can say so (src/evaluate.c, stmt_evaluate_reject)."""
    if statement.how == "tcp reset":
        return reader.known.of_protocol(6, reader.chain, reader.rule).least or ()
    return (reader.known.of_version(4 if statement.how == "icmp" else 6),) if statement.how in ("icmp", "icmpv6") else ()


def _needs_of_translation(statement: Translate, reader: _Reader) -> tuple[Part, ...] | None:
    """One IP version only, where an address is given (nft_nat.c, nft_nat_inet_eval)."""
    if statement.family is not None:
        return (reader.known.of_version(4 if statement.family == "ip" else 6),)
    return None if statement.address is not None and reader.chain.family == "inet" else ()


def _is_looked_up(value: object) -> bool:
    return value is not None and not isinstance(value, Range | Number)


def _verdicts(part: object) -> list[Verdict]:
    """Verdicts anywhere inside."""
    if isinstance(part, Verdict):
        return [part]
    if isinstance(part, Spans) or not isinstance(part, tuple):
        return []
    return [verdict for each in part for verdict in _verdicts(each)]
