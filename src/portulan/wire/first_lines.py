"""Protocols that begin with words, told by the first line.

One search in a sorted table of beginnings finds the only one that a payload can have; what the word itself leaves open (a method is shared by HTTP,
SIP and RTSP; 220 greets for mail and for files) is decided by what follows it, or not at all.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.wire.payloads import Payloads, begins, holds, narrowed, starts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.wire.payloads import Yes

TCP, UDP = 6, 17
_SMALL = np.uint64(0x2020_2020_2020_2020)
"""Makes letters small, and leaves what else names of schemes are made of."""
_CLEAR = np.array([byte in b"\0\r\n" or 0x20 <= byte != 0x7F for byte in range(256)])
"""What may stand in a request's target, or behind it, or beyond the payload."""


class Beginning(Record):
    """How a payload begins."""

    text: bytes
    """At most 16 bytes, and the first 8 of none are the beginning of another's."""
    protocol: str
    """Empty: what follows decides."""
    tcp: bool = True
    udp: bool = False
    method: bool = False
    """A request's method with the blank behind it."""


_METHODS = (
    # RFC 9110 9.3, RFC 5789, RFC 4918 9, RFC 3253, RFC 5323, UPnP
    *(b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH", b"PROPFIND", b"PROPPATCH", b"MKCOL", b"COPY", b"MOVE"),
    *(b"LOCK", b"UNLOCK", b"REPORT", b"SEARCH", b"SUBSCRIBE", b"UNSUBSCRIBE", b"NOTIFY", b"M-SEARCH", b"MKCALENDAR"),
    # RFC 3261 and its extensions
    *(b"INVITE", b"ACK", b"BYE", b"CANCEL", b"REGISTER", b"PRACK", b"PUBLISH", b"INFO", b"REFER", b"MESSAGE", b"UPDATE"),
    # RFC 2326
    *(b"DESCRIBE", b"ANNOUNCE", b"SETUP", b"PLAY", b"PAUSE", b"TEARDOWN", b"RECORD", b"GET_PARAMETER", b"SET_PARAMETER"),
)  # fmt: skip
_WORDS = {
    "http": (b"HTTP/1.0 ", b"HTTP/1.1 ", b"HTTP/2 ", b"PRI * HTTP/2.0\r\n"),
    "ssh": (b"SSH-1.", b"SSH-2."),  # RFC 4253 4.2
    "smtp": (b"EHLO ", b"HELO ", b"LHLO ", b"MAIL FROM:", b"ehlo ", b"helo "),  # RFC 5321
    "ftp": (b"AUTH TLS\r\n", b"AUTH SSL\r\n", b"FEAT\r\n", b"SYST\r\n"),  # RFC 959, RFC 4217
    "imap": (b"* OK ", b"* PREAUTH ", b"* BYE "),  # RFC 9051 7.1
    "pop3": (b"+OK ", b"CAPA\r\n", b"APOP ", b"STLS\r\n"),  # RFC 1939; a bare +OK is Redis's too
    "redis": (b"+PONG\r\n", b"-NOAUTH ", b"-WRONGTYPE ", b"-DENIED Redis", b"-MOVED ", b"-LOADING Redis", b"-MISCONF Redis", b"-ERR unknown com"),
    "rtsp": (b"RTSP/1.0 ", b"RTSP/2.0 "),
    "vnc": (b"RFB 003.", b"RFB 004."),  # RFC 6143 7.1.1
    "xmpp": (b"<stream:stream ", b"<?xml version='1", b'<?xml version="1'),  # RFC 6120 4.2; any other document that begins so is refused below
    "amqp": (b"AMQP\0\0\x09\x01", b"AMQP\0\1\0\0", b"AMQP\3\1\0\0", b"AMQP\1\1\0\x0a", b"AMQP\2\1\0\0"),  # AMQP 0-9-1 4.2.2, AMQP 1.0 2.2
    "rsync": (b"@RSYNCD: ",),
    "irc": (b"CAP LS\r\n", b"CAP LS 302", b"NICK "),  # RFC 2812 3.1.2, IRCv3
    "bittorrent": (b"\x13BitTorrent prot",),  # BEP 3
    "memcached": (b"VERSION 1.", b"STAT pid "),
}  # fmt: skip
_EITHER = {"sip": (b"SIP/2.0 ",)}
_DATAGRAMS = {
    "ssdp": (b"HTTP/1.1 200 OK\r",),
    "bittorrent": (b"BT-SEARCH * HTTP", b"d1:ad2:id20:", b"d1:rd2:id20:", b"d1:eli20", b"d2:ip6:"),  # BEP 14, BEP 5, BEP 42
}


def _key(text: bytes) -> int:
    return int.from_bytes(text[:8].ljust(8, b"\0"))


def _mask(size: int) -> int:
    kept = max(0, min(size, 8))
    return ((1 << 8 * kept) - 1) << (64 - 8 * kept)


class _Table:
    """The beginnings of one transport, sorted."""

    def __init__(self, beginnings: list[Beginning]) -> None:
        self.all = sorted(beginnings, key=lambda each: _key(each.text))
        # Two that share their first eight bytes (SUBSCRIBE, …) are told apart by the rest; the first of them stands for both in the search.
        self.keys = np.array([_key(each.text) for each in self.all], np.uint64)
        self.masks = np.array([_mask(len(each.text)) for each in self.all], np.uint64)
        self.rest = np.array([_key(each.text[8:]) for each in self.all], np.uint64)
        self.rest_masks = np.array([_mask(len(each.text) - 8) for each in self.all], np.uint64)

    def find(self, head: NDArray[np.uint64], tail: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Which beginning each has, by its first sixteen bytes; -1 for none."""
        at = np.searchsorted(self.keys, head, "right") - 1
        found = np.where((head & self.masks[at] == self.keys[at]) & (tail & self.rest_masks[at] == self.rest[at]), at, -1)
        for earlier in (1, 2, 3):  # of equal keys the last was found
            missed = np.flatnonzero((found < 0) & (at >= earlier))
            other = at[missed] - earlier
            same = (head[missed] & self.masks[other] == self.keys[other]) & (tail[missed] & self.rest_masks[other] == self.rest[other])
            found[missed[same]] = other[same]
        return found


def _build(*, udp: bool) -> _Table:
    groups = (_DATAGRAMS | _EITHER) if udp else (_WORDS | _EITHER)
    found = [Beginning(text, protocol) for protocol, texts in groups.items() for text in texts]
    found += [Beginning(method + b" ", "", method=True) for method in _METHODS]
    if not udp:
        found += [Beginning(b"220 ", ""), Beginning(b"220-", "")]
    return _Table(found)


TABLES = {TCP: _build(udp=False), UDP: _build(udp=True)}


def lines(payloads: Payloads, transport: int, head: NDArray[np.uint64]) -> list[tuple[NDArray[np.intp], str]]:
    """(rows, protocol) of those that begin with a word of a protocol; `head` is their first eight bytes."""
    table = TABLES[transport]
    # Letters, and the few other bytes that some word begins with: the rest is not searched for.
    first = (head >> np.uint64(56)).astype(np.uint8)
    some = np.flatnonzero(_FIRSTS[transport][first])
    if not len(some):
        return []
    part = payloads.rows(some)
    which = table.find(head[some], part.eight(8))
    answer: list[tuple[NDArray[np.intp], str]] = []
    for at in np.flatnonzero(np.bincount(which[which >= 0])):
        beginning = table.all[at]
        rows = np.flatnonzero(which == at)
        if beginning.method:
            answer += [(some[rows[yes]], protocol) for protocol, yes in _requests(part.rows(rows), len(beginning.text), transport).items()]
        elif not beginning.protocol:
            answer += [(some[rows[yes]], protocol) for protocol, yes in _greetings(part.rows(rows)).items()]
        else:
            yes = _FURTHER.get(beginning.protocol, _all)(part.rows(rows))
            answer.append((some[rows[yes]], beginning.protocol))
    return answer


def _firsts(table: _Table) -> Yes:
    found = np.zeros(256, bool)
    found[[each.text[0] for each in table.all]] = True
    return found


_FIRSTS = {transport: _firsts(table) for transport, table in TABLES.items()}


def _requests(payloads: Payloads, size: int, transport: int) -> dict[str, Yes]:
    """By what is asked for: a path or a web address, a telephone's, a film's."""
    target = payloads.eight(size)
    lower = target | _SMALL
    sip = begins(lower, b"sip:") | begins(lower, b"sips:") | begins(lower, b"tel:")
    rtsp = begins(target, b"rtsp://") | begins(target, b"rtspu://") | begins(target, b"rtsps://") | begins(target, b"* RTSP/1")
    star = begins(target, b"* HTTP/1")
    if transport == UDP:
        return {"sip": sip, "ssdp": star}
    clear = _CLEAR[target.view(np.uint8).reshape(-1, 8)].all(axis=1)
    path = begins(target, b"/") & clear | begins(lower, b"http://") | begins(lower, b"https://") | star
    if size == len(b"CONNECT "):  # host:port, alone or with the version; OPTIONS is as long, but asks for no host
        asked = (payloads.byte(0) == ord("C")) & clear
        path |= narrowed(payloads, asked, _tunnel)
    return {"http": path & ~(sip | rtsp), "sip": sip, "rtsp": rtsp}


def _tunnel(payloads: Payloads) -> Yes:
    """What CONNECT asks for."""
    target = payloads.text(64, len(b"CONNECT "))
    return holds(target, b" http/1.") & holds(target, b":")


def _greetings(payloads: Payloads) -> dict[str, Yes]:
    """220: by the words behind the host's own name, since many a host is called ftp or smtp."""
    text = payloads.text(128, 4)
    ends = (text == 13) | (text == 10)
    line = np.where(np.logical_or.accumulate(ends, axis=1), 0, text).astype(np.uint8)
    blank = line == 32
    first_word = ~np.logical_or.accumulate(blank, axis=1)
    dotted = ((line == ord(".")) & first_word).any(axis=1) & blank.any(axis=1)
    behind = np.where(first_word & dotted[:, None], 0, line).astype(np.uint8)
    mail, files = holds(behind, b"smtp"), holds(behind, b"ftp") | holds(behind, b"filezilla")
    return {"smtp": mail & ~files, "ftp": files & ~mail}


def _all(payloads: Payloads) -> Yes:
    return np.ones(len(payloads), bool)


def _stream(payloads: Payloads) -> Yes:
    """An XML document that opens a stream."""
    return holds(payloads.text(128), b"<stream:stream")


def _status(payloads: Payloads) -> Yes:
    """Three digits behind the version, or what HTTP/2 begins with."""
    text = payloads.text(16)
    digits = (text >= ord("0")) & (text <= ord("9"))
    one, two = digits[:, 9:12].all(axis=1), digits[:, 7:10].all(axis=1) & starts(text, b"HTTP/2 ")
    return one | two | starts(text, b"PRI")


def _bare(payloads: Payloads) -> Yes:
    """A printable word behind a command."""
    text = payloads.text(8, 5)
    return (text[:, 0] > 0x20) & (text[:, 0] < 0x7F)


def _node(payloads: Payloads) -> Yes:
    """A dictionary of the distributed hash table says what it is: a query, a response or an error."""
    text = payloads.text(384)
    return holds(text, b"1:y1:") | (payloads.whole > 384) | starts(text, b"BT-") | starts(text, b"\x13")


_FURTHER = {"xmpp": _stream, "http": _status, "smtp": _bare, "irc": _bare, "bittorrent": _node}
