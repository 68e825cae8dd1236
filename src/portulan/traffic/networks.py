"""IP, its extension headers, and what is carried inside it. One step a layer (`layers.py`)."""

from __future__ import annotations

import numpy as np

from portulan.traffic.gather import u8_at, u16_at
from portulan.traffic.keys import TRANSPORTS
from portulan.traffic.layers import Frames, Kind, Reason
from portulan.traffic.links import IPV4, IPV6
from portulan.traffic.links import STEPS as LINK_STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.traffic.gather import I8
    from portulan.traffic.layers import Step

VXLAN_PORT = 4789
_ERSPAN = 0x88BE
_SHORT = 0x600


def _protocol(number: I8) -> I8:
    kind: I8 = np.bitwise_or(number, np.int64(Kind.PROTOCOL))
    return kind


def ipv4(frames: Frames, rows: I8) -> None:
    """RFC 791. A total length of 0 is that of a packet which the network card was to cut up: it ends where the frame does."""
    rows = frames.there(rows, 20)
    at = frames.at[rows]
    first = u8_at(frames.buffer, at)
    header, total = (first & 15) << 2, u16_at(frames.buffer, at + 2)
    wrong = (first >> 4 != 4) | (header < 20) | (total < header) & (total > 0)
    if wrong.any():
        frames.aside(rows[wrong], Reason.MALFORMED)
        rows, at, header, total = (column[~wrong] for column in (rows, at, header, total))
    frames.bound(rows, np.where(total > 0, at + total, frames.stated[rows]))
    frames.version[rows], frames.network[rows], frames.destination[rows] = 4, at, at + 16
    enough = frames.there(rows, header)
    if len(enough) < len(rows):
        kept = np.isin(rows, enough, assume_unique=True)
        rows, at, header = rows[kept], at[kept], header[kept]
    later = u16_at(frames.buffer, at + 6) & 0x1FFF > 0
    frames.move(rows, header, _protocol(u8_at(frames.buffer, at + 9)))
    frames.aside(rows[later], Reason.LATER_FRAGMENT)


def ipv6(frames: Frames, rows: I8) -> None:
    """RFC 8200. A payload length of 0 is a jumbogram's (RFC 2675), or that of a packet to be cut up: it ends where the frame does."""
    rows = frames.there(rows, 40)
    at = frames.at[rows]
    wrong = u8_at(frames.buffer, at) >> 4 != 6
    if wrong.any():
        frames.aside(rows[wrong], Reason.MALFORMED)
        rows, at = rows[~wrong], at[~wrong]
    payload = u16_at(frames.buffer, at + 4)
    frames.bound(rows, np.where(payload > 0, at + 40 + payload, frames.stated[rows]))
    frames.version[rows], frames.network[rows], frames.destination[rows] = 6, at, at + 24
    frames.move(rows, 40, _protocol(u8_at(frames.buffer, at + 6)))


def _only_ipv6(frames: Frames, rows: I8) -> I8:
    """Extension headers stand after IPv6 only."""
    six = frames.version[rows] == 6
    frames.aside(rows[~six], Reason.NO_PORTS)
    kept: I8 = rows[six]
    return kept


def extension(frames: Frames, rows: I8) -> None:
    """Hop-by-hop and destination options, mobility, HIP, shim6: the next protocol, and the length in units of 8 bytes but the first."""
    rows = frames.there(_only_ipv6(frames, rows), 8)
    at = frames.at[rows]
    size = (u8_at(frames.buffer, at + 1) + 1) << 3
    following = u8_at(frames.buffer, at)
    enough = frames.there(rows, size)
    kept = np.isin(rows, enough, assume_unique=True)
    frames.move(enough, size[kept], _protocol(following[kept]))


def routing(frames: Frames, rows: I8) -> None:
    """A packet on its way through intermediate nodes: its destination is the last of them (RFC 8200 4.4, RFC 6275 6.4, RFC 8754)."""
    rows = frames.there(_only_ipv6(frames, rows), 8)
    at = frames.at[rows]
    units, kind, left = (u8_at(frames.buffer, at + place) for place in (1, 2, 3))
    last = np.where(kind == 4, 8, 8 + (units - 2) * 8)
    ahead = np.isin(kind, (0, 2, 4)) & (left > 0) & (units >= 2) & (units % 2 == 0) | (kind == 4) & (left > 0) & (units >= 2)
    extension(frames, rows)
    ahead &= frames.kind[rows] < Kind.ASIDE
    frames.destination[rows[ahead]] = (at + last)[ahead]


def fragment(frames: Frames, rows: I8) -> None:
    """RFC 8200 4.5."""
    rows = frames.there(_only_ipv6(frames, rows), 8)
    at = frames.at[rows]
    later = u16_at(frames.buffer, at + 2) >> 3 > 0
    frames.move(rows, 8, _protocol(u8_at(frames.buffer, at)))
    frames.aside(rows[later], Reason.LATER_FRAGMENT)


def authentication(frames: Frames, rows: I8) -> None:
    """RFC 4302: its length is in units of 4 bytes, less two. What follows is in the clear."""
    rows = frames.there(rows, 12)
    at = frames.at[rows]
    size = (u8_at(frames.buffer, at + 1) + 2) << 2
    short = size < 12
    frames.aside(rows[short], Reason.MALFORMED)
    rows, at, size = rows[~short], at[~short], size[~short]
    following = u8_at(frames.buffer, at)
    enough = frames.there(rows, size)
    kept = np.isin(rows, enough, assume_unique=True)
    frames.move(enough, size[kept], _protocol(following[kept]))


def ports(frames: Frames, rows: I8) -> None:
    """TCP and the others: two ports come first. UDP may carry what is looked into when asked."""
    rows = frames.there(rows, 4)
    frames.protocol[rows] = frames.kind[rows] - Kind.PROTOCOL
    frames.kind[rows] = Kind.PORTS
    if frames.inner and len(rows):
        datagrams = rows[frames.protocol[rows] == 17]
        datagrams = datagrams[u16_at(frames.buffer, frames.at[datagrams] + 2) == VXLAN_PORT]
        datagrams = datagrams[frames.at[datagrams] + 16 <= frames.end[datagrams]]
        # RFC 7348 5: the I flag, and all others 0. What is no VXLAN stays the datagram that it is.
        datagrams = datagrams[u8_at(frames.buffer, frames.at[datagrams] + 8) == 8]
        frames.move(datagrams, 16, Kind.ETHERNET)


def icmp(frames: Frames, rows: I8) -> None:
    """Not a way to any port."""
    frames.kind[rows] = Kind.ICMP


def tunnel4(frames: Frames, rows: I8) -> None:
    """IP in IP (RFC 2003)."""
    frames.kind[rows] = IPV4 if frames.inner else Kind.ASIDE | Reason.TUNNEL


def tunnel6(frames: Frames, rows: I8) -> None:
    """IPv6 in IPv4 (RFC 4213) or in IPv6 (RFC 2473)."""
    frames.kind[rows] = IPV6 if frames.inner else Kind.ASIDE | Reason.TUNNEL


def tunnel_labels(frames: Frames, rows: I8) -> None:
    """MPLS in IP (RFC 4023)."""
    frames.kind[rows] = 0x8847 if frames.inner else Kind.ASIDE | Reason.TUNNEL


def gre(frames: Frames, rows: I8) -> None:
    """RFC 2784, RFC 2890 (key and number), RFC 1701 (routing, which nobody uses), RFC 2637 (version 1: PPP). ERSPAN has a header below."""
    if not frames.inner:
        frames.aside(rows, Reason.TUNNEL)
        return
    rows = frames.there(rows, 4)
    at = frames.at[rows]
    flags, kind = u16_at(frames.buffer, at), u16_at(frames.buffer, at + 2)
    version = flags & 7
    checksum, key, number = flags >> 15 & 1, flags >> 13 & 1, flags >> 12 & 1
    size = 4 + 4 * (checksum + key + number) + np.where(version == 1, 4 * (flags >> 7 & 1), 0)
    known = (version <= 1) & (flags & 0x4000 == 0)
    kind = np.where(known, kind, Kind.ASIDE | Reason.TUNNEL)
    kind[kind < _SHORT] = Kind.ASIDE | Reason.TUNNEL
    erspan = kind == _ERSPAN
    size += np.where(erspan, 8 * number, 0)
    kind[erspan] = Kind.ETHERNET
    enough = frames.there(rows, size)
    kept = np.isin(rows, enough, assume_unique=True)
    frames.move(enough, size[kept], kind[kept])


STEPS: dict[int, Step] = {
    **LINK_STEPS, IPV4: ipv4, IPV6: ipv6,
    **{Kind.PROTOCOL | number: ports for number in TRANSPORTS},
    **{Kind.PROTOCOL | number: extension for number in (0, 60, 135, 139, 140)},
    Kind.PROTOCOL | 1: icmp, Kind.PROTOCOL | 58: icmp, Kind.PROTOCOL | 4: tunnel4, Kind.PROTOCOL | 41: tunnel6, Kind.PROTOCOL | 43: routing,
    Kind.PROTOCOL | 44: fragment, Kind.PROTOCOL | 47: gre, Kind.PROTOCOL | 51: authentication, Kind.PROTOCOL | 137: tunnel_labels,
}  # fmt: skip


def quoted(frames: Frames) -> tuple[I8, Frames, I8]:
    """(rows, the packets that ICMP errors of these quote, before their IP headers, what each error says: as `Flows.refused`)."""
    rows = np.flatnonzero(frames.kind == Kind.ICMP)
    rows = rows[frames.at[rows] + 8 <= frames.end[rows]]
    at = frames.at[rows]
    message, code, version = u8_at(frames.buffer, at), u8_at(frames.buffer, at + 1), frames.version[rows]
    says = np.where(
        version == 4, _SAYS4[np.minimum(message, 15), np.minimum(code, 16)], _SAYS6[np.minimum(message, 5), np.minimum(code, 8)]
    )
    errors = says > 0
    rows, says = rows[errors], says[errors]
    kind = np.where(frames.version[rows] == 4, IPV4, IPV6)
    end = frames.end[rows]
    return rows, Frames(frames.buffer, frames.at[rows] + 8, end, end.copy(), kind, inner=False), says


PORT_UNREACHABLE, UNREACHABLE, PROHIBITED, OTHER = 1, 2, 4, 8


def _tables() -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int64]], np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    """Type and code of ICMP (RFC 792, RFC 1122, RFC 1812) and ICMPv6 (RFC 4443) to what it says of the packet. Redirects and too large packets refuse nothing."""
    four, six = np.zeros((16, 17), np.int64), np.zeros((6, 9), np.int64)
    four[3, [0, 1, 5, 6, 7, 8, 11, 12]] = UNREACHABLE
    four[3, 3] = PORT_UNREACHABLE
    four[3, [9, 10, 13, 14, 15]] = PROHIBITED
    four[3, 2] = OTHER
    four[11, :2] = OTHER
    four[12, :16] = OTHER
    six[1, [0, 2, 3, 6]] = UNREACHABLE
    six[1, [1, 5]] = PROHIBITED
    six[1, 4] = PORT_UNREACHABLE
    six[3, :2] = OTHER
    six[4, :8] = OTHER
    return four, six


_SAYS4, _SAYS6 = _tables()
