"""Laws of what is called useless, with the simulation of single packets as judge: without it all fares as before, and what is shadowed never matches."""

from hypothesis import given, settings
from hypothesis import strategies as st

from portulan.guard.review import review
from portulan.guard.trace import Tracer
from portulan.model.reach import Outcome
from portulan.model.rule import Limit, Log, NoTrack, Reject
from rule_builders import ACCEPT, CONTINUE, DROP, RETURN, chain, goto, jump, mark, match, network, packet, ruleset, vmap

NET = network()
ports = st.tuples(st.integers(20, 26), st.integers(0, 4)).map(lambda pair: (pair[0], sum(pair)))
conditions = st.one_of(
    st.tuples(st.sampled_from(["tcp dport", "udp dport", "th dport", "tcp sport"]), ports, st.booleans()).map(
        lambda made: match(*made[:2], negated=made[2])
    ),
    st.tuples(st.just("ip saddr"), st.sampled_from(["203.0.113.0/24", "203.0.113.9", "203.0.113.8/31", "0.0.0.0/1", "128.0.0.0/1"]), st.booleans()).map(
        lambda made: match(*made[:2], negated=made[2])
    ),
    st.tuples(st.just("ip6 saddr"), st.sampled_from(["2001:db8::/32", "2001:db8::9"])).map(lambda made: match(*made)),
    st.tuples(st.just("meta l4proto"), st.sampled_from([6, 17, (6, 17)]), st.booleans()).map(lambda made: match(*made[:2], negated=made[2])),
    st.tuples(st.just("meta nfproto"), st.sampled_from([2, 10])).map(lambda made: match(*made)),
    st.tuples(st.just("meta mark"), st.integers(0, 2), st.booleans()).map(lambda made: match(*made[:2], negated=made[2])),
    st.tuples(st.just("ct state"), st.sampled_from([1, 2, 8, 64])).map(lambda made: match(*made)),
    st.tuples(st.just("meta iifname"), st.sampled_from(["eth0", "eth*", "lo"]), st.booleans()).map(lambda made: match(*made[:2], negated=made[2])),
    st.tuples(st.just("meta oifname"), st.sampled_from(["eth0", "lo"])).map(lambda made: match(*made)),
)  # fmt: skip
effects = st.sampled_from([Limit(1, "hour"), mark(0), mark(1), NoTrack(), Log()])
ends = st.sampled_from([ACCEPT, DROP, Reject("icmpx", 1), RETURN, CONTINUE])
maps = st.lists(st.tuples(st.integers(20, 26), st.sampled_from([ACCEPT, DROP, RETURN, CONTINUE])), max_size=3, unique_by=lambda arm: arm[0]).map(
    lambda arms: vmap("tcp dport", arms)
)  # fmt: skip


def rules(*targets):
    """Mostly conditions and a verdict; now and then something that does more."""
    verdicts = st.one_of(ends, ends, ends, maps, *([st.sampled_from(targets)] if targets else []))
    return st.tuples(st.lists(conditions, max_size=2), st.one_of(st.just([]), st.just([]), st.just([]), st.lists(effects, max_size=1)), verdicts).map(
        lambda made: (*made[0], *made[1], made[2])
    )  # fmt: skip


PACKETS = [
    packet(port, version=version, transport=transport, source_port=source_port, source=source)
    for port in (19, 20, 22, 23, 25, 30, 31)
    for version in (4, 6)
    for transport in ("tcp", "udp")
    for source_port, source in ((22, None), (40000, None))
] + [packet(22, source=source) for source in ("203.0.113.8", "198.51.100.1", "5.6.7.8")]
bases = st.tuples(st.lists(rules(jump("one"), jump("two"), goto("two")), max_size=6), st.sampled_from(["accept", "drop"]))


@settings(max_examples=150)
@given(bases, st.lists(rules(jump("two")), max_size=4), st.lists(rules(), max_size=4), st.sampled_from(["input", "prerouting"]))
def test_without_what_is_useless_every_packet_fares_as_before(base, one, two, hook):
    whole = ruleset(chain("c", *base[0], hook=hook, policy=base[1]), chain("one", *one), chain("two", *two))
    found = review(whole)
    gone = {(useless.place.chain, useless.place.handle) for useless in found}
    shadowed = {(useless.place.chain, useless.place.handle) for useless in found if useless.kind == "shadowed"}
    rest = whole._replace(
        chains=tuple(
            each._replace(rules=tuple(rule for rule in each.rules if (each.name, rule.handle) not in gone)) for each in whole.chains
        )
    )
    before, after = Tracer(whole, NET), Tracer(rest, NET)
    for each in PACKETS if found else ():
        passage, again = before.trace(each), after.trace(each)
        assert passage.outcome is again.outcome, each
        if passage.outcome is Outcome.ACCEPT:
            assert before.trace_reply(passage).outcome is after.trace_reply(again).outcome, each
        matched = {(step.place.chain, step.place.handle) for step in passage.steps if step.place is not None and not step.place.policy}
        assert not matched & shadowed, each
