"""What to say to a UDP port so that its usual service answers, and whether an answer belongs to what was said.

Each greeting is written from the protocol's own specification, named at its function. They ask for nothing that changes anything, and for as little as a
service answers to. Numbers that a service gives back (transaction numbers, cookies) come from the caller's dice, so that answers can be told from
strays and blind forgeries.
"""

from __future__ import annotations

from portulan.model.record import Record
from portulan.wire import hello_bound, hello_names, hello_rooms, hello_secure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Build = Callable[[int], bytes]
    Same = Callable[[bytes, bytes], bool]


class Greeting(Record):
    """One way to greet the service of a port."""

    build: Build
    """From 64 bits of dice."""
    same: Same
    """Whether an answer carries what was sent; True also for what is not of the protocol at all: somebody answers there."""


def _any(_sent: bytes, _answer: bytes) -> bool:
    return True


_DNS = Greeting(hello_names.dns, hello_names.same_dns)
_MDNS = Greeting(hello_names.mdns, hello_names.same_dns)
_NETBIOS = Greeting(hello_names.netbios, hello_names.same_dns)
_NTP = Greeting(hello_names.ntp, hello_names.same_ntp)
_STUN = Greeting(hello_rooms.stun, hello_rooms.same_stun)
_QUIC = Greeting(hello_secure.quic, hello_secure.same_quic)
_DTLS = Greeting(hello_secure.dtls, _any)
_IKE2, _IKE1 = (Greeting(build, hello_secure.same_ike) for build in (hello_secure.ike2, hello_secure.ike1))
_RADIUS = Greeting(hello_names.radius, hello_names.same_radius)
_SIP = Greeting(hello_rooms.sip, hello_rooms.same_sip)
_SOURCE = Greeting(hello_rooms.source_query, _any)
_LINE = Greeting(lambda _: b"\r\n", _any)
_BITTORRENT = Greeting(hello_rooms.bittorrent, hello_rooms.same_bittorrent)
_GTP = Greeting(hello_bound.gtp, hello_bound.same_gtp)

_GREETINGS: dict[int, tuple[Greeting, ...]] = {
    7: (Greeting(hello_names.echo, hello_names.same_echo),),
    **dict.fromkeys((11, 13, 17, 19, 37), (_LINE,)),  # RFC 866, 867, 865, 864, 868: any datagram is answered
    53: (_DNS,),
    69: (Greeting(hello_names.tftp, _any),),
    80: (_QUIC,),
    88: (Greeting(hello_names.kerberos, _any),),
    111: (Greeting(hello_bound.portmap, hello_bound.same_rpc),),
    123: (_NTP,),
    137: (_NETBIOS,),
    161: tuple(Greeting(build, hello_names.same_snmp) for build in (hello_names.snmp3, hello_names.snmp2, hello_names.snmp1)),
    177: (Greeting(hello_bound.xdmcp, _any),),
    389: (Greeting(hello_names.cldap, hello_names.same_ldap),),
    427: (Greeting(hello_names.slp, hello_names.same_slp),),
    443: (_QUIC, _DTLS),
    500: (_IKE2, _IKE1),
    520: (Greeting(hello_bound.rip, _any),),
    521: (Greeting(hello_bound.ripng, _any),),
    623: (Greeting(hello_bound.ipmi, _any), Greeting(hello_bound.asf, hello_bound.same_asf)),
    784: (_QUIC,),
    853: (_QUIC, _DTLS),
    1194: (Greeting(hello_secure.openvpn, hello_secure.same_openvpn),),
    1434: (Greeting(hello_bound.mssql_browser, _any),),
    **dict.fromkeys((1645, 1646, 1812, 1813), (_RADIUS,)),
    1701: (Greeting(hello_bound.l2tp, _any),),
    1900: (Greeting(hello_rooms.ssdp, _any),),
    2049: (Greeting(hello_bound.nfs, hello_bound.same_rpc),),
    2123: (_GTP,),
    2152: (_GTP,),
    2427: (Greeting(hello_rooms.mgcp, _any),),
    3389: (Greeting(hello_bound.rdp, _any),),
    3478: (_STUN,),
    3671: (Greeting(hello_bound.knx, _any),),
    3702: (Greeting(hello_rooms.ws_discovery, hello_rooms.same_ws_discovery),),
    4433: (_QUIC, _DTLS),
    4500: (Greeting(hello_secure.ike2_behind_nat, hello_secure.same_ike_behind_nat),),
    4569: (Greeting(hello_rooms.iax, hello_rooms.same_iax),),
    5060: (_SIP,),
    5349: (_DTLS,),
    5351: (Greeting(hello_bound.nat_pmp, _any), Greeting(hello_bound.pcp, _any)),
    5353: (_MDNS,),
    5683: (Greeting(hello_rooms.coap, hello_rooms.same_coap),),
    5684: (_DTLS,),
    6881: (_BITTORRENT,),
    6969: (Greeting(hello_rooms.tracker, hello_rooms.same_tracker),),
    8443: (_QUIC,),
    8853: (_QUIC,),
    10161: (_DTLS,),
    11211: (Greeting(hello_bound.memcached, hello_bound.same_memcached),),
    19132: (Greeting(hello_rooms.raknet, hello_rooms.same_raknet),),
    25565: (Greeting(hello_rooms.minecraft, hello_rooms.same_minecraft),),
    26000: (Greeting(hello_rooms.quake3, _any),),
    **dict.fromkeys(range(27015, 27021), (_SOURCE,)),
    27960: (Greeting(hello_rooms.quake3, _any),),
    44818: (Greeting(hello_bound.ethernet_ip, hello_bound.same_ethernet_ip),),
    47808: (Greeting(hello_bound.bacnet, hello_bound.same_bacnet),),
    51413: (_BITTORRENT,),
    64738: (Greeting(hello_rooms.mumble, hello_rooms.same_mumble),),
}

PORTS_WITH_GREETING = frozenset(_GREETINGS)
"""Ports whose usual service is greeted; to others an empty datagram is sent."""
TFTP = 69
"""Its answers come from another port (RFC 1350, section 4)."""


def hello(port: int, dice: int, turn: int = 0) -> bytes:
    """What to send to a port: with the same dice and turn, the same. Empty: nothing is known that would be answered.

    A service that may speak one of several protocols or versions is greeted in another one each turn.
    """
    known = _GREETINGS.get(port)
    return known[turn % len(known)].build(dice) if known else b""


def ways(port: int) -> int:
    """In how many turns all greetings of a port are sent."""
    return len(_GREETINGS.get(port, (None,)))


def matches(port: int, sent: bytes, answer: bytes) -> bool:
    """Whether an answer may be one to what was sent to this port: False when it carries a number that is not what was sent.

    An answer in another protocol is one too: whoever sent it has the port.
    """
    return all(greeting.same(sent, answer) for greeting in _GREETINGS.get(port, ()))


def answers_elsewhere(answer: bytes) -> int | None:
    """The port that answers from a fresh port of its own, by its answer: TFTP's data, error or option acknowledgement. None: it is not one of them."""
    return TFTP if len(answer) >= 4 and answer[0] == 0 and answer[1] in (3, 5, 6) else None
