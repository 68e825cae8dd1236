"""What a person and a program see of an audit: change these only with open eyes."""

import argparse
import io
import json
import os
import sys
from importlib import import_module
from pathlib import Path

import jsonschema
import pytest

from audit_samples import (
    ACCEPT,
    ALL4,
    ALL6,
    DROP,
    POLICY,
    RULE,
    SHELL,
    TCP,
    UDP,
    access,
    base,
    door,
    endpoint,
    facts,
    is_in,
    network,
    owner,
    rule,
    ruleset,
    verdict,
)
from chart_samples import NOW
from policies import policy_of
from portulan.audit.facts import Door
from portulan.audit.find import find_all, find_unjudged
from portulan.audit.wanted import wanted_of
from portulan.cli.audit import run
from portulan.cli.face import Face
from portulan.model.chart import Gap, Socket
from portulan.model.finding import Audit, Unjudged
from portulan.model.reach import Outcome, Reached, Way
from portulan.model.rule import Range, Translate
from portulan.text.voice import LANGUAGES, Voice

SCHEMA = Path(__file__).resolve().parents[2] / "docs/schema/audit.json"
DNAT = base(
    rule(is_in("tcp", "dport", 8080), Translate("dnat", "ip", Range(0xAC110002, 0xAC110002), Range(80, 80)), handle=10),
    hook="prerouting", kind="nat", family="ip", table="nat", name="DOCKER",
)  # fmt: skip
INPUT = base(
    rule(is_in("ct", "state", 2, 4), verdict(ACCEPT)), rule(is_in("tcp", "dport", 22, 9999), verdict(ACCEPT), handle=14), policy=DROP
)
BY_IPV6 = Reached(TCP, 8443, (access(v4=(), v6=ALL6), access(Outcome.DROP, v4=ALL4, v6=(), rule=POLICY), access(links=("lo",))), "everyone")
PUBLISHED = Reached(TCP, 8080, (access(way=Way.FORWARD, target="172.17.0.2:80"), access(links=("lo",))), "everyone")
EVIL = owner("evil\x1b[2J", 66, unit=None, command=("evil", "\x1b]0;x\x07"), executable="/tmp/evil\x1b[2J (deleted)")
DOORS = (
    door(22, name="sshd", service="ssh"),
    door(23, name="in.telnetd"),
    door(80, name="nginx"),
    door(443, name="sshd", assigned=("https",), wide="networks"),
    door(631, wide="this-host"),
    door(3389, wide="maybe", name="xrdp"),
    door(5432, name="postgres"),
    door(6379, owners=(owner("redis-server", 700, executable="/usr/bin/redis-server (deleted)"),), wide="networks", replaced={700: True}),
    door(8000, owners=(owner("python3", 701, unit=None, command=("python3", "-m", "http.server")),), wide="networks", parents={701: SHELL}),
    Door(TCP, 8080, (), PUBLISHED),
    Door(TCP, 8443, (endpoint(8443, "::")._replace(sockets=(Socket(1, 1, v6_only=False),)),), BY_IPV6),
    door(8888, owners=(EVIL,), wide="networks"),
    door(11211, owners=None, transport=UDP),
)
RULES = ruleset(DNAT, INPUT, base(rule(verdict(DROP)), table="legacy:filter", family="ip", name="INPUT"))
USELESS = (
    ("shadowed", RULE, {"by": "inet filter input, handle 3:  tcp dport 1-1023 drop"}),
    ("redundant", RULE._replace(handle=15), {"by": "inet filter input:  policy drop"}),
    ("shadowed", RULE._replace(handle=16, text="tcp dport 22 udp dport 53 accept"), {"field": "meta l4proto"}),
    *(("redundant", RULE._replace(handle=handle), {"by": "inet filter input, handle 30:  drop"}) for handle in (20, 21, 22, 23)),
)
WANTED = '[sources]\noffice = ["198.51.100.0/24"]\n[doors]\nhttps = "everyone"\nssh = "office"\n'


def audited(found, **more):
    return Audit(
        host="web-01", taken_at=NOW, items=find_all(found), doors=len(found.doors), source="bpf", unjudged=find_unjudged(found), authors=("docker",), **more
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _ordinary_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/portulan"])


def told(monkeypatch, answer, width=80, language="en", *, colour=False, **more):
    monkeypatch.setattr(import_module("portulan.verbs.audit"), "audit", lambda **_: answer)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
    options = {
        "policy": None, "fail_on": "warning", "ignore": [], "ignore_file": None, "list": False, "source": "auto", "all": False, "json": False, "jsonl": False, "sarif": False,
        **more,
    }  # fmt: skip
    run(argparse.Namespace(**options), face)
    talk = face.err.getvalue()
    return face.out.getvalue() + ("--- talk ---\n" + talk if talk else "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_audit(snapshot, monkeypatch, width, language):
    assert told(monkeypatch, audited(facts(*DOORS, ruleset=RULES, useless=USELESS)), width, language) == snapshot


def test_audit_in_colours(snapshot, monkeypatch):
    assert told(monkeypatch, audited(facts(*DOORS[:3], ruleset=RULES)), colour=True).replace("\x1b", "␛") == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
def test_audit_by_a_list_of_wanted_ports(snapshot, monkeypatch, language):
    by = wanted_of(policy_of(WANTED))
    assert told(monkeypatch, audited(facts(*DOORS, ruleset=RULES, wanted=by), policy="portulan.toml"), language=language) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
def test_audit_without_rights(snapshot, monkeypatch, language):
    unread = tuple(one._replace(reached=None) for one in DOORS)
    answer = audited(facts(*unread, ruleset=None), elsewhere=1, gaps=(Gap("processes.closed", {"count": 3}),))
    answer = answer._replace(unjudged=(Unjudged("rules.unread", {"code": "nft.forbidden", "needs": "CAP_NET_ADMIN"}), *answer.unjudged))
    assert told(monkeypatch, answer, language=language) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rules", ["none", "open", "ipv6"])
def test_audit_of_firewalls(snapshot, monkeypatch, rules, language):
    chosen = {
        "none": ruleset(), "open": ruleset(base(rule(is_in("icmpv6", "type", 2, 135), verdict(DROP)))), "ipv6": ruleset(base(policy=DROP, family="ip", name="INPUT")),
    }[rules]  # fmt: skip
    found = facts(
        DOORS[0], ruleset=chosen, network=network("10.0.0.4/24", "fd00::4/64") if rules == "none" else network("8.8.8.8/24", "2a00::4/64")
    )
    assert told(monkeypatch, audited(found, private=rules == "none"), language=language) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_of_ids(snapshot, monkeypatch, language):
    assert told(monkeypatch, None, 100, language, list=True) == snapshot


def test_nothing_found(snapshot, monkeypatch):
    assert told(monkeypatch, audited(facts(door(443), door(631, address="127.0.0.1", wide="this-host")))) == snapshot


def test_audit_as_json(snapshot, monkeypatch):
    answer = json.loads(told(monkeypatch, audited(facts(*DOORS, ruleset=RULES, useless=USELESS)), json=True))
    jsonschema.validate(answer, json.loads(SCHEMA.read_text("utf-8")))
    assert json.dumps(answer, indent=1, ensure_ascii=False) == snapshot


def test_audit_as_sarif(snapshot, monkeypatch):
    answer = json.loads(told(monkeypatch, audited(facts(*DOORS[:6], ruleset=RULES)), sarif=True))
    assert json.dumps(answer, indent=1, ensure_ascii=False) == snapshot
