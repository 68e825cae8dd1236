"""Guard prove: every port of TCP and UDP, IPv4 and IPv6, as three classes of senders (office, everyone else, the host itself), in a whole process. The answer is checked first.

python benchmarks/bench_guard_prove.py [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from portulan.system.sandbox.host import Host

ROOT = Path(__file__).resolve().parent.parent
ASKED_S = 60
POLICY = """
[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
[doors]
https = "everyone"
smtp = "everyone"
ssh = { from = "office", limit = "10/minute" }
"5432/tcp" = "office"
"8000-8010/tcp" = "this-host"
"""
OPEN = {
    ("input", "everyone", "tcp"): "25,443", ("input", "everyone", "udp"): "443", ("input", "office", "tcp"): "22,25,443,5432", ("input", "office", "udp"): "443",
    ("local", "this-host", "tcp"): "0-65535", ("local", "this-host", "udp"): "0-65535",
}  # fmt: skip
EVERY_PORT = 65_536


def prove(host: Host, *words: str) -> tuple[float, dict[str, Any]]:
    """Prove it: (seconds, the certificate)."""
    begun = time.perf_counter()
    done = host.run([sys.executable, "-m", "portulan", "guard", "prove", "--policy", "/portulan.toml", "--json", *words], timeout_s=600)
    took = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"not proved: {done.stdout[:2000]}{done.stderr}")
    return took, json.loads(done.stdout)


def check(answer: dict[str, Any]) -> None:
    """Every class sent to every port, by both versions, and what is open is what the policy opens."""
    seen: dict[tuple[str, str, str], dict[bool, str]] = {}
    for row in answer["items"]:
        if row["whole"] and row["sent"] == EVERY_PORT and row["road"] in ("input", "local"):
            name = "office" if "office" in row["names"] else row["names"][0]
            seen.setdefault((row["road"], name, row["transport"]), {})[":" in row["sender"]] = row["ports"]
    wrong = {key: seen.get(key) for key, ports in OPEN.items() if seen.get(key) != {False: ports, True: ports}}
    if wrong or answer["differences"] or answer["message_differences"]:
        sys.exit(f"a wrong answer: {wrong} {answer['differences']}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    from portulan.system.sandbox import Sandbox
    from portulan.system.sandbox.root import open_root

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Sandbox() as sandbox:
        host = sandbox.host("tester", root=open_root(ROOT / ".cache/roots/peers"))
        host.run(["sh", "-c", "cat > /portulan.toml"], text=POLICY)
        answers = [prove(host) for _ in range(runs)]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        quick, _ = prove(host, "--quick")
    for _, answer in answers:
        check(answer)
    took = statistics.median(seconds for seconds, _ in answers)
    packets = answers[0][1]["packets"]
    busy = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / runs
    share = took / ASKED_S
    print(
        f"{packets:,} packets, published ports and ICMP among them: {took:.1f} s, {share:.2f} of the {ASKED_S} s asked for; {busy:.1f} s on processors"
    )
    print(f"--quick: {quick:.1f} s")


if __name__ == "__main__":
    main()
