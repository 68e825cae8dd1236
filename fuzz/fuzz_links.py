"""Fuzz interfaces, addresses, routes and routing rules of rtnetlink, elements of sets, and the ports that generic netlink tells."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """Every parser reads the same payload."""
    from portulan.errors import ParseError
    from portulan.wire import kernel_ports, routing_rules, rtnetlink
    from portulan.wire.nf_sets import parse_elements, parse_set

    parsers: list[Callable[[bytes, int, int], object]] = [
        getattr(room, name)
        for room in (rtnetlink, routing_rules, kernel_ports)
        for name in sorted(vars(room))
        if name.startswith("parse_") and name not in ("parse_nfsd_ports", "parse_attributes")
    ]

    parsers += [parse_set, lambda data, start, end: parse_elements(data, start, end, 4)]

    def target(data: bytes) -> None:
        for parse in parsers:
            try:
                parse(data, 0, len(data))
            except ParseError:
                continue

    return target


def seeds() -> list[bytes]:
    """A link of each kind that holds a port, addresses, routes over one way and several."""
    from builders import attribute, link, number  # type: ignore[import-not-found, unused-ignore]
    from portulan.wire.rtnetlink import Hop, Route, build_address, build_route

    tunnels = [
        link(3, "vx0", "vxlan", attribute(1, number(7, 4)) + attribute(15, number(4789, 2, "big"))),
        link(4, "gnv0", "geneve", attribute(1, number(7, 4)) + attribute(5, number(6081, 2, "big"))),
        link(5, "wg0", "wireguard", before=attribute(4, number(1420, 4))),
    ]
    routes = [
        build_route(Route(bytes(4), 0, (Hop(b"\x0a\0\0\1", 2),))),
        build_route(Route(b"\x0a\0\0\0", 8, (Hop(b"\x0a\0\0\1", 2), Hop(b"\x0a\0\0\2", 3)))),
        build_route(Route(bytes(16), 0, (Hop(b"\xfe\x80" + bytes(13) + b"\1", 2),))),
    ]
    rule = (
        bytes([2, 0, 8, 0, 254, 0, 0, 1, 0, 0, 0, 0])
        + attribute(6, number(100, 4))
        + attribute(15, number(1000, 4))
        + attribute(14, b"\xff" * 4)
    )
    generic = [rule, bytes(4) + attribute(1, number(0x22, 2)) + attribute(6, number(51820, 2))]
    key = attribute(0x8001, attribute(1, b"\x0a\0\0\1"))
    elements = [bytes(4) + attribute(0x8003, attribute(0x8001, key) * 3 + attribute(0x8001, key + attribute(3, number(1, 4, "big"))))]
    return [*elements, *tunnels, *routes, *generic, build_address(2, b"\x0a\0\0\5", 24), build_address(2, bytes(15) + b"\1", 128)]


if __name__ == "__main__":
    sys.exit(
        fuzz(load, seeds, [b"\4\0\x12\0", b"vxlan\0", b"geneve\0", b"\x08\0\x09\0", b"\x08\0\4\0", b"\6\0\x0f\0\x12\xb5\0\0", b"\0\0\0\0"])
    )
