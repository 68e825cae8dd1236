"""What every policy keeps: answers, this host speaking to itself, what IP itself cannot do without (RFC 4890 section 4.4), and DHCP for this host."""

from __future__ import annotations

from portulan.guard.policy.compile_draft import ACCEPT, compared, equals, goto, rule
from portulan.model.rule import Binary, Choose, Element, Field, Match, Members, Name, Number, Range, Spans
from portulan.model.rule import Names as Texts
from portulan.model.rule_words import CT_STATE, CT_STATUS, FAMILIES, PROTOCOLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.rule import Rule

ICMP_ERRORS = (3, 11, 12)
"""Destination unreachable (fragmentation needed among them: RFC 1191), time exceeded, parameter problem."""
ECHO_REQUEST = 8
ICMPV6_ANYWHERE = (1, 2, 3, 4, 128, 129)
"""Errors, packet too big among them, and echo (RFC 4890 section 4.4.1)."""
ICMPV6_NEIGHBOURS = (133, 134, 135, 136, 141, 142, 148, 149)
"""Neighbour discovery, inverse and secured: with a hop limit of 255 they come from this link (RFC 4861 section 6.1, RFC 3971)."""
ICMPV6_LISTENERS = (130, 131, 132, 143, 151, 152, 153)
"""Multicast listeners and routers: from link-local addresses (RFC 2710, RFC 3810, RFC 4286)."""
_LINK_LOCAL = 0xFE80 << 112, (0xFE80 << 112) + (1 << 118) - 1
_SERVER_4, _CLIENT_4, _SERVER_6, _CLIENT_6 = 67, 68, 547, 546
_IPV4 = equals("meta", "nfproto", FAMILIES["ipv4"])


def _flags(name: str, bits: int) -> Match:
    """One of these bits of a connection's state or status."""
    return Match(Binary("&", Field("ct", name), Number(bits)), Members(spans=Spans((0,), (0,))), negated=True, written="in")


ANSWERS = _flags("state", CT_STATE["established"] | CT_STATE["related"])
INVALID = _flags("state", CT_STATE["invalid"])
REDIRECTED = _flags("status", CT_STATUS["dnat"])
ICMP, ICMPV6 = PROTOCOLS["icmp"], PROTOCOLS["icmpv6"]


def _link_local(field: str) -> Match:
    return compared(Field("ip6", field), *_LINK_LOCAL)


def _ports(source: int, destination: int) -> tuple[Match, Match]:
    return equals("udp", "sport", source), equals("udp", "dport", destination)


def loopback(*, out: bool) -> Rule:
    """This host speaks to itself."""
    return rule(
        Match(Field("meta", "oifname" if out else "iifname"), Members(names=Texts((Name("lo"),)))), ACCEPT, comment="this host itself"
    )


def by_state(strange: str) -> list[Rule]:
    """Answers are let through; what belongs to no connection that is known goes to the chain `strange`. What is new goes on.

    No map: while a table is replaced, a packet that is still judged by its old rules finds a map of theirs empty (the kernel takes its elements out of force
    first), so that an answer would pass for new and be refused, and its connection reset. Two comparisons do not look anything up.
    """
    return [rule(ANSWERS, ACCEPT), rule(INVALID, goto(strange))]


def by_protocol(chains: dict[int, str]) -> Rule:
    """To the chain of a packet's protocol (by its number), if it has one."""
    elements = tuple(Element((Range(number, number),), goto(chain)) for number, chain in chains.items())
    return rule(Choose(Field("meta", "l4proto"), Members(elements=elements)))


def icmp() -> list[Rule]:
    """What is kept of ICMP."""
    return [rule(equals("icmp", "type", *ICMP_ERRORS), ACCEPT, comment="errors, path MTU")]


def icmpv6(*, out: bool) -> list[Rule]:
    """What is kept of ICMPv6."""
    # A host that has no address yet tells of itself from none (RFC 3590).
    listeners = () if out else (_link_local("saddr"),)
    return [
        rule(equals("icmpv6", "type", *ICMPV6_ANYWHERE), ACCEPT, comment="errors, path MTU, echo: RFC 4890"),
        rule(equals("icmpv6", "type", *ICMPV6_NEIGHBOURS), equals("ip6", "hoplimit", 255), ACCEPT, comment="neighbour discovery: RFC 4890"),
        rule(*listeners, equals("icmpv6", "type", *ICMPV6_LISTENERS), ACCEPT, comment="multicast listeners: RFC 4890"),
    ]


def dhcp(*, out: bool) -> list[Rule]:
    """A DHCP client of this host asks, and is answered."""
    if out:
        found = (_IPV4, *_ports(_CLIENT_4, _SERVER_4)), (_servers_6(), *_ports(_CLIENT_6, _SERVER_6))
    else:
        found = (_IPV4, *_ports(_SERVER_4, _CLIENT_4)), (_link_local("saddr"), *_ports(_SERVER_6, _CLIENT_6))
    return [rule(*one, ACCEPT, comment="DHCP") for one in found]


def _servers_6() -> Match:
    """A DHCPv6 client asks all servers of the link, ff02::1:2, or one of them (RFC 8415 section 7.1)."""
    group = 0xFF02 << 112 | 0x1_0002
    first, last = _LINK_LOCAL
    return Match(Field("ip6", "daddr"), Members(spans=Spans((first, group), (last, group))))
