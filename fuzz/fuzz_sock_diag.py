"""Fuzz sock_diag: rows of every protocol, and counted connections, which must be what the rows say."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import suppress

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PORTS = (22, 80, 443)


def load() -> Callable[[bytes], None]:
    """A buffer of answers as each protocol, and as connections of each family; and the bytes as one answer without a header."""
    from portulan.errors import ParseError
    from portulan.wire.connections import count_connections
    from portulan.wire.netlink import DONE, ERROR, iterate_messages
    from portulan.wire.sock_diag import MPTCP, TCP, UDP, UDPLITE, row_parser

    def target(data: bytes) -> None:
        families = set()
        for protocol in (TCP, MPTCP, UDP, UDPLITE):
            read = row_parser(5, protocol)
            rows = []
            try:
                for kind, _, start, end in iterate_messages(data):
                    if kind not in (DONE, ERROR):
                        rows.append(read(data, start, end))
                        families.add(data[start])
            except ParseError:
                rows = []
            if protocol == TCP and rows and families == {2}:
                found = Counter((row.port, row.source) for row in rows if row.port in PORTS)
                assert count_connections([data], 2, PORTS) == dict(found)
        with suppress(ParseError):
            row_parser(5, TCP)(data, 0, len(data))
        for family in (2, 10):
            try:
                count_connections([data], family, PORTS)
            except ParseError:
                continue

    return target


def seeds() -> list[bytes]:
    """Dumps of one shape and of several."""
    from builders import attribute, cgroup, diag, done, memory_info, message, v6_only  # type: ignore[import-not-found, unused-ignore]

    usual = [message(diag(port=port, cookie=port, attributes=memory_info(0) + cgroup(7))) for port in PORTS]
    mixed = [
        message(diag(10, 1, 443, 50_000, b"\1" * 16, b"\2" * 16, attributes=v6_only(1) + memory_info(3) + cgroup(9))),
        message(diag(10, 7, 53, attributes=cgroup(9) + v6_only(0) + attribute(30, b"new"))),
        message(diag(2, 6, 80, 40_000)),
    ]
    return [
        b"".join(usual),
        b"".join(usual) + done(),
        b"".join(mixed) + done(),
        message(diag()),
        done(),
        diag(10, attributes=cgroup(1) + v6_only(1)),
    ]


if __name__ == "__main__":
    sys.exit(fuzz(load, seeds, [b"\5\0\x0b\0\1\0\0\0", b"\x0c\0\x15\0", b"\x28\0\x07\0", b"\4\0\x1e\0", b"\2\x0a\0\0", b"\x0a\x07\0\0"]))
