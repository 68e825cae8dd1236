"""What a policy would change, told beforehand on a host with real listeners, sessions and other programs' rules; and true after it was applied."""

import json
import socket
import sys
from datetime import datetime

import jsonschema
import pytest

from firewalls import DOCKER, load, run_all
from labs import listen
from portulan.cli.contract import schema_of
from portulan.guard.policy.compile import compile_policy, terrain_of
from portulan.guard.policy.compile_text import permanent
from portulan.system.linux.namespaces import Place
from portulan.system.linux.network import read_network
from portulan.verbs.guard_policy import load_policy

pytestmark = [pytest.mark.lab, pytest.mark.peer]
TODAY = datetime.now().astimezone().date()
GUARD = [sys.executable, "-m", "portulan", "guard"]
POLICY = """
[sources]
office = ["198.18.0.0/25", "fd00::/64"]
[doors]
https = "everyone"
ssh = { from = "office", note = "keys only" }
"9000-9001/tcp" = { from = "office", limit = "3/minute" }
"8080/tcp" = "nobody"
"""


@pytest.fixture
def host(sandbox, peers, tmp_path):
    made, world = sandbox.host("web", root=peers), sandbox.router("world")
    sandbox.link(made, world)
    run_all(made, "ip route add default via 198.18.0.2\nip -6 route add default via fd00::2")
    (tmp_path / "portulan.toml").write_text(POLICY)
    made.world = world
    return made


def planned(host, file, status=1):
    done = host.run([*GUARD, "plan", "--policy", str(file), "--json"])
    assert done.returncode == status, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, schema_of("guard-plan"))
    return answer


def test_a_fresh_host(host, tmp_path):
    file = tmp_path / "portulan.toml"
    with listen(host, port=22), listen(host, port=3389) as desktop:
        with host.world.enter():
            guest = socket.create_connection(("198.18.0.1", 3389))
        taken, _ = desktop.accept()
        with guest, taken:
            answer = planned(host, file)
            said = host.run([*GUARD, "plan", "--policy", str(file)])
            japanese = host.run([*GUARD, "plan", "--policy", str(file), "--lang", "ja"])
    rows = {row["ports"]: row for row in answer["items"]}
    everyone = [{"kind": "everyone", "networks": [], "but": [], "version": None, "links": []}]
    assert rows["3389/tcp"]["before"] == everyone
    assert rows["3389/tcp"]["after"] == []
    assert rows["443/tcp 443/udp"]["before"] == rows["443/tcp 443/udp"]["after"] == everyone
    assert rows["22/tcp"]["senders"] == ["office"]
    assert rows["22/tcp"]["after"][0]["networks"] == ["198.18.0.0/25", "fd00::/64"]
    assert rows["9000-9001/tcp"]["after"] == []
    assert rows["9000-9001/tcp"]["after_perhaps"]
    (others,) = (row for row in answer["items"] if row["others"])
    # All but 22, 443 twice, 3389, 8080, 9000, 9001, and those that DHCP answers on.
    assert others["number"] == 131_072 - 7 - 2
    assert others["before"] == everyone
    assert answer["sessions"] == [
        {"transport": "tcp", "port": 3389, "peer": "198.18.0.2", "peer_port": answer["sessions"][0]["peer_port"], "way": "in", "to": ""}
    ]
    assert "3389/tcp" in said.stdout
    assert "1 session open now (198.18.0.2)" in said.stdout
    assert "portulan guard apply" in said.stdout
    assert "everyone" not in japanese.stdout


def test_nothing_left_to_do(host, tmp_path):
    file = tmp_path / "portulan.toml"
    network = read_network(Place(host.netns_inode, host.netns_path))
    load(host, permanent(compile_policy(load_policy(str(file)), TODAY, terrain_of(network))))
    answer = planned(host, file, status=0)
    assert answer["hash"] == answer["running"]
    assert not any(row["before"] != row["after"] or row["before_perhaps"] != row["after_perhaps"] for row in answer["items"])
    assert "in force" in host.run([*GUARD, "plan", "--policy", str(file)]).stdout
    # A note changes nothing; a line more does.
    file.write_text(POLICY.replace("keys only", "keys") + '"1234/udp" = "everyone"\n')
    rows = [row for row in planned(host, file)["items"] if row["before"] != row["after"]]
    assert [(row["ports"], row["before"]) for row in rows] == [("1234/udp", [])]


def test_other_programs_have_their_say(host, tmp_path):
    host.set("net.ipv4.ip_forward", 1)
    run_all(host, DOCKER)
    load(host, "table inet other { chain c { type filter hook input priority 5; policy accept; tcp dport 443 drop; }; }")
    answer = planned(host, tmp_path / "portulan.toml")
    rows = {row["ports"]: row for row in answer["items"]}
    assert rows["443/tcp"]["after"] == []
    assert rows["443/udp"]["after"]
    codes = {remark["code"]: remark["subject"] for remark in answer["remarks"]}
    assert codes["others"]
    assert codes["strangers"] == "eth0"
