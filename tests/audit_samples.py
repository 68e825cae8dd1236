"""Doors, rules and networks for the audit's tests, made up in few words."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_address, ip_interface, ip_network

from portulan.audit.facts import Door, Facts
from portulan.model.address import Exposure, exposure_of
from portulan.model.chart import Ancestor, Endpoint, Owner, Ownership, Socket, State
from portulan.model.network import Address, Link, Network, Route
from portulan.model.port import Transport, port_class
from portulan.model.reach import Access, Outcome, Place, Reached, Sources, Way
from portulan.model.rule import Field, Match, Members, Name, Names, Rule, Spans, Verdict, VerdictKind
from portulan.model.ruleset import Base, Chain, Ruleset, Table

TCP, UDP = Transport.TCP, Transport.UDP
ALL4, ALL6 = ((0, 2**32 - 1),), ((0, 2**128 - 1),)
OFFICE4 = ((int(ip_address("203.0.113.0")), int(ip_address("203.0.113.255"))),)
TODAY = date(2026, 3, 1)
ACCEPT, DROP = VerdictKind.ACCEPT, VerdictKind.DROP


# --- who listens ---


def owner(name: str = "server", pid: int = 700, **more: object) -> Owner:
    facts: dict[str, object] = {
        "fd": 3, "command": (f"/usr/sbin/{name}",), "executable": f"/usr/sbin/{name}", "uid": 0, "user": "root", "unit": f"{name}.service",
    }  # fmt: skip
    return Owner(pid=pid, name=name, **{**facts, **more})  # type: ignore[arg-type]


def endpoint(
    port: int, address: str = "0.0.0.0", transport: Transport = TCP, owners: tuple[Owner, ...] | None = (owner(),), **more: object
) -> Endpoint:
    v6_only = None if "." in address else False
    facts: dict[str, object] = {
        "port_class": port_class(port), "service": None, "state": State.LISTENING if transport is TCP else State.BOUND,
        "exposure": exposure_of(ip_address(address).packed), "netns": 1, "owners": owners,
        "ownership": Ownership.PROCESS if owners else Ownership.FORBIDDEN, "sockets": (Socket(1, 1, v6_only=v6_only),),
    }  # fmt: skip
    return Endpoint(transport=transport, port=port, address=address, **{**facts, **more})  # type: ignore[arg-type]


def door(
    port: int,
    *,
    wide: Reached | str | None = "everyone",
    name: str = "server",
    address: str = "0.0.0.0",
    transport: Transport = TCP,
    **more: object,
) -> Door:
    """A port held by a program of this name; `wide` is a word of `Reached.wide`, what is reached, or None for unknown."""
    owners = more.pop("owners", (owner(name),))
    found = reached(port, wide, transport) if isinstance(wide, str) else wide
    service = more.pop("service", None)
    return Door(transport, port, (endpoint(port, address, transport, owners, service=service),), found, **more)  # type: ignore[arg-type]


def reached(port: int, wide: str, transport: Transport = TCP, *accesses: Access) -> Reached:
    groups = {
        "everyone": (access(), access(links=("lo",))),
        "networks": (access(v4=OFFICE4, v6=()), access(Outcome.DROP, rule=POLICY), access(links=("lo",))),
        "this-host": (access(Outcome.DROP, rule=POLICY), access(links=("lo",))),
        "nobody": (access(Outcome.DROP, rule=POLICY),),
        "maybe": (access(Outcome.MAYBE, doubts=(RULE,)),),
        "unknown": (),
    }
    return Reached(transport, port, accesses or groups[wide], wide)


RULE = Place("inet", "filter", "input", 12, "tcp dport 22 counter packets 5 bytes 300 accept", "input")
POLICY = Place("inet", "filter", "input", None, "policy drop", "input", policy=True)


def access(
    outcome: Outcome = Outcome.ACCEPT, v4=ALL4, v6=ALL6, links=("eth0",), rule: Place | None = None, way: Way = Way.INPUT, **more: object
) -> Access:
    return Access(outcome, Sources(v4, v6), links, rule or (RULE if outcome is Outcome.ACCEPT else None), way, **more)  # type: ignore[arg-type]


# --- the network ---


def network(*addresses: str, links: tuple[Link, ...] = (), routed: bool = True) -> Network:
    """eth0 with these addresses (`198.51.100.4/24`), and a default route."""
    held = tuple((Address(one.version, int(one.ip)), one.network.prefixlen) for one in map(ip_interface, addresses))
    eth0 = Link(2, "eth0", addresses=held)
    routes = (Route(4, 0, 0, links=("eth0",)), Route(6, 0, 0, links=("eth0",))) if routed else ()
    return Network(1, (Link(1, "lo", type=772), eth0, *links), routes)


PUBLIC = network("198.51.100.4/24", "2001:db8::4/64")
GLOBAL = network("8.8.8.8/24", "2a00::4/64", "fe80::4/64")


# --- rules ---


def spans(*numbers: int | tuple[int, int]) -> Members:
    pairs = [one if isinstance(one, tuple) else (one, one) for one in numbers]
    return Members(spans=Spans([first for first, _ in pairs], [last for _, last in pairs]))


def is_in(group: str, name: str, *numbers: int | tuple[int, int], negated: bool = False) -> Match:
    return Match(Field(group, name), spans(*numbers), negated)


def net(group: str, name: str, text: str) -> Match:
    found = ip_network(text)
    return is_in(group, name, (int(found[0]), int(found[-1])))


def interface(*names: str, field: str = "iifname", negated: bool = False) -> Match:
    return Match(Field("meta", field), Members(names=Names(tuple(Name(one) for one in names))), negated)


ESTABLISHED = is_in("ct", "state", 2, 4)


def rule(*statements: object, handle: int = 7) -> Rule:
    return Rule(handle, statements)  # type: ignore[arg-type]


def verdict(kind: VerdictKind, target: str | None = None) -> Verdict:
    return Verdict(kind, target)


def base(*rules: Rule, family: str = "inet", hook: str = "input", policy: VerdictKind = ACCEPT, name: str | None = None, table: str = "filter", priority: int = 0, kind: str = "filter") -> Chain:  # fmt: skip
    return Chain(family, table, name or hook, rules, Base(kind, hook, priority, policy))


def chain(name: str, *rules: Rule, family: str = "inet", table: str = "filter") -> Chain:
    return Chain(family, table, name, rules)


def ruleset(*chains: Chain, **more: object) -> Ruleset:
    tables = tuple(
        Table(family, name, legacy=name.startswith("legacy:")) for family, name in dict.fromkeys((one.family, one.table) for one in chains)
    )
    return Ruleset(**{"tables": tables, "chains": chains, **more})  # type: ignore[arg-type]


DEFAULT_DROP = ruleset(
    base(rule(ESTABLISHED, verdict(ACCEPT)), rule(is_in("icmpv6", "type", (1, 4), (128, 136)), verdict(ACCEPT)), policy=DROP)
)


def facts(*doors: Door, **more: object) -> Facts:
    """What an audit rests on; the rules drop by default and let in what IPv6 needs."""
    return Facts(doors, **{"ruleset": DEFAULT_DROP, "network": GLOBAL, "netns": 1, **more})  # type: ignore[arg-type]


def ids(found: object) -> list[str]:
    return [one.id for one in found]  # type: ignore[attr-defined]


SHELL = (Ancestor(650, "bash"), Ancestor(640, "sshd"), Ancestor(1, "systemd"))
LOOPBACK = Exposure.LOOPBACK
