"""Daemons for lab tests: made to slip away, and watched by descriptor so that no reused pid is mistaken for them."""

import os
import select
import sys
import time
from pathlib import Path

# A process that does all a daemon does: a session of its own, its parent gone, no environment, another name, no streams.
DAEMON = """
import ctypes, os, sys
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
null = os.open("/dev/null", os.O_RDWR)
for stream in range(3):
    os.dup2(null, stream)
{more}
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
os.execve(sys.executable, ["innocent", "-c", "import time; time.sleep(600)"], {{}})
"""


def start_daemon(host, path, more=""):
    """Start one, and return a descriptor of it."""
    assert host.run([sys.executable, "-c", DAEMON.format(more=more), path]).returncode == 0
    return open_daemon(path)


def open_daemon(path):
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return os.pidfd_open(int(path.read_text()))


def has_ended(process, timeout_s=0):
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def traces(inode):
    """Processes, and descriptors of processes, that keep a network namespace alive."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/net").stat().st_ino == inode:
                found.append(str(process))
            found += [str(each) for each in (process / "fd").iterdir() if os.readlink(each) == f"net:[{inode}]"]
        except OSError:
            pass
    return found
