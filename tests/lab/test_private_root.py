"""Private roots: other people's programs, with the machine left as it is."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from daemons import has_ended
from portulan.errors import CannotTell
from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.root import ensure_root, open_root

pytestmark = pytest.mark.lab

NGINX = """
worker_processes 3;
error_log stderr;
events {{ }}
http {{
    access_log off;
    server {{
        listen {port};
        listen [::]:{port};
        location / {{ return 200 "harbour {name}\\n"; }}
    }}
}}
"""


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return answer.read().decode(), answer.headers["Server"]


def processes_of(host):
    return [int(each.parent.parent.name) for each in Path("/proc").glob("[0-9]*/ns/net") if inode(each) == host.netns_inode]


def inode(path):
    try:
        return path.stat().st_ino
    except OSError:
        return None


def test_a_real_server_answers_from_another_host(sandbox, peers, tmp_path):
    """nginx as Debian builds it: a master and three workers that share one listener, as a daemon; twice, each on its own host with the same paths."""
    client, router, servers = (
        sandbox.host("client"),
        sandbox.router("router"),
        [sandbox.host(name, root=peers) for name in ("web1", "web2")],
    )
    sandbox.link(client, router)
    for server in servers:
        sandbox.link(router, server)
    sandbox.route_all()
    for server in servers:
        settings = tmp_path / f"{server.name}.conf"
        settings.write_text(NGINX.format(port=8080, name=server.name))
        answer = server.run(["nginx", "-c", settings])
        assert answer.returncode == 0, answer.stderr
        server.wait_for_port(8080)
        assert server.run(["cat", "/run/nginx.pid"]).stdout.strip().isdigit()
    for server in servers:
        for address in (server.address, f"[{server.address6}]"):
            body, name = client.call(fetch, f"http://{address}:8080/")
            assert body == f"harbour {server.name}\n"
            assert name.startswith("nginx/")
        found = processes_of(server)
        assert len(found) == 4
        listed = server.run(["ss", "-Htlnp", "sport = :8080"]).stdout
        assert all(f"pid={pid}," in listed for pid in found)
    assert not Path("/run/nginx.pid").exists() or Path("/run/nginx.pid").read_text() not in {str(pid) for pid in found}


def test_a_server_in_a_private_root_ends_with_the_sandbox(peers, tmp_path):
    settings = tmp_path / "nginx.conf"
    settings.write_text(NGINX.format(port=80, name="x"))
    with Sandbox() as sandbox:
        host = sandbox.host("web")
        host.run(["nginx", "-c", settings], root=peers)
        host.wait_for_port(80)
        pids = [os.pidfd_open(pid) for pid in processes_of(host)]
        assert len(pids) == 4
    for pid in pids:
        assert has_ended(pid)
        os.close(pid)


def test_what_is_written_there_is_forgotten(peers):
    for _ in range(2):
        with peers.open() as here:
            answer = here.run(
                ["sh", "-ec", "test ! -e /usr/stain; touch /usr/stain /etc/stain /var/stain /run/stain; rm /usr/bin/env; ls /usr/stain"]
            )
            assert (answer.stdout, answer.returncode) == ("/usr/stain\n", 0), answer.stderr
    assert not Path("/usr/stain").exists()
    assert Path("/usr/bin/env").exists()


def test_it_sees_the_network_it_is_in(sandbox, peers):
    a, b = sandbox.host("a"), sandbox.host("b", root=peers)
    sandbox.link(a, b)
    assert sorted(b.run(["ls", "/sys/class/net"]).stdout.split()) == ["eth0", "lo"]
    own = sorted(each.name for each in Path("/sys/class/net").iterdir())
    with peers.open() as here:
        assert sorted(here.run(["ls", "/sys/class/net"]).stdout.split()) == own
        assert here.run(["cat", "/proc/sys/kernel/hostname"]).stdout.strip() == os.uname().nodename
        assert here.run(["readlink", "/proc/self/ns/net"]).stdout.strip() == os.readlink("/proc/self/ns/net")


def test_mounts_stay_inside(peers):
    def table():
        return sorted(line.split(" - ")[0].split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())

    before = table()
    with peers.open() as here:
        assert "overlay /usr overlay" in here.run(["cat", "/proc/mounts"]).stdout
        assert table() == before
    assert table() == before


def test_an_installation_leaves_the_machine_alone(tmp_path):
    """A small real package. The whole of what Debian says is installed, and the folders packages write to, are as before."""

    def machine():
        status = hashlib.sha256(Path("/var/lib/dpkg/status").read_bytes()).hexdigest()
        return status, {
            folder: sorted(os.listdir(folder)) for folder in ("/usr/bin", "/usr/sbin", "/etc", "/var/lib/dpkg", "/usr/share/doc", "/root")
        }

    before = machine()
    try:
        root, fresh = ensure_root(tmp_path / "root", ["hello"])
    except CannotTell as error:
        if error.code == "root.not-installed":
            pytest.skip(f"apt-get could not fetch: {error}")
        raise
    assert fresh
    assert machine() == before
    with root.open() as here:
        assert here.run(["hello"]).stdout == "Hello, world!\n"
        assert here.run(["/usr/sbin/policy-rc.d"]).returncode == 101
    assert ensure_root(tmp_path / "root", ["hello"]) == (root, False)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["root", "root.lock"]


def test_damage_is_seen_and_mended(tmp_path):
    folder = tmp_path / "root"
    with pytest.raises(CannotTell, match=r"root\.missing"):
        open_root(folder)
    assert ensure_root(folder, ())[1]
    record = folder / "root.json"
    whole = record.read_text()
    for damage in ("", "{", "[]", '{"packages": 3, "key": 4}', json.dumps({**json.loads(whole), "packages": ["no-such"]})):
        record.write_text(damage)
        with pytest.raises(CannotTell, match=r"root\.(damaged|outdated)"):
            open_root(folder)
    assert ensure_root(folder, ())[1]
    assert open_root(folder).packages == ()
    assert record.read_text() == whole
    assert not ensure_root(folder, ())[1]


def test_a_build_that_was_killed_is_begun_again(tmp_path):
    folder = tmp_path / "root"
    code = f"from portulan.system.sandbox.root import ensure_root; ensure_root({str(folder)!r}, ())"
    for moment in ("layers", "layers/usr", "layers/var/lib"):
        builder = subprocess.Popen([sys.executable, "-c", code])
        deadline = time.monotonic() + 20
        while not (tmp_path / "root.half-built" / moment).exists():
            assert time.monotonic() < deadline
        builder.send_signal(signal.SIGKILL)
        builder.wait()
        with pytest.raises(CannotTell, match=r"root\.missing"):
            open_root(folder)
    assert ensure_root(folder, ())[1]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["root", "root.lock"]


def test_two_that_want_the_same_root_build_it_once(tmp_path):
    code = f"from portulan.system.sandbox.root import ensure_root; print(ensure_root({str(tmp_path / 'root')!r}, ())[1])"
    builders = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(builder.communicate()[0] for builder in builders) == ["False\n", "True\n"]


def test_a_package_that_does_not_exist_is_told(tmp_path, monkeypatch):
    with pytest.raises(CannotTell, match=r"root\.not-installed") as told:
        ensure_root(tmp_path / "root", ["no-such-package-anywhere"])
    assert "no-such-package-anywhere" in told.value.facts["reason"]
    assert not (tmp_path / "root").exists()


def test_layers_cannot_be_kept_below_what_they_overlay():
    with pytest.raises(CannotTell, match=r"root\.place"):
        ensure_root("/var/cache/portulan-test-root", ())
    assert not Path("/var/cache/portulan-test-root.lock").exists()


def test_the_tool_says_loudly_what_it_cannot_do(tmp_path):
    tool = Path(__file__).parents[2] / "tools/private_root.py"
    answer = subprocess.run([sys.executable, tool, "--into", "/usr/x", "hello"], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "NO PRIVATE ROOT" in answer.stderr
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, tool, "--into", tmp_path / "x", "hello"]
    answer = subprocess.run(powerless, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "CAP_SYS_ADMIN" in answer.stderr
