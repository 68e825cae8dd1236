import random
from struct import pack_into

import numpy as np
import pytest

from portulan.system.linux.packet_blocks import LINKTYPE_NONE, LINKTYPE_RAW, columns, positions, put_back

BLOCK = 1 << 15
TAGGED, TPID_KNOWN, MERGED = 1 << 4, 1 << 6, 1 << 8


def put_packet(
    memory, at, frame, *, hardware=1, network=14, kind=0, interface=3, protocol=0x0800, status=0, tag=0, tpid=0, length=None, time=(5, 7)
):
    """As tpacket_rcv writes it; returns where the next begins."""
    mac = 86
    size = (mac + len(frame) + 7) // 8 * 8
    pack_into(
        "=IIIIIIHHIIHHQHHiHBB", memory, at, size, *time, len(frame), length or len(frame), status, mac, mac + network, 0, tag, tpid, 0, 0, 17,
        int.from_bytes(protocol.to_bytes(2), "little"), interface, hardware, kind, 6,
    )  # fmt: skip
    memory[at + mac : at + mac + len(frame)] = frame
    return at + size


def filled(sizes_by_block, **options):
    """Blocks in memory: (buffer, where each begins, how many packets it has, the frames)."""
    memory = bytearray(BLOCK * len(sizes_by_block) + 4096)
    frames = []
    for number, sizes in enumerate(sizes_by_block):
        at = number * BLOCK + 48
        for size in sizes:
            frame = random.randbytes(size)
            frames.append(frame)
            at = put_packet(memory, at, frame, **options)
    first = np.arange(len(sizes_by_block)) * BLOCK + 48
    return np.frombuffer(memory, np.uint8), first, np.array([len(sizes) for sizes in sizes_by_block]), frames


def frames_of(came):
    return [bytes(came.buffer[start : start + size]) for start, size in zip(came.start, came.captured, strict=True)]


@pytest.mark.parametrize("blocks", [1, 3, 8, 40])
def test_cursors_in_lock_step_find_what_one_cursor_finds(blocks, day_seed):
    random.seed(day_seed + blocks)
    sizes = [[random.randint(14, 200) for _ in range(random.choice((0, 1, 5, 100)))] for _ in range(blocks)]
    sizes[0] = sizes[0] or [60]
    buffer, first, counts, frames = filled(sizes)
    came = columns(buffer, positions(buffer, first, counts))
    assert frames_of(came) == frames
    assert (came.time_ns == 5_000_000_007).all()
    assert (came.interface == 3).all()
    assert came.link == 1
    assert not came.outgoing.any()


def test_tags_that_were_taken_off_are_put_back():
    memory = bytearray(BLOCK)
    frame = bytes(range(12)) + b"\x08\x00" + b"payload"
    at = put_packet(memory, 48, frame, status=TAGGED | TPID_KNOWN, tag=0x6005, tpid=0x88A8)
    at = put_packet(memory, at, frame, status=TAGGED | MERGED, tag=7, length=1500)
    put_packet(memory, at, frame, kind=4)
    buffer = np.frombuffer(memory, np.uint8)
    came = columns(buffer, positions(buffer, np.array([48]), np.array([3])))
    assert frames_of(came) == [
        frame[:12] + b"\x88\xa8\x60\x05" + frame[12:], frame[:12] + b"\x81\x00\x00\x07" + frame[12:], frame,
    ]  # fmt: skip
    assert came.length.tolist() == [len(frame) + 4, 1504, len(frame)]
    assert came.outgoing.tolist() == [False, False, True]
    assert came.merged == 1


def test_links_without_ethernet_headers():
    memory = bytearray(BLOCK)
    at = put_packet(memory, 48, b"\x45packet", hardware=65534, network=0)
    at = put_packet(memory, at, b"greheader\x60packet", hardware=823, network=9, protocol=0x86DD)
    at = put_packet(memory, at, bytes(20), hardware=512, network=4, protocol=0x8864)
    put_packet(memory, at, bytes(60), hardware=772)
    buffer = np.frombuffer(memory, np.uint8)
    came = columns(buffer, positions(buffer, np.array([48]), np.array([4])))
    assert frames_of(came) == [b"\x45packet", b"\x60packet", bytes(16), bytes(60)]
    assert came.link.tolist() == [LINKTYPE_RAW, LINKTYPE_RAW, LINKTYPE_NONE, 1]
    assert came.length.tolist() == [7, 7, 16, 60]


def test_a_tag_moves_the_addresses_and_nothing_else():
    memory = np.arange(64, dtype=np.uint8)
    put_back(memory, np.array([8, 36]), np.array([0x8100, 0x88A8]), np.array([5, 6]))
    assert memory[4:20].tolist() == [*range(8, 20), 0x81, 0, 0, 5]
    assert memory[32:48].tolist() == [*range(36, 48), 0x88, 0xA8, 0, 6]
    assert memory[20:32].tolist() == list(range(20, 32))
