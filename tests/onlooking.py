"""`portulan scanners` at work on a host of a sandbox, and scans for it to see."""

import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from labs import PORTULAN

SERVE = "import socket, time; doors = [socket.create_server(('', port), backlog=64) for port in (22, 443)]; time.sleep(60)"


def scan(there, here, *words):
    done = there.run(["nmap", "-n", "-Pn", "-F", "--disable-arp-ping", *words, here.address])
    assert done.returncode == 0, done.stderr


@contextmanager
def listening(here, *words):
    """`portulan scanners` from when it hears until it has told what it heard; afterwards `.told`, `.said` and `.status`."""
    ears = here.start([PORTULAN, "scanners", "--duration", "120", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not hears(here):
        assert ears.poll() is None, ears.stderr.read()
        time.sleep(0.05)
    yield ears
    first = ears.stdout.readline()  # it is told while it listens
    time.sleep(1.5)
    ears.send_signal(signal.SIGINT)
    rest, ears.said = ears.communicate(timeout=60)
    ears.told, ears.status = first + rest, ears.returncode


def hears(host):
    """Whether anybody has a packet socket there."""
    with host.enter():
        return len(Path("/proc/thread-self/net/packet").read_text("ascii").splitlines()) > 1
