"""First bytes of what is encrypted: TLS, DTLS, QUIC, WireGuard, OpenVPN, IKE.

Each test says which of some payloads are one; how many bits of a payload of random bytes must fit by chance stands beside it.
"""

from __future__ import annotations

import numpy as np

from portulan.wire.payloads import narrowed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.wire.payloads import I8, Payloads, Yes

_LONGEST_RECORD = (1 << 14) + 2048
_QUIC_1, _QUIC_2, _DRAFTS = 1, 0x6B3343CF, 0xFF000000


def tls(payloads: Payloads) -> Yes:
    """A record of TLS 1.0 to 1.3 (RFC 8446 5.1; 26 bits and more), or the hello of SSL 2 that older clients begin with (RFC 5246 E.2; 40 bits)."""
    kind, minor, size = payloads.byte(0), payloads.byte(2), payloads.number(3, 2)
    record = (payloads.byte(1) == 3) & (minor <= 4) & (size > 0) & (size <= _LONGEST_RECORD) & (payloads.length >= 5)
    first = payloads.byte(5)
    hello = (
        (size >= 38)
        & (payloads.number(6, 3) < 1 << 17)
        & ((payloads.byte(9) == 3) | (payloads.byte(9) == 0x7F))
        & (payloads.byte(10) <= 0x1C)
    )  # 7F: a draft of 1.3
    known = (0x51F911 >> np.minimum(first, 63) & 1 == 1) | (size >= 40)  # of an encrypted one the type is noise
    short = payloads.length < 11
    handshake = (kind == 22) & np.where(short & (first <= 2) | ((first == 1) | (first == 2)) & hello, True, (first > 2) & known)
    change = (kind == 20) & (size == 1) & (first == 1)
    alert = (kind == 21) & ((size == 2) & ((first == 1) | (first == 2)) | (size >= 18) & (size <= 80))
    data = (kind == 23) & (minor >= 1)
    return record & (handshake | change | alert | data) | _old_hello(payloads)


def _old_hello(payloads: Payloads) -> Yes:
    ciphers, session, challenge = payloads.number(5, 2), payloads.number(7, 2), payloads.number(9, 2)
    size = payloads.number(0, 2)
    fits = size == 0x8000 | (9 + ciphers + session + challenge)
    known = (payloads.number(2, 2) == 0x0103) & (payloads.byte(4) <= 3)
    return fits & known & (ciphers % 3 == 0) & (ciphers > 0) & (session <= 32) & (challenge >= 16) & (challenge <= 32)


def dtls(payloads: Payloads) -> Yes:
    """RFC 6347 4.1: a record that ends within the datagram (34 bits)."""
    version, size = payloads.number(1, 2), payloads.number(11, 2)
    known = (version == 0xFEFF) | (version == 0xFEFD)
    return known & (payloads.byte(0) <= 26) & (payloads.number(3, 2) <= 4) & (size > 0) & (size <= payloads.whole - 13)


def quic(payloads: Payloads) -> Yes:
    """A long header of version 1, 2 or a draft, or the answer to another version (RFC 9000 17.2, RFC 9369; 32 bits); Google's first kind by its Q0."""
    version = payloads.number(1, 4)
    return narrowed(payloads, _version(version) | _reserved(version) | (version == 0) | (payloads.byte(0) < 0x80), _long_header)


def _long_header(payloads: Payloads) -> Yes:
    first, version, destination = payloads.byte(0), payloads.number(1, 4), payloads.byte(5)
    source = payloads.byte(6 + destination)
    named = (destination <= 20) & (source <= 20) & (payloads.length >= 8 + destination + source)
    long_ = named & (first >= 0xC0) & _version(version)
    rest = payloads.whole - 7 - destination - source
    offered = payloads.number(7 + destination + source, 4)
    negotiated = named & (first >= 0x80) & (version == 0) & (rest >= 4) & (rest % 4 == 0) & (_version(offered) | _reserved(offered))
    # A client that tries what a server does with a version it can not know pads its first datagram like any other.
    tried = named & (first >= 0xC0) & _reserved(version) & (payloads.whole >= 1200) & (destination >= 8)
    mark = payloads.number(9, 4)
    digits = ((mark >> 8 & 0xFF) - 48 < 10) & ((mark >> 8 & 0xFF) >= 48) & ((mark & 0xFF) - 48 < 10) & ((mark & 0xFF) >= 48)
    google = (first & 0xC9 == 0x09) & (mark >> 16 == 0x5130) & digits
    return long_ | negotiated | tried | google


def _version(version: I8) -> Yes:
    google = (
        ((version >> 16 == 0x5130) | (version >> 16 == 0x5430)) & (version >> 8 & 0xFF >= 0x34) & (version >> 8 & 0xFF <= 0x35)
    )  # Q046, Q050, T051
    return (version == _QUIC_1) | (version == _QUIC_2) | (version > _DRAFTS) & (version <= _DRAFTS + 34) | google


def _reserved(version: I8) -> Yes:
    """RFC 9000 15: ?a?a?a?a."""
    return version & 0x0F0F0F0F == 0x0A0A0A0A


def wireguard(payloads: Payloads) -> Yes:
    """The type, three zeros, and the length that goes with it (WireGuard's protocol, "Messages"; 32 bits, of data 56)."""
    kind, size = payloads.little(0, 4), payloads.whole
    data = (kind == 4) & (size >= 32) & (size % 16 == 0) & (payloads.number(13, 3) == 0)
    return (kind == 1) & (size == 148) | (kind == 2) & (size == 92) | (kind == 3) & (size == 64) | data


def openvpn(payloads: Payloads) -> Yes:
    """The reset that opens a session, plain, with tls-auth of any usual digest, or with tls-crypt (40 bits)."""
    size = payloads.whole
    return narrowed(payloads, (size == 14) | (size == 26) | (size >= 37), _reset)


def _reset(payloads: Payloads) -> Yes:
    kind, size = payloads.byte(0), payloads.whole
    client, server = (kind == 0x38) | (kind == 0x50), kind == 0x40
    found = client & (size == 14) & (payloads.number(9, 1) == 0) & (payloads.number(10, 4) == 0)
    found |= server & (size == 26) & (payloads.byte(9) == 1) & (payloads.number(10, 4) == 0) & (payloads.number(22, 4) == 0)
    for digest in (16, 20, 28, 32, 48, 64):
        at = 9 + digest
        first = (payloads.number(at, 4) == 1) & (payloads.number(np.maximum(size - 4, 0), 4) == 0)
        found |= first & (
            client & (size == at + 13) & (payloads.byte(at + 8) == 0) | server & (size == at + 25) & (payloads.byte(at + 8) == 1)
        )
    wrapped = np.isin(payloads.number(9, 4), (1, 0x0F000001)) & (payloads.number(13, 4) >= 0x40000000)
    return found | (client | server) & wrapped & (size >= 54)


def openvpn_stream(payloads: Payloads) -> Yes:
    """The same behind its length."""
    return narrowed(payloads, payloads.number(0, 2) == payloads.whole - 2, lambda some: openvpn(some.behind(2)))


def ike(payloads: Payloads) -> Yes:
    """RFC 7296 3.1, RFC 2408 3.1, behind four zeros where a NAT is on the way (RFC 3948 2.2): version, exchange and the whole length (42 bits)."""
    marked = payloads.number(0, 4) == 0
    may = marked | (payloads.byte(17) == 0x10) | (payloads.byte(17) == 0x20)
    return narrowed(payloads, may & (payloads.length >= 28), _isakmp)


def _isakmp(payloads: Payloads) -> Yes:
    marked = payloads.number(0, 4) == 0
    at = np.where(marked, 4, 0)
    version, exchange = payloads.byte(at + 17), payloads.byte(at + 18)
    first = (version == 0x10) & np.isin(exchange, (2, 4, 5, 6, 32, 33))
    second = (version == 0x20) & (exchange >= 34) & (exchange <= 44)
    return (first | second) & (payloads.number(at + 24, 4) == payloads.whole - at) & (payloads.byte(at + 16) <= 60)
