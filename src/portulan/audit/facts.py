"""What an audit looks at: all facts about one port on one row, and about the firewall as a whole. Values of the model only, so that any of it can be made up by a test."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portulan.model.address import EXPOSURE_ORDER, Exposure
from portulan.model.chart import Ancestor, Endpoint, Owner
from portulan.model.finding import Doubt, Evidence, Finding, Fix, Level, Subject
from portulan.model.network import Address, Network
from portulan.model.port import Transport
from portulan.model.reach import Access, Outcome, Place, Reached, Sources, Way
from portulan.model.record import Record
from portulan.model.rule import Verdict
from portulan.model.ruleset import Chain, Ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.audit.wanted import Wanted

EVERYONE, NETWORKS, THIS_HOST, NOBODY, MAYBE, UNKNOWN = "everyone", "networks", "this-host", "nobody", "maybe", "unknown"
"""The words of `Reached.wide`."""
_COUNTER = re.compile(r" ?counter packets \d+ bytes \d+")
_NO_CHAINS: Mapping[int, tuple[Ancestor, ...]] = {}
_NO_PROGRAMS: Mapping[int, bool] = {}


class Door(Record):
    """One port of one network namespace: who holds it, who gets to it, what the registry says it is for."""

    transport: Transport
    port: int
    items: tuple[Endpoint, ...] = ()
    """The endpoints that listen there; none where a rule sends what arrives elsewhere."""
    reached: Reached | None = None
    """None: it could not be told who gets there."""
    assigned: tuple[str, ...] = ()
    """The registry's names of the port."""
    parents: Mapping[int, tuple[Ancestor, ...]] = _NO_CHAINS
    """pid -> its parent chain."""
    routed: bool = True
    """Whether this namespace has a route to the internet: without one "everyone" is not to be had."""
    replaced: Mapping[int, bool] = _NO_PROGRAMS
    """pid of a holder whose program's file is gone -> whether another file has taken its place."""

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Every holder once."""
        return tuple({owner.pid: owner for item in self.items for owner in item.owners or ()}.values())

    @property
    def exposure(self) -> Exposure:
        """How far its addresses are exposed, by themselves."""
        return max((item.exposure for item in self.items), key=EXPOSURE_ORDER.index, default=Exposure.ALL)

    @property
    def service(self) -> str | None:
        """The usual name of the port."""
        return next((item.service for item in self.items if item.service), self.assigned[0] if self.assigned else None)


class Facts(Record):
    """Everything that an audit rests on."""

    doors: tuple[Door, ...]
    ruleset: Ruleset | None = None
    """None: the rules could not be read."""
    network: Network | None = None
    wanted: Wanted | None = None
    """The ports that somebody wants open; None: nobody said."""
    netns: int | None = None
    outgoing: frozenset[tuple[str, str, str]] = frozenset()
    """(family, table, name) of the chains that only what leaves comes through: answers on their way, not who lets in."""
    useless: tuple[tuple[str, Place, Mapping[str, str | int]], ...] = ()
    """Rules that never match or change nothing, as the engine proved it: (`shadowed` or `redundant`, the rule, the facts of the proof)."""


def subject(door: Door) -> Subject:
    """What a finding about a port names."""
    addresses = tuple(dict.fromkeys(item.address for item in door.items))
    return Subject(door.transport, door.port, addresses, next((item.netns for item in door.items), None), door.service)


# --- who gets there ---


def openness(door: Door) -> tuple[str, Doubt | None]:
    """How far a port is open (`everyone`, `networks`, `this-host`, `nobody`), and the doubt. Where it is not known, what its addresses alone allow."""
    if door.reached is None or door.reached.wide == UNKNOWN:
        by_address = {Exposure.LOOPBACK: THIS_HOST, Exposure.PRIVATE: NETWORKS}.get(door.exposure, EVERYONE)
        return by_address, None if by_address == THIS_HOST else Doubt.UNREAD
    if door.reached.wide in (NETWORKS, MAYBE):
        if door.routed and _is_wide(door.reached, (Outcome.ACCEPT,)):
            return EVERYONE, None
        if door.routed and _is_wide(door.reached, (Outcome.ACCEPT, Outcome.MAYBE)):
            return EVERYONE, Doubt.DEPENDS
        return NETWORKS, None if door.reached.wide == NETWORKS else Doubt.DEPENDS
    return door.reached.wide, None


def _is_wide(reached: Reached, outcomes: tuple[Outcome, ...]) -> bool:
    return any(covers(reached, version, outcomes) > _MOST for version in (4, 6))


_MOST = 0.5
"""A share of the internet's addresses from which on it is "everyone": a list of a few that are shut out does not make a door private."""
_SPACE = {4: (0x01000000, 0xDFFFFFFF), 6: (0x2 << 124, (0x4 << 124) - 1)}
"""First and last address of what is routed on the internet: 1.0.0.0 to 223.255.255.255, 2000::/3."""


def covers(reached: Reached, version: int, outcomes: tuple[Outcome, ...] = (Outcome.ACCEPT,)) -> float:
    """The share of the internet's senders of an IP version that get to a door: 0.0 to 1.0."""
    first, last = _SPACE[version]
    spans = sorted(span for access in from_outside(reached) if access.outcome in outcomes for span in _spans(access.sources, version))
    total, at = 0, first
    for low, high in spans:
        low, high = max(low, at), min(high, last)  # noqa: PLW2901 - cut to what is new
        if low <= high:
            total += high - low + 1
            at = high + 1
    return total / (last - first + 1)


def open_to_everyone(reached: Reached, version: int) -> bool:
    """Whether the internet gets to a door by this IP version."""
    return covers(reached, version) > _MOST


def from_outside(reached: Reached) -> tuple[Access, ...]:
    """The groups of senders that are not this host."""
    return tuple(access for access in reached.accesses if access.links != ("lo",))


def _spans(sources: Sources, version: int) -> tuple[tuple[int, int], ...]:
    return sources.v4 if version == 4 else sources.v6


def forwarded(reached: Reached | None) -> tuple[Access, ...]:
    """The groups that are sent on to another address: a container behind a published port."""
    return tuple(
        access for access in (reached.accesses if reached else ()) if access.way is Way.FORWARD and access.outcome is Outcome.ACCEPT
    )


# --- evidence ---


def rule_facts(place: Place) -> Mapping[str, str | int]:
    """A rule as facts of an evidence."""
    text = _COUNTER.sub("", place.text)  # what it counted makes it another text each time
    facts: dict[str, str | int] = {"family": place.family, "table": place.table, "chain": place.chain, "text": text}
    if place.handle is not None:
        facts["handle"] = place.handle
    if place.author is not None:
        facts["author"] = place.author
    return facts


def entered(ruleset: Ruleset, *hooks: str) -> list[Chain]:
    """The chains that a packet at these hooks may come through: base chains, and those they lead to."""
    by_name = {(chain.family, chain.table, chain.name): chain for chain in ruleset.chains}
    todo = [chain for chain in ruleset.chains if chain.base and chain.base.hook in hooks and chain.family in ("ip", "ip6", "inet")]
    found: dict[tuple[str, str, str], Chain] = {}
    while todo:
        chain = todo.pop(0)
        key = (chain.family, chain.table, chain.name)
        if key in found:
            continue
        found[key] = chain
        names = [name for rule in chain.rules for part in rule.statements for name in leads_to(part)]
        todo += [by_name[chain.family, chain.table, name] for name in names if (chain.family, chain.table, name) in by_name]
    return list(found.values())


def leads_to(part: object) -> list[str]:
    """The chains that a statement jumps or goes to, by itself or in a verdict map."""
    if isinstance(part, Verdict):
        return [part.target] if part.target else []
    return [name for each in part for name in leads_to(each)] if isinstance(part, tuple) else []


def only_outgoing(ruleset: Ruleset) -> frozenset[tuple[str, str, str]]:
    """The chains that only what leaves comes through."""
    keys = [
        {(chain.family, chain.table, chain.name) for chain in entered(ruleset, *hooks)}
        for hooks in (("output", "postrouting"), ("ingress", "prerouting", "input", "forward"))
    ]
    return frozenset(keys[0] - keys[1])


def holder_evidence(door: Door) -> list[Evidence]:
    """Who listens, where."""
    if not door.items:
        return []
    names = ", ".join(dict.fromkeys(owner.name for owner in door.owners)) or (door.items[0].held_by_kernel or "")
    pids = ", ".join(str(owner.pid) for owner in door.owners[:3])
    addresses = " ".join(dict.fromkeys(item.address for item in door.items))
    if not names:
        return [Evidence("listens.unseen", {"addresses": addresses})]
    if not pids:
        return [Evidence("listens.kernel", {"what": names, "addresses": addresses})]
    return [Evidence("listens", {"name": names, "pids": pids, "addresses": addresses})]


def reach_evidence(door: Door, outgoing: frozenset[tuple[str, str, str]] = frozenset(), *, limit: int = 2) -> list[Evidence]:
    """By which rules strangers get in; or why that is not known."""
    if door.reached is None or door.reached.wide == UNKNOWN:
        return [Evidence("reach.unread", {"exposure": door.exposure.value})]
    found: list[Evidence] = []
    for access in from_outside(door.reached):
        if access.outcome is Outcome.MAYBE:
            found += [Evidence("reach.depends", rule_facts(place)) for place in access.doubts[:limit]] or [
                Evidence("reach.depends-unknown")
            ]
        elif access.outcome is Outcome.ACCEPT:
            if access.target:
                found.append(Evidence("sent-on", {"target": access.target}))
            if access.rule is None:
                found.append(Evidence("let-in.no-rule"))
            elif (
                access.rule.hook not in ("postrouting", "output")
                and (access.rule.family, access.rule.table, access.rule.chain) not in outgoing
            ):
                found.append(Evidence("let-in", rule_facts(access.rule)))
    return _once(found)[: 2 * limit]


def _once(found: Iterable[Evidence]) -> list[Evidence]:
    kept: dict[str, Evidence] = {}
    for one in found:
        kept.setdefault(repr(one), one)
    return list(kept.values())


def private_only(network: Network | None) -> bool:
    """Whether this host is known to have no address that the internet routes to: then "everyone" is whoever is in its networks."""
    if network is None:
        return False
    own = [address for link in network.links if link.name != "lo" for address, _ in link.addresses]
    return bool(own) and not any(_is_public(address) for address in own)


def _is_public(address: Address) -> bool:
    from portulan.model.address import exposure_of

    return exposure_of(address.number.to_bytes(4 if address.version == 4 else 16)) is Exposure.PUBLIC


def door_finding(
    id_: str, level: Level, door: Door, facts: Facts, *, doubt: Doubt | None = None, evidence: Iterable[Evidence] = (), fixes: tuple[Fix, ...] = (),
    more: Mapping[str, str | int] | None = None,
) -> Finding:  # fmt: skip
    """A finding about who gets to a port: with its holder, the rules that let in, and what the word everyone is worth here."""
    seen = [*holder_evidence(door), *reach_evidence(door, facts.outgoing), *evidence]
    told: dict[str, str | int] = {"port": f"{door.port}/{door.transport.value}", **(more or {})}
    return Finding(id_, level, subject(door), tuple(seen), fixes, told, doubt)
