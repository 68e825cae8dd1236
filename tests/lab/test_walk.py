"""The walk over /proc in two processes: the same answer as in one, whatever happens to the second."""

import json
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.lab
PRELUDE = """
import json, os, socket, sys
from portulan.system.linux import walk
listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(40)]
many = [os.dup(each.fileno()) for each in listeners for _ in range(150)]  # enough for two, and in one table
truth = {}
for descriptor in (*(each.fileno() for each in listeners), *many):
    truth.setdefault(os.fstat(descriptor).st_ino, set()).add((os.getpid(), descriptor))
forks = []
def fork(real=os.fork):
    forks.append(1)
    return real()
walk.os.fork = fork
def answer(**more):
    walked = walk.Walk(truth, **more)
    same = {inode: set(held) for inode, held in walked.found.items()} == truth
    once = all(len(held) == len(set(held)) for held in walked.found.values())
    print(json.dumps({"forks": len(forks), "same": same, "once": once, "seen": [os.getpid()] == list(walked.seen)}))
"""


def run(script):
    done = subprocess.run([sys.executable, "-c", PRELUDE + textwrap.dedent(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("threads", [False, True])
def test_two_processes_find_what_one_finds(threads):
    two = run(f"os.sched_getaffinity = lambda _: {{0, 1}}\nanswer(threads={threads})")
    one = run(f"os.sched_getaffinity = lambda _: {{0}}\nanswer(threads={threads})")
    assert two == {"forks": 1, "same": True, "once": True, "seen": True}
    assert one == {"forks": 0, "same": True, "once": True, "seen": True}


@pytest.mark.parametrize(
    "end",
    ["os.kill(os.getpid(), 9)", "os._exit(0)", "raise MemoryError", "os.write(0, b'['); os._exit(0)"],
    ids=["killed", "left", "raised", "cut"],
)
def test_the_second_process_may_die(end):
    assert run(f"""
        os.sched_getaffinity = lambda _: {{0, 1}}
        def die(self, share):
            {end}
        walk.Walk._result_of = die
        answer()
    """) == {"forks": 1, "same": True, "once": True, "seen": True}


def test_children_buried_by_the_kernel():
    assert run("""
        import signal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        os.sched_getaffinity = lambda _: {0, 1}
        answer()
    """) == {"forks": 1, "same": True, "once": True, "seen": True}


def test_a_program_with_threads_is_not_copied():
    assert run("""
        import threading
        os.sched_getaffinity = lambda _: {0, 1}
        done = threading.Event()
        threading.Thread(target=done.wait).start()
        try:
            answer()
        finally:
            done.set()
    """) == {"forks": 0, "same": True, "once": True, "seen": True}


def test_the_copy_holds_nothing_open():
    assert run("""
        os.sched_getaffinity = lambda _: {0, 1}
        real, open_there = walk.Walk._result_of, []
        def look(self, share):
            names = os.listdir("/proc/self/fd")
            found, seen, forbidden = real(self, share)
            return found, seen, forbidden if len(names) == 2 else 1_000_000  # its pipe, and the folder just read
        walk.Walk._result_of = look
        walked = walk.Walk(truth)
        print(json.dumps(walked.forbidden < 1_000_000))
    """)
