"""What a person reads from `portulan lookup`: change these only with open eyes."""

import io

import pytest

from portulan.cli import lookup
from portulan.cli.commands import COMMANDS
from portulan.cli.face import Face
from portulan.cli.parser import build_parser
from portulan.model.portset import PortRange
from portulan.text.voice import Voice

QUESTIONS = (
    "80",
    "443/tcp",
    "514",
    "9200",
    "51820/udp",
    "50001",
    "0",
    "4",
    "2",
    "x11",
    "rdp",
    "mail",
    "wireguard",
    "remote desktop",
    "6000-6063",
    "uucp",
    "http-alt",
)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    # The range is this host's own; the picture must be the same on every host.
    monkeypatch.setattr("portulan.system.ephemeral.read_ephemeral_range", lambda: PortRange(32768, 60999))


def shown(*words, language="en", width=80, colour=False):
    out, err = io.StringIO(), io.StringIO()
    face = Face(Voice(language), out, err, width=width, colour=colour)
    status = lookup.run(build_parser(COMMANDS["lookup"], face.voice).parse_args(list(words)), face)
    return f"{out.getvalue()}{err.getvalue()}-> {status}".replace("\x1b", "␛")


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_answers(snapshot, question, language):
    assert shown(question, language=language) == snapshot


@pytest.mark.parametrize("question", ["postgrse", "nobody knows this"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_misses(snapshot, question, language):
    assert shown(question, language=language) == snapshot


@pytest.mark.parametrize("language", ["en", "ja"])
def test_common(snapshot, language):
    assert shown("--common", language=language) == snapshot


def test_colours(snapshot):
    assert shown("9200", "2-4", colour=True) == snapshot


def test_narrow_and_wide(snapshot):
    assert shown("80", width=50) + "\n\n" + shown("80", width=200) == snapshot
