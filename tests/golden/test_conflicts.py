"""What a person and a program see of conflicts: change these only with open eyes."""

import argparse
import io
import json
import os
import sys
from importlib import import_module
from pathlib import Path

import jsonschema
import pytest

from chart_samples import GAPS, NOW, SOCKETS, chart
from declared_files import desk_of
from portulan.cli.conflicts import run
from portulan.cli.face import Face
from portulan.host.collisions import Surroundings, find_collisions
from portulan.host.declared.kinds import kind_of
from portulan.host.declared.reading import read_files, read_machine
from portulan.model.declared import Conflicts
from portulan.text.voice import LANGUAGES, Voice

SCHEMA = Path(__file__).resolve().parents[2] / "docs/schema/conflicts.json"
UNITS = "/lib/systemd/system"
FILES = {
    "/etc/nginx/nginx.conf": "http {\n  server { listen 80; listen 8443; }\n  include sites/*;\n  server { listen $port; }\n}\n",
    "/etc/nginx/sites/shop": "server {\n  listen [::]:8080;\n  listen [::]:443 ipv6only=off; listen 443;\n}\n",
    "/etc/apache2/apache2.conf": "Include ports.conf\n",
    "/etc/apache2/ports.conf": "Listen 80\nListen 8080\n",
    "/etc/lighttpd/lighttpd.conf": 'server.port = 80\ninclude_shell "ports.sh"\n',
    "/etc/redis/redis.conf": None,
    f"{UNITS}/nginx.service": "[Install]\nWantedBy=multi-user.target\n",
    f"{UNITS}/apache2.service": "[Install]\nWantedBy=multi-user.target\n",
    f"{UNITS}/lighttpd.service": "[Install]\nWantedBy=multi-user.target\n",
    f"{UNITS}/metrics.service": "[Service]\nUser=www-data\nEnvironment=PORT=443\nExecStart=/usr/bin/metrics\n",
    f"{UNITS}/evil.socket": "[Socket]\nListenStream=127.0.0.1:9999\nListenStream=\x1b[2Jevil\n",
    "/home/ann/my site/.env": "PORT=40000\nDB_PORT=5432\n",
    "/home/ann/my site/compose.yaml": "services:\n  web:\n    ports: ['8000:8000', '${X}:1']\n  db:\n    ports: ['5432:5432']\n",
    "/home/ann/other/.env": "PORT=40000\n",
}
LINKS = {f"/etc/systemd/system/multi-user.target.wants/{name}.service": f"{UNITS}/{name}.service" for name in ("nginx", "apache2")}


def sample(live=True):
    desk = desk_of(FILES, links=LINKS)
    read_machine(desk, ("/etc/systemd/system", UNITS))
    read_files([(path, kind) for path in sorted(FILES) if path.startswith("/home") and (kind := kind_of(path))], desk)
    around = Surroundings(ephemeral=(32768, 60999), user="ann")
    items = find_collisions(desk.declared, chart(SOCKETS, one_namespace=True).items if live else (), around)
    return Conflicts(
        "web-01", NOW, items, tuple(desk.declared), tuple(desk.opened), tuple(desk.problems), GAPS if live else (), (32768, 60999)
    )


@pytest.fixture(autouse=True)
def _ordinary_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getcwd", lambda: "/home/ann")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/portulan"])


def told(monkeypatch, answer, width, language="en", *, status=1, colour=False, **more):
    monkeypatch.setattr(import_module("portulan.verbs.conflicts"), "conflicts", lambda *_, **__: answer)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
    options = argparse.Namespace(**{"path": [], "kind": None, "not_running": False, "source": "auto", "all": False, "json": False, **more})
    assert run(options, face) == status
    talk = face.err.getvalue()
    return face.out.getvalue() + ("--- talk ---\n" + talk if talk else "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_conflicts(snapshot, monkeypatch, width, language):
    assert told(monkeypatch, sample(), width, language) == snapshot


@pytest.mark.parametrize("width", [80, 132])
def test_conflicts_all(snapshot, monkeypatch, width):
    assert told(monkeypatch, sample(live=False), width, all=True) == snapshot


def test_conflicts_in_colours(snapshot, monkeypatch):
    assert told(monkeypatch, sample(live=False), 80, colour=True).replace("\x1b", "␛") == snapshot


def test_nothing_collides(snapshot, monkeypatch):
    answer = sample()._replace(items=(), problems=(), gaps=())
    assert told(monkeypatch, answer, 80, status=0) == snapshot


def test_nothing_is_declared(snapshot, monkeypatch):
    answer = sample()._replace(items=(), problems=(), gaps=(), declared=())
    assert told(monkeypatch, answer, 80, status=0) == snapshot


def test_conflicts_with_unseen_holders(snapshot, monkeypatch):
    answer = sample()
    unseen = tuple(one._replace(code="running.unseen") for one in answer.items if one.code == "running.taken")[:1]
    assert told(monkeypatch, answer._replace(items=unseen, problems=()), 80, status=1) == snapshot


def test_conflicts_as_json(snapshot, monkeypatch):
    answer = json.loads(told(monkeypatch, sample(), 80, json=True))
    jsonschema.validate(answer, json.loads(SCHEMA.read_text("utf-8")))
    assert answer["complete"] is False
    assert json.dumps(answer, indent=1, ensure_ascii=False) == snapshot
