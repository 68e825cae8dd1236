"""`portulan scan` from its words to its files, with a stand-in for the engine."""

import csv
import json
import os
import stat

import jsonschema
import pytest

from portulan.cli.contract import schema_of
from portulan.cli.main import main
from portulan.errors import CannotTell, MachineFailed
from portulan.model.scan import Method, Shard
from scan_samples import MANY, ONE, SEVERAL, stand_in


@pytest.fixture
def asked(monkeypatch):
    return stand_in(monkeypatch, ONE)


def test_words_become_arguments(asked, capsys):
    words = [
        "scan", "a", "b", "-p", "22,80", "--exclude", "c", "--targets-file", "f", "--exclude-file", "g", "--authorized", "--method", "connect", "--rate", "1e4", "--max-rtt", "300ms",
        "--miss", "1e-9", "--patience", "3", "--assume-loss", "0.5", "--shard", "2/4", "--resume", "state", "--jobs", "2", "--cluster", "tcp://x", "--every", "--hosts", "--no-discovery",
    ]  # fmt: skip
    assert main(words) == 0
    assert asked == [
        {
            "targets": ["a", "b"], "ports": "22,80", "top": None, "method": Method.CONNECT, "exclude": ["c"], "target_files": ["f"], "exclude_files": ["g"], "authorized": True,
            "discover": False, "hosts_only": True, "rate": 1e4, "max_rtt_s": 0.3, "miss": 1e-9, "patience_s": 3.0, "assume_loss": 0.5, "shard": Shard(1, 4), "resume": "state",
            "jobs": 2, "cluster": "tcp://x", "local": False, "every": True, "drop_rights": True, "on_progress": None, "on_rows": None,
        }
    ]  # fmt: skip
    assert main(["scan", "a", "-p-", "--local"]) == 0
    assert (asked[1]["ports"], asked[1]["local"], asked[1]["method"], asked[1]["discover"]) == ("-", True, None, None)
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rate", "0"], "--rate 0: a number"),
        (["--rate", "nan"], "--rate nan: a number"),
        (["--max-rtt", "soon"], "300ms"),
        (["--max-rtt", "0"], "300ms"),
        (["--miss", "1"], "below 1"),
        (["--patience", "-1"], "seconds"),
        (["--assume-loss", "1"], "share"),
        (["--jobs", "0"], "processes"),
        (["--jobs", "1.5"], "processes"),
        (["--shard", "3/2"], "--shard 3/2: a part"),
        (["--shard", "0/2"], "--shard 0/2: a part"),
        (["--shard", "two"], "--shard two: a part"),
        (["--top", "many"], "--top many: a number"),
        (["-o", "answer"], "cannot be seen by its name"),
        (["-o", "answer", "--xml", "--csv"], "cannot be seen by its name"),
        (["--xml", "--json"], "--json and --xml"),
        (["--local", "--method", "syn"], "--method syn"),
        (["-o", "/proc/nowhere/a.xml"], "/proc/nowhere/a.xml cannot be written"),
        (["-o", "/dev"], "cannot be seen by its name"),
        (["-o", "a.xml", "-o", "a.xml"], "a.xml was given twice"),
    ],
)
def test_wrong_words_are_one_sentence_and_no_scan(asked, capsys, monkeypatch, tmp_path, words, told):
    monkeypatch.chdir(tmp_path)
    assert main(["scan", "198.18.0.2", *words]) == 2
    told_us = capsys.readouterr()
    assert told in told_us.err
    assert told_us.err.count("\n") == 1
    assert told_us.out == ""
    assert asked == []
    assert os.listdir(tmp_path) == []


def test_several_forms_at_once(asked, capsys, tmp_path):
    files = [str(tmp_path / f"a.{end}") for end in ("json", "jsonl", "csv", "xml", "gnmap", "txt")]
    assert main(["scan", "198.18.0.2", *(word for file in files for word in ("-o", file))]) == 0
    assert "22/tcp" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "a.gnmap", "a.json", "a.jsonl", "a.txt", "a.xml"]
    whole = json.loads((tmp_path / "a.json").read_bytes())
    jsonschema.validate(whole, schema_of("scan"))
    *rows, last = map(json.loads, (tmp_path / "a.jsonl").read_bytes().splitlines())
    assert rows == whole.pop("items")
    assert last == whole
    table = list(csv.reader((tmp_path / "a.csv").read_text().splitlines()))
    assert table[1] == ["198.18.0.2", "", "tcp", "22", "open", "syn-ack", "ssh", "0.31", "64", ""]
    assert table[-1][3].startswith("0-21,23-79")
    assert "22/open/tcp//ssh///" in (tmp_path / "a.gnmap").read_text()
    assert '<port protocol="tcp" portid="22">' in (tmp_path / "a.xml").read_text()
    assert "65,531 closed" in (tmp_path / "a.txt").read_text()


def test_an_option_says_the_form_of_a_file_whose_name_does_not(asked, capsys, tmp_path):
    assert main(["scan", "198.18.0.2", "--xml", "-o", str(tmp_path / "answer"), "-o", str(tmp_path / "b.csv")]) == 0
    assert "22/tcp" in capsys.readouterr().out
    assert (tmp_path / "answer").read_text().startswith("<?xml")
    assert main(["scan", "198.18.0.2", "--xml", "-o", str(tmp_path / "b.csv")]) == 0
    assert capsys.readouterr().out.startswith("<?xml")


def test_rows_are_streamed_when_nothing_else_needs_them(monkeypatch, capsys, tmp_path):
    asked = stand_in(monkeypatch, SEVERAL)
    assert main(["scan", "x", "--jsonl"]) == 130
    *rows, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert asked[0]["on_rows"] is not None
    assert [each["port"] for each in rows] == [each.port for each in SEVERAL.rows]
    assert (last["schema"], last["complete"]) == ("portulan.scan/1", False)
    assert main(["scan", "x", "--jsonl", "-o", str(tmp_path / "a.xml")]) == 130
    assert asked[1]["on_rows"] is None
    assert len(capsys.readouterr().out.splitlines()) == len(rows) + 1


def test_an_interrupted_scan_writes_what_it_has(monkeypatch, capsys, tmp_path):
    stand_in(monkeypatch, SEVERAL._replace(missing=("interrupted",)))
    assert main(["scan", "x", "--json", "-o", str(tmp_path / "a.csv")]) == 130
    told = capsys.readouterr()
    answer = json.loads(told.out)
    jsonschema.validate(answer, schema_of("scan"))
    assert not answer["complete"]
    assert "interrupted" in answer["missing"][0]
    assert any("closed from filtered" in text for text in answer["missing"])
    assert "is written" in told.err
    assert (tmp_path / "a.csv").exists()
    words = ["scan", "x", "--resume", "a state"]
    monkeypatch.setattr("sys.argv", ["/usr/bin/portulan", *words])
    main(words)
    assert "to go on:  portulan scan x --resume 'a state'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [MachineFailed("machine.failed", operation="send", subject="eth0", reason="gone"), CannotTell("scan.resolver", text="x", reason="y")],
)
def test_a_scan_that_fails_leaves_files_as_they_were(monkeypatch, capsys, tmp_path, error):
    stand_in(monkeypatch, error)
    (tmp_path / "a.xml").write_text("before")
    assert main(["scan", "x", "-o", str(tmp_path / "a.xml"), "-o", str(tmp_path / "b.csv")]) == error.exit_status
    assert os.listdir(tmp_path) == ["a.xml"]
    assert (tmp_path / "a.xml").read_text() == "before"
    capsys.readouterr()


def test_files_are_replaced_whole(asked, capsys, tmp_path):
    place, link = tmp_path / "real.json", tmp_path / "link.json"
    place.write_text("before")
    place.chmod(0o600)
    link.symlink_to(place)
    assert main(["scan", "x", "-o", str(link)]) == 0
    assert link.is_symlink()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert json.loads(place.read_bytes())["schema"] == "portulan.scan/1"
    assert main(["scan", "x", "--json", "-o", "/dev/null"]) == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    capsys.readouterr()


def test_missing_rights_are_told_with_the_command_that_grants_them(monkeypatch, capsys):
    stand_in(monkeypatch, SEVERAL._replace(complete=True, missing=("syn-needs-root",)))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["scan", "web 01", "-p", "22"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("portulan: sending raw packets needs CAP_NET_RAW")
    assert "scan 'web 01' -p 22 --method syn" in told


def test_hosts_that_are_too_many_are_counted(monkeypatch, capsys):
    stand_in(monkeypatch, MANY)
    assert main(["scan", "10.0.0.0/8", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, schema_of("scan"))
    assert answer["states"]["filtered"] == 16_772_215
    assert answer["hosts"] == []
