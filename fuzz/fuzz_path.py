"""Fuzz what a path answers: certificates, quoted and answered TCP segments, echoes, time stamps, and the kernel's facts of a connection."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """Every parser reads the same bytes."""
    from portulan.errors import ParseError
    from portulan.wire.certificate import parse_not_after
    from portulan.wire.icmp import fate_of, parse_echo, without_ip_header
    from portulan.wire.stamps import parse_stamp
    from portulan.wire.tcp_info import parse_tcp_info
    from portulan.wire.tcp_segment import parse_quoted, parse_segment

    def target(data: bytes) -> None:
        for parse in (parse_not_after, parse_stamp, parse_tcp_info):
            try:
                parse(data)
            except ParseError:
                continue
        parse_segment(without_ip_header(data))
        parse_quoted(data)
        for version in (4, 6):
            parse_echo(version, data)
            if len(data) >= 2:
                fate_of(version, data[0], data[1])

    return target


def seeds() -> list[bytes]:
    """One of each kind."""
    from portulan.wire.icmp import build_echo
    from portulan.wire.tcp_segment import build_syn

    validity = b"\x30\x1e" + b"\x17\x0d250101000000Z" + b"\x17\x0d261122213000Z"
    fields = b"\xa0\x03\x02\x01\x02" + b"\x02\x01\x01" + b"\x30\x00" * 2 + validity
    body = b"\x30" + bytes((len(fields),)) + fields
    syn = build_syn((bytes(4), bytes(4)), (1, 2), 3)
    return [b"\x30" + bytes((len(body),)) + body, syn, b"\x45" + bytes(19) + syn, build_echo(4, 1, 2, b"data"), bytes(104)]


if __name__ == "__main__":
    sys.exit(fuzz(load, seeds, [b"\x30\x82", b"\x18\x0f", b"20600101000000Z", b"\xa0\x03"]))
