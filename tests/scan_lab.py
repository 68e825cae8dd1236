"""Hostile networks for scans, and the truth about them: a scanner, a path (delay, loss, a router), and a target whose every port is known.

`Scene(case)` builds one; `scene.truth.judge(...)` says what of an answer is missed, invented or wrong, and what cannot be told from outside.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import scan_servers
from firewalls import load, run_all
from portulan.system.sandbox import Sandbox

PORTS = 65_536
OPEN_PORTS = 1_000
DOORS = 10
BLOCKED = 30_000
ODD = 2_000
RESETS_A_SECOND = 1_000
START_TIMEOUT_S = 60

FACTORS = {
    "family": (4, 6),
    "method": ("syn", "connect", "udp"),
    "loss": (0, 1, 5, 20),
    "delay": (0, 10, 100),
    "limit": ("none", "resets"),
    "firewall": ("none", "drop", "wall", "reject", "reset-on-router", "reset-on-host"),
    "oddity": ("none", "tarpit", "proxy-on-host", "proxy-on-router"),
    "path": ("direct", "routed"),
}
"""What scans are tried in. loss: percent each way. delay: round trip in milliseconds. firewall `wall`: all but ten ports dropped."""
CODES = ("admin-prohibited", "port-unreachable", "addr-unreachable")
"""What a firewall says when it rejects, as nft's `icmpx` names it (host-unreachable there)."""


def allowed(case):
    """Whether such a network can be, also of a case not yet complete."""
    if case.get("method") == "udp" and (
        case.get("limit", "none")
        != "none"  # UDP's own limit is of its own proof: at the usual one a second a whole scan takes eighteen hours
        or case.get("firewall", "none").startswith("reset")
        or case.get("oddity", "none") != "none"
    ):
        return False
    on_router = "router" in case.get("firewall", "") or "router" in case.get("oddity", "")
    if on_router and case.get("path", "routed") == "direct":
        return False
    # A thousand connections wait at a time: behind a wall each for its whole patience.
    return not (case.get("method") == "connect" and case.get("firewall") == "wall" and case.get("loss", 0) > 5)


# What a port is, whatever is said of it

CLOSED, OPEN, DROPPED, REJECTED, ROUTER_RESET, HOST_RESET, TARPIT, PROXIED, PROXIED_OPEN, TALKS, SILENT = range(11)
NAMES = (
    "closed", "open", "dropped", "rejected", "reset by a router", "reset by the host", "tarpit", "proxied", "proxied and open", "talks", "silent",
)  # fmt: skip
UNREACHABLE = {
    "admin-prohibited": {"admin-prohibited", "host-prohibited", "net-prohibited"},
    "port-unreachable": {"port-unreach"},
    "addr-unreachable": {"host-unreach"},
}
ANYTHING = None
"""A reason that is not judged."""


class Truth:
    """What each port of the target is."""

    def __init__(self, case, dice):
        self.case = case
        self.kind = np.full(PORTS, CLOSED, np.uint8)
        udp = case["method"] == "udp"
        self.services = scan_servers.SERVICES if udp else {}
        usual = [port for port in range(1, PORTS) if port not in scan_servers.SERVICES]
        self.listening = sorted(dice.sample(usual, OPEN_PORTS))
        self.odd = self.blocked = ()
        self.code = dice.choice(CODES)
        if udp:
            self.kind[self.listening] = SILENT
            self.kind[list(self.services)] = TALKS
        else:
            self.kind[self.listening] = OPEN
        odd = np.zeros(PORTS, bool)
        if case["oddity"] != "none":
            begin = dice.randrange(1, PORTS - ODD)
            odd[begin : begin + ODD] = True
            self.odd = begin, begin + ODD - 1
        if case["firewall"] != "none":
            fate = {"drop": DROPPED, "wall": DROPPED, "reject": REJECTED, "reset-on-router": ROUTER_RESET, "reset-on-host": HOST_RESET}
            self.blocked = self._blocked(case, dice, odd, fate[case["firewall"]])
        if self.odd:
            self.kind[odd] = TARPIT if case["oddity"] == "tarpit" else PROXIED
            if case["oddity"] != "tarpit":
                self.kind[[port for port in self.listening if odd[port]]] = PROXIED_OPEN

    def _blocked(self, case, dice, odd, fate):
        """Ranges of ports that the firewall is for: all that are not named, or a part of them in some pieces."""
        blocked = ~odd
        if case["firewall"] == "wall":
            answering = [port for port in (*self.listening, *self.services) if self.kind[port] != SILENT and not odd[port]]
            blocked[dice.sample(answering, DOORS)] = False
        else:
            begin = dice.randrange(PORTS - BLOCKED)
            blocked[:begin] = blocked[begin + BLOCKED :] = False
        self.kind[blocked] = fate
        return ranges(np.flatnonzero(blocked))

    def expected(self, kind):
        """What may be said of ports of a kind: {state: reasons}. Several states where it cannot be told from outside."""
        case = self.case
        limited = {"closed|filtered": ANYTHING} if case["limit"] == "resets" else {}
        syn = case["method"] == "syn"
        no_answer = {"no-response"}
        if case["method"] == "udp":
            # An ICMP error from the target itself is what a closed port says; so a firewall there that says it cannot be told.
            closed = {"closed": {"port-unreach"}}
            rejected = {"filtered": UNREACHABLE[self.code]} if self.code != "port-unreachable" else {**closed, "filtered": {"port-unreach"}}
            return {
                CLOSED: closed, TALKS: {"open": {"udp-response"}}, SILENT: {"open|filtered": no_answer}, DROPPED: {"open|filtered": no_answer},
                REJECTED: rejected,
            }[kind]  # fmt: skip
        closed = {"closed": {"reset", "conn-refused"}, **limited}
        rejected = {"filtered": UNREACHABLE[self.code] | no_answer, **limited}
        forged = {"unfiltered": {"forged-reset"}, "filtered": {"forged-reset"}}
        proxied = proxied_open = {state: {"syn-proxy"} for state in ("open", "unfiltered", "filtered")}
        if not syn:
            # connect() fails in the same way for a reset, whoever sent it, and for an unreachable port; and it gets past a proxy that lets it.
            rejected |= {"closed": {"conn-refused", "port-unreach"}} if self.code == "port-unreachable" else {}
            forged = closed
            proxied, proxied_open = {**proxied, **limited, "closed": ANYTHING}, {**proxied, "open": ANYTHING}
        return {
            CLOSED: closed, OPEN: {"open": {"syn-ack"}}, DROPPED: {"filtered": no_answer, **limited}, REJECTED: rejected, ROUTER_RESET: forged,
            HOST_RESET: closed, TARPIT: {state: {"tarpit"} for state in ("open", "unfiltered", "filtered")}, PROXIED: proxied, PROXIED_OPEN: proxied_open,
        }[kind]  # fmt: skip

    def part(self, number, of):
        """Every `of`-th of 1,024 blocks of ports, and all that a wall lets through or that talks: a smaller scan of the same network."""
        blocks = np.arange(PORTS) // (PORTS // 1024) % of == number % of
        blocks[list(self.reachable if self.case["firewall"] == "wall" else self.services)] = True
        return np.flatnonzero(blocks)

    def judge(self, said, asked=None):
        """`said`: port -> (state, reason); `asked`: the ports, all as a rule. Returns (differences, figures)."""
        found, figures = [], Counter()
        asked = set(range(PORTS) if asked is None else asked)
        for kind in range(len(NAMES)):
            ports = [port for port in np.flatnonzero(self.kind == kind).tolist() if port in asked]
            if not ports:
                continue
            expected = self.expected(kind)
            wrong = Counter()
            for port in ports:
                if port not in said:
                    wrong["nothing was said"] += port != 0  # port 0 need not be asked
                    continue
                state, reason = said[port]
                reasons = expected.get(state, ())
                if reasons is not ANYTHING and reason not in reasons:
                    wrong[f"{state} ({reason})"] += 1
                figures[f"{NAMES[kind]}: {state}"] += 1
            found += [f"{count} ports {NAMES[kind]}, said {what}" for what, count in wrong.items() if count]
        figures["ports"] = len(said)
        return found, figures

    @property
    def reachable(self):
        """The open ports that whoever asks can reach."""
        return set(np.flatnonzero((self.kind == OPEN) | (self.kind == TALKS)).tolist())


def ranges(ports):
    """[(first, last), …] of sorted port numbers."""
    pieces = np.split(ports, np.flatnonzero(np.diff(ports) > 1) + 1)
    return [(int(piece[0]), int(piece[-1])) for piece in pieces if len(piece)]


def as_text(pairs):
    """Ranges as people and programs write them."""
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in pairs)


# The network


class Scene:
    """`with Scene(case, seed, peers) as scene`: scanner, target, and what lies between. `peers`: a private root with nft."""

    def __init__(self, case, seed, peers):
        self.case, self.peers = case, peers
        self.dice = random.Random(f"scene {seed} {sorted(case.items())}")
        self.truth = Truth(case, self.dice)

    def __enter__(self):
        with ExitStack() as stack:
            sandbox = stack.enter_context(Sandbox())
            self._build(sandbox)
            self._leaving = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._leaving.close()

    def _build(self, sandbox):
        case = self.case
        self.scanner, self.target = sandbox.host("scanner", root=self.peers), sandbox.host("target", root=self.peers)
        self.router = sandbox.router("router", root=self.peers) if case["path"] == "routed" else None
        beyond = self.router or self.target
        self.link = lay(sandbox, self.scanner, beyond, case["delay"])
        if self.router is not None:
            sandbox.link(self.router, self.target)
            sandbox.route_all()
        self.address = self.target.address if case["family"] == 4 else self.target.address6
        settle(self.target)
        if self.router is not None:
            settle(self.router)
        truth = self.truth
        # A tarpit has somebody behind every port; what they say is changed on its way out.
        listening = sorted({*truth.listening, *range(truth.odd[0], truth.odd[1] + 1)}) if case["oddity"] == "tarpit" else truth.listening
        udp = case["method"] == "udp"
        serve(self.target, () if udp else listening, {port: port for port in truth.services}, truth.listening if udp else ())
        self._rules()
        if case["loss"]:
            self.link.lose(case["loss"])

    def _rules(self):
        """Everything that firewalls do here."""
        truth, case = self.truth, self.case
        protocol = "udp" if case["method"] == "udp" else "tcp"
        where, hook = (self.router, "forward") if self.router is not None else (self.target, "input")
        if case["firewall"] == "reset-on-host":
            where, hook = self.target, "input"
        verdict = {
            "drop": "drop", "wall": "drop", "reject": f"reject with icmpx {truth.code.replace('addr', 'host')}",
            "reset-on-router": "reject with tcp reset", "reset-on-host": "reject with tcp reset",
        }.get(case["firewall"])  # fmt: skip
        if verdict:
            # On a router only what goes towards the target: answers have ports of the same numbers.
            only = f"iifname eth0 meta nfproto {'ipv6' if case['family'] == 6 else 'ipv4'}"
            load(where, BLOCK.format(hook=hook, rule=f"{only} {protocol} dport {{ {as_text(truth.blocked)} }} {verdict}"))
        if case["limit"] == "resets":
            load(self.target, LIMIT.format(rate=RESETS_A_SECOND))
        if case["oddity"] == "tarpit":
            load(self.target, TAR.format(first=truth.odd[0], last=truth.odd[1]))
        elif case["oddity"] != "none":
            where, chain = (self.target, "INPUT") if case["oddity"] == "proxy-on-host" else (self.router, "FORWARD")
            load(where, UNTRACKED.format(first=truth.odd[0], last=truth.odd[1]))
            where.set("net.netfilter.nf_conntrack_tcp_loose", 0)
            program = "iptables" if case["family"] == 4 else "ip6tables"
            run_all(where, PROXY.format(program=program, chain=chain, first=truth.odd[0], last=truth.odd[1]))


BLOCK = "table inet wall {{ chain c {{ type filter hook {hook} priority 0; {rule}; }}; }}"
LIMIT = "table inet slow {{ chain c {{ type filter hook output priority 0; tcp flags & rst == rst limit rate over {rate}/second burst 5 packets drop; }}; }}"
# A window of a few bytes, and no ear for anything that comes after the first packet but a reset.
TAR = """
table inet tar {{
    chain out {{ type filter hook output priority 0; tcp sport {first}-{last} tcp flags & (syn | ack) == syn | ack tcp window set 5; }}
    chain in {{ type filter hook input priority 0; tcp dport {first}-{last} tcp flags & (syn | rst) == 0x0 drop; }}
}}
"""
# Everything else is left untracked: the table would be full of it. A stranger's first packet must not pass for one of a connection (nft(8), synproxy statement).
UNTRACKED = """
table inet untracked {{
    chain raw {{
        type filter hook prerouting priority raw;
        tcp dport {first}-{last} tcp flags syn notrack return
        tcp dport {first}-{last} return
        tcp sport {first}-{last} return
        notrack
    }}
    chain out {{ type filter hook output priority raw; tcp sport != {first}-{last} notrack; }}
}}
"""
# nft's own synproxy checks sums of IPv6 as if they were of IPv4 (Linux 6.18, net/netfilter/nft_synproxy.c); ip6tables' does not.
PROXY = """
{program} -A {chain} -i eth0 -p tcp --dport {first}:{last} -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460
{program} -A {chain} -i eth0 -p tcp --dport {first}:{last} -m conntrack --ctstate INVALID -j DROP
"""


def lay(sandbox, first, second, delay_ms):
    """A cable with a round trip of so many milliseconds."""
    return sandbox.delayed_link(first, second, delay_ms=delay_ms / 2) if delay_ms else sandbox.link(first, second)


def settle(host):
    """No limit of its own on ICMP errors, and room for many half-open connections."""
    for name, value in (
        ("net.ipv4.icmp_ratelimit", 0), ("net.ipv4.icmp_msgs_per_sec", 10_000_000), ("net.ipv4.icmp_msgs_burst", 100_000), ("net.ipv6.icmp.ratelimit", 0),
        ("net.ipv4.tcp_max_syn_backlog", 131_072), ("net.core.somaxconn", 65_535),
    ):  # fmt: skip
        host.set(name, value)


def limit_icmp(host):
    """The kernel's usual limits again: one ICMP error a second to each address, six at once."""
    for name, value in (
        ("net.ipv4.icmp_ratelimit", 1000), ("net.ipv4.icmp_msgs_per_sec", 1000), ("net.ipv4.icmp_msgs_burst", 50), ("net.ipv6.icmp.ratelimit", 1000),
    ):  # fmt: skip
        host.set(name, value)


def serve(host, tcp=(), udp=(), silent=()):
    """Start servers on a host and wait for them. `udp`: {port: which of `scan_servers.SERVICES`}."""
    command = [sys.executable, "-I", str(Path(scan_servers.__file__).resolve())]
    process = host.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, root=HERE)
    asked = {"tcp": list(tcp), "udp": dict(udp), "silent": list(silent)}
    process.stdin.write(json.dumps(asked, default=int))
    process.stdin.close()
    line = process.stdout.readline()
    assert line.strip() == "ready", f"the servers of {host.name} did not start"
    return process


HERE = None
"""The machine's own root folder, where Python is."""
