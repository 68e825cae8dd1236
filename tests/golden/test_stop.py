"""What a person sees of stop: change these only with open eyes."""

import argparse
import io
import json
import os
import sys
from importlib import import_module

import pytest

from chart_samples import GAPS, PROCESSES, who
from portulan.cli.face import Face
from portulan.cli.stop import run
from portulan.host.stopping import plan_stop
from portulan.model.chart import Ownership, State
from portulan.model.stop import Me, Outcome, Refusal, StepKind, Verdict
from portulan.text.stop import REFUSALS
from portulan.text.voice import LANGUAGES, Voice

ME = Me(pid=9_000, uid=1000, ancestors=(8_000, 1))
OPTIONS = {
    "yes": True, "dry_run": False, "wait": "10", "no_kill": False, "direct": False, "connections": False, "netns": None, "source": "auto", "json": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _ordinary_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/portulan"])


def told(monkeypatch, answer, width=80, language="en", **more):
    """What the command says of an answer, both streams, and its exit status."""
    monkeypatch.setattr(import_module("portulan.verbs.stop"), "stop", lambda *_, **__: answer)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width)
    status = run(argparse.Namespace(port=str(answer.who.port), **{**OPTIONS, **more}), face)
    talk = face.err.getvalue()
    return face.out.getvalue() + ("--- talk ---\n" + talk if talk else "") + f"--- {status} ---\n"


def plan(port, me=ME, **more):
    return plan_stop(who(port), me, wait_s=10, **more)


def done(port, verdict=Verdict.FREED, outcome=Outcome.ENDED, left=(), **more):
    """A plan as if it had been carried out."""
    made = plan(port, **more)
    steps = tuple(step._replace(status=0) for step in made.steps if outcome is Outcome.KILLED or step.kind is not StepKind.KILL)
    targets = tuple(target._replace(outcome=outcome) for target in made.targets)
    return made._replace(verdict=verdict, targets=targets, steps=steps, took_s=0.214, left=left)


PLANS = (
    plan(80), plan(8000, also_holds={2001: ("8001/tcp", "8002/udp")})._replace(connections=1_041), plan(8080), plan(631), plan(80, direct=True),
    plan(8000, kill=False), plan(6666),
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_plans(snapshot, monkeypatch, width, language):
    assert "\n".join(told(monkeypatch, one, width, language) for one in PLANS) == snapshot


def answers():
    closing = who(5000).items
    yield done(80)
    yield done(8000)
    yield done(8000, outcome=Outcome.KILLED)
    yield done(8000, outcome=Outcome.LET_GO)
    yield done(8000, left=closing)
    late = done(8000, left=who(40000).items)
    yield late._replace(who=late.who._replace(items=tuple(item._replace(sockets=()) for item in late.who.items)))
    yield done(8000, Verdict.STILL_HELD, Outcome.ALIVE, left=who(8000).items)
    yield done(8000, Verdict.STILL_HELD, Outcome.ALIVE, left=who(8000).items, kill=False)
    yield done(80, Verdict.STILL_HELD, left=who(8000).items, direct=True)
    yield done(8000, Verdict.STILL_HELD, left=who(3389).items)
    yield done(80, Verdict.CAME_BACK, left=who(80).items, direct=True)
    failed = done(80, Verdict.FAILED, Outcome.ALIVE)
    yield failed._replace(steps=(failed.steps[0]._replace(status=5, detail="Failed to stop nginx.service:\n Access denied\x1b[2J"),))
    yield plan(1)
    yield plan(5000)
    yield plan(40000)
    yield plan(1, elsewhere=("blue", "net:[7]"))
    yield plan(3389)._replace(who=who(3389, gaps=GAPS[:1]))
    yield plan(9999)
    yield plan(80)._replace(verdict=Verdict.DECLINED)
    yield plan(80)._replace(verdict=Verdict.NO_TERMINAL)
    yield plan(8000)._replace(verdict=Verdict.CHANGED)


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers(snapshot, monkeypatch, language):
    assert "\n".join(told(monkeypatch, one, language=language) for one in answers()) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals(snapshot, monkeypatch, language):
    texts = []
    for code in REFUSALS:
        refusal = Refusal(
            code, "vxlan vx0" if code == "stop.kernel" else "nginx.service" if code == "stop.own-unit" else "nginx", 812, "a command"
        )
        verdict = Verdict.NOT_PERMITTED if code == "stop.not-permitted" else Verdict.REFUSED
        texts.append(told(monkeypatch, plan(80)._replace(verdict=verdict, refusals=(refusal,)), language=language))
    assert "\n".join(texts) == snapshot


def test_as_json(snapshot, monkeypatch):
    text = told(monkeypatch, done(80), json=True).partition("--- 0 ---")[0]
    assert json.dumps(json.loads(text), indent=1, ensure_ascii=False) == snapshot


def test_the_samples_hold_what_is_told():
    assert {answer.verdict for answer in [*answers(), *PLANS]} >= set(Verdict) - {Verdict.REFUSED}
    assert PROCESSES[812].name == "nginx"
    assert {item.state for item in who(5000).items} == {State.TIME_WAIT}
    assert {item.ownership for item in who(9999).items} == {Ownership.HIDDEN}
