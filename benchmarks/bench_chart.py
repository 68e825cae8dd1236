"""The chart against ss, lsof and psutil: idle and under load. Answers are checked first; then medians of interleaved runs, as ratios.

python benchmarks/bench_chart.py [--runs 7] [--idle-only]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time

from load import FIRST_PORT, Loaded, load
from timing import ROOT, USER, Timed, command, interleaved, peak_mib, user_environment, user_install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PORT = FIRST_PORT + 100
PSUTIL = (
    "import psutil\n"
    "for c in psutil.net_connections('inet'):\n"
    "    if c.status == 'LISTEN' or c.type == 2:\n"
    "        print(c.laddr, c.pid, psutil.Process(c.pid).name() if c.pid else None)\n"
)


def inside(loaded: Loaded, words: list[str]) -> Callable[[], None]:
    """The command in the loaded namespace, without its output."""
    run = command(words)

    def there() -> None:
        with loaded.main.enter():
            run()

    return there


def check(loaded: Loaded, portulan: str) -> None:
    """Portulan's answer equals a brute-force walk: every listening TCP and bound UDP socket of the three namespaces with all its (pid, fd)."""
    with loaded.main.enter():
        answer = json.loads(subprocess.run([portulan, "ls", "--json"], capture_output=True, check=True, env=user_environment()).stdout)
    spaces = {host.netns_inode for host in (loaded.main, *loaded.others)}
    ours = {
        (item["netns"], item["transport"], item["port"], socket["inode"]): frozenset(
            (owner["pid"], owner["fd"]) for owner in item["owners"] or ()
        )
        for item in answer["items"]
        if item["netns"] in spaces
        for socket in item["sockets"]
    }
    truth = brute_force(loaded)
    if ours != truth:
        different = [key for key in ours.keys() | truth.keys() if ours.get(key) != truth.get(key)]
        print(f"answers differ in {len(different)} of {len(truth)} sockets, first {sorted(different)[:3]}", file=sys.stderr)
        sys.exit(1)
    print(f"checked: {len(truth)} sockets in {len(spaces)} namespaces, every holder equal to a walk over /proc")


def brute_force(loaded: Loaded) -> dict[tuple[int, str, int, int], frozenset[tuple[int, int]]]:
    """The same from /proc/net of each namespace and every /proc/PID/fd."""
    holders: dict[int, set[tuple[int, int]]] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:["):
                    holders.setdefault(int(target[8:-1]), set()).add((int(pid), int(name)))
        except OSError:
            continue
    found = {}
    for host in (loaded.main, *loaded.others):
        with host.enter():
            for file, transport, states in (
                ("tcp", "tcp", ("0A",)),
                ("tcp6", "tcp", ("0A",)),
                ("udp", "udp", ("07",)),
                ("udp6", "udp", ("07",)),
            ):
                with open(f"/proc/thread-self/net/{file}", encoding="ascii") as lines:
                    for line in list(lines)[1:]:
                        fields = line.split()
                        if fields[3] in states:
                            key = (host.netns_inode, transport, int(fields[1].rpartition(":")[2], 16), int(fields[9]))
                            found[key] = frozenset(holders.get(int(fields[9]), ()))
    return found


def report(title: str, timed: dict[str, Timed], base: str, wanted: dict[str, float]) -> None:
    """Rows: median, range, ratio to the first of ours, what was asked for."""
    print(f"\n{title}")
    for name, one in timed.items():
        ratio = one.median_ms / timed[base].median_ms
        goal = f"   asked: {wanted[name]:g}" if name in wanted else ""
        print(f"  {name:<34} {one.median_ms:8.1f} ms  ({min(one.wall_ms):.0f}-{max(one.wall_ms):.0f})  x {ratio:5.2f}{goal}")


def bench_idle(portulan: str, runs: int) -> None:
    """Start-up: against an interpreter that does nothing, which is the floor."""
    python = str(USER / "bin" / "python")
    commands = {
        "python -c pass": command([python, "-c", "pass"]),
        "portulan": command([portulan]),
        f"portulan {PORT}": command([portulan, str(PORT)]),
    }
    commands["ss -tulpn"] = command(["ss", "-tulpn"])
    if shutil.which("lsof"):
        commands[f"lsof -i :{PORT}"] = command(["lsof", "-nP", "-i", f":{PORT}"])
    report("idle (asked: portulan under 6, portulan PORT under 5)", interleaved(commands, runs), "python -c pass", {})


def bench_loaded(loaded: Loaded, portulan: str, runs: int) -> None:
    """The figures of the chart under load."""
    python = str(USER / "bin" / "python")
    full = {"portulan ls --json": inside(loaded, [portulan, "ls", "--json"])}
    full["portulan ls --json --source proc"] = inside(loaded, [portulan, "ls", "--json", "--source", "proc"])
    full["portulan (the table)"] = inside(loaded, [portulan])
    full["ss -Htulpn, one namespace"] = inside(loaded, ["ss", "-Htulpn"])

    def three() -> None:
        for host in (loaded.main, *loaded.others):
            with host.enter():
                command(["ss", "-Htulpn"])()

    full["ss -Htulpn, each of the three"] = three
    full["psutil"] = inside(loaded, [python, "-c", PSUTIL])
    full["lsof -nP -i"] = inside(loaded, ["lsof", "-nP", "-iTCP", "-sTCP:LISTEN", "-iUDP"])
    timed = interleaved(full, runs)
    report("full inventory, all owners, 2,000 listeners, 50,000 established", timed, "portulan ls --json",
           {"ss -Htulpn, one namespace": 4, "ss -Htulpn, each of the three": 9, "psutil": 7, "lsof -nP -i": 8})  # fmt: skip
    ratio = timed["ss -Htulpn, one namespace"].median_ms / timed["portulan ls --json --source proc"].median_ms
    print(f"  without BPF: ss takes {ratio:.2f} times as long   asked: 1.5")
    one = {
        f"portulan {PORT}": inside(loaded, [portulan, str(PORT)]),
        f"ss -Htlnp sport = :{PORT}": inside(loaded, ["ss", "-Htlnp", f"sport = :{PORT}"]),
        f"lsof -i :{PORT}": inside(loaded, ["lsof", "-nP", f"-iTCP:{PORT}", "-sTCP:LISTEN"]),
    }
    report("one port, all owners", interleaved(one, runs), f"portulan {PORT}", {f"ss -Htlnp sport = :{PORT}": 6, f"lsof -i :{PORT}": 15})


def bench_memory(loaded: Loaded, portulan: str) -> None:
    """Peak memory under that load."""
    print()
    with loaded.main.enter():
        for words in (["ls", "--json"], ["ls"], ["ls", "--json", "--source", "proc"], [str(PORT)]):
            print(f"  portulan {' '.join(words):<28} {peak_mib([portulan, *words]):6.1f} MiB   asked: under 60")


def bench_rows(number: int = 1_000_000) -> None:
    """Parsing sock_diag answers (synthetic bytes): columns of a million sockets."""
    import numpy as np

    from portulan.wire.sock_diag_bulk import build_sample, parse_bulk

    data = build_sample(number)
    begun_s = time.perf_counter()
    table = parse_bulk([data])
    taken_s = time.perf_counter() - begun_s
    assert len(table) == number
    assert int(np.bitwise_xor.reduce(table["inode"])) == int(np.bitwise_xor.reduce(np.arange(1, number + 1, dtype=np.uint32)))
    print(f"\n{number:,} rows of sock_diag parsed in {taken_s:.3f} s   asked: under 1")


def main() -> None:
    """Check, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--idle-only", action="store_true")
    parser.add_argument("--rows", action="store_true", help="only the million rows")
    options = parser.parse_args()
    if options.rows:
        bench_rows()
        return
    os.chdir(ROOT)
    portulan = str(user_install())
    print(
        f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, median of {options.runs} interleaved runs"
    )
    # In a process of its own: what it takes in memory would be counted against every command started after it.
    subprocess.run([sys.executable, __file__, "--rows"], check=True)
    bench_idle(portulan, options.runs * 3)
    if not options.idle_only:
        with load() as loaded:
            check(loaded, portulan)
            bench_loaded(loaded, portulan, options.runs)
            bench_memory(loaded, portulan)


if __name__ == "__main__":
    main()
