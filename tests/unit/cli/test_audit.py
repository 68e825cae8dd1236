"""`portulan audit`: forms, exit statuses, and SARIF against the official schema."""

import argparse
import io
import json
from importlib import import_module

import jsonschema
import pytest

from chart_samples import NOW
from portulan.cli.audit import exit_status, run
from portulan.cli.face import Face
from portulan.errors import BadInput
from portulan.model.finding import Audit, Doubt, Evidence, Finding, Fix, Ignore, Level, Subject, Unjudged
from portulan.model.port import Transport
from portulan.text.audit import unjudged_sentence
from portulan.text.voice import Voice
from sarif_schema import SCHEMA


def finding(level=Level.WARNING, id_="open.database", port=5432, **more):
    about = Subject(Transport.TCP, port, ("0.0.0.0",), 1, "postgresql") if port else Subject(netns=1)
    facts = {"port": f"{port}/tcp", "what": "PostgreSQL", "risk": "postgresql"}
    seen = (Evidence("listens", {"name": "postgres", "pids": "7", "addresses": "0.0.0.0"}),)
    return Finding(id_, level, about, seen, (Fix("shut", f"ufw deny {port}/tcp"),), facts)._replace(**more)


NONE = Finding(
    "firewall.none",
    Level.WARNING,
    Subject(netns=1),
    (Evidence("firewall.no-table"),),
    (Fix("first-firewall", "apt install ufw && ufw enable"),),
)


def answer(*items, **more):
    return Audit(**{"host": "web-01", "taken_at": NOW, "items": items, "doors": 3, "source": "bpf", **more})


def told(monkeypatch, found, language="en", **more):
    asked = {}
    monkeypatch.setattr(import_module("portulan.verbs.audit"), "audit", lambda **words: asked.update(words) or found)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=80)
    options = {
        "policy": None, "fail_on": "warning", "ignore": [], "ignore_file": None, "list": False, "source": "auto", "all": False, "json": False, "jsonl": False, "sarif": False,
        **more,
    }  # fmt: skip
    status = run(argparse.Namespace(**options), face)
    return status, face.out.getvalue(), face.err.getvalue(), asked


UNREAD, DEPENDS = Doubt.UNREAD, Doubt.DEPENDS
RULES = Unjudged("rules.unread", {"code": "nft.forbidden", "needs": "CAP_NET_ADMIN"})
HOLDERS = Unjudged("holders.unseen", {"count": 2}, Level.WARNING)


@pytest.mark.parametrize(("found", "level", "status"), [
    (answer(), Level.INFO, 0),
    (answer(finding()), Level.WARNING, 1),
    (answer(finding()), Level.ERROR, 0),
    (answer(finding(Level.ERROR)), Level.WARNING, 1),
    (answer(finding(Level.INFO)), Level.WARNING, 0),
    (answer(finding()), None, 0),
    (answer(finding(ignored="because")), Level.INFO, 0),
    (answer(finding(doubt=DEPENDS)), Level.WARNING, 1),
    (answer(finding(doubt=UNREAD)), Level.WARNING, 3),
    (answer(finding(doubt=UNREAD), finding(port=9)), Level.WARNING, 1),
    (answer(finding(doubt=UNREAD, ignored="x")), Level.WARNING, 0),
    (answer(unjudged=(RULES,)), Level.ERROR, 3),
    (answer(unjudged=(RULES,)), None, 0),
    (answer(unjudged=(HOLDERS,)), Level.WARNING, 3),
    (answer(unjudged=(HOLDERS,)), Level.ERROR, 0),
])  # fmt: skip
def test_exit_status(found, level, status):
    assert exit_status(found, level) == status


def test_the_words_of_the_line_reach_the_verb(monkeypatch):
    status, _, _, asked = told(
        monkeypatch, answer(finding()), policy="p.toml", ignore=["open.cache"], ignore_file="i.toml", source="proc", fail_on="ERROR"
    )
    assert asked == {"policy": "p.toml", "ignore": ["open.cache"], "ignore_file": "i.toml", "source": "proc"}
    assert status == 0
    assert told(monkeypatch, answer(finding()), fail_on="never")[0] == 0


def test_wrong_words(monkeypatch):
    for more, code in (({"fail_on": "worst"}, "audit.level"), ({"json": True, "sarif": True}, "form.two")):
        with pytest.raises(BadInput) as raised:
            told(monkeypatch, answer(), **more)
        assert raised.value.code == code


def test_what_is_ignored_is_shown_when_asked_for(monkeypatch):
    found = answer(finding(ignored="moves in May"), NONE)
    _, out, _, _ = told(monkeypatch, found)
    assert "PostgreSQL" not in out
    assert "1 warning · 1 ignored" in out
    _, out, _, _ = told(monkeypatch, found, all=True)
    assert "ignored   moves in May" in out


def test_what_could_not_be_judged_is_never_silent(monkeypatch):
    found = answer(finding(doubt=UNREAD), unjudged=(RULES, HOLDERS), elsewhere=2)
    status, out, err, _ = told(monkeypatch, found)
    assert status == 3
    assert "may be able to reach" in out
    assert "doubt" in out
    assert "CAP_NET_ADMIN" in err
    assert "sudo" in err
    assert "2 ports in other network namespaces" in err
    _, out, _, _ = told(monkeypatch, answer(unjudged=(HOLDERS,)))
    assert "nothing found in what could be judged" in out


@pytest.mark.parametrize("one", [
    RULES, HOLDERS, Unjudged("rules.linux-only"), Unjudged("rules.opaque", {"count": 2}), Unjudged("reach.unknown", {"count": 1}), Unjudged("network.unread"),
    Unjudged("rules.incomplete", {"code": "nft.changing", "text": ""}), Unjudged("rules.unread", {"code": "nft.missing"}),
], ids=lambda one: one.code)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_hole_has_a_sentence(one, language):
    said = unjudged_sentence(Voice(language), one)
    assert one.code not in said
    assert "{" not in said


def test_ignores_that_match_nothing_are_told(monkeypatch):
    unused = (
        Ignore("open.cache", "x", "i.toml", 4),
        Ignore("open.broker", "x", "i.toml", 9, "2026-02-01"),
        Ignore("open.admin", "--ignore"),
    )
    _, _, err, _ = told(monkeypatch, answer(unused=unused))
    assert "i.toml:4: the ignore of open.cache matches no finding" in err
    assert "i.toml:9: the ignore of open.broker ended on 2026-02-01" in err
    assert "--ignore: the ignore of open.admin matches" in err


def test_the_list_of_ids(monkeypatch):
    status, out, _, asked = told(monkeypatch, None, list=True)
    assert status == 0
    assert asked == {}
    assert "open.remote-desktop" in out
    assert "rule.redundant" in out


def test_one_line_a_finding(monkeypatch):
    _, out, err, _ = told(monkeypatch, answer(finding(), NONE, unjudged=(RULES,)), jsonl=True)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["id"] for line in lines] == ["open.database", "firewall.none"]
    assert "CAP_NET_ADMIN" in err


# --- SARIF ---


@pytest.mark.parametrize("language", ["en", "ja"])
def test_sarif_is_what_its_schema_says(monkeypatch, language):
    found = answer(
        finding(Level.ERROR),
        finding(port=9, doubt=UNREAD),
        finding(Level.INFO, port=10, ignored="moves in May"),
        NONE,
        unjudged=(RULES,),
        unused=(Ignore("open.cache", "x"),),
    )
    status, out, _, _ = told(monkeypatch, found, language, sarif=True)
    assert status == 1
    log = json.loads(out)
    jsonschema.validators.validator_for(SCHEMA)(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    (ran,) = log["runs"]
    assert [(one["ruleId"], one["kind"], one["level"]) for one in ran["results"]] == [
        ("open.database", "fail", "error"), ("open.database", "open", "none"), ("open.database", "fail", "note"), ("firewall.none", "fail", "warning"),
    ]  # fmt: skip
    assert all(ran["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in ran["results"])
    assert ran["results"][2]["suppressions"][0]["justification"] == "moves in May"
    assert ran["results"][0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "web-01:5432/tcp"
    assert len(ran["invocations"][0]["toolExecutionNotifications"]) == 1


def test_sarif_of_nothing(monkeypatch):
    status, out, _, _ = told(monkeypatch, answer(), sarif=True)
    log = json.loads(out)
    jsonschema.validators.validator_for(SCHEMA)(SCHEMA).validate(log)
    assert (status, log["runs"][0]["results"]) == (0, [])


def test_the_schema_is_the_official_one():
    assert SCHEMA["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validators.validator_for(SCHEMA)(SCHEMA).validate({"version": "2.1.0", "runs": [{"results": []}]})
