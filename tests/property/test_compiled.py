"""What a policy is compiled to, simulated, is what the policy means: any policy, any sender, any port; doors of this host, and published ones."""

from datetime import date, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from portulan.guard.policy.compile import compile_policy, compiled_rules, terrain_of
from portulan.guard.policy.compile_text import from_json, permanent, to_json, trial
from portulan.guard.policy.compile_words import MOST_COMMENT, log_prefix, remark
from portulan.guard.policy.meaning import decide, decide_published
from portulan.guard.policy.supposed import with_ours, without_ours
from portulan.guard.reach import simulate
from portulan.model.network import Address, Link, Network, Route
from portulan.model.policy import Crossing, Limit, Line, Part, Per, Policy, Refusal, Source, Spot, Zone
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Outcome, Packet, Sources
from portulan.model.rule import Field, Match, Members, Range, Rule, Spans, Translate
from portulan.model.ruleset import Base, Chain, Ruleset

TODAY = date(2026, 11, 22)
V4, V6 = 0x0A000000, 0xFD00 << 112
OWN = {4: V4 | 1, 6: V6 | 1}
LINKS = ("eth0", "eth1", "wg0")
PUBLISHED = {80: 8000, 9: 9}
"""Ports that another program sends on to a container, and to which."""
SPOT = Spot("portulan.toml", 1)


def links():
    found = [Link(1, "lo", type=772, addresses=((Address(4, 0x7F000001), 8), (Address(6, 1), 128)))]
    for at, name in enumerate(LINKS):
        own = tuple(
            (Address(version, number + (at << 8)), prefix) for (version, number), prefix in zip(OWN.items(), (24, 120), strict=True)
        )
        found.append(Link(at + 2, name, addresses=own, forwards4=True, forwards6=True))
    return tuple(found)


def routes():
    found = [Route(4, 0, 0, links=("eth0",)), Route(6, 0, 0, links=("eth0",))]
    for link in links():
        for address, prefix in link.addresses:
            bits = 32 if address.version == 4 else 128
            found.append(Route(address.version, address.number, bits, "local", ("lo",), table=255))
            if link.name != "lo":
                found.append(Route(address.version, address.number >> bits - prefix << bits - prefix, prefix, links=(link.name,)))
    return tuple(found)


NETWORK = Network(None, links(), routes())
TERRAIN = terrain_of(NETWORK)
# Few values, so that lines meet.
PORTS = (0, 9, 22, 68, 80, 546, 8000, 65535)
numbers = st.sampled_from(PORTS)
spans = st.tuples(st.integers(2, 40), st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def merged(pairs):
    found = []
    for first, last in sorted(pairs):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


some_sources = st.builds(
    lambda four, six: Sources(merged((V4 + a, V4 + b) for a, b in four), merged((V6 + a, V6 + b) for a, b in six)),
    st.lists(spans, max_size=3),
    st.lists(spans, max_size=2),
)
patterns = st.just(()) | st.lists(st.sampled_from((*LINKS, "eth*", "w*", "ppp0")), max_size=2).map(tuple)
parts = st.just(Part()) | st.builds(Part, st.none() | some_sources, patterns)
named = st.sampled_from(("office", "lan", "everyone-else", "x y", "9"))
sources = st.builds(Source, named, st.lists(parts, max_size=2).map(tuple), st.just(SPOT))
limits = st.none() | st.builds(Limit, st.integers(1, 10), st.sampled_from(Per), st.integers(1, 9))
port_sets = st.lists(
    st.tuples(numbers, numbers).map(lambda pair: PortRange(min(pair), max(pair))) | numbers.map(lambda one: PortRange(one, one)),
    min_size=1,
    max_size=2,
).map(PortSet.of)
some_ports = st.dictionaries(st.sampled_from((Transport.TCP, Transport.UDP, Transport.SCTP)), port_sets, min_size=1).map(
    lambda found: tuple(found.items())
)
ends = st.none() | st.sampled_from((TODAY, TODAY - timedelta(1), TODAY + timedelta(1)))
lines = st.builds(
    Line, st.sampled_from(("ssh", "22/tcp", "a b")), some_ports, st.lists(sources, min_size=1, max_size=2).map(tuple), st.just(SPOT), limits, st.booleans(),
    st.none() | st.text(max_size=9), ends, st.sampled_from((None, None, None, "ftp", "tftp")),
)  # fmt: skip
zones = st.just((Zone("in", ("eth1",), SPOT), Zone("out", ("eth0", "w*"), SPOT)))


@st.composite
def policies(draw):
    inside = draw(st.sampled_from(((), draw(zones))))
    crossings = ()
    if inside:
        crossings = tuple(
            draw(
                st.lists(
                    st.builds(
                        lambda ports, limit, log, until: Crossing(
                            "in -> out", *inside, ports, SPOT, everything=not ports, limit=limit, log=log, until=until
                        ),
                        st.just(()) | some_ports, limits, st.booleans(), ends,
                    ),
                    max_size=1,
                )
            )
        )  # fmt: skip
    return Policy(
        "portulan.toml", "", (), tuple(draw(st.lists(lines, max_size=4))), inside, crossings, draw(st.none() | st.lists(lines, max_size=2).map(tuple)),
        draw(st.sampled_from(Refusal)), draw(limits), tuple(draw(st.lists(sources, max_size=1))),
    )  # fmt: skip


def packets(dice):
    """One packet for each port and transport, from anybody."""
    for transport in (Transport.TCP, Transport.UDP):
        for port in PORTS:
            version, link = dice.choice((4, 6)), dice.choice(LINKS)
            base = (V4 if version == 4 else V6) + (LINKS.index(link) << 8) * dice.randint(0, 1)
            sender = base + dice.randint(2, 60)
            if version == 6 and port not in PUBLISHED and dice.random() < 0.2:  # the kernel forwards nothing of link-local senders
                sender = (0xFE80 << 112) + dice.randint(1, 9)
            yield Packet(transport, Address(version, sender), Address(version, OWN[version]), port, None, link)


CONTAINER = {4: V4 + (1 << 8) + 77, 6: V6 + (1 << 8) + 77}


def docker():
    """Another program's translation of published ports."""
    rules = []
    for family, version in (("ip", 4), ("ip6", 6)):
        for transport in ("tcp", "udp"):
            for port, inner in PUBLISHED.items():
                matches = (
                    Match(Field(family, "daddr"), Members(spans=Spans((OWN[version],), (OWN[version],)))),
                    Match(Field(transport, "dport"), Members(spans=Spans((port,), (port,)))),
                )
                rules.append(
                    Rule(None, (*matches, Translate("dnat", family, Range(CONTAINER[version], CONTAINER[version]), Range(inner, inner))))
                )
    chain = Chain("inet", "other", "p", tuple(rules), Base("nat", "prerouting", -100))
    return Ruleset(chains=(chain,))


def expected(policy, packet, published):
    """By the oracle; MAYBE too where only some source ports are let in."""
    about = packet.transport, packet.source.version, packet.source.number, packet.link, packet.port
    if published and packet.port in PUBLISHED:
        return decide_published(policy, TODAY, *about).outcome
    found = decide(policy, TODAY, *about).outcome
    if found in (Outcome.DROP, Outcome.REJECT):
        for source_port in (67, 547):
            if decide(policy, TODAY, *about, source_port=source_port).outcome is Outcome.ACCEPT:
                return Outcome.MAYBE
    return found


@settings(max_examples=60, deadline=None)
@given(policies(), st.integers(0, 1 << 30), st.booleans())
def test_the_simulation_is_the_meaning(policy, seed, published):
    ours = compiled_rules(policy, TODAY, TERRAIN)
    engine = simulate(with_ours(docker() if published else Ruleset(), ours), NETWORK, answers=False)
    for packet in packets(Random(seed)):
        found = engine.query(packet)
        if found.rule is None or found.rule.family != "kernel":
            assert found.outcome is expected(policy, packet, published), packet


@settings(max_examples=60, deadline=None)
@given(policies(), policies())
def test_texts(policy, other):
    compiled, another = (compile_policy(each, TODAY, TERRAIN) for each in (policy, other))
    assert compile_policy(policy, TODAY, TERRAIN) == compiled
    assert from_json(to_json(compiled)) == compiled
    assert (permanent(compiled) == permanent(another)) <= (compiled.hash == another.hash)
    # What only a person reads makes no other rules.
    told = policy._replace(doors=tuple(line._replace(note="another", spot=Spot("elsewhere.toml", 99)) for line in policy.doors))
    assert compile_policy(told, TODAY, TERRAIN).hash == compiled.hash
    both = trial(compiled, another, 60)
    assert both.count("{") == both.count("}")
    for block in compiled.blocks:
        assert f"{block.kind} new_{block.name[1:]} {{" in both
    for block in another.blocks:
        assert f"{block.kind} old_{block.name[1:]} {{" in both
    assert without_ours(with_ours(docker(), compiled_rules(policy, TODAY, TERRAIN))) == docker()


@given(st.text(max_size=400))
def test_any_text_as_a_comment(text):
    plain = remark(text)
    assert len(plain.encode()) <= MOST_COMMENT
    assert plain.isprintable()
    assert not set('"\\') & set(plain)
    assert remark(plain) == plain
    prefix = log_prefix(text)
    assert prefix.isascii()
    assert prefix.count('"') == 2
    assert prefix.endswith('"')
    assert "$" not in prefix
