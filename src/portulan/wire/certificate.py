"""When a certificate ends: X.509 (RFC 5280, section 4.1) in DER (X.690), as far as its validity and no further."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import ParseError

_SEQUENCE, _EXPLICIT_0, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


def parse_not_after(certificate: bytes) -> datetime:
    """The moment after which it is not valid. Raises ParseError."""
    try:
        body = _inside(certificate, _SEQUENCE)
        fields = _inside(body, _SEQUENCE)
        if fields[0] == _EXPLICIT_0:  # the version
            fields = _behind(fields)
        for _ in range(3):  # serial number, signature, issuer
            fields = _behind(fields)
        validity = _inside(fields, _SEQUENCE)
        last = _behind(validity)
        return _moment(last[0], _inside(last, last[0]))
    except (IndexError, ValueError, UnicodeDecodeError) as error:
        raise ParseError("certificate.damaged") from error


def _length(data: bytes) -> tuple[int, int]:
    """(where the contents begin, where they end) of the element at the start."""
    first = data[1]
    if first < 0x80:
        begin, size = 2, first
    else:
        octets = first & 0x7F
        if not 0 < octets <= 4:
            raise ValueError(octets)
        begin, size = 2 + octets, int.from_bytes(data[2 : 2 + octets])
    if begin + size > len(data):
        raise ValueError(size)
    return begin, begin + size


def _inside(data: bytes, tag: int) -> bytes:
    if data[0] != tag:
        raise ValueError(data[0])
    begin, end = _length(data)
    return data[begin:end]


def _behind(data: bytes) -> bytes:
    return data[_length(data)[1] :]


def _moment(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: RFC 5280, section 4.1.2.5.1
        text = ("20" if int(text[:2]) < 50 else "19") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError(tag)
    if len(text) != 15 or text[14] != "Z":
        raise ValueError(text)
    return datetime(int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[8:10]), int(text[10:12]), int(text[12:14]), tzinfo=UTC)
