"""Captures on a disk, in pipes, compressed in any way, and broken."""

import bz2
import gzip
import os
import random
import zlib

import pytest
import zstandard

from capture_files import pcap_by, pcap_head, pcap_record
from capture_loop import read_plainly
from portulan.errors import BadInput, MachineFailed
from portulan.system.capture_file import CaptureFile, CaptureStream, allocate, give_back, open_capture_file
from portulan.traffic.reading import open_capture
from proofs_captures import read_piece, read_whole

DATA = pcap_by(random.Random(4), 500)
WHOLE = [tuple(packet) for packet in read_plainly(DATA).packets]
SKIPPABLE = b"\x53\x2a\x4d\x18\x05\x00\x00\x00other"


def zstd(data, level=3):
    return zstandard.ZstdCompressor(level=level).compress(data)


def kept(tmp_path, data):
    path = tmp_path / "capture"
    path.write_bytes(data)
    return path


def read(path, **more):
    with open_capture(str(path)) as capture:
        rows, end = read_piece(capture, **more)
        return rows, str(end.ended), end.broken_at


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(DATA),
        gzip.compress(DATA, 0),
        gzip.compress(DATA[:30]) + gzip.compress(b"") + gzip.compress(DATA[30:]),
        gzip.compress(DATA) + bytes(100),
        gzip.compress(DATA) + b"\x1f",
        zstd(DATA),
        zstd(DATA[:1000]) + zstd(DATA[1000:], 19),
        SKIPPABLE + zstd(DATA[:1000]) + SKIPPABLE + zstd(DATA[1000:]) + SKIPPABLE,
        zstandard.ZstdCompressor(write_content_size=False).compressobj().compress(b"") + zstd(DATA) + b"no frame",
    ],
    ids=["gzip", "stored", "members", "padded", "half a magic", "zstd", "frames", "skippable", "behind it"],
)
@pytest.mark.parametrize("window", [100, 1 << 20])
def test_compressed(tmp_path, data, window):
    assert read(kept(tmp_path, data), window=window) == (WHOLE, "complete", None)


def test_a_compressed_pipe(tmp_path):
    for data in (gzip.compress(DATA), zstd(DATA), DATA):
        end, begin = os.pipe()
        os.set_blocking(begin, True)
        pid = os.fork()
        if not pid:
            os.close(end)
            for at in range(0, len(data), 1000):
                os.write(begin, data[at : at + 1000])
            os._exit(0)
        os.close(begin)
        try:
            assert read(f"/proc/self/fd/{end}") == (WHOLE, "complete", None)
        finally:
            os.close(end)
            os.waitpid(pid, 0)


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_cut_at_any_place_gives_what_comes_before(tmp_path, pack):
    data, refused = pack(DATA), []
    for size in random.Random(1).sample(range(40, len(data)), 40):
        try:
            rows, ended, broken_at = read(kept(tmp_path, data[:size]))
        except BadInput as error:
            refused.append((error.code, error.facts["offset"] == size))
            continue
        assert ended == "truncated"
        assert broken_at == size
        assert rows == WHOLE[: len(rows)]
    assert {*refused} <= {("capture.compression-broken", True)}


def test_a_gzip_fault_costs_nothing_that_stands_before_it(tmp_path):
    data = bytearray(gzip.compress(DATA, 0))
    data[len(data) // 2] ^= 1  # of what is stored: only the sum at the end tells
    rows, ended, broken_at = read(kept(tmp_path, bytes(data)))
    assert len(rows) == len(WHOLE)
    assert ended == "truncated"
    assert broken_at is not None
    data = bytearray(gzip.compress(DATA))
    data[len(data) // 2 : len(data) // 2 + 200] = b"\xff" * 200
    inflated, plain = zlib.decompressobj(31), b""
    try:
        for byte in data:
            plain += inflated.decompress(bytes((byte,)))
    except zlib.error:
        pass
    told = read_whole(kept(tmp_path, bytes(data)))
    assert told[0] == [tuple(packet) for packet in read_plainly(plain).packets]
    assert told[1] != "complete"


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zstd(data, 19)], ids=["gzip", "zstd"])
def test_a_bomb_streams(tmp_path, pack):
    """Many megabytes of records from some kilobytes: read in a window, never held."""
    import resource

    record = pcap_record(bytes(65_000))
    path = kept(tmp_path, pack(pcap_head() + record * 1200))
    assert path.stat().st_size < 300_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_capture(str(path)) as capture:
        assert sum(len(batch.place) for batch in capture.batches(window=1 << 20)) == 1200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_memory_is_aligned_and_can_be_written():
    for size in (1, 8, 4096, 5000):
        memory = allocate(size)
        assert len(memory) >= size
        assert len(memory) % 8 == memory.ctypes.data % 8 == 0
        memory[:] = 1


def test_what_is_compressed_otherwise_is_no_capture(tmp_path):
    with pytest.raises(BadInput) as raised:
        open_capture(str(kept(tmp_path, bz2.compress(DATA))))
    assert raised.value.code == "capture.not-one"


def test_a_regular_file_is_read_at_any_place(tmp_path):
    source = open_capture_file(str(kept(tmp_path, b"0123456789")))
    assert isinstance(source, CaptureFile)
    memory = bytearray(4)
    assert [source.fill(memoryview(memory), at) for at in (3, 8, 10, 50)] == [4, 2, 0, 0]
    source.close()
    source.close()
    with pytest.raises(MachineFailed):
        source.fill(memoryview(memory), 0)


def test_a_stream_that_fails_says_so(tmp_path):
    source = CaptureStream(os.open(tmp_path, os.O_RDONLY), "folder", b"abcd", None)
    memory = bytearray(4)
    assert source.fill(memoryview(memory), 0) == 4
    with pytest.raises(MachineFailed):
        source.fill(memoryview(memory), 4)
    with pytest.raises(MachineFailed):
        source.read_raw(10)
    source.close()
    source.close()


def test_memory_that_was_used_is_used_again():
    first = allocate(3 << 20)
    give_back(first)
    assert allocate(2 << 20) is first
    assert allocate(2 << 20) is not first
    give_back(first)
    assert allocate(64 << 20) is not first, "it is too small"
    assert allocate(4096) is not first, "it is far too large"
    assert allocate(3 << 20) is first
    small = allocate(4096)
    give_back(small)
    assert allocate(4096) is not small
