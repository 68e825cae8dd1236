"""Topics of `explain`: how packets travel: transports, layers, echoes, the client's end."""

from __future__ import annotations

from portulan.text.explain_page import Page
from portulan.text.voice import mark

PAGES: dict[str, Page] = {
    "tcp-udp": Page(
        title=mark("TCP and UDP"),
        short=mark("two ways to send: a call, or a postcard"),
        body=(
            mark(
                "TCP first makes a connection (three packets: SYN, SYN-ACK, ACK), numbers every byte, sends again what was lost, and hands everything over in order. The web, mail and ssh use it."
            ),
            mark(
                "UDP just sends: one packet, without a connection, a receipt or an order. That is quick and cheap, right for names (DNS), clocks (NTP), voice and games. A program that needs to be certain brings that along, as QUIC does."
            ),
            mark(
                "Each of the two has all 65,536 numbers to itself: 53/tcp and 53/udp are two doors. SCTP and DCCP have ports as well, but you will rarely meet them."
            ),
        ),
        like=mark(
            "TCP is a phone call: you hear that the other one is there. UDP is a postcard: quickly written, and you hope that it arrives."
        ),
    ),
    "layers": Page(
        title=mark("Layers, and where the port number stands"),
        short=mark("one packet taken apart, byte by byte"),
        body=(
            mark(
                "A packet is built like envelopes in envelopes. The outermost (Ethernet, Wi-Fi) goes from one network card to the next, the IP header from machine to machine, the TCP or UDP header from program to program. Each layer reads its own header and passes on the rest."
            ),
            mark(
                "Port numbers stand in the transport layer only: they are the first four bytes of TCP and of UDP, two for the source port, two for the destination port. The IP header has addresses and the number of what follows (6 is TCP, 17 UDP, 1 ICMP), but no port anywhere."
            ),
        ),
        like=mark(
            "A letter in an envelope in a mail bag: the bag says which town, the envelope which house, and only the first line of the letter says which flat."
        ),
    ),
    "ping": Page(
        title=mark("Why ping has no port, and what has"),
        short=mark("echoes stop below the ports: what to ask instead"),
        body=(
            mark(
                "ping sends an ICMP echo. ICMP travels in IP directly, beside TCP and UDP, and has no port field: the other machine's kernel answers, and no program is asked. So an answer says that the machine is there, and nothing of any service. No answer says little, since many firewalls drop echoes."
            ),
            mark(
                "To test a port, knock at the port: send what opens a TCP connection. SYN-ACK means open, RST means closed, silence means that something on the way swallows it. With UDP only an answer or an ICMP error tells."
            ),
        ),
        like=mark("Ringing the bell of the building tells that the building stands, not that the baker in flat 443 is in."),
    ),
    "ephemeral": Page(
        title=mark("Ephemeral ports"),
        short=mark("the numbers that the kernel lends to clients"),
        body=(
            mark(
                "A connection has two ports. The server's is fixed, so that it can be found. The client's may be any: the kernel lends it a free one for as long as the connection lasts. Ephemeral is Greek for what lasts a day."
            ),
            mark(
                "Linux lends 32768 to 60999 unless told otherwise. That is not the private range of IANA (49152 to 65535), though the two overlap. A server whose own port lies in there may find it lent out one day."
            ),
        ),
        like=mark("The number you draw at a counter: yours until you have been served, then somebody else's."),
    ),
}
