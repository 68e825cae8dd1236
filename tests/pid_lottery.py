"""Reused process numbers, made on purpose: in a PID namespace of its own every number is given to an innocent process as soon as it is free.

`python pid_lottery.py PORTULAN ROUNDS SEED`, as the first process of a PID namespace with its own /proc: prints one JSON object. In each round a server
with a number of its own is the holder of a port and `portulan stop` is set on it; at a moment drawn by lot the server is ended by us, and the next process,
an innocent that remembers every signal, is given its number. An innocent that was signalled is a difference.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

LAST_PID = "/proc/sys/kernel/ns_last_pid"
SIGNALS = (signal.SIGTERM, signal.SIGCONT, signal.SIGINT, signal.SIGHUP)
"""What may come; SIGKILL shows by the way it ends."""


def fork_as(pid, work):
    """A child with this number, if nobody has it; its pid. The setting is that of this PID namespace alone."""
    with open(LAST_PID, "w", encoding="ascii") as file:
        file.write(str(pid - 1))
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(70)
    return child


def serve(ready):
    """The holder: says that it is there, and waits for its end."""
    os.write(ready, b"!")
    time.sleep(60)


def innocent(ready):
    """Keeps every signal that comes, waits to be asked, and ends with the number of them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGUSR1})
    os.write(ready, b"!")
    signal.sigwait({signal.SIGUSR1})
    os._exit(len(signal.sigpending() & set(SIGNALS)))


def play(portulan, dice):
    """One round: (signals that the innocent got, whether it had the number, the verdict)."""
    one = socket.create_server(("127.0.0.1", 0))
    port = one.getsockname()[1]
    number = dice.randrange(2_000, 30_000)
    read_end, write_end = os.pipe()
    victim = fork_as(number, lambda: serve(write_end))
    os.read(read_end, 1)
    one.close()
    stop = subprocess.Popen(
        [portulan, "stop", str(port), "-y", "--json", "--wait", "0.05"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    time.sleep(dice.uniform(0, 0.2))
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)

    other = fork_as(victim, lambda: innocent(write_end))
    os.read(read_end, 1)
    answer = stop.communicate()[0]
    ended, status = os.waitpid(other, os.WNOHANG)
    if not ended:
        os.kill(other, signal.SIGUSR1)
        _, status = os.waitpid(other, 0)
    hits = os.waitstatus_to_exitcode(status)
    os.close(read_end)
    os.close(write_end)
    return hits, other == victim, json.loads(answer)["verdict"] if answer else "none"


def main():
    portulan, rounds, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    dice = random.Random(seed)
    found, figures = [], {"rounds": 0, "numbers given to an innocent": 0}
    for at in range(rounds):
        hits, same, verdict = play(portulan, dice)
        figures["rounds"] += 1
        figures["numbers given to an innocent"] += same
        figures[f"answer {verdict}"] = figures.get(f"answer {verdict}", 0) + 1
        if hits:
            found.append(f"round {at}: the innocent process was hit ({hits}), the answer was {verdict}")
    json.dump([found, figures], sys.stdout)


if __name__ == "__main__":
    main()
