"""A host with servers and rules on trial, and a client who knocks: what the tests and the proofs of the life of a policy share."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from labs import PORTULAN, listen
from portulan.model.guard_life import Running
from portulan.wire.guard_table import parse_left, parse_table

MANAGEMENT, FIRST, SECOND, OTHER = 22, 8001, 8002, 9000
PORTS = (MANAGEMENT, FIRST, SECOND, OTHER)
POLICIES = {
    "a": '[settings]\nrefuse = "reject"\n[doors]\nssh = "everyone"\n8001 = "everyone"\n',
    "b": '[settings]\nrefuse = "reject"\n[doors]\nssh = "everyone"\n8002 = "everyone"\n',
}
OPEN = {None: frozenset(PORTS), "a": frozenset({MANAGEMENT, FIRST}), "b": frozenset({MANAGEMENT, SECOND})}
"""Which ports let the client in, by the policy in force."""


# The program, loaded once: a child of its own does each command. To start an interpreter anew takes longer than most of them.
_READY = """
import json, os, sys
sys.path[:0] = {path!r}
import importlib
from portulan.cli.guard import parts
from portulan.cli.main import main
parts()
for name in ("guard_apply", "guard_confirm", "guard_rollback", "guard_status", "guard_cut"):
    importlib.import_module("portulan.verbs." + name)
for line in sys.stdin:
    words, folder, files = json.loads(line)
    pid = os.fork()
    if not pid:
        for number, file in enumerate(files, 1):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.chdir(folder)
        status = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Lab:
    """One host, one client, servers that take connections and forget them."""

    def __init__(self, sandbox, peers, folder, policies=None):
        self.host, self.client = sandbox.host("host", root=peers), sandbox.host("client", root=peers)
        sandbox.link(self.host, self.client)
        self.folder = Path(folder)
        for name, text in (policies or POLICIES).items():
            Path(self.folder, f"{name}.toml").write_text(text)
        self.listeners = [listen(self.host, "::", port, options=((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0),)) for port in PORTS]
        self._ready = None
        self.nft("list", "tables")  # the private root is there before anybody uses it in two threads
        for one in self.listeners:
            threading.Thread(target=_serve, args=(one,), daemon=True).start()

    def close(self):
        for one in self.listeners:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def command(self, *words):
        return [PORTULAN, "guard", *map(str, words)]

    def guard(self, *words):
        """The program on the host, as if it had been typed."""
        if self._ready is None:
            code = _READY.format(path=[path for path in sys.path if path])
            self._ready = self.host.start([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        files = [str(self.folder / name) for name in ("stdout", "stderr")]
        self._ready.stdin.write(json.dumps([["guard", *map(str, words)], str(self.folder), files]) + "\n")
        self._ready.stdin.flush()
        status = int(self._ready.stdout.readline())
        return subprocess.CompletedProcess(words, status, *(Path(file).read_text() for file in files))

    def done(self, *words):
        """The same, which must succeed; what it printed."""
        answer = self.guard(*words)
        assert answer.returncode == 0, (words, answer.stdout, answer.stderr)
        return answer.stdout

    def refused(self, *words):
        """The same, which must say no; what it complained of."""
        answer = self.guard(*words)
        assert answer.returncode == 1, (words, answer)
        return answer.stderr

    def policy(self, name):
        return ("--policy", f"{name}.toml")

    def knock(self, port, *, family=4, timeout_s=0.6):
        """Whether a new connection is let in."""
        with self.client.enter():
            one = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        with one:
            one.settimeout(timeout_s)
            try:
                one.connect((self.host.address if family == 4 else self.host.address6, port))
            except OSError:
                return False
            return True

    def verdicts(self, family=4):
        return frozenset(port for port in PORTS if self.knock(port, family=family))

    def in_force(self, family=4):
        """The name of the policy whose verdicts these are; a set of ports where there is none. A switch meanwhile is waited for."""
        for _ in range(4):
            found = self.verdicts(family)
            name = next((name for name, ports in OPEN.items() if ports == found), found)
            if not isinstance(name, frozenset):
                return name
        return name

    def nft(self, *words, text=""):
        return self.host.run(["nft", *words], text=text)

    def names(self):
        """{hash: name} of the policies."""
        return {json.loads(self.guard("status", *self.policy(name), "--json").stdout)["items"][0]["wanted"]: name for name in POLICIES}

    def table(self):
        """What the kernel says of our table."""
        done = self.nft("-t", "list", "table", "inet", "portulan")
        return Running() if done.returncode else parse_table(done.stdout)._replace(left_s=self.left_s())

    def running(self, names):
        """The name of the policy in force, by the kernel; None for none."""
        hash_ = self.table().effective
        return None if hash_ is None else names[hash_]

    def over(self, names):
        """Of the one that comes back after a trial; of the one in force where there is no trial."""
        table = self.table()
        hash_ = table.over if table.trial else table.hash
        return None if hash_ is None else names[hash_]

    def left_s(self):
        """Seconds until the trial ends, by the kernel; None where none goes on."""
        done = self.nft("list", "set", "inet", "portulan", "trial")
        return None if done.returncode else parse_left(done.stdout)

    def processes(self):
        """What runs on the host: {pid: command line}, but for us and what keeps the program ready for us.

        Somebody who only looks into its network from elsewhere (`portulan ls` does, at all of them) has another host name's namespace, and is left alone.
        """
        found, ours = {}, {os.getpid(), None if self._ready is None else self._ready.pid}
        uts = os.fstat(self.host._uts).st_ino
        for name in os.listdir("/proc"):
            if name.isdigit():
                with suppress(OSError):
                    here = os.stat(f"/proc/{name}/ns/net").st_ino == self.host.netns_inode and os.stat(f"/proc/{name}/ns/uts").st_ino == uts
                    if here and int(name) not in ours:
                        found[int(name)] = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def kill(self, pids):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait_until(self, question, timeout_s):
        """Seconds until it is true; None where it does not become so."""
        begin = time.monotonic()
        while not question():
            if time.monotonic() - begin > timeout_s:
                return None
            time.sleep(0.02)
        return time.monotonic() - begin


def _serve(listener):
    while True:
        try:
            one, _ = listener.accept()
        except OSError:
            return
        one.close()
