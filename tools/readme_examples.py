"""The READMEs' examples: every `$ portulan …` line in them is run on a small server in a closed sandbox, and its output stands below it.

python tools/readme_examples.py [LANG]    bring the READMEs' outputs up to date (needs root and the private root of the tests)
python tools/readme_examples.py --pictures  draw the map of that server anew: docs/images/map.png and map.ja.png
python tools/readme_examples.py --inside  run what comes as JSON on stdin: used by itself, inside the sandbox
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64decode
from itertools import pairwise
from pathlib import Path

from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.root import PrivateRoot, open_root

ROOT = Path(__file__).resolve().parent.parent
READMES = {"en": ROOT / "README.md", "ja": ROOT / "README.ja.md"}
"""Language -> the README whose examples are run in it."""
BLOCK = re.compile(r"^```\n(\$ .*?)^```$", re.MULTILINE | re.DOTALL)
PICTURES = {"en": ROOT / "docs" / "images" / "map.png", "ja": ROOT / "docs" / "images" / "map.ja.png"}
FONTS = ROOT / ".cache" / "roots" / "fonts" / "layers" / "usr" / "share" / "fonts" / "truetype" / "vlgothic"
"""A private root with a font for Japanese: tools/private_root.py --into .cache/roots/fonts fonts-vlgothic."""
DRAW = "portulan map -o /tmp/map.png 2>/dev/null && base64 /tmp/map.png"
COPY = "/opt/example"
ORDINARY = ("# as an ordinary user", "# 一般ユーザーで")
NGINX = """daemon on; pid /run/example-nginx.pid; worker_processes 2; error_log /dev/null; events {}
http { access_log off; server { listen 80; listen [::]:80; root /var/www/html; } }
"""
APP = """import socket, sys, time
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 5000)); server.listen(128)
chat = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); chat.bind(("::", 5353))
time.sleep(600)
"""


VISITOR = "import socket, time; s = socket.create_connection(('127.0.0.1', 80), source_address=('127.0.0.1', 40000)); time.sleep(600)"
"""A client that happened to get a port that somebody wants."""
VISITS = """import http.client, socket, struct, time
THERE = "198.18.0.2"
for turn in range(3):
    web, login = http.client.HTTPConnection(THERE), socket.create_connection((THERE, 443))
    web.connect()
    for one in (web.sock, login):  # nothing of them stays
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    web.request("GET", "/album.bin")
    web.getresponse().read()
    with login:
        login.sendall(b"SSH-2.0-OpenSSH_9.2p1\\r\\n")
        login.recv(4096)
    web.close()
    time.sleep(0.3)
"""
"""Visitors of the neighbour: of its web server, and of an ssh server that somebody put on the port of the web."""
ENDED = """import socket
server = socket.socket(); server.bind(("127.0.0.1", 5001)); server.listen()
client = socket.create_connection(("127.0.0.1", 5001)); server.accept()[0].close(); client.recv(1)
"""
"""A server that was just stopped, after a connection that it closed itself."""
CLOSING = "portulan why 5001"
WANTED = '[doors]\nhttp = "everyone"\n'
"""A list of the ports that are wanted open."""
SHOP = {
    "httpd.conf": "Listen 80\nListen 8080\n",
    "compose.yaml": 'services:\n  web:\n    image: shop\n    ports:\n      - "8080:80"\n',
    ".env": "PORT=40000\n",
    "legacy.socket": "[Socket]\nListenStream=127.0.0.1:9000\n",
}


OUTSIDE = 'mkdir -p /run/netns && touch /run/netns/outside && mount --bind {netns} /run/netns/outside && exec "$@"'
"""The neighbour's network namespace by a name that `ip netns exec` knows."""
FIREWALL = """
ip route add default via 198.18.0.2
ip link add docker0 type bridge
ip addr add 172.17.0.1/16 dev docker0
ip link set docker0 up
ufw --force enable
ufw allow 80/tcp
ufw allow proto udp from 198.51.100.0/24 to any port 5353 comment office
ufw deny 8080/tcp
iptables -t nat -N DOCKER
iptables -N DOCKER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
iptables -I FORWARD -o docker0 -j DOCKER
iptables -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
sysctl -q net.ipv4.ip_forward=1
"""
"""A firewall, and a container's port published as Docker does it."""


DATABASE = """import select, socket
doors = [socket.create_server(("", port), backlog=64) for port in (22, 443, 5432)]
while True:
    for door in select.select(doors, [], [])[0]:
        door.accept()[0].close()
"""
"""What runs on db-01, four hops away behind gw-1, gw-2 and gw-3."""
GUARD = re.compile(r"\bportulan guard\b")
LISTENER = """#!/usr/bin/python3
import socket, time
door = socket.create_server(("", {port}))
time.sleep(600)
"""
"""What listens on the fresh server; its name is its file's."""
NAMES = "198.18.0.2 gw-1\n198.18.1.2 gw-2\n198.18.2.2 gw-3\n198.18.3.2 db-01\n"
ON_THE_WAY = """table inet office {
  chain forward {
    type filter hook forward priority 0; policy accept;
    tcp dport 5432 drop
    tcp dport 25 reject with tcp reset
  }
}
"""
"""The firewall of gw-2."""


def commands(text: str) -> list[str]:
    """The command lines of the README, in order."""
    return [line[2:] for block in BLOCK.findall(text) for line in block.splitlines() if line.startswith("$ ")]


def outputs(lines: list[str], root: PrivateRoot, language: str = "en") -> list[tuple[str, int]]:
    """(output, exit status) of each command line, run by somebody who reads that language: those of `guard` on a fresh server, all others on the example server."""
    guarded = [GUARD.search(line) is not None for line in lines]
    answers = {
        fresh: iter(
            (_on_fresh if fresh else _on_example)(
                [line for line, here in zip(lines, guarded, strict=True) if here == fresh], root, language
            )
        )
        for fresh in (False, True)
    }
    return [next(answers[fresh]) for fresh in guarded]


def _on_fresh(lines: list[str], root: PrivateRoot, language: str) -> list[tuple[str, int]]:
    """A server with three listeners and no firewall, one step from the world."""
    with Sandbox() as sandbox:
        server, world = sandbox.host("web-02", root=root), sandbox.router("world", root=root)
        sandbox.link(server, world)
        for words in ("route add default via 198.18.0.2", "-6 route add default via fd00::2"):
            server.run(["ip", *words.split()])
        me = [sys.executable, str(Path(__file__).resolve()), "--inside", "--fresh"]
        done = server.run(["unshare", "--pid", "--fork", "--mount-proc", *me], text=json.dumps([language, lines]), timeout_s=400)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return [(text, status) for text, status in json.loads(done.stdout)]


def _on_example(lines: list[str], root: PrivateRoot, language: str) -> list[tuple[str, int]]:
    with Sandbox() as sandbox:
        server, gateways = sandbox.host("web-01", root=root), [sandbox.router(f"gw-{at}", root=root) for at in (1, 2, 3)]
        database = sandbox.host("db-01", root=root)
        for near, far in pairwise([server, *gateways, database]):
            sandbox.link(near, far)
        sandbox.route_all()
        gateways[1].run(["nft", "-f", "/dev/stdin"], text=ON_THE_WAY)
        database.start(["/usr/bin/python3", "-c", DATABASE])
        database.wait_for_port(5432)
        me = [sys.executable, str(Path(__file__).resolve()), "--inside"]
        # Its own PID namespace and /proc: the examples see this server's processes and nothing of the machine around it.
        command = ["unshare", "--pid", "--fork", "--mount-proc", *me]
        done = server.run(
            ["sh", "-c", OUTSIDE.format(netns=gateways[0].netns_path), "sh", *command], text=json.dumps([language, lines]), timeout_s=150
        )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return [(text, status) for text, status in json.loads(done.stdout)]


def inside() -> None:
    """Start the server's programs, run the commands, print what they said."""
    language, lines = json.load(sys.stdin)
    fresh = "--fresh" in sys.argv
    if fresh:
        _start_listeners()
        Path("/usr/local/bin/portulan").symlink_to(Path(sys.executable).parent / "portulan")
    else:
        _start_programs()
    shutil.copytree(ROOT / "src", COPY, dirs_exist_ok=True)
    if FONTS.exists():
        shutil.copytree(FONTS, "/root/.local/share/fonts", dirs_exist_ok=True)
    answers = []
    program = Path(sys.executable).parent / "portulan"
    for line in lines:
        if line == CLOSING:  # only now: such a connection is gone after a minute
            subprocess.run(["/usr/bin/python3", "-c", ENDED], check=True, timeout=30)
        environment = {
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "LANGUAGE": language,
            "TERM": "dumb",
            "COLUMNS": "80",
        }
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if line.endswith(ORDINARY) else []
        # An ordinary user may not be able to read this environment: a copy of the source and Debian's own Python serve as well.
        shell = line if fresh else re.sub(r"\bportulan\b", "/usr/bin/python3 -m portulan" if words else str(program), line, count=1)
        environment |= {"PYTHONPATH": COPY} if words else {}
        done = subprocess.run(
            [*words, "sh", "-c", shell],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            check=False,
            timeout=300 if fresh else 60,
        )
        answers.append((done.stdout, done.returncode))
    json.dump(answers, sys.stdout)
    sys.stdout.flush()
    os.kill(-1, signal.SIGKILL)  # in this PID namespace: everything but ourselves


def _start_listeners() -> None:
    """sshd, a web server, and a desktop that should not have been there."""
    for name, port in (("sshd", 22), ("nginx", 80), ("xrdp", 3389)):
        Path("/srv", name).write_text(LISTENER.format(port=port), "ascii")
        Path("/srv", name).chmod(0o755)
        subprocess.Popen([f"/srv/{name}"], stdin=subprocess.DEVNULL)
    time.sleep(1.0)


def _start_programs() -> None:
    """nginx with two workers, a small application, a VXLAN interface, and one visitor."""
    Path("/tmp/example-nginx.conf").write_text(NGINX, "ascii")
    subprocess.run(["nginx", "-c", "/tmp/example-nginx.conf"], check=True, timeout=30)
    with Path("/etc/hosts").open("a", encoding="ascii") as hosts:
        hosts.write(NAMES)
    Path("/srv/shop").mkdir(exist_ok=True)
    Path("/srv/shop/app.py").write_text(APP, "ascii")
    Path("/srv/portulan.toml").write_text(WANTED, "ascii")
    for name, text in SHOP.items():
        Path("/srv/shop", name).write_text(text, "ascii")
    subprocess.Popen(["/usr/bin/python3", "app.py"], cwd="/srv/shop", stdin=subprocess.DEVNULL)
    subprocess.run(["ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "dstport", "4789", "dev", "lo"], check=True, timeout=30)
    subprocess.run(["ip", "link", "set", "vx0", "up"], check=True, timeout=30)
    _capture()
    for line in FIREWALL.strip().splitlines():
        subprocess.run(line.split(), check=True, timeout=30, capture_output=True)
    wanted, deadline_s = {80, 5000}, time.monotonic() + 30
    while wanted and time.monotonic() < deadline_s:
        listening = {int(row.split()[1].rpartition(":")[2], 16) for row in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]}
        wanted -= listening
        time.sleep(0.05)
    subprocess.Popen(
        ["/usr/bin/python3", "-c", VISITOR],
        stdin=subprocess.DEVNULL,
    )
    time.sleep(1.0)


def _capture() -> None:
    """What comes to the neighbour, kept by our own ears there: visitors by day, and at night somebody who tries its doors."""
    www = Path("/srv/www")
    www.mkdir(exist_ok=True)
    (www / "album.bin").write_bytes(bytes(range(256)) * 8000)
    Path("/run/sshd").mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/srv/key"], check=True, timeout=30, stdin=subprocess.DEVNULL)
    servers = [
        subprocess.Popen([*_THERE, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=www)
        for command in (
            ["/usr/bin/python3", "-m", "http.server", "--protocol", "HTTP/1.1", "80"],
            ["/usr/sbin/sshd", "-D", "-p", "443", "-h", "/srv/key", "-o", "PidFile=none"],
        )
    ]
    time.sleep(1.0)
    _keep("/srv/office.pcapng", ["/usr/bin/python3", "-c", VISITS])
    _keep("/srv/night.pcapng", ["nmap", "-n", "-Pn", "-F", "-r", "--disable-arp-ping", "198.18.0.2"])
    for server in servers:
        server.terminate()
        server.wait(timeout=10)


_THERE = ["ip", "netns", "exec", "outside"]


def _keep(path: str, visitors: list[str]) -> None:
    """TCP packets that pass while they visit."""
    program = str(Path(sys.executable).parent / "portulan")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    ears = subprocess.Popen(
        [*_THERE, program, "traffic", "-i", "eth0", "--filter", "tcp", "-w", path, "--duration", "60"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    assert ears.stderr is not None
    ears.stderr.readline()  # it says that it listens
    subprocess.run(visitors, check=True, timeout=60, capture_output=True)
    time.sleep(0.5)
    ears.send_signal(signal.SIGINT)
    ears.communicate(timeout=30)


def with_outputs(text: str, answers: list[tuple[str, int]]) -> str:
    """The README with these outputs below its commands."""
    rest = iter(answers)

    def block(match: re.Match[str]) -> str:
        lines = [line for line in match[1].splitlines() if line.startswith("$ ")]
        parts = [line + "\n" + next(rest)[0].rstrip("\n") for line in lines]
        return "```\n" + "\n".join(parts) + "\n```"

    return BLOCK.sub(block, text)


def main() -> int:
    """Update the READMEs."""
    if "--inside" in sys.argv:
        inside()
        return 0
    root = open_root(ROOT / ".cache" / "roots" / "peers")
    if "--pictures" in sys.argv:
        for language, path in PICTURES.items():
            [(text, _)] = outputs([DRAW], root, language)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b64decode(text))
        return 0
    for language in sys.argv[1:] or READMES:
        readme = READMES[language]
        text = readme.read_text("utf-8")
        readme.write_text(with_outputs(text, outputs(commands(text), root, language)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
