"""What first bytes say a flow is, whatever its port: of many payloads at once.

Each protocol is claimed only by bytes that others do not begin with and that random ones all but never have; the rest stays unknown. First a payload's first
byte says which tests are worth asking, then these are asked in an order in which the surer come first: RTP, which is only likely, is the last.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.model.traffic import PROTOCOLS
from portulan.wire import first_names, first_rooms, first_secure
from portulan.wire.client_hello import host_of, offered, server_name
from portulan.wire.first_lines import TCP, UDP, lines
from portulan.wire.payloads import Payloads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from portulan.wire.payloads import I8, Yes

CODES = {name: code for code, name in enumerate(PROTOCOLS)}


class Sign(Record):
    """One way to tell a protocol by its bytes."""

    protocol: str
    transports: tuple[int, ...]
    firsts: frozenset[int]
    """What the first byte may be."""
    check: Callable[[Payloads], Yes]


def _sign(protocol: str, check: Callable[[Payloads], Yes], firsts: Iterable[int], *transports: int) -> Sign:
    return Sign(protocol, transports or (TCP,), frozenset(firsts), check)


_ANY = range(256)
_NAMES, _ROOMS, _SECURE = first_names, first_rooms, first_secure
_CLOCKS = [first for first in range(256) if 1 <= first >> 3 & 7 <= 4 and first & 7]
"""Versions 1 to 4, and a mode (RFC 5905 7.3)."""
_ALPHANUMERIC = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIGNS = (
    _sign("tls", _SECURE.tls, (20, 21, 22, 23, *range(0x80, 0x90))),
    _sign("smb", _ROOMS.smb, (0,)),
    _sign("netbios", _NAMES.netbios_session, (0x81, 0x82, 0x83)),
    _sign("rdp", _ROOMS.rdp, (3,)),
    _sign("postgresql", _ROOMS.postgresql, (0, *b"RE")),
    _sign("redis", _ROOMS.redis, b"$*%"),
    _sign("mqtt", _ROOMS.mqtt, (0x10, 0x20)),
    _sign("bgp", _ROOMS.bgp, (255,)),
    _sign("telnet", _ROOMS.telnet, (255,)),
    _sign("git", _ROOMS.git, b"0"),
    _sign("mssql", _ROOMS.mssql, (4, 0x12)),
    _sign("memcached", _ROOMS.memcached, (0x80, 0x81)),
    _sign("ldap", _NAMES.ldap, (0x30,), TCP, UDP),
    _sign("snmp", _NAMES.snmp, (0x30,), TCP, UDP),
    _sign("kerberos", _NAMES.kerberos, (0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x7E), UDP),
    _sign("kerberos", _NAMES.kerberos_stream, (0,)),
    _sign("stun", _ROOMS.stun, range(0x40), TCP, UDP),
    _sign("imap", _ROOMS.imap_command, _ALPHANUMERIC),
    _sign("mysql", _ROOMS.mysql, _ANY),
    _sign("mongodb", _ROOMS.mongodb, _ANY),
    _sign("rpc", _NAMES.rpc_stream, (0, 0x80)),
    _sign("openvpn", _SECURE.openvpn_stream, (0, 1)),
    _sign("dns", _NAMES.dns_stream, range(0x10)),
    _sign("dhcp", _NAMES.dhcp, (1, 2), UDP),
    _sign("bittorrent", _ROOMS.tracker, (0,), UDP),
    _sign("bittorrent", _ROOMS.utp, (0x41,), UDP),
    _sign("quic", _SECURE.quic, (0x09, 0x0D, *range(0x80, 0x100)), UDP),
    _sign("wireguard", _SECURE.wireguard, (1, 2, 3, 4), UDP),
    _sign("dtls", _SECURE.dtls, range(20, 27), UDP),
    _sign("openvpn", _SECURE.openvpn, (0x38, 0x40, 0x50), UDP),
    _sign("tftp", _NAMES.tftp, (0,), UDP),
    _sign("syslog", _NAMES.syslog, b"<", UDP, TCP),
    _sign("rpc", _NAMES.rpc, _ANY, UDP),
    _sign("netbios", _NAMES.netbios, _ANY, UDP),
    _sign("dns", _NAMES.dns, _ANY, UDP),
    _sign("ike", _SECURE.ike, _ANY, UDP),
    _sign("dhcp", _NAMES.dhcp6, range(1, 14), UDP),
    _sign("ntp", _NAMES.ntp, _CLOCKS, UDP),
    _sign("radius", _NAMES.radius, (*range(1, 6), 11, 12, 13, *range(40, 46)), UDP),
    _sign("rtp", _ROOMS.rtp, range(0x80, 0xA0), UDP),
)


def _by_first(transport: int) -> NDArray[np.uint64]:
    """For each first byte the tests that are worth asking, a bit each."""
    table = np.zeros(256, np.uint64)
    for at, sign in enumerate(SIGNS):
        if transport in sign.transports:
            table[sorted(sign.firsts)] |= np.uint64(1 << at)
    return table


_WORTH = {transport: _by_first(transport) for transport in (TCP, UDP)}


def recognise(
    batch_buffer: NDArray[np.uint8], start: I8, length: I8, transport: NDArray[np.uint8], whole: I8 | None = None
) -> NDArray[np.uint8]:
    """What payloads say they are: indexes into `model.traffic.PROTOCOLS`, 0 for those that do not say.

    Of each, `length` bytes are there from `start` on (`start + length` within the buffer less its slack, as in a Batch); `whole`, where it is known, is how many it
    had on the wire. TCP and UDP only; ports are not looked at.
    """
    codes = np.zeros(len(start), np.uint8)
    every = Payloads(batch_buffer, start, length, whole)
    for number in (TCP, UDP):
        rows = np.flatnonzero((transport == number) & (length > 0))
        if len(rows):
            codes[rows] = _of_transport(every if len(rows) == len(start) else every.rows(rows), number)
    return codes


def _of_transport(payloads: Payloads, transport: int) -> NDArray[np.uint8]:
    codes = np.zeros(len(payloads), np.uint8)
    head = payloads.eight()
    worth = _WORTH[transport][(head >> np.uint64(56)).astype(np.intp)]
    for rows, protocol in lines(payloads, transport, head):
        codes[rows] = CODES[protocol]
        worth[rows] = 0
    asked = int(np.bitwise_or.reduce(worth))
    for at, sign in enumerate(SIGNS):
        if not asked >> at & 1:
            continue
        rows = np.flatnonzero(worth & np.uint64(1 << at))
        if len(rows):
            found = rows[sign.check(payloads.rows(rows))]
            codes[found] = CODES[sign.protocol]
            worth[found] = 0
    return codes


def name_of(payload: bytes, code: int) -> str | None:
    """The server's name that a client says: in its TLS hello, or as HTTP's Host. Printable ASCII, at most 255 characters; None where it says none."""
    if code == CODES["tls"]:
        return server_name(payload)
    return host_of(payload) if code == CODES["http"] else None


def alpn_of(payload: bytes) -> tuple[str, ...]:
    """The protocols that a TLS client offers, in its order; empty where it says none."""
    return offered(payload)
