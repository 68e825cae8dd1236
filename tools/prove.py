#!/usr/bin/env python3
"""The proofs at their full counts, over all cores, taking up where they were interrupted; what they found goes into docs/proof.md.

.venv/bin/python tools/prove.py                     everything
.venv/bin/python tools/prove.py churn --jobs 1      one proof, one process
.venv/bin/python tools/prove.py churn --seed 17     one seed once more, to look into it: nothing is recorded

A proof is a function: seed -> (differences, figures). A difference is a sentence; figures are counts that are added up over all seeds.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
STATE = REPOSITORY / ".cache/prove"
REPORT = REPOSITORY / "docs/proof.md"
SEARCHED = ("tests", "benchmarks", "src")
"""Where proofs and what they use lie."""
_MOST_SHOWN = 20
_MOST_SEEDS = 20
"""Seeds that one process tries: an interpreter takes longer to start than a short proof."""
_PREFACE = (
    "Written by `make prove` (tools/prove.py), which runs each proof with the seeds 1 to N against the running kernel, in closed network "
    "namespaces. A difference is a contradiction between Portulan and a judge that knows nothing of its code. `make test` runs the same proofs "
    "on a sample, with other seeds each day."
)
INTERRUPTED = 130


Result = tuple[int, list[str], dict[str, int], float]
"""Seed, differences, figures, seconds."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing to prove."""

    name: str
    total: int
    """Seeds 1 to this many."""
    function: str
    """`module:function`, below one of the SEARCHED folders."""
    claim: str
    """What no difference means, for the report."""


PROOFS = (
    Proof(
        "loaded", 3, "proofs:loaded",
        "On a machine with 200 processes, 2,160 servers and 50,000 connections in three network namespaces the chart, by BPF and by /proc, is what "
        "`ss` says in each namespace and what a walk by hand over /proc finds: addresses, IPv6-only flags, users, queues, drops, every holder.",
    ),
    Proof(
        "sockets", 300, "proofs:sockets",
        "Of sockets drawn by lot (families, addresses, options, interfaces, states, holders) the chart says what `ss` and /proc say.",
    ),
    Proof(
        "connections", 1_000, "proofs:connections",
        "The connections counted behind each listener are those that the kernel gave it to accept; where an interface decides, nothing is said.",
    ),
    Proof(
        "binding", 400, "proofs:binding",
        "Of sockets on a port drawn by lot (addresses of both families, wildcards, mapped ones, interfaces, SO_REUSEADDR and SO_REUSEPORT, users, IPv6-only, "
        "TCP and UDP, bound, listening, connected, accepted, closing, options set after bind) and one socket more, the rule of `portulan why`, with the machine "
        "read as `why` reads it, says whether the kernel lets that one be bound and listen. Pairs agree in every case. With two to four sockets there "
        "already it never says free of what is not; where it says taken and the kernel is more lenient is counted.",
    ),
    Proof(
        "churn", 100, "proofs:churn",
        "While workers in two network namespaces open, close, copy, inherit and hand over sockets, each step logged with its time, nothing is missed "
        "and nothing is false: a socket open all through a look is shown, with a holder if it was held, with all that held it throughout; nothing "
        "is shown that was closed before, and nobody who never held it then.",
    ),
    Proof(
        "churn-as-user", 100, "proofs:churn_as_user",
        "The same for an ordinary user looking at processes of their own, where nearly all others are closed to them.",
    ),
    Proof(
        "stop-reused-numbers", 100, "proofs:reused_numbers",
        "While `portulan stop` is at work its holder ends at a moment drawn by lot and its process number is given to an innocent process, which "
        "remembers every signal: none is ever hit.",
    ),
    Proof(
        "lease-kill", 50, "leasing:lease_kill",
        "Whoever takes, keeps or gives back a lease is killed (SIGKILL) at random moments, twenty a seed and more: no lease is left whose keeper is "
        "dead, no keeper that no lease names, no port that two have, no name that cannot go on at once, no note that loses its number.",
    ),
    Proof(
        "lease-storm", 10, "leasing:lease_storm",
        "1,000 leases at once, out of the very range that the kernel hands to clients, while strangers bind any port and connect from any without "
        "end: no leased port goes to a stranger, every server binds over its lease, and where the socket was handed over every client that came before the "
        "server is served.",
    ),
    Proof(
        "declared", 200, "proofs_declared:servers",
        "Real servers (nginx, Apache httpd, lighttpd, sshd, PostgreSQL, MariaDB, Redis), started from files that `conflicts` has read, listen exactly where it "
        "said, by the chart and by `ss`; of two servers with files drawn by lot the second fails to start if, and only if, they were said to collide; and one "
        "whose own lines were said to collide does not come up.",
    ),
    Proof(
        "reach-packets", 200, "proofs_reach:packets",
        "Of rules drawn by lot (both IP versions, TCP and UDP, input, forward, DNAT and redirect, ingress and egress, several base chains, sets, maps, jumps, marks, "
        "interfaces, conntrack) 5,000 real packets each fare as the simulation says, both that of one packet and that of all senders and ports at once, by the word of a last chain of the kernel: let through or not, and where they "
        "come out. Where it says maybe, it names a rule that has something nobody can know beforehand.",
    ),
    Proof(
        "reach-rules", 220, "proofs_reach:rules",
        "Of such packets the very rules and policies match, in their order, that the kernel's own trace (`nft monitor trace`) tells.",
    ),
    Proof(
        "scan", 224, "proofs_scan:cases",
        "Of 65,536 ports of a host, 1,000 of them open (UDP: twelve services that answer, 1,000 that do not), `portulan scan` misses none and invents none, and every "
        "state is right as far as it can be told from outside: IPv4 and IPv6, by SYN, by connect and by UDP, with 0, 1, 5 and 20 % of packets lost each way, 0, 10 and "
        "100 ms of round trip, resets limited to 1,000 a second, firewalls that drop (30,000 ports, or all but ten), reject, or forge resets on the host or on a router, "
        "a tarpit, a SYN proxy on the host or on a router; every two of these meet. What cannot be told (`tests/scan_lab.py`, `Truth.expected`): a port behind a limit on resets that has not answered "
        "in time is closed|filtered and the scan says so; a reset that the host's own firewall forges is one of a closed port; by connect, who sent a reset; by "
        "UDP, a service that does not answer from a firewall that drops.",
    ),
    Proof(
        "scan-networks", 6, "proofs_scan:networks",
        "Of a network with 65,536 addresses and one open port each, `portulan scan` finds 65,536, by SYN and by connect, with and without loss.",
    ),
    Proof(
        "scan-udp-limited", 20, "proofs_scan:limited",
        "Where the target's kernel refuses datagrams once a second, as kernels do, `portulan scan --method udp` finds the services that answer, says nothing false, and does "
        "not call exact what is not.",
    ),
    Proof(
        "scan-resume", 40, "proofs_scan_resume:killed",
        "A scan of 20,000 ports by SYNs or connections, IPv4 or IPv6, with and without loss, killed (SIGKILL) five times at moments drawn by lot and gone on with "
        "each time, finds every open port, says every state right, counts no port twice, and asks no more than an uninterrupted one and what fits into one second a kill.",
    ),
    Proof(
        "path-verdicts", 100, "proofs_path:verdicts",
        "On chains of 5 to 8 routers, a third of them with 20 ms of delay, IPv4 and IPv6 by lot, an ordinary user without any rights (uid 65534) is told what we made of the way: 26 scenarios, each once a seed (open, closed and mute ports, "
        "TCP, UDP and ICMP; dropped on the way, before routing, by the host, with everything else; resets forged on the way and by the last gateway; rejected with four codes; no route; a loop; nothing at "
        "all; losses; a router that hides), with the right hop, address, state, and as sure as can be.",
    ),
    Proof(
        "path-limits", 100, "proofs_path:limited",
        "A router that limits its ICMP errors, watched faster than that: what it withholds is said to be withheld, and never to be loss of the path.",
    ),
    Proof(
        "path-shared", 100, "proofs_path:shared",
        "Where two ways share the load by ports, one flow (UDP always, TCP with CAP_NET_RAW) goes one of them, and a trace says truly whether it was one flow.",
    ),
    Proof(
        "path-times", 100, "proofs_path_times:times",
        "Round trips of ping and trace against the kernel's stamps of the packets themselves (AF_PACKET; a probe leaves at some time between its stamps at the two ends of its first link, as a rule some microseconds apart), at 0, 10 and 40 ms of delay: within 50 us and 2 % for UDP and open TCP ports, but for probes between whose time stamp and departure the process was interrupted (counted, and said by the probe itself); the others not "
        "farther off than they say. The neighbour's link-layer address is known beforehand.",
    ),
    Proof(
        "path-mtr", 100, "proofs_path_times:beside_mtr",
        "Of the very probes that mtr sends (captured), on paths with losses, our loss, mean, least, greatest, deviation and jitter are those that mtr prints: losses within one probe, the others within 0.3 ms and "
        "what mtr was woken late by, as its greatest shows.",
    ),
    Proof(
        "captures", 400, "proofs_captures:against_loop",
        "Captures drawn by lot (pcap in all dialects, pcapng with sections of both byte orders, interfaces of any clock that come at any place, packets in all three forms, packets that look "
        "like records), two of three of them spoilt (bytes changed, lost, added, lengths that land anywhere, cut off), read with windows from 1 byte on, in pieces that begin where it was guessed, at "
        "records, or anywhere, with and without going on behind damage: each packet's bytes, length, time, interface and place, how the file ends and where, and what was passed over are those of a plain loop.",
    ),
    Proof(
        "captures-cut", 60, "proofs_captures:cut_and_flipped",
        "Of a small capture every truncation, and every byte of a header changed in four ways, reads as the plain loop reads it.",
    ),
    Proof(
        "traffic-stacks", 400, "proofs_traffic:stacks",
        "Packets of every stack of headers that is read (Ethernet with VLAN tags, QinQ, MPLS, PPPoE, SNAP, FabricPath, 802.1ah, 802.1BR; SLL, SLL2, raw IP, loopback, PPP; IPv4 options and "
        "fragments, IPv6 extension and routing headers; GRE, VXLAN, IP in IP, 6in4, MPLS in IP, from outside and inside; TCP, UDP, SCTP, DCCP, UDP-Lite, ICMP errors), a fifth of them cut anywhere, are "
        "told as they were made: addresses, ports, flags, payload, flows, what ICMP refused, and why the others have no ports.",
    ),
    Proof(
        "traffic-laws", 400, "proofs_traffic:laws",
        "The table of flows is the same in whatever batches packets come, in whatever order, in however many tables that are merged, with whatever hash (one of 0 bits too), and it is that of a plain loop.",
    ),
    Proof(
        "traffic-caps", 400, "proofs_traffic:caps",
        "With a cap, no more flows than that are told apart, and every packet is counted once: with a flow, by a reason, or as past the cap.",
    ),
    Proof(
        "traffic-truncations", 200, "proofs_traffic:damage",
        "Every truncation of packets of every stack, and every byte of their headers changed: each is told or counted aside, and nothing is believed that is not there.",
    ),
    Proof(
        "traffic-pieces", 200, "proofs_traffic:pieces",
        "Several files are one capture, in any order; read in pieces that begin at true or false guesses, by workers of which some fail, they give what one process reads.",
    ),
    Proof(
        "traffic-processes", 50, "proofs_traffic_live:processes",
        "While four programs make 240 connections to ports of three servers, most of them over in less than a millisecond (TCP and UDP, both IP versions; ended by either "
        "side, by a reset, by half, or refused), `portulan traffic` names the process of each flow, on the host that asks and on the one that answers, and nobody else; "
        "no packet that the interface counted is missing.",
    ),
    Proof(
        "scanners", 66, "proofs_scanners:single",
        "Each scan made for real, captured at its target, is reported by `portulan scanners`, and nobody else is: nmap (-sS -sT -sU -sF -sN -sX -sA -sW -sM -sY, -T2 to -T5, decoys, fragments, "
        "a source port of 53, networks), masscan, zmap and our own (SYN, connect, UDP, a network), with a host that refuses and with one whose firewall drops; after six first contacts at most, judged by "
        "answers alone and by what the host has open.",
    ),
    Proof(
        "scanners-slow", 12, "proofs_scanners:slow",
        "The same at the pace of -T1 (15 s), -T0 (five minutes) and one port a minute, by a clock that is not real: recorded contacts are played again so far apart.",
    ),
    Proof(
        "scanners-ordinary", 40, "proofs_scanners:ordinary",
        "Of 1,000 clients of a busy server with 5 % dead ports, of the web, of a server that is down, of 300 behind one address, of peers of which most are gone, of logs, traces and what is "
        "meant for all of a link, nobody is reported.",
    ),
    Proof(
        "guard-kills", 100, "proofs_guard_life:kills",
        "`guard apply`, `confirm` and `rollback`, each killed with SIGKILL at a moment drawn by lot (all processes there, or only ours, only nft, only the tidier): the very next thing, a new connection to "
        "the management port, is let in; the verdicts are those of the rules before or of the rules asked for; and a trial that nobody touches any more, with no process of ours alive, ends by the "
        "kernel's own timer, no more than 0.2 s from its time. One command makes an end of whatever was left.",
    ),
    Proof(
        "guard-late", 50, "proofs_guard_life:late",
        "A confirmation that comes when the trial is about to end lasts, or changes nothing and says that it was too late: never anything between.",
    ),
    Proof(
        "guard-streams", 20, "proofs_guard_life:streams",
        "TCP connections that send in one direction only (IPv4 and IPv6, opened from either side, in either direction), and idle ones, that began on a host which tracked no connections, live through rules being "
        "applied, going back by themselves, confirmed, rolled back and taken away: not one segment has to be sent again.",
    ),
    Proof(
        "guard-power", 10, "proofs_guard_life:power_cuts",
        "The power cut after every system call on files that `apply`, `confirm` and `rollback` make, with all that a file system may then have kept (data not synced lost, half there or whole; names not synced so or "
        "not): what a boot loads is whole and was confirmed, the notes can be read, and the rules they name are there.",
    ),
    Proof(
        "guard-beside", 20, "proofs_guard_beside:beside",
        "While the real ufw, firewalld, dockerd, and ufw and dockerd together, write their rules anew without end (ports let in and not, reloads, switched off and on, restarts, networks made and taken away), "
        "`guard apply`, `confirm`, `rollback` and `status` go on. A new connection to the management port is never refused by our rules, nor by anybody while the others do nothing; a port that no policy lets in is "
        "never open; whenever the others pause, each port is open if, and only if, both let it in, and `status` names those that refuse something, and nobody else. In the end our table is whole, and theirs are, "
        "word for word, those that they write where we are not.",
    ),
    Proof(
        "guard-boot-kills", 20, "proofs_guard_beside:boot_kills",
        "`guard boot --enable`, `--disable` and `rollback --off`, killed with SIGKILL at moments drawn by lot: /etc/nftables.conf, what it includes and the unit are each the old or the new one, whole and with their "
        "rights, and the same command once more does all of it.",
    ),
    Proof(
        "guard-policies", 200, "proofs_guard_prove:policies",
        "Policies drawn by lot (names of senders made of networks, ranges, interfaces, files and each other; services, numbers, ranges; rates, logs, last days; [outgoing], [zones] and "
        "[forward]; with and without uplinks), compiled and loaded: real packets of a sender of every class that no line tells apart, and of senders at the edges of networks, to the host itself, to "
        "ports that it publishes, through it, from it to itself and out of it, each fare as the plain meaning of the policy says, and as the simulation says. One class of each interface "
        "and IP version sends to all 65,536 ports of TCP and UDP, the others wherever something changes. What a rate holds back is asked again in portions that it allows.",
    ),
    Proof(
        "guard-export-iptables", 50, "proofs_guard_export:iptables",
        "Such policies, written for iptables, are taken by iptables-restore --test and by itself, given back by iptables-save, and let through the very packets that the policy does, "
        "published and forwarded ones too.",
    ),
    Proof(
        "guard-export-ufw", 30, "proofs_guard_export:ufw",
        "Such policies, without the lines that ufw has no words for, are taken by ufw --dry-run and by ufw, and let in and out the very packets that the policy does.",
    ),
    Proof(
        "guard-export-firewalld", 30, "proofs_guard_export:firewalld",
        "Such policies, without the lines that a zone has no words for, are taken by firewall-offline-cmd --check-config and by firewalld, and let in the very packets that the policy does.",
    ),
)  # fmt: skip
"""In the order in which they run. Later ones are added here."""


@dataclass
class Record:
    """What is known of a proof: kept in a file of its own, a line a seed, so that an interrupt costs one seed at most."""

    proof: Proof
    header: dict[str, str]
    seeds: dict[int, tuple[list[str], dict[str, int], float]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file."""
        return STATE / f"{self.proof.name}.jsonl"

    @property
    def differences(self) -> dict[int, list[str]]:
        """By seed, where there are any."""
        return {seed: found for seed, (found, _, _) in sorted(self.seeds.items()) if found}

    @property
    def figures(self) -> Counter[str]:
        """Of all seeds together."""
        total: Counter[str] = Counter()
        for _, figures, _ in self.seeds.values():
            total.update(figures)
        return total

    @property
    def seconds(self) -> float:
        """Of all seeds together, however many ran side by side."""
        return sum(seconds for _, _, seconds in self.seeds.values())

    def add(self, seed: int, found: list[str], figures: Mapping[str, int], seconds: float) -> None:
        """Take note of one seed, on disk too."""
        if not self.seeds:
            STATE.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.header) + "\n", "utf-8")
        self.seeds[seed] = found, dict(figures), seconds
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([seed, found, dict(figures), round(seconds, 3)]) + "\n")


def read_record(proof: Proof) -> Record | None:
    """What was recorded last; None where nothing was, or the file is damaged."""
    record = Record(proof, {})
    try:
        first, *rest = record.path.read_text("utf-8").splitlines()
        record.header = json.loads(first)
        for line in rest:
            seed, found, figures, seconds = json.loads(line)
            record.seeds[seed] = found, figures, seconds
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        # The last line may be cut by a power failure: what stands before it holds.
        return record if record.header and record.seeds else None
    return record


def conditions() -> dict[str, str]:
    """What a result depends on: another text of the program or another kernel makes it void."""
    digest = hashlib.sha256()
    for folder in SEARCHED:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            if folder != "tests" or path.parent.name == "tests":
                digest.update(path.relative_to(REPOSITORY).as_posix().encode() + b"\0" + path.read_bytes())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return {
        "text": digest.hexdigest()[:16], "kernel": platform.release(), "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(), "commit": commit.stdout.strip(), "begun": f"{datetime.now(UTC):%Y-%m-%d}",
    }  # fmt: skip


def fresh_or_known(proof: Proof, now: dict[str, str]) -> Record:
    """The record to go on with: the old one if it was made of the same text on the same kernel."""
    known = read_record(proof)
    same = known is not None and all(known.header.get(name) == now[name] for name in ("text", "kernel"))
    return known if known is not None and same else Record(proof, now)


def try_seed(function: str, seed: int) -> tuple[list[str], dict[str, int], float]:
    """One seed, in whatever process: (differences, figures, seconds). An exception is a difference too."""
    for folder in SEARCHED:
        path = str(REPOSITORY / folder)
        if path not in sys.path:
            sys.path.insert(0, path)
    module, _, name = function.partition(":")
    begin = time.monotonic()
    figures: Mapping[str, int] = {}
    try:
        work: Callable[[int], tuple[list[str], Mapping[str, int]]] = getattr(importlib.import_module(module), name)
        found, figures = work(seed)
    except Exception:  # noqa: BLE001 - recorded, and the next seed goes on
        found = [f"raised: {traceback.format_exc(limit=-3)}"]
    return found, dict(figures), time.monotonic() - begin


def prove(record: Record, jobs: int) -> None:
    """All seeds that are still missing, in processes of their own, some seeds a process. An interrupt ends these and is raised."""
    proof = record.proof
    missing = [seed for seed in range(1, proof.total + 1) if seed not in record.seeds]
    if not missing:
        tell(f"{proof.name}: {proof.total} of {proof.total} known already")
        return
    size = max(1, min(_MOST_SEEDS, len(missing) // (2 * jobs)))
    waiting = [missing[at : at + size] for at in range(0, len(missing), size)]
    running: list[subprocess.Popen[str]] = []
    results: Queue[Result] = Queue()
    threads = [Thread(target=work, args=(proof, waiting, running, results), daemon=True) for _ in range(jobs)]
    begin = time.monotonic()
    try:
        for thread in threads:
            thread.start()
        for done in range(1, len(missing) + 1):
            record.add(*results.get())
            left_s = (time.monotonic() - begin) / done * (len(missing) - done)
            count = sum(map(len, record.differences.values()))
            tell(f"\r{proof.name}: {len(record.seeds)} of {proof.total}, {count} differences, {left_s:.0f} s left   ", end="")
    finally:
        waiting.clear()
        for process in running:
            process.kill()  # what it has built goes with it
        tell("")
    for seed, found in list(record.differences.items())[:_MOST_SHOWN]:
        tell(f"  seed {seed}: {found[0]}" + (f"  (and {len(found) - 1} more)" if len(found) > 1 else ""))


def work(proof: Proof, waiting: list[list[int]], running: list[subprocess.Popen[str]], results: Queue[Result]) -> None:
    """A thread: one process after the other, until no seeds are waiting. Every seed gets its result, whatever becomes of the process."""
    while waiting:
        try:
            seeds = waiting.pop(0)
        except IndexError:
            return
        command = [sys.executable, str(Path(__file__).resolve()), proof.name, "--seeds", ",".join(map(str, seeds))]
        # A session of its own: Ctrl-C is for us.
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, start_new_session=True) as process:
            running.append(process)
            for line in process.stdout or ():
                seed, found, figures, seconds = json.loads(line)
                seeds.remove(seed)
                results.put((seed, found, figures, seconds))
        running.remove(process)
        for seed in seeds:
            results.put((seed, [f"the process ended with status {process.returncode}"], {}, 0.0))


def tell(text: str, end: str = "\n") -> None:
    """Talk goes to stderr."""
    print(text, end=end, file=sys.stderr, flush=True)


def report(records: Sequence[Record | None]) -> str:
    """docs/proof.md."""
    lines = [
        "# What was proved", "",
        _PREFACE, "",
        "| proof | seeds | differences | time of all runs | kernel | version |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for proof, record in zip(PROOFS, records, strict=True):
        if record is None or not record.seeds:
            lines.append(f"| {proof.name} | not run | | | | |")
            continue
        done = f"1 to {proof.total}" if len(record.seeds) == proof.total else f"{len(record.seeds)} of {proof.total}"
        count = sum(map(len, record.differences.values()))
        lines.append(
            f"| {proof.name} | {done} | {count} | {record.seconds:,.0f} s | {record.header['kernel']}, {record.header['machine']} "
            f"| {record.header['commit']}, {record.header['begun']} |"
        )
    for proof, record in zip(PROOFS, records, strict=True):
        lines += ["", f"## {proof.name}", "", proof.claim]
        if record is not None and record.seeds:
            lines += ["", "Counted: " + ", ".join(f"{number:,} {name}" for name, number in sorted(record.figures.items())) + "."]
            lines += [f"- seed {seed}: {found[0].splitlines()[-1]}" for seed, found in list(record.differences.items())[:_MOST_SHOWN]]
    return "\n".join(lines) + "\n"


def main() -> int:
    """0: no difference; 1: differences; 130: interrupted, to be taken up by the next run."""
    parser = argparse.ArgumentParser(description="Run the proofs at their full counts, and write docs/proof.md.")
    parser.add_argument("names", nargs="*", metavar="PROOF", help="only these: " + ", ".join(proof.name for proof in PROOFS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="one seed, with all its differences; nothing is recorded")
    parser.add_argument("--seeds", type=lambda text: [int(word) for word in text.split(",")], help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help="forget what is recorded of these proofs")
    options = parser.parse_args()
    unknown = set(options.names) - {proof.name for proof in PROOFS}
    if unknown:
        parser.error(f"no such proof: {', '.join(sorted(unknown))}")
    wanted = [proof for proof in PROOFS if not options.names or proof.name in options.names]
    if options.seeds:
        for seed in options.seeds:
            print(json.dumps([seed, *try_seed(wanted[0].function, seed)]), flush=True)
        return 0
    if options.seed is not None:
        return show_seed(wanted, options.seed)
    # Also where a shell started us in the background, which ignores Ctrl-C; and a polite end is an interrupt too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    now = conditions()
    clean = True
    try:
        for proof in wanted:
            record = Record(proof, now) if options.again else fresh_or_known(proof, now)
            prove(record, options.jobs)
            clean = clean and not record.differences
    except KeyboardInterrupt:
        tell("interrupted: the next run goes on from here")
        return INTERRUPTED
    REPORT.write_text(report([read_record(proof) for proof in PROOFS]), "utf-8")
    tell(f"written: {REPORT.relative_to(REPOSITORY)}")
    return 0 if clean else 1


def show_seed(proofs: Sequence[Proof], seed: int) -> int:
    """One seed of each, told in full."""
    clean = True
    for proof in proofs:
        found, figures, seconds = try_seed(proof.function, seed)
        print(f"{proof.name}, seed {seed}: {len(found)} differences in {seconds:.1f} s; {figures}", *found, sep="\n")
        clean = clean and not found
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
