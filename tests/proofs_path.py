"""The verdicts of `portulan trace` against the truth: chains of routers whose filters, loops and limits we made ourselves.

A scenario makes a chain misbehave and says what the verdict must be; it is asked by an ordinary user (uid 65534, no capabilities).
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from firewalls import load as load_lines
from path_lab import CLOSED, ECHO, MUTE, OPEN, OTHER, QUIET_LIMITS, Chain, serve
from portulan.cli.trace import run as _cli_trace  # noqa: F401 - loaded before the user changes, who may not read everything
from portulan.system.linux.probing import all as _all  # noqa: F401
from portulan.system.linux.probing import icmp, mtu, raw_tcp, tcp, udp  # noqa: F401
from portulan.system.sandbox import Sandbox
from portulan.verbs.live import Watch
from portulan.verbs.trace import trace
from proofs import find_peers

ORDINARY = 65534

WAIT_S = 0.25
CHAIN_HOOKS = "type filter hook {hook} priority {priority}; policy accept;"


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
