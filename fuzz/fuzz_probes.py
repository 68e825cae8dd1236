"""Fuzz what the network and the kernel answer to probes: neighbours' frames, ICMP errors of the error queue, answers of UDP services."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """Every parser reads the same bytes; an answer is also judged for each port that has a greeting."""
    from portulan.errors import ParseError
    from portulan.wire.echo import parse_echo
    from portulan.wire.icmp_errors import parse_queued_error
    from portulan.wire.neighbours import parse_advertisement, parse_arp_reply, parse_neighbour
    from portulan.wire.udp_hello import PORTS_WITH_GREETING, answers_elsewhere, hello, matches, ways

    sent = [(port, hello(port, 7, turn)) for port in sorted(PORTS_WITH_GREETING) for turn in range(ways(port))]

    def target(data: bytes) -> None:
        parse_arp_reply(data)
        parse_advertisement(data)
        answers_elsewhere(data)
        parse_echo(4, data)
        parse_echo(6, data)
        for port, greeting in sent:
            matches(port, greeting, data)
        for parse in (lambda: parse_neighbour(data, 0, len(data)), lambda: parse_queued_error(data).reason):
            try:
                parse()
            except ParseError:
                continue

    return target


def seeds() -> list[bytes]:
    """A frame or an answer of each kind."""
    from struct import pack

    from portulan.wire.udp_hello import PORTS_WITH_GREETING, hello

    arp = bytes(12) + bytes.fromhex("0806 0001 0800 06 04 0002") + bytes(20)
    advertisement = bytes(12) + b"\x86\xdd\x60\0\0\0\0\x20\x3a\xff" + bytes(32) + b"\x88\0\0\0\x60\0\0\0" + bytes(16) + b"\2\1" + bytes(6)
    error = pack("=IBBBBII", 111, 2, 3, 3, 0, 0, 0) + pack("=HH4s8x", 2, 0, b"\xc6\x12\0\2")
    return [arp, advertisement, error, *(hello(port, 7)[:80] for port in sorted(PORTS_WITH_GREETING))]


if __name__ == "__main__":
    sys.exit(fuzz(load, seeds, [b"\x30\x82", b"\x02\x04", b"d1:", b"\x86\xdd", b"\x08\x06", b"SIP/2.0 ", b"RelatesTo"]))
