"""rtnetlink: interfaces, their addresses, and routes (Linux include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h; rtnetlink(7)).

Builders return the payload of a request, parsers take (buffer, start, end) of an answer's payload. Addresses are packed, 4 or 16 bytes in
network order. Numbers are in host order, except ports and protocols inside attributes, which the kernel keeps in network order.
"""

from __future__ import annotations

from struct import Struct, pack

from portulan.errors import ParseError
from portulan.model.record import Record
from portulan.wire.netlink import NESTED, build_attribute, parse_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NEW_LINK, DELETE_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DELETE_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DELETE_ROUTE, GET_ROUTE = 24, 25, 26
"""Message types."""

AF_UNSPECIFIED, AF_INET, AF_INET6 = 0, 2, 10
LOOPBACK = 1
"""The loopback interface has index 1 in every network namespace."""

_IFF_UP, _OPERATIONAL = 0x1, 6
_LINK = Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS = Struct("=BBBBI")  # ifaddrmsg: family, prefix, flags, scope, index
_ROUTE = Struct("=BBBBBBBBI")  # rtmsg: family, destination and source prefix, tos, table, protocol, scope, type, flags
_HOP = Struct("=HBBi")  # rtnexthop: length, flags, hops, index

# Attributes of a link
_L_ADDRESS, _L_NAME, _L_MTU, _L_MASTER, _L_PEER, _L_STATE, _L_INFO, _L_PEER_NAMESPACE, _L_NAMESPACE_FD = 1, 3, 4, 10, 5, 16, 18, 37, 28
_L_XDP, _XDP_FD, _XDP_FLAGS, _XDP_GENERIC = 43, 1, 3, 1 << 1
_L_GROUP, _L_FAMILIES = 27, 26
# IFLA_AF_SPEC -> one attribute a family -> its settings as an array of u32: IFLA_INET_CONF, IFLA_INET6_CONF.
_SETTINGS = {AF_INET: 1, AF_INET6: 2}
_INFO_KIND, _INFO_DATA = 1, 2
_VETH_PEER = 1
_VXLAN_ID, _VXLAN_PORT = 1, 15
_IDENTIFIERS = {"vxlan": _VXLAN_ID, "geneve": 1}
_PORTS = {"vxlan": (_VXLAN_PORT,), "geneve": (5,), "bareudp": (1,), "amt": (2, 3)}
# GTP listens on the two ports of 3GPP TS 29.281 and 29.060.
_FIXED_PORTS = {"gtp": (2152, 3386)}
# Attributes of an address
_A_ADDRESS, _A_LOCAL, _A_FLAGS = 1, 2, 8
_NO_DUPLICATE_DETECTION, _TENTATIVE = 0x02, 0x40
# Attributes of a route
_R_DESTINATION, _R_OUTPUT, _R_GATEWAY, _R_METRIC, _R_SOURCE, _R_METRICS, _R_MULTIPATH, _R_TABLE, _R_VIA = 1, 4, 5, 6, 7, 8, 9, 15, 18
_METRIC_MTU = 2
_HOP_DEAD = 1
_MAIN, _LOCAL_TABLE, _STATIC, _SCOPE_LINK, _SCOPE_HOST = 254, 255, 4, 253, 254

UNICAST, LOCAL, BLACKHOLE, UNREACHABLE, PROHIBIT = 1, 2, 6, 7, 8
"""Kinds of route: forwarded on, answered by this host itself, and three ways to refuse."""
_REFUSALS = {BLACKHOLE: "blackhole", UNREACHABLE: "unreachable", PROHIBIT: "prohibited"}


class Interface(Record):
    """A network interface, as its own namespace sees it."""

    number: int
    """The kernel's index."""
    name: str
    kind: str
    """What made it (`veth`, `vxlan`, `bridge`, …); empty for hardware and for the loopback."""
    up: bool
    """Somebody asked for it to be up."""
    operational: bool
    """It carries packets now."""
    mtu: int
    hardware_address: bytes
    master: int | None
    """Index of the bridge or bond it belongs to."""
    peer: int | None
    """Index of the interface at the other end or below, in the peer's namespace."""
    peer_namespace: int | None
    """This namespace's number for the one the peer is in; None when the peer is here, or there is none."""
    tunnel: int | None
    """Network identifier of a VXLAN or GENEVE interface."""
    udp_ports: tuple[int, ...]
    """The ports that the kernel itself listens on for this tunnel."""
    type: int = 1
    """ARPHRD number: 1 ethernet, 772 loopback."""
    group: int = 0
    settings4: tuple[int, ...] = ()
    """Its own net.ipv4.conf values in the order of include/uapi/linux/ip.h (IPV4_DEVCONF_*), the first at 0; empty where it has no IPv4."""
    settings6: tuple[int, ...] = ()
    """Its own net.ipv6.conf values in the order of include/uapi/linux/ipv6.h (DEVCONF_*)."""


class InterfaceAddress(Record):
    """An address that an interface has."""

    interface: int
    address: bytes
    prefix: int
    tentative: bool
    """IPv6 only: duplicate detection still runs, nothing can be bound to it yet."""


class Hop(Record):
    """Where a route goes next: a gateway (None: the destination is on the link) through an interface."""

    gateway: bytes | None
    interface: int | None = None
    weight: int = 1


class Route(Record):
    """A route to packed `destination`/`prefix`; several hops share the load, none means that this kind needs none."""

    destination: bytes
    prefix: int
    hops: tuple[Hop, ...] = ()
    kind: int = UNICAST
    table: int = _MAIN
    metric: int = 0
    dead: bool = False
    """No hop of it can be used: the interface is down."""
    special: bool = False
    """It serves only packets of a type of service, or from some senders (IPv6)."""


class FoundWay(Record):
    """The kernel's answer to which way it would send a packet."""

    link: int
    source: bytes
    """Packed; empty where the kernel does not say."""
    gateway: bytes
    """Packed; empty: the destination is on the link."""
    local: bool
    refused: str
    """Why there is none: `blackhole`, `unreachable`, `prohibited`; empty otherwise."""
    mtu: int


def build_find_way(destination: bytes, link: int = 0) -> bytes:
    """Ask which way a packet to this packed address goes, over any link or the one that is named."""
    family = AF_INET if len(destination) == 4 else AF_INET6
    message = _ROUTE.pack(family, len(destination) * 8, 0, 0, 0, 0, 0, 0, 0) + build_attribute(_R_DESTINATION, destination)
    return message + (build_attribute(_R_OUTPUT, link) if link else b"")


def parse_way(data: bytes, start: int, end: int) -> FoundWay:
    """The answer. Raises ParseError."""
    if end - start < _ROUTE.size:
        raise ParseError("netlink.truncated", offset=start)
    kind = _ROUTE.unpack_from(data, start)[7]
    found = parse_attributes(data, start + _ROUTE.size, end)
    metrics = found.get(_R_METRICS, b"")
    return FoundWay(
        link=_number(found.get(_R_OUTPUT)) or 0,
        source=found.get(_R_SOURCE, b""),
        gateway=found.get(_R_GATEWAY, b"") or found.get(_R_VIA, b"")[2:],  # RFC 8950: a gateway of the other family, behind its number
        local=kind == LOCAL,
        refused=_REFUSALS.get(kind, ""),
        mtu=_number(parse_attributes(metrics, 0, len(metrics)).get(_METRIC_MTU)) or 0,
    )


def build_get(family: int = AF_UNSPECIFIED) -> bytes:
    """Ask for all links, addresses or routes of one family: all three accept an ifinfomsg."""
    return _LINK.pack(family, 0, 0, 0, 0)


def build_get_link(index: int) -> bytes:
    """Ask for one interface, or name it for deletion."""
    return _LINK.pack(AF_UNSPECIFIED, 0, index, 0, 0)


def _information(kind: str, data: bytes) -> bytes:
    return build_attribute(_L_INFO | NESTED, build_attribute(_INFO_KIND, kind) + build_attribute(_INFO_DATA | NESTED, data))


def build_veth(name: str, peer: str, peer_namespace: int | None = None, mtu: int = 1500) -> bytes:
    """Make a pair: `name` here, `peer` here too or in the namespace behind an open descriptor."""
    far = _LINK.pack(AF_UNSPECIFIED, 0, 0, 0, 0) + build_attribute(_L_NAME, peer) + build_attribute(_L_MTU, mtu)
    if peer_namespace is not None:
        far += build_attribute(_L_NAMESPACE_FD, peer_namespace)
    near = _LINK.pack(AF_UNSPECIFIED, 0, 0, 0, 0) + build_attribute(_L_NAME, name) + build_attribute(_L_MTU, mtu)
    return near + _information("veth", build_attribute(_VETH_PEER | NESTED, far))


def build_bridge(name: str) -> bytes:
    """Make a bridge."""
    return _LINK.pack(AF_UNSPECIFIED, 0, 0, 0, 0) + build_attribute(_L_NAME, name) + _information("bridge", b"")


def build_vxlan(name: str, identifier: int, port: int) -> bytes:
    """Make a VXLAN interface (RFC 7348), for which the kernel listens on UDP `port`."""
    data = build_attribute(_VXLAN_ID, identifier) + build_attribute(_VXLAN_PORT, port.to_bytes(2))
    return _LINK.pack(AF_UNSPECIFIED, 0, 0, 0, 0) + build_attribute(_L_NAME, name) + _information("vxlan", data)


def build_up(index: int, *, up: bool = True) -> bytes:
    """Switch an interface on or off."""
    return _LINK.pack(AF_UNSPECIFIED, 0, index, _IFF_UP if up else 0, _IFF_UP)


def build_master(index: int, master: int) -> bytes:
    """Put an interface into a bridge (0: take it out)."""
    return _LINK.pack(AF_UNSPECIFIED, 0, index, 0, 0) + build_attribute(_L_MASTER, master)


def build_generic_xdp(index: int, program: int | None) -> bytes:
    """Run a loaded XDP program on everything an interface receives, before anybody else sees it; None takes it off."""
    descriptor = pack("=i", -1 if program is None else program)
    data = build_attribute(_XDP_FD, descriptor) + build_attribute(_XDP_FLAGS, _XDP_GENERIC)
    return _LINK.pack(AF_UNSPECIFIED, 0, index, 0, 0) + build_attribute(_L_XDP | NESTED, data)


def build_address(index: int, address: bytes, prefix: int) -> bytes:
    """Give an interface an address, without duplicate detection: an IPv6 address can be used at once."""
    family, flags = (AF_INET, 0) if len(address) == 4 else (AF_INET6, _NO_DUPLICATE_DETECTION)
    return _ADDRESS.pack(family, prefix, flags, 0, index) + build_attribute(_A_LOCAL, address) + build_attribute(_A_ADDRESS, address)


def build_route(route: Route) -> bytes:
    """Make a static route. One of kind LOCAL has the host answer for every address of the destination."""
    family = AF_INET if len(route.destination) == 4 else AF_INET6
    table, scope = route.table, 0
    if route.kind == LOCAL:
        table, scope = _LOCAL_TABLE, _SCOPE_HOST
    elif route.kind == UNICAST and not any(hop.gateway for hop in route.hops):
        scope = _SCOPE_LINK
    if family == AF_INET6:
        scope = 0  # the kernel ignores it there
    message = _ROUTE.pack(family, route.prefix, 0, 0, table, _STATIC, scope, route.kind, 0)
    message += build_attribute(_R_DESTINATION, route.destination)
    if len(route.hops) == 1:
        return message + _one_hop(route.hops[0])
    return message + (build_attribute(_R_MULTIPATH | NESTED, _many_hops(route.hops)) if route.hops else b"")


def _one_hop(hop: Hop) -> bytes:
    gateway = build_attribute(_R_GATEWAY, hop.gateway) if hop.gateway else b""
    return gateway + (b"" if hop.interface is None else build_attribute(_R_OUTPUT, hop.interface))


def _many_hops(hops: Sequence[Hop]) -> bytes:
    built = b""
    for hop in hops:
        gateway = build_attribute(_R_GATEWAY, hop.gateway) if hop.gateway else b""
        built += _HOP.pack(_HOP.size + len(gateway), 0, hop.weight - 1, hop.interface or 0) + gateway
    return built


def _number(value: bytes | None) -> int | None:
    """Read a u32 attribute."""
    return None if value is None or len(value) < 4 else Struct("=I").unpack_from(value)[0]


def parse_link(data: bytes, start: int, end: int) -> Interface:
    """One interface. Raises ParseError."""
    if end - start < _LINK.size:
        raise ParseError("netlink.truncated", offset=start)
    _, type_, index, flags, _ = _LINK.unpack_from(data, start)
    found = parse_attributes(data, start + _LINK.size, end)
    kind, tunnel, ports = _parse_information(found.get(_L_INFO, b""))
    return Interface(
        number=index, name=_text(found.get(_L_NAME, b"")), kind=kind, up=bool(flags & _IFF_UP),
        operational=found.get(_L_STATE, b"")[:1] == bytes([_OPERATIONAL]), mtu=_number(found.get(_L_MTU)) or 0,
        hardware_address=found.get(_L_ADDRESS, b""), master=_number(found.get(_L_MASTER)), peer=_number(found.get(_L_PEER)),
        peer_namespace=_number(found.get(_L_PEER_NAMESPACE)), tunnel=tunnel, udp_ports=ports, type=type_, group=_number(found.get(_L_GROUP)) or 0,
        settings4=_settings(found.get(_L_FAMILIES, b""), AF_INET), settings6=_settings(found.get(_L_FAMILIES, b""), AF_INET6),
    )  # fmt: skip


def _settings(data: bytes, family: int) -> tuple[int, ...]:
    """One family's part of IFLA_AF_SPEC. Raises ParseError."""
    of_family = parse_attributes(data, 0, len(data)).get(family, b"")
    values = parse_attributes(of_family, 0, len(of_family)).get(_SETTINGS[family], b"")
    return Struct(f"={len(values) // 4}I").unpack_from(values)


def _text(value: bytes) -> str:
    return value.split(b"\0")[0].decode("utf-8", "backslashreplace")


def _parse_information(data: bytes) -> tuple[str, int | None, tuple[int, ...]]:
    """IFLA_LINKINFO -> (kind, tunnel identifier, UDP ports the kernel holds for it). Raises ParseError."""
    found = parse_attributes(data, 0, len(data))
    kind, details = _text(found.get(_INFO_KIND, b"")), found.get(_INFO_DATA, b"")
    if kind not in _PORTS:
        return kind, None, _FIXED_PORTS.get(kind, ())
    values = parse_attributes(details, 0, len(details))
    ports = (int.from_bytes(values.get(number, b"")[:2]) for number in _PORTS[kind])
    tunnel = _number(values.get(_IDENTIFIERS[kind])) if kind in _IDENTIFIERS else None
    return kind, tunnel, tuple(port for port in ports if port)


def parse_address(data: bytes, start: int, end: int) -> InterfaceAddress:
    """One address of an interface. Raises ParseError."""
    if end - start < _ADDRESS.size:
        raise ParseError("netlink.truncated", offset=start)
    _, prefix, flags, _, index = _ADDRESS.unpack_from(data, start)
    found = parse_attributes(data, start + _ADDRESS.size, end)
    # On a point-to-point IPv4 interface ADDRESS is the peer's; IPv6 has no LOCAL unless there is a peer.
    address = found.get(_A_LOCAL) or found.get(_A_ADDRESS, b"")
    if len(address) not in (4, 16):
        raise ParseError("netlink.damaged", what="address", offset=start)
    more = _number(found.get(_A_FLAGS))
    return InterfaceAddress(index, address, prefix, bool((flags if more is None else more) & _TENTATIVE))


def parse_route(data: bytes, start: int, end: int) -> Route:
    """One route. Raises ParseError."""
    if end - start < _ROUTE.size:
        raise ParseError("netlink.truncated", offset=start)
    family, prefix, source_prefix, tos, table, _, _, kind, flags = _ROUTE.unpack_from(data, start)
    found = parse_attributes(data, start + _ROUTE.size, end)
    hops = [Hop(found.get(_R_GATEWAY), _number(found.get(_R_OUTPUT)))] if found.keys() & {_R_GATEWAY, _R_OUTPUT} else []
    dead = bool(flags & _HOP_DEAD)
    if _R_MULTIPATH in found:
        hops, dead = _parse_hops(found[_R_MULTIPATH])
    nowhere = bytes(4 if family == AF_INET else 16)
    number = _number(found.get(_R_TABLE))
    return Route(
        found.get(_R_DESTINATION, nowhere), prefix, tuple(hops), kind, table if number is None else number,
        metric=_number(found.get(_R_METRIC)) or 0, dead=dead, special=bool(tos or source_prefix),
    )  # fmt: skip


def _parse_hops(data: bytes) -> tuple[list[Hop], bool]:
    """RTA_MULTIPATH: records of a length of their own, each with attributes; those that are dead are left out. Returns whether all are. Raises ParseError."""
    hops, at, dead = [], 0, False
    while at + _HOP.size <= len(data):
        length, flags, weight, index = _HOP.unpack_from(data, at)
        if not _HOP.size <= length <= len(data) - at:
            raise ParseError("netlink.truncated", offset=at)
        found = parse_attributes(data, at + _HOP.size, at + length)
        if flags & _HOP_DEAD:
            dead = True
        else:
            hops.append(Hop(found.get(_R_GATEWAY), index or None, weight + 1))
        at += length + 3 & ~3
    return hops, dead and not hops
