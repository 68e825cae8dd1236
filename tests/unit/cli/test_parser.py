"""Parsers of the commands."""

import re

import pytest

from portulan import __version__
from portulan.cli.commands import COMMANDS
from portulan.cli.main import teach_argparse
from portulan.cli.parser import OVERVIEW_EXAMPLES, build_parser, build_whole_parser, examples_text, module_of, overview
from portulan.errors import BadInput
from portulan.text.voice import LANGUAGES, Voice

COMMAND = pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(autouse=True)
def _argparse_forgets(monkeypatch):
    """argparse speaks through the process's own gettext domain: what a test teaches it is taken back."""
    import gettext

    monkeypatch.setenv("LANGUAGE", "")
    yield
    gettext.textdomain("messages")


def flat(text):
    return " ".join(text.split())


@COMMAND
@LANGUAGE
def test_help_names_every_example_and_every_option(command, language):
    voice = Voice(language)
    teach_argparse(language)
    parser = build_parser(command, voice, 100)
    said = parser.format_help()
    examples = module_of(command).EXAMPLES
    assert examples
    for line, meaning in examples:
        assert line in said
        assert voice.say(meaning) in said
    for action in parser._actions:
        assert action.help, action.dest
        for option in action.option_strings:
            assert option in said
    assert flat(voice.say(command.summary))[1:] in flat(said)
    assert "--json" in said
    assert "--lang" in said
    assert "--color" in said


@COMMAND
def test_help_is_in_the_language_that_was_asked_for(command):
    said = {}
    for language in LANGUAGES:
        teach_argparse(language)
        said[language] = build_parser(command, Voice(language)).format_help()
    assert said["en"].startswith("usage: portulan ")
    assert not said["ja"].startswith("usage: ")
    assert "show this help message and exit" not in said["ja"]
    assert said["en"].isascii() or "…" in said["en"]
    assert re.search("[ぁ-ん]", said["ja"])


@COMMAND
@pytest.mark.parametrize("width", [80, 100, 200])
def test_help_fits_the_window(command, width):
    text = build_parser(command, Voice(), width).format_help()
    options = text.partition("examples:")[0]
    assert max(map(len, options.splitlines())) <= min(width, 100)


@COMMAND
def test_common_options_have_their_usual_values(command):
    parser = build_parser(command, Voice())
    defaults = {action.dest: action.default for action in parser._actions}
    assert (defaults["json"], defaults["lang"], defaults["color"]) == (False, None, "auto")


@COMMAND
def test_an_unknown_option_is_bad_input(command):
    with pytest.raises(BadInput) as raised:
        build_parser(command, Voice()).parse_args(["--no-such-option"])
    assert raised.value.code == "usage"
    assert raised.value.facts["command"] == f"portulan {command.name}"
    assert raised.value.exit_status == 2


@COMMAND
def test_a_colour_that_is_none_is_bad_input(command):
    with pytest.raises(BadInput) as raised:
        build_parser(command, Voice()).parse_args(["--color", "sometimes"])
    assert "sometimes" in raised.value.facts["message"]


def test_each_command_is_a_module_with_arguments_and_run():
    for name, command in COMMANDS.items():
        module = module_of(command)
        assert name == command.name
        assert module.__name__ == command.module == f"portulan.cli.{name}"
        assert callable(module.arguments)
        assert callable(module.run)


def test_a_summary_is_neither_a_sentence_nor_capitalised():
    for command in COMMANDS.values():
        assert not command.summary.endswith(".")
        assert not command.summary[0].isupper()


@pytest.mark.parametrize("words", [[], ["80"], ["80", "443/tcp", "ssh"]])
@pytest.mark.parametrize("name", ["ls", "who"])
def test_lines_without_options_need_no_parser(name, words):
    # `plain` says what argparse would say, without importing it.
    module = module_of(COMMANDS[name])
    plain = module.plain(words)
    try:
        parsed = vars(build_parser(COMMANDS[name], Voice()).parse_args(words))
    except BadInput:
        assert plain is None
    else:
        assert {**plain, "json": False, "lang": None, "color": "auto"} == parsed


@LANGUAGE
def test_the_overview_names_every_command(language):
    voice = Voice(language)
    lines = overview(voice).splitlines()
    for name, command in COMMANDS.items():
        assert any(line.split()[:1] == [name] and line.endswith(voice.say(command.summary)) for line in lines)
    for line, meaning in OVERVIEW_EXAMPLES:
        assert any(line in each and each.endswith(voice.say(meaning)) for each in lines)
    assert "--help" in lines[-1]
    assert lines[-1].endswith("portulan --version")
    assert max(map(len, lines)) <= 90


def test_examples_stand_under_one_another():
    module = module_of(COMMANDS["who"])
    lines = examples_text(module, Voice()).partition("\n\n")[0].splitlines()
    assert lines[0] == "examples:"
    assert len({line.index(meaning) for line, (_, meaning) in zip(lines[1:], module.EXAMPLES, strict=True)}) == 1


@COMMAND
@LANGUAGE
def test_help_tells_the_exit_statuses(command, language):
    voice = Voice(language)
    module = module_of(command)
    said = examples_text(module, voice).partition("\n\n")[2].splitlines()
    assert all(f"{status} " in said[0] for status in (0, 2, 3, 4))
    no = getattr(module, "NO", "")
    assert len(said) == 1 + bool(no)
    if no:
        assert voice.say(no) in said[1]


@LANGUAGE
def test_the_whole_parser_knows_all_commands(language):
    parser = build_whole_parser(Voice(language))
    assert parser.parse_args(["who", "80", "--json"]).command == "who"
    assert parser.parse_args(["ls", "80", "443", "--watch", "2"]).ports == ["80", "443"]
    assert set(COMMANDS) <= set(parser.format_help().replace(",", " ").split())
    with pytest.raises(BadInput):
        parser.parse_args(["no-such-command"])


def test_the_whole_parser_tells_its_version(capsys):
    with pytest.raises(SystemExit) as leaving:
        build_whole_parser(Voice()).parse_args(["--version"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out == f"portulan {__version__}\n"
