"""Laws of captures: what is written is read again, and neither windows nor pieces matter."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from capture_files import enhanced, interface, pcap_head, pcap_record, section
from portulan.wire.captures.write import build_interface, build_packets, build_section, build_statistics
from proofs_captures import read_in_pieces, read_whole

FRAMES = st.lists(st.tuples(st.binary(max_size=70), st.integers(0, 2**32 - 1), st.integers(0, 2**62), st.integers(0, 2)), max_size=30)


def column(values):
    return np.array(list(values), np.int64)


@settings(max_examples=60, deadline=None)
@given(FRAMES, st.integers(0, 7))
def test_what_is_written_is_read_again(frames, gap):
    starts, data = [], bytearray()
    for frame, _, _, _ in frames:
        data += bytes(gap)
        starts.append(len(data))
        data += frame
    blocks = build_packets(
        np.frombuffer(bytes(data), np.uint8), column(frame[3] for frame in frames), column(frame[2] for frame in frames), column(starts),
        column(len(frame[0]) for frame in frames), column(frame[1] for frame in frames),
    )  # fmt: skip
    head = build_section("portulan") + b"".join(build_interface(f"net{link}", link, 262_144) for link in (1, 113, 101))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "capture")
        path.write_bytes(head + blocks + build_statistics(0, 2**60, 5, 1))
        rows, ended, _, _ = read_whole(path)
    assert ended == "complete"
    assert [row[1:] for row in rows] == [(frame, length, time_ns, (1, 113, 101)[which]) for frame, length, time_ns, which in frames]


def test_long_names_are_cut():
    assert len(build_interface("x" * 100_000, 1, 0)) < 66_000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=40), st.data(), st.booleans())
def test_windows_and_pieces_do_not_matter(frames, draw, blocks):
    if blocks:
        data = section() + interface() + b"".join(map(enhanced, frames))
    else:
        data = pcap_head() + b"".join(map(pcap_record, frames))
    begin = 0 if blocks else 24
    cuts = draw.draw(st.lists(st.integers(begin + 1, len(data)), max_size=4, unique=True))
    cuts = (begin, *sorted({cut & ~3 for cut in cuts} - {0} if blocks else cuts))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "capture")
        path.write_bytes(data)
        wanted = read_whole(path)
        assert [row[1] for row in wanted[0]] == frames
        for window in (64, 300, 1 << 16):
            assert read_whole(path, window=window) == wanted
            assert read_in_pieces(path, cuts, window=window)[0] == wanted
