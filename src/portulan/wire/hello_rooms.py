"""Greetings for telephony, discovery, sharing and games."""

from __future__ import annotations

from struct import pack


def _hex(dice: int) -> str:
    return pack(">Q", dice).hex()


# Telephony


def stun(dice: int) -> bytes:
    """A binding request (RFC 8489, section 5)."""
    return pack(">HHI", 1, 0, 0x2112_A442) + b"port" + pack(">Q", dice)


def same_stun(sent: bytes, answer: bytes) -> bool:
    """By the number of the transaction."""
    return len(answer) < 20 or answer[4:8] != sent[4:8] or answer[8:20] == sent[8:20]


def sip(dice: int) -> bytes:
    """OPTIONS (RFC 3261, section 11), to be answered to where it came from (RFC 3581)."""
    name = _hex(dice)
    lines = (
        "OPTIONS sip:portulan.invalid SIP/2.0", f"Via: SIP/2.0/UDP portulan.invalid;branch=z9hG4bK{name};rport", "Max-Forwards: 70",
        "To: <sip:portulan@portulan.invalid>", f"From: <sip:portulan@portulan.invalid>;tag={name[:8]}", f"Call-ID: {name}", "CSeq: 1 OPTIONS",
        "Contact: <sip:portulan@portulan.invalid>", "Accept: application/sdp", "Content-Length: 0", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


def same_sip(sent: bytes, answer: bytes) -> bool:
    """By the call's name."""
    at = sent.find(b"Call-ID: ") + 9
    return not answer.startswith(b"SIP/2.0 ") or sent[at : at + 16] in answer


def mgcp(dice: int) -> bytes:
    """AuditEndpoint (RFC 3435, section 2.3.10): even who refuses answers."""
    return f"AUEP {dice % 999_999_999 + 1} *@portulan.invalid MGCP 1.0\r\n\r\n".encode()


def iax(dice: int) -> bytes:
    """POKE: a full frame of IAX control, answered by PONG (RFC 5456, sections 6.7.3 and 8.1.1)."""
    return pack(">HHIBBBB", 0x8000 | (dice & 0x7FFF or 1), 0, 0, 0, 0, 6, 0x1E)


def same_iax(sent: bytes, answer: bytes) -> bool:
    """By our call number, which is the answer's destination."""
    return len(answer) < 12 or not answer[0] & 0x80 or (int.from_bytes(answer[2:4]) ^ int.from_bytes(sent[:2])) & 0x7FFF == 0


# Discovery


def ssdp(_: int) -> bytes:
    """M-SEARCH for root devices, sent to one address (UPnP Device Architecture 1.1, section 1.3.2)."""
    lines = ("M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", 'MAN: "ssdp:discover"', "MX: 1", "ST: upnp:rootdevice", "", "")
    return "\r\n".join(lines).encode()


def ws_discovery(dice: int) -> bytes:
    """A Probe for whatever there is (WS-Discovery 2005/04, section 5.2; SOAP over UDP)."""
    name = _hex(dice)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header>'
        f"<a:MessageID>urn:uuid:00000000-0000-4000-8000-{name[4:]}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
        "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></e:Header><e:Body><d:Probe/></e:Body></e:Envelope>"
    ).encode()


def same_ws_discovery(sent: bytes, answer: bytes) -> bool:
    """By the message that it relates to."""
    at = sent.find(b"urn:uuid:")
    return b"RelatesTo" not in answer or sent[at : at + 45] in answer


def coap(dice: int) -> bytes:
    """GET /.well-known/core (RFC 7252, section 3; RFC 6690)."""
    return b"\x44\x01" + pack(">HI", dice & 0xFFFF, dice >> 16 & 0xFFFF_FFFF) + b"\xbb.well-known\x04core"


def same_coap(sent: bytes, answer: bytes) -> bool:
    """By the message's number where it acknowledges or resets ours, by the token where it comes later."""
    if len(answer) < 4 or answer[0] >> 6 != 1:
        return True
    if answer[0] >> 4 & 3 >= 2:
        return answer[2:4] == sent[2:4]
    return answer[0] & 15 != 4 or answer[4:8] == sent[4:8]


# Sharing


def bittorrent(dice: int) -> bytes:
    """A ping of the distributed hash table (BEP 5)."""
    return b"d1:ad2:id20:portulan----" + pack(">Q", dice) + b"e1:q4:ping1:t4:" + pack(">I", dice & 0xFFFF_FFFF) + b"1:y1:qe"


def same_bittorrent(sent: bytes, answer: bytes) -> bool:
    """By the transaction."""
    return not answer.startswith(b"d") or b"1:t4:" not in answer or sent[-16:-7] in answer


def tracker(dice: int) -> bytes:
    """A tracker's connect (BEP 15)."""
    return pack(">QII", 0x417_2710_1980, 0, dice & 0xFFFF_FFFF)


def same_tracker(sent: bytes, answer: bytes) -> bool:
    """By the transaction."""
    return len(answer) < 8 or answer[:4] not in (bytes(4), b"\0\0\0\3") or answer[4:8] == sent[12:16]


# Games


def raknet(dice: int) -> bytes:
    """An unconnected ping, as Minecraft's Bedrock servers answer it (RakNet's documentation: offline messages)."""
    return b"\x01" + pack(">Q", dice) + bytes.fromhex("00ffff00fefefefefdfdfdfd12345678") + pack(">Q", dice)


def same_raknet(sent: bytes, answer: bytes) -> bool:
    """A pong repeats the ping's time."""
    return len(answer) < 9 or answer[0] != 0x1C or answer[1:9] == sent[1:9]


def minecraft(dice: int) -> bytes:
    """The handshake of GameSpot's query protocol, with which Minecraft's Java servers are asked; only the lower halves of bytes are kept."""
    return b"\xfe\xfd\x09" + pack(">I", dice & 0x0F0F_0F0F)


def same_minecraft(sent: bytes, answer: bytes) -> bool:
    """By the session's number."""
    return len(answer) < 5 or answer[0] != 9 or answer[1:5] == sent[3:7]


def source_query(_: int) -> bytes:
    """A2S_INFO (Valve's server queries)."""
    return b"\xff\xff\xff\xffTSource Engine Query\0"


def quake3(_: int) -> bytes:
    """The out-of-band request for the server's state (id Software's Quake III sources)."""
    return b"\xff\xff\xff\xffgetstatus\n"


def mumble(dice: int) -> bytes:
    """A ping without a connection: twelve bytes, the last eight come back (Mumble's protocol documentation)."""
    return bytes(4) + pack(">Q", dice)


def same_mumble(sent: bytes, answer: bytes) -> bool:
    """By those eight."""
    return len(answer) != 24 or answer[4:12] == sent[4:12]
