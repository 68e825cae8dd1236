"""Packets to flows, against a loop that knows the truth of each packet; and that it does not matter how a capture is cut up."""

import pickle
import random
import struct
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np

from packets import any_packet, batch_of
from portulan.traffic import fold
from portulan.traffic import table as table_module
from portulan.traffic.decode import decode
from portulan.traffic.table import PAST_THE_CAP, FlowTable
from portulan.verbs import traffic_read
from portulan.verbs.traffic_piece import Asked
from portulan.verbs.traffic_read import read_captures
from traffic_oracle import columns, differences, expected, stamped, table_of, told

PACKETS = 300


def stacks(seed):
    """Packets of all stacks of headers, cut at random: told right one by one, outside of tunnels and inside."""
    dice = random.Random(f"stacks {seed}")
    packets = [any_packet(dice) for _ in range(PACKETS)]
    found = [sentence for inner in (False, True) for sentence in differences(dice, packets, inner=inner)]
    layers = Counter(name for packet in packets for name in packet.names)
    return found, {"packets": 2 * PACKETS, **{f"with {name}": count for name, count in layers.items() if "/" not in name}}


def laws(seed):
    """The same flows, however the packets come: in what batches, in what order, in how many tables, with what hash."""
    dice = random.Random(f"laws {seed}")
    seen = stamped(dice, [any_packet(dice, cut=False) for _ in range(PACKETS)], ties=True)
    inner = dice.random() < 0.3
    whole = columns(table_of([seen], inner=inner))
    found = []

    def same(name, table):
        # What it says does not change by being asked twice.
        if columns(table) != whole or columns(table) != whole:
            found.append(name)

    same("another batching", table_of(cut(dice, seen), inner=inner))
    parts = cut(dice, seen)
    dice.shuffle(parts)
    same("another order of batches", table_of(parts, inner=inner))
    tables = [pickle.loads(pickle.dumps(table_of([part], inner=inner))) for part in cut(dice, seen)]
    while len(tables) > 1:
        one = tables.pop(dice.randrange(len(tables)))
        tables[dice.randrange(len(tables))].merge(one)
    same("several tables", tables[0])
    for bits in (0, 0xFFFF << 48, 0xF << 60):
        with patch.object(fold, "HASH_BITS", np.uint64(bits)):
            same(f"a hash of {bits.bit_count()} bits", table_of(cut(dice, seen), inner=inner))
    with patch.object(table_module, "_SLICE", dice.randrange(1, 50)), patch.object(table_module, "_FEW", dice.randrange(1, 20)):
        same("small slices", table_of([seen], inner=inner))
    with patch.object(table_module, "MOST_ROWS", 5):
        wide = columns(table_of([seen], inner=inner))
        first, *others = (table_of([part], inner=inner) for part in cut(dice, seen))
        for other in others:
            first.merge(other)
        if columns(table_of(cut(dice, seen), inner=inner)) != wide or columns(first) != wide:
            found.append("few rows for stretches")
    real = told(table_of([seen], inner=inner).flows())
    if real != expected(seen, inner=inner)[0]:
        found.append("not what the loop says")
    return found, {"packets": PACKETS, "ways of putting together": 9}


def caps(seed):
    """Past the cap every packet is counted all the same, and the flows that are kept are the earliest."""
    dice = random.Random(f"caps {seed}")
    seen = stamped(dice, [any_packet(dice, cut=False) for _ in range(PACKETS)])
    flows, aside = expected(seen)
    cap = dice.randrange(1, max(2, len(flows)))
    found = []
    with patch.object(table_module, "_FEW", dice.randrange(1, 40)):
        table = table_of(cut(dice, seen), cap=cap)
        kept, times = table.finish()
    packets = int(kept.forward.packets.sum() + kept.reverse.packets.sum())
    counted = {code: count for code, (count, _) in table.aside.items()}
    past = counted.pop(PAST_THE_CAP, 0)
    if len(kept.place) > cap:
        found.append(f"{len(kept.place)} flows past a cap of {cap}")
    if packets + past + sum(counted.values()) != len(seen) or counted != dict(aside):
        found.append(f"{packets} and {past} past the cap and {counted}, of {len(seen)}")
    if packets != int(times.packets.sum()):
        found.append("stretches of time do not add up")
    if int(table.bytes) != sum(packet.length for packet, *_ in seen):
        found.append("bytes")
    if cap >= len(flows) and past:
        found.append("past the cap, below it")
    return found, {"packets": PACKETS, "past the cap": past}


def damage(seed):
    """Every truncation of some packets, and every byte of their headers changed: any answer, but an answer."""
    dice = random.Random(f"damage {seed}")
    found, count = [], 0
    for _ in range(12):
        packet = any_packet(dice, cut=False)
        broken = [replace(packet, data=packet.data[:size]) for size in range(len(packet.data))]
        for place in range(min(len(packet.data), 160)):
            others = {0, 255, packet.data[place] ^ 1 << dice.randrange(8), dice.randrange(256)}
            broken += [replace(packet, data=packet.data[:place] + bytes([byte]) + packet.data[place + 1 :]) for byte in others]
        count += len(broken)
        for inner in (False, True):
            batch = batch_of(broken)
            decoded = decode(batch, inner=inner)
            rows = np.concatenate((decoded.four.row, decoded.six.row))
            aside = sum(packets for packets, _ in decoded.aside.values())
            if len(rows) + aside != len(broken) or len(np.unique(rows)) != len(rows):
                found.append(f"{packet.names}: {len(rows)} and {aside} of {len(broken)}")
            for ported in (decoded.four, decoded.six):
                end = batch.start[ported.row] + batch.captured[ported.row]
                if not ((ported.payload >= 0) & (ported.payload <= batch.length[ported.row]) & (ported.payload_at <= end)).all():
                    found.append(f"{packet.names}: a payload beyond the packet")
            table = FlowTable(inner=inner)
            table.add(batch)
            table.finish()
    return found, {"broken packets": 2 * count}


def pieces(seed):
    """Captures in files: several in any order, read in pieces by others who may fail, with and without true guesses."""
    dice = random.Random(f"pieces {seed}")
    seen = stamped(dice, [any_packet(dice, cut=False) for _ in range(4 * PACKETS)])
    with TemporaryDirectory() as folder:
        paths = []
        for number, part in enumerate(cut(dice, seen, most=3)):
            paths.append(str(Path(folder, f"{number}.pcap")))
            write(paths[-1], part)
        asked = Asked(100_000, inner=False, resync=False, bucket_s=None)
        whole = columns(read_captures(paths, asked, 1)[0])
        found = []
        for workers in (Here(dice, 0.0), Here(dice, 0.5), Here(dice, 1.0)):
            dice.shuffle(paths)
            with short_pieces(dice):
                table, origins = read_captures(paths, asked, workers)
            if columns(table) != whole:
                found.append(f"{len(paths)} files, workers that fail {workers.fails}")
            if sum(origin.packets for origin in origins) != len(seen):
                found.append("packets of origins")
    return found, {"packets": len(seen), "files": len(paths)}


class Here:
    """Workers that do it at once, in this process, some of them never."""

    remote = once = False

    def __init__(self, dice, fails):
        self.dice, self.fails, self.at_once = dice, fails, dice.randrange(1, 4)

    def submit(self, work, about):
        from concurrent.futures import Future
        from concurrent.futures.process import BrokenProcessPool

        future = Future()
        if self.dice.random() < self.fails:
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(pickle.loads(pickle.dumps(work(about))))
        return future

    def close(self):
        """Nothing to end."""


@contextmanager
def short_pieces(dice):
    """Cuts at which records may begin, or not."""
    from portulan.traffic.reading import Capture

    def cuts(capture, shares):
        size = capture.size or 0
        return (24, *sorted(dice.sample(range(25, size), min(len(shares), 5)))) if size > 100 else (24,)

    with patch.object(Capture, "cuts", cuts), patch.object(traffic_read, "WORTH_A_WORKER", 0):
        yield


def write(path, part):
    """A plain pcap."""
    with Path(path).open("wb") as file:
        links = {packet.link for packet, *_ in part}
        link = 1 if len(links) != 1 else links.pop()
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link))
        file.writelines(
            struct.pack("<IIII", *divmod(time_ns, 10**9), len(packet.data), packet.length) + packet.data for packet, time_ns, _ in part
        )


def cut(dice, seen, most=8):
    """The same in several parts."""
    places = sorted(dice.sample(range(1, len(seen)), dice.randrange(most)))
    return [seen[first:last] for first, last in pairwise((0, *places, len(seen)))]
