"""First bytes of names, addresses, time, management and logins: DNS, NetBIOS, DHCP, NTP, SNMP, LDAP, Kerberos, RADIUS, TFTP, remote procedures."""

from __future__ import annotations

import numpy as np

from portulan.wire.payloads import holds, narrowed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.wire.payloads import I8, Payloads, Yes

_LABELS = 128
"""A name has at most so many (RFC 1035 2.3.4)."""
_OPTIONS = 64


# Names


def dns(payloads: Payloads) -> Yes:
    """RFC 1035 4.1: flags that can be, counts that can be, and a first question (or record) with a name, a type and a class (over 40 bits)."""
    head = payloads.number(2, 2)
    # A question's flags, or an answer's, and few questions: one payload in twenty thousand gets past this by chance.
    may = (head & 0x0040 == 0) & (payloads.number(4, 2) <= 64) & ((head >= 0x8000) | (head & 0x008F == 0)) & (payloads.length >= 12)
    return narrowed(payloads, may, _message)


def _message(payloads: Payloads) -> Yes:
    flags = payloads.number(2, 2)
    answer, operation, code = flags >> 15 == 1, flags >> 11 & 15, flags & 15
    questions, answers, others, more = (payloads.number(at, 2) for at in (4, 6, 8, 10))
    sound = (0b110111 >> operation & 1 == 1) & (flags & 0x40 == 0) & (others <= 256) & (more <= 256)
    asks = ~answer & (code == 0) & (flags & 0x80 == 0) & (questions >= 1) & (questions <= 64) & (answers <= 256) & (more <= 64)
    tells = answer & (code <= 11) & (questions <= 4) & (answers <= 4096)
    # A refusal may be nothing but its header.
    empty = tells & (questions == 0) & (answers == 0) & (others == 0) & (more == 0) & (code > 0) & (payloads.whole == 12)
    wanted = np.flatnonzero(sound & (asks | tells & (questions + answers > 0)))
    found = sound & empty
    found[wanted] = _question(payloads.rows(wanted), questions[wanted] > 0)
    return found


def _question(payloads: Payloads, bare: Yes) -> Yes:
    """A name at byte 12, then a type and a class; of a record (not `bare`) its length too."""
    at, sound = np.full(len(payloads), 12, np.int64), np.ones(len(payloads), bool)
    going = np.arange(len(payloads))
    for _ in range(_LABELS):
        if not len(going):
            break
        size = payloads.rows(going).byte(at[going])
        at[going] += size + 1
        sound[going] &= (size < 64) & (at[going] < payloads.length[going]) & (at[going] <= 12 + 255)
        going = going[(size > 0) & sound[going]]
    sound[going] = False
    kind, class_ = payloads.number(at, 2), payloads.number(at + 2, 2) & 0x7FFF
    sound &= (
        (kind > 0)
        & ((kind <= 300) | (kind >= 32768) & (kind <= 32769) | (kind >= 65280))
        & ((class_ == 1) | (class_ >= 254) & (class_ <= 255) | (class_ >= 3) & (class_ <= 4))
    )
    return sound & (bare | (payloads.number(at + 8, 2) <= payloads.whole - at - 10))


def dns_stream(payloads: Payloads) -> Yes:
    """The same behind its length (RFC 7766 8)."""
    return (payloads.number(0, 2) >= 17) & dns(payloads.behind(2))


def netbios(payloads: Payloads) -> Yes:
    """A name in half-bytes, A to P (RFC 1001 14.1), asked for (RFC 1002 4.2), written to (4.4) or called (4.3)."""
    name = narrowed(payloads, payloads.byte(12) == 32, _name)
    return name | narrowed(payloads, (payloads.number(8, 2) == 138) & (payloads.byte(14) == 32), _datagram)


def _name(payloads: Payloads) -> Yes:
    return _half_bytes(payloads, 12) & np.isin(payloads.number(46, 2), (0x0A, 0x20, 0x21)) & (payloads.number(48, 2) == 1)


def _datagram(payloads: Payloads) -> Yes:
    return (payloads.byte(0) >= 0x10) & (payloads.byte(0) <= 0x16) & _half_bytes(payloads, 14)


def netbios_session(payloads: Payloads) -> Yes:
    """The call that opens a session, and what is said to it (RFC 1002 4.3)."""
    call = (payloads.number(0, 4) == 0x81000044) & _half_bytes(payloads, 4)
    yes = (payloads.number(0, 4) == 0x82000000) & (payloads.whole == 4)
    return (
        call | yes | (payloads.number(0, 4) == 0x83000001) & (payloads.byte(4) >= 0x80) & (payloads.byte(4) <= 0x8F) & (payloads.whole == 5)
    )


def _half_bytes(payloads: Payloads, at: int) -> Yes:
    text = payloads.text(32, at + 1)
    return (payloads.byte(at) == 32) & ((text >= ord("A")) & (text <= ord("P"))).all(axis=1)


def tftp(payloads: Payloads) -> Yes:
    """A request: a file's name and a mode (RFC 1350 5)."""
    may = (payloads.number(0, 2) >= 1) & (payloads.number(0, 2) <= 2) & (payloads.byte(2) > 0x20)
    return narrowed(payloads, may, _mode)


def _mode(payloads: Payloads) -> Yes:
    text = payloads.text(136, 2)
    return holds(text, b"\0octet\0") | holds(text, b"\0netascii\0")


# Addresses and time


def dhcp(payloads: Payloads) -> Yes:
    """The cookie of RFC 2131 3 (37 bits)."""
    return (payloads.number(236, 4) == 0x63825363) & (payloads.byte(2) <= 16)


def dhcp6(payloads: Payloads) -> Yes:
    """Options that end exactly with the datagram (RFC 8415 8, 21.1; at least 36 bits)."""
    relayed = payloads.byte(0) >= 12  # by its hops and two addresses (RFC 8415 9)
    at, sound = np.where(relayed, 34, 4), payloads.whole >= np.where(relayed, 44, 14)
    sound &= ~relayed | (payloads.byte(1) <= 32)
    going = np.flatnonzero(sound)
    for _ in range(_OPTIONS):
        if not len(going):
            break
        part = payloads.rows(going)
        kind, size = part.number(at[going], 2), part.number(at[going] + 2, 2)
        at[going] += 4 + size
        sound[going] &= (kind > 0) & (kind <= 160) & (at[going] <= part.length)
        going = going[sound[going] & (at[going] < payloads.whole[going])]
    sound[going] = False
    return sound & (payloads.length == payloads.whole)


def ntp(payloads: Payloads) -> Yes:
    """A packet of versions 1 to 4 whose stratum, poll, precision and root values can be (RFC 5905 7.3; 30 bits); a control or private one."""
    # Versions 1 to 4 are what the first byte lets through; of modes 6 and 7 only those that ask at the beginning.
    first = payloads.byte(0)
    clock = (payloads.byte(1) <= 16) & (payloads.number(4, 2) < 32)
    may = np.where(first & 7 >= 6, payloads.byte(1) & 31 <= 12, clock) & (payloads.length >= 8)
    return narrowed(payloads, may, _clock)


def _clock(payloads: Payloads) -> Yes:
    first, size = payloads.byte(0), payloads.whole
    mode = first & 7
    poll, precision = payloads.byte(2), payloads.byte(3)
    can_be = (
        (payloads.number(8, 2) < 64)
        & (payloads.byte(1) <= 16)
        & ((poll <= 17) | (poll >= 0xFA))
        & ((precision == 0) | (precision == 0x20) | (precision >= 0xD8))
    )
    clock = (mode >= 1) & (mode <= 5) & can_be & (size >= 48) & (size % 4 == 0) & (size <= 1024)
    # RFC 9327 2: offset 0, a count that fills the datagram; of a request no status either.
    count = payloads.number(10, 2)
    control = (mode == 6) & (size - 12 - count < 4) & (size - 12 >= count) & (payloads.number(8, 2) == 0) & (payloads.byte(1) & 31 <= 12)
    private = (mode == 7) & (payloads.number(4, 4) == 0) & (payloads.byte(1) == 0) & (payloads.byte(2) <= 3) & (payloads.byte(2) >= 2)
    return clock | control | private


# ASN.1 in the basic encoding (X.690)


def _item(payloads: Payloads, at: I8) -> tuple[I8, I8, I8]:
    """Tag, size and where the content begins; a size of -1 cannot be."""
    tag, size = payloads.byte(at), payloads.byte(at + 1)
    long_ = size & 0x7F
    shift = 8 * (4 - np.minimum(np.maximum(long_, 1), 4))
    content = np.where(size < 0x80, at + 2, at + 2 + long_)
    size = np.where(size < 0x80, size, np.where((long_ >= 1) & (long_ <= 4), payloads.number(at + 2, 4) >> shift, -1))
    return tag, size, content


def _begins(payloads: Payloads, first: int) -> Yes:
    """Whether this byte stands right behind the first tag and length."""
    size = payloads.byte(1)
    return (payloads.byte(np.where(size < 0x80, 2, 2 + (size & 0x7F))) == first) & ((size < 0x80) | (size >= 0x81) & (size <= 0x84))


def _outer(payloads: Payloads) -> tuple[I8, I8, I8]:
    return _item(payloads, np.zeros(len(payloads), np.int64))


def snmp(payloads: Payloads) -> Yes:
    """RFC 1157 4, RFC 3416 3: version, community, a PDU to the very end; RFC 3412 6: version 3, its header (over 40 bits)."""
    return narrowed(payloads, _begins(payloads, 2), _snmp)


def _snmp(payloads: Payloads) -> Yes:
    _, size, at = _outer(payloads)
    end = at + size
    version = payloads.number(at, 3)
    tag, size, inside = _item(payloads, at + 3)
    common = (tag == 4) & (size >= 0) & (size <= 255)
    pdu, length, content = _item(payloads, inside + np.minimum(np.maximum(size, 0), 255))
    first = payloads.byte(content)
    asked = (pdu >= 0xA0) & (pdu <= 0xA8) & (content + length == end) & ((first == 2) | (pdu == 0xA4) & (first == 6))
    old = ((version == 0x020100) | (version == 0x020101)) & common & asked
    number, width, _ = _item(payloads, inside)
    new = (version == 0x020103) & (tag == 0x30) & (number == 2) & (width >= 1) & (width <= 4)
    new &= (size <= 20) & (payloads.number(inside + np.minimum(np.maximum(size, 0), 20) - 3, 2) == 0x0201)
    return (end == payloads.whole) & (old | new)


_RESULTS = (0x61, 0x65, 0x67, 0x69, 0x6B, 0x6D, 0x6F, 0x78)
_ON_ENTRIES = (0x63, 0x64, 0x66, 0x68, 0x6C, 0x6E, 0x73)


def ldap(payloads: Payloads) -> Yes:
    """RFC 4511 4.1.1: a message's number, an operation, and what each of these must begin with (over 40 bits)."""
    return narrowed(payloads, _begins(payloads, 2), _ldap)


def _ldap(payloads: Payloads) -> Yes:
    _, size, at = _outer(payloads)
    end = at + size
    tag, width, inside = _item(payloads, at)
    numbered = (tag == 2) & (width >= 1) & (width <= 4)
    operation, length, content = _item(payloads, inside + np.minimum(np.maximum(width, 0), 4))
    within = (length >= 0) & (content + length <= end) & (size < 1 << 24)
    first, one = payloads.number(content, 2), payloads.number(content, 3)
    bind = (operation == 0x60) & np.isin(one, (0x020102, 0x020103))
    result = np.isin(operation, _RESULTS) & (first == 0x0A01)
    on_entry = np.isin(operation, _ON_ENTRIES) & np.isin(first >> 8, (4, 0x30))
    extended = (operation == 0x77) & (first >> 8 == 0x80)
    unbind = (operation == 0x42) & (length == 0) & (content == end)
    return numbered & within & (bind | result | on_entry | extended | unbind)


def kerberos(payloads: Payloads) -> Yes:
    """RFC 4120 5.4 to 5.9: the tag of a message around a sequence whose first number is 5 (over 50 bits)."""
    return narrowed(payloads, _begins(payloads, 0x30), _kerberos)


def _kerberos(payloads: Payloads) -> Yes:
    tag, size, at = _outer(payloads)
    inner, length, content = _item(payloads, at)
    asks = (tag == 0x6A) | (tag == 0x6C)
    head = payloads.number(content, 4)
    five = payloads.byte(content + 4) == 5
    right = np.where(asks, 0xA1030201, 0xA0030201)
    return (inner == 0x30) & (content + length <= at + size) & (head == right) & five & (at + size >= payloads.whole)


def kerberos_stream(payloads: Payloads) -> Yes:
    """The same behind its length (RFC 4120 7.2.2)."""
    return (payloads.number(0, 4) < 1 << 20) & (payloads.number(0, 4) >= payloads.whole - 4) & kerberos(payloads.behind(4))


def radius(payloads: Payloads) -> Yes:
    """RFC 2865 3: the length, and attributes that end exactly there (24 bits and more)."""
    code, size = payloads.byte(0), payloads.whole
    sound = (payloads.number(2, 2) == size) & (size >= 20) & (size <= 4096) & (payloads.length == size)
    sound &= (size > 20) | np.isin(code, (2, 3, 5, 41, 44))
    at = np.full(len(payloads), 20, np.int64)
    going = np.flatnonzero(sound & (size > 20))
    for _ in range(256):
        if not len(going):
            break
        part = payloads.rows(going)
        kind, length = part.byte(at[going]), part.byte(at[going] + 1)
        at[going] += length
        sound[going] &= (length >= 2) & (kind > 0) & (at[going] <= part.whole)
        going = going[sound[going] & (at[going] < payloads.whole[going])]
    sound[going] = False
    return sound


# Remote procedures


def rpc(payloads: Payloads) -> Yes:
    """RFC 5531 9: a call of version 2 with a program that can be, or an answer (over 60 bits)."""
    kind = payloads.number(4, 4)
    return narrowed(payloads, (kind <= 1) & (payloads.length >= 20), _call)


def _call(payloads: Payloads) -> Yes:
    kind, second = payloads.number(4, 4), payloads.number(8, 4)
    program, version = payloads.number(12, 4), payloads.number(16, 4)
    call = (
        (kind == 0) & (second == 2) & (program >= 100_000) & (program < 0x60000000) & (version <= 1000) & (payloads.number(20, 4) <= 10_000)
    )
    verifier, size = payloads.number(12, 4), payloads.number(16, 4)
    accepted = (second == 0) & (verifier <= 6) & (size <= 400) & (payloads.number(20 + np.minimum(size, 400), 4) <= 5)
    denied = (second == 1) & (verifier <= 1) & (payloads.whole <= 32)
    return call | (kind == 1) & (accepted | denied)


def rpc_stream(payloads: Payloads) -> Yes:
    """The same behind the mark of a record (RFC 5531 11)."""
    return (payloads.number(0, 4) & 0x7F000000 == 0) & (payloads.number(0, 4) & 0xFFFFFF >= 20) & rpc(payloads.behind(4))


def syslog(payloads: Payloads) -> Yes:
    """RFC 5424 6.2.1, RFC 3164 4.1.1: a priority in angle brackets, then text (40 bits)."""
    text = payloads.text(16)
    digits = (text >= ord("0")) & (text <= ord("9"))
    printable = (text >= 0x20) & (text < 0x7F)
    found = np.zeros(len(payloads), bool)
    for size in (1, 2, 3):
        end = 1 + size
        found |= digits[:, 1:end].all(axis=1) & (text[:, end] == ord(">")) & printable[:, end + 1 : end + 9].all(axis=1)
    return found
