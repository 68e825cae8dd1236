"""What is known of new packets before any of them comes, lane by lane.

A lane is all packets that differ in nothing but their source address and the port they were sent to: one way in (interface and destination), one transport, and
everything that rules gave them on the way (marks, a translated destination). Whatever a rule may ask about them is then the source address itself, the port itself, a
constant, nothing at all, or not to be known. Lanes are told apart by their bit, so that a set of lanes is one number.
"""

from __future__ import annotations

from enum import Enum

from portulan.model.record import Record
from portulan.model.rule_words import CT_DIRECTION, CT_STATE, CT_STATUS, ETHER_TYPES, FAMILIES, PACKET_TYPES, TCP_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from portulan.model.network import Link
    from portulan.model.rule import Field

TCP, UDP, SCTP = 6, 17, 132
_HEADERS = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}
BEFORE_TRACKING = -200
"""NF_IP_PRI_CONNTRACK of include/uapi/linux/netfilter_ipv4.h: chains before it see no connection."""


class Special(Enum):
    """Values that are not one number or name."""

    SOURCE = "source"
    """Each packet's own source address."""
    PORT = "port"
    """The port it was sent to, before any translation."""
    ABSENT = "absent"
    """The packet has no such thing: every comparison with it fails."""
    UNKNOWN = "unknown"
    """It cannot be known beforehand."""

    __hash__ = object.__hash__


SOURCE, PORT, ABSENT, UNKNOWN = Special


class OneOf(Record):
    """One of the numbers first to last, both inside: NAT takes whichever it likes."""

    first: int
    last: int


class Among(Record):
    """One of a few numbers, sorted: it depends on something that cannot be known."""

    numbers: tuple[int, ...]


if TYPE_CHECKING:
    Value: TypeAlias = int | str | OneOf | Among | Special

_FEW = 16


def either(left: Value, right: Value) -> Value:
    """A value that is one or the other."""
    numbers: set[int] = set()
    for value in (left, right):
        if isinstance(value, int):
            numbers.add(value)
        elif isinstance(value, Among):
            numbers.update(value.numbers)
        else:
            return left if left == right else UNKNOWN
    return Among(tuple(sorted(numbers))) if 1 < len(numbers) <= _FEW else left if len(numbers) == 1 else UNKNOWN


def one_of(first: int, last: int) -> Value:
    """A number, if there is only one to choose from."""
    return first if first == last else OneOf(first, last)


class Entry(Record):
    """One way in: interfaces and destinations that no rule tells apart. The first of each stands for all."""

    links: tuple[Link, ...]
    addresses: tuple[int, ...]
    local: bool = False
    """This host speaks to itself."""


class Lane:
    """See the head of this file."""

    def __init__(self, number: int, entry: Entry, transport: int, senders: int, active: int = 0) -> None:
        """A lane that nothing has changed yet. `senders`: the set of sources that the kernel lets in by it; `active`: the set of its ports that are asked about."""
        self.number = number
        self.entry = entry
        self.transport = transport
        self.senders = senders
        self.active = active
        self.bit = 1 << number
        self.iif = entry.links[0].name
        self.oif: Value = ""
        self.source: Value = entry.addresses[0] if entry.local else SOURCE
        self.destination: Value = entry.addresses[0]
        self.port: Value = PORT
        self.facts: dict[tuple[str, str, str | None], Value] = {}
        """What rules have set: field -> value."""
        self.tracked = True
        self.translated = False
        self.changed = False
        """Whether NAT gave it another destination than it had."""
        self.masked = False
        """Whether the sender's address was translated."""
        self.parent: Lane | None = None
        self.children: list[Lane] = []
        self.sure = True
        """Whether its packets surely left the parent lane for it."""
        self.place: int | None = None
        """What made it: the number of the rule."""
        self.target: str | None = None
        self.born = 0
        """Number of the first layer that its packets meet in it."""

    def child(self, number: int, senders: int, active: int) -> Lane:
        """A lane that goes on with the packets of some senders of this one."""
        made = Lane(number, self.entry, self.transport, senders, active)
        for name in ("iif", "oif", "source", "destination", "port", "tracked", "translated", "changed", "masked", "target"):
            setattr(made, name, getattr(self, name))
        made.facts = dict(self.facts)
        made.parent = self
        self.children.append(made)
        return made


class Moment(Record):
    """When a rule asks: at which hook, before connection tracking or after the hook's NAT, of the packet itself or of the answer to it."""

    hook: str
    early: bool = False
    reply: bool = False
    late: bool = False


_NOT_CARRIED = frozenset({
    "icmp", "icmpv6", "igmp", "arp", "vlan", "8021q", "8021ad", "esp", "ah", "comp", "dccp", "udplite", "gre", "vxlan", "geneve", "gretap", "mh", "rt", "rt0", "rt2",
    "rt4", "hbh", "dst", "frag", "exthdr", "dccp option", "ip option", "ipsec",
})  # fmt: skip
_ETHERNET = 1
"""ARPHRD_ETHER of include/uapi/linux/if_arp.h."""
_INTERFACES_IN = {"iif", "iifname", "ibrname", "ibriport", "iiftype", "iifgroup", "iifkind"}
_LINK_FACTS: dict[str, Callable[[Link], Value]] = {
    "if": lambda link: link.name,
    "ifname": lambda link: link.name,
    "iftype": lambda link: link.type,
    "ifgroup": lambda link: link.group,
    "ifkind": lambda link: link.kind,
}


_SOURCE_DONE, _DESTINATION_DONE = 1 << 7, 1 << 8
"""IPS_SRC_NAT_DONE and IPS_DST_NAT_DONE of include/uapi/linux/netfilter/nf_conntrack_common.h: NAT has looked at the connection."""


def _status(lane: Lane, moment: Moment) -> Value:
    """Bits of `ct status` of a new connection."""
    if lane.masked:
        return UNKNOWN
    bits = CT_STATUS["dnat"] if lane.changed else 0
    looped = lane.entry.local and moment.hook in ("prerouting", "input")
    if lane.translated or looped or moment.late or moment.hook in ("input", "forward", "postrouting"):
        bits |= _DESTINATION_DONE
    if looped:
        bits |= _SOURCE_DONE | CT_STATUS["confirmed"]
    elif moment.late and moment.hook in ("input", "postrouting"):
        bits |= _SOURCE_DONE
    return bits


class Facts:
    """Answers what a field is for the packets of a lane, in one IP version."""

    def __init__(self, version: int, links: dict[str, Link]) -> None:
        """`links` by name."""
        self.version = version
        self.links = links
        self.header = "ip" if version == 4 else "ip6"
        self.marks = False
        """Whether any rule sets a mark: then those of answers cannot be known."""

    def value(self, lane: Lane, field: Field, moment: Moment) -> Value:  # noqa: PLR0911 - a table
        """What the field is; `fib` is asked elsewhere, since it depends on routes."""
        group, name = field.group, field.name
        if field.exists:
            return self._exists(lane, field)
        found = lane.facts.get((group, name, field.direction)) if not moment.reply else None
        if found is not None:
            return found
        if group in ("ip", "ip6"):
            return self._header(lane, group, name, moment)
        if group in ("tcp", "udp", "sctp", "th"):
            return self._transport(lane, group, name, moment)
        if group == "meta":
            return self._meta(lane, name, moment)
        if group == "ct":
            return self._tracking(lane, field, moment)
        if group == "ether":
            return self._frame(lane, name, moment)
        if group in _NOT_CARRIED or (group == "sctp chunk" and lane.transport != SCTP):
            return ABSENT
        return self._raw(lane, group, name, moment)

    def _frame(self, lane: Lane, name: str, moment: Moment) -> Value:
        if moment.hook not in ("ingress", "prerouting", "input", "forward") or moment.reply:
            return UNKNOWN
        if lane.entry.links[0].type != _ETHERNET:  # nft asks for it, and does not print that
            return ABSENT
        return ETHER_TYPES[self.header] if name == "type" else UNKNOWN

    def _exists(self, lane: Lane, field: Field) -> Value:
        """What is asked about here are plain packets: no extension headers, no options, no IPsec."""
        if field.group in ("exthdr", "ip option"):
            return 0 if (field.group == "exthdr") == (self.version == 6) else ABSENT
        if field.group == "dccp option" or (field.group == "sctp chunk" and lane.transport != SCTP):
            return ABSENT
        return 0 if field.group == "meta" and field.name in ("ipsec", "secpath") else UNKNOWN

    def _header(self, lane: Lane, group: str, name: str, moment: Moment) -> Value:  # noqa: PLR0911 - a table
        if group != self.header:
            return ABSENT
        if name == "saddr":
            return lane.destination if moment.reply else lane.source
        if name == "daddr":
            return lane.source if moment.reply else lane.destination
        if name in ("protocol", "nexthdr"):
            return lane.transport
        if name == "version":
            return self.version
        if name == "hdrlength":
            return 5
        return UNKNOWN

    def _transport(self, lane: Lane, group: str, name: str, moment: Moment) -> Value:
        if group not in ("th", _HEADERS[lane.transport]):
            return ABSENT
        if name == ("sport" if moment.reply else "dport"):
            return lane.port
        if group == "tcp" and name == "flags" and not moment.reply:
            return TCP_FLAGS["syn"]
        if (group, name) in (("tcp", "ackseq"), ("sctp", "vtag")) and not moment.reply:
            return 0
        return UNKNOWN

    def _raw(self, lane: Lane, group: str, name: str, moment: Moment) -> Value:
        """`th,16,16`: offset and length in bits of the network (`nh`) or transport (`th`) header."""
        base, _, where = f"{group},{name}".replace(" ", ",").removeprefix("raw,").partition(",")
        if base == "th" and where in ("16,16", "0,16"):
            return self._transport(lane, "th", "dport" if where == "16,16" else "sport", moment)
        places = {"96,32": "saddr", "128,32": "daddr"} if self.version == 4 else {"64,128": "saddr", "192,128": "daddr"}
        if base == "nh" and where in places:
            return self._header(lane, self.header, places[where], moment)
        return UNKNOWN

    def _meta(self, lane: Lane, name: str, moment: Moment) -> Value:  # noqa: PLR0911 - a table
        if name == "l4proto":
            return lane.transport
        if name == "nfproto":
            return FAMILIES["ipv4" if self.version == 4 else "ipv6"]
        if name == "protocol":
            return ETHER_TYPES[self.header]
        if name == "mark":
            return UNKNOWN if moment.reply and self.marks else 0
        if name == "pkttype":
            return PACKET_TYPES["host"]
        if (
            name in ("skuid", "skgid", "skuser", "skgroup", "cgroup")
            and moment.hook in ("ingress", "prerouting", "input", "forward")
            and not lane.entry.local
        ):
            return ABSENT if name != "cgroup" else UNKNOWN
        kind = name[1:]
        if kind in _LINK_FACTS and name[0] in "io":
            return self._link(lane, name[0] == "i", kind, moment)
        return UNKNOWN

    def _link(self, lane: Lane, coming: bool, kind: str, moment: Moment) -> Value:  # noqa: FBT001 - internal
        """An interface; where the packet has none at this hook its name is empty and it has no type (net/netfilter/nft_meta.c, nft_meta_get_eval_ifname)."""
        link: Value
        if moment.reply:
            here = {
                "output": (False, True),
                "postrouting": (lane.oif != "", True),
                "prerouting": (True, False),
                "forward": (True, True),
            }.get(moment.hook, (False, True))
            link = (lane.oif if here[0] else "") if coming else (lane.iif if here[1] else "")
        elif lane.entry.local:
            link = lane.iif if (moment.hook in ("prerouting", "input", "ingress")) == coming else ""
            if moment.hook in ("postrouting", "egress") and not coming:
                link = lane.oif
        elif coming:
            link = lane.iif
        else:
            link = lane.oif if moment.hook in ("forward", "postrouting", "egress") else ""
        if isinstance(link, Special):
            return UNKNOWN
        if link == "":
            return "" if kind in ("if", "ifname") else ABSENT
        known = self.links.get(str(link))
        return UNKNOWN if known is None else _LINK_FACTS[kind](known)

    def _tracking(self, lane: Lane, field: Field, moment: Moment) -> Value:  # noqa: PLR0911 - a table
        name = field.name
        if moment.early or moment.hook in ("ingress", "egress"):
            return CT_STATE["invalid"] if name == "state" else ABSENT
        if not lane.tracked:
            return CT_STATE["untracked"] if name == "state" else ABSENT
        if moment.reply:
            return {"state": CT_STATE["established"], "direction": CT_DIRECTION["reply"]}.get(name, UNKNOWN)
        if name in ("state", "direction", "status", "mark", "zone", "label", "l3proto", "protocol"):
            return {
                "state": CT_STATE["new"],
                "direction": CT_DIRECTION["original"],
                "status": _status(lane, moment),
                "l3proto": FAMILIES["ipv4" if self.version == 4 else "ipv6"],
                "protocol": lane.transport,
            }.get(name, 0)
        if name == "helper":
            return UNKNOWN
        version = name.partition(" ")[0]
        if version in ("ip", "ip6") and version != self.header:
            return ABSENT
        end = name.rpartition(" ")[2]
        if field.direction == "original":
            return {"saddr": lane.source, "daddr": lane.entry.addresses[0], "proto-dst": PORT}.get(end, UNKNOWN)
        if field.direction == "reply":
            return {"saddr": lane.destination, "daddr": lane.source, "proto-src": lane.port}.get(end, UNKNOWN)
        return UNKNOWN
