"""`portulan lookup` and `portulan registry` as a person and as a program meet them."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from portulan.cli import lookup, registry
from portulan.cli.commands import COMMANDS
from portulan.cli.face import Face
from portulan.cli.parser import build_parser
from portulan.errors import BadInput
from portulan.registry.build import build_table
from portulan.registry.source import parse_source
from portulan.system.registry_file import write_own
from portulan.text.errors import SENTENCES as LEAD
from portulan.text.lookup import SENTENCES, WAYS_OUT
from portulan.text.voice import Voice
from registry_samples import as_csv, as_xml


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def ask(*words, module=lookup, width=80, language="en", colour=False):
    """(exit status, stdout, stderr) of a command."""
    out, err = io.StringIO(), io.StringIO()
    face = Face(Voice(language), out, err, width=width, colour=colour)
    name = module.__name__.rpartition(".")[2]
    status = module.run(build_parser(COMMANDS[name], face.voice).parse_args(list(words)), face)
    return status, out.getvalue(), err.getvalue()


def test_a_port():
    status, out, err = ask("80")
    assert (status, err) == (0, "")
    first, sentence, *_ = out.splitlines()
    assert first == "80 is http."
    assert sentence.startswith("Web pages without encryption")
    assert "system port (0-1023)" in out


def test_json_rows_are_the_contract():
    status, out, _ = ask("--json", "9200/tcp", "51820", "6005/udp", "zzzz")
    answer = json.loads(out)
    assert status == 1
    assert answer["schema"] == "portulan.lookup/1"
    assert (answer["complete"], answer["missing"], answer["unknown"]) == (True, [], ["zzzz"])
    wap, elastic, wireguard, x11 = answer["items"]
    assert set(wap) >= {"port", "transport", "service", "class", "description", "aliases", "first", "last", "status", "ours"}
    assert (wap["port"], wap["transport"], wap["service"], wap["class"], wap["status"], wap["ours"]) == (
        9200,
        "tcp",
        "wap-wsp",
        "user",
        "assigned",
        False,
    )
    assert (elastic["service"], elastic["status"], elastic["ours"]) == ("elasticsearch", None, True)
    assert "elastic" in elastic["aliases"]
    assert (wireguard["port"], wireguard["class"], wireguard["ours"]) == (51820, "dynamic", True)
    assert (x11["port"], x11["first"], x11["last"]) == (6005, 6000, 6063)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["80"], 0),
        (["http"], 0),
        (["1023"], 0),
        (["4"], 1),
        (["50001"], 1),
        (["postgrse"], 1),
        (["80", "zzzz"], 1),
        (["50001-50002"], 1),
        (["--about"], 0),
    ],
)
def test_exit_status(words, status):
    assert ask(*words)[0] == status


def test_a_miss_says_what_may_have_been_meant():
    status, out, err = ask("postgrse")
    assert (status, out) == (1, "")
    assert err == "Nobody knows “postgrse”: no service name, no word of a description. Did you mean postgres?\n"


def test_no_question_is_bad_input():
    with pytest.raises(BadInput):
        ask()


def test_ours_is_marked_as_ours():
    _, out, _ = ask("9200")
    assert "elasticsearch *" in out
    assert "* often found there: our word, not IANA's" in out
    assert "wap-wsp *" not in out


def test_words_show_a_few_rows_unless_all_are_asked_for():
    _, short, _ = ask("game")
    _, long, _ = ask("game", "--all")
    assert len(short.splitlines()) < len(long.splitlines())
    assert "add --all" in short
    assert "add --all" not in long


def test_csv():
    status, out, _ = ask("--csv", "22", "cl/1")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert {row["service"] for row in rows} == {"ssh", "cl/1"}
    assert {row["port"] for row in rows} == {"22", "172"}
    assert not ask("--csv", "--no-header", "22")[1].startswith("port")


def test_the_common_ports():
    status, out, _ = ask("--common")
    assert status == 0
    assert "443" in out
    assert max(map(len, out.splitlines())) <= 80
    items = json.loads(ask("--common", "--json")[1])["items"]
    assert all(item["description"].endswith(".") for item in items)
    assert {item["service"] for item in items} >= {"ssh", "dns", "rdp"}
    assert len(ask("--common", "--csv")[1].splitlines()) == len(items) + 1


def test_about():
    _, out, _ = ask("--about")
    assert "CC0-1.0" in out
    assert "the packaged table" in out
    (item,) = json.loads(ask("--about", "--json")[1])["items"]
    assert item["packaged"] is True
    assert item["about"]["counts"]["records"] > 10_000


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("question", ["80", "514", "mail", "1-100", "x11", "0", "wireguard", "game"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_nothing_is_wider_than_a_sentence_needs(width, question, language):
    from portulan.cli.table import width_of

    _, out, _ = ask(question, width=width, language=language)
    # The answer itself, a table at its narrowest, and the labels' column may stand out of a very narrow window.
    if width >= 80:
        assert [line for line in out.splitlines()[1:] if width_of(line) > width] == []


HOSTILE = (
    {"name": "evil\x1b]0;owned\x07", "number": "80", "protocol": "tcp", "description": "a\u202edrow\x1b[2J"},
    {"name": "wide", "number": "81", "protocol": "tcp", "description": "界" * 3000, "note": [("", "\x9b31m" * 500)]},
    {"name": "=cmd()", "number": "82", "protocol": "tcp", "description": "=1+1"},
)


def test_hostile_text_of_ones_own_table_is_harmless():
    write_own(build_table(parse_source(as_csv(HOSTILE)).records, "2026-01-01"))
    for words in (["80"], ["81"], ["80-82"], ["evil", "--all"], ["--csv", "80-82"], ["--common"], ["--about"]):
        _, out, err = ask(*words)
        assert not set("\x1b\x07\x9b\u202e") & set(out + err)
        if "--csv" not in words:
            assert max(map(len, out.splitlines()[1:])) < 200
    assert ",'=cmd()," in ask("--csv", "82")[1]


def test_a_damaged_table_of_ones_own_is_said_and_the_packaged_one_answers(folder):
    path = Path(write_own(build_table(parse_source(as_xml([{"name": "mine", "number": "80", "protocol": "tcp"}])).records, "2026-01-01")))
    assert ask("80")[1].startswith("80 is mine.")
    path.write_bytes(path.read_bytes()[:-3])
    status, out, err = ask("80")
    assert status == 0
    assert out.startswith("80 is http.")
    assert err.startswith(f"{path} is damaged or cannot be read")


def test_registry_update_and_reset(folder):
    source = folder / "source.xml"
    source.write_bytes(as_xml([{"name": "mine", "number": "80", "protocol": "tcp"}]))
    with pytest.raises(BadInput):
        ask("update", "--from", str(source), module=registry)
    status, out, _ = ask("update", "--from", str(source), "--force", module=registry)
    assert status == 0
    assert str(folder / "portulan") in out
    assert ask("80")[1].startswith("80 is mine.")
    assert "your own table" in ask("--about")[1]
    (item,) = json.loads(ask("update", "--from", str(source), "--force", "--json", module=registry)[1])["items"]
    assert (item["added"], item["removed"]) == (0, 0)
    assert ask("reset", module=registry)[1] == "The packaged table is in use again.\n"
    assert ask("reset", module=registry)[1] == "The packaged table was in use already.\n"
    assert json.loads(ask("reset", "--json", module=registry)[1])["items"][0]["changed"] is False
    with pytest.raises(BadInput):
        ask("reset", "--force", module=registry)


def test_every_error_of_the_registry_has_a_sentence():
    """The codes that the source raises are those that the table of sentences has."""
    import re

    root = Path(lookup.__file__).parent.parent
    files = [
        *(root / "registry").glob("*.py"),
        root / "system/registry_file.py",
        root / "verbs/registry.py",
        root / "verbs/lookup.py",
        root / "cli/lookup.py",
        root / "cli/registry.py",
    ]
    raised = {
        code for file in files for code in re.findall(r'(?:BadInput|ParseError|CannotTell)\(\s*"([a-z.-]+)"', file.read_text("utf-8"))
    }
    assert raised
    assert raised - set(SENTENCES) - set(LEAD) == set()
    assert set(SENTENCES) - raised == set()
    assert set(WAYS_OUT) <= set(SENTENCES)


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "portulan", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        check=False,
    )


def test_the_whole_program():
    done = run("lookup", "443/tcp", LANG="C")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("443/tcp is https.\n")
    assert run("lookup", "70000").returncode == 2
    assert run("lookup", "80/xyz").returncode == 2
    assert run("lookup", "nosuchservice").returncode == 1
    assert run("registry", "update", "--from", "http://127.0.0.1:1/").returncode == 3
    japanese = run("lookup", "80", "--lang", "ja")
    assert japanese.stdout.splitlines()[0] != done.stdout.splitlines()[0]


def test_a_reader_that_leaves_early_is_no_failure():
    command = f"'{sys.executable}' -m portulan lookup 1-65535 | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in (0, 141)
