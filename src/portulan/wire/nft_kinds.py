"""What kind of constant each of nft's fields and set types is compared with: how many bits, which words (nft(8), PAYLOAD EXPRESSIONS and DATA TYPES)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from portulan.model import rule_words as words
from portulan.model.record import Record
from portulan.model.rule import Binary, Concat, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.rule import Expression

_NO_WORDS: Mapping[str, int] = {}
_NO_NUMBERS: Mapping[int, int] = {}


class Kind(Record):
    """How constants of one kind are written."""

    form: str
    """number, ipv4, ipv6, ether, name (an interface's, perhaps with *), interface (a name for a number), text, label."""
    bits: int = 0
    """How many; 0 where it is not known."""
    words: Mapping[str, int] = _NO_WORDS
    hexadecimal: int = 0
    """nft prints these in hexadecimal, with so many digits."""
    joined: bool = False
    """Flags: several words stand for all their bits."""
    quoted: bool = False
    seconds: bool = False
    """nft prints these as durations."""
    swapped: Mapping[int, int] = _NO_NUMBERS
    """What nft -n prints -> what it means: of these, 1.0.6 on little-endian machines swaps the bytes. None of the keys means anything by itself."""


def _swapped(words: Mapping[str, int]) -> dict[int, int]:
    return {number >> 8 | (number & 255) << 8: number for number in words.values()}


NUMBER = Kind("number")
BOOLEAN = Kind("number", 1)
N4, N8, N16, N32, N64 = (Kind("number", bits) for bits in (4, 8, 16, 32, 64))
IPV4, IPV6, ETHER = Kind("ipv4", 32), Kind("ipv6", 128), Kind("ether", 48)
IFNAME, IFINDEX, TEXT, LABEL = Kind("name", quoted=True), Kind("interface", 32, quoted=True), Kind("text", quoted=True), Kind("label", 128)
MOMENT = Kind("text", 64, quoted=True)
DAY = Kind("number", 8, words.DAYS, quoted=True)
PLAIN = Kind("text")
PROTOCOL = Kind("number", 8, words.PROTOCOLS)
MARK = Kind("number", 32, hexadecimal=8)
ETHER_TYPE = Kind("number", 16, words.ETHER_TYPES, swapped=_swapped(words.ETHER_TYPES))
CT_STATE = Kind("number", 32, words.CT_STATE, joined=True)
CT_STATUS = Kind("number", 32, words.CT_STATUS, joined=True)
CT_DIRECTION = Kind("number", 8, words.CT_DIRECTION)
CT_EVENT = Kind("number", 32, words.CT_EVENT, joined=True)
TCP_FLAGS = Kind("number", 8, words.TCP_FLAGS, hexadecimal=2, joined=True)
FAMILY = Kind("number", 8, words.FAMILIES)
PACKET_TYPE = Kind("number", 8, {name: number for name, number in words.PACKET_TYPES.items() if name != "unicast"})
FIB_TYPE = Kind("number", 32, words.FIB_TYPES)
ICMP_TYPE, ICMP_CODE = Kind("number", 8, words.ICMP_TYPES), Kind("number", 8, words.ICMP_CODES)
ICMPV6_TYPE, ICMPV6_CODE = Kind("number", 8, words.ICMPV6_TYPES), Kind("number", 8, words.ICMPV6_CODES)
ICMPX_CODE = Kind("number", 8, words.ICMPX_CODES)
DSCP, ECN = Kind("number", 6, words.DSCP), Kind("number", 2, words.ECN)
DEVICE_TYPE = Kind("number", 16, words.DEVICE_TYPES)
GROUP = Kind("number", 32, {"default": 0}, quoted=True)
ARP_OPERATION = Kind("number", 16, words.ARP_OPERATIONS, swapped=_swapped(words.ARP_OPERATIONS))
IGMP_TYPE = Kind("number", 8, words.IGMP_TYPES)
DCCP_TYPE = Kind("number", 4, words.DCCP_TYPES)

_PORTS = {"sport": N16, "dport": N16, "checksum": N16}
_ICMP = {"checksum": N16, "id": N16, "sequence": N16}
PAYLOAD: dict[str, dict[str, Kind]] = {
    "ip": {
        "saddr": IPV4, "daddr": IPV4, "protocol": PROTOCOL, "dscp": DSCP, "ecn": ECN, "version": N4, "hdrlength": N4, "length": N16, "id": N16, "frag-off": N16,
        "ttl": N8, "checksum": N16,
    },
    "ip6": {
        "saddr": IPV6, "daddr": IPV6, "nexthdr": PROTOCOL, "dscp": DSCP, "ecn": ECN, "version": N4, "length": N16, "hoplimit": N8, "flowlabel": Kind("number", 20),
    },
    "tcp": {
        **_PORTS, "sequence": N32, "ackseq": N32, "doff": N4, "reserved": N4, "flags": TCP_FLAGS, "window": N16, "urgptr": N16,
    },
    "udp": {**_PORTS, "length": N16},
    "udplite": _PORTS,
    "sctp": {**_PORTS, "vtag": N32, "checksum": N32},
    "dccp": {**_PORTS, "type": DCCP_TYPE},
    "th": _PORTS,
    "icmp": {**_ICMP, "type": ICMP_TYPE, "code": ICMP_CODE, "gateway": N32, "mtu": N16},
    "icmpv6": {**_ICMP, "type": ICMPV6_TYPE, "code": ICMPV6_CODE, "parameter-problem": N32, "packet-too-big": N32, "mtu": N32, "max-delay": N16, "taddr": IPV6, "daddr": IPV6},
    "igmp": {"type": IGMP_TYPE, "mrt": N8, "checksum": N16, "group": IPV4},
    "ah": {"nexthdr": PROTOCOL, "hdrlength": N8, "reserved": N16, "spi": N32, "sequence": N32},
    "esp": {"spi": N32, "sequence": N32},
    "comp": {"nexthdr": PROTOCOL, "flags": N8, "cpi": N16},
    "ether": {"saddr": ETHER, "daddr": ETHER, "type": ETHER_TYPE},
    "vlan": {"id": Kind("number", 12), "pcp": Kind("number", 3), "dei": BOOLEAN, "cfi": BOOLEAN, "type": ETHER_TYPE},
    "arp": {
        "htype": N16, "ptype": ETHER_TYPE, "hlen": N8, "plen": N8, "operation": ARP_OPERATION, "saddr ip": IPV4, "daddr ip": IPV4, "saddr ether": ETHER, "daddr ether": ETHER,
    },
}  # fmt: skip
META: dict[str, Kind] = {
    "length": N32, "protocol": ETHER_TYPE, "nfproto": FAMILY, "l4proto": PROTOCOL, "priority": PLAIN, "random": N32, "mark": MARK, "iif": IFINDEX, "oif": IFINDEX,
    "iifname": IFNAME, "oifname": IFNAME, "iiftype": DEVICE_TYPE, "oiftype": DEVICE_TYPE, "skuid": N32, "skgid": N32, "nftrace": BOOLEAN, "rtclassid": PLAIN,
    "pkttype": PACKET_TYPE, "cpu": N32, "iifgroup": GROUP, "oifgroup": GROUP, "cgroup": N32, "ibrname": IFNAME, "obrname": IFNAME, "ibridgename": IFNAME,
    "obridgename": IFNAME, "ibrpvid": N16, "ibrvproto": ETHER_TYPE, "sdif": IFINDEX, "sdifname": IFNAME, "ipsec": BOOLEAN, "secpath": BOOLEAN, "iifkind": TEXT,
    "oifkind": TEXT, "time": MOMENT, "day": DAY, "hour": MOMENT,
}  # fmt: skip
CT: dict[str, Kind] = {
    "state": CT_STATE, "status": CT_STATUS, "direction": CT_DIRECTION, "mark": MARK, "expiration": Kind("number", 32, seconds=True), "helper": TEXT, "l3proto": FAMILY, "protocol": PROTOCOL,
    "ip saddr": IPV4, "ip daddr": IPV4, "ip6 saddr": IPV6, "ip6 daddr": IPV6, "proto-src": N16, "proto-dst": N16, "zone": N16, "id": N32, "bytes": N64,
    "packets": N64, "avgpkt": N64, "event": CT_EVENT, "label": LABEL, "count": N32,
}  # fmt: skip
FIB: dict[str, Kind] = {"type": FIB_TYPE, "oif": IFINDEX, "oifname": IFNAME}
SOCKET: dict[str, Kind] = {"transparent": BOOLEAN, "wildcard": BOOLEAN, "mark": MARK, "cgroupv2": PLAIN}

TYPES: dict[str, Kind] = {
    "ipv4_addr": IPV4, "ipv6_addr": IPV6, "ether_addr": ETHER, "inet_proto": PROTOCOL, "inet_service": N16, "mark": MARK, "ifname": IFNAME, "iface_index": IFINDEX,
    "iface_type": DEVICE_TYPE, "ct_state": CT_STATE, "ct_status": CT_STATUS, "ct_dir": CT_DIRECTION, "ct_event": CT_EVENT, "ct_label": LABEL, "nf_proto": FAMILY,
    "ether_type": ETHER_TYPE, "tcp_flag": TCP_FLAGS, "icmp_type": ICMP_TYPE, "icmp_code": ICMP_CODE, "icmpv6_type": ICMPV6_TYPE, "icmpv6_code": ICMPV6_CODE,
    "icmpx_code": ICMPX_CODE, "fib_addrtype": FIB_TYPE, "pkt_type": PACKET_TYPE, "dscp": DSCP, "ecn": ECN, "devgroup": GROUP, "uid": N32, "gid": N32,
    "boolean": BOOLEAN, "integer": NUMBER, "time": NUMBER, "hour": MOMENT, "day": DAY, "string": TEXT, "arp_op": ARP_OPERATION, "igmp_type": IGMP_TYPE,
    "dccp_pkttype": DCCP_TYPE, "cgroupsv2": PLAIN, "realm": PLAIN, "classid": PLAIN,
    "lladdr": Kind("number", 0), "invalid": NUMBER, "bitmask": NUMBER, "xinteger": NUMBER,
}  # fmt: skip
"""nft's names of data types; those of objects (verdict, counter, limit, …) have no constants."""


def kind_of_type(name: str) -> Kind:
    """The kind of a set type; of one that is not known, any number."""
    return TYPES.get(name, NUMBER)


def type_of_kind(kind: Kind) -> str:
    """The set type for constants of a kind; `integer` where nft has none."""
    return next((name for name, known in TYPES.items() if known is kind and kind is not N32), "integer")


def kind_of(expression: Expression) -> Kind:  # noqa: PLR0911 - a table
    """The kind of constant that an expression is compared with; for a concatenation ask each part."""
    if isinstance(expression, Binary):
        return kind_of(expression.left)
    if not isinstance(expression, Field):
        return NUMBER
    group, name = expression.group, expression.name
    if expression.exists:
        return BOOLEAN
    table = PAYLOAD.get(group) or {"meta": META, "ct": CT, "fib": FIB, "socket": SOCKET}.get(group)
    if table is not None:
        return table.get(name, NUMBER)
    if group == "raw":
        bits = name.rpartition(",")[2]
        return Kind("number", int(bits) if bits.isdigit() and len(bits) < 5 else 0, hexadecimal=1)
    if group == "osf":
        return TEXT
    if group in ("rt", "ipsec"):
        family, _, last = name.rpartition(" ")
        if last in ("nexthop", "saddr", "daddr"):
            return {"ip": IPV4, "ip6": IPV6}.get(family, NUMBER)
        return PLAIN if last == "classid" else NUMBER
    return NUMBER


def kinds_of(expression: Expression) -> tuple[Kind, ...]:
    """The kinds of the fields of a key."""
    if isinstance(expression, Field):
        return _kinds_of_field(expression)
    if isinstance(expression, Concat):
        return tuple(map(kind_of, expression.parts))
    return (kind_of(expression),)


@lru_cache(maxsize=1024)
def _kinds_of_field(field: Field) -> tuple[Kind, ...]:
    """Rules repeat a few fields a thousand times."""
    return (kind_of(field),)
