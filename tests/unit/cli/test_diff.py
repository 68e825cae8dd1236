"""`portulan diff` and `scan --compare-host`, from their words to exit statuses and schemas."""

import json
from importlib import import_module

import jsonschema
import pytest

from portulan.cli.contract import schema_of
from portulan.cli.main import main
from portulan.model.port import Transport
from portulan.model.scan import State
from portulan.model.scan_diff import HostCompared, OneSided, Side
from scan_samples import NOW, ONE, SEVERAL, stand_in

TCP = Transport.TCP
COMPARED = HostCompared(
    NOW, "web-01", ("198.18.0.2",), (), 3,
    (
        OneSided("198.18.0.2", TCP, 8080, Side.OUTSIDE, State.OPEN, "http-alt"),
        OneSided("198.18.0.2", TCP, 5432, Side.INSIDE, State.FILTERED, "postgresql", "evil\x1b[31m", ("0.0.0.0", "::")),
        OneSided("198.18.0.2", TCP, 5433, Side.INSIDE, State.CLOSED, None, None, ("198.18.0.2",)),
    ),
)  # fmt: skip


@pytest.fixture
def files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    stand_in(monkeypatch, ONE)
    assert main(["scan", "x", "-o", "one.json", "-o", "one.csv", "-o", "one.xml", "-o", "one.gnmap", "-o", "one.jsonl"]) == 0
    stand_in(monkeypatch, ONE._replace(rows=tuple(row._replace(state=State.OPEN) if row.port == 40000 else row for row in ONE.rows)))
    assert main(["scan", "x", "-o", "two.json"]) == 0
    stand_in(monkeypatch, SEVERAL)
    assert main(["scan", "x", "-o", "other.jsonl"]) == 130
    (tmp_path / "far.csv").write_text("address,transport,port,state\n203.0.113.77,tcp,22,open\n")
    capsys.readouterr()
    return tmp_path


@pytest.mark.parametrize("form", ["csv", "xml", "gnmap", "jsonl"])
def test_forms_of_one_scan_do_not_differ(files, capsys, form):
    assert main(["diff", "one.json", f"one.{form}"]) == 0
    assert "no difference between one.json and" in capsys.readouterr().out


def test_what_changed(files, capsys):
    assert main(["diff", "one.json", "two.json"]) == 1
    told = capsys.readouterr().out
    assert "1 port differs between one.json and two.json" in told
    assert main(["diff", "one.xml", "two.json", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, schema_of("diff"))
    assert [(each["ports"], each["before"], each["after"]) for each in answer["items"]] == [("40000", "filtered", "open")]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["one.json", "one.json"], 2, "one.json was named twice"),
        (["one.json", "missing"], 2, "missing cannot be read"),
        (["one.json", "."], 2, ". cannot be read"),
        (["far.csv", "host"], 3, "none of the addresses in far.csv belongs to this machine"),
        (["host", "host"], 2, "host was named twice"),
        (["one.json"], 2, "AFTER"),
    ],
)
def test_wrong_words(files, capsys, words, status, told):
    assert main(["diff", *words]) == status
    assert told in capsys.readouterr().err


def test_a_scan_of_this_machine_against_itself(files, capsys):
    main(["diff", "other.jsonl", "host"])
    told = capsys.readouterr()
    assert "network namespace of this machine has them" in told.err
    assert "127.0.0.1" in told.out


@pytest.fixture
def compared(monkeypatch):
    answers = [COMPARED]
    stand_in(monkeypatch, ONE)
    monkeypatch.setattr(import_module("portulan.verbs.diff"), "compare_host", lambda *_: answers[-1])
    return answers


@pytest.mark.parametrize("language", ["en", "ja"])
def test_compare_host(compared, capsys, snapshot, language):
    assert main(["scan", "198.18.0.2", "--compare-host", "--lang", language]) == 1
    assert capsys.readouterr().out == snapshot
    compared.append(COMPARED._replace(items=()))
    assert main(["scan", "198.18.0.2", "--compare-host", "--lang", language]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == snapshot


def test_compare_host_as_json(compared, capsys, tmp_path):
    assert main(["scan", "198.18.0.2", "--compare-host", "--json", "-o", str(tmp_path / "a.json")]) == 1
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, schema_of("scan-host"))
    assert answer["complete"]
    assert [each["side"] for each in answer["items"]] == ["outside-only", "inside-only", "inside-only"]
    jsonschema.validate(json.loads((tmp_path / "a.json").read_bytes()), schema_of("scan"))
    compared.append(COMPARED._replace(complete=False))
    assert main(["scan", "198.18.0.2", "--compare-host", "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["complete"]
    assert main(["scan", "198.18.0.2", "--compare-host", "--xml"]) == 2
    assert "--xml cannot hold them" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "ja"])
def test_diff_for_people(files, capsys, snapshot, language):
    main(["diff", "one.json", "other.jsonl", "--lang", language])
    assert capsys.readouterr().out == snapshot
