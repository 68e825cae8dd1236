"""The picture in a terminal."""

import re

import pytest

from map_samples import sample
from portulan.cli.map_ink import Depth
from portulan.cli.map_terminal import Block, picture_lines
from portulan.host.picture import draw
from portulan.model.address import Exposure
from portulan.model.picture import OpenPort, PortMap
from portulan.model.port import Transport
from portulan.model.portset import PortSet
from portulan.text.voice import Voice

ENGLISH, JAPANESE = Voice("en"), Voice("ja")


def bare(lines):
    return [re.sub(r"\x1b\[[\d;]*m", "", line) for line in lines]


def a_crowd(n):
    return [OpenPort(transport=Transport.TCP, port=1100 + 7 * at, exposure=Exposure.PRIVATE) for at in range(n)]


def test_a_block_counts_its_lines():
    assert Block(numbers=range(1024), columns=50, storeys=2).lines == 11
    assert Block(numbers=range(65536), columns=256, storeys=2).lines == 128


def test_the_usual_window_has_lens_whole_and_lists():
    lines = picture_lines(sample(), ENGLISH, width=80, rows=24, depth=Depth.PLAIN)
    assert len(lines) <= 23
    assert lines[0] == " web-01: 16 open ports                                     2026-03-01 12:00 UTC"
    assert re.fullmatch(r"    0 [.:opP#]{50} 22 25 53 68 80", lines[2])
    assert any(line.startswith("  400 ") and line.endswith(" 443") for line in lines)
    assert any(re.match(r"49152\|.*# ?.* 51820$", line) for line in lines)
    assert " # 6 open on all addresses      tcp 22, 80, 443, 8080 · udp 68, 51820" in lines
    assert " P 1 open on a public address   tcp 9100" in lines
    assert any(line.startswith(" + 4 in use, not open") and line.endswith("| clients get 32768-60999") for line in lines)


def test_a_large_window_gives_every_port_a_cell_of_its_own():
    lines = bare(picture_lines(sample(), ENGLISH, width=280, rows=170, depth=Depth.TRUE))
    heading = next(at for at, line in enumerate(lines) if "all ports, each a cell" in line)
    assert [int(line[:5]) for line in lines[heading + 1 : heading + 129]] == list(range(0, 65536, 512))
    assert all(len(line[6:262].strip("▀ ")) == 0 for line in lines[heading + 1 : heading + 129])


def test_a_page_without_end_names_every_open_port():
    lines = "\n".join(picture_lines(sample(a_crowd(300)), ENGLISH, width=80, rows=None, depth=Depth.PLAIN))
    assert "more" not in lines
    for at in range(300):
        assert re.search(rf"\b{1100 + 7 * at}\b", lines)


def test_a_window_counts_the_numbers_it_has_no_room_for():
    lines = picture_lines(sample(a_crowd(300)), ENGLISH, width=80, rows=24, depth=Depth.PLAIN)
    assert len(lines) <= 23
    line = next(line for line in lines if "private address" in line)
    named = len(re.findall(r"\d+(?=,| |$)", line.partition("tcp")[2].partition("…")[0]))
    left = int(re.search(r"… (\d+) more", line)[1])
    assert named + left == 306, "300 of the crowd, 4 + 2 of the sample"


def test_a_low_window_gives_up_the_lens_but_no_port():
    lines = picture_lines(sample(), ENGLISH, width=80, rows=17, depth=Depth.PLAIN)
    assert len(lines) <= 16
    assert not any("enlarged" in line for line in lines)
    assert any("system 0-1023" in line for line in lines)
    assert any(re.fullmatch(r"    0 .{64} 22 25 \+10", line) for line in lines)


def test_half_blocks_show_one_port_above_the_other():
    drawn = PortMap(
        host="h", taken_at=sample().taken_at, transport=Transport.UDP,
        picture=draw(PortSet(), [OpenPort(transport=Transport.UDP, port=53, exposure=Exposure.ALL)], []),
    )  # fmt: skip
    lines = picture_lines(drawn, ENGLISH, width=80, rows=24, depth=Depth.BASIC)
    first = bare(lines)[2]
    # 53 is the fourth of the lower fifty.
    assert [at for at, character in enumerate(first) if character == "▀"] == [6 + 3]
    assert "\x1b[30;101m▀" in lines[2]
    assert bare(lines)[0].startswith(" h: 1 open UDP port ")


def test_nothing_open_is_a_picture_too():
    drawn = PortMap(host="h", taken_at=sample().taken_at, transport=None, picture=draw(PortSet(), [], []))
    lines = picture_lines(drawn, ENGLISH, width=80, rows=24, depth=Depth.PLAIN)
    assert lines[0].startswith(" h: 0 open ports")
    assert not any("open on" in line or "in use" in line for line in lines)


def test_a_hostile_host_name_is_harmless():
    lines = picture_lines(sample(host="a\x1b[2Jb\u202e"), ENGLISH, width=80, rows=24, depth=Depth.PLAIN)
    assert lines[0].startswith(r" a\x1b[2Jb\u202e: 16 open ports")


@pytest.mark.parametrize("voice", [ENGLISH, JAPANESE])
@pytest.mark.parametrize("depth", Depth)
def test_the_same_picture_gives_the_same_lines(voice, depth):
    assert picture_lines(sample(), voice, width=97, rows=40, depth=depth) == picture_lines(sample(), voice, width=97, rows=40, depth=depth)
