import numpy as np
import pytest

from portulan.errors import BadInput, MachineFailed
from portulan.system.packet_file import PacketFile
from portulan.traffic.reading import open_capture


def columns(frames, numbers):
    start = np.cumsum([0, *map(len, frames)])[:-1]
    sizes = np.array([len(frame) for frame in frames])
    return (
        np.frombuffer(b"".join(frames), np.uint8), np.array(numbers), np.arange(len(frames)) + 1_700_000_000_123_456_789, start, sizes, sizes + 5,
    )  # fmt: skip


def test_what_is_written_is_read_again(tmp_path):
    frames = [bytes([number]) * (number + 14) for number in range(9)]
    path = str(tmp_path / "kept.pcapng")
    with PacketFile(path) as file:
        file.interface(3, "eth0", 1)
        file.write(*columns(frames[:5], [3] * 5))
        file.interface(9, "tun0", 101)
        file.interface(3, "eth0", 1)
        file.write(*columns(frames[5:], [3, 9, 3, 9]))
        file.lost(9, 7)
        file.lost(4, 7)
    capture = open_capture(path)
    found, times, links = [], [], []
    for batch in capture.batches():
        found += [bytes(batch.buffer[at : at + size]) for at, size in zip(batch.start, batch.captured, strict=True)]
        times += batch.time_ns.tolist()
        links += np.broadcast_to(batch.link, len(batch.start)).tolist()
        assert (batch.length - batch.captured == 5).all()
    assert found == frames
    assert times[:5] == [1_700_000_000_123_456_789 + number for number in range(5)]
    assert links == [1] * 6 + [101, 1, 101]
    assert capture.ending.ended == "complete"


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(BadInput) as raised:
        PacketFile(str(tmp_path / "no" / "folder"))
    assert raised.value.code == "traffic.cannot-write"


def test_a_full_disk():
    with pytest.raises(MachineFailed) as raised:
        PacketFile("/dev/full")
    assert raised.value.facts["subject"] == "/dev/full"
