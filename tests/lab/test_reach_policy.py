"""What would be with a policy that is not applied, told before it is, and true after it."""

import json
import sys
from datetime import datetime

import pytest

from firewalls import load, run_all
from labs import listen
from portulan.guard.policy.compile import compile_policy, terrain_of
from portulan.guard.policy.compile_text import permanent
from portulan.system.linux.namespaces import Place
from portulan.system.linux.network import read_network
from portulan.verbs.guard_policy import load_policy

pytestmark = [pytest.mark.lab, pytest.mark.peer]
TODAY = datetime.now().astimezone().date()
PORTULAN = [sys.executable, "-m", "portulan"]
POLICY = """
[sources]
office = ["198.18.0.2", "fd00::2"]
[doors]
https = "everyone"
ssh = { from = "office", note = "keys only" }
"8000-8010/tcp" = "this-host"
"9000/tcp" = { from = "office", limit = "3/minute" }
"""
OTHERS = "table inet other { chain c { type filter hook input priority 5; policy accept; tcp dport 443 ip saddr 198.18.0.9 drop; }; }"


@pytest.fixture
def host(sandbox, peers, tmp_path):
    made, world = sandbox.host("web", root=peers), sandbox.router("world")
    sandbox.link(made, world)
    run_all(made, "ip route add default via 198.18.0.2\nip -6 route add default via fd00::2")
    (tmp_path / "portulan.toml").write_text(POLICY)
    return made


def told(host, *words, status=0):
    done = host.run([*PORTULAN, "reach", *words, "--json"])
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)["items"]


def test_before_and_after(host, tmp_path):
    file = str(tmp_path / "portulan.toml")
    load(host, OTHERS)
    before = told(host, "--matrix")
    open_now = told(host, "--matrix", "--policy", file)
    assert before != open_now
    packet = host.run([*PORTULAN, "reach", "22/tcp", "--from", "198.18.0.3", "--policy", file])
    assert packet.returncode == 1
    assert "dropped" in packet.stdout
    assert "As it would be if" in packet.stderr
    network = read_network(Place(host.netns_inode, host.netns_path))
    load(host, permanent(compile_policy(load_policy(file), TODAY, terrain_of(network))))
    assert told(host, "--matrix") == open_now
    # Applied, it may be supposed again: it takes the place of itself.
    assert told(host, "--matrix", "--policy", file) == open_now


def test_doors(host, tmp_path):
    file = str(tmp_path / "portulan.toml")
    load(host, OTHERS)
    with listen(host, port=22), listen(host, port=443), listen(host, port=9000), listen(host, port=8001):
        found = told(host, "--policy", file)
    verdicts = {(item["port"], item["source"], item["verdict"]) for item in found if item["links"] != ["lo"]}
    assert (22, "networks", "accept") in verdicts
    assert (8001, "everyone", "drop") in verdicts
    assert (9000, "networks", "maybe") in verdicts
    assert (443, "networks", "drop") in verdicts, "the other table's rule stays"


def test_it_is_for_this_namespace_only(host, tmp_path):
    done = host.run([*PORTULAN, "reach", "--matrix", "--policy", str(tmp_path / "portulan.toml"), "--netns", "net:[1]"])
    assert done.returncode == 2
    assert "this network namespace only" in done.stderr


def test_a_policy_that_is_not_there_is_all_that_is_said(sandbox):
    done = sandbox.host("bare").run([*PORTULAN, "reach", "--policy", "/nowhere.toml", "--lang", "en"])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("portulan: there is no policy file /nowhere.toml.")
