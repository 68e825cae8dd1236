"""Chains, and the hooks at which packets enter them, in the kernel's order.

Base chains of a hook run by priority; of equal ones that was registered last runs first (net/netfilter/core.c, nf_hook_entries_grow; seen on Linux 6.18).
Chains of type nat all run at the kernel's own places (-100 and +100), in the order of their own priorities, until one has translated; they see the
first packet of a connection only.
"""

from __future__ import annotations

from portulan.guard.course import Course, merge
from portulan.guard.trace_expression import DONE, END, GO, Entry
from portulan.guard.trace_nat import DNAT_DONE, SNAT_DONE, back
from portulan.guard.trace_rule import Rules
from portulan.model.reach import Outcome, Place, Step
from portulan.model.record import Record
from portulan.model.rule import Verdict, VerdictKind
from portulan.model.ruleset import Chain
from portulan.wire.nft_authors import author_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.model.ruleset import Base, Key

    Work = Callable[[list[Course]], list[Course]]

TRACKING = -200
_NAT_FIRST, _NAT_LAST = -100, 100
_OF_VERSION = {4: ("ip", "inet"), 6: ("ip6", "inet")}
_HOOKS = ("ingress", "egress", "prerouting", "input", "forward", "output", "postrouting")
_KNOWN = ("ip", "ip6", "inet", "arp", "bridge", "netdev")


class Stop(Record):
    """Something that happens at a hook: a base chain, connection tracking, or the nat chains together."""

    priority: int
    chains: tuple[Chain, ...]
    what: str = "chain"
    """chain, tracking, nat."""


class Hooks:
    """The hooks of a network namespace, and what its packets meet there. Courses that end are put into `ended`."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.ended: list[Course] = []
        self._chains: dict[Key, Chain] = {}
        self._bases: dict[str, list[tuple[Chain, Base]]] = {}
        ruleset = rules.ruleset
        self._tables = {(table.family, table.name): table for table in ruleset.tables}
        for chain in ruleset.chains:
            self._chains[chain.family, chain.table, chain.name] = chain
            if chain.base is not None:
                self._bases.setdefault(chain.base.hook, []).append((chain, chain.base))
        self._orders: dict[tuple[str, int], list[list[Stop]]] = {}
        self.strange = [
            chain for chain in ruleset.chains if chain.base is not None and (chain.family not in _KNOWN or chain.base.hook not in _HOOKS)
        ]
        self.bridge = [
            chain
            for chain in ruleset.chains
            if chain.base is not None and chain.family == "bridge" and (chain.rules or chain.base.policy is VerdictKind.DROP)
        ]

    # --- one hook ---

    def pass_hook(self, hook: str, courses: Sequence[Course], version: int) -> list[Course]:
        """The packet through all that is at a hook of IP; gives the courses on which it comes out."""
        for course in courses:
            course.facts["hook"] = hook
        orders = self._orders.get((hook, version))
        if orders is None:
            orders = self._orders[hook, version] = self._order(hook, version)
        if len(orders) == 1 or not courses:
            return self._pass(orders[0], list(courses), hook)
        left: list[Course] = []
        for course in courses:  # which of equal priority comes first is not known
            for way, branch in zip(orders, self.fork(course, ("order", hook), "order", hook, len(orders)), strict=True):
                left += self._pass(way, [branch], hook)
        return merge(left)

    def _pass(self, stops: list[Stop], courses: list[Course], hook: str) -> list[Course]:
        for stop in stops:
            if not courses:
                break
            if stop.what == "chain":
                courses = self.enter(stop.chains[0], courses, hook)
            elif stop.what == "tracking":
                for course in courses:
                    _track(course)
            else:
                courses = self._translate(stop.chains, courses, hook)
        return courses

    def pass_device(self, hook: str, courses: Sequence[Course], link: str) -> list[Course]:
        """The packet through the chains at one device: hook ingress or egress."""
        found = [(chain, base) for chain, base in self._bases.get(hook, []) if chain.family in ("netdev", "inet")]
        left = list(courses)
        for course in left:
            course.facts["hook"] = hook
        for chain, base in _by_priority(found):
            if base.devices is None:
                through: list[Course] = []
                for course in left:
                    aside, inside = self.fork(course, ("devices", chain.table, chain.name), "devices", hook, 2, chain)
                    through += [aside, *self.enter(chain, [inside], hook)]
                left = merge(through)
            elif any(link == device or (device.endswith("*") and link.startswith(device[:-1])) for device in base.devices):
                left = self.enter(chain, left, hook)
        return left

    def fork(
        self, course: Course, what: tuple[object, ...], why: str, hook: str, ways: int, of: Chain | Place | None = None
    ) -> list[Course]:
        """A doubt outside of rules: of a base chain, or of a place that left something open."""
        place = self.place(of, hook) if isinstance(of, Chain) else of
        step = Step(place, "maybe", {"why": why}, 0, sure=False)
        doubt = (*what, ways)
        self.rules.doubts.setdefault(doubt, step)
        branches = [course.copy() for _ in range(ways)]
        for choice, branch in enumerate(branches):
            branch.assume(doubt, choice)
            branch.add(step)
        return branches

    def _order(self, hook: str, version: int) -> list[list[Stop]]:
        """What is at a hook, in order; two orders where legacy chains and others have the same priority."""
        bases = [(chain, base) for chain, base in self._bases.get(hook, []) if chain.family in _OF_VERSION[version]]
        nat = [(chain, base) for chain, base in bases if base.type == "nat"]
        stops = [Stop(base.priority, (chain,)) for chain, base in _by_priority([pair for pair in bases if pair[1].type != "nat"])]
        if hook in ("prerouting", "output"):
            stops = [
                *(stop for stop in stops if stop.priority < TRACKING),
                Stop(TRACKING, (), "tracking"),
                *(stop for stop in stops if stop.priority >= TRACKING),
            ]
        if hook != "forward":
            at = _NAT_FIRST if hook in ("prerouting", "output") else _NAT_LAST
            group = Stop(at, tuple(chain for chain, _ in _by_priority(nat)), "nat")
            stops = [*(stop for stop in stops if stop.priority < at), group, *(stop for stop in stops if stop.priority >= at)]
        other = _legacy_first(stops, self._legacy)
        return [stops] if other == stops else [stops, other]

    def _legacy(self, chain: Chain) -> bool:
        table = self._tables.get((chain.family, chain.table))
        return table is not None and table.legacy

    # --- NAT ---

    def _translate(self, chains: Sequence[Chain], courses: list[Course], hook: str) -> list[Course]:
        """All nat chains of a hook: each end of a connection is translated at most once, and answers by what was done then."""
        destination = hook in ("prerouting", "output")
        fact, done = ("nat destination", DNAT_DONE) if destination else ("nat source", SNAT_DONE)
        left: list[Course] = []
        asked: list[Course] = []
        for course in courses:
            facts = course.facts
            if facts["tracked"] == "established":
                back(course, destination=destination)
            (asked if facts["tracked"] == "new" and not facts[fact] else left).append(course)
        for chain in chains:
            asked = self.enter(chain, asked, hook)
            left += [course for course in asked if course.facts[fact]]
            asked = [course for course in asked if not course.facts[fact]]
        for course in asked:
            course.facts[fact] = 1
            status = course.facts["ct status"]
            course.facts["ct status"] = status | done if isinstance(status, int) else status
        return merge([*left, *asked])

    # --- chains ---

    def place(self, chain: Chain, hook: str) -> Place:
        """The policy of a base chain."""
        assert chain.base is not None
        author = "iptables-legacy" if self._legacy(chain) else author_of(chain.table, chain.name)
        return Place(chain.family, chain.table, chain.name, None, f"policy {chain.base.policy.value}", hook, author, policy=True)

    def enter(self, chain: Chain, courses: Sequence[Course], hook: str) -> list[Course]:
        """A base chain: gives the courses on which it lets the packet through."""
        base, table = chain.base, self._tables.get((chain.family, chain.table))
        assert base is not None
        if not courses or (table is not None and table.dormant is True):
            return list(courses)
        left: list[Course] = []
        inside = list(courses)
        if table is not None and table.dormant is None:
            pairs = [
                self.fork(course, ("dormant", chain.family, chain.table, chain.name, hook), "dormant", hook, 2, chain) for course in courses
            ]
            left, inside = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        for course in inside:
            course.facts["family"] = chain.family
        entry = Entry(chain, hook, base.type, self._legacy(chain), 0, ((chain.family, chain.table, chain.name),))
        for course in self.run(entry, inside):
            if course.fate == "accept":
                course.fate = None
            else:
                course.fate = None
                step = Step(self.place(chain, hook), "policy", {"verdict": base.policy.value}, 0, course.sure)
                if base.policy is VerdictKind.DROP:
                    course.end(Outcome.DROP, step)
                    self.ended.append(course)
                    continue
                course.add(step)
                if chain.rules or course.rule is None:
                    course.rule = step
            left.append(course)
        return merge(left)

    def run(self, entry: Entry, courses: list[Course]) -> list[Course]:
        """A chain: gives the courses that come to its end or return (fate None) and those that were accepted in it."""
        active, back_, accepted = courses, [], []
        for rule in entry.chain.rules:
            if not active:
                break
            following: list[Course] = []
            for course in active:
                for branch, move in self.rules.run(rule, entry, course):
                    if move is END or move is GO:
                        following.append(branch)
                    elif move is DONE:
                        if branch.fate == "stop":
                            self.ended.append(branch)
                        elif branch.fate == "accept":
                            accepted.append(branch)
                        else:
                            branch.fate = None
                            back_.append(branch)
                    else:
                        assert isinstance(move, Verdict)
                        for each in self.run(self._below(entry, move, rule), [branch]):
                            (accepted if each.fate == "accept" else following if move.kind is VerdictKind.JUMP else back_).append(each)
            active = merge(following) if len(following) > 1 else following
        return merge([*active, *back_, *accepted])

    def _below(self, entry: Entry, move: Verdict, rule: object) -> Entry:
        chain = self._chains[entry.chain.family, entry.chain.table, move.target or ""]
        return Entry(chain, entry.hook, entry.type, entry.legacy, entry.depth + 1, (*entry.path, id(rule)))


def _by_priority(pairs: Sequence[tuple[Chain, Base]]) -> list[tuple[Chain, Base]]:
    """In the order in which they run: of equal priority the one that came last is first."""
    last_first = list(reversed(pairs))
    return sorted(last_first, key=lambda pair: pair[1].priority)


def _legacy_first(stops: list[Stop], legacy: Callable[[Chain], bool]) -> list[Stop]:
    """The same with legacy chains moved to the other end of those of equal priority."""
    mixed = {stop.priority for stop in stops if stop.what == "chain" and legacy(stop.chains[0])}
    mixed &= {stop.priority for stop in stops if stop.what == "chain" and not legacy(stop.chains[0])}
    if not mixed:
        return stops
    first = [stop for stop in stops if stop.what == "chain" and legacy(stop.chains[0])]
    turned = sorted(stops, key=lambda stop: (stop.priority, stop.priority not in mixed or stop not in first))
    if turned == stops:
        return sorted(stops, key=lambda stop: (stop.priority, stop.priority in mixed and stop in first))
    return turned


def _track(course: Course) -> None:
    """Connection tracking looks at the packet (nf_conntrack_in), unless it has done so before or was told not to."""
    facts = course.facts
    if facts["tracked"] != "none":
        return
    facts["tracked"] = facts["becomes"]
    if facts["becomes"] == "new":
        parts = (facts["saddr"], facts["daddr"], facts["sport"], facts["dport"])
        answer = (parts[1], parts[0], parts[3], parts[2])
        for at in range(4):
            facts[f"original {at}"] = parts[at]
            facts[f"reply {at}"] = answer[at]
