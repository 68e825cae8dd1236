"""Laws of the simulation: what holds of every set of rules."""

from hypothesis import given
from hypothesis import strategies as st

from portulan.guard.course import cut, doubts_that_matter, join, simplify
from portulan.guard.trace import trace
from portulan.model.reach import Outcome
from portulan.model.rule import Limit
from rule_builders import ACCEPT, DROP, RETURN, chain, jump, mark, match, network, packet, ruleset

NET = network()
spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=6).map(join)
conditions = st.one_of(
    st.tuples(st.just("tcp dport"), st.integers(20, 26)).map(lambda pair: match(*pair)),
    st.tuples(st.just("tcp sport"), st.tuples(st.integers(0, 300), st.integers(301, 65535))).map(lambda pair: match(*pair)),
    st.tuples(st.just("meta mark"), st.integers(0, 2), st.booleans()).map(lambda made: match(*made[:2], negated=made[2])),
    st.just(Limit(1, "hour")),
    st.integers(0, 2).map(mark),
)
verdicts = st.sampled_from([ACCEPT, DROP, RETURN, jump("below"), None])
rules = st.tuples(st.lists(conditions, max_size=2), verdicts).map(lambda made: (*made[0], *([made[1]] if made[1] else [])))
below = st.lists(rules.filter(lambda rule: not any(getattr(part, "target", None) for part in rule)), max_size=3)
bases = st.lists(st.tuples(st.lists(rules, max_size=4), st.sampled_from(["accept", "drop"]), st.integers(-1, 1)), min_size=1, max_size=2)


def made(drawn, lower, *, settle=None):
    """The ruleset; with `settle` every limit lets everything through, or nothing."""

    def settled(rule):
        if settle is None or not any(isinstance(part, Limit) for part in rule):
            return [rule]
        return [tuple(part for part in rule if not isinstance(part, Limit))] if settle else []

    chains = [chain("below", *(each for rule in lower for each in settled(rule)))]
    for at, (body, policy, priority) in enumerate(drawn):
        chains.append(chain(f"b{at}", *(each for rule in body for each in settled(rule)), hook="input", policy=policy, priority=priority))
    return ruleset(*chains)


@given(bases, below)
def test_an_unknown_source_port_is_maybe_only_if_known_ones_differ(drawn, lower):
    whole = trace(made(drawn, lower), NET, packet(source_port=None)).outcome
    single = {trace(made(drawn, lower), NET, packet(source_port=port)).outcome for port in (0, 1, 150, 300, 301, 1023, 40000, 65535)}
    if whole is not Outcome.MAYBE:
        assert single == {whole}


@given(bases, below)
def test_what_is_certain_does_not_depend_on_limits(drawn, lower):
    outcome = trace(made(drawn, lower), NET, packet()).outcome
    settled = {trace(made(drawn, lower, settle=way), NET, packet()).outcome for way in (True, False)}
    if outcome is not Outcome.MAYBE:
        assert settled == {outcome}


@given(bases, below)
def test_maybe_names_a_doubt_and_only_maybe_does(drawn, lower):
    passage = trace(made(drawn, lower), NET, packet(source_port=None))
    assert bool(passage.doubts) == (passage.outcome is Outcome.MAYBE)
    assert all(not step.sure and ("limit" in step.place.text or "sport" in step.place.text) for step in passage.doubts)


@given(bases, below)
def test_a_further_base_chain_that_accepts_changes_nothing(drawn, lower):
    whole = made(drawn, lower)
    more = whole._replace(chains=(*whole.chains, chain("more", ACCEPT, hook="input", priority=9)))
    assert trace(more, NET, packet()).outcome is trace(whole, NET, packet()).outcome


@given(bases, below)
def test_a_first_rule_that_drops_ends_all(drawn, lower):
    whole = made(drawn, lower)
    assert trace(whole._replace(chains=(*whole.chains, chain("first", DROP, hook="prerouting"))), NET, packet()).outcome is Outcome.DROP


@given(spans, spans)
def test_cutting_keeps_every_number_on_one_side(some, others):
    inside, outside = cut(some, others)
    numbers, kept, left, right = (
        ({number for first, last in each for number in range(first, last + 1)}) for each in (some, inside, outside, others)
    )
    assert kept == numbers & right
    assert left == numbers - right


cubes = st.lists(
    st.dictionaries(st.sampled_from([("a", 2), ("b", 2), ("c", 3)]), st.integers(0, 1)).map(lambda cube: frozenset(cube.items())),
    min_size=1,
    max_size=5,
)


@given(cubes)
def test_simplified_conditions_mean_the_same(conditions):
    worlds = [{("a", 2): a, ("b", 2): b, ("c", 3): c} for a in (0, 1) for b in (0, 1) for c in (0, 1, 2)]

    def holds(found, world):
        return any(all(world[doubt] == choice for doubt, choice in cube) for cube in found)

    short = simplify(conditions)
    assert [holds(conditions, world) for world in worlds] == [holds(short, world) for world in worlds]
    assert doubts_that_matter([], {}) == ()
