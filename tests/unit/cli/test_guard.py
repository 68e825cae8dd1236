"""`portulan guard`: one parser for each thing it does."""

import json
import re

import jsonschema
import pytest

from portulan.cli import guard
from portulan.cli.commands import COMMANDS
from portulan.cli.contract import schema_of
from portulan.cli.main import main, teach_argparse
from portulan.cli.parser import build_parser
from portulan.errors import BadInput
from portulan.text.voice import LANGUAGES, Voice

PARTS = guard.parts()
PART = pytest.mark.parametrize("name", PARTS)
COMMAND = COMMANDS["guard"]
WORDS = {"open": ["ssh"], "close": ["ssh"], "export": ["--to", "ufw"]}


@pytest.fixture(autouse=True)
def _argparse_forgets(monkeypatch):
    import gettext

    monkeypatch.setenv("LANGUAGE", "")
    yield
    gettext.textdomain("messages")


def parse(*words):
    return build_parser(COMMAND, Voice()).parse_args(words)


def test_there_are_parts():
    assert {"init", "check", "open", "close"} <= set(PARTS)


@PART
def test_each_part_says_what_it_does_and_runs(name):
    module = PARTS[name]
    assert callable(module.arguments)
    assert callable(module.run)
    assert module.EXAMPLES
    assert not module.SUMMARY.endswith(".")
    assert not module.SUMMARY[0].isupper()
    assert all(f"portulan guard {name}" in line for line, _ in module.EXAMPLES)


@PART
@pytest.mark.parametrize("language", LANGUAGES)
def test_help_of_a_part(name, language, capsys):
    teach_argparse(language)
    with pytest.raises(SystemExit):
        build_parser(COMMAND, Voice(language), 100).parse_args([name, "--help"])
    said = capsys.readouterr().out
    voice = Voice(language)
    for line, meaning in PARTS[name].EXAMPLES:
        assert line in said
        assert voice.say(meaning) in said
    assert "--json" in said
    if language == "ja":
        assert re.search("[ぁ-ん]", said)
        assert "show this help" not in said


@PART
def test_output_options_stand_before_or_behind(name):
    words = WORDS.get(name, [])
    assert parse("--json", name, *words).json is True
    assert parse(name, *words, "--json").json is True
    assert (parse(name, *words).json, parse(name, *words).color) == (False, "auto")


def test_a_word_that_is_no_part():
    with pytest.raises(BadInput) as raised:
        parse("chekc")
    assert raised.value.facts["command"] == "portulan guard"
    with pytest.raises(BadInput) as raised:
        parse("check", "--polciy", "x")
    assert raised.value.code == "usage"


def test_no_word_at_all_is_status(monkeypatch):
    seen = {}
    monkeypatch.setattr(PARTS["status"], "run", lambda options, _: seen.update(vars(options)) or 0)
    assert main(["guard", "--json"]) == 0
    assert seen["json"] is True
    assert seen.keys() >= {"policy", "root"} - ({"policy"} - set(vars(parse("status"))))


def test_a_policy_from_the_command_line(tmp_path, capsys):
    file = tmp_path / "p.toml"
    file.write_text('[doors]\nssh = "evryone"\n')
    assert main(["guard", "check", "--file-only", "--policy", str(file)]) == 2
    assert f"{file}, line 2, column 7: evryone is no source" in capsys.readouterr().err
    file.write_text('[doors]\nssh = "everyone"\n')
    assert main(["guard", "check", "--file-only", "--policy", str(file)]) == 0
    assert "22/tcp" in capsys.readouterr().out
    assert main(["guard", "open", "22/tcp", "--until", "soon", "--policy", str(file)]) == 2
    assert main(["guard", "check", "--policy", str(tmp_path / "gone.toml")]) == 2
    assert "portulan guard init" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "status"),
    [('[doors]\nssh = "evryone"\n', 2), ('[doors]\nssh = "everyone"\n22 = "this-host"\n', 1), ('[doors]\nssh = "everyone"\n', 0)],
)
def test_the_answer_as_json(tmp_path, capsysbinary, text, status):
    file = tmp_path / "p.toml"
    file.write_text(text)
    assert main(["guard", "check", "--file-only", "--json", "--policy", str(file)]) == status
    answer = json.loads(capsysbinary.readouterr().out)
    jsonschema.validate(answer, schema_of("guard-check"))
    assert (bool(answer["mistakes"]), bool(answer["doubts"])) == (status == 2, status == 1)
    assert main(["guard", "open", "https", "--dry-run", "--json", "--policy", str(file)]) == (2 if status == 2 else 0)
    if status != 2:
        answer = json.loads(capsysbinary.readouterr().out)
        jsonschema.validate(answer, schema_of("guard-edit"))
        assert answer["items"][0]["added"] == ['https = "everyone"']


def test_a_door_that_stays_as_it_is_says_why_and_how_to_narrow_it(tmp_path, capsys):
    file = tmp_path / "my policy.toml"
    text = '[sources]\noffice = "192.0.2.0/24"\n[doors]\n5432 = "everyone"\nssh = ["office", "198.18.1.2"]\nsmtp = { from = "office", limit = "10/minute" }\n'
    file.write_text(text)

    def said(*words):
        assert main(["guard", "open", *words, "--policy", str(file)]) == 0
        assert file.read_text() == text
        return capsys.readouterr().out.splitlines()

    policy = f"--policy '{file}'"
    assert said("5432/tcp", "--to", "office") == [
        f"5432/tcp is open to them already: {file} stays as it is.",
        f" to them only:  portulan guard close 5432/tcp {policy} && portulan guard open 5432/tcp --to office {policy}",
    ]
    assert said("5432/tcp", "--to", "office", "--limit", "10/minute", "--note", "a b", "--log") == [
        f"line 4 (5432) lets office in without that already, so that one more would do nothing: {file} stays as it is.",
        f" as you asked:  portulan guard close 5432/tcp {policy} && portulan guard open 5432/tcp --to office --limit 10/minute --note 'a b' --log {policy}",
    ]
    assert said("ssh", "--to", "office", "--until", "2036-12-31")[1].startswith(
        f" as you asked:  portulan guard close ssh --to office {policy} && "
    )
    assert said("smtp", "--to", "office") == [
        f"line 6 (smtp) is for office already (at most 10/minute): {file} stays as it is.",
        f" as you asked:  portulan guard close smtp --to office {policy} && portulan guard open smtp --to office {policy}",
    ]
    assert said("ssh", "--to", "office") == [f"ssh is open to them already: {file} stays as it is."]
    assert main(["guard", "open", "5432/tcp", "--to", "ofice", "--policy", str(file)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("portulan: ofice is no source: ")
    assert "Did you mean office?" in told
    assert "[sources]:  office = " in told


def test_what_a_remedy_says_does_what_was_asked(tmp_path, capsys):
    import shlex

    file = tmp_path / "p.toml"
    file.write_text('[doors]\n5432 = "everyone"\n')
    words = ["guard", "open", "5432/tcp", "--to", "192.0.2.7", "--until", "2036-12-31", "--policy", str(file)]
    assert main(words) == 0
    way = capsys.readouterr().out.splitlines()[1].partition(":  ")[2]
    for command in way.split(" && "):
        assert main([*shlex.split(command)[1:], "--json"]) == 0
    assert file.read_text() == '[doors]\n"5432/udp" = "everyone"\n"5432/tcp" = { from = "192.0.2.7", until = 2036-12-31 }\n'


def test_why_nothing_is_written_as_json(tmp_path, capsysbinary):
    file = tmp_path / "p.toml"
    file.write_text('[doors]\n5432 = "everyone"\n')
    assert main(["guard", "open", "5432", "--to", "192.0.2.7", "--until", "2036-12-31", "--json", "--policy", str(file)]) == 0
    answer = json.loads(capsysbinary.readouterr().out)
    jsonschema.validate(answer, schema_of("guard-edit"))
    (edited,) = answer["items"]
    assert (edited["why"], edited["by"]["line"], edited["senders"], edited["named"]) == ("idle", 2, ["192.0.2.7"], False)
