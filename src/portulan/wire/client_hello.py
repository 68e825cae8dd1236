"""The names that a client says in clear: the server it wants (TLS server_name, HTTP Host) and the protocols it offers (TLS ALPN). Hostile bytes welcome."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 255
"""Characters of a name that are kept."""
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _ALPN = 22, 1, 0, 16
_MOST_BYTES, _MOST_OFFERS = 1 << 16, 16


def _harmless(raw: bytes) -> str | None:
    """A name as text in which nothing acts on a terminal; None for an empty one."""
    kept = raw[:LONGEST]
    text = "".join(chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in kept)
    return text[:LONGEST] or None


def handshake_of(payload: bytes) -> bytes:
    """The handshake's bytes, put together from as many records as are there (RFC 8446 5.1); of a cut one what is left."""
    parts, at = [], 0
    payload = payload[:_MOST_BYTES]
    while at + 5 <= len(payload) and payload[at] == _HANDSHAKE and payload[at + 1] == 3:
        size = int.from_bytes(payload[at + 3 : at + 5])
        parts.append(payload[at + 5 : at + 5 + size])
        at += 5 + size
    return b"".join(parts)


def extensions_of(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, content) of each extension of a ClientHello (RFC 8446 4.1.2), as far as it is there; the last may be cut."""
    hello = handshake_of(payload)
    if len(hello) < 39 or hello[0] != _CLIENT_HELLO:
        return
    at = 4 + 2 + 32
    for width in (1, 2, 1):  # session, ciphers, compression
        at += width + int.from_bytes(hello[at : at + width])
        if at >= len(hello):
            return
    end = min(at + 2 + int.from_bytes(hello[at : at + 2]), len(hello))
    at += 2
    while at + 4 <= end:
        size = int.from_bytes(hello[at + 2 : at + 4])
        yield int.from_bytes(hello[at : at + 2]), hello[at + 4 : min(at + 4 + size, end)]
        at += 4 + size


def server_name(payload: bytes) -> str | None:
    """The host's name that the client asks for (RFC 6066 3); None where it says none, or not all of it is there."""
    for kind, content in extensions_of(payload):
        if kind != _SERVER_NAME:
            continue
        size = int.from_bytes(content[3:5])
        if len(content) >= 5 and content[2] == 0 and len(content) >= 5 + size:
            return _harmless(content[5 : 5 + size])
        return None
    return None


def offered(payload: bytes) -> tuple[str, ...]:
    """The protocols that the client offers, in its order (RFC 7301 3.1): `h2`, `http/1.1`."""
    for kind, content in extensions_of(payload):
        if kind == _ALPN:
            names: list[str] = []
            at = 2
            while at < len(content) and len(names) < _MOST_OFFERS:
                size = content[at]
                if not size or at + 1 + size > len(content):
                    break
                names.append(_harmless(content[at + 1 : at + 1 + size]) or "")
                at += 1 + size
            return tuple(names)
    return ()


def host_of(payload: bytes) -> str | None:
    """The Host of an HTTP request (RFC 9112 3.2), or the one its target names; None where there is none in the bytes at hand."""
    head = payload[:8192].partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")
    if len(head) == len(payload[:8192]) and not payload.endswith(b"\r\n"):
        lines = lines[:-1]  # the last line may be cut
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.lower() == b"host":
            return _harmless(value.strip(b" \t"))
    words = lines[0].split(b" ") if lines else []
    if len(words) >= 2 and words[0] == b"CONNECT":
        return _harmless(words[1])
    if len(words) >= 2 and words[1][:8].lower().startswith((b"http://", b"https://")):
        return _harmless(words[1].split(b"/", 3)[2])
    return None
