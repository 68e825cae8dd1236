"""Captures as batches: every format, window and piece gives what a plain loop gives."""

import os
import random
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from capture_files import block, enhanced, interface, option, pcap_head, pcap_record, pcapng_by, section
from capture_loop import read_plainly
from portulan.errors import BadInput, NotPermitted
from portulan.model.traffic import Ended, Skipped
from portulan.traffic import reading
from portulan.traffic.reading import meets, open_capture
from portulan.wire.captures import chain
from proofs_captures import against_loop, cut_and_flipped, read_in_pieces, read_piece, read_whole

SEED = int(os.environ.get("PORTULAN_SEED", "1"))


def kept(tmp_path, data, name="capture"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def plainly(data, **more):
    packets, *rest = read_plainly(data, **more)
    return [tuple(packet) for packet in packets], *rest


@pytest.mark.prove
@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_files_drawn_by_lot_read_as_the_loop_reads_them(request, seed):
    differences, figures = against_loop(seed, 30 if request.config.getoption("--prove") else 1)
    assert figures["files"] >= 1
    assert differences == []


@pytest.mark.prove
def test_every_truncation_and_every_changed_byte_reads_as_the_loop_reads_it(request):
    differences, figures = cut_and_flipped(SEED, 1 if request.config.getoption("--prove") else 0.1)
    assert figures["files"] > 50
    assert differences == []


def large(kind, seed=1, count=3000):
    """Some hundred thousand bytes, so that cursors go at their ordinary distance."""
    dice = random.Random(seed)
    if kind == "pcapng":
        return one_interface(dice, count)
    first = 1_700_000_000 + 65_500 - 1_700_000_000 % 65_536  # the upper half of the seconds changes on the way
    frames = (dice.randbytes(dice.randrange(40, 300)) for _ in range(count))
    return pcap_head() + b"".join(pcap_record(frame, seconds=first + i // 20) for i, frame in enumerate(frames))


def one_interface(dice, count):
    frames = (dice.randbytes(dice.randrange(40, 300)) for _ in range(count))
    return section() + interface() + b"".join(enhanced(frame, ticks=1_700_000_000_000_000 + i) for i, frame in enumerate(frames))


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_a_large_file_is_walked_by_many_cursors(tmp_path, monkeypatch, kind):
    data = large(kind)
    marched = []
    march = chain._march
    monkeypatch.setattr(chain, "_march", lambda window, starts, stop: marched.append(len(starts)) or march(window, starts, stop))
    monkeypatch.setattr(chain, "STRIDE", 4 << 10)
    assert read_whole(kept(tmp_path, data)) == plainly(data)
    assert marched[0] > 50


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_cuts_of_a_sound_file_are_records_and_meet(tmp_path, kind):
    data = large(kind, count=12_000)
    path = kept(tmp_path, data)
    with open_capture(str(path)) as capture:
        cuts = capture.cuts(4)
    assert len(cuts) >= 3
    assert {*cuts[1:]} <= {packet.place for packet in read_plainly(data).packets}
    assert read_in_pieces(path, cuts) == (plainly(data), 0)


def test_interfaces_that_come_late_part_pieces(tmp_path):
    dice = random.Random(5)
    data = one_interface(dice, 6000)
    late = data + interface(link=113) + b"".join(enhanced(dice.randbytes(100), which=1) for _ in range(9000))
    path = kept(tmp_path, late)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "GLANCE", 1 << 19)
        with open_capture(str(path)) as capture:
            cuts = capture.cuts(5)
        told, again = read_in_pieces(path, cuts)
    assert told == plainly(late)
    assert again > 0
    assert again == sum(cut > len(data) for cut in cuts), "pieces behind the interface did not know of it"


def test_a_section_of_its_own_in_the_middle(tmp_path):
    parts = [section("<"), interface("<"), enhanced(b"one", "<"), section(">"), interface(">", link=113), enhanced(b"two", ">")]
    told = read_whole(kept(tmp_path, b"".join(parts)))
    assert [(row[1], row[4]) for row in told[0]] == [(b"one", 1), (b"two", 113)]
    assert told == plainly(b"".join(parts))


def test_damage_ends_it_unless_asked_otherwise(tmp_path):
    records = [pcap_record(bytes([40 + i]) * 50) for i in range(20)]
    data = bytearray(pcap_head() + b"".join(records))
    place = 24 + 5 * len(records[0])
    data[place + 8 : place + 12] = b"\xff" * 4
    path = str(kept(tmp_path, bytes(data)))
    with open_capture(path) as capture:
        rows, end = read_piece(capture)
        assert (len(rows), end.ended, end.at, end.next, end.bytes) == (5, Ended.DAMAGED, place, place, place - 24)
        rows, end = read_piece(capture, resync=True)
    assert len(rows) == 19
    assert (end.ended, end.at, end.skipped) == (Ended.COMPLETE, None, (Skipped(place, place + len(records[0]) - 1),))


def test_nothing_behind_damage_can_be_proved(tmp_path):
    data = pcap_head() + pcap_record(b"abc") + b"\xff" * 5000
    assert read_whole(kept(tmp_path, data), resync=True)[1:] == ("damaged", 43, [])


def test_a_capture_within_a_packet_is_not_taken_for_the_file(tmp_path):
    """The record that carries it is damaged: what is inside seems to begin a chain, which does not go on for long enough."""
    inner = b"".join(pcap_record(bytes(60), seconds=5) for _ in range(400))
    outer = [pcap_record(inner)] + [pcap_record(bytes([i]) * 1000, seconds=1_700_000_000) for i in range(1, 200)] * 3
    data = bytearray(pcap_head() + b"".join(outer))
    data[24 + 8 : 24 + 12] = b"\xff" * 4
    told = read_whole(kept(tmp_path, bytes(data)), resync=True)
    assert told[3] == [(24, 24 + len(outer[0]) - 1)]
    assert len(told[0]) == len(outer) - 1
    assert told == plainly(bytes(data), resync=True)


def test_a_large_record_makes_the_window_grow(tmp_path):
    data = pcap_head() + pcap_record(bytes(200_000)) + pcap_record(b"next")
    assert read_whole(kept(tmp_path, data), window=64) == plainly(data)


def test_a_length_beyond_the_limit_is_damage_at_once(tmp_path):
    data = pcap_head() + pcap_record(b"x") + pcap_record(b"y")[:8] + b"\x01\x00\x04\x00" + bytes(300_000)
    assert read_whole(kept(tmp_path, data))[1:3] == ("damaged", 41)


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_from_a_pipe(tmp_path, kind):
    data = large(kind, count=300)
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)

    def write():
        with fifo.open("wb", 0) as end:
            for at in range(0, len(data), 777):
                end.write(data[at : at + 777])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        told = read_whole(fifo, window=4096)
    finally:
        writer.join()
    assert told == plainly(data)


def test_standard_input(tmp_path):
    data = pcap_head() + pcap_record(b"abc") * 3
    program = (
        "from portulan.traffic.reading import open_capture\n"
        "with open_capture('-') as capture:\n"
        "    print(capture.size, capture.cuts(3), sum(len(batch.place) for batch in capture.batches()), capture.ending.ended)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True)
    assert done.stdout.split() == [b"None", b"(24,)", b"3", b"complete"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "capture.empty"),
        (b"\xd4\xc3", "capture.not-one"),
        (b"hello, this is a text of some length", "capture.not-one"),
        (pcap_head()[:23], "capture.cut-header"),
        (section()[:27], "capture.cut-header"),
        (b"\xd4\xc3\xb2\xa1\x01\x00" + bytes(18), "capture.version"),
        (section().replace(b"\x01\x00\x00\x00", b"\x02\x00\x00\x00"), "capture.version"),
        (b"\n\r\r\n" + bytes(40), "capture.not-one"),
        (b"\n\r\r\n\x08" + section()[5:], "capture.not-one"),
        (b"\x1f\x8b" + bytes(40), "capture.compression-broken"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "capture.compression-broken"),
    ],
)
def test_what_is_no_capture(tmp_path, data, code):
    with pytest.raises(BadInput) as raised:
        open_capture(str(kept(tmp_path, data)))
    assert raised.value.code == code


def test_what_is_no_file(tmp_path):
    for path, code in ((tmp_path / "none", "capture.missing"), (tmp_path, "capture.folder"), ("a\0b", "capture.missing")):
        with pytest.raises(BadInput) as raised:
            open_capture(str(path))
        assert raised.value.code == code


def test_a_file_of_another():
    """Opened by a child without rights; it has loaded all it needs before."""
    with tempfile.TemporaryDirectory() as folder:
        path = kept(Path(folder), pcap_head())
        path.chmod(0)
        Path(folder).chmod(0o755)
        begin, end = os.pipe()
        pid = os.fork()
        if not pid:
            if not os.geteuid():
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            try:
                open_capture(str(path))
            except NotPermitted as error:
                os.write(end, error.code.encode())
            os._exit(0)
        os.close(end)
        os.waitpid(pid, 0)
        assert os.read(begin, 100) == b"capture.forbidden"
        os.close(begin)


def test_pieces_that_do_not_meet():
    end = reading.PieceEnd(24, 100, Ended.COMPLETE, None, (), 1, 76)
    assert meets(end, end._replace(first=100))
    assert not meets(end, end._replace(first=104))
    assert not meets(end._replace(ended=Ended.DAMAGED), end._replace(first=100))
    assert not meets(end, end._replace(first=100, before=reading.Section("<", ())))


def test_many_sections_of_changing_order_take_no_time(tmp_path):
    parts = [section(order) + block(4, b"", order) for order in "<>"] * 300
    data = b"".join(parts) + section() + interface(options=option(9, b"\x09")) + enhanced(b"last", ticks=7)
    assert read_whole(kept(tmp_path, data)) == plainly(data)


def test_random_bytes_behind_a_header(tmp_path):
    dice = random.Random(3)
    for head in (pcap_head(), section(), pcapng_by(dice, 3)):
        data = head + dice.randbytes(3000)
        assert read_whole(kept(tmp_path, data), resync=True) == plainly(data, resync=True)
