"""A loaded machine to measure on: 200 processes with 2,000 TCP listeners, 160 bound UDP sockets and 50,000 established sockets, in a closed sandbox.

Three network namespaces: `main` holds everything but a tenth of the listeners and half of the UDP sockets, which live in two more. Every fourth process shares
its listeners with a child, as pre-forked servers do. Used by the benchmarks and by the tests that compare with ss and /proc.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portulan.system.sandbox import Host, Sandbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

FIRST_PORT = 2_000
READY = "ready"
_START_TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; the defaults are the figures that are quoted."""

    processes: int = 160
    shared: int = 40
    """Children that share their parent's listeners; part of no other figure."""
    listeners: int = 2_000
    udp: int = 160
    established: int = 50_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """The running load."""

    sandbox: Sandbox
    main: Host
    others: tuple[Host, ...]
    size: Size


@contextmanager
def load(size: Size | None = None) -> Iterator[Loaded]:
    """Build the load, and take it away again."""
    size = size or Size()
    with Sandbox() as sandbox:
        hosts = [sandbox.host(name) for name in ("main", "second", "third")]
        tenth = size.listeners // 20
        shares = (
            (size.processes - 20, size.shared, size.listeners - 2 * tenth, size.udp // 2, size.established),
            (10, 0, tenth, size.udp // 4, 0),
            (10, 0, tenth, size.udp // 4, 0),
        )
        started = [_start(host, share) for host, share in zip(hosts, shares, strict=True)]
        for process in started:
            _await(process)
        yield Loaded(sandbox, hosts[0], tuple(hosts[1:]), size)


def _start(host: Host, share: tuple[int, int, int, int, int]) -> subprocess.Popen[str]:
    import subprocess

    return host.start([sys.executable, "-I", str(Path(__file__).resolve()), *map(str, share)], stdout=subprocess.PIPE)


def _await(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    line = process.stdout.readline()
    if line.strip() != READY or time.monotonic() > deadline_s:
        message = f"the load did not start: {line!r}"
        raise RuntimeError(message)


def _parts(total: int, number: int) -> list[int]:
    """`total` in `number` parts as even as can be."""
    return [total // number + (at < total % number) for at in range(number)]


def _main(processes: int, shared: int, listeners: int, udp: int, established: int) -> None:
    """Hold one namespace's share of the load until the parent goes."""
    ready, told = os.pipe()
    pids = []
    port = FIRST_PORT
    for at, (tcp, datagram, connections) in enumerate(
        zip(_parts(listeners, processes), _parts(udp, processes), _parts(established // 2, processes), strict=True)
    ):
        pid = os.fork()
        if pid == 0:
            _hold(port, tcp, datagram, connections, forks=at < shared)
            os.write(told, b".")
            _wait_for_orphanhood()
        pids.append(pid)
        port += tcp
    for _ in pids:
        os.read(ready, 1)
    print(READY, flush=True)
    try:
        _wait_for_orphanhood()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def _hold(port: int, tcp: int, datagram: int, connections: int, *, forks: bool) -> None:
    """One process: its listeners, its UDP sockets, and connections to its own first listener, both ends here."""
    keep = [_listen(port + at, at) for at in range(tcp)]
    for at in range(datagram):
        one = socket.socket(socket.AF_INET6 if at % 2 else socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("", port + at))
        keep.append(one)
    if forks and os.fork() == 0:
        _wait_for_orphanhood()
    server = _listen(port, 0, "127.1.1.1") if connections else None
    for _ in range(connections):
        assert server is not None
        client = socket.socket()
        client.connect(("127.1.1.1", port))
        keep += (client, server.accept()[0])
    if server is not None:
        server.close()
    globals()["_kept"] = keep


def _listen(port: int, at: int, address: str = "") -> socket.socket:
    """A listener: in turn on loopback, on all IPv4 addresses, on all IPv6 ones only, on both."""
    family = socket.AF_INET6 if not address and at % 4 > 1 else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, at % 2)
    one.bind((address or ("127.0.0.1" if at % 4 == 0 else "::" if family == socket.AF_INET6 else "0.0.0.0"), port))
    one.listen(128)
    return one


def _wait_for_orphanhood() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
