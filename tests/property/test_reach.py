"""Laws of the simulation of all senders and ports at once."""

from bisect import bisect_right

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from portulan.guard.classes import Classes
from portulan.guard.first_match import FirstMatch
from portulan.guard.reach import simulate
from portulan.guard.sets import ALL, EMPTY, Sets
from portulan.guard.trace import trace
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Outcome
from portulan.model.rule import (
    Assign,
    Binary,
    Concat,
    ConnectionLimit,
    Field,
    Limit,
    Lookup,
    Match,
    Members,
    NoTrack,
    Number,
    Range,
    Reject,
)
from reach_agreement import REFUSED, TRANSPORTS, disagreements, edges_of, packets, region_of, roots, way_in
from rule_builders import (
    ACCEPT,
    CONTAINER,
    CONTINUE,
    DROP,
    RETURN,
    chain,
    dnat,
    element,
    field,
    goto,
    jump,
    mark,
    match,
    named_set,
    network,
    ruleset,
    vmap,
)  # fmt: skip

NET = network()

# Rules drawn by lot

NETS4 = (
    "203.0.113.0/24",
    "203.0.113.7",
    "198.18.0.0/24",
    "198.18.2.0/24",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "0.0.0.0/0",
    "198.18.0.2",
    "198.18.2.1",
    "127.0.0.0/8",
)
NETS6 = ("2001:db8::/32", "2001:db8::9", "fd00::/64", "fd00:2::/64", "fd00::2", "::/0", "fe80::/10")
nets4, nets6 = st.sampled_from(NETS4), st.sampled_from(NETS6)
ports = st.sampled_from([22, 80, (80, 90), (1, 1023), (1024, 65535), 443, (0, 65535)])
links = st.sampled_from(["eth0", "eth2", "eth*", "lo"])
marks = st.integers(0, 3)
yes_no = st.booleans()


def matches(left, values, least=1):
    return st.builds(
        lambda values, negated: match(left, *values, negated=negated), st.lists(values, min_size=least, max_size=3, unique=True), yes_no
    )


def both(left, nets):
    """`ip saddr . tcp dport`."""
    pairs = st.lists(st.tuples(nets, ports).map(list), min_size=1, max_size=3)
    return st.builds(
        lambda keys, negated: Match(
            Concat((field(left), field("tcp dport"))), Members(elements=tuple(map(element, keys))), negated=negated
        ),
        pairs,
        yes_no,
    )


MASKED = Binary("&", Field("ip", "saddr"), Number(0xFFFFFF00))
conditions = st.one_of(
    matches("ip saddr", nets4), matches("ip6 saddr", nets6), matches("ip daddr", nets4), matches("ip6 daddr", nets6), matches("tcp dport", ports), matches("udp dport", ports),
    matches("th dport", ports), matches("meta iifname", links), matches("meta oifname", links), matches("meta l4proto", st.sampled_from([6, 17])), matches("meta mark", marks),
    matches("ct state", st.sampled_from([1, 8, 64])), matches("meta nfproto", st.sampled_from([2, 10])), matches("ct original proto-dst", ports), matches("ct mark", marks),
    matches(MASKED, nets4.filter(lambda text: text.endswith("/24"))), matches(Binary("&", Field("tcp", "dport"), Number(1)), st.integers(0, 1)),
    matches(Binary("&", Field("meta", "mark"), Number(2)), st.sampled_from([0, 2])), matches(Field("fib", "type", flags=("saddr",)), st.sampled_from([1, 2, 3])),
    matches(Field("fib", "type", flags=("daddr",)), st.sampled_from([1, 2])), matches(Field("fib", "oif", flags=("saddr", "iif"), exists=True), st.integers(0, 1)),
    both("ip saddr", nets4), both("ip6 saddr", nets6), st.sampled_from([match("ip saddr", "@known"), match("ip saddr", "@known", negated=True)]),
)  # fmt: skip
doubtful = st.sampled_from(
    [Limit(3, "minute"), ConnectionLimit(3), match("ip saddr", "@unread"), match("meta random", (0, 9)), match("ip ttl", (0, 63))]
)
verdicts = st.sampled_from(
    [ACCEPT, DROP, RETURN, CONTINUE, Reject("icmpx", 1), Reject("tcp reset"), Reject("icmp", 3), Reject("icmpv6", 1)]
)


def arms(keys, verdict):
    return st.lists(st.tuples(keys, verdict), min_size=1, max_size=3, unique_by=lambda arm: str(arm[0])).map(disjoint)


def disjoint(arms):
    """Keys of a map do not overlap."""
    from rule_builders import span

    kept = []
    for key, verdict in arms:
        first, last = span(key)
        if all(last < low or first > high for low, high in (span(other) for other, _ in kept)):
            kept.append((key, verdict))
    return kept


def maps(verdict):
    default = st.none() | verdict
    return st.one_of(
        st.builds(lambda arms, default: vmap("tcp dport", arms, default), arms(ports, verdict), default),
        st.builds(lambda arms, default: vmap("ip saddr", arms, default), arms(nets4, verdict), default),
        st.builds(lambda arms, default: vmap("meta mark", arms, default), arms(marks, verdict), default),
    )


MAPPED = Assign(
    Field("meta", "mark"),
    Lookup(field("tcp dport"), Members(elements=(element((0, 99), (Range(1, 1),)), element((100, 1000), (Range(2, 2),))))),
)
OR_ONE = Assign(Field("meta", "mark"), Binary("|", Field("meta", "mark"), Number(1)))
FROM_CT = Assign(Field("meta", "mark"), Field("ct", "mark"))
changes = st.one_of(marks.map(mark), st.sampled_from([MAPPED, OR_ONE, FROM_CT, Assign(Field("ct", "mark"), Number(2))]))


@st.composite
def rules(draw, targets=(), doubts=False):
    body = draw(st.lists(conditions if not doubts else conditions | doubtful, max_size=3))
    verdict = verdicts
    if targets:
        verdict |= st.sampled_from([made(target) for target in targets for made in (jump, goto)])
    return (*body, draw(st.one_of(verdict, verdict, maps(verdict.filter(lambda one: not isinstance(one, Reject))), changes)))


@st.composite
def translations(draw):
    body = draw(st.lists(conditions, max_size=2))
    to4, to6 = st.sampled_from([CONTAINER[4], "198.18.2.7", "198.18.0.2", "127.0.0.1"]), st.sampled_from([CONTAINER[6], "fd00::2"])
    port = st.none() | st.sampled_from([80, 8080, 22])
    return (*body, draw(st.one_of(
        st.builds(lambda to, port: dnat(to, port, family="ip"), to4, port), st.builds(lambda to, port: dnat(to, port, family="ip6"), to6, port),
        port.map(lambda port: dnat(port=port, kind="redirect")), st.sampled_from([ACCEPT, RETURN]), changes)))  # fmt: skip


DRAWN = [[st.lists(rules(targets, doubts), max_size=3) for targets in ((), ("low",), ("low", "high"))] for doubts in (False, True)]
"""Made once: making strategies costs more than drawing from them."""


@st.composite
def rulesets(draw, doubts=False):
    """Up to four base chains of one table, with two to jump to."""
    chains = [
        chain("low", *draw(DRAWN[doubts][0])),
        chain("high", *draw(DRAWN[doubts][1])),
    ]
    plan = draw(
        st.lists(
            st.sampled_from(["input", "input", "forward", "prerouting", "raw", "nat", "nat", "output", "postrouting", "ingress"]),
            min_size=1,
            max_size=4,
        )
    )
    for at, what in enumerate(plan):
        name, policy = f"b{at}", draw(st.sampled_from(["accept", "accept", "drop"]))
        if what == "nat":
            hook = draw(st.sampled_from(["prerouting", "prerouting", "output"]))
            chains.append(
                chain(
                    name,
                    *draw(st.lists(translations(), min_size=1, max_size=3)),
                    hook=hook,
                    kind="nat",
                    priority=-100 + draw(st.integers(-2, 2)),
                )
            )
        elif what == "ingress":
            chains.append(chain(name, *draw(DRAWN[doubts][0]), hook=what, family="netdev", devices=("eth0",), policy=policy))
        elif what == "raw":
            body = draw(st.lists(st.lists(conditions, max_size=1).map(lambda body: (*body, NoTrack())), min_size=1, max_size=2))
            chains.append(chain(name, *body, hook="prerouting", priority=-300))
        else:
            priority = draw(st.sampled_from([-150, 0, 0, 5]))
            chains.append(
                chain(
                    name,
                    *draw(DRAWN[doubts][2]),
                    hook=what,
                    policy=policy,
                    priority=priority,
                )
            )
    return ruleset(*chains, sets=[named_set("known", "203.0.113.0/24", "10.1.0.0/16"), named_set("unread", unread=True)])


@settings(max_examples=15)
@given(rulesets())
def test_all_packets_at_once_fare_as_each_alone(drawn):
    wrong, loose = disagreements(drawn, NET)
    assert not wrong
    assert not loose


@settings(max_examples=15)
@given(rulesets(doubts=True))
def test_with_doubts_nothing_is_guessed(drawn):
    wrong, _ = disagreements(drawn, NET)
    assert not wrong


@settings(max_examples=10)
@given(rulesets(doubts=True), st.booleans())
def test_groups_of_senders_are_disjoint_and_leave_out_nobody(drawn, answers):
    for doors in simulate(drawn, NET, answers=answers).doors.values():
        rows = doors.rows
        for lane in roots(doors):
            for port in edges_of(doors.ports, 3):
                left = lane.senders
                for region in doors.regions(lane, port):
                    assert rows.both(left, region.rows) == region.rows
                    left = rows.minus(left, region.rows)
                assert left == EMPTY


@settings(max_examples=15)
@given(rulesets(doubts=True), st.booleans())
def test_the_matrix_says_what_the_doors_say(drawn, answers):
    reach = simulate(drawn, NET, answers=answers)
    verdicts = reach.prepare()
    for version, doors in reach.doors.items():
        for transport in TRANSPORTS:
            for link in ("eth0", "eth2"):
                lanes = [lane for lane in roots(doors) if lane.transport == transport and link in [each.name for each in lane.entry.links]]
                first, numbers = verdicts[version].pieces(link, transport)
                for port in edges_of(doors.ports, 4):
                    sure, perhaps = verdicts[version].keys[numbers[bisect_right(first.tolist(), port) - 1]]
                    regions = [region for lane in lanes for region in doors.regions(lane, port)]
                    rows = {
                        outcome: doors.rows.union([region.rows for region in regions if region.outcome is outcome]) for outcome in Outcome
                    }
                    assert doors.rows.spans(verdicts[version].sources(sure)) == rows[Outcome.ACCEPT]
                    assert doors.rows.spans(verdicts[version].sources(perhaps)) == doors.rows.minus(
                        rows[Outcome.MAYBE], rows[Outcome.ACCEPT]
                    )


@settings(max_examples=10)
@given(rulesets(doubts=True))
def test_one_cell_of_the_matrix_is_one_door(drawn):
    reach = simulate(drawn, NET, answers=False)
    verdicts = reach.prepare()
    for doors, lane, packet in packets(reach, 2):
        region = region_of(doors, lane, packet.port, packet.source.number)
        outcome, place, *_ = verdicts[packet.source.version].matrix.look(lane, packet.source.number, packet.port)
        assert outcome is region.outcome
        if outcome in REFUSED:
            assert place == region.place


@settings(max_examples=10)
@given(rulesets(doubts=True), st.sampled_from([22, 80, 443]))
def test_only_some_ports_asked_about_fare_as_all_do(drawn, port):
    some = simulate(drawn, NET, ports={Transport.TCP: PortSet.of([PortRange(22, 22), PortRange(80, 500)])}).door(Transport.TCP, port)
    whole = simulate(drawn, NET).door(Transport.TCP, port)
    assert some.wide == whole.wide
    for outcome in Outcome:
        assert senders(some, outcome) == senders(whole, outcome)


def senders(reached, outcome):
    """By interface."""
    return {
        (link, span)
        for access in reached.accesses
        if access.outcome is outcome
        for link in access.links
        for span in (*access.sources.v4, *access.sources.v6)
    }


@settings(max_examples=10)
@given(rulesets(doubts=True))
def test_a_witness_of_a_line_is_of_that_line(drawn):
    reach = simulate(drawn, NET, answers=False)
    for group in reach.matrix()[0]:
        if group.accepted:
            assert trace(drawn, NET, group.witness).outcome is Outcome.ACCEPT
        else:
            assert region_of(*way_in(reach, group.witness), group.witness.port, group.witness.source.number).outcome is Outcome.MAYBE


# Sets and the first of many boxes

SIZE = 64
numbers = st.frozensets(st.integers(0, SIZE - 1))


def put(sets, numbers):
    return sets.spans((number, number) for number in numbers)


def held(sets, number):
    return frozenset(value for first, last in sets.pairs(number) for value in range(first, last + 1))


@given(numbers, numbers, numbers)
def test_sets_are_sets(one, other, third):
    sets = Sets(SIZE)
    a, b, c = (put(sets, each) for each in (one, other, third))
    everything = frozenset(range(SIZE))
    for number, wanted in (
        (a, one), (sets.both(a, b), one & other), (sets.either(a, b), one | other), (sets.minus(a, b), one - other), (sets.outside(a), everything - one), (sets.union([a, b, c]), one | other | third),
        (sets.outside(sets.outside(a)), one), (sets.both(a, sets.either(b, c)), one & (other | third)),
    ):  # fmt: skip
        assert held(sets, number) == wanted
        assert number == put(sets, wanted), "equal sets have one number"
        assert [value for value in range(SIZE) if sets.holds(number, value)] == sorted(wanted)
    assert (sets.span(0, SIZE - 1), put(sets, ())) == (ALL, EMPTY)


boxes = st.lists(st.tuples(numbers, numbers, st.booleans()), min_size=1, max_size=12)


@settings(max_examples=40)
@given(boxes, st.integers(0, 5))
def test_the_first_box_decides(boxes, all_ports):
    everything = frozenset(range(SIZE))
    boxes = [
        (one or everything, other if at % 6 != all_ports and other else everything, accepts)
        for at, (one, other, accepts) in enumerate(boxes)
    ]
    rows, ports = Sets(SIZE), Sets(SIZE)
    made = [(put(rows, one), put(ports, other)) for one, other, _ in boxes]
    kinds = Classes(rows, [one for one, _ in made]), Classes(ports, [other for _, other in made])
    slots = [np.array([kind.slot[each[at]] for each in made], np.intp) for at, kind in enumerate(kinds)]
    first = FirstMatch(*kinds, *slots, np.array([2 * at + accepts for at, (_, _, accepts) in enumerate(boxes)], np.intp))
    table = first.values(np.arange(kinds[1].count))
    bits = np.unpackbits(first.accepted(0, kinds[0].count), axis=1, count=kinds[1].count)
    for row in range(kinds[0].count):
        for column in range(kinds[1].count):
            sender, port = kinds[0].first[row], kinds[1].first[column]
            wanted = next(
                (2 * at + accepts for at, (one, other, accepts) in enumerate(boxes) if sender in one and port in other), first.none
            )
            assert table[row, column] == wanted
            assert bits[row, column] == wanted % 2
