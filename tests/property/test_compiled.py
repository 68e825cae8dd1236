"""What a policy is compiled to, simulated, is what the policy means: any policy, any sender, any port; doors of this host, and published ones."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_strategies import LINKS, NETWORK, OWN, PORTS, PUBLISHED, TERRAIN, TODAY, V4, V6, policies
from portulan.guard.policy.compile import compile_policy, compiled_rules
from portulan.guard.policy.compile_text import from_json, permanent, to_json, trial
from portulan.guard.policy.compile_words import MOST_COMMENT, log_prefix, remark
from portulan.guard.policy.meaning import decide, decide_published
from portulan.guard.policy.supposed import with_ours, without_ours
from portulan.guard.reach import simulate
from portulan.model.network import Address
from portulan.model.policy import Spot
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Packet
from portulan.model.rule import Field, Match, Members, Range, Rule, Spans, Translate
from portulan.model.ruleset import Base, Chain, Ruleset


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


@settings(max_examples=20, deadline=None)
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
