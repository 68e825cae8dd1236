"""First bytes of stores, desks, talk and exchange: databases, queues, remote desktops, files, STUN, RTP, BitTorrent, routers."""

from __future__ import annotations

import numpy as np

from portulan.wire.payloads import narrowed, starts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.wire.payloads import Payloads, Yes


def _digits(payloads: Payloads, width: int, at: int) -> Yes:
    text = payloads.text(width, at)
    found: Yes = (text >= ord("0")) & (text <= ord("9"))
    return found


# Stores


def mysql(payloads: Payloads) -> Yes:
    """The server's greeting of version 10, its refusal, or the client's answer (MySQL's "Connection Phase Packets"; over 50 bits)."""
    head = payloads.eight()
    turn, kind = head >> np.uint64(32) & np.uint64(255), head >> np.uint64(24) & np.uint64(255)
    return narrowed(payloads, (turn <= 2) & ((kind == 10) | (kind == 255) | (turn == 1) & (head & np.uint64(0x20000) > 0)), _mysql)


def _mysql(payloads: Payloads) -> Yes:
    size, turn, kind = payloads.little(0, 3), payloads.byte(3), payloads.byte(4)
    fits = size == payloads.whole - 4
    text = payloads.text(64, 5)
    end = (text == 0).argmax(axis=1)
    named = (text[:, 0] >= ord("0")) & (text[:, 0] <= ord("9")) & (end > 2)
    named &= ((text >= 0x20) & (text < 0x7F) | (np.arange(64) >= end[:, None])).all(axis=1)
    greeting = (turn == 0) & (kind == 10) & fits & named & (payloads.byte(5 + end + 13) == 0)
    code = payloads.little(5, 2)
    refusal = (
        (turn <= 2)
        & (kind == 255)
        & fits
        & (code >= 1000)
        & (code < 5000)
        & (text[:, 2:8] >= 0x20).all(axis=1)
        & (text[:, 2:8] < 0x7F).all(axis=1)
    )
    asks_tls = size == 32  # then the client's hello follows, often in the same segment
    client = (
        (turn == 1)
        & (fits | asks_tls & (payloads.whole >= 36))
        & (payloads.byte(5) & 2 == 2)
        & (payloads.eight(13) == 0)
        & (payloads.eight(20) == 0)
    )
    return greeting | refusal | client & (payloads.length >= 36)


def postgresql(payloads: Payloads) -> Yes:
    """The client's start, its wish for TLS, GSSAPI or an end (48 bits and more); the server's wish for a password, or its refusal.

    PostgreSQL's "Message Formats". A single S or N, the answer to the wish for TLS, says nothing.
    """
    size, code = payloads.number(0, 4), payloads.number(4, 4)
    start = (size == payloads.whole) & np.isin(code, (0x00030000, 0x00030002)) & (payloads.byte(8) >= 0x61) & (payloads.byte(8) <= 0x7A)
    wish = (size == 8) & np.isin(code, (80877103, 80877104)) | (size == 16) & (code == 80877102)
    kind, length, what = payloads.byte(0), payloads.number(1, 4), payloads.number(5, 4)
    password = (kind == ord("R")) & (length >= 8) & (length <= 512) & (what <= 12)
    words = payloads.text(16, 5)
    refusal = (kind == ord("E")) & (length < 1 << 16) & (starts(words, b"SFATAL\0") | starts(words, b"SERROR\0"))
    return start | wish | password | refusal


def redis(payloads: Payloads) -> Yes:
    """An array or a map of strings, or one string (RESP; 40 bits and more)."""
    kind, text, digits = payloads.byte(0), payloads.text(24), _digits(payloads, 24, 0)
    found = np.zeros(len(payloads), bool)
    for size in (1, 2, 3, 4, 5, 6):
        at = 1 + size
        counted = digits[:, 1:at].all(axis=1) & (text[:, at] == 13) & (text[:, at + 1] == 10)
        listed = (kind != ord("$")) & (text[:, at + 2] == ord("$")) & digits[:, at + 3]
        found |= counted & (listed | (kind == ord("$")) & (payloads.length > at + 3))
    return found


def mqtt(payloads: Payloads) -> Yes:
    """CONNECT with its protocol's name, and the answer to it (MQTT 3.1.1 and 5, 3.1 and 3.2; 56 and 28 bits)."""
    text, size = payloads.text(16), payloads.whole
    found = np.zeros(len(payloads), bool)
    for width in (1, 2, 3, 4):  # of the remaining length
        found |= starts(text, b"\0\4MQTT", 1 + width) | starts(text, b"\0\6MQIsdp", 1 + width)
    found &= payloads.byte(0) == 0x10
    answer = (payloads.byte(0) == 0x20) & (payloads.byte(1) == size - 2) & (payloads.byte(2) <= 1)
    old = (size == 4) & (payloads.byte(3) <= 5)
    new = (size >= 5) & (payloads.byte(4) == size - 5) & ((payloads.byte(3) == 0) | (payloads.byte(3) >= 0x80) & (payloads.byte(3) <= 0x9F))
    return found | answer & (old | new & (size > 5))


def mongodb(payloads: Payloads) -> Yes:
    """A message's length and its kind (MongoDB's "Wire Protocol"; over 50 bits)."""
    size, kind, flags = payloads.little(0, 4), payloads.little(12, 4), payloads.little(16, 4)
    new = np.isin(kind, (2004, 2013)) & (size >= payloads.whole) & (size <= 48_000_000)
    old = (kind == 1) & (size == payloads.whole) & (flags <= 15) & (payloads.little(8, 4) > 0)
    return (new & (flags & 0xFFF8 <= 0xF8) | old) & (size >= 21) & (payloads.length >= 20)


def mssql(payloads: Payloads) -> Yes:
    """Before the login: a packet to its end whose options begin with the version (MS-TDS 2.2.6.5; 56 bits)."""
    head = payloads.number(2, 2) == payloads.whole
    ask = (payloads.byte(0) == 0x12) & (payloads.byte(1) <= 1)
    answer = (payloads.byte(0) == 4) & (payloads.byte(1) == 1)
    return (
        head & (ask | answer) & (payloads.byte(8) == 0) & (payloads.byte(9) == 0) & (payloads.number(11, 2) == 6) & (payloads.byte(7) == 0)
    )


def memcached(payloads: Payloads) -> Yes:
    """The binary protocol, a request or an answer to its end (memcached's protocol-binary.txt; over 40 bits)."""
    key, extras, body = payloads.number(2, 2), payloads.byte(4), payloads.number(8, 4)
    return (
        (payloads.byte(5) == 0)
        & (payloads.byte(1) <= 0x48)
        & (body == payloads.whole - 24)
        & (body >= key + extras)
        & (key <= 250)
        & (extras <= 64)
    )


# Desks and files


def rdp(payloads: Payloads) -> Yes:
    """RFC 1006 6, X.224 13.3 and 13.4: a connection asked for with RDP's cookie or wish, or granted with its answer (MS-RDPBCGR 2.2.1; over 50 bits)."""
    text = payloads.text(24)
    head = starts(text, b"\3\0") & (payloads.number(2, 2) == payloads.whole) & (payloads.byte(4) == payloads.whole - 5)
    wish = np.isin(payloads.byte(11), (1, 2, 3)) & (payloads.number(13, 2) == 0x0800) & (payloads.whole >= 19)
    cookie = starts(text, b"Cookie: ", 11)
    asks = (payloads.byte(5) == 0xE0) & (payloads.number(6, 2) == 0)
    return head & (asks & (wish | cookie) | (payloads.byte(5) == 0xD0) & wish)


def smb(payloads: Payloads) -> Yes:
    """A frame of at most 17 bits around a message of any version (MS-SMB2 2.1, MS-CIFS 2.2; 40 bits)."""
    mark = payloads.number(4, 4)
    return (payloads.byte(0) == 0) & (payloads.number(1, 3) >= 32) & np.isin(mark, (0xFF534D42, 0xFE534D42, 0xFD534D42, 0xFC534D42))


def git(payloads: Payloads) -> Yes:
    """A line with its length in front that asks git's own server for a service (gitprotocol-pack)."""
    text = payloads.text(32, 4)
    return starts(text, b"git-upload-pack /") | starts(text, b"git-receive-pack /") | starts(text, b"git-upload-archive /")


def telnet(payloads: Payloads) -> Yes:
    """Two commands about options in a row (RFC 854; 31 bits)."""
    text = payloads.text(8)
    first = (text[:, 0] == 255) & (text[:, 1] >= 251) & (text[:, 1] <= 254) & (text[:, 2] <= 49)
    return first & (text[:, 3] == 255) & (text[:, 4] >= 250) & (text[:, 4] <= 254) & (text[:, 5] <= 49) & (payloads.length >= 6)


def imap_command(payloads: Payloads) -> Yes:
    """A tag and one of the commands that a client may begin with (RFC 9051 6.1 and 6.2)."""
    head = payloads.text(16)
    return narrowed(payloads, ((head == 32).argmax(axis=1) > 0) & (head[:, 1] < 0x7F), _imap_command)


def _imap_command(payloads: Payloads) -> Yes:
    text = payloads.text(40)
    blank = (text[:, :17] == 32).argmax(axis=1)
    tag = text[:, :16]
    letters = ((tag | 0x20) >= 97) & ((tag | 0x20) <= 122)
    digits = (tag >= 48) & (tag <= 57)
    before = np.arange(16) < blank[:, None]
    named = ((letters | digits | (tag == 46)) | ~before).all(axis=1) & ((digits & before).any(axis=1) | (blank <= 2)) & (blank > 0)
    rest = np.take_along_axis(text, (blank + 1)[:, None] + np.arange(20), axis=1) & 0xFF
    upper = np.where((rest >= 97) & (rest <= 122), rest - 32, rest).astype(np.uint8)
    found = np.zeros(len(payloads), bool)
    for command in (b"CAPABILITY\r\n", b"LOGIN ", b"AUTHENTICATE ", b"STARTTLS\r\n", b"NOOP\r\n", b"ID (", b"ID NIL\r\n"):
        found |= starts(upper, command)
    return named & found


def bgp(payloads: Payloads) -> Yes:
    """The marker of RFC 4271 4.1 (over 128 bits)."""
    size = payloads.number(16, 2)
    ones = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
    return (
        (payloads.eight() == ones)
        & (payloads.eight(8) == ones)
        & (size >= 19)
        & (size <= 4096)
        & (payloads.byte(18) >= 1)
        & (payloads.byte(18) <= 5)
    )


# Talk and exchange


def stun(payloads: Payloads) -> Yes:
    """The cookie of RFC 8489 5 (50 bits); without it RFC 3489's, if its length or first attribute fits as well (at least 37 bits)."""
    kind, size = payloads.number(0, 2), payloads.number(2, 2)
    whole = (size % 4 == 0) & (size == payloads.whole - 20)
    cookie = (payloads.number(4, 4) == 0x2112A442) & (size % 4 == 0) & (size <= np.maximum(payloads.whole - 20, 0))
    attribute = (payloads.number(20, 2) >= 1) & (payloads.number(20, 2) <= 0x20) & (payloads.number(22, 2) <= size)
    old = np.isin(kind, (1, 0x101, 0x111)) & whole & ((size > 0) & attribute | (size == 0) & (kind == 1))
    return (kind < 0x4000) & (cookie | old & (payloads.length >= 20))


def utp(payloads: Payloads) -> Yes:
    """The SYN of BEP 29: nothing heard yet, so no difference of clocks and nothing to acknowledge (over 60 bits)."""
    extended = payloads.byte(1)
    fits = (extended == 0) & (payloads.whole == 20) | (extended == 2) & (payloads.whole == 30) & (payloads.number(20, 2) == 8)
    return fits & (payloads.number(8, 4) == 0) & (payloads.number(18, 2) == 0) & (payloads.length >= 20)


def tracker(payloads: Payloads) -> Yes:
    """A connection asked for (BEP 15; 96 bits)."""
    return (payloads.eight() == np.uint64(0x41727101980)) & (payloads.number(8, 4) == 0) & (payloads.whole == 16)


_STEP = np.zeros(128, np.int64)
for _kind, _size in ((0, 80), (8, 80), (9, 80), (3, 33), (4, 24), (18, 10), (33, 188)):
    _STEP[_kind] = _size


def rtp(payloads: Payloads) -> Yes:
    """Likely: a packet of a static type whose content is as long as that type's frames, or a report that names itself and its length (RFC 3550, RFC 3551).

    Of a dynamic type nothing in a first packet says what it is: that stays unknown. 24 bits for a packet of sound (less where the length is common), 29 of a report.
    """
    first, second, content = payloads.byte(0), payloads.byte(1), payloads.whole - 12
    step = _STEP[second & 0x7F]
    sound = (first == 0x80) & (step > 0) & (content > 0) & (content <= 1400) & (content % np.maximum(step, 1) == 0)
    sound &= (second & 0x7F != 33) | (payloads.byte(12) == 0x47)  # MPEG: each of its packets begins so
    sound &= (content <= 480) | (second & 0x7F == 33)
    sound &= payloads.number(8, 4) > 0
    size = 4 * (payloads.number(2, 2) + 1)
    blocks = first & 31
    sender = (second == 200) & (size == 28 + 24 * blocks) | (second == 201) & (size == 8 + 24 * blocks)
    next_ = payloads.number(size, 2)
    followed = (size == payloads.whole) & (second == 200) | (size < payloads.whole) & (next_ >> 14 == 2) & (next_ & 0xFF >= 202) & (
        next_ & 0xFF <= 207
    )
    report = (first >> 5 == 4) & sender & followed
    return sound | report
