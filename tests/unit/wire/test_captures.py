"""The pure parts of reading captures, each for itself."""

import random
from struct import pack

import numpy as np
import pytest

from capture_files import PCAP_FORMS, block, enhanced, interface, obsolete, option, pcap_head, pcap_record, section, simple
from portulan.errors import BadInput
from portulan.wire.captures import chain, resync
from portulan.wire.captures.clock import MOST_SECONDS, nanoseconds, rate_of
from portulan.wire.captures.gather import words_at
from portulan.wire.captures.magic import Pcap, Pcapng, compression_of, parse_head, section_order
from portulan.wire.captures.pcap import PcapReader
from portulan.wire.captures.pcapng import PcapngReader
from portulan.wire.captures.section import MOST_INTERFACES, Interface, Section, parse_interface


def in_memory(data, slack=128):
    """Aligned, with something behind it that nobody may believe."""
    memory = np.full((len(data) + slack + 7) // 8, -1, np.int64).view(np.uint8)
    memory[: len(data)] = np.frombuffer(data, np.uint8)
    return memory


def take(reader, data, start=0, stop=None):
    return reader.take(in_memory(data), start, len(data) if stop is None else stop, len(data))


# --- heads ---


@pytest.mark.parametrize(("order", "magic"), PCAP_FORMS)
def test_heads_of_pcap(order, magic):
    head = parse_head(pcap_head(order, magic, link=113), "f")
    assert head == Pcap(order, 1 if magic == 0xA1B23C4D else 1000, 113, 262_144, 24 if magic == 0xA1B2CD34 else 16)
    assert parse_head(pcap_head(order, magic, minor=2), "f").captured_at == 12


def test_a_snap_length_raises_the_limit_to_what_can_be():
    assert parse_head(pcap_head(snap=1 << 20), "f").limit == 1 << 20
    assert parse_head(pcap_head(snap=0xFFFFFFFF), "f").limit == (16 << 20) - 16
    assert parse_head(pcap_head(snap=96), "f").limit == 262_144


def test_bits_above_the_link_type_are_not_part_of_it():
    assert parse_head(pcap_head(link=0x14000001), "f").link == 1


def test_heads_of_pcapng():
    for order in "<>":
        assert parse_head(section(order), "f") == Pcapng()
        assert section_order(section(order)) == order
    assert section_order(bytes(12)) is None


@pytest.mark.parametrize("length", [1, 3, 4, 23])
def test_a_head_cut_off(length):
    with pytest.raises(BadInput) as raised:
        parse_head(pcap_head()[:length], "f")
    assert raised.value.code == ("capture.not-one" if length < 4 else "capture.cut-header")


def test_compression():
    assert [compression_of(head) for head in (b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x5a\x2a\x4d\x18", b"\xd4\xc3\xb2\xa1")] == [
        None, "gzip", "zstd", "zstd", None,
    ]  # fmt: skip


# --- numbers ---


def test_words_at_any_place():
    data = random.Random(1).randbytes(4096)
    memory = in_memory(data)
    at = np.array([0, 1, 7, 8, 9, 1000, 4063])
    for step, column in enumerate(words_at(memory, at, 4)):
        assert column.tolist() == [int.from_bytes(data[place + 8 * step : place + 8 * step + 8], "little") for place in at.tolist()]


@pytest.mark.parametrize("resolution", [*range(25), *range(0x80, 0xC2), 0xFF])
def test_clocks(resolution):
    dice = random.Random(resolution)
    ticks = [0, 1, 2**32 - 1, 2**63, 2**64 - 1, *(dice.randrange(2 ** dice.randrange(1, 65)) for _ in range(50))]
    offsets = [0, 1, -1, -(2**63), 2**63 - 1, *(dice.randrange(-(10**10), 10**10) for _ in range(50))]
    rate = rate_of(resolution)
    exact = (2 if resolution & 128 else 10) ** (resolution & 127)
    assert rate == (exact if exact < 2**64 else 0)
    wanted = [
        max(-MOST_SECONDS, min(tick // rate + offset, MOST_SECONDS)) * 10**9 + tick % rate * 10**9 // rate if rate else 0
        for tick, offset in zip(ticks, offsets, strict=True)
    ]
    column = np.array(ticks, np.uint64)
    assert nanoseconds(column, rate, np.array(offsets, np.int64)).tolist() == wanted
    for tick, offset in zip(ticks, offsets, strict=True):
        one = nanoseconds(np.array([tick], np.uint64), rate, offset).tolist()
        assert one == nanoseconds(np.array([tick], np.uint64), rate, np.array([offset], np.int64)).tolist()


# --- interfaces ---


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("options", "rate", "offset"),
    [
        ((), 10**6, 0),
        (((9, b"\x09"), (14, -7)), 10**9, -7),
        (((2, b"eth0"), (9, b"\x8a"), (0, b"")), 1024, 0),
        (((0, b""), (9, b"\x09")), 10**6, 0),
        (((9, b"\x09\x09"),), 10**6, 0),
        (((9, b"\x40"),), 0, 0),
    ],
)
def test_interfaces(order, options, rate, offset):
    coded = b"".join(option(code, pack(order + "q", value) if isinstance(value, int) else value, order) for code, value in options)
    described = interface(order, 113, 96, coded)
    assert parse_interface(memoryview(described), order) == Interface(113, 96, rate, offset)


def test_options_that_reach_over_the_block_say_nothing():
    described = interface(options=option(9, b"\x09") + pack("<HH", 14, 200))
    assert parse_interface(memoryview(described), "<") == Interface(1, 262_144, 10**9, 0)


# --- blocks ---


def rows(taken):
    packets = taken.packets
    link = np.broadcast_to(packets.link, len(packets.place)).tolist()
    return list(
        zip(packets.place.tolist(), packets.captured.tolist(), packets.length.tolist(), packets.time_ns.tolist(), link, strict=True)
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_packets_in_all_forms(order):
    parts = [
        section(order), interface(order, 1, 5), interface(order, 113, 0, option(9, b"\x09", order)),
        enhanced(b"abc", order, 0, 7, 90), enhanced(b"abcdef", order, 1, 7), obsolete(b"abcd", order, 1, 8), simple(b"abcdefgh", order, 50), block(5, b"x" * 9, order),
        enhanced(b"lost", order, 2, 9),
    ]  # fmt: skip
    at = [sum(map(len, parts[:index])) for index in range(len(parts))]
    taken = take(PcapngReader(), b"".join(parts))
    assert rows(taken) == [
        (at[3], 3, 90, 7000, 1), (at[4], 6, 6, 7, 113), (at[5], 4, 4, 8, 113), (at[6], 5, 50, 0, 1), (at[8], 4, 4, 0, -1),
    ]  # fmt: skip
    assert taken.packets.start.tolist() == [at[3] + 28, at[4] + 28, at[5] + 28, at[6] + 12, at[8] + 28]
    assert (taken.end, taken.sound) == (sum(map(len, parts)), True)


def test_a_simple_packet_without_an_interface():
    assert rows(take(PcapngReader(), section() + simple(b"abc", length=9))) == [(28, 4, 9, 0, -1)]


def test_state_goes_on_in_another_reader():
    reader = PcapngReader()
    head = section(">") + interface(">", 113)
    assert rows(take(reader, head)) == []
    assert reader.state == Section(">", (Interface(113, 262_144, 10**6, 0),))
    assert rows(take(PcapngReader(reader.state), enhanced(b"abc", ">", ticks=1))) == [(0, 3, 3, 1000, 113)]


def test_interfaces_beyond_any_number_are_not_kept():
    reader = PcapngReader(Section("<", (Interface(1, 0, 10**6, 0),) * (MOST_INTERFACES - 1)))
    parts = [interface(link=5), interface(link=6), enhanced(b"a", which=MOST_INTERFACES - 1), enhanced(b"b", which=MOST_INTERFACES)]
    assert [row[4] for row in rows(take(reader, b"".join(parts)))] == [5, -1]
    assert len(reader.state.interfaces) == MOST_INTERFACES


@pytest.mark.parametrize(
    "bad",
    [
        block(6, bytes(16)),
        enhanced(b"abc").replace(pack("<II", 3, 3), pack("<II", 5, 3)),
        obsolete(b"abc").replace(pack("<II", 3, 3), pack("<II", 2**31, 3)),
        block(1, bytes(4)),
        block(3, b""),
        block(0x0A0D0D0A, pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)),
        block(0x0A0D0D0A, pack("<IHH", 0x1A2B3C4D, 1, 0)),
        block(0x0A0D0D0A, pack("<IHHq", 0x1A2B3C4E, 1, 0, -1)),
        b"\x06\0\0\0\x22\0\0\0" + bytes(30),
        b"\x06\0\0\0\x08\0\0\0" + bytes(30),
        b"\x06\0\0\0\0\0\0\0" + bytes(30),
        b"\x06\0\0\0\x04\0\0\x01" + bytes(30),
        enhanced(b"abc")[:-4] + pack("<I", 40),
    ],
)
def test_blocks_that_can_not_be(bad):
    before = section() + interface() + enhanced(b"one")
    taken = take(PcapngReader(), before + bad + enhanced(b"two") * 3)
    assert (len(rows(taken)), taken.end, taken.sound) == (1, len(before), False)


# --- records ---


@pytest.mark.parametrize(("order", "magic"), PCAP_FORMS)
@pytest.mark.parametrize("minor", [2, 4])
def test_records(order, magic, minor):
    head = parse_head(pcap_head(order, magic, minor=minor), "f")
    data = pcap_record(b"abc", order, magic, seconds=5, part=6, length=70, minor=minor) + pcap_record(
        b"", order, magic, seconds=0xFFFFFFFF, minor=minor
    )
    header, tick = head.header, head.tick_ns
    taken = take(PcapReader(head), data)
    assert rows(taken) == [(0, 3, 70, 5 * 10**9 + 6 * tick, 1), (header + 3, 0, 0, 0xFFFFFFFF * 10**9, 1)]
    assert taken.packets.start.tolist() == [header, 2 * header + 3]


def test_guesses_are_not_believed(monkeypatch):
    """Whatever is guessed, the chain is that of the loop."""
    dice = random.Random(2)
    head = parse_head(pcap_head(), "f")
    data = b"".join(pcap_record(dice.randbytes(dice.randrange(60))) for _ in range(500))
    wanted = rows(take(PcapReader(head), data))
    assert len(wanted) == 500
    places = [row[0] for row in wanted]
    monkeypatch.setattr(chain, "STRIDE", 300)
    monkeypatch.setattr(chain, "FEW", 2)
    for liar in (
        lambda window, low, high: low,
        lambda window, low, high: dice.randrange(low, high),
        lambda window, low, high: dice.choice([-1, low, next((place for place in places if place >= low), -1)]),
        lambda window, low, high: -1,
    ):
        monkeypatch.setattr(PcapReader, "_guess", staticmethod(liar))
        assert rows(take(PcapReader(head), data)) == wanted


def test_guesses_find_records(monkeypatch):
    """Or else all would be done by the loop."""
    dice = random.Random(3)
    frames = [dice.randbytes(dice.randrange(40, 100)) for _ in range(2000)]
    for reader, data in (
        (PcapReader(parse_head(pcap_head(), "f")), b"".join(map(pcap_record, frames))),
        (PcapngReader(Section("<", ())), b"".join(map(enhanced, frames))),
    ):
        looped = []
        plain = chain.Window.plain
        with monkeypatch.context() as patch:
            patch.setattr(chain, "STRIDE", 1000)
            patch.setattr(chain.Window, "plain", lambda *a, **k: looped.append(plain(*a, **k)) or looped[-1])  # noqa: B023 - called within the loop
            assert len(rows(take(reader, data))) == 2000
        assert sum(len(found) for found, _, _ in looped) < 600


# --- resync ---


def test_what_was_decided_once_is_decided_for_any_window(monkeypatch):
    monkeypatch.setattr(resync, "PROOF", 300)
    dice = random.Random(4)
    head = parse_head(pcap_head(), "f")
    data = dice.randbytes(700) + b"".join(pcap_record(dice.randbytes(20)) for _ in range(50))
    for have in range(1030, len(data), 97):
        place, sure = PcapReader(head).find(in_memory(data[:have]), 1, have, at_end=False, ahead=316)
        assert (place, sure) in ((700, 700), (-1, have - 316))
    assert PcapReader(head).find(in_memory(data), 1, len(data), at_end=True) == (700, 700)


def test_a_chain_may_change_its_byte_order():
    data = b"\x99" * 50 + section(">") + interface(">") + section("<") + enhanced(b"abc")
    assert PcapngReader(Section("<", ())).find(in_memory(data), 1, len(data), at_end=True) == (50, 50)
    data = b"\x99" * 50 + interface(">") * 20
    assert PcapngReader(Section("<", ())).find(in_memory(data), 1, len(data), at_end=True) == (-1, len(data)), (
        "nothing says that this is their order"
    )
    assert PcapngReader(Section(">", ())).find(in_memory(data), 1, len(data), at_end=True) == (50, 50)
