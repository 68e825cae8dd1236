"""What goes out of a host and through it: against the tracer, which follows each packet by itself."""

import random
from datetime import date

import pytest

from policies import policy_of
from policy_samples import draw_policy
from portulan.errors import BadInput
from portulan.guard.onward import MOST_CLASSES, Beyond, Onwards
from portulan.guard.policy.compile import compiled_rules, terrain_of
from portulan.guard.policy.supposed import with_ours
from portulan.guard.trace import Tracer
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Packet
from portulan.model.ruleset import Ruleset
from rule_builders import ACCEPT, DROP, address, chain, dnat, jump, match, named_set, network, ruleset

TCP, UDP, SCTP = Transport.TCP, Transport.UDP, Transport.SCTP
TODAY = date(2026, 6, 15)
NETWORK = network()
DOCKER = (
    chain("DOCKER", (match("meta oifname", "eth2"), match("tcp dport", 8080), ACCEPT), family="ip", table="filter"),
    chain("FORWARD", jump("DOCKER"), (match("meta iifname", "eth2"), ACCEPT), hook="forward", policy="drop", family="ip", table="filter"),
    chain(
        "nat",
        (match("meta iifname", "eth0"), match("tcp dport", 80), dnat("198.18.2.2", 8080)),
        hook="prerouting",
        kind="nat",
        priority=-100,
        family="ip",
    ),
)


def said(flow, sender):
    """What becomes of one sender's packet."""
    for outcome, spans in ((Outcome.ACCEPT, flow.sure), (Outcome.MAYBE, flow.perhaps), (Outcome.DROP, flow.shut)):
        if any(first <= sender <= last for first, last in spans):
            return outcome
    return None


def agree(rules, dice, most=60):
    """Asks both about packets drawn by lot; returns how many were asked."""
    ways = Beyond((rules,), NETWORK).ways(out=True, through=True)
    onwards, tracer = Onwards(rules, NETWORK, ways, (TCP, UDP, SCTP)), Tracer(rules, NETWORK)
    cuts = sorted(port for port in onwards.cuts() if port < 65_536)
    asked = 0
    for _ in range(most):
        way, transport = dice.choice(ways), dice.choice((TCP, UDP, SCTP))
        port = min(65_535, max(0, dice.choice(cuts) + dice.choice((-1, 0, 0, 1))))
        flow = onwards.flow(way, transport, port)
        first, last = dice.choice(way.to.spans)
        receiver = dice.choice((first, last, dice.randint(first, last), way.to.example))
        if way.comes:
            sender, link = dice.choice([span for spans in (flow.sure, flow.perhaps, flow.shut) for span in spans])[0], way.comes[0]
        else:
            own = next(
                one
                for one, _ in next(each for each in NETWORK.links if each.name == way.to.links[0]).addresses
                if one.version == way.to.version
            )
            sender, link = own.number, "lo"
        version = way.to.version
        packet = Packet(transport, Address(version, sender), Address(version, receiver), port, 40_000, link)
        traced = tracer.trace(packet).outcome
        traced = Outcome.DROP if traced is Outcome.REJECT else traced
        mine = said(flow, sender) or Outcome.DROP  # by the kernel itself
        assert mine is traced or (mine is Outcome.MAYBE and traced is not Outcome.MAYBE and flow.perhaps), (packet, flow, traced)
        asked += 1
    return asked


@pytest.mark.parametrize("seed", range(6))
def test_policies_drawn_by_lot_fare_as_traced(seed):
    dice = random.Random(f"onward {seed}")
    while True:
        text, files = draw_policy(dice)
        try:
            policy = policy_of(text.replace("wg0", "eth2"), files)
        except BadInput:
            continue
        break
    ours = compiled_rules(policy, TODAY, terrain_of(NETWORK))
    assert agree(with_ours(ruleset(*DOCKER), ours) if seed % 2 else ours, dice)


def test_other_programs_rules_fare_as_traced():
    assert agree(ruleset(*DOCKER), random.Random(1))
    wanted = chain(
        "o",
        (match("ip daddr", "@far"), match("sctp dport", (5000, 5010)), DROP),
        (match("ip6 daddr", "2001:db8::/32"), DROP),
        hook="output",
    )
    assert agree(ruleset(wanted, sets=[named_set("far", "198.51.100.0/24", "203.0.113.7")]), random.Random(2), 200)


def test_receivers_whom_nothing_tells_apart_are_one():
    ways = Beyond((Ruleset(),), NETWORK).ways(out=True, through=True)
    assert {(way.to.version, way.comes, way.to.links) for way in ways} == {
        (version, comes, ("eth0", "eth2")) for version in (4, 6) for comes in ((), ("eth0",), ("eth2",))
    } or len(ways) == 2 * (1 + 1)
    narrow = ruleset(chain("f", (match("meta oifname", "eth2"), match("ip daddr", "198.18.2.2"), ACCEPT), hook="forward"))
    ways = Beyond((Ruleset(), narrow), NETWORK).ways(out=False, through=True)
    behind = [way.to for way in ways if way.to.version == 4 and way.to.links == ("eth2",)]
    assert ((address("198.18.2.2").number, address("198.18.2.2").number),) in [each.spans for each in behind]
    assert all(way.comes == ("eth0",) for way in ways if way.to.links == ("eth2",))


def test_more_receivers_than_can_be_told_apart_are_said_to_be_left_out():
    rules = [(match("ip daddr", f"203.0.113.{number}"), DROP) for number in range(1, MOST_CLASSES + 9)]
    beyond = Beyond((ruleset(chain("o", *rules, hook="output")),), NETWORK)
    assert len(beyond.ways(out=True, through=False)) <= 2 * MOST_CLASSES
    assert beyond.left_out
