"""The audit of real hosts: real listeners, real firewalls, real programs whose files go, a real sshd; and the kernel as judge of what it says."""

import json
import shutil
import subprocess
import sys

import jsonschema
import pytest

from firewalls import DOCKER, UFW, load, run_all, start_firewalld
from labs import listen, portulan, wait_for
from sarif_schema import SCHEMA

pytestmark = [pytest.mark.lab, pytest.mark.peer]
LISTENERS = """
import socket, sys, time
held = []
for port in map(int, sys.argv[1:]):
    one = socket.socket(socket.AF_INET6); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("::", port)); one.listen(); held.append(one)
time.sleep(600)
"""


@pytest.fixture
def host(sandbox, peers):
    """A host with a way to everyone."""
    made, client = sandbox.host("web-01", root=peers), sandbox.host("client")
    sandbox.link(made, client)
    for words in (
        ("ip", "route", "add", "default", "via", client.address),
        ("ip", "-6", "route", "add", "default", "via", client.address6),
    ):
        assert made.run(list(words)).returncode == 0
    made.client = client
    return made


def serve(host, *ports):
    # By a shell, as a person does: however the tests themselves were started.
    process = host.start(["bash", "-c", '"$@"; :', "bash", sys.executable, "-c", LISTENERS, *map(str, ports)])
    for port in ports:
        host.wait_for_port(port)
    return process


def audited(host, *words, status=None, **more):
    """The envelope, and its findings by key."""
    done = portulan(host, "audit", "--json", *words, **more)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    if status is not None:
        assert done.returncode == status, (done.returncode, answer["missing"], done.stderr)
    return answer, {f"{one['id']}:{one['subject']['port']}" if one["subject"]["port"] else one["id"]: one for one in answer["items"]}


def test_a_host_without_a_firewall(host):
    serve(host, 22, 80, 3389, 5432)
    answer, found = audited(host, status=1)
    assert {
        "open.remote-desktop:3389",
        "open.database:5432",
        "cleartext.http:80",
        "ssh.famous-port:22",
        "firewall.none",
        "process.by-hand:22",
    } == set(found)
    assert answer["private"] is True
    assert answer["doors"] == 4
    assert all(one["doubt"] is None for one in answer["items"])
    assert found["open.database:5432"]["evidence"][1]["code"] == "let-in.no-rule"


def test_ufw_and_a_published_container(host):
    serve(host, 22, 80, 5432, 8443)
    run_all(host, UFW + DOCKER)
    run_all(
        host,
        """
        ip link add docker0 type bridge
        ip addr add 172.17.0.1/16 dev docker0
        ip link set docker0 up
        echo 1 > /proc/sys/net/ipv4/ip_forward
        """,
    )
    answer, found = audited(host, status=1)
    assert answer["authors"] == ["ufw", "docker"]
    past = found["published.past-firewall:8080"]
    assert past["facts"]["target"] == "172.17.0.2:80"
    assert past["level"] == "error"
    assert not {"firewall.none", "firewall.default-accept", "icmp6.blocked", "open.database:5432", "ipv6.default-accept"} & set(found)
    assert found["door.unreached:8443"]["facts"]["wide"] == "this-host"
    assert found["ssh.famous-port:22"]["fixes"][2]["command"] == "ufw allow $PORT/tcp"
    let_in = [one["facts"]["text"] for one in found["ssh.famous-port:22"]["evidence"] if one["code"] == "let-in"]
    assert let_in == ["tcp dport 22 accept"] * 2  # not the rules by which the answers leave
    assert "rule.nobody-listens:6000" in found
    done = portulan(host, "audit", "--sarif")
    jsonschema.validators.validator_for(SCHEMA)(SCHEMA).validate(json.loads(done.stdout))


def test_ufw_off_by_default_lets_in(host):
    serve(host, 443)
    run_all(host, "ufw --force enable\nufw default allow incoming")
    _, found = audited(host, status=1)
    assert found["firewall.default-accept"]["fixes"][0]["command"] == "ufw default deny incoming"


def test_rules_for_ipv4_alone(host):
    serve(host, 8443)
    load(host, "table ip f { chain in { type filter hook input priority 0; policy drop; iif lo accept; }; }")
    _, found = audited(host, status=1)
    assert found["ipv6.default-accept"]["level"] == "error"
    connect = "import socket, sys; socket.create_connection((sys.argv[1], 8443), 3)"
    reached = [host.client.run([sys.executable, "-c", connect, address]).returncode == 0 for address in (host.address, host.address6)]
    assert reached == [False, True]  # the kernel says so too


NEEDED = "table ip6 f { chain in { type filter hook input priority 0; policy drop; ct state established,related accept; %s accept; }; }"


@pytest.mark.parametrize(
    ("accepted", "neighbours"),
    [
        ("icmpv6 type { 133, 134, 135, 136 }", True),
        ("icmpv6 type { 133, 134, 136 }", False),
        ("icmpv6 type { 128, 133, 134 }", False),
        ("ct state untracked", True),  # what connection tracking calls neighbour discovery
        ("ct state new", False),
        ("icmpv6 type { 134, 135, 136 } ip6 hoplimit 255", True),
        ("icmpv6 type { 134, 135, 136 } ip6 hoplimit 64", False),
    ],
)
def test_neighbour_discovery_as_the_kernel_does_it(host, accepted, neighbours):
    load(host, NEEDED % accepted)
    run_all(host, "ip -6 neigh flush all || true")
    _, found = audited(host, "--fail-on", "never", status=0)
    assert ("icmp6.blocked" in found) is not neighbours
    ask = "import socket, sys; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b'x', (sys.argv[1], 9))"
    host.client.run([sys.executable, "-c", ask, host.address6])

    def known():
        state = host.client.run(["ip", "-6", "neigh", "show", host.address6]).stdout
        return None if "INCOMPLETE" in state else "lladdr" in state

    assert wait_for(known, neighbours) is neighbours


def test_firewalld(host):
    serve(host, 22, 5432, 8443)
    start_firewalld(host, "nftables")
    run_all(host, "firewall-cmd --add-port=5432/tcp")
    answer, found = audited(host, status=1)
    assert answer["authors"] == ["firewalld"]
    assert not {"firewall.none", "firewall.default-accept", "icmp6.blocked", "ipv6.default-accept"} & set(found)
    assert found["open.database:5432"]["fixes"][0]["command"].startswith("firewall-cmd --permanent --add-rich-rule")
    assert found["door.unreached:8443"]["facts"]["wide"] == "this-host"
    # The command that is told does what it says, and stays so when firewalld reads its files again.
    run_all(host, "firewall-cmd --permanent --add-port=5432/tcp\n" + found["open.database:5432"]["fixes"][0]["command"])
    _, found = audited(host)
    assert "open.database:5432" not in found


def test_legacy_beside_nft(host):
    if host.run(["iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP"]).returncode:
        pytest.skip("this kernel has no iptables-legacy")
    load(host, "table inet f { chain in { type filter hook input priority 0; tcp dport 22 accept; }; }")
    _, found = audited(host)
    assert found["firewall.two"]["evidence"][0]["facts"] == {"legacy": "ip filter", "nft": "inet f"}


@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_a_program_whose_file_goes(host, tmp_path, how):
    own = tmp_path / "keeper"
    shutil.copy("/bin/sleep", own)
    held = listen(host, "0.0.0.0", 8099)
    process = host.start([str(own), "600"], pass_fds=[held.fileno()])
    held.close()
    host.wait_for_port(8099)
    own.unlink()
    if how == "replaced":
        own.write_bytes(b"new")
    _, found = audited(host)
    old = found["process.old-program:8099"]
    assert old["evidence"][0] == {"code": f"program.{how}", "facts": {"path": str(own), "pids": str(process.pid)}}
    assert {"code": "stop-and-start", "command": f"kill {process.pid}"} in old["fixes"]


def test_a_real_sshd_on_the_webs_port(host, tmp_path):
    key = str(tmp_path / "host_key")
    run_all(host, f"mkdir -p /run/sshd\nssh-keygen -q -t ed25519 -N '' -f {key}")
    null = subprocess.DEVNULL
    host.start(["/usr/sbin/sshd", "-D", "-f", "/dev/null", "-h", key, "-p", "443", "-p", "22"], stdout=null, stderr=null)
    host.wait_for_port(443)
    _, found = audited(host)
    assert found["port.foreign:443"]["facts"]["name"] == "sshd"
    assert found["ssh.famous-port:22"]["level"] == "info"
    assert not [key for key in found if key.startswith("port.foreign") and key != "port.foreign:443"]


def test_an_ordinary_user_is_told_what_was_not_judged(host):
    serve(host, 5432, 443)
    run_all(host, UFW)
    answer, found = audited(host, user=65534, status=3)
    assert answer["complete"] is False
    assert found["open.database:5432"]["doubt"] == "unread"
    assert answer["unjudged"][0]["facts"]["code"] == "nft.forbidden"
    done = portulan(host, "audit", "--fail-on", "error", user=65534)
    assert "may be able to reach 5432/tcp" in done.stdout
    assert "CAP_NET_ADMIN" in done.stderr
    clean, found = audited(host, "--ignore", "open.database", user=65534, status=3)  # nothing left, and still no clean pass
    assert [one["ignored"] for one in clean["items"] if one["id"] == "open.database"] == ["--ignore"]


def test_wanted_ports_and_ignores(host, tmp_path):
    serve(host, 443, 8443, 5432)
    run_all(host, "ufw --force enable\nufw allow 443/tcp\nufw allow 8443/tcp\nufw allow 5432/tcp")
    policy, ignores = tmp_path / "p.toml", tmp_path / "i.toml"
    policy.write_text('[doors]\nhttps = "everyone"\npostgresql = "10.0.0.0/8"\n')
    _, found = audited(host, "--policy", str(policy), status=1)
    assert found["open.unwanted:8443"]["fixes"][0]["command"] == "ufw deny 8443/tcp"
    assert found["open.wider:5432"]["evidence"][-1]["facts"]["line"] == 3
    assert "open.unwanted:443" not in found
    ids = ("open.unwanted:8443/tcp", "open.wider", "process.by-hand", "open.cache")
    ignores.write_text("".join(f'[[ignore]]\nid = "{each}"\nreason = "this is a test"\n' for each in ids))
    answer, _ = audited(host, "--policy", str(policy), "--ignore-file", str(ignores), status=0)
    assert [one["id"] for one in answer["unused"]] == ["open.cache"]
    ignores.write_text('[[ignore]]\nid = "open.cache"\n')
    done = portulan(host, "audit", "--ignore-file", str(ignores))
    assert (done.returncode, f"{ignores}, line 1: the ignore of open.cache has no reason" in done.stderr) == (2, True)
    done = portulan(host, "audit", "--policy", str(tmp_path / "none.toml"))
    assert (done.returncode, "there is no policy file" in done.stderr) == (2, True)
    policy.chmod(0o600)
    done = portulan(host, "audit", "--policy", str(policy), user=65534)
    assert (done.returncode, "may not be read" in done.stderr) == (3, True)


RULES = {
    "nft": "nft 'table inet f { chain in { type filter hook input priority 0; tcp dport 9 drop; }; }'",
    "iptables": "iptables -A INPUT -p tcp --dport 9 -j DROP\nip6tables -A INPUT -p tcp --dport 9 -j DROP",
    "ufw": "ufw --force enable\nufw allow 22/tcp\nufw allow 443/tcp\nufw allow 5432/tcp\nufw default allow incoming",
}


@pytest.mark.parametrize("maker", RULES)
def test_the_ways_out_do_what_they_say(host, maker):
    serve(host, 22, 443, 5432)
    run_all(host, RULES[maker])
    _, found = audited(host, status=1)
    assert {"firewall.default-accept", "open.database:5432"} <= set(found)
    run_all(host, found["open.database:5432"]["fixes"][0]["command"])
    _, found = audited(host)
    assert "open.database:5432" not in found
    for _ in range(2):  # iptables has a half for each IP version
        if "firewall.default-accept" in found or "ipv6.default-accept" in found:
            key = "firewall.default-accept" if "firewall.default-accept" in found else "ipv6.default-accept"
            run_all(host, found[key]["fixes"][0]["command"])
            _, found = audited(host)
    assert not {"firewall.default-accept", "ipv6.default-accept", "icmp6.blocked"} & set(found)
    connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
    for port, reached in ((22, True), (443, True), (5432, False)):
        for address in (host.address, host.address6):
            assert (host.client.run([sys.executable, "-c", connect, address, str(port)]).returncode == 0) is reached, (port, address)


def test_the_way_out_of_a_published_port(host):
    run_all(host, UFW + DOCKER)
    run_all(
        host,
        "ip link add docker0 type bridge\nip addr add 172.17.0.1/16 dev docker0\nip link set docker0 up\necho 1 > /proc/sys/net/ipv4/ip_forward",
    )
    _, found = audited(host, status=1)
    run_all(host, found["published.past-firewall:8080"]["fixes"][1]["command"])
    _, found = audited(host)
    assert "published.past-firewall:8080" not in found


def test_rules_to_no_effect_are_told_with_those_that_decide_instead(host):
    load(
        host,
        """table inet filter {
            chain input {
                type filter hook input priority 0; policy drop;
                tcp dport 1-1023 accept
                ip saddr 203.0.113.0/24 tcp dport 22 drop
                udp dport 53 drop
                oifname "eth0" accept
            }
        }""",
    )
    answer, _ = audited(host)
    told = {
        one["facts"]["text"]: (one["id"], one["evidence"][1]["facts"])
        for one in answer["items"]
        if one["id"] in ("rule.shadowed", "rule.redundant")
    }
    assert {text: (kind, *map(str, facts)) for text, (kind, facts) in told.items()} == {
        "ip saddr 203.0.113.0/24 tcp dport 22 drop": ("rule.shadowed", "by"),
        "udp dport 53 drop": ("rule.redundant", "by"),
        'oifname "eth0" accept': ("rule.shadowed", "field"),
    }
    assert told["ip saddr 203.0.113.0/24 tcp dport 22 drop"][1]["by"].endswith("tcp dport 1-1023 accept")
    assert told["udp dport 53 drop"][1]["by"] == "inet filter input:  policy drop"
