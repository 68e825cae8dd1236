"""Fuzz packets taken apart for a reader: the layers cover every byte once, whatever the bytes say of themselves."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LINKS = (1, 0, 12, 101, 108, 113, 228, 229, 276)


def load() -> Callable[[bytes], None]:
    """The first byte picks the link type."""
    from portulan.wire.dissect import dissect

    def target(data: bytes) -> None:
        if not data:
            return
        frame, at = data[1:], 0
        for layer in dissect(frame, LINKS[data[0] % len(LINKS)]):
            assert layer.at == at
            assert layer.size > 0
            assert all(layer.at <= field.at and field.at + field.size <= layer.at + layer.size for field in layer.fields)
            at += layer.size
        assert at == len(frame)

    return target


def seeds() -> list[bytes]:
    """Packets of many stacks of headers."""
    from random import Random

    from packets import any_packet  # type: ignore[import-not-found, unused-ignore]

    dice = Random(9)
    packets = [any_packet(dice) for _ in range(60)]
    return [bytes([LINKS.index(packet.link)]) + packet.data for packet in packets if packet.link in LINKS]


if __name__ == "__main__":
    sys.exit(fuzz(load, seeds, [b"\x08\0\x45\0", b"\x86\xdd\x60", b"\x81\0\0\1", b"\x88\x64\x11\0", b"\x06", b"\x11", b"\x2c", b"\x33"]))
