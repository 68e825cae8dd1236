"""Fuzz captures: pcap and pcapng, in windows of any size, with and without going on behind damage, against a plain loop."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """The first byte decides how the others are read."""
    import random
    import tempfile
    from pathlib import Path

    from capture_loop import read_plainly  # type: ignore[import-not-found, unused-ignore]
    from proofs_captures import PROVED, differs, read_whole, small  # type: ignore[import-not-found, unused-ignore]

    folder = tempfile.TemporaryDirectory()

    def target(data: bytes, folder: tempfile.TemporaryDirectory[str] = folder) -> None:
        how, data = data[:1], data[1:]
        dice = random.Random(how)
        path = Path(folder.name, "capture")
        path.write_bytes(data)
        again = dice.random() < 0.5
        with small(dice):
            plain = read_plainly(data, resync=again, proof=PROVED)
            wanted = plain and ([tuple(packet) for packet in plain.packets], plain.ended, plain.next, plain.skipped)
            got = read_whole(path, window=dice.choice((1, 200, 5000)), resync=again)
            if wanted is None and data[:2] in (b"\x1f\x8b", b"\x28\xb5"):  # the loop reads nothing that is compressed
                return
            differences = differs("fuzz", got, wanted)
            assert not differences, differences

    return target


def seeds() -> list[bytes]:
    """Small ones of each kind."""
    import gzip
    import random

    from capture_files import PCAP_FORMS, pcap_head, pcap_record, pcapng_by  # type: ignore[import-not-found, unused-ignore]

    dice = random.Random(1)
    files = [pcap_head(order, magic) + pcap_record(b"abcd", order, magic) * 3 for order, magic in PCAP_FORMS]
    files += [pcapng_by(dice, 12, 30) for _ in range(6)]
    files.append(gzip.compress(files[0]))
    return [bytes((index,)) + data for index, data in enumerate(files)]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [
                b"\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0",
                b"\x06\0\0\0",
                b"\0\0\0\x06",
                b"\x20\0\0\0",
                b"\x01\0\0\0\x14\0\0\0",
                b"\x09\0\x01\0\x09\0\0\0",
            ],
        )
    )
