"""The simulation of packets against the kernel's own firewall: rules drawn by lot, real packets through them, and what came of each.

An engine is a function (ruleset, network, packets) -> [Prediction, …]; `ENGINES` has those that are judged. None in place of a prediction: this engine does not
answer for such a packet.
"""

import random
from collections import Counter
from pathlib import Path

import pytest

from firewalls import DOCKER, FIREWALLD, UFW, load, run_all, start_firewalld
from portulan.guard.reach import simulate
from portulan.guard.trace import Tracer
from portulan.model.reach import Outcome, Way
from portulan.model.record import Record
from portulan.wire.nft_text import rule_text
from reach_lab import TRACED, Lab, Monitor
from reach_rules import Writer, draw_packets

PACKETS, TRACES = 5_000, 130
"""For one set of rules in the full run."""
MOST_TOLD = 5
ENDS = {"accept", "drop", "reject", "jump", "goto", "return", "continue", "dnat", "redirect", "snat", "masquerade", "policy", "fwd"}
"""Actions of a rule that matched to its end."""
UNKNOWABLE = (
    "limit rate", "-m recent", "-m limit", "numgen", "ttl", "hoplimit", "meta length", "ct count", "quota", "meta random", "tcp window", "meta hour", "ether saddr", "198.18.64.1-198.18.64.4", ":8000-8003",
)  # fmt: skip
"""What the rules drawn by lot have of which nobody can know beforehand, as nft prints it."""
LEFT_OPEN = {"reach": ("sport", "@th,0,8", "saddr &")}
"""What an engine leaves open besides: one that answers for every sender at once does not know the port that one sends from, nor
follow single bits of addresses."""


class Prediction(Record):
    """What an engine says of one packet."""

    outcome: str
    came_out: tuple[str, int] | None = None
    """(host or container, port) where it says that too."""
    doubts: tuple[str, ...] = ()
    """For maybe: the rules it depends on, as text."""


def by_trace(ruleset, network, packets):
    """The simulation of one packet at a time."""
    tracer = Tracer(ruleset, network)
    return [predict_one(tracer.trace(packet)) for packet in packets]


def predict_one(passage):
    doubts = tuple(step.place.text if step.place is not None else f"({step.facts['why']})" for step in passage.doubts)
    where = "container" if passage.way is Way.FORWARD else "host"
    # One of several ports or addresses: which one, nobody knows.
    several = any("-" in f"{step.facts.get('port', '')}{step.facts.get('address', '')}" for step in passage.steps if step.action == "dnat")
    return Prediction(passage.outcome.value, None if several else (where, passage.port or passage.packet.port), doubts)


def by_reach(ruleset, network, packets):
    """All senders and ports at once (`guard.reach`); it answers for the host's own addresses."""
    reach = simulate(ruleset, network, answers=False)
    reach.prepare()
    own = {address for link in network.links for address, _ in link.addresses}
    return [say(reach.query(packet)) if packet.destination in own else None for packet in packets]


def say(answer):
    return Prediction(answer.outcome.value, None, tuple(place.text or place.chain for place in answer.doubts))


ENGINES = {"trace": by_trace, "reach": by_reach}


def packets(seed, count=PACKETS, engines=("trace", "reach")):
    """One set of rules, real packets through it, and every engine's word about each. Returns (differences, figures)."""
    dice = random.Random(f"reach {seed}")
    rules = Writer(dice).write()
    return _judged(dice, count, engines, rules, lambda lab: lab.load(rules))


def maker(name, seed, count=1_000, engines=("trace", "reach")):
    """The same for the rules of a program that people use: `MAKERS` has how each is made to write them."""
    return _judged(random.Random(f"{name} {seed}"), count, engines, name, lambda lab: lab.write(MAKERS[name]))


def _docker(host):
    run_all(host, DOCKER.replace("docker0", "eth2").replace("172.17.0.2", "198.18.64.1").replace("172.17.0.0/16", "198.18.64.0/18"))


def _ufw_with_docker(host):
    run_all(host, UFW)
    _docker(host)


def _legacy(host):
    if host.run(["iptables-legacy", "-S"]).returncode:
        pytest.skip("this kernel has no iptables-legacy")
    run_all(host, LEGACY)
    load(host, "table inet beside { chain in { type filter hook input priority 5; tcp dport 443 drop; }; }")


LEGACY = """
iptables-legacy -N office
iptables-legacy -A office -s 203.0.113.0/24 -j ACCEPT
iptables-legacy -A office -s 198.18.128.0/18 -p tcp -m multiport --dports 22,80,443 -j ACCEPT
iptables-legacy -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables-legacy -A INPUT -i eth1 -p udp --dport 53 -j ACCEPT
iptables-legacy -A INPUT -j office
iptables-legacy -A INPUT -p tcp --dport 8000:9100 -j REJECT --reject-with tcp-reset
iptables-legacy -P INPUT DROP
iptables-legacy -t nat -A PREROUTING -d 198.18.0.2 -p tcp --dport 8080 -j DNAT --to-destination 198.18.64.1:80
iptables-legacy -A FORWARD -d 198.18.64.1 -p tcp --dport 80 ! -s 198.19.0.0/16 -j ACCEPT
iptables-legacy -P FORWARD DROP
ip6tables-legacy -A INPUT -s fd00:128::/32 -p tcp --dport 22 -j ACCEPT
ip6tables-legacy -A INPUT -p ipv6-icmp -j ACCEPT
ip6tables-legacy -A INPUT -p tcp --dport 80:443 -j DROP
"""
MAKERS = {
    "ufw": lambda host: run_all(host, UFW),
    "docker": _docker,
    "ufw and docker": _ufw_with_docker,
    "firewalld by nftables": lambda host: (start_firewalld(host, "nftables"), run_all(host, FIREWALLD)),
    "firewalld by iptables": lambda host: (start_firewalld(host, "iptables"), run_all(host, FIREWALLD)),
    "iptables-legacy beside nft": _legacy,
}


def _judged(dice, count, engines, rules, make):
    with open_lab() as lab:
        make(lab)
        ruleset, network = lab.read()
        drawn = draw_packets(dice, count)
        lab.send(drawn)
        seen = lab.judge()
    figures = Counter(
        {"rule sets": 1, "rules": sum(len(chain.rules) for chain in ruleset.chains), "packets": count, "came through": len(seen)}
    )
    figures["IPv6 packets"] = sum(packet.destination.version == 6 for packet in drawn)
    found = []
    for engine in engines:
        predictions = ENGINES[engine](ruleset, network, drawn)
        found += compare(engine, drawn, predictions, seen, figures)
    return told(found, rules), figures


def compare(engine, drawn, predictions, seen, figures):
    """Every contradiction between an engine and the kernel; `maybe` contradicts nothing, but must rest on something that nobody can know."""
    found = []
    for at, (packet, said) in enumerate(zip(drawn, predictions, strict=True)):
        if said is None:
            continue
        figures[f"{engine}: {said.outcome}"] += 1
        arrived = seen.get(at)
        if said.outcome == Outcome.MAYBE.value:
            words = (*UNKNOWABLE, *LEFT_OPEN.get(engine, ()))
            if not said.doubts or not all(any(word in text for word in words) for text in said.doubts):
                found.append(f"{engine}: maybe without a reason, {said.doubts}: {packet}")
        elif (said.outcome == Outcome.ACCEPT.value) != (arrived is not None):
            found.append(f"{engine}: said {said.outcome}, but the kernel let it {'through' if arrived else 'not through'}: {packet}")
        elif arrived is not None and said.came_out is not None and said.came_out != arrived[:2]:
            found.append(f"{engine}: said it comes out at {said.came_out}, but it did at {arrived}: {packet}")
    return found


def rules(seed, count=TRACES):
    """The rules that match, one by one: our steps against what the kernel says of each (nft monitor trace). Returns (differences, figures)."""
    dice = random.Random(f"reach rules {seed}")
    text = Writer(dice).write()
    with open_lab() as lab:
        lab.load(text)
        ruleset, network = lab.read()
        load(lab.host, TRACED)
        drawn = draw_packets(dice, count)
        monitor = Monitor(lab.host)
        lab.send(drawn)
        traced = monitor.read()
        monitor.close()
    tracer = Tracer(ruleset, network)
    figures, found = Counter({"rule sets": 1, "packets": count}), []
    texts = {
        (chain.family, chain.table, chain.name, rule.handle): rule_text(rule, chain.family)
        for chain in ruleset.chains
        for rule in chain.rules
    }
    for at, packet in enumerate(drawn):
        passage = tracer.trace(packet)
        if not all(step.sure for step in passage.steps):
            figures["not certain"] += 1
            continue
        ours = [place_of(step) for step in passage.steps if step.place is not None and step.action in ENDS]
        theirs = [place for place in traced.get(at, []) if place[1] not in ("judge", "traced")]
        figures["traces"] += 1
        figures["steps"] += len(theirs)
        if ours != theirs:
            both = [[(*place, texts.get(place, "policy")) for place in places] for places in (ours, theirs)]
            found.append(f"{packet}: our steps {both[0]}, the kernel's {both[1]}")
    return told(found, text), figures


def place_of(step):
    place = step.place
    return place.family, place.table, place.chain, place.handle


def told(found, rules):
    """The first differences in full, with the rules; of the others how many."""
    if not found:
        return []
    return [*found[:MOST_TOLD], f"{len(found)} differences, with these rules:\n{rules}"]


def open_lab():
    return OpenLab()


class OpenLab:
    """A lab of its own for each set of rules: conntrack has seen nothing."""

    def __enter__(self):
        from portulan.system.sandbox import Sandbox
        from portulan.system.sandbox.root import open_root
        from proofs import find_peers

        self._sandbox = Sandbox()
        self._sandbox.__enter__()
        try:
            return Lab(self._sandbox, find_peers() or open_root(Path("no private root with peer programs")))
        except BaseException:
            self._sandbox.close()
            raise

    def __exit__(self, *_):
        self._sandbox.close()
