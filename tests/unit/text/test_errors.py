"""Errors as sentences."""

from string import Formatter

import pytest

from portulan.errors import BadInput, CannotTell, MachineFailed, NotPermitted
from portulan.text import errors as table
from portulan.text.errors import sentences
from portulan.text.voice import LANGUAGES, Voice

ENGLISH = Voice()


def fields(message):
    return {name for _, name, _, _ in Formatter().parse(message) if name}


def all_sentences():
    return table.tables()


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (BadInput("port.out-of-range", text="70000"), ("portulan: 70000 is not a port: ports run from 0 to 65535.",)),
        (
            BadInput("transport.unknown", text="xyz", known="tcp, udp"),
            ("portulan: xyz is not a transport: one of tcp, udp was expected.",),
        ),
        (
            BadInput("service.unknown", text="nope"),
            ("portulan: nope is no port, and the registry knows no service of that name.", " search the registry:  portulan lookup nope"),
        ),
        (
            BadInput("command.unknown", text="lokup", near="lookup"),
            ("portulan: lokup is neither a command nor a port nor a service. Did you mean lookup?", " all commands:  portulan --help"),
        ),
        (
            BadInput("command.unknown", text="zzz", near=""),
            ("portulan: zzz is neither a command nor a port nor a service.", " all commands:  portulan --help"),
        ),
        (
            MachineFailed("machine.failed", operation="read", subject="/proc", reason="Permission denied"),
            ("portulan: could not read /proc: Permission denied.",),
        ),
    ],
)
def test_an_error_says_what_happened_and_the_way_out(error, lines):
    assert sentences(ENGLISH, error) == lines


def test_a_way_out_names_the_command():
    assert sentences(ENGLISH, NotPermitted("bpf.forbidden", needs="CAP_BPF"))[1:] == (
        " to allow it:  sudo portulan, or without BPF:  --source proc",
    )


def test_the_sentences_of_other_rooms_are_in_the_table():
    known, ways = all_sentences()
    assert {"lookup.empty", "registry.damaged", "port.out-of-range"} <= known.keys()
    assert "registry.damaged" in ways


def test_facts_are_cleaned():
    assert sentences(ENGLISH, BadInput("service.unknown", text="\x1b[2J")) == (
        "portulan: \\x1b[2J is no port, and the registry knows no service of that name.",
        " search the registry:  portulan lookup \\x1b[2J",
    )
    assert "\x1b" not in "".join(sentences(ENGLISH, BadInput("command.unknown", text="x", near="\x1b")))


def test_an_error_without_a_sentence_is_shown_to_be_found_and_mended():
    (line,) = sentences(ENGLISH, CannotTell("brand.new", what="\x1b[2J"))
    assert line.startswith("portulan: brand.new: what=")
    assert "\x1b" not in line


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_said(language):
    voice = Voice(language)
    known, ways = all_sentences()
    assert ways.keys() <= known.keys()
    for code, message in known.items():
        facts = dict.fromkeys(fields(message) | fields(ways.get(code, "")), "FACT")
        lines = sentences(voice, BadInput(code, **facts))
        assert lines[0].count("FACT") >= len(fields(message)), code
        assert not any("{" in line for line in lines), code
        assert len(lines) == 1 + (code in ways)


def test_no_sentence_says_who_speaks():
    known, _ = all_sentences()
    assert not [code for code, message in known.items() if message.lower().startswith("portulan:")]
