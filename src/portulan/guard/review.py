"""Rules that can never match, and rules that change nothing: proved from conditions alone, for every packet whatever.

A rule is *shadowed* where every packet that it could match is decided by rules before it in its chain, or before the one jump that leads to its chain; or where
nothing can meet all its conditions. A rule is *redundant* where every packet that it accepts, drops or rejects would fare just so without it, by later
rules or its chain's policy, and nothing else would be changed, counted, logged or asked of a limit on the way. A rule that counts or logs is never redundant.

All that are named may go at once: the proof of a redundant rule rests on what comes later and on no shadowed rule. (From the last to the first, each may go
without a packet faring differently, and what the earlier ones rest on is then decided so still.)

Work is bounded, and what lies beyond is not claimed. Left aside: tables that sleep, netdev, bridge and arp, inet tables with a chain at ingress or egress, where
nft's listing leaves out more than elsewhere; and what named sets hold, unless they are constant: that is theirs to change.
"""

from __future__ import annotations

from functools import cache

from portulan.guard.conditions import Conditions
from portulan.guard.cover import Index, bits
from portulan.guard.decisions import ANYWHERE, CONTINUE, FINAL, decide
from portulan.guard.reach import place_of
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from portulan.guard.conditions import Box, Key
    from portulan.guard.decisions import Decision, Fate
    from portulan.model.reach import Place
    from portulan.model.ruleset import Chain, Ruleset

    Name: TypeAlias = tuple[str, str, str]
    Source: TypeAlias = tuple[Name, int]
    """A rule by its chain and its place there; -1 is the policy."""
    Cover: TypeAlias = tuple[Box, Source]

_MOST_COVERS, _MOST_ASKED = 256, 256
_DEEPEST = 64
"""The kernel takes 16 jumps (NFT_JUMP_STACK_SIZE); what lies deeper in a listing that no kernel gave may do anything."""
_DECIDED = (*FINAL, "translate")


class Useless(Record):
    """A rule that might as well not be there."""

    kind: str
    """`shadowed` or `redundant`."""
    place: Place
    by: tuple[Place, ...]
    """The rules, and the policy, that decide instead; of redundant ones in the order in which they do."""
    clash: str | None = None
    """Where its own conditions exclude each other: the field (`meta l4proto`) that could have no value."""


def review(ruleset: Ruleset) -> tuple[Useless, ...]:
    """Rules to no effect, in the order of the chains and their rules."""
    if any(code == "nft.changing" for code, _ in ruleset.incomplete):
        return ()
    return tuple(_Review(ruleset).found())


class _Review:
    """One ruleset."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.known = Conditions(ruleset)
        asleep = {(table.family, table.name) for table in ruleset.tables if table.dormant}
        odd = {(chain.family, chain.table) for chain in ruleset.chains if chain.base and chain.base.hook in ("ingress", "egress")}
        self.chains: dict[Name, Chain] = {
            (chain.family, chain.table, chain.name): chain
            for chain in ruleset.chains
            if chain.family in ("ip", "ip6", "inet") and (chain.family, chain.table) not in asleep | odd
        }
        self.decisions: dict[Name, list[Decision]] = {}
        for name, chain in self.chains.items():
            entered = self.known.entered(chain)
            self.decisions[name] = [decide(rule, chain, entered, self.known, ruleset) for rule in chain.rules]
        self.callers = self._callers()
        self._decided: dict[Name, list[Cover]] = {}
        self._changes: dict[Name, frozenset[Key] | None] = {}
        self._handed: dict[Name, tuple[Box, list[Cover], Source]] = {}
        """Chain with one caller -> (what is true of all that comes in, the boxes of packets that never come, the caller)."""
        self._calm: dict[tuple[Name, Fate], bool] = {}
        self._shallow = self._measure()
        self.place = cache(self._place)

    def _callers(self) -> dict[Name, list[tuple[Name, int]]]:
        found: dict[Name, list[tuple[Name, int]]] = {}
        anywhere = set()
        for name, decisions in self.decisions.items():
            for at, decision in enumerate(decisions):
                for target in decision.leads:
                    if target == ANYWHERE:
                        anywhere.add(name[:2])
                    else:
                        found.setdefault((*name[:2], target), []).append((name, at))
        return {name: callers for name, callers in found.items() if name[:2] not in anywhere}

    def _measure(self) -> set[Name]:
        """The chains that no rule leads from deeper than is looked into: those that lead nowhere first, then those that lead to such ones."""
        shallow: set[Name] = set()
        for _ in range(_DEEPEST):
            more = {
                name
                for name, decisions in self.decisions.items()
                if name not in shallow
                and all(
                    target == ANYWHERE or (*name[:2], target) in shallow or (*name[:2], target) not in self.decisions
                    for decision in decisions
                    for target in decision.leads
                )
            }
            if not more:
                break
            shallow |= more
        return shallow

    def found(self) -> Iterator[Useless]:
        """Chains before those that they lead to; told in the ruleset's own order."""
        told: dict[Name, list[Useless]] = {}
        done: set[Name] = set()
        todo = [name for name, chain in self.chains.items() if chain.base is not None]
        todo += [name for name in self.chains if name not in todo]
        for name in todo:
            self._visit(name, told, done)
        for name in self.chains:
            yield from told[name]

    def _visit(self, name: Name, told: dict[Name, list[Useless]], done: set[Name]) -> None:
        """A chain after its one caller, if it has one."""
        waiting: list[Name] = []
        while name not in done and name not in waiting:
            waiting.append(name)
            callers = self.callers.get(name, ())
            if len(callers) != 1 or self.chains[name].base is not None:
                break
            name = callers[0][0]
        for each in reversed(waiting):
            done.add(each)
            told[each] = self._chain(each)

    def _chain(self, name: Name) -> list[Useless]:
        decisions = self.decisions[name]
        if not decisions:
            return []
        shadowed = self._shadowed(name)
        redundant = _Redundant(self, name, frozenset(shadowed)).found()
        found = []
        for at in range(len(decisions)):
            if at in shadowed:
                clash, by = shadowed[at]
                found.append(Useless("shadowed", self.place(name, at), tuple(self.place(*one) for one in by), clash))
            elif at in redundant:
                found.append(Useless("redundant", self.place(name, at), tuple(self.place(name, one) for one in redundant[at])))
        return found

    def _place(self, name: Name, at: int) -> Place:
        chain = self.chains[name]
        return place_of(chain, chain.rules[at] if at >= 0 else None)

    # --- shadowed ---

    def _shadowed(self, name: Name) -> dict[int, tuple[str | None, list[Source]]]:
        """Each rule that never matches: (field of the clash, the rules that decide before it)."""
        decisions = self.decisions[name]
        entered, before, caller = self._handed.get(name, ({}, [], None))
        covers, since = list(before), [0] * len(before)
        for at, decision in enumerate(decisions):
            new = [(box, (name, at)) for box, _ in decision.sure] + self._by_jump(name, decision)
            covers += new
            since += [at + 1] * len(new)
        index = Index([box for box, _ in covers], self.known)
        found: dict[int, tuple[str | None, list[Source]]] = {}
        alive, added = 0, 0
        for at, decision in enumerate(decisions):
            while added < len(covers) and since[added] <= at:
                alive |= 1 << added
                added += 1
            box = self.known.both(decision.most, entered) if entered else decision.most
            if decision.clash is not None or box is None:
                found[at] = self._clash_of(decision, entered), [caller] if decision.clash is None and caller is not None else []
                continue
            by = index.covering(box, alive) if alive else None
            if by is not None:
                found[at] = None, list(dict.fromkeys(covers[one][1] for one in by))
            self._hand_on(name, at, box, [covers[one] for one in bits(index.meeting(box, alive))] if self._is_only_caller(name, at) else [])
            alive = self._still(alive, covers, self._changed_by(name, decision))
        return found

    def _clash_of(self, decision: Decision, entered: Box) -> str:
        key = decision.clash
        if key is None:
            at = next(at for at, values in entered.items() if not self.known.sets.both(values, decision.most.get(at, 1)))
            key = self.known.keys[at]
        return " ".join(str(part) for part in key) if key[0] != "is" else ""

    def _still(self, alive: int, covers: list[Cover], changes: frozenset[Key] | None) -> int:
        """Without those that ask for what a rule may have changed."""
        if changes is not None and not changes:
            return alive
        for one in bits(alive):
            if self.known.is_changed(covers[one][0], changes):
                alive &= ~(1 << one)
        return alive

    def _is_only_caller(self, name: Name, at: int) -> bool:
        decision = self.decisions[name][at]
        return bool(decision.leads) and any(self.callers.get((*name[:2], target)) == [(name, at)] for target in decision.leads)

    def _hand_on(self, name: Name, at: int, box: Box, covers: list[Cover]) -> None:
        """To the chains that this rule alone leads to."""
        decision = self.decisions[name][at]
        if decision.changes is None or decision.changes:
            return
        for target in decision.leads:
            key = (*name[:2], target)
            if key in self.chains and self.chains[key].base is None and self.callers.get(key) == [(name, at)]:
                self._handed[key] = box, covers[:_MOST_COVERS], (name, at)

    # --- what jumps come to ---

    def _by_jump(self, name: Name, decision: Decision) -> list[Cover]:
        """What never comes back from a jump."""
        if decision.jump is None:
            return []
        box, target = decision.jump
        found = ((self.known.both(box, inside), by) for inside, by in self._decided_in((*name[:2], target)))
        return [(both, by) for both, by in found if both is not None]

    def _decided_in(self, name: Name) -> list[Cover]:
        """Boxes of packets whose way through the base chain ends in this one, whoever sent them here."""
        if name not in self._shallow:
            return []
        known = self._decided.get(name)
        if known is not None:
            return known
        found: list[Cover] = []
        changes: frozenset[Key] | None = frozenset()
        for at, decision in enumerate(self.decisions.get(name, ())):
            new = [(box, (name, at)) for box, fate in decision.sure if fate[0] in _DECIDED] + self._by_jump(name, decision)
            found += [(box, by) for box, by in new if not self.known.is_changed(box, changes)]
            more = self._changed_by(name, decision)
            changes = None if changes is None or more is None else changes | more
            if decision.leaves or changes is None or len(found) > _MOST_COVERS:
                break
        self._decided[name] = found[:_MOST_COVERS]
        return self._decided[name]

    def _changed_by(self, name: Name, decision: Decision) -> frozenset[Key] | None:
        """What a rule may change of a packet that comes back to the next one."""
        changes = decision.changes
        for target in decision.leads:
            more = None if target == ANYWHERE else self._changed_in((*name[:2], target))
            changes = None if changes is None or more is None else changes | more
        return changes

    def _changed_in(self, name: Name) -> frozenset[Key] | None:
        if name not in self._shallow:
            return None
        if name not in self._changes:
            changes: frozenset[Key] | None = frozenset()
            for decision in self.decisions.get(name, ()):
                more = self._changed_by(name, decision)
                changes = None if changes is None or more is None else changes | more
            self._changes[name] = changes
        return self._changes[name]

    def is_calm(self, name: Name, fate: Fate) -> bool:
        """Whether a packet that is sent through a chain fares so, or comes back, and nothing else happens to it."""
        key = name, fate
        if name not in self._shallow:
            return False
        if key not in self._calm:
            self._calm[key] = all(self._is_calm(name, decision, fate) for decision in self.decisions.get(name, ()))
        return self._calm[key]

    def _is_calm(self, name: Name, decision: Decision, fate: Fate) -> bool:
        only = decision.only
        if only is None:
            return decision.clash is not None
        return only in (fate, CONTINUE, ("return",)) or (only[0] == "jump" and self.is_calm((*name[:2], str(only[1])), fate))


class _Redundant:
    """The rules of one chain that change nothing."""

    def __init__(self, whole: _Review, name: Name, shadowed: frozenset[int]) -> None:
        self.whole, self.name, self.known, self.shadowed = whole, name, whole.known, shadowed
        self.decisions, self.base = whole.decisions[name], whole.chains[name].base
        self.ports = {self.known.dimension(("th", end)) for end in ("sport", "dport")}

    def found(self) -> dict[int, list[int]]:
        """Each with the rules that decide instead; -1 is the policy."""
        rules = self.whole.chains[self.name].rules
        found: dict[int, list[int]] = {}
        index: Index | None = None
        for at, decision in enumerate(self.decisions):
            if at in self.shadowed or decision.only is None or decision.only[0] not in FINAL:
                continue
            if rules[at].quoted is not None and decision.only != ("drop",) and not self.ports.isdisjoint(decision.most):
                continue  # iptables' own matches drop packets whose header is cut off (xt_tcpudp.c)
            if index is None:
                index = Index([each.most for each in self.decisions], self.known)
            by = self._instead(at, decision, index)
            if by is not None:
                found[at] = by
        return found

    def _instead(self, at: int, decision: Decision, index: Index) -> list[int] | None:
        """Who decides in the same way what this rule decides."""
        fate = decision.only
        assert fate is not None
        later = index.meeting(decision.most, -1 << at + 1 & (1 << len(self.decisions)) - 1)
        left, by = [decision.most], dict[int, None]()
        for asked, one in enumerate(bits(later)):
            rest = self._after(one, left, fate) if asked < _MOST_ASKED > len(left) else None
            if rest is None:
                return None
            if rest != left:
                by[one] = None
            if not rest:
                return list(by)
            left = rest
        return [*by, -1] if self.base is not None and (self.base.policy.value,) == fate else None

    def _after(self, one: int, left: list[Box], fate: Fate) -> list[Box] | None:
        """What a later rule leaves of the boxes, where it decides so or nothing; None where it does anything else."""
        other = self.decisions[one]
        if other.clash is not None or all(self.known.both(piece, other.most) is None for piece in left):
            return left
        if not other.whole or one in self.shadowed:
            return left if self._is_harmless(other, fate) else None
        for box, end in other.sure:
            met = [piece for piece in left if self.known.both(piece, box) is not None]
            if met and self._fate(end) != fate:
                return None
            if met:
                left = [part for piece in left for part in (self.known.minus(piece, box) if piece in met else [piece])]
        return left

    def _fate(self, end: Fate) -> Fate:
        """A return from a base chain is its policy."""
        return (self.base.policy.value,) if end == ("return",) and self.base is not None else end

    def _is_harmless(self, other: Decision, fate: Fate) -> bool:
        """Whether it may come in between: it does the same or nothing."""
        only = other.only
        if only is None:
            return False
        if only[0] == "jump":
            return self.whole.is_calm((*self.name[:2], str(only[1])), fate)
        return only == CONTINUE or self._fate(only) == fate
