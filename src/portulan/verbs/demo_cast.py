"""Who plays in the demo: three hosts with their servers and files, and how a command is run on one of them. All of it on the stage, in its own namespaces."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from subprocess import DEVNULL

from portulan.errors import CannotTell
from portulan.model.demo import DemoHost, DemoStep, Typed
from portulan.system.demo.running import Running
from portulan.system.demo.song import cover
from portulan.system.linux.links import add_route
from portulan.system.linux.spawn import find_program
from portulan.system.sandbox.delay import fill_in_checksums
from portulan.wire.rtnetlink import Hop, Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from portulan.model.demo import DemoEvent, Manner
    from portulan.system.sandbox import Host, Sandbox

    Told = tuple[str, Mapping[str, str | int]]

FOLDER = "/var/lib/portulan"
POLICY = "/etc/portulan/portulan.toml"
_PROGRAMS = "/usr/local/bin"
FRESH = {
    "/etc": ("portulan", "hosts", "resolv.conf", "nsswitch.conf"), "/var/lib": ("portulan",),
    **({_PROGRAMS: ("portulan",)} if os.path.isdir(_PROGRAMS) else {}),
}  # fmt: skip
"""Folder -> what the demo has of its own there."""
_KEPT = ("TZ", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
"""Of the environment: without the rest the commands would answer differently, or this Python would not start."""
_TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHUT = '[doors]\nsmtp  = "everyone"\nhttp  = "everyone"\nhttps = "everyone"\n'
_PAGE = "<!doctype html><title>A song</title><h1>A song</h1><img src=cover.bmp>" + "<p>Freude, schöner Götterfunken</p>" * 40
_PROGRAM = "from portulan.cli.main import run\nrun()\n"
_LIVE_LINES = 11
_KNOCK_S = 0.5
_SERVICES = ("21 ftp", "25 smtp", "80 http")
DOORS = (21, 25, 80, 443)
"""The servers' ports, and one that the policy opens for a server yet to come."""


class Cast:
    """The network and its hosts, for as long as the sandbox lives."""

    def __init__(self, sandbox: Sandbox, manner: Manner) -> None:
        """Lay the cables and start the servers. Raises CannotTell, MachineFailed."""
        self.manner = manner
        self.python = "python3" if os.path.exists(Path(sys.executable).with_name("python3")) else Path(sys.executable).name
        self.program = _prepare(manner)
        self.server, self.laptop, self.stranger = (sandbox.host(name) for name in ("server", "laptop", "stranger"))
        for host in sandbox.hosts:
            if host.has_ipv6:  # one address each is enough for a first look
                host.set("net.ipv6.conf.all.disable_ipv6", 1)
                host.set("net.ipv6.conf.default.disable_ipv6", 1)
        for at, other in enumerate((self.laptop, self.stranger)):
            link = sandbox.link(self.server, other, f"198.18.{at}.1/24", f"198.18.{at}.2/24")
            for end in (link.first, link.second):
                fill_in_checksums(end.host, end.name)  # packets as they are on a wire, not several in one
        self.stranger.route("198.18.0.0/24", via="198.18.1.1")  # one name, one address, wherever one comes from
        # Beyond the stranger is everyone else: the server answers whoever asks. The sandbox is as closed as before, the stranger forwards nothing.
        add_route(self.server.netlink, Route(bytes(4), 0, (Hop(ip_address(self.stranger.address).packed),)))
        _write("/etc/hosts", "".join(f"{host.address} {host.name}\n" for host in sandbox.hosts) + "127.0.0.1 localhost\n")
        self.has_nft = find_program("nft") is not None
        self._serve()

    def _serve(self) -> None:
        servers = {
            21: ("-P", "-m", "portulan.system.demo.ftp", f"{FOLDER}/ftp"),
            25: ("-P", "-m", "portulan.system.demo.mail", f"{FOLDER}/mail"),
            80: ("-m", "http.server", "80"),
        }
        for words in servers.values():
            self.server.start([self.python, *words], folder=f"{FOLDER}/www", stdout=DEVNULL, stderr=DEVNULL)
        for port in servers:
            self.server.wait_for_port(port)

    @property
    def hosts(self) -> tuple[DemoHost, ...]:
        """As the opening tells them."""
        return tuple(
            DemoHost(
                host.name, tuple(str(each.ip) for each in host.addresses if each.version == 4), _SERVICES if host is self.server else ()
            )
            for host in (self.laptop, self.server, self.stranger)
        )

    # Commands

    def words(self, *words: str) -> list[str]:
        """A command line of Portulan as it is run here."""
        return [*words, "--json"] if self.manner.as_json else list(words)

    def begin(self, host: Host, words: Sequence[str], *, keyboard: bool = False) -> Running:
        """Start it, without waiting for its end."""
        manner = self.manner
        terminal = (manner.width, _LIVE_LINES) if manner.colour or keyboard else None
        command = [self.python, "-P", self.program, *words]
        return Running(host, command, folder=FOLDER, terminal=terminal, keyboard=keyboard, talk=not manner.as_json)

    def do(
        self,
        scene: str,
        code: str,
        host: Host,
        *words: str,
        wanted: int | None = 0,
        otherwise: str | None = None,
        tell: Callable[[], Told] | None = None,
    ) -> Iterator[DemoEvent]:
        """Run it to its end; more as of `step`."""
        line = self.words(*words)
        yield Typed(scene, code, host.name, written(line))
        running = self.begin(host, line)
        yield self.step(scene, code, host, line, running, wanted=wanted, otherwise=otherwise, tell=tell)

    def step(
        self,
        scene: str,
        code: str,
        host: Host,
        line: Sequence[str],
        running: Running,
        *,
        wanted: int | None = 0,
        otherwise: str | None = None,
        tell: Callable[[], Told] | None = None,
        beside: bool = False,
    ) -> DemoStep:
        """What came of a command, when it has ended. `wanted`: its exit status if all is well, else `otherwise` is said; None: any. `tell`: what is said instead of `code`."""
        status = running.end()
        facts: Mapping[str, str | int] = {}
        if wanted is not None and status != wanted:
            code, facts = otherwise or f"{scene}.otherwise", {"status": status}
        elif tell is not None:
            code, facts = tell()
        answer = _json(running.text) if self.manner.as_json else None
        return DemoStep(scene, code, host.name, written(line), status, None if answer else running.text, answer, facts, beside=beside)


def written(line: Sequence[str]) -> str:
    """As one types it."""
    return " ".join(("portulan", *line))


def _json(text: str) -> Mapping[str, object] | None:
    try:
        found: Mapping[str, object] = json.loads(text)
    except ValueError:
        return None
    return found


def _prepare(manner: Manner) -> str:
    """Files and environment of everything that is run here. Returns the path of the program."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = f"{Path(sys.executable).parent}:{_TOOLS}:{os.environ.get('PATH', '')}".rstrip(":")
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(
        PATH=path, HOME=FOLDER, TMPDIR=FOLDER, LANG="C.UTF-8", LANGUAGE=manner.language, PYTHONUTF8="1", COLUMNS=str(manner.width),
        PYTHONPATH=str(Path(__file__).resolve().parents[2]), TERM="xterm-256color" if manner.colour else "dumb",
    )  # fmt: skip
    for folder in (f"{FOLDER}/ftp", f"{FOLDER}/mail", f"{FOLDER}/www", "/etc/portulan"):
        os.makedirs(folder)
    _write("/etc/resolv.conf", "")
    _write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")  # nobody is asked outside
    _write(f"{FOLDER}/www/index.html", _PAGE)
    Path(f"{FOLDER}/www/cover.bmp").write_bytes(cover())
    _write(POLICY, SHUT)
    program = f"{_PROGRAMS if _PROGRAMS in FRESH else FOLDER}/portulan"
    _write(program, _PROGRAM)
    return program


def _write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


def knock(host: Host, address: str, ports: Sequence[int]) -> dict[int, str]:
    """What doors say to whoever comes from that host: `open`, `refused` or `silent`; asked all at once, and not by the tools that are shown."""
    found = dict.fromkeys(ports, "silent")
    waiting: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    with host.enter():
        for port in ports:
            one = socket.socket()
            one.setblocking(False)
            code = one.connect_ex((address, port))
            if code != errno.EINPROGRESS:
                raise CannotTell("demo.failed", command=f"connect {address}:{port}", reason=os.strerror(code))
            waiting[one.fileno()] = port, one
            poll.register(one, select.POLLOUT)
    end_s = time.monotonic() + _KNOCK_S
    while waiting and (left_s := end_s - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left_s * 1000):
            poll.unregister(descriptor)
            port, one = waiting.pop(descriptor)
            with one:
                code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            found[port] = "open" if not code else "refused" if code == errno.ECONNREFUSED else "silent"
    for _, one in waiting.values():
        one.close()
    return found
