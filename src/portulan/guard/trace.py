"""One packet's whole way through the kernel, step by step, as `nft monitor trace` would show it, and that of its answer.

Where something cannot be known beforehand every possibility is followed; the answer is `maybe` only where they end differently. Whys of doubts
(`Step.facts["why"]`): sender (it chooses), random, time, limit, quota, connections, set (packets change it, or an element goes by itself), set-room, unread-set,
opaque, unknown (not understood), choice (NAT takes one of several), queue, socket, synproxy, tracking, routing, paths (several share the load), members (of a multicast
group), order (legacy and other chains of equal priority), devices, dormant, bridge, strange-chain, incomplete, too-much.
"""

from __future__ import annotations

from portulan.guard.course import Course, Free, TooManyBranchesError, cut, doubts_that_matter
from portulan.guard.packet_fields import PROTOCOLS
from portulan.guard.routing import Decision, Routing, is_loopback
from portulan.guard.trace_chain import Hooks
from portulan.guard.trace_rule import Rules
from portulan.guard.values import spell
from portulan.model.network import Address
from portulan.model.reach import Outcome, Packet, Passage, Step, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.guard.course import Value
    from portulan.model.network import Network
    from portulan.model.ruleset import Ruleset

_SYN, _SYN_ACK = 2, 18
_PIECES = 64
"""A translated destination that may be in more places than this is not followed to each of them."""
_CONFIRMED, _SEEN_REPLY = 8, 2


def trace(ruleset: Ruleset, network: Network, packet: Packet) -> Passage:
    """What becomes of a packet. To ask about many, make one `Tracer`."""
    return Tracer(ruleset, network).trace(packet)


def trace_reply(ruleset: Ruleset, network: Network, passage: Passage) -> Passage:
    """What becomes of the answer to a packet that was let through."""
    return Tracer(ruleset, network).trace_reply(passage)


class Tracer:
    """Traces packets through one ruleset and one network."""

    def __init__(self, ruleset: Ruleset, network: Network) -> None:
        self.ruleset = ruleset
        self.routing = Routing(network)
        self.rules = Rules(ruleset, self.routing)
        self.hooks = Hooks(self.rules)
        self._open: list[Course] = []
        """Courses on which the packet has come through."""

    def trace(self, packet: Packet) -> Passage:
        """One packet's way."""
        return self._follow(packet, lambda: self._begin(packet))

    def trace_reply(self, passage: Passage) -> Passage:
        """The answer's way: for this host's own through output and postrouting, else in where the packet went out."""
        packet = passage.packet
        answer = Packet(
            packet.transport,
            passage.destination or packet.destination,
            packet.source,
            packet.source_port or 0,
            passage.port or packet.port,
            "lo",
        )

        def begin() -> None:
            self._begin(packet)
            accepted, self._open, self.hooks.ended = self._open, [], []
            for course in accepted:
                self._answer(course)

        return self._follow(answer, begin)

    def _follow(self, packet: Packet, begin: Callable[[], None]) -> Passage:
        self._open, self.hooks.ended = [], []
        self.rules.doubts.clear()
        try:
            begin()
        except TooManyBranchesError:
            return self._given_up(packet)
        return self._passage(packet, [*self._open, *self.hooks.ended])

    def _given_up(self, packet: Packet) -> Passage:
        step = Step(None, "maybe", {"why": "too-much"}, 0, sure=False)
        return Passage(packet, Outcome.MAYBE, Way.NONE, (step,), None, None, None, (*self.rules.doubts.values(), step))

    # --- the way in ---

    def _begin(self, packet: Packet) -> None:
        course = Course(_facts(packet))
        if packet.link == "lo":
            self._send(course)
        else:
            self._receive(self._uncertain([course], packet.link), packet.link)

    def _uncertain(self, courses: list[Course], link: str) -> list[Course]:
        """What nobody could read may do anything, and so may what this simulation does not follow."""
        hooks, name = self.hooks, self.routing.link(link)
        bridge = self.routing.link(name.master).kind == "bridge" or name.kind == "bridge"
        reasons: list[tuple[tuple[object, ...], str]] = [
            (("incomplete", code, text), "incomplete") for code, text in self.ruleset.incomplete
        ]
        reasons += [(("strange", chain.family, chain.table, chain.name), "strange-chain") for chain in hooks.strange]
        reasons += [(("bridge", chain.table, chain.name), "bridge") for chain in hooks.bridge if bridge]
        for what, why in reasons:
            left = []
            for course in courses:
                through, dropped, *elsewhere = hooks.fork(course, what, why, "", 3 if why == "incomplete" else 2)
                dropped.end(Outcome.DROP, None)
                hooks.ended.append(dropped)
                for each in elsewhere:
                    each.end(Outcome.ACCEPT, None)
                    hooks.ended.append(each)
                left.append(through)
            courses = left
        return courses

    def _receive(self, courses: list[Course], link: str) -> None:
        """From outside: the device's own chains, the kernel's first checks, prerouting, routing."""
        while courses:
            _at(courses, iif=link, oif=None)
            courses = self.hooks.pass_device("ingress", courses, link)
            master = self.routing.link(link).master
            if master is None or master == link:
                break
            link = master
        passed = []
        for course in courses:
            version, source, destination = _addresses(course)
            refused = (
                self.routing.before_prerouting(version, source, destination)
                if isinstance(source, int) and isinstance(destination, int)
                else None
            )
            if refused is None:
                passed.append(course)
            else:
                self._refuse(course, refused)
        for course in self._hook("prerouting", passed):
            for branch, decision in self._route(course, link):
                self._go(branch, decision)

    def _hook(self, name: str, courses: Sequence[Course]) -> list[Course]:
        if not courses:
            return []
        version = courses[0].facts["version"]
        assert isinstance(version, int)
        return self.hooks.pass_hook(name, courses, version)

    def _route(self, course: Course, link: str) -> list[tuple[Course, Decision]]:
        """Where routing sends it, on each branch where there are several."""
        decide = lambda branch: self.routing.incoming(*_known(branch), link)  # noqa: E731 - handed on
        return self._decide(course, decide)

    def _decide(self, course: Course, decide: Callable[[Course], list[Decision]]) -> list[tuple[Course, Decision]]:
        found: list[tuple[Course, Decision]] = []
        for piece in self._pieces(course):
            decisions = decide(piece)
            if self.routing.network.policy_routing and not (decisions[0].kind == "input" and piece.facts["mark"] == 0):
                ways = [
                    *decisions,
                    *(Decision("forward", link.name) for link in self.routing.network.links if link.name != "lo"),
                    Decision("input"),
                    Decision("no-route"),
                ]
                ways = list(dict.fromkeys(ways))
                found += zip(self.hooks.fork(piece, ("routing", piece.facts["hook"]), "routing", "", len(ways)), ways, strict=True)
            elif len(decisions) == 1:
                found.append((piece, decisions[0]))
            else:
                why = "members" if decisions[0].kind == "input" else "paths"
                found += zip(self.hooks.fork(piece, (why, piece.facts["hook"]), why, "", len(decisions)), decisions, strict=True)
        return found

    def _pieces(self, course: Course) -> list[Course]:
        """An unknown destination or sender is told apart into addresses, or parts of the address space that fare alike."""
        for name in ("daddr", "saddr"):
            value = course.facts[name]
            if isinstance(value, Free):
                version = course.facts["version"]
                assert isinstance(version, int)
                parts = self._parts(value, version)
                branches = (
                    self.hooks.fork(course, (name, course.facts["hook"]), value.why, "", len(parts), value.origin)
                    if len(parts) > 1
                    else [course]
                )
                for branch, spans in zip(branches, parts, strict=True):
                    single = len(spans) == 1 and spans[0][0] == spans[0][1]
                    branch.facts[name] = spans[0][0] if single else value._replace(spans=spans)
                return [
                    each
                    for branch in branches
                    for each in (self._pieces(branch) if name == "daddr" and isinstance(branch.facts["saddr"], Free) else [branch])
                ]
        return [course]

    def _parts(self, value: Free, version: int) -> list[tuple[tuple[int, int], ...]]:
        if sum(last - first + 1 for first, last in value.spans) <= _PIECES:
            return [((number, number),) for first, last in value.spans for number in range(first, last + 1)]
        parts = [value.spans]
        for edge in set(self.routing.edges(version)):
            parts = [piece for part in parts for piece in cut(part, (edge,)) if piece]
            if len(parts) > _PIECES:
                raise TooManyBranchesError
        return parts

    def _refuse(self, course: Course, decision: Decision) -> None:
        """The kernel itself takes it no further."""
        course.end(Outcome.DROP, Step(None, decision.kind, {"why": decision.why} if decision.why else {}, 0, course.sure))
        self.hooks.ended.append(course)

    def _go(self, course: Course, decision: Decision) -> None:
        """After routing."""
        if decision.kind in ("martian", "no-route"):
            self._refuse(course, decision)
        elif decision.kind == "forward" and "socket" in course.facts:
            self._refuse(course, Decision("no-route", why="socket"))
        elif decision.kind == "input":
            course.add(_routed(course, Way.INPUT, None))
            course.facts["way"] = Way.INPUT.value
            self._open += self._hook("input", [course])
        else:
            course.add(_routed(course, Way.FORWARD, decision.link))
            course.facts["way"] = Way.FORWARD.value
            _at([course], iif=course.facts["iif"], oif=decision.link)
            self._leave(self._hook("forward", [course]))

    def _leave(self, courses: Sequence[Course]) -> None:
        """Out by another link: postrouting, and that device's own chains."""
        for course in self._hook("postrouting", courses):
            out = course.facts["oif"]
            assert isinstance(out, str)
            _at([course], iif=None, oif=out)
            self._open += self.hooks.pass_device("egress", [course], out)

    # --- this host itself ---

    def _send(self, course: Course) -> None:
        """A packet of this host: routing first, then output and postrouting; to itself by lo."""
        course.facts["local"] = 1
        version, _, destination = _addresses(course)
        assert isinstance(destination, int)
        courses = self._uncertain([course], "lo")
        for each in courses:
            for branch, decision in self._decide(each, lambda _: self.routing.outgoing(version, destination)):
                self._out(branch, decision)

    def _out(self, course: Course, decision: Decision) -> None:
        if decision.kind not in ("input", "forward"):
            self._refuse(course, decision)
            return
        out = decision.link or "lo"
        course.add(_routed(course, Way.LOCAL, out))
        course.facts["way"] = Way.LOCAL.value
        _at([course], iif=None, oif=out)
        for branch in self._hook("output", [course]):
            if "reroute" not in branch.facts:
                self._after_output(branch)
                continue
            for piece, again in self._decide(branch, lambda each: self.routing.outgoing(*_to(each))):
                del piece.facts["reroute"]
                self._send_again(piece, again, out)

    def _send_again(self, course: Course, again: Decision, out: str) -> None:
        """Routed once more, after NAT or a chain of type route changed something (ip_route_me_harder)."""
        version, source, _ = _addresses(course)
        link = again.link or "lo"
        loopback = isinstance(source, int) and is_loopback(version, source) and link != "lo" and not self.routing.link(link).route_localnet
        if again.kind not in ("input", "forward") or loopback:
            self._refuse(course, Decision("martian", why="loopback") if loopback else again)
            return
        _at([course], iif=None, oif=link)
        if link != out:
            course.add(_routed(course, Way.LOCAL, link))
        self._after_output(course)

    def _after_output(self, course: Course) -> None:
        if course.facts["oif"] != "lo":
            self._leave([course])
            return
        for course_ in self._hook("postrouting", [course]):
            _confirm(course_)
            _at([course_], iif=None, oif="lo")
            for branch in self.hooks.pass_device("egress", [course_], "lo"):
                branch.facts["local"] = 0
                _at([branch], iif="lo", oif=None)
                courses = self.hooks.pass_device("ingress", [branch], "lo")
                self._open += self._hook("input", self._hook("prerouting", courses))

    # --- answers ---

    def _answer(self, course: Course) -> None:
        """The answer to a packet on one of the courses on which it came through."""
        facts = course.facts
        answer = Course(dict(facts), None, course.cubes)
        new = answer.facts
        for name in list(new):
            if name.partition(" ")[0] in PROTOCOLS or name.partition(" ")[0] in ("ip", "ip6", "ether", "th"):
                del new[name]  # what was learnt of the first packet's header
        new["saddr"], new["daddr"], new["sport"], new["dport"] = facts["daddr"], facts["saddr"], facts["dport"], facts["sport"]
        known = facts["tracked"] == "new" and _belongs(answer)
        udp = facts["protocol"] != 6
        new.update({"mark": 0, "reply": int(known), "tracked": "none", "added": facts["added"], "flags": 0 if udp else _SYN_ACK})
        new["becomes"] = "established" if known else "new" if udp else "invalid"
        if known:
            status = facts["ct status"]
            new["ct status"] = status | _CONFIRMED | _SEEN_REPLY if isinstance(status, int) else status
            new["nat destination"] = new["nat source"] = 1
        else:
            new["nat destination"] = new["nat source"] = 0
        if facts["way"] == Way.FORWARD.value or (facts["way"] == Way.LOCAL.value and facts["oif"] not in ("lo", None)):
            link = facts["oif"]
            assert isinstance(link, str)
            new["local"] = 0
            self._receive([answer], link)
        else:
            new["local"] = 1
            for branch, decision in self._decide(answer, lambda each: self.routing.outgoing(*_to(each))):
                self._out(branch, decision)

    # --- the end ---

    def _passage(self, packet: Packet, ends: list[Course]) -> Passage:
        """All courses together; what is shown is the one on which the doubts came to nothing."""
        for course in ends:
            course.outcome = course.outcome or Outcome.ACCEPT
        outcomes = {course.outcome for course in ends}
        first = min(ends, key=lambda course: sum(choice for cube in course.cubes[:1] for _, choice in cube))
        outcome = first.outcome or Outcome.ACCEPT
        doubts: tuple[Step, ...] = ()
        if Outcome.ACCEPT in outcomes and len(outcomes) > 1:
            outcome, doubts = Outcome.MAYBE, doubts_that_matter(ends, self.rules.doubts)
        elif len(outcomes) > 1:
            outcome = Outcome.DROP
        destination, port = first.facts["daddr"], first.facts["dport"]
        moved = isinstance(destination, int) and destination != packet.destination.number and first.facts["reply"] == 0
        way = Way(str(first.facts["way"]))
        return Passage(
            packet, outcome, way, first.steps(), first.rule.place if first.rule is not None else None,
            Address(packet.destination.version, destination) if moved and isinstance(destination, int) else None,
            port if isinstance(port, int) and (port != packet.port or moved) and first.facts["reply"] == 0 else None, doubts,
        )  # fmt: skip


def _facts(packet: Packet) -> dict[str, Value]:
    port = packet.source_port if packet.source_port is not None else Free(((0, 65535),), "sender")
    protocol = PROTOCOLS[packet.transport.value]
    return {
        "version": packet.destination.version, "protocol": protocol, "saddr": packet.source.number, "daddr": packet.destination.number, "sport": port,
        "dport": packet.port, "flags": _SYN if protocol == 6 else 0, "hook": "", "family": "", "iif": None, "oif": None, "mark": 0, "nftrace": 0, "tracked": "none",
        "becomes": "new", "reply": 0, "ct mark": 0, "ct status": 0, "ct zone": 0, "ct label": 0, "nat destination": 0, "nat source": 0, "local": 0, "added": None,
        "way": Way.NONE.value, **{f"{side} {at}": None for side in ("original", "reply") for at in range(4)},
    }  # fmt: skip


def _at(courses: Sequence[Course], *, iif: Value, oif: Value) -> None:
    for course in courses:
        course.facts["iif"], course.facts["oif"] = iif, oif


def _addresses(course: Course) -> tuple[int, Value, Value]:
    version = course.facts["version"]
    assert isinstance(version, int)
    return version, course.facts["saddr"], course.facts["daddr"]


def _known(course: Course) -> tuple[int, int, int]:
    """Of an address that is still unknown any stands for all: they fare alike."""
    version, source, destination = _addresses(course)
    return version, _any_of(source), _any_of(destination)


def _to(course: Course) -> tuple[int, int]:
    version, _, destination = _known(course)
    return version, destination


def _any_of(value: Value) -> int:
    if isinstance(value, Free):
        return value.spans[0][0]
    assert isinstance(value, int)
    return value


def _belongs(answer: Course) -> bool:
    """Whether conntrack takes an answer for one: not where a rule rewrote the packet behind its back."""
    facts = answer.facts
    pairs = [(facts[name], facts[f"reply {at}"]) for at, name in enumerate(("saddr", "daddr", "sport", "dport"))]
    return all(mine == wanted for mine, wanted in pairs if isinstance(mine, int) and isinstance(wanted, int))


def _confirm(course: Course) -> None:
    """What has passed postrouting is a connection of the table (nf_conntrack_confirm)."""
    status = course.facts["ct status"]
    if course.facts["tracked"] == "new" and isinstance(status, int):
        course.facts["ct status"] = status | _CONFIRMED


def _routed(course: Course, way: Way, link: str | None) -> Step:
    version, _, destination = _addresses(course)
    facts: dict[str, str | int] = {"way": way.value, "address": spell(destination, version)}
    if link is not None:
        facts["link"] = link
    return Step(None, "routed", facts, 0, course.sure)


__all__ = ["Tracer", "trace", "trace_reply"]
