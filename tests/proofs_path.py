"""The verdicts, times and numbers of `portulan trace` and `ping` against the truth: chains of routers whose filters, loops and limits we made ourselves, a capture of
the packets, and mtr.

A scenario makes a chain misbehave and says what the verdict must be; it is asked by an ordinary user (uid 65534, no capabilities).
"""

import contextlib
import json
import os
import random
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from firewalls import load as load_lines
from path_lab import CLOSED, ECHO, MUTE, OPEN, OTHER, QUIET_LIMITS, Chain, serve
from portulan.cli.trace import run as _cli_trace  # noqa: F401 - loaded before the user changes, who may not read everything
from portulan.model.path import Clock
from portulan.system.linux.probing import all as _all  # noqa: F401
from portulan.system.linux.probing import icmp, mtu, raw_tcp, tcp, udp  # noqa: F401
from portulan.system.sandbox import Sandbox
from portulan.verbs.live import Watch
from portulan.verbs.ping import Pinger
from portulan.verbs.trace import trace
from proofs import find_peers

ORDINARY = 65534

WAIT_S = 0.25
CHAIN_HOOKS = "type filter hook {hook} priority {priority}; policy accept;"
MOST_OFF_NS, MOST_OFF_SHARE = 50_000, 0.02
CLOCK_SET_NS = 300_000
"""More than what a clock is slowed or hastened by (500 ppm at most) in the half second of a capture."""


def as_ordinary(function, *arguments, **more):
    """In a child: what the function returns for a user without any rights."""
    os.setgroups([])
    os.setgid(ORDINARY)
    os.setuid(ORDINARY)
    assert not any(
        line.split()[1].strip("0") for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("CapEff")
    )
    return function(*arguments, **more)


def ask(chain, target, **more):
    """A trace as an ordinary user."""
    return chain.client.call(as_ordinary, trace, target, names=False, **{"wait_s": WAIT_S, **more})


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# Filters


def put(host, rule, hook="forward", priority=0):
    """One rule on a host, for its hook."""
    text = f"table inet path {{\n chain c {{\n  type filter hook {hook} priority {priority}; policy accept;\n  {rule}\n }}\n}}\n"
    load_lines(host, text)


def clear(host):
    load_lines(host, "table inet path {\n}\ndelete table inet path\n")


@dataclass
class Case:
    """One way a chain may misbehave, drawn for a seed."""

    chain: Chain
    version: int
    dice: random.Random
    undo: list = field(default_factory=list)

    def filter(self, host, rule, hook="forward", priority=0):
        put(host, rule, hook, priority)
        self.undo.append(lambda: clear(host))

    @property
    def host(self):
        return self.chain.address(self.version)

    def router(self, hop):
        return self.chain.routers[hop - 1]

    def a_hop(self, least=1, most=None):
        """A router, by lot."""
        return self.dice.randint(least, len(self.chain.routers) if most is None else most)

    def at(self, hop):
        """The address that answers for a hop."""
        return None if not hop else self.chain.address(self.version, hop)


# Scenarios: (what is asked, what must be found)


def says(finding, **facts):
    return {"finding": finding, **facts}


def open_port(case):
    return f"{OPEN}", says("open", state="open", hop=case.chain.distance, by=case.host, sure="certain")


def closed_port(case):
    return f"{CLOSED}", says("closed", state="closed", hop=case.chain.distance, sure="undecidable", evidence="or-gateway")


def closed_datagrams(case):
    return "3000/udp", says("closed", state="closed", hop=case.chain.distance, by=case.host, sure="certain")


def answered_datagrams(case):
    return f"{ECHO}/udp", says("open", state="open", hop=case.chain.distance, by=case.host)


def mute_datagrams(case):
    last = case.chain.distance - 1
    return f"{MUTE}/udp", says("open-or-filtered", state="open|filtered", hop=last, by=case.at(last), sure="undecidable")


def echoes(case):
    case.chain.client.set("net.ipv4.ping_group_range", f"0 {ORDINARY}")
    return "icmp", says("open", state="open", hop=case.chain.distance, by=case.host)


def dropped_on_the_way(case):
    hop = case.a_hop()
    case.filter(case.router(hop), f"tcp dport {OPEN} drop")
    return f"{OPEN}", says("port-filtered", state="filtered", hop=hop, by=case.at(hop), reached=case.chain.distance)


def dropped_before_routing(case):
    hop = case.a_hop()
    case.filter(case.router(hop), f"tcp dport {OPEN} drop", "prerouting", -300)
    return f"{OPEN}", says("port-filtered", state="filtered", hop=hop - 1, by=case.at(hop - 1), reached=case.chain.distance)


def dropped_datagrams(case):
    hop = case.a_hop(most=len(case.chain.routers) - 1)
    case.filter(case.router(hop), f"udp dport {ECHO} drop")
    return f"{ECHO}/udp", says("port-filtered", state="open|filtered", hop=hop, by=case.at(hop), reached=case.chain.distance)


def all_dropped(case):
    hop = case.a_hop()
    case.filter(case.router(hop), f"ip daddr {case.chain.address(4)} drop\n  ip6 daddr {case.chain.address(6)} drop")
    return f"{OPEN}", says("silent", state="filtered", hop=hop, by=case.at(hop), reached=None)


def dropped_by_host(case):
    case.filter(case.chain.server, f"tcp dport {OPEN} drop", "input")
    last = case.chain.distance - 1
    return f"{OPEN}", says("port-filtered", state="filtered", hop=last, by=case.at(last), evidence="at-the-host")


def forged_reset(case):
    hop = case.a_hop(most=len(case.chain.routers) - 1)
    case.filter(case.router(hop), f"tcp dport {OPEN} reject with tcp reset")
    return f"{OPEN}", says(
        "forged-reset", state="filtered", reason="forged-reset", hop=hop, by=case.at(hop), reached=case.chain.distance, sure="certain"
    )


def forged_for_all_ports(case):
    """Only what TCP ports do not say tells the host's distance."""
    hop = case.a_hop(most=len(case.chain.routers) - 1)
    case.filter(case.router(hop), "meta l4proto tcp reject with tcp reset")
    return f"{OPEN}", says("forged-reset", state="filtered", hop=hop, by=case.at(hop), reached=case.chain.distance, sure="certain")


def reset_by_last_gateway(case):
    case.filter(case.router(len(case.chain.routers)), f"tcp dport {OPEN} reject with tcp reset")
    return f"{OPEN}", says("closed", state="closed", hop=case.chain.distance, sure="undecidable", evidence="or-gateway")


def _rejected(case, kind, finding, reason):
    hop = case.a_hop()
    case.filter(case.router(hop), f"tcp dport {OPEN} reject with icmpx type {kind}")
    return f"{OPEN}", says(finding, state="filtered", reason=reason, hop=hop, by=case.at(hop), sure="certain")


def prohibited(case):
    return _rejected(case, "admin-prohibited", "rejected", "admin-prohibited")


def port_unreachable_by_router(case):
    return _rejected(case, "port-unreachable", "rejected", "port-unreach")


def host_unreachable_by_router(case):
    return _rejected(case, "host-unreachable", "unreachable", "host-unreach")


def no_route_by_rule(case):
    return _rejected(case, "no-route", "unreachable", "net-unreach")


def rejected_datagrams(case):
    hop = case.a_hop()
    case.filter(case.router(hop), f"udp dport {ECHO} reject with icmpx type port-unreachable")
    return f"{ECHO}/udp", says("rejected", state="filtered", reason="port-unreach", hop=hop, by=case.at(hop), sure="certain")


def rejected_by_host(case):
    case.filter(case.chain.server, f"tcp dport {OPEN} reject with icmpx type admin-prohibited", "input")
    return f"{OPEN}", says("rejected", state="filtered", hop=case.chain.distance, by=case.host, sure="certain")


def looped(case):
    """Packets to one more network go in a circle between two routers."""
    hop = case.a_hop(least=2)
    loops = {4: "203.0.113.0/24", 6: "fd01:dead::/64"}[case.version]
    for at in range(1, hop):
        far = case.chain.links[at].second
        case.router(at).route(loops, next(str(each.ip) for each in far.addresses if each.version == case.version))
    near = case.chain.links[hop - 1].first
    case.router(hop).route(loops, next(str(each.ip) for each in near.addresses if each.version == case.version))
    first = case.chain.links[0].second
    case.chain.client.route(loops, next(str(each.ip) for each in first.addresses if each.version == case.version))
    address = {4: "203.0.113.9", 6: "fd01:dead::9"}[case.version]
    return f"{OPEN}", says("loop", state="filtered", hop=(hop - 1, hop), sure="certain", target=address)  # a router may have two addresses


def refused_route(case):
    hop = case.a_hop(least=2)
    network = {4: "203.0.112.0/24", 6: "fd01:beef::/64"}[case.version]
    for at, host in enumerate((case.chain.client, *case.chain.routers[: hop - 1])):
        far = case.chain.links[at].second
        host.route(network, next(str(each.ip) for each in far.addresses if each.version == case.version))
    case.router(hop).refuse(network)
    return f"{OPEN}", says(
        "unreachable", state="filtered", hop=hop, by=case.at(hop), target={4: "203.0.112.9", 6: "fd01:beef::9"}[case.version]
    )


def nothing_at_all(case):
    case.filter(
        case.router(1),
        "meta l4proto { tcp, udp, icmp } drop\n  icmpv6 type { echo-request, destination-unreachable, time-exceeded } drop",
        "prerouting",
        -300,
    )
    return f"{OPEN}", says("no-reply", state="filtered", hop=None)


def lossy(case):
    link = case.dice.choice(case.chain.links)
    link.lose(10)
    case.undo.append(lambda: link.lose(0))
    return f"{OPEN}", says("open", state="open", hop=case.chain.distance, by=case.host)


def lossy_and_dropped(case):
    hop = case.a_hop(least=2)
    case.filter(case.router(hop), f"tcp dport {OPEN} drop")
    link = case.dice.choice(case.chain.links[:hop])
    link.lose(5)
    case.undo.append(lambda: link.lose(0))
    return f"{OPEN}", says("port-filtered", state="filtered", hop=hop, by=case.at(hop))


def silent_router(case):
    """A router that never says "too far" hides itself, nothing more."""
    hop = case.a_hop()
    case.filter(case.router(hop), "icmp type time-exceeded drop\n  icmpv6 type time-exceeded drop", "output")
    return f"{OPEN}", says("open", state="open", hop=case.chain.distance, by=case.host)


SCENARIOS = (
    open_port, closed_port, closed_datagrams, answered_datagrams, mute_datagrams, echoes, dropped_on_the_way, dropped_before_routing, dropped_datagrams,
    all_dropped, dropped_by_host, forged_reset, forged_for_all_ports, reset_by_last_gateway, prohibited, port_unreachable_by_router,
    host_unreachable_by_router, no_route_by_rule, rejected_datagrams, rejected_by_host, looped, refused_route, nothing_at_all, lossy, lossy_and_dropped,
    silent_router,
)  # fmt: skip


def judge(case, found, wanted):
    """What a trace says otherwise than it must."""
    verdict = found.verdict
    said = {
        "finding": verdict.finding.value, "state": verdict.state.value, "reason": verdict.reason.value, "hop": verdict.hop, "by": verdict.by, "sure": verdict.sure.value,
        "reached": found.reached,
    }  # fmt: skip
    off = [
        f"{name} is {said[name]}, not {value}"
        for name, value in wanted.items()
        if name in said and said[name] not in (value if isinstance(value, tuple) else (value,))
    ]
    if "evidence" in wanted and wanted["evidence"] not in [one.code for one in verdict.evidence]:
        off.append(f"no evidence {wanted['evidence']}")
    end = verdict.hop if verdict.finding.value in ("silent", "port-filtered", "open-or-filtered") else (verdict.hop or 1) - 1
    return off + [
        f"hop {hop.hop} is {[seen.address for seen in hop.seen]}, not {case.at(hop.hop)}"
        for hop in found.hops[: end or 0]
        if any(seen.address != case.at(hop.hop) for seen in hop.seen)
    ]


def verdicts(seed, scenarios=SCENARIOS):
    """Every scenario once, on a chain drawn by lot. Returns (differences, figures)."""
    dice = random.Random(f"path {seed}")
    found, figures = [], Counter()
    with Sandbox() as sandbox:
        delay_ms = dice.choice((0.0, 0.0, 20.0))
        chain = Chain(sandbox, dice.randint(5, 8), delay_ms=delay_ms, peers=find_peers())
        figures["chains with 20 ms of delay"] += bool(delay_ms)
        for scenario in scenarios:
            case = Case(chain, dice.choice((4, 6)), dice)
            try:
                asked, wanted = scenario(case)
                address = wanted.get("target", case.host)
                more = {"icmp": True} if asked == "icmp" else {}
                answer = ask(chain, address if more else endpoint(address, asked), **more)
                found += [
                    f"{scenario.__name__}, IPv{case.version}, {chain.distance} hops: {each}; {answer.verdict}"
                    for each in judge(case, answer, wanted)
                ]
            finally:
                for undo in case.undo:
                    undo()
            figures[f"verdicts: {answer.verdict.finding.value}"] += 1
            figures["traces"] += 1
            figures[f"IPv{case.version}"] += 1
    return found, figures


# Limits and shared load


def limited(seed):
    """A router that answers once a second only, asked more often: no loss of the path. Returns (differences, figures)."""
    dice = random.Random(f"limited {seed}")
    found = []
    with Sandbox() as sandbox:
        chain = Chain(sandbox, dice.randint(5, 8))
        hop, version = dice.randint(1, len(chain.routers)), dice.choice((4, 6))
        router = chain.routers[hop - 1]
        for name, value in (("net.ipv4.icmp_ratemask", 6168), ("net.ipv6.icmp.ratelimit", 1000)):
            router.set(name, value)
        target = endpoint(chain.address(version), dice.choice((f"{OPEN}", f"{ECHO}/udp")))
        answer = chain.client.call(as_ordinary, many_rounds, target, 30)
    where = f"IPv{version}, hop {hop} of {chain.distance}"
    limited_hop = answer.hops[hop - 1]
    if answer.verdict.finding.value != "open" or answer.verdict.hop != chain.distance:
        found.append(f"{where}: {answer.verdict}")
    found += [f"{where}: hop {each.hop} is said to lose {each.loss}" for each in answer.hops if each.loss]
    if not limited_hop.withheld > 0.3:
        found.append(f"{where}: it withheld {limited_hop.withheld} of {limited_hop.sent}, and that was not seen")
    found += [f"{where}: hop {each.hop} withheld {each.withheld}" for each in answer.hops if each.hop != hop and each.withheld]
    return found, Counter(
        {"paths": 1, "probes": sum(each.sent for each in answer.hops), "withheld": limited_hop.sent - limited_hop.answered}
    )


def many_rounds(target, rounds, interval_s=0.02, wait_s=0.5):
    """So many rounds of a watched path."""
    with Watch(target, wait_s=wait_s, names=False) as watch:
        watch.run(mtu=False)
        watch.begin(interval_s)
        while watch.repeats < rounds:
            watch.step(interval_s)
        watch.settle()
        return watch.now()


class Diamond:
    """client - a - (b1 - c1 | b2 - c2) - d - server, shared by ports."""

    def __init__(self, sandbox):
        make = sandbox.router
        self.client, self.server = sandbox.host("client"), sandbox.host("server")
        self.first, self.last = make("a"), make("d")
        self.branches = [(make(f"b{at}"), make(f"c{at}")) for at in (1, 2)]
        sandbox.link(self.client, self.first)
        for near, far in self.branches:
            sandbox.link(self.first, near)
            sandbox.link(near, far)
            sandbox.link(far, self.last)
        sandbox.link(self.last, self.server)
        sandbox.route_all(every_path=True)
        for host in sandbox.hosts:
            for name, value in QUIET_LIMITS.items():
                host.set(name, value)
        for name in ("net.ipv4.fib_multipath_hash_policy", "net.ipv6.fib_multipath_hash_policy"):
            self.first.set(name, 1)
        serve(self.server, (OPEN, OTHER), (), (ECHO,))

    def address(self, version):
        return self.server.address if version == 4 else self.server.address6

    def branch_of(self, hop):
        """Which branch an answer at hop 2 or 3 is of."""
        own = [{str(each.ip) for host in branch for each in host.addresses} for branch in self.branches]
        return {at for seen in hop.seen for at, addresses in enumerate(own) if seen.address in addresses}


def shared(seed):
    """Two ways that share the load by ports: datagrams go one of them. Returns (differences, figures)."""
    dice = random.Random(f"shared {seed}")
    found, ways = [], Counter()
    with Sandbox() as sandbox:
        diamond = Diamond(sandbox)
        for turn in range(6):
            version = 4 if turn % 2 else 6
            udp_port, tcp_port = dice.randint(33434, 33534), OPEN
            for asked, user in ((f"{udp_port}/udp", True), (f"{tcp_port}", True), (f"{tcp_port}", False)):
                target = endpoint(diamond.address(version), asked)
                more = {"names": False, "wait_s": WAIT_S}
                answer = diamond.client.call(as_ordinary, trace, target, **more) if user else diamond.client.call(trace, target, **more)
                kind = f"{asked.partition('/')[2] or 'tcp'} {'one flow' if answer.flow.value == 'one' else 'a port each'}"
                if answer.verdict.hop != 5 or answer.verdict.state.value != ("open" if asked == f"{OPEN}" else "closed"):
                    found.append(f"IPv{version} {kind}: {answer.verdict}")
                branches = [diamond.branch_of(hop) for hop in answer.hops[1:3]]
                mixed = len(set().union(*branches)) > 1
                ways[f"{kind}: mixed" if mixed else f"{kind}: one way"] += 1
                if answer.flow.value == "one" and mixed:
                    found.append(f"IPv{version} {kind}: one flow went two ways: {branches}")
                if (answer.flow.value == "one") is not (not user or "udp" in asked):
                    found.append(f"IPv{version} {asked} by {'a user' if user else 'root'}: {answer.flow}")
    return found, ways


# Times


def ahead_ns():
    """How far the clock of packets' stamps, which somebody may set, is ahead of the one that nobody can."""
    return min(time.time_ns() - time.monotonic_ns() for _ in range(5))


class Capture:
    """Packets of one interface with the kernel's own times: what left and what came."""

    def __init__(self, host, link="eth0"):
        self._ahead_ns = ahead_ns()
        with host.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((link, 3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.setsockopt(socket.SOL_SOCKET, 35, 1)
        self.socket.setblocking(False)

    def read(self):
        """(time in ns, whether it left, IP packet) of each."""
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, messages, _, place = self.socket.recvmsg(4096, 256)
                seconds, nanoseconds = struct.unpack("=qq", messages[0][2][:16])
                packets.append((seconds * 10**9 + nanoseconds, place[2] == socket.PACKET_OUTGOING, data[14:]))
        return packets

    def close(self):
        self.socket.close()

    @property
    def steady(self):
        """Whether nobody has set the clock since it began."""
        return abs(ahead_ns() - self._ahead_ns) < CLOCK_SET_NS


def captured(host, work, figures):
    """(what some work answers, the packets that went by meanwhile). A capture during which the clock was set is no judge: the work is done again."""
    while True:
        capture = Capture(host)
        answer = work()
        packets, steady = capture.read(), capture.steady
        capture.close()
        if steady:
            return answer, packets
        figures["captures done again, as the clock was set"] += 1


def parts(packet):
    """(protocol, ttl, source, destination, payload) of an IP packet."""
    if packet[0] >> 4 == 4:
        return packet[9], packet[8], packet[12:16], packet[16:20], packet[(packet[0] & 15) * 4 :]
    return packet[6], packet[7], packet[8:24], packet[24:40], packet[40:]


def truths(packets):
    """Of each probe, by (protocol, source port, the first 16 bytes of data, ttl): (when it left, when its first answer came or None)."""
    left, came = {}, {}
    for at, outgoing, packet in packets:
        protocol, ttl, _, _, payload = parts(packet)
        if outgoing and protocol in (6, 17):
            if protocol == 6 and payload[13] != 2:
                continue
            left.setdefault((protocol, payload[:2], payload[2:4], payload[8:24] if protocol == 17 else b"", ttl), at)
        elif not outgoing and protocol in (1, 58):
            if payload[0] not in (3, 11, 1):
                continue
            inner = parts(payload[8:])
            data = inner[4]
            came.setdefault((inner[0], data[:2], data[2:4], data[8:24] if inner[0] == 17 else b""), at)
        elif not outgoing and protocol in (6, 17):
            came.setdefault((protocol, payload[2:4], payload[:2], payload[8:24] if protocol == 17 else b""), at)
    return {key: (at, came.get(key[:4])) for key, at in left.items()}


def times(seed, delays=(0.0, 10.0, 40.0)):
    """Round trips against a capture. Returns (differences, figures)."""
    dice = random.Random(f"times {seed}")
    delay_ms, version, routers = delays[seed % len(delays)], dice.choice((4, 6)), dice.randint(5, 8)
    found, figures = [], Counter()
    with Sandbox() as sandbox:
        chain = Chain(sandbox, routers, delay_ms=delay_ms)
        address = chain.address(version)
        # The first packet to a neighbour waits until its link-layer address is known, and the kernel counts that to the handshake.
        chain.client.call(pings, endpoint(address, "3000/udp"), 1)
        for asked, exact in ((f"{OPEN}", True), (f"{ECHO}/udp", True), ("3000/udp", True), (f"{CLOSED}", False)):
            probes, packets = captured(
                chain.client, lambda to=asked: chain.client.call(as_ordinary, pings, endpoint(address, to), 8), figures
            )
            real = sorted(((left, came) for left, came in truths(packets).values()), key=lambda pair: pair[0])
            found += compare(f"ping {asked}, IPv{version}, {delay_ms} ms", probes, real, figures, exact=exact)
        for asked in (f"{OPEN}", f"{ECHO}/udp"):
            answer, packets = captured(
                chain.client, lambda to=asked: chain.client.call(as_ordinary, trace, endpoint(address, to), names=False, mtu=False), figures
            )
            found += compare_hops(f"trace {asked}, IPv{version}, {delay_ms} ms", answer, truths(packets), figures, exact="udp" in asked)
    return found, figures


def pings(target, count):
    """Every probe of a ping."""
    probes = []
    with Pinger([target], count=count, interval_s=0.05, wait_s=1.0) as pinger:
        while not pinger.done:
            probes += pinger.step()
    return probes


def compare(what, probes, real, figures, *, exact):
    found = []
    if len(probes) != len(real):
        return [f"{what}: {len(probes)} probes, {len(real)} captured"]
    for probe, (left, came) in zip(sorted(probes, key=lambda probe: probe.sequence), real, strict=True):
        if came is None or probe.rtt_ms is None:
            found.append(f"{what}: probe {probe.sequence} said {probe.rtt_ms}, the answer came {came}")
            continue
        found += off(
            f"{what}, probe {probe.sequence}", probe.rtt_ms * 1e6, came - left, probe.uncertain_ms * 1e6, probe.clock, figures, exact=exact
        )
    return found


def compare_hops(what, answer, real, figures, *, exact):
    by_ttl = {key[4]: pair for key, pair in real.items() if key[4] <= len(answer.hops)}
    found = []
    for hop in answer.hops:
        if hop.times is None or hop.sent != 1 or hop.hop not in by_ttl or by_ttl[hop.hop][1] is None:
            found.append(f"{what}: hop {hop.hop}: {hop.times}, {by_ttl.get(hop.hop)}")
            continue
        left, came = by_ttl[hop.hop]
        clock = Clock.KERNEL if exact or hop.hop == len(answer.hops) else Clock.HALF
        found += off(
            f"{what}, hop {hop.hop}",
            hop.times.last * 1e6,
            came - left,
            hop.times.uncertain * 1e6,
            clock,
            figures,
            exact=clock is Clock.KERNEL,
        )
    return found


def off(what, said_ns, real_ns, uncertain_ns, clock, figures, *, exact):
    """Exact times are right within 50 us and 2 %; others say how far off they may be, and are not farther."""
    room_ns = MOST_OFF_NS + MOST_OFF_SHARE * real_ns
    figures["times exact" if exact else "times with their uncertainty"] += 1
    distance_ns = abs(said_ns - real_ns)
    if exact:
        figures["exact: nanoseconds off, all in all"] += int(distance_ns)
        if clock is not Clock.KERNEL or distance_ns > room_ns + (uncertain_ns if said_ns > real_ns else 0):
            return [f"{what}: {said_ns / 1e3:.0f} us by {clock}, {uncertain_ns / 1e3:.0f} us uncertain, truth {real_ns / 1e3:.0f} us"]
        # Another process had the processor between the kernel's look at its clock and the packet's departure: that is told as uncertainty.
        figures["exact: farther off than 50 us and 2 %, and said so"] += distance_ns > room_ns
        return []
    if not -room_ns <= said_ns - real_ns <= uncertain_ns + room_ns and clock is Clock.PROCESS:
        return [f"{what}: at most {said_ns / 1e3:.0f} us, at least {(said_ns - uncertain_ns) / 1e3:.0f} us, truth {real_ns / 1e3:.0f} us"]
    if clock is Clock.HALF and distance_ns > uncertain_ns + room_ns:
        return [f"{what}: {said_ns / 1e3:.0f} us, {uncertain_ns / 1e3:.0f} us uncertain, truth {real_ns / 1e3:.0f} us"]
    return []


# mtr


def beside_mtr(seed):
    """Our statistics of the very probes that mtr sends (captured), against what mtr makes of them. Returns (differences, figures)."""
    from portulan.probe.statistics import path_losses, times_of

    dice = random.Random(f"mtr {seed}")
    peers, found = find_peers(), []
    rounds = 30
    with Sandbox() as sandbox:
        chain = Chain(sandbox, dice.randint(5, 8), peers=peers)
        lossy_link = dice.choice(chain.links)
        lossy_link.lose(dice.choice((0, 5, 20)))
        capture = Capture(chain.client)
        done = chain.client.run(
            ["mtr", "-4", "-n", "-u", "-c", str(rounds), "-i", "0.1", "-Z", "1", "-G", "1", "--json", "-o", "LSNABWVMI", chain.address(4)],
            root=peers,
            timeout_s=60,
        )
        time.sleep(0.05)
        packets = capture.read()
        capture.close()
    assert done.returncode == 0, done.stderr
    hubs = json.loads(done.stdout)["report"]["hubs"]
    sent, answered, round_trips = Counter(), Counter(), {}
    for key, (left, came) in sorted(truths(packets).items(), key=lambda pair: pair[1][0]):
        sent[key[4]] += 1
        if came is not None:
            answered[key[4]] += 1
            round_trips.setdefault(key[4], []).append(came - left)
    figures = Counter({"probes of mtr": sum(sent.values())})
    for hub in hubs:
        hop = int(hub["count"])
        if hop not in round_trips:
            continue
        ours = times_of(round_trips[hop])
        loss = 100 * (1 - answered[hop] / sent[hop])
        # mtr takes its times itself and may be woken late: its greatest shows by how much.
        late = max(0.0, float(hub["Wrst"]) - ours.most)
        figures["hops where mtr was in time" if late < 0.3 else "hops where mtr was woken late"] += 1
        pairs = (
            ("loss", loss, hub["Loss%"], 100 / rounds + 0.1), ("average", ours.average, hub["Avg"], 0.3 + late), ("least", ours.least, hub["Best"], 0.3 + late),
            ("most", ours.most, hub["Wrst"], 0.3 + late), ("deviation", ours.deviation, hub["StDev"], 0.3 + late),
            ("jitter", ours.jitter or 0, float(hub["Jint"]) / 16, 0.3 + late),
        )  # fmt: skip
        for name, mine, theirs, room in pairs:
            figures["numbers compared"] += 1
            if abs(mine - float(theirs)) > room:
                found.append(f"hop {hop}: {name} {mine:.3f}, mtr {theirs}")
    figures["hops"] = len(hubs)
    losses = path_losses([sent[hop] for hop in sorted(sent)], [answered[hop] for hop in sorted(sent)])
    if any(later < earlier - 1e-9 for earlier, later in pairwise(losses)):
        found.append(f"the loss of the path falls on the way: {losses}")
    return found, figures
