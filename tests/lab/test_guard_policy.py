"""A policy from nothing: drafted from what really listens, checked, changed by words, and held against the kernel once it is loaded."""

import json
import socket
import sys
from contextlib import ExitStack
from datetime import datetime

import jsonschema
import pytest

from firewalls import DOCKER, load, run_all
from labs import datagrams, listen, portulan
from portulan.cli.contract import schema_of
from portulan.guard.policy.compile import compile_policy, terrain_of
from portulan.guard.policy.compile_text import permanent
from portulan.system.linux.namespaces import Place
from portulan.system.linux.network import read_network
from portulan.verbs.guard_policy import load_policy

pytestmark = [pytest.mark.lab, pytest.mark.peer]
GUARD = [sys.executable, "-m", "portulan", "guard"]
HALF = "table inet mine { chain input { type filter hook input priority 0; policy accept; iifname lo accept; tcp dport 5432 ip saddr != 198.18.0.2 drop; tcp dport 5432 meta nfproto ipv6 drop; }; }"

ODD = """
[settings]
log = "5/second burst 9"
refuse = "reject"
[sources]
"東京" = ["198.51.100.0/24", "2001:db8::/48"]
"Büro_2" = { interface = ["wg0","tun*"], networks = ["東京", "10.0.0.0/8"] }
a-b = "interface e$th&1"
c = "0.0.0.0/0"
[doors]
"80, 8000-8010/tcp" = { from = ["東京","a-b"], note = 'q"uote \\\\ } ; # drop 管理', log = true, limit = "3/day burst 1000" }
"tcp/22" = "Büro_2"
ping = ["東京", "nobody", "this-host"]
x11 = "nobody"
0-65535 = { from = "192.0.2.1", until = 2026-12-31 }
"36412/sctp" = "c"
ftp = { from = "everyone", helper = "ftp", log = true }
"69/udp" = { from = "everyone", helper = "tftp" }
5060 = { from = "everyone", helper = "sip" }
[zones]
"内" = ["eth1","br-*"]
out = "eth0"
[outgoing]
https = { to = ["東京","out"], log = true }
[forward]
"内 -> out" = { doors = ["http","dns"], masquerade = true, limit="9/second", log=true, note="n" }
"out -> 内" = "everything"
"""
"""Names, notes, limits and interfaces at the edge of what reading takes."""


@pytest.fixture
def host(sandbox, peers):
    made, world = sandbox.host("web", root=peers), sandbox.router("world")
    sandbox.link(made, world)
    run_all(made, "ip route add default via 198.18.0.2\nip -6 route add default via fd00::2")
    run_all(world, "ip address add 203.0.113.9/32 dev lo")
    made.world = world
    return made


def run(host, *words, shell=""):
    """`shell`: what stands before the command there."""
    return host.run(["sh", "-c", f'{shell} "$@"', "sh", *GUARD, *map(str, words)])


def guard(host, *words, status=0, shell=""):
    done = run(host, *words, shell=shell)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def envelope(host, name, *words, status=0):
    answer = json.loads(guard(host, *words, "--json", status=status))
    jsonschema.validate(answer, schema_of(name))
    return answer


def apply(host, file):
    """Its rules, at once and for good."""
    network = read_network(Place(host.netns_inode, host.netns_path, "web"))
    compiled = compile_policy(load_policy(str(file)), datetime.now().astimezone().date(), terrain_of(network))
    load(host, permanent(compiled))


def gets_in(host, port, sender="198.18.0.2", target="198.18.0.1"):
    """Whether a connection from there is taken."""
    with host.world.enter():
        one = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET)
    with one:
        one.settimeout(0.3)
        try:
            one.bind((sender, 0))
            one.connect((target, port))
        except OSError:
            return False
        return True


def test_a_draft_leaves_open_what_was_open(host, tmp_path):
    file = tmp_path / "portulan.toml"
    load(host, HALF)
    with ExitStack() as held:
        for port in (22, 80, 5432):
            held.enter_context(listen(host, port=port))
        held.enter_context(listen(host, "127.0.0.1", 6379))
        held.enter_context(datagrams(host, port=53))
        held.enter_context(datagrams(host, port=40_123))
        answer = envelope(host, "guard-init", "init", "--policy", file)
        doors = {door["key"]: tuple(door["senders"]) for door in answer["items"][0]["doors"]}
        assert doors == {"ssh": ("everyone",), "http": ("everyone",), "postgresql": ("198.18.0.2",), "53/udp": ("everyone",)}
        assert {one["port"]: one["why"] for one in answer["items"][0]["left_out"]} == {"6379/tcp": "this-host", "40123/udp": "client"}
        before = [(port, sender, gets_in(host, port, sender)) for port in (22, 80, 5432, 8080) for sender in ("198.18.0.2", "203.0.113.9")]
        assert [each[2] for each in before] == [True, True, True, True, True, False, False, False]
        guard(host, "init", "--policy", file, status=2)
        apply(host, file)
        assert [(port, sender, gets_in(host, port, sender)) for port, sender, _ in before] == before
        checked = envelope(host, "guard-check", "check", "--policy", file)
        assert not checked["doubts"]
        assert [line["text"] for line in checked["items"]] == list(doors)
        assert guard(host, "plan", "--policy", file).startswith("Nothing would change")


def test_a_draft_knows_published_ports(host, tmp_path):
    file = tmp_path / "portulan.toml"
    run_all(
        host,
        "ip link add docker0 type bridge\nip addr add 172.17.0.1/16 dev docker0\nip link set docker0 up\nsysctl -q net.ipv4.ip_forward=1",
    )
    run_all(host, DOCKER)
    answer = envelope(host, "guard-init", "init", "--policy", file)
    published = [door for door in answer["items"][0]["doors"] if door["remark"] == "published"]
    assert published
    assert '# ping = "everyone"' in file.read_text()  # there are rules: what they do with an echo was not judged
    plan = json.loads(guard(host, "plan", "--policy", file, "--json", status=1))
    rows = {row["ports"]: row for row in plan["items"]}
    assert [door["key"] for door in published] == ["8080/tcp"]
    assert rows["8080/tcp"]["before"] == rows["8080/tcp"]["after"] != []
    assert rows["8080/udp"]["after"] == []


def test_an_ordinary_user(host, tmp_path):
    file = tmp_path / "portulan.toml"
    file.write_text('[doors]\nssh = "everyone"\n')
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    with listen(host, port=22):
        done = portulan(host, "guard", "check", "--policy", file, user=65534)
        assert (done.returncode, done.stdout.count("ssh")) == (0, 1), done.stderr
        done = portulan(host, "guard", "open", "http", "--policy", file, user=65534)
        assert (done.returncode, "may not" in done.stderr or "denied" in done.stderr) == (2, True), done.stderr
        done = portulan(host, "guard", "init", user=65534)
        assert done.returncode == 2, done.stdout + done.stderr
        done = portulan(host, "guard", "init", "--print", user=65534)
        assert 'ssh = "everyone"' in done.stdout, done.stderr
    assert file.read_text() == '[doors]\nssh = "everyone"\n'


def test_doors_by_words(host, tmp_path):
    file = tmp_path / "portulan.toml"
    file.write_text('# ours\n[doors]\nssh = "everyone"   # the last way in\n')
    file.chmod(0o640)
    with listen(host, port=22), listen(host, port=8005), listen(host, port=8006), listen(host, "::", 9000):
        apply(host, file)
        assert [gets_in(host, port) for port in (22, 8005, 8006)] == [True, False, False]
        assert "8000-8010/tcp" in guard(host, "open", "8000-8010/tcp", "--to", "198.18.0.0/24", "--policy", file)
        edited = envelope(host, "guard-edit", "open", "9000/tcp", "--to", "fd00::/64", "--note", "six", "--policy", file)
        assert edited["items"][0]["added"] == ['"9000/tcp" = { from = "fd00::/64", note = "six" }']
        guard(host, "close", "8006/tcp", "--policy", file)
        apply(host, file)
        assert [gets_in(host, port) for port in (22, 8005, 8006)] == [True, True, False]
        assert not gets_in(host, 8005, "203.0.113.9")
        assert gets_in(host, 9000, "fd00::2", "fd00::1")
        assert not gets_in(host, 9000)
        shown = guard(host, "close", "ssh", "--dry-run", "--policy", file)
        assert '- ssh = "everyone"   # the last way in' in shown
        assert file.read_text() == (
            '# ours\n[doors]\nssh = "everyone"   # the last way in\n"8000-8005,8007-8010/tcp" = "198.18.0.0/24"\n"9000/tcp" = { from = "fd00::/64", note = "six" }\n'
        )
        assert file.stat().st_mode & 0o777 == 0o640


def test_the_login_that_would_be_shut_out(host, tmp_path):
    file = tmp_path / "portulan.toml"
    file.write_text('[sources]\noffice = "192.0.2.0/24"\n[doors]\nssh = "office"\n')
    session = {"shell": "SSH_CONNECTION='198.18.0.2 40000 198.18.0.1 22'"}
    with listen(host, port=22):
        answer = guard(host, "check", "--policy", file, status=1, **session)
        assert "198.18.0.2" in answer
        guard(host, "open", "ssh", "--to", "198.18.0.0/30", "--policy", file, **session)
        guard(host, "check", "--policy", file, **session)


def test_a_file_that_somebody_else_may_have_put_there(host, tmp_path):
    (tmp_path / "portulan.toml").write_text('[doors]\nssh = "everyone"\n')
    tmp_path.chmod(0o777)
    done = run(host, "check", shell=f"cd {tmp_path};")
    assert done.returncode == 3
    assert "--policy portulan.toml" in done.stderr
    guard(host, "check", "--policy", "portulan.toml", "--file-only", shell=f"cd {tmp_path};")
    tmp_path.chmod(0o755)
    guard(host, "check", "--file-only", shell=f"cd {tmp_path};")


def test_what_reading_takes_the_kernel_takes(host, tmp_path):
    file = tmp_path / "portulan.toml"
    file.write_text(ODD)
    apply(host, file)
    listed = host.run(["nft", "list", "table", "inet", "portulan"]).stdout
    for words in ('iifname "e$th&1"', 'iifname "tun*"', "limit rate over 3/day burst 1000 packets", "管理"):
        assert words in listed
