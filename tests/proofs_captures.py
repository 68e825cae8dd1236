"""Captures of every kind, sound and spoilt, read by windows and pieces of any size, against a plain loop over their bytes."""

import random
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from capture_files import capture_by, spoil
from capture_loop import read_plainly
from portulan.errors import BadInput
from portulan.model.traffic import Ended
from portulan.traffic import reading
from portulan.traffic.batch import SLACK
from portulan.traffic.reading import meets, open_capture
from portulan.wire.captures import chain, resync

PROVED = 600
"""Bytes that a chain takes to prove itself here, where files are small."""


@contextmanager
def small(dice, proof=PROVED):
    """Cursors close to each other, glances that see little: so that small files meet what large ones do."""
    before = chain.STRIDE, chain.FEW, resync.PROOF, reading.GLANCE
    chain.STRIDE, chain.FEW = dice.choice((64, 200, 1000, before[0])), dice.choice((0, 1, 12))
    resync.PROOF, reading.GLANCE = proof, dice.choice((2 * proof, 4 * proof, before[3]))
    try:
        yield
    finally:
        chain.STRIDE, chain.FEW, resync.PROOF, reading.GLANCE = before


def rows_of(batch):
    """A batch as the loop says it."""
    count, buffer = len(batch.place), batch.buffer
    columns = batch.start, batch.captured, batch.length, batch.time_ns, np.broadcast_to(batch.link, count), batch.place
    assert all(len(column) == count and column.dtype == np.int64 for column in columns)
    assert len(buffer) % 8 == 0
    assert buffer.ctypes.data % 8 == 0
    assert (batch.start + batch.captured <= len(buffer) - SLACK).all()
    lists = [column.tolist() for column in columns]
    return [
        (place, buffer[start : start + captured].tobytes(), length, time_ns, link)
        for start, captured, length, time_ns, link, place in zip(*lists, strict=True)
    ]


def read_piece(capture, *arguments, **more):
    rows = [row for batch in capture.batches(*arguments, **more) for row in rows_of(batch)]
    assert capture.ending.packets == len(rows)
    return rows, capture.ending


def read_whole(path, **more):
    """Packets, how it ended, where, what was passed over; None: not a capture."""
    try:
        with open_capture(str(path)) as capture:
            rows, end = read_piece(capture, **more)
    except BadInput:
        return None
    return told(rows, [end])


def told(rows, ends):
    last = ends[-1]
    assert (last.at is None) == (last.ended is Ended.COMPLETE)
    assert last.at in (None, last.next)
    skipped = [(each.first, each.last) for end in ends for each in end.skipped]
    assert sum(end.bytes for end in ends) == last.next - ends[0].first - sum(one - other + 1 for other, one in skipped)
    return rows, str(last.ended), last.next, skipped


def read_in_pieces(path, cuts, **more):
    """The same from pieces that were read each for itself, as several processes would; and how many of them had to be read again."""
    rows, ends, again = [], [], 0
    with open_capture(str(path)) as capture:
        cuts = cuts or capture.cuts(5)
        bounds = [*zip(cuts, [*cuts[1:], None], strict=True)]
        pieces = [read_piece(capture, first, until, **more) for first, until in bounds]
        for piece, (_, until) in zip(pieces, bounds, strict=True):
            got, end = piece
            if ends and ends[-1].ended is not Ended.COMPLETE:
                break
            if ends and until is not None and ends[-1].next >= until:
                continue  # a record, or damage, reaches over all of it
            if ends and not meets(ends[-1], end):
                again += 1
                got, end = read_piece(capture, ends[-1].next, until, state=ends[-1].after, **more)
            rows += got
            ends.append(end)
    return told(rows, ends), again


def differs(name, got, wanted):
    """A sentence, if they do."""
    if got == wanted:
        return []
    if got is None or wanted is None:
        return [f"{name}: {'not ' if got is None else ''}a capture, against the loop"]
    first = next((i for i, (one, other) in enumerate(zip(got[0], wanted[0], strict=False)) if one != other), None)
    return [f"{name}: {len(got[0])} packets, {got[1:]}; the loop: {len(wanted[0])}, {wanted[1:]}; first other packet: {first}"]


def compare(dice, data, path, figures):
    """All ways to read one file."""
    path.write_bytes(data)
    found = []
    for again in (False, True):
        plain = read_plainly(data, resync=again, proof=PROVED)
        wanted = plain and ([tuple(packet) for packet in plain.packets], plain.ended, plain.next, plain.skipped)
        for window in (dice.choice((1, 64, 100, 256, 1000)), dice.choice((5000, 1 << 20))):
            found += differs(f"window {window}, resync {again}", read_whole(path, window=window, resync=again), wanted)
        if wanted is None:
            continue
        random_cuts = sorted({dice.randrange(28, len(data) + 5) for _ in range(dice.randrange(4))})
        if data[:4] == b"\n\r\r\n":
            random_cuts = [cut & ~3 for cut in random_cuts]
        true_cuts = sorted(dice.sample([packet.place for packet in plain.packets], min(3, len(plain.packets))))
        begin = 0 if data[:4] == b"\n\r\r\n" else 24
        for name, drawn in (("guessed", None), ("random", random_cuts), ("true", true_cuts)):
            cuts = drawn and (begin, *sorted({cut for cut in drawn if cut > begin}))
            got, redone = read_in_pieces(path, cuts, window=dice.choice((64, 1000, 1 << 20)), resync=again)
            found += differs(f"{name} pieces {cuts}, resync {again}", got, wanted)
            figures[f"{name} pieces read again"] = figures.get(f"{name} pieces read again", 0) + redone
        figures[wanted[1]] = figures.get(wanted[1], 0) + 1
        figures["packets"] = figures.get("packets", 0) + len(wanted[0])
        figures["damages passed over"] = figures.get("damages passed over", 0) + len(wanted[3])
    return found


def against_loop(seed, count=10):
    """A proof: files drawn by lot, two of three spoilt."""
    dice, found, figures = random.Random(seed), [], {"files": count}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            data = capture_by(dice, dice.choice((None, dice.randrange(50, 400))))
            if dice.random() < 0.67:
                data = spoil(dice, data)
            with small(dice):
                found += [f"file {number}: {each}" for each in compare(dice, data, Path(folder, "capture"), figures)]
    return found, figures


def cut_and_flipped(seed, share=1.0):
    """A proof: of one small file, every truncation, and every byte of a header changed in several ways."""
    dice, found, figures = random.Random(seed), [], {"files": 0}
    data = capture_by(dice, 12, most=24)
    begin = 0 if data[:4] == b"\n\r\r\n" else 24
    headers = {*range(begin, min(begin + 28, len(data)))} if begin == 0 else {*range(24)}
    plain = read_plainly(data)
    for packet in plain.packets:
        headers.update(range(packet.place, min(packet.place + 28, len(data))))
    spoilt = [(f"cut at {size}", data[:size]) for size in range(len(data))]
    for at in sorted(headers):
        for change in (0xFF, 0x01, 0x80, 1 << dice.randrange(8)):
            changed = bytearray(data)
            changed[at] ^= change
            spoilt.append((f"byte {at} ^ {change:#x}", bytes(changed)))
    with tempfile.TemporaryDirectory() as folder, small(dice, 100):
        path = Path(folder, "capture")
        for name, each in spoilt:
            if dice.random() > share:
                continue
            path.write_bytes(each)
            again = dice.random() < 0.2
            plain = read_plainly(each, resync=again, proof=100)
            wanted = plain and ([tuple(packet) for packet in plain.packets], plain.ended, plain.next, plain.skipped)
            found += differs(f"{name}, resync {again}", read_whole(path, window=dice.choice((1, 100, 1000)), resync=again), wanted)
            figures["files"] += 1
    return found, figures
