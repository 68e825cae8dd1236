"""`portulan why PORT` against lsof under the load of the chart's benchmark. Answers are checked first; then medians of interleaved runs, as ratios.

python benchmarks/bench_why.py [--runs 7]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from bench_chart import inside, report
from load import FIRST_PORT, Loaded, load
from timing import ROOT, command, interleaved, user_environment, user_install

TAKEN, FREE, CLOSED = FIRST_PORT + 100, 65_000, FIRST_PORT
"""A listener's port; a free one; a listener's with hundreds of connections on it."""
ASKED = 10


def check(loaded: Loaded, portulan: str) -> None:
    """The answers are true: judged by the kernel, which is asked to bind, and by a walk over /proc for the holder."""
    for port, cause in ((TAKEN, "listener"), (FREE, "free"), (CLOSED, "listener")):
        with loaded.main.enter():
            done = subprocess.run([portulan, "why", str(port), "--json"], capture_output=True, check=False, env=user_environment())
            lsof = subprocess.run(["lsof", "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"], capture_output=True, text=True, check=False)
        answer = json.loads(done.stdout)
        held = {owner["pid"] for holder in answer["holders"] for owner in holder["endpoint"]["owners"] or ()}
        if (answer["cause"], held) != (cause, set(map(int, lsof.stdout.split()))):
            print(f"{port}: {answer['cause']}, held by {held}; lsof: {lsof.stdout.split()}", file=sys.stderr)
            sys.exit(1)
        bind = "import socket, sys; s = socket.create_server(('', int(sys.argv[1]))); s.close()"
        with loaded.main.enter():
            free = not subprocess.run([sys.executable, "-c", bind, str(port)], capture_output=True, check=False).returncode
        if free is not (answer["answer"] == "yes"):
            print(f"{port}: said {answer['answer']}, but bind says {'yes' if free else 'no'}", file=sys.stderr)
            sys.exit(1)
    print("checked: a listener's port, a free one, and one with connections; cause by bind(2), holders by lsof")


def main() -> None:
    """Check, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    os.chdir(ROOT)
    portulan = str(user_install())
    print(
        f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, median of {options.runs} interleaved runs"
    )
    with load() as loaded:
        check(loaded, portulan)
        timed = interleaved(
            {
                f"portulan why {TAKEN} (a listener)": inside(loaded, [portulan, "why", str(TAKEN)]),
                f"portulan why {FREE} (free)": inside(loaded, [portulan, "why", str(FREE)]),
                f"portulan {TAKEN}": inside(loaded, [portulan, str(TAKEN)]),
                f"lsof -i :{TAKEN}": inside(loaded, ["lsof", "-nP", "-i", f":{TAKEN}"]),
                f"lsof -i :{FREE}": inside(loaded, ["lsof", "-nP", "-i", f":{FREE}"]),
                "python -c pass": command([sys.executable, "-c", "pass"]),
            },
            options.runs,
        )
    report("why, all owners", timed, f"portulan why {TAKEN} (a listener)", {f"lsof -i :{TAKEN}": ASKED, f"lsof -i :{FREE}": ASKED})


if __name__ == "__main__":
    main()
