"""Rules, chains and networks as values, in few words, for tests that need no nft."""

from ipaddress import ip_address, ip_network

from portulan.model.network import Address, Link, Network, Route
from portulan.model.port import Transport
from portulan.model.reach import Packet
from portulan.model.rule import (
    Assign,
    Choose,
    Element,
    Field,
    Match,
    Members,
    Name,
    Named,
    Names,
    Number,
    Range,
    Rule,
    Spans,
    Translate,
    Verdict,
    VerdictKind,
)
from portulan.model.ruleset import Base, Chain, NamedSet, Ruleset, Table

ACCEPT, DROP, RETURN, CONTINUE = (Verdict(VerdictKind(word)) for word in ("accept", "drop", "return", "continue"))


def jump(target):
    return Verdict(VerdictKind.JUMP, target)


def goto(target):
    return Verdict(VerdictKind.GOTO, target)


def field(text):
    """`tcp dport`, `ct original proto-dst`, `meta iifname`."""
    group, _, name = text.partition(" ")
    first, _, rest = name.partition(" ")
    return Field(group, rest, first) if group == "ct" and first in ("original", "reply") else Field(group, name)


def span(value):
    """A number, (first, last), an address or a network, as first and last."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, int):
        return value, value
    network = ip_network(value)
    return int(network[0]), int(network[-1])


def members(*values):
    """`@name`, names of interfaces (`eth*`), or numbers."""
    if len(values) == 1 and isinstance(values[0], str) and values[0].startswith("@"):
        return Named(values[0][1:])
    if values and all(isinstance(value, str) and not value[0].isdigit() and ":" not in value for value in values):
        return Members(names=Names(tuple(name(value) for value in values)))
    spans = [span(value) for value in values]
    return Members(spans=Spans(tuple(first for first, _ in spans), tuple(last for _, last in spans)))


def name(text):
    return Name(text[:-1], prefix=True) if text.endswith("*") else Name(text)


def match(left, *values, negated=False):
    return Match(field(left) if isinstance(left, str) else left, members(*values), negated=negated)


def element(key, data=None, **more):
    """A key of one or several parts: numbers, (first, last), addresses, names."""
    parts = key if isinstance(key, list) else [key]
    made = tuple(name(part) if isinstance(part, str) and part[0].isalpha() and ":" not in part else Range(*span(part)) for part in parts)
    return Element(made, data, **more)


def vmap(left, arms, default=None):
    """`left vmap { key : verdict, … }`."""
    elements = [element(key, verdict) for key, verdict in arms]
    if default is not None:
        elements.append(Element((), default, wildcard=True))
    return Choose(field(left) if isinstance(left, str) else left, Members(elements=tuple(elements)))


def mark(number):
    return Assign(Field("meta", "mark"), Number(number))


def dnat(to=None, port=None, kind="dnat", family=None):
    return Translate(kind, family, None if to is None else Range(*span(to)), None if port is None else Range(*span(port)))


def chain(chain_name, *rules, hook=None, priority=0, policy="accept", kind="filter", family="inet", table="t", devices=()):
    """Each rule as a tuple of statements; their handles count from 1."""
    base = None if hook is None else Base(kind, hook, priority, VerdictKind(policy), devices)
    made = tuple(Rule(at, rule if type(rule) is tuple else (rule,)) for at, rule in enumerate(rules, 1))
    return Chain(family, table, chain_name, made, base)


def ruleset(*chains, sets=(), **more):
    tables = tuple(Table(family, table) for family, table in dict.fromkeys((each.family, each.table) for each in chains))
    return Ruleset(**{"tables": tables, "chains": chains, "sets": {(each.family, each.table, each.name): each for each in sets}, **more})


def named_set(set_name, *values, elements=None, unread=False, **more):
    known = None if unread else Members(elements=tuple(elements)) if elements is not None else members(*values)
    return NamedSet("inet", "t", set_name, ("ipv4_addr",), known, **more)


def address(text):
    one = ip_address(text)
    return Address(one.version, int(one))


def network(**more):
    """eth0 198.18.0.2/24 and fd00::2/64 to everybody, eth2 198.18.2.1/24 and fd00:2::1/64 to a container at .2."""
    links = (
        Link(1, "lo", "loopback", type=772, addresses=((address("127.0.0.1"), 8), (address("::1"), 128))),
        Link(2, "eth0", addresses=((address("198.18.0.2"), 24), (address("fd00::2"), 64)), forwards4=True, forwards6=True),
        Link(
            4, "eth2", "veth", group=5, addresses=((address("198.18.2.1"), 24), (address("fd00:2::1"), 64)), forwards4=True, forwards6=True
        ),
    )
    routes = [route(text, "local", "lo", 255) for text in ("127.0.0.0/8", "::1")]
    routes += [
        route(text, "local", link, 255)
        for text, link in (("198.18.0.2", "eth0"), ("fd00::2", "eth0"), ("198.18.2.1", "eth2"), ("fd00:2::1", "eth2"))
    ]
    routes += [route("198.18.0.255", "broadcast", "eth0", 255), route("198.18.2.255", "broadcast", "eth2", 255)]
    routes += [route(text, "unicast", "eth0") for text in ("198.18.0.0/24", "fd00::/64", "0.0.0.0/0", "::/0")]
    routes += [route(text, "unicast", "eth2") for text in ("198.18.2.0/24", "fd00:2::/64")]
    return Network(**{"links": links, "routes": tuple(routes), **more})


def route(text, kind, link, table=254, metric=0):
    whole = ip_network(text)
    return Route(whole.version, int(whole[0]), whole.prefixlen, kind, (link,), metric, table)


HOST, CONTAINER, SENDER = {4: "198.18.0.2", 6: "fd00::2"}, {4: "198.18.2.2", 6: "fd00:2::2"}, {4: "203.0.113.9", 6: "2001:db8::9"}


def packet(port=22, source=None, to=None, transport="tcp", source_port=40000, link="eth0", version=4):
    """To the host, from somebody far away."""
    return Packet(Transport(transport), address(source or SENDER[version]), address(to or HOST[version]), port, source_port, link)
