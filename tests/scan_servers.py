"""What targets of scans serve, as one process: thousands of TCP listeners, UDP services that answer to what their protocol calls a request, and UDP sockets that never answer.

Reads {"tcp": [port, …], "udp": {port: service}, "silent": [port, …]} from stdin, says `ready`, and serves for ever. The services answer nothing but their own protocol.
"""

import json
import selectors
import socket
import struct
import sys
from collections import deque
from contextlib import suppress

BACKLOG, KEPT = 4096, 512
STUN_COOKIE = 0x2112A442


def dns(request):
    """RFC 1035: a query with one question at least; refused."""
    if len(request) < 17 or request[2] & 0xF8 or not int.from_bytes(request[4:6]):
        return None
    return request[:2] + bytes([0x80 | request[2] & 1, 5]) + request[4:6] + b"\0" * 6 + request[12:]


def ntp(request):
    """RFC 5905: a client's packet (mode 3) of any version."""
    if len(request) < 48 or request[0] & 7 != 3:
        return None
    return bytes([request[0] & 0x38 | 4, 2, 6, 0xEC]) + b"\0" * 20 + request[40:48] + b"\1" * 16


def snmp(request):
    """RFC 1157, 3416, 3412: a get request of the community `public`, or an engine discovery of version 3."""
    if request[:1] != b"0" or len(request) < 20:
        return None
    version, place = tlv(request, skip(request, 0))
    if version == b"\3":
        return request
    community, place = tlv(request, place)
    if community != b"public" or request[place] not in {0xA0, 0xA1, 0xA5}:
        return None
    return request[:place] + b"\xa2" + request[place + 1 :]


def skip(data, place):
    """Past the tag and the length (X.690)."""
    length = data[place + 1]
    return place + 2 + (length & 0x7F if length & 0x80 else 0)


def tlv(data, place):
    """A short value and where the next one begins."""
    begin, length = place + 2, data[place + 1]
    return data[begin : begin + length], begin + length


def stun(request):
    """RFC 8489: a binding request."""
    if len(request) < 20 or request[:2] != b"\0\1" or int.from_bytes(request[4:8]) != STUN_COOKIE:
        return None
    return b"\1\1\0\x0c" + request[4:20] + b"\0\x20\0\x08\0\1" + struct.pack("!HI", 7 ^ STUN_COOKIE >> 16, 0x7F000001 ^ STUN_COOKIE)


def ssdp(request):
    """UPnP Device Architecture 2.0, 1.3.2: a search."""
    if not request.startswith(b"M-SEARCH * HTTP/1.1\r\n") or b"ssdp:discover" not in request:
        return None
    return b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:0::upnp:rootdevice\r\n\r\n"


def quic(request):
    """RFC 9000, 6.1 and 14.1: a datagram of 1,200 bytes with a version that is not spoken draws the versions that are."""
    if len(request) < 1200 or not request[0] & 0x80 or request[1:5] == b"\0\0\0\1":
        return None
    there = request[6 : 6 + request[5]]
    at = 6 + request[5]
    here = request[at + 1 : at + 1 + request[at]]
    return b"\x80\0\0\0\0" + bytes([len(here)]) + here + bytes([len(there)]) + there + b"\0\0\0\1"


def rpcbind(request):
    """RFC 5531: a call (RPC version 2) of the port mapper's null procedure or another one."""
    if len(request) < 40 or request[4:12] != b"\0\0\0\0\0\0\0\2" or int.from_bytes(request[12:16]) != 100_000:
        return None
    return request[:4] + b"\0\0\0\1" + b"\0" * 16


def netbios(request):
    """RFC 1002, 4.2.17: a node status request."""
    if len(request) < 50 or request[2] & 0x80 or request[46:48] != b"\0\x21":
        return None
    return request[:2] + b"\x84\0\0\0\0\1\0\0\0\0" + request[12:50] + b"\0\0\0\0\0\1\0"


def sip(request):
    """RFC 3261: any request."""
    if b" SIP/2.0\r\n" not in request:
        return None
    return b"SIP/2.0 200 OK\r\n" + b"".join(line + b"\r\n" for line in request.split(b"\r\n")[1:] if line) + b"\r\n"


def coap(request):
    """RFC 7252: a confirmable request; an empty one draws a reset."""
    if len(request) < 4 or request[0] >> 6 != 1 or request[0] >> 4 & 3 or request[1] > 31:
        return None
    return (
        bytes([0x70, 0]) + request[2:4] if request[1] == 0 else bytes([0x60 | request[0] & 15, 0x84]) + request[2 : 4 + (request[0] & 15)]
    )


def memcached(request):
    """The text protocol behind its UDP header of eight bytes."""
    if len(request) < 10 or request[4:8] != b"\0\1\0\0":
        return None
    return request[:8] + b"VERSION 1.6\r\n" if request[8:].startswith(b"version") else request[:8] + b"END\r\n"


SERVICES = {
    53: dns, 111: rpcbind, 123: ntp, 137: netbios, 161: snmp, 443: quic, 1900: ssdp, 3478: stun, 5060: sip, 5353: dns, 5683: coap, 11211: memcached,
}  # fmt: skip


def bound(kind, port):
    """A socket of both families."""
    one = socket.socket(socket.AF_INET6, kind)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("::", port))
    return one


def main():
    asked = json.load(sys.stdin)
    kept, selector = [], selectors.DefaultSelector()
    # Accepted, and kept for a while: a queue that nobody empties is full after so many connections, and then the port no longer answers.
    accepted = deque(maxlen=KEPT)
    for port in asked["tcp"]:
        one = bound(socket.SOCK_STREAM, port)
        one.listen(BACKLOG)
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ)
    for port in asked["silent"]:
        kept.append(bound(socket.SOCK_DGRAM, port))
        kept[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for port in map(int, asked["udp"]):
        one = bound(socket.SOCK_DGRAM, port)
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ, SERVICES[asked["udp"][str(port)]])
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                with suppress(OSError):
                    accepted.append(key.fileobj.accept()[0])
                continue
            try:
                request, sender = key.fileobj.recvfrom(4096)
                answer = key.data(request)
            except (OSError, IndexError):
                continue
            if answer is not None:
                key.fileobj.sendto(answer, sender)


if __name__ == "__main__":
    main()
