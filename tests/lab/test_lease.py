"""Leases on hosts of their own: real servers take their sockets over or bind over them, users do without rights, and proofs are sampled."""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

import leasing
from labs import DUAL_STACK, REUSE_ADDRESS, as_user, connect, datagrams, listen, open_socket, wait_for

pytestmark = pytest.mark.lab
BIN = Path(sys.executable).parent
PORTULAN = str(BIN / "portulan")
APPS = """
def wsgi(environ, start):
    start("200 OK", [])
    return [b"hello"]
async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
"""
ACTIVATED = """
import os, socket
assert int(os.environ["LISTEN_PID"]) == os.getpid(), os.environ
names = os.environ["LISTEN_FDNAMES"].split(":")
assert len(names) == int(os.environ["LISTEN_FDS"]) == 1
server = socket.socket(fileno=3)
while True:
    served, _ = server.accept()
    served.recv(1000)
    served.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhello " + names[0].encode())
    served.close()
"""
NGINX = """daemon on; pid {folder}/pid; error_log stderr; events {{}}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
scgi_temp_path {folder}; server {{ listen 127.0.0.1:{port}; location / {{ return 200 hello; }} }} }}
"""
REQUEST = b"GET / HTTP/1.0\r\nHost: here\r\n\r\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apps.py").write_text(APPS)
    return tmp_path


@pytest.fixture
def host(sandbox, folder):
    return sandbox.host("a")


@contextmanager
def leased(host, *words, **options):
    """`portulan lease words…`, running. Gives the process; it is ended as a user would end it, by one signal to the number that was started."""
    process = host.start([PORTULAN, "lease", *words], stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def portulan(host, *words):
    return host.run([PORTULAN, *words])


def listed(host):
    return {item["name"]: item for item in json.loads(portulan(host, "lease", "--list", "--json").stdout)["items"]}


def number_of(host, name):
    """Asked at once: before the server is up."""
    found = wait_for(lambda: name in listed(host), True)
    assert found, listed(host)
    return listed(host)[name]["port"]


def ask(host, port, address="127.0.0.1"):
    with connect(host, address, port) as client:
        client.settimeout(30)
        client.sendall(REQUEST)
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    return answer.partition(b"\r\n\r\n")[2].decode()


@pytest.mark.parametrize(
    "command",
    [
        # A worker that is asked to end while it still starts misses it, and the master then waits for it: two seconds here, thirty as a rule.
        [str(BIN / "gunicorn"), "--no-control-socket", "--graceful-timeout", "2", "apps:wsgi"],
        [sys.executable, "-m", "gunicorn", "--no-control-socket", "--graceful-timeout", "2", "--workers", "2", "apps:wsgi"],
        [str(BIN / "uvicorn"), "apps:asgi"],
        [str(BIN / "uvicorn"), "--workers", "2", "apps:asgi"],
    ],
    ids=lambda words: " ".join(word.rpartition("/")[2] for word in words[:4]),
)
def test_known_servers_take_their_socket_over(host, command):
    with leased(host, "web", "--", *command) as process:
        port = number_of(host, "web")
        # The server is far from up: the client is served all the same.
        assert ask(host, port) == "hello"
        one = listed(host)["web"]
        assert (one["guarantee"], one["address"], one["keeper"]["pid"]) == ("absolute", "127.0.0.1", process.pid)
        with pytest.raises(OSError, match="in use"):
            open_socket(host, "127.0.0.1", port, options=[REUSE_ADDRESS])
    assert listed(host) == {}
    with leased(host, "web", "--", *command):
        assert number_of(host, "web") == port, "connections that are closing do not change the number"
        assert ask(host, port) == "hello"


def test_a_program_that_takes_sockets_as_systemd_gives_them(host, folder):
    (folder / "activated.py").write_text(ACTIVATED)
    with leased(host, "a:b", "--listen-fds", "--address", "::1", "--", sys.executable, "activated.py"):
        assert ask(host, number_of(host, "a:b"), "::1") == "hello a_b"


def test_every_client_before_the_server_is_up_is_served(host, folder):
    """0 refused: the socket is open before the name is written down."""
    (folder / "late.py").write_text("import time\ntime.sleep(0.3)\n" + ACTIVATED)
    with leased(host, "late", "--listen-fds", "--", sys.executable, "late.py"):
        port = number_of(host, "late")
        clients = [connect(host, "127.0.0.1", port) for _ in range(50)]
        for client in clients:
            client.sendall(REQUEST)
        for client in clients:
            with client:
                client.settimeout(30)
                assert client.recv(100)


@pytest.mark.peer
def test_nginx_takes_its_socket_over(host, peers):
    """It takes those that its `listen` lines name, and stays in the foreground then."""
    port = 61_777
    lines = f"mkdir -p /tmp/lease; cat > /tmp/lease/conf <<'END'\n{NGINX.format(folder='/tmp/lease', port=port)}END\n"
    words = f"exec {PORTULAN} lease web --port {port} -- nginx -c /tmp/lease/conf"
    process = host.start(["sh", "-c", lines + words], root=peers, environment={"XDG_STATE_HOME": "/tmp/lease", "HOME": "/tmp/lease"})
    host.wait_for_port(port)
    held = inode_listening(host, port)
    assert ask(host, port) == "hello"
    assert inode_listening(host, port) == held, "the very socket that was handed over"
    assert Path(f"/proc/{process.pid}/exe").readlink().name == "nginx"
    process.terminate()
    assert process.wait(timeout=20) == 0


def inode_listening(host, port):
    with host.enter():
        rows = [line.split() for line in Path("/proc/thread-self/net/tcp").read_text("ascii").splitlines()[1:]]
    [inode] = [row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"]
    return inode


SERVERS = (
    ["python3", "-m", "http.server", "{port}", "--bind", "127.0.0.1"],
    ["sh", "-c", "exec python3 -m http.server $PORT --bind 127.0.0.1"],
    [
        "python3",
        "-c",
        "import os, http.server as h\nh.HTTPServer(('', int(os.environ['PORT'])), h.SimpleHTTPRequestHandler).serve_forever()",
    ],
)


@pytest.mark.parametrize("command", SERVERS, ids=["by its words", "by the environment", "on all addresses"])
def test_any_server_binds_over_its_lease(host, command):
    with leased(host, "api", "--", *command):
        port = number_of(host, "api")
        assert listed(host)["api"]["guarantee"] == "cooperative"
        host.wait_for_port(port)
        assert "Directory listing" in ask(host, port)
        with pytest.raises(OSError, match="in use"):
            open_socket(host, "::1", port, options=[])  # an address that the server leaves free
    assert listed(host) == {}
    assert leasing.can_bind(host, port) or leased_again(host, command, port)


def leased_again(host, command, port):
    with leased(host, "api", "--", *command):
        return number_of(host, "api") == port


def test_a_server_that_does_not_share_gets_a_noted_port(host):
    code = "import os, socket, time\ns = socket.socket(); s.bind(('', int(os.environ['PORT']))); s.listen(); time.sleep(600)"
    with leased(host, "plain", "--note", "--", sys.executable, "-c", code):
        host.wait_for_port(number_of(host, "plain"))
        assert listed(host)["plain"]["guarantee"] == "noted"
    done = portulan(host, "lease", "plain", "--", sys.executable, "-c", code)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


def test_signals_status_and_terminal_are_the_programs_own(host):
    done = portulan(host, "lease", "a", "--", "sh", "-c", "exit 7")
    assert done.returncode == 7
    done = portulan(host, "lease", "a", "--", sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGPIPE).name)")
    assert done.stdout == "SIG_IGN\n", "Python's own doing: it found the default"
    done = portulan(host, "lease", "a", "--", "sh", "-c", "grep SigIgn /proc/self/status")
    assert int(done.stdout.split()[1], 16) & 1 << (signal.SIGPIPE - 1) == 0
    with leased(host, "a", "--", "sleep", "600") as process:
        number_of(host, "a")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == -signal.SIGINT


@pytest.mark.parametrize("limit", ["64", "1024"])
def test_what_is_held_stays_out_of_the_programs_way(host, limit):
    """Shell scripts use low descriptors by number; where there are no high ones, it stays where it is."""
    look = "for fd in /proc/$$/fd/*; do case $(readlink $fd) in socket:*) echo ${fd##*/};; esac; done"
    done = host.run(["sh", "-c", f"ulimit -n {limit}; exec {PORTULAN} lease a -- sh -c '{look}'"])
    assert done.returncode == 0, done.stderr
    [descriptor] = map(int, done.stdout.split())
    assert (descriptor >= 200) == (limit == "1024")


def test_the_holder_and_its_release(host):
    made = portulan(host, "lease", "db", "--hold")
    port = int(made.stdout)
    assert "cooperative" in made.stderr
    assert portulan(host, "lease", "db", "--hold").stdout == made.stdout
    assert not leasing.can_bind(host, port)
    listen(host, "", port, options=[REUSE_ADDRESS]).close()
    pid = listed(host)["db"]["keeper"]["pid"]
    assert portulan(host, "release", "db").returncode == 0
    assert leasing.is_dead(pid)
    assert leasing.can_bind(host, port)
    assert portulan(host, "release", "db").returncode == 1


def test_udp_says_what_is_true(host):
    made = portulan(host, "lease", "dns", "--hold", "--transport", "udp")
    port = int(made.stdout)
    assert "the newest gets all datagrams" in made.stderr
    with (
        datagrams(host, "127.0.0.1", port, options=[REUSE_ADDRESS]) as first,
        datagrams(host, "127.0.0.1", port, options=[REUSE_ADDRESS]) as newest,
    ):
        with datagrams(host) as sender:
            sender.sendto(b"?", ("127.0.0.1", port))
        newest.settimeout(10)
        assert newest.recv(10) == b"?"
        first.setblocking(False)
        with pytest.raises(BlockingIOError):
            first.recv(10)
    portulan(host, "release", "dns")


def test_a_users_lease_is_respected_by_another(host, folder):
    """Two users know nothing of each other's lists: the kernel decides, and their names get different numbers."""
    environments = []
    for uid in (65534, 65533):
        home = folder / str(uid)
        home.mkdir()
        os.chown(home, uid, uid)
        environments.append((uid, f"XDG_STATE_HOME={home}"))
    folder.chmod(0o755)
    for parent in list(folder.parents)[:3]:
        parent.chmod(0o755)
    numbers = []
    for uid, where in environments:
        done = host.run(as_user(["env", where, PORTULAN_AS_USER, "-m", "portulan", "lease", "same", "--hold"], uid=uid))
        assert done.returncode == 0, done.stderr
        numbers.append(int(done.stdout))
    assert numbers[0] != numbers[1]
    for uid, where in environments:
        assert host.run(as_user(["env", where, PORTULAN_AS_USER, "-m", "portulan", "release", "same"], uid=uid)).returncode == 0


PORTULAN_AS_USER = sys.executable


def test_without_a_home_what_is_held_is_held(host):
    """/proc/nonexistent is the home of the ordinary user here: no list can be kept there."""
    done = host.run(as_user([sys.executable, "-m", "portulan", "lease", "web", "--", "sh", "-c", "echo $PORT"]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().isdigit()
    assert "could not open" in done.stderr
    done = host.run(as_user([sys.executable, "-m", "portulan", "lease", "web"]))
    assert done.returncode == 4
    assert done.stdout == ""


def test_a_low_port_needs_the_right(host):
    done = host.run(as_user([sys.executable, "-m", "portulan", "lease", "web", "--port", "80", "--", "true"]))
    assert done.returncode == 3, done.stderr
    assert "80/tcp" in done.stderr
    assert "Traceback" not in done.stderr
    assert portulan(host, "lease", "web", "--port", "80", "--", "true").returncode == 0


def test_two_network_namespaces_have_their_own_ports(sandbox, host):
    other = sandbox.host("b")
    assert portulan(host, "lease", "db", "--hold").stdout == portulan(other, "lease", "db", "--hold").stdout
    assert portulan(other, "release", "db").returncode == 0
    assert "db" in listed(host)
    assert portulan(host, "release", "db").returncode == 0


def test_without_ipv6(host):
    done = host.run(["sh", "-c", f"sysctl -qw net.ipv6.conf.all.disable_ipv6=1; exec {PORTULAN} lease web --listen-fds -- true"])
    assert done.returncode == 0, done.stderr


def test_a_stranger_who_binds_over_it_is_no_accident(host):
    """What cooperative means: whoever names the number and sets the option can take it; the server then says so, and nothing hangs."""
    port = int(portulan(host, "lease", "db", "--hold").stdout)
    with listen(host, "", port, options=[REUSE_ADDRESS]), pytest.raises(OSError, match="in use"):
        listen(host, "", port, options=[REUSE_ADDRESS])
    portulan(host, "release", "db")


def test_a_damaged_list_is_told_once_and_kept(host, folder):
    portulan(host, "lease", "db")
    path = folder / "state/portulan/leases"
    path.write_bytes(b"\0\0\0")
    first = portulan(host, "lease", "--list")
    assert first.returncode == 0
    assert "damaged" in first.stderr
    assert path.with_name("leases.damaged-1").read_bytes() == b"\0\0\0"
    assert "damaged" not in portulan(host, "lease", "db").stderr


def test_a_lease_in_the_range_of_clients_is_not_given_to_them(host):
    host.set("net.ipv4.ip_local_port_range", "20000 20003")
    with leased(host, "db", "--range", "20000-20003", "--hold", "--", "sleep", "600"):
        port = number_of(host, "db")
        given = {20_000, 20_001, 20_002, 20_003} - {port}
        with ExitStack() as stack:
            sockets = [stack.enter_context(open_socket(host, "127.0.0.1", 0)) for _ in given]
            assert {one.getsockname()[1] for one in sockets} == given
            with pytest.raises(OSError, match="in use"):
                open_socket(host, "127.0.0.1", 0)


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_killed(samples, day_seed):
    for seed in range(day_seed, day_seed + samples(1, 50)):
        found, figures = leasing.lease_kill(seed)
        assert found == [], f"seed {seed}"
        assert figures["kills"] >= leasing.KILLS


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_storm(samples, day_seed):
    for seed in range(day_seed, day_seed + samples(1, 10)):
        found, figures = leasing.lease_storm(seed, samples(100, leasing.AT_ONCE))
        assert found == [], f"seed {seed}"
        assert figures["sockets of strangers"] > 1_000, f"seed {seed}: no storm: {figures}"


# The judges themselves


def test_a_theft_would_be_seen():
    assert leasing.within([(10, 20)], 12, 13)
    assert not leasing.within([(10, 20)], 9, 13)
    assert not leasing.within([(10, 20), (30, 40)], 18, 32)


def test_who_lives_without_a_lease_would_be_seen(host, folder):
    import random

    town = leasing.Town(host, folder, random.Random(1))
    assert leasing.judge_town(town) == []
    process = host.start(["sleep", "600"])
    assert any("no lease names it" in found for found in leasing.judge_town(town))
    town.say("has", "web", 61_000, process.pid)
    town.say("has", "db", 61_000, process.pid)
    assert any("was given to 2" in found for found in leasing.judge_town(town))
    process.kill()
    process.wait()
    assert leasing.judge_town(town) == []


def test_a_free_port_that_is_listed_would_be_seen(host):
    with leased(host, "web", "--note", "--", "sleep", "600"):
        port = number_of(host, "web")
        assert leasing.can_bind(host, port)
        with open_socket(host, "::", port, options=[DUAL_STACK]):
            assert not leasing.can_bind(host, port)
