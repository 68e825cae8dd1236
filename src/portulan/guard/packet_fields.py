"""What a packet on one of its courses has in each of nft's fields: a number, a name, an unknown number (`Free`), or nothing (None: the rule ends there).

The facts of a course: version, protocol, saddr, daddr, sport, dport, flags (of TCP), hook, family (of the chain), iif, oif (names of links, None where the
hook has none), mark, tracked (none, new, established, invalid, untracked), original (addresses and ports as conntrack first saw them), `ct mark`, `ct status`,
`ct zone`, local (a program of this host sent it: 1 until it has passed lo).
Fields whose number the sender chooses, or the moment, are unknown until a rule has told them apart: then under `group name`.

What a hook has no device for is 0 or "" to iif, oif and their names, and nothing at all to their types and groups (seen on Linux 6.18; nft_meta.c).
"""

from __future__ import annotations

from portulan.guard.course import Device, Free, anything, join
from portulan.guard.routing import is_multicast
from portulan.wire.nft_kinds import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from portulan.guard.course import Value
    from portulan.guard.routing import Routing
    from portulan.model.rule import Field

    Facts: TypeAlias = Mapping[str, Value]
    Reader: TypeAlias = Callable[[Routing, Facts], Value]

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33, "udplite": 136}
STATES = {"none": 1, "invalid": 1, "established": 2, "new": 8, "untracked": 64}
SENDER = "sender"
"""Why a number is unknown: the sender chooses it."""
_FEW = 64
"""Unknown addresses of no more values than these are asked for one by one."""
_WITH_PORTS = ("tcp", "udp", "sctp", "dccp", "udplite", "th")


def slot_of(field: Field) -> str | None:
    """Under which name a course keeps what is known of a field; None for what is another number each time it is asked."""
    pair = field.group, field.name
    known = _SLOTS.get(pair)
    if known is not None:
        return known
    if field.group in ("fib", "socket", "rt", "osf", "raw") or pair in _MOMENTARY or field.exists or field.direction or field.flags:
        return None
    return f"{field.group} {field.name}"


_SLOTS = {
    ("ip", "saddr"): "saddr", ("ip6", "saddr"): "saddr", ("ip", "daddr"): "daddr", ("ip6", "daddr"): "daddr", ("meta", "mark"): "mark", ("ct", "mark"): "ct mark",
    **{(group, name): slot for group in _WITH_PORTS for name, slot in (("sport", "sport"), ("dport", "dport"))},
}  # fmt: skip
_MOMENTARY = {("meta", "random"), ("meta", "cpu"), ("meta", "time"), ("meta", "hour"), ("meta", "day")}


def reader_of(field: Field) -> Reader:
    """The function that reads a field of a packet."""
    group, name = field.group, field.name
    if group == "fib":
        return _fib(field)
    if group == "raw":
        return _raw(name)
    if group == "ct" and field.direction:
        return _ct_of(field.direction, name)
    found = _READERS.get((group, name))
    if found is not None:
        return found
    make = _GROUPS.get(group)
    return make(field) if make is not None else _unknown(field, "unknown")


def _unknown(field: Field, why: str) -> Reader:
    slot, any_number = slot_of(field), anything(kind_of(field).bits or 128, why)
    if slot is None:
        return lambda _, __: any_number
    return lambda _, facts: facts.get(slot, any_number)


def _constant(value: Value) -> Reader:
    return lambda _, __: value


def _when(wanted: str, number: int, reader: Reader) -> Reader:
    """Only of packets of one IP version, or of one protocol."""
    return lambda routing, facts: reader(routing, facts) if facts[wanted] == number else None


def _fact(name: str) -> Reader:
    return lambda _, facts: facts[name]


# --- headers ---


def _ip(field: Field) -> Reader:
    version = 4 if field.group == "ip" else 6
    own: dict[str, Reader] = {
        "saddr": _fact("saddr"), "daddr": _fact("daddr"), "version": _constant(version), "protocol": _fact("protocol"), "nexthdr": _fact("protocol"),
        "hdrlength": _constant(5),
    }  # fmt: skip
    if field.name == "frag-off":  # whole packets only: nothing but the bit "don't fragment" may be set
        slot, whole = "ip frag-off", Free(((0, 0), (0x4000, 0x4000)), SENDER)
        return _when("version", 4, lambda _, facts: facts.get(slot, whole))
    return _when("version", version, own.get(field.name) or _unknown(field, SENDER))


def _transport(field: Field) -> Reader:
    group, name = field.group, field.name
    if name in ("sport", "dport"):
        reader = _fact(name)
    elif (group, name) == ("tcp", "flags"):
        reader = _fact("flags")
    else:
        reader = _unknown(field, SENDER)
    return reader if group == "th" else _when("protocol", PROTOCOLS[group], reader)


def _ether(field: Field) -> Reader:
    """nft asks for an Ethernet device first."""
    ether_type = {4: 0x0800, 6: 0x86DD}
    other = _unknown(field, SENDER)

    def read(routing: Routing, facts: Facts) -> Value:
        device = facts["iif"]
        if not isinstance(device, str) or routing.link(device).type != 1 or (facts["local"] and facts["hook"] in ("output", "postrouting")):
            return other(routing, facts) if facts["hook"] == "egress" else None
        return ether_type[facts["version"]] if field.name == "type" else other(routing, facts)  # type: ignore[index] # 4 or 6

    return read


def _tcp_option(field: Field) -> Reader:
    """A TCP packet may have any; of others there is none (and asked whether it exists, that is an answer)."""
    some = _unknown(field, SENDER)
    return lambda routing, facts: some(routing, facts) if facts["protocol"] == 6 else 0 if field.exists else None


def _extension(field: Field) -> Reader:
    """IPv6 extension headers and IPv4 options: a plain packet has none."""
    version = 4 if field.group == "ip option" else 6
    return lambda _, facts: (0 if field.exists else None) if facts["version"] == version else None


def _raw(place: str) -> Reader:
    """Bits by their place: of the network header where they are addresses or the protocol, of the transport header where they are ports or TCP's flags."""
    base, _, rest = place.partition(",")
    offset, _, length = rest.partition(",")
    any_number = anything(min(int(length or 0), 1 << 12) or 128, SENDER) if length.isdigit() else anything(128, SENDER)
    if not (offset.isdigit() and length.isdigit()):
        return _constant(any_number)
    begin, end = int(offset), int(offset) + int(length)

    def read(_: Routing, facts: Facts) -> Value:
        for first, size, name in _layout(base, facts):
            if first <= begin and end <= first + size:
                value = facts[name]
                if isinstance(value, Free):
                    return value if (begin, end) == (first, first + size) else value._replace(spans=((0, (1 << end - begin) - 1),))
                assert isinstance(value, int)
                return value >> (first + size - end) & (1 << end - begin) - 1
        return any_number

    return read


def _layout(base: str, facts: Facts) -> tuple[tuple[int, int, str], ...]:
    """(first bit, bits, fact)."""
    if base == "nh":
        return (
            ((72, 8, "protocol"), (96, 32, "saddr"), (128, 32, "daddr"))
            if facts["version"] == 4
            else ((48, 8, "protocol"), (64, 128, "saddr"), (192, 128, "daddr"))
        )
    ports = ((0, 16, "sport"), (16, 16, "dport"))
    return ((*ports, (104, 8, "flags")) if facts["protocol"] == 6 else ports) if base == "th" else ()


# --- meta ---


def _device(side: str) -> Reader:
    def read(routing: Routing, facts: Facts) -> Value:
        name = facts[side]
        return Device(routing.link(name).number, name) if isinstance(name, str) else Device(0, "")

    return read


def _of_link(side: str, what: Callable[[Routing, str], Value]) -> Reader:
    def read(routing: Routing, facts: Facts) -> Value:
        name = facts[side]
        return what(routing, name) if isinstance(name, str) else None

    return read


def _iif_type(routing: Routing, facts: Facts) -> Value:
    """In postrouting that of the device it leaves by, for packets of this host's own."""
    name = facts["iif"] if facts["iif"] is not None else facts["oif"] if facts["hook"] == "postrouting" else None
    return routing.link(name).type if isinstance(name, str) else None


def _nfproto(_: Routing, facts: Facts) -> Value:
    if facts["family"] == "netdev":
        return 5
    return 2 if facts["version"] == 4 else 10


def _packet_type(_: Routing, facts: Facts) -> Value:
    address, version = facts["daddr"], facts["version"]
    if "meta pkttype" in facts:  # a rule set it
        return facts["meta pkttype"]
    if isinstance(address, Free):
        return address._replace(spans=((0, 2),))
    assert isinstance(version, int)
    assert isinstance(address, int)
    return 2 if is_multicast(version, address) else 1 if (version, address) == (4, 0xFFFFFFFF) else 0


def _owner(field: Field) -> Reader:
    """Of the sending program: only where it was sent here, and before it has passed lo."""
    some = _unknown(field, SENDER)
    return lambda routing, facts: some(routing, facts) if facts["local"] and facts["hook"] in ("output", "postrouting") else None


def _meta(field: Field) -> Reader:
    why = {"random": "random", "cpu": "random", "time": "time", "hour": "time", "day": "time"}.get(field.name, SENDER)
    if field.name in ("skuid", "skgid", "cgroup"):
        return _owner(field)
    if field.name in ("ipsec", "secpath"):
        return _constant(0)
    if field.name in ("ibrname", "obrname", "ibridgename", "obridgename", "ibrpvid", "ibrvproto"):
        return _constant(None)
    return _unknown(field, why)


# --- conntrack ---


def _ct(field: Field) -> Reader:
    """Of the connection: nothing where there is none."""
    reader: Reader
    if field.name in ("mark", "status", "zone", "label"):
        slot = f"ct {field.name}"
        reader = _fact(slot)
    elif field.name == "helper":
        reader = _constant(None)
    elif field.name == "direction":
        reader = lambda _, facts: 1 if facts["reply"] else 0  # noqa: E731 - one of a table
    elif field.name == "l3proto":
        reader = lambda _, facts: 2 if facts["version"] == 4 else 10  # noqa: E731 - same
    elif field.name == "protocol":
        reader = _fact("protocol")
    else:
        reader = _unknown(field, "tracking")
    return lambda routing, facts: reader(routing, facts) if facts["tracked"] in ("new", "established") else None


def _ct_of(direction: str, name: str) -> Reader:
    """Addresses and ports of a connection, as its first packet had them or as its answers will."""
    parts = {"saddr": 0, "daddr": 1, "proto-src": 2, "proto-dst": 3}
    family, _, last = name.rpartition(" ")
    at = parts.get(last)
    if at is None:
        return _constant(anything(64, "tracking"))

    def read(_: Routing, facts: Facts) -> Value:
        if facts["tracked"] not in ("new", "established") or (family and family != ("ip" if facts["version"] == 4 else "ip6")):
            return None
        return facts[f"{direction} {at}"]

    return read


# --- fib ---


def _fib(field: Field) -> Reader:
    side = "saddr" if "saddr" in field.flags else "daddr"
    by = next((flag for flag in ("iif", "oif") if flag in field.flags), None)
    return _fib_type(side, by) if field.name == "type" else _fib_link(side, by, field)


def _fib_type(side: str, by: str | None) -> Reader:
    def read(routing: Routing, facts: Facts) -> Value:
        address, version = facts[side], facts["version"]
        device = facts[by] if by is not None else None
        assert isinstance(version, int)
        link = device if isinstance(device, str) else None
        if isinstance(address, int):
            return routing.fib_type(version, address, link)
        assert isinstance(address, Free)
        if sum(last - first + 1 for first, last in address.spans) > _FEW:
            return address._replace(spans=((1, 8),))
        types = {routing.fib_type(version, number, link) for first, last in address.spans for number in range(first, last + 1)}
        return types.pop() if len(types) == 1 else address._replace(spans=join((number, number) for number in types))

    return read


def _fib_link(side: str, by: str | None, field: Field) -> Reader:
    def read(routing: Routing, facts: Facts) -> Value:
        address, version = facts[side], facts["version"]
        if not isinstance(address, int) or routing.network.policy_routing:
            unknown = address if isinstance(address, Free) else anything(32, "routing")
            return unknown._replace(spans=((0, 1 if field.exists else (1 << 32) - 1),))
        assert isinstance(version, int)
        device = facts[by] if by is not None else None
        if facts["iif"] == "lo" and facts["hook"] in ("prerouting", "input"):  # what came by lo is taken to belong there
            found: str | None = "lo"
        else:
            found = routing.fib_link(version, address, device if isinstance(device, str) else None)
        if field.exists:
            return int(found is not None)
        if field.name == "oifname":
            return found or ""
        return Device(routing.link(found).number, found) if found is not None else Device(0, "")

    return read


_GROUPS: dict[str, Callable[[Field], Reader]] = {
    "ip": _ip, "ip6": _ip, "ether": _ether, "tcp option": _tcp_option, "exthdr": _extension, "ip option": _extension, "meta": _meta, "ct": _ct,
    **dict.fromkeys(_WITH_PORTS, _transport),
    **dict.fromkeys(("vlan", "arp", "icmp", "icmpv6", "igmp", "ah", "esp", "comp", "sctp chunk", "dccp option", "ipsec"), lambda _: _constant(None)),
}  # fmt: skip
"""What these are about, a first packet of TCP or UDP has not: vlan to ipsec."""
_READERS: dict[tuple[str, str], Reader] = {
    ("meta", "mark"): _fact("mark"),
    ("meta", "nftrace"): _fact("nftrace"),
    ("meta", "l4proto"): _fact("protocol"),
    ("meta", "protocol"): lambda _, facts: 0x0800 if facts["version"] == 4 else 0x86DD,
    ("meta", "nfproto"): _nfproto,
    ("meta", "pkttype"): _packet_type,
    ("meta", "iif"): _device("iif"),
    ("meta", "oif"): _device("oif"),
    ("meta", "iifname"): lambda _, facts: facts["iif"] or "",
    ("meta", "oifname"): lambda _, facts: facts["oif"] or "",
    ("meta", "iiftype"): _iif_type,
    ("meta", "oiftype"): _of_link("oif", lambda routing, name: routing.link(name).type),
    ("meta", "iifgroup"): _of_link("iif", lambda routing, name: routing.link(name).group),
    ("meta", "oifgroup"): _of_link("oif", lambda routing, name: routing.link(name).group),
    ("meta", "iifkind"): _of_link("iif", lambda routing, name: routing.link(name).kind),
    ("meta", "oifkind"): _of_link("oif", lambda routing, name: routing.link(name).kind),
    ("meta", "sdif"): _constant(Device(0, "")),
    ("meta", "sdifname"): _constant(""),
    ("ct", "state"): lambda _, facts: STATES[facts["tracked"]],  # type: ignore[index] # one of them
}
