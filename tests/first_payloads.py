"""First payloads of each protocol, built here from its specification: what the recogniser must tell, and must not take for another."""

from struct import pack

import numpy as np

TCP, UDP = 6, 17
COOKIE = bytes(range(16, 28))


def packed(payloads, gap=3, first=5):
    """(buffer, start, length) as in a batch: at any alignment, with bytes of others between and behind."""
    start, at = [], first
    for payload in payloads:
        start.append(at)
        at += len(payload) + gap
    buffer = np.full((at + 128 + 7) // 8, 0xAAAA_5555_AAAA_5555, np.uint64).view(np.uint8)
    for place, payload in zip(start, payloads, strict=True):
        buffer[place : place + len(payload)] = np.frombuffer(payload, np.uint8)
    return buffer, np.array(start, np.int64), np.array([len(each) for each in payloads], np.int64)


def extension(kind, content):
    return pack(">HH", kind, len(content)) + content


def client_hello(name=b"www.example.org", offers=(b"h2", b"http/1.1"), record=1 << 14, padding=0):
    """A ClientHello in records of at most `record` bytes."""
    extensions = b""
    if padding:
        extensions += extension(21, bytes(padding))
    if name is not None:
        extensions += extension(0, pack(">HBH", len(name) + 3, 0, len(name)) + name)
    if offers:
        listed = b"".join(bytes((len(each),)) + each for each in offers)
        extensions += extension(16, pack(">H", len(listed)) + listed)
    extensions += extension(43, b"\x02\x03\x04")
    body = (
        b"\x03\x03"
        + bytes(32)
        + b"\x20"
        + bytes(32)
        + pack(">HHH", 4, 0x1301, 0x1302)
        + b"\x01\x00"
        + pack(">H", len(extensions))
        + extensions
    )
    handshake = b"\x01" + len(body).to_bytes(3) + body
    parts = [handshake[at : at + record] for at in range(0, len(handshake), record)]
    return b"".join(b"\x16\x03\x01" + pack(">H", len(part)) + part for part in parts)


def tlv(tag, *parts):
    body = b"".join(parts)
    size = bytes((len(body),)) if len(body) < 0x80 else b"\x82" + pack(">H", len(body))
    return bytes((tag,)) + size + body


def name(text):
    return b"".join(bytes((len(label),)) + label for label in text.split(b".") if label) + b"\0"


def dns(flags=0x0100, counts=(1, 0, 0, 0), asked=b"www.example.org", kind=1, class_=1, rest=b""):
    return pack(">HH4H", 0x1234, flags, *counts) + name(asked) + pack(">HH", kind, class_) + rest


def half_bytes(text):
    return b"\x20" + bytes(0x41 + half for byte in text.ljust(16) for half in (byte >> 4, byte & 15)) + b"\0"


def mysql(turn, body):
    return len(body).to_bytes(3, "little") + bytes((turn,)) + body


def quic(version, kind=0xC3, size=1200):
    return (bytes((kind,)) + pack(">I", version) + b"\x08" + bytes(8) + b"\x00" + b"\x00" + b"\x44\x9e").ljust(size, b"\x5a")


REQUEST = tlv(0xA0, tlv(2, b"\x01\x02\x03\x04"), tlv(2, b"\0"), tlv(2, b"\0"), tlv(0x30, tlv(0x30, tlv(6, b"\x2b\6\1\2\1\1\1\0"), tlv(5))))
SNMP3 = tlv(
    0x30,
    tlv(2, b"\3"),
    tlv(0x30, tlv(2, b"\1\2"), tlv(2, b"\0\xff\xe3"), tlv(4, b"\4"), tlv(2, b"\3")),
    tlv(4, tlv(0x30, *(tlv(4) for _ in range(6)))),
    tlv(0x30, tlv(4), tlv(4), tlv(0xA0)),
)
AS_REQUEST = tlv(0x6A, tlv(0x30, tlv(0xA1, tlv(2, b"\5")), tlv(0xA2, tlv(2, b"\x0a")), tlv(0xA4, tlv(0x30, bytes(60)))))
KRB_ERROR = tlv(0x7E, tlv(0x30, tlv(0xA0, tlv(2, b"\5")), tlv(0xA1, tlv(2, b"\x1e")), tlv(0xA4, tlv(0x18, b"20260101000000Z"))))
CALL = pack(">10I", 77, 0, 2, 100_000, 2, 0, 0, 0, 0, 0)
RPC_ANSWER = pack(">6I", 77, 1, 0, 0, 0, 0)
GREETING = (
    b"\x0a8.0.36\0"
    + pack("<I", 9)
    + b"abcdefgh\0"
    + pack("<HBHHB", 0xFFFF, 255, 2, 0xDFFF, 21)
    + bytes(10)
    + b"abcdefghijkl\0mysql_native_password\0"
)
LOGIN = pack("<IIB", 0x00BFA285, 1 << 24, 255) + bytes(23) + b"ann\0\x14" + bytes(20)
IKE = bytes(range(1, 9)) + bytes(8) + b"\x21\x20\x22\x08" + pack(">II", 0, 60) + bytes(32)
DHCP6 = b"\x01\x12\x34\x56" + extension(1, bytes(14)) + extension(6, bytes(4))
RADIUS_ATTRIBUTES = b"\x01\x05ann\x02\x12" + bytes(16)

SAMPLES = {
    ("http", TCP): (
        b"GET / HTTP/1.1\r\nHost: web\r\n\r\n", b"POST /a HTTP/1.0\r\n\r\n", b"HEAD http://web/ HTTP/1.1\r\n\r\n", b"CONNECT db-01:22 HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n", b"HTTP/1.0 200 OK\r\n", b"PROPFIND /dav/ HTTP/1.1\r\n", b"SUBSCRIBE /event HTTP/1.1\r\n", b"GET /",
    ),
    ("tls", TCP): (
        client_hello(), client_hello(record=50), client_hello()[:30], b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(111), b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x17\x03\x03\x01\x00" + bytes(range(256)), b"\x80\x2b\x01\x03\x01\x00\x12\x00\x00\x00\x10" + bytes(34),
    ),
    ("ssh", TCP): (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b"SSH-1.99-x\n"),
    ("dns", UDP): (
        dns(), dns(0x8180, (1, 1, 0, 0), rest=b"\xc0\x0c" + pack(">HHIH", 1, 1, 60, 4) + bytes(4)), dns(0, (1, 0, 0, 1), rest=b"\0" + pack(">HHIH", 41, 1232, 0, 0)),
        dns(0, (1, 0, 0, 0), b"_http._tcp.local", 12, 0x8001), dns(0x8400, (0, 1, 0, 0), b"web-01.local", 1, 0x8001, pack(">IH", 120, 4) + bytes(4)), dns(asked=b""),
        dns(0x2800, (1, 0, 1, 0), b"example.org", 6), pack(">6H", 7, 0x8005, 0, 0, 0, 0), dns(asked=b".".join(b"%x" % (at % 16) for at in range(32)) + b".ip6.arpa", kind=12),
    ),
    ("dns", TCP): (pack(">H", len(dns())) + dns(),),
    ("quic", UDP): (quic(1), quic(0x6B3343CF), quic(0xFF00001D), b"\x80" + bytes(4) + b"\x00\x08" + bytes(8) + pack(">II", 0x0A1A2A3A, 1), b"\x0d" + bytes(8) + b"Q043" + bytes(40)),
    ("smtp", TCP): (b"220 mail.example.org ESMTP Postfix\r\n", b"220-ftp.example.org ESMTP\r\n", b"EHLO client\r\n", b"HELO x\r\n"),
    ("ftp", TCP): (b"220 (vsFTPd 3.0.3)\r\n", b"220 ProFTPD Server\r\n", b"220-FileZilla Server 1.0\r\n", b"220 smtp.example.org FTP server ready.\r\n", b"AUTH TLS\r\n"),
    ("imap", TCP): (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", b"* PREAUTH hi\r\n", b"a1 CAPABILITY\r\n", b"A001 login ann secret\r\n", b"1 STARTTLS\r\n"),
    ("pop3", TCP): (b"+OK POP3 ready\r\n", b"CAPA\r\n"),
    ("mysql", TCP): (mysql(0, GREETING), mysql(0, b"\x0a5.5.5-10.11.6-MariaDB\0" + GREETING[8:]), mysql(1, LOGIN), mysql(1, LOGIN[:32]), mysql(0, b"\xff\x6a\x04Host 'x' is not allowed")),
    ("postgresql", TCP): (
        pack(">II", 41, 0x30000) + b"user\0ann\0database\0shop\0" + bytes(10), pack(">II", 8, 80877103), pack(">II", 8, 80877104), pack(">IIII", 16, 80877102, 1, 2),
        b"R" + pack(">II", 23, 10) + b"SCRAM-SHA-256\0\0", b"E\0\0\0\x30SFATAL\0VFATAL\0C28000\0",
    ),
    ("redis", TCP): (b"*1\r\n$4\r\nPING\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", b"$5\r\nhello\r\n", b"+PONG\r\n", b"-NOAUTH Authentication required.\r\n", b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"),
    ("mqtt", TCP): (b"\x10\x0e\0\4MQTT\4\2\0\x3c\0\2ab", b"\x10\x8c\x01\0\4MQTT\5\2" + bytes(20), b"\x10\x0e\0\6MQIsdp\3\2\0\x3c\0\0", b"\x20\x02\0\0"),
    ("ntp", UDP): (
        b"\x23" + bytes(39) + bytes(range(8)), b"\x24\x02\x06\xe9\0\0\x01\x20\0\0\x0a\x10" + bytes(range(36)), b"\xe3\0\x0a\xfa\0\x01\0\0\0\x01\0\0" + bytes(28) + bytes(range(8)), b"\x16\x02\0\x01" + bytes(8),
        b"\x17\x00\x03\x2a" + bytes(4),
    ),
    ("stun", UDP): (b"\0\1\0\0\x21\x12\xa4\x42" + COOKIE, b"\1\1\0\x0c\x21\x12\xa4\x42" + COOKIE + b"\0\x20\0\x08" + bytes(8), b"\0\1\0\x08" + bytes(range(16)) + b"\0\3\0\4\0\0\0\6", b"\0\1\0\0" + bytes(range(16))),
    ("stun", TCP): (b"\0\3\0\x08\x21\x12\xa4\x42" + COOKIE + b"\0\x19\0\4\x11\0\0\0",),
    ("rdp", TCP): (
        b"\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0", b"\3\0\0\x2e\x29\xe0\0\0\0\0\0Cookie: mstshash=ann12345\r\n\1\0\x08\0\3\0\0\0", b"\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\x1f\x08\0\2\0\0\0",
    ),
    ("smb", TCP): (b"\0\0\0\x54\xffSMB\x72" + bytes(79), b"\0\0\0\xb0\xfeSMB\x40\0" + bytes(170)),
    ("bittorrent", TCP): (b"\x13BitTorrent protocol" + bytes(48),),
    ("bittorrent", UDP): (
        b"d1:ad2:id20:" + bytes(20) + b"e1:q4:ping1:t2:aa1:y1:qe", b"d1:rd2:id20:" + bytes(20) + b"e1:t2:aa1:y1:re", b"\x41\x00\x12\x34" + bytes(range(4)) + bytes(4) + pack(">IHH", 1 << 20, 1, 0),
        pack(">QII", 0x41727101980, 0, 99), b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\n",
    ),
    ("dhcp", UDP): (b"\1\1\6\0" + bytes(232) + b"\x63\x82\x53\x63\x35\1\1\xff", DHCP6, b"\x0c\0" + bytes(32) + extension(9, DHCP6)),
    ("snmp", UDP): (tlv(0x30, tlv(2, b"\0"), tlv(4, b"public"), REQUEST), tlv(0x30, tlv(2, b"\1"), tlv(4, b"public" * 30), REQUEST), SNMP3),
    ("sip", UDP): (b"OPTIONS sip:a@b SIP/2.0\r\n", b"REGISTER sip:example.org SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n", b"INVITE tel:+81-3-1234 SIP/2.0\r\n"),
    ("sip", TCP): (b"INVITE sips:a@b SIP/2.0\r\n", b"NOTIFY sip:a@b SIP/2.0\r\n"),
    ("rtp", UDP): (b"\x80\x80" + pack(">HII", 1, 160, 0x1234) + b"\xd5" * 160, b"\x80\x12" + pack(">HII", 9, 160, 7) + bytes(20), b"\x80\x21" + pack(">HII", 1, 1, 7) + (b"\x47" + bytes(187)) * 7, b"\x80\xc8\0\6" + bytes(24) + b"\x81\xca\0\1" + bytes(4)),
    ("wireguard", UDP): (b"\1\0\0\0" + bytes(range(144)), b"\2\0\0\0" + bytes(88), b"\3\0\0\0" + bytes(60), b"\4\0\0\0\x11\x22\x33\x44" + pack("<Q", 5) + bytes(16)),
    ("openvpn", UDP): (
        b"\x38" + bytes(range(8)) + bytes(5), b"\x40" + bytes(range(8)) + b"\1" + bytes(4) + bytes(range(8)) + bytes(4), b"\x38" + bytes(range(28)) + pack(">II", 1, 0x65000000) + bytes(5),
        b"\x38" + bytes(range(8)) + pack(">II", 1, 0x65000000) + bytes(range(37)),
    ),
    ("openvpn", TCP): (b"\0\x0e\x38" + bytes(range(8)) + bytes(5),),
    ("ldap", TCP): (
        tlv(0x30, tlv(2, b"\1"), tlv(0x60, tlv(2, b"\3"), tlv(4, b""), tlv(0x80, b""))), tlv(0x30, tlv(2, b"\1"), tlv(0x61, tlv(10, b"\0"), tlv(4), tlv(4))), b"\x30\x84\0\0\0\x0c\x02\1\1\x63\x84\0\0\0\3\4\1a",
        tlv(0x30, tlv(2, b"\2"), tlv(0x77, tlv(0x80, b"1.3.6.1.4.1.1466.20037"))), tlv(0x30, tlv(2, b"\3"), tlv(0x42)),
    ),
    ("ldap", UDP): (tlv(0x30, tlv(2, b"\1"), tlv(0x63, tlv(4), tlv(10, b"\0"), bytes(20))),),
    ("kerberos", UDP): (AS_REQUEST, KRB_ERROR),
    ("kerberos", TCP): (pack(">I", len(AS_REQUEST)) + AS_REQUEST,),
    ("dtls", UDP): (b"\x16\xfe\xff" + bytes(8) + pack(">H", 60) + b"\x01" + bytes(59), b"\x16\xfe\xfd" + bytes(7) + b"\1" + pack(">H", 20) + bytes(20)),
    ("ssdp", UDP): (b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n", b"NOTIFY * HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\nST: x\r\n"),
    ("rtsp", TCP): (b"OPTIONS rtsp://cam/1 RTSP/1.0\r\n", b"DESCRIBE rtsp://cam/1 RTSP/1.0\r\n", b"RTSP/1.0 200 OK\r\n", b"OPTIONS * RTSP/1.0\r\n"),
    ("tftp", UDP): (b"\0\1boot.img\0octet\0", b"\0\2notes\0NetASCII\0blksize\x001428\0"),
    ("rpc", UDP): (CALL, RPC_ANSWER),
    ("rpc", TCP): (pack(">I", 0x80000000 | len(CALL)) + CALL,),
    ("radius", UDP): (b"\1\7" + pack(">H", 20 + len(RADIUS_ATTRIBUTES)) + bytes(16) + RADIUS_ATTRIBUTES, b"\3\7\0\x14" + bytes(16)),
    ("ike", UDP): (IKE, bytes(4) + IKE),
    ("syslog", UDP): (b"<34>1 2026-01-02T03:04:05Z web-01 su - ID47 - failed", b"<13>Jan  2 03:04:05 web-01 x", b"<189>123: message here"),
    ("vnc", TCP): (b"RFB 003.008\n",),
    ("xmpp", TCP): (b"<?xml version='1.0'?><stream:stream to='a' xmlns='jabber:client'>", b"<stream:stream to='a'>"),
    ("amqp", TCP): (b"AMQP\0\0\x09\1", b"AMQP\0\1\0\0"),
    ("mongodb", TCP): (pack("<IIIII", 50, 1, 0, 2013, 0) + bytes(30), pack("<IIIII", 60, 1, 0, 2004, 0) + b"admin.$cmd\0" + bytes(29)),
    ("mssql", TCP): (b"\x12\1\0\x2f\0\0\0\0\0\0\x1a\0\6\1\0\x20\0\1\2\0\x21\0\1\xff" + bytes(23),),
    ("telnet", TCP): (b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23", b"\xff\xfb\x03\xff\xfd\x01"),
    ("bgp", TCP): (b"\xff" * 16 + b"\0\x1d\1\4" + bytes(9), b"\xff" * 16 + b"\0\x13\4"),
    ("git", TCP): (b"0033git-upload-pack /project.git\0host=example.org\0",),
    ("rsync", TCP): (b"@RSYNCD: 31.0\n",),
    ("netbios", UDP): (pack(">6H", 9, 0x0110, 1, 0, 0, 0) + half_bytes(b"WORKGROUP") + pack(">HH", 0x20, 1), b"\x11\x02\x12\x34" + bytes(4) + pack(">HHH", 138, 200, 0) + half_bytes(b"WEB-01") + bytes(100)),
    ("netbios", TCP): (b"\x81\0\0\x44" + half_bytes(b"*SMBSERVER") + half_bytes(b"CLIENT"), b"\x82\0\0\0"),
    ("irc", TCP): (b"NICK ann\r\nUSER ann 0 * :Ann\r\n", b"CAP LS 302\r\n"),
    ("memcached", TCP): (b"VERSION 1.6.18\r\n", b"\x80\x0b\0\0\0\0\0\0" + bytes(16), b"\x81\x00\0\0\4\0\0\0\0\0\0\x05" + bytes(12) + b"\0\0\0\0a"),
}  # fmt: skip
"""(protocol, transport) -> payloads that begin a conversation in it."""

UNKNOWN = {
    TCP: (
        b"", b"\0", b"hello\r\n", b"+OK\r\n", b"220 ready\r\n", b"220 mail.example.org\r\n", b"USER ann\r\n", b"PING\r\n", b"N", b"S", b"GETTING / HTTP", b"OPTIONS foo", b"SSH", b"\3\0\0\x16\x11\xe0\0\0\0\1\0\xc0\1\x0a\xc1\2\1\0\xc2\2\1\2",
        b"\0\1\0\0\0\x06\1\3\0\0\0\x0a", b"<?xml version='1.0'?><note>to Ann: stream nothing</note>", b"\0\x9c\0\1\x1a\x2b\x3c\x4d\0\1\0\0\1\0\0\0" + bytes(140), b"\x16\x03\x01\x00\x00", b"0000000000000000000000", b"* hello",
    ),
    UDP: (b"", b"\0", bytes(12), bytes(48), bytes(1200), b"\xff" * 64, b"\x80\x60" + bytes(100), b"SSH-2.0-x\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x45" + bytes(19), b"\4\0\0\0" + bytes(27), b"\0\4\0\1", b"\x40" + bytes(40), b"\xff"),
}  # fmt: skip
"""What says nothing: too little, of two at once, or of protocols that are not told."""
