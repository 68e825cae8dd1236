"""Rules to no effect: what is found, with its proof, and what must not be found."""

from array import array

import pytest

from portulan.guard.review import review
from portulan.model.rule import (
    Assign,
    Binary,
    Concat,
    Counter,
    Element,
    Field,
    Limit,
    Log,
    Lookup,
    Match,
    Members,
    Named,
    NoTrack,
    Number,
    Opaque,
    Quota,
    Range,
    Reject,
    Spans,
    Strange,
    Translate,
    Update,
    Use,
)
from portulan.model.rule import Name as Called
from portulan.model.ruleset import Table
from rule_builders import ACCEPT, CONTINUE, DROP, RETURN, chain, dnat, element, goto, jump, mark, match, named_set, ruleset, vmap

SSH, DNS, WEB = match("tcp dport", 22), match("udp dport", 53), match("tcp dport", (1, 1023))
NET, HOST = match("ip saddr", "10.0.0.0/8"), match("ip saddr", "10.1.2.3")
V6 = match("ip6 saddr", "fd00::/8")
ETH, ETH0 = match("meta iifname", "eth*"), match("meta iifname", "eth0")
REFUSE = Reject("icmpx", 1)
RATE = Limit(3, "minute")
PAIR = Match(Concat((Field("ip", "saddr"), Field("tcp", "dport"))), Members(elements=(element(["10.0.0.1", 22]),)))
LOOPBACK = match("meta iifname", "lo")


def state(*bits, negated=False):
    """`ct state established` is `ct state & 2` not in {0}."""
    return Match(Binary("&", Field("ct", "state"), Number(sum(bits))), Members(spans=Spans((0,), (0,))), negated=not negated, written="in")


def among(left, values, **more):
    """A match with an array, as large sets are read."""
    return Match(Field(*left.split()), Members(spans=Spans(array("Q", values), array("Q", values))), **more)


def told(rules):
    """chain/handle -> kind, and by which rules (or which field leaves nothing)."""
    found = {}
    for one in review(rules):
        by = tuple(place.text if place.policy else place.handle for place in one.by)
        found[f"{one.place.chain}/{one.place.handle}"] = (one.kind, *([one.clash] if one.clash else []), *by)
    return found


def of_chain(*rules, hook="input", policy="drop", family="inet", kind="filter", sets=(), **more):
    """What is found in a chain of these rules, beside which there are two others: one empty, one that drops everything."""
    below = (chain("empty", family=family), chain("end", (SSH, CONTINUE), DROP, family=family))
    return told(ruleset(chain("c", *rules, hook=hook, policy=policy, family=family, kind=kind), *below, sets=sets, **more))


@pytest.mark.parametrize(
    ("rules", "by"),
    [
        ([(WEB, DROP), (SSH, ACCEPT)], (1,)),
        ([(SSH, ACCEPT), (SSH, DROP)], (1,)),
        ([DROP, (SSH, ACCEPT)], (1,)),
        ([(SSH, Log(), ACCEPT), (HOST, SSH, DROP)], (1,)),
        ([(SSH, Counter(1, 2), REFUSE), (HOST, SSH, RATE, ACCEPT)], (1,)),
        ([(match("tcp dport", (0, 100)), ACCEPT), (match("tcp dport", (101, 9999)), ACCEPT), (match("tcp dport", (50, 200)), REFUSE)], (1, 2)),
        ([(SSH, ACCEPT), (match("tcp dport", 22, negated=True), ACCEPT), (match("tcp dport", (5, 50)), REFUSE)], (1, 2)),
        ([(match("ip protocol", 6), ACCEPT), (HOST, SSH, REFUSE)], (1,)),
        ([(match("th dport", 53), ACCEPT), (DNS, REFUSE)], (1,)),
        ([(match("meta l4proto", 6, 17), ACCEPT), (SSH, REFUSE)], (1,)),
        ([(match("meta nfproto", 2), ACCEPT), (match("meta nfproto", 10), DROP), (match("meta l4proto", 1), REFUSE)], (1, 2)),
        ([(NET, RETURN), (HOST, ACCEPT)], (1,)),
        ([(NET, goto("empty")), (HOST, ACCEPT)], (1,)),
        ([(NET, jump("end")), (HOST, ACCEPT)], (2,)),
        ([(state(2, 4), ACCEPT), (state(2), SSH, DROP)], (1,)),
        ([(match("ct state", 8), ACCEPT), (state(8), SSH, REFUSE)], (1,)),
        ([(state(2, 4), ACCEPT), (match("ct state", 1, 8, 64), DROP), (NET, state(2, 4, 8), REFUSE)], (1, 2)),
        ([(state(2, 4, negated=True), ACCEPT), (NET, state(8), REFUSE)], (1,)),
        ([(ETH, ACCEPT), (ETH0, SSH, REFUSE)], (1,)),
        ([(vmap("tcp dport", [(22, DROP), (23, ACCEPT)])), (SSH, REFUSE)], (1,)),
        ([(vmap("tcp dport", [(22, DROP), (23, jump("empty"))])), (SSH, REFUSE)], (1,)),
        ([(vmap("ct state", [(2, ACCEPT), (4, ACCEPT), (1, DROP)])), (state(2, 4), REFUSE)], (1,)),
        ([(PAIR, ACCEPT), (PAIR, match("tcp sport", 7), REFUSE)], (1,)),
        ([(match("tcp dport", "@ports"), ACCEPT), (match("tcp dport", "@ports"), HOST, DROP)], (1,)),
        ([(match("tcp dport", "@always"), ACCEPT), (SSH, DROP)], (1,)),
        ([(match("meta mark", 5), SSH, ACCEPT), (SSH, match("meta mark", 5), REFUSE)], (1,)),
        ([(SSH, mark(1), ACCEPT), (SSH, DROP)], (1,)),
        ([(SSH, ACCEPT), (DNS, mark(1)), (SSH, DROP)], (1,)),
        ([(SSH, ACCEPT), (SSH, Opaque("-j WHAT", "xt"))], (1,)),
        ([(SSH, Use("counter", Called("n")), ACCEPT), (SSH, DROP)], (1,)),
        ([(SSH, ACCEPT), (NET, SSH, Match(Strange("numgen inc mod 2"), Members(spans=Spans((0,), (0,)))), DROP)], (1,)),
        ([(match("tcp flags", 2), ACCEPT), (Match(Binary("&", Field("tcp", "flags"), Number(255)), Members(spans=Spans((2,), (2,)))), DROP)], (1,)),
        ([among("tcp dport", (22, 23)), ACCEPT, (SSH, DROP)], (2,)),
        ([(among("tcp dport", (22, 23)), ACCEPT), (SSH, DROP)], (1,)),
    ],
)  # fmt: skip
def test_what_was_decided_before(rules, by):
    sets = (named_set("ports", 22, 80), named_set("always", 22, 80, flags=("constant",)))
    found = of_chain(*rules, sets=sets).get(f"c/{len(rules)}")
    if by == (2,) and len(rules) == 2:  # by the second rule of the chain that the first one jumps to
        assert found == ("shadowed", 2)
    else:
        assert found == ("shadowed", *by)


@pytest.mark.parametrize(
    "rules",
    [
        [(SSH, ACCEPT), (DNS, DROP)],
        [(match("tcp dport", (0, 100)), ACCEPT), (match("tcp dport", (102, 65535)), ACCEPT), (match("tcp dport", (50, 200)), REFUSE)],
        # a fragment has no port, and a match fails on it however it is written
        [(SSH, ACCEPT), (match("tcp dport", 22, negated=True), ACCEPT), (match("meta l4proto", 6), REFUSE)],
        [(SSH, ACCEPT), (match("udp dport", 22), DROP)],
        [(NET, ACCEPT), (V6, DROP)],
        [(match("meta nfproto", 2), SSH, ACCEPT), (SSH, DROP)],
        [(SSH, RATE, ACCEPT), (SSH, DROP)],
        [(SSH, Quota(9), ACCEPT), (SSH, REFUSE)],
        [(SSH, Update("add", "banned", Field("ip", "saddr")), ACCEPT), (SSH, REFUSE)],
        [(SSH, Match(Strange("numgen inc mod 2"), Members(spans=Spans((0,), (0,)))), ACCEPT), (SSH, REFUSE)],
        [(SSH, Log()), (SSH, REFUSE)],
        [(SSH, CONTINUE), (SSH, REFUSE)],
        [(SSH, jump("empty")), (SSH, REFUSE)],
        [(SSH, match("meta hour", 5), ACCEPT), (SSH, match("meta hour", 5), REFUSE)],
        [(SSH, match("ct mark", 5), ACCEPT), (SSH, match("ct mark", 5), REFUSE)],
        [(SSH, state(2), ACCEPT), (SSH, REFUSE)],
        [(SSH, state(2), ACCEPT), (SSH, state(4), REFUSE)],
        [(match("ip saddr", "@banned"), ACCEPT), (match("ip saddr", "@banned"), REFUSE), (SSH, Update("add", "banned", Field("ip", "saddr")))],
        [(match("tcp dport", "@ports"), ACCEPT), (SSH, REFUSE)],
        [(match("tcp dport", "@gone"), ACCEPT), (match("tcp dport", "@gone"), REFUSE)],
        [(match("tcp dport", "@timed"), ACCEPT), (match("tcp dport", "@timed"), REFUSE)],
        [(match("tcp dport", "@counts"), ACCEPT), (match("tcp dport", "@counts"), REFUSE)],
        [(match("tcp dport", "@nothing"), ACCEPT)],
        [(match("meta mark", 5), ACCEPT), (SSH, mark(5)), (match("meta mark", 5), REFUSE)],
        [(state(8), ACCEPT), (SSH, NoTrack()), (state(8), REFUSE)],
        [(SSH, ACCEPT), (DNS, Assign(Field("udp", "dport"), Number(22))), (SSH, REFUSE)],
        [(SSH, ACCEPT), Opaque("-j WHAT", "xt"), (SSH, REFUSE)],
        [(SSH, ACCEPT), jump("changes"), (SSH, REFUSE)],
        [(SSH, Opaque("-m odd", "xt-match"), ACCEPT), (SSH, REFUSE)],
        [(match("icmp type", 8), ACCEPT), (match("meta l4proto", 1), REFUSE)],
        [(match("icmp type", 8), ACCEPT), (match("icmp type", 8), REFUSE)],
        [(match("ip6 nexthdr", 6), ACCEPT), (match("meta l4proto", 6), V6, REFUSE)],
        [(match("meta l4proto", 6), V6, ACCEPT), (match("ip6 nexthdr", 6), REFUSE)],
        [(match("ether saddr", 5), ACCEPT), (match("ether saddr", 5), REFUSE)],
        [(match("tcp flags", 2), ACCEPT), (Match(Binary("&", Field("tcp", "flags"), Number(2)), Members(spans=Spans((2,), (2,)))), DROP)],
        [(Reject("tcp reset"),), (DNS, ACCEPT)],
        [(Reject("icmp", 3),), (V6, ACCEPT)],
        [(ETH0, ACCEPT), (ETH, REFUSE)],
        [(vmap("tcp dport", [(22, DROP)], default=ACCEPT)), (match("tcp dport", 9), REFUSE)],
        [(vmap("tcp dport", [(22, CONTINUE)])), (SSH, REFUSE)],
        [(SSH, mark(5), match("meta mark", 6), ACCEPT), (SSH, REFUSE)],
        [(SSH, Use("limit", Called("few")), ACCEPT), (SSH, REFUSE)],
    ],
)  # fmt: skip
def test_what_may_still_match(rules):
    changing = Element((Range(22, 22),), changing=True)
    counting = Element((Range(22, 22),), statements=(RATE,))
    sets = (
        named_set("ports", 22, 80), named_set("banned", "10.0.0.9"), named_set("gone", 22, flags=("dynamic",)), named_set("timed", elements=[changing]),
        named_set("counts", elements=[counting]), named_set("nothing", elements=()),
    )  # fmt: skip
    extra = chain("changes", (DNS, Opaque("-j WHAT", "xt")))
    base = chain("c", *rules, hook="input", policy="drop")
    found = told(ruleset(base, chain("empty"), extra, sets=sets))
    assert [key for key, (kind, *_) in found.items() if kind == "shadowed"] == []


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ((SSH, DNS, ACCEPT), "meta l4proto"),
        ((NET, V6, ACCEPT), "meta nfproto"),
        ((match("tcp dport", 22), match("tcp dport", 23), ACCEPT), "th dport"),
        ((ETH0, match("meta iifname", "lo"), ACCEPT), "meta iifname"),
        ((match("meta oifname", "eth0"), ACCEPT), "meta oifname"),
        ((match("meta oif", "eth0"), ACCEPT), "meta oif"),
        ((state(2), state(8), DROP), "ct state"),
        ((match("ip protocol", 6), DNS, DROP), "meta l4proto"),
        ((SSH, DNS, RATE, Log()), "meta l4proto"),
    ],
)
def test_conditions_that_exclude_each_other(rule, field):
    assert of_chain(rule) == {"c/1": ("shadowed", field)}


@pytest.mark.parametrize(
    "rule",
    [(Counter(1, 1), SSH, DNS, ACCEPT), (match("meta oifname", "eth0", negated=True), ACCEPT), (match("ip6 nexthdr", 0), SSH, ACCEPT), (SSH, match("tcp sport", 53), ACCEPT)],
)  # fmt: skip
def test_conditions_that_can_be_met(rule):
    assert of_chain(rule) == {}


def test_a_hook_knows_the_links_that_it_has():
    assert of_chain((match("meta iifname", "eth0"), ACCEPT), hook="output") == {"c/1": ("shadowed", "meta iifname")}
    assert of_chain((match("meta iifname", "eth0"), ACCEPT), hook="forward") == {}
    assert of_chain((match("meta iifname", "eth0"), ACCEPT), hook="postrouting") == {}


def test_a_table_of_ip6_may_ask_for_the_next_header_without_saying_so():
    rules = (SSH, ACCEPT), (SSH, REFUSE)
    assert of_chain(*rules, family="ip6") == {}
    assert of_chain((match("meta l4proto", 6), ACCEPT), (SSH, REFUSE), family="ip6") == {}
    by_iptables = ruleset(chain("INPUT", *rules, hook="input", family="ip6", table="filter"))
    assert told(by_iptables) == {"INPUT/2": ("shadowed", 1)}
    assert of_chain(*rules, family="ip") == {"c/2": ("shadowed", 1)}


# --- redundant ---


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([(SSH, DROP)], {1: ("policy drop",)}),
        ([(SSH, ACCEPT), (WEB, ACCEPT)], {1: (2,)}),
        ([(SSH, ACCEPT), (DNS, DROP), (WEB, ACCEPT)], {1: (3,), 2: ("policy drop",)}),
        ([(SSH, DROP), (WEB, DROP), (DNS, Counter(1, 1), DROP)], {1: (2,), 2: ("policy drop",)}),
        ([(SSH, REFUSE), (WEB, REFUSE)], {1: (2,)}),
        ([(WEB, ACCEPT), (match("tcp dport", (1, 500)), ACCEPT)], None),
        ([(match("tcp dport", (1, 500)), ACCEPT), (match("tcp dport", (1, 200)), Log(), ACCEPT)], {}),
        ([(match("fib daddr type", 2), DROP)], {1: ("policy drop",)}),
        ([(SSH, DROP), RETURN], {1: (2,)}),
        ([(SSH, DROP), (NET, jump("empty"))], {1: ("policy drop",)}),
        ([(SSH, DROP), (match("ct mark", 5), DROP)], {1: ("policy drop",), 2: ("policy drop",)}),
        ([(SSH, DROP), (vmap("tcp dport", [(22, DROP), (23, ACCEPT)]))], {1: (2,)}),
        ([(match("tcp dport", (22, 23)), ACCEPT), (vmap("tcp dport", [(22, ACCEPT), (23, ACCEPT)]))], {1: (2,)}),
        ([(SSH, DROP), (SSH, CONTINUE)], {1: ("policy drop",)}),
    ],
)  # fmt: skip
def test_what_would_be_decided_so_without_it(rules, found):
    answer = {int(key[2:]): tuple(by) for key, (kind, *by) in of_chain(*rules).items() if kind == "redundant"}
    assert answer == (found if found is not None else {})


@pytest.mark.parametrize(
    "rules",
    [
        [(SSH, ACCEPT)],
        [(SSH, ACCEPT), (NET, SSH, DROP), (WEB, ACCEPT)],
        [(SSH, Counter(1, 1), DROP)],
        [(SSH, Log(), DROP)],
        [(SSH, RATE, DROP)],
        [(SSH, mark(5), DROP)],
        [(SSH, REFUSE)],
        [(SSH, REFUSE), (SSH, Reject("tcp reset"))],
        [(SSH, ACCEPT), (SSH, mark(5)), (WEB, ACCEPT)],
        [(SSH, ACCEPT), (HOST, Log()), (WEB, ACCEPT)],
        [(SSH, ACCEPT), (HOST, Counter(1, 1)), (WEB, ACCEPT)],
        [(SSH, ACCEPT), (WEB, Counter(1, 1), ACCEPT)],
        [(SSH, ACCEPT), (WEB, state(8), ACCEPT)],
        [(SSH, ACCEPT), (WEB, RATE, ACCEPT)],
        [(SSH, DROP), (Match(Strange("numgen inc mod 2"), Members(spans=Spans((0,), (0,)))), match("tcp dport", 9), Log())],
        [(SSH, DROP), (match("ip saddr", "@counts"), match("tcp dport", 9), Log())],
        [(SSH, ACCEPT), (WEB, jump("end")), (WEB, ACCEPT)],
        [(SSH, ACCEPT), (WEB, goto("empty")), (WEB, ACCEPT)],
        [(SSH, DROP), (NET, Opaque("-j WHAT", "xt"))],
        [(SSH, DROP), (NET, Opaque("-m odd", "xt-match"), DROP)],
        [(SSH, ACCEPT), vmap("tcp dport", [(22, DROP)]), (WEB, ACCEPT)],
        [(SSH, ACCEPT), (WEB, dnat("10.0.0.1"))],
        [(SSH, DROP), (SSH, Opaque("what", "unknown"))],
    ],
)  # fmt: skip
def test_what_would_not_be_the_same_without_it(rules):
    counts = named_set("counts", elements=[Element((Range(1, 1),), statements=(RATE,))])
    found = of_chain(*rules, sets=(counts,))
    assert {key: said for key, said in found.items() if said[0] == "redundant" and key == "c/1"} == {}


def test_of_two_equal_rules_one_stays():
    assert of_chain((SSH, ACCEPT), (SSH, ACCEPT)) == {"c/2": ("shadowed", 1)}
    both = of_chain((SSH, ACCEPT), (match("tcp dport", (20, 30)), ACCEPT), (match("tcp dport", (22, 40)), ACCEPT))
    assert both == {"c/1": ("redundant", 2)}
    assert of_chain((SSH, DROP), (SSH, DROP)) == {"c/1": ("redundant", "policy drop"), "c/2": ("shadowed", 1)}


def test_what_iptables_makes_counts_always_and_drops_what_is_cut_off():
    rules = (SSH, Counter(1, 1), ACCEPT), (WEB, Counter(1, 1), ACCEPT)
    made = chain("INPUT", *rules, hook="input", family="ip", table="filter")
    assert told(ruleset(made)) == {"INPUT/1": ("redundant", 2), "INPUT/2": ("redundant", "policy accept")}
    quoted = made._replace(rules=tuple(rule._replace(quoted="-A INPUT …") for rule in made.rules))
    assert told(ruleset(quoted)) == {}


def test_a_chain_that_one_rule_leads_to():
    below = chain("below", (SSH, DROP), (match("tcp dport", 23), DROP), DROP)
    upper = chain("c", (NET, SSH, ACCEPT), (match("tcp dport", (1, 22)), match("ip saddr", "10.2.0.0/16"), jump("below")), hook="input")
    assert told(ruleset(upper, below)) == {
        "below/1": ("shadowed", 1),  # of c
        "below/2": ("shadowed", "th dport", 2),
    }
    again = chain("other", jump("below"), hook="forward")
    assert told(ruleset(upper, below, again)) == {"below/1": ("redundant", 3), "below/2": ("redundant", 3)}
    by_map = chain("other", (vmap("tcp dport", [(22, jump("below"))])), hook="forward")
    assert told(ruleset(upper, below, by_map)) == told(ruleset(upper, below, again))
    unknown = chain("other", (match("tcp dport", 1), Opaque("what", "unknown")), hook="forward")
    assert told(ruleset(upper, below, unknown)) == told(ruleset(upper, below, again))


def test_what_is_left_aside():
    rules = (SSH, ACCEPT), (SSH, DROP)
    base = chain("c", *rules, hook="input", policy="drop")
    assert told(ruleset(base)) == {"c/2": ("shadowed", 1)}
    assert told(ruleset(base, tables=(Table("inet", "t", dormant=True),))) == {}
    assert told(ruleset(base, chain("first", hook="ingress", devices=("eth0",)))) == {}
    assert told(ruleset(base, incomplete=(("nft.changing", ""),))) == {}
    assert told(ruleset(chain("c", *rules, hook="ingress", family="netdev"))) == {}
    assert told(ruleset(chain("c", *rules, hook="input", family="bridge"))) == {}
    assert told(ruleset()) == {}


def test_jumps_deeper_than_any_kernel_takes_are_not_followed():
    deep = [chain(f"k{at}", *([jump(f"k{at + 1}")] if at < 2999 else [DROP])) for at in range(3000)]
    assert told(ruleset(chain("c", jump("k0"), ACCEPT, hook="input"), *deep)) == {"c/2": ("redundant", "policy accept")}
    assert told(ruleset(chain("c", jump("k2980"), ACCEPT, hook="input"), *deep[2980:])) == {
        "c/2": ("shadowed", 1)
    }  # by the last chain's one rule


def test_chains_in_a_circle_are_no_trouble():
    one, two = chain("one", jump("two"), (SSH, DROP), (SSH, ACCEPT)), chain("two", jump("one"), jump("nowhere"))
    assert told(ruleset(one, two))["one/3"] == ("shadowed", 2)
    base = chain("c", (SSH, DROP), jump("one"), hook="input", policy="drop")
    assert "c/1" not in told(ruleset(base, one, two))


def test_translations_end_what_comes_after_them():
    rules = (SSH, dnat("10.0.0.1", family="ip")), (NET, SSH, ACCEPT), (V6, SSH, ACCEPT)
    assert told(ruleset(chain("c", *rules, hook="prerouting", kind="nat"))) == {
        "c/2": ("shadowed", 1),
        "c/3": ("redundant", "policy accept"),
    }
    looked_up = Translate("dnat", "ip", Lookup(Field("tcp", "dport"), Named("m")))
    assert told(ruleset(chain("c", (SSH, looked_up), (NET, SSH, dnat("10.0.0.2")), hook="prerouting", kind="nat"))) == {}
    anything = (SSH, dnat(None, 80, kind="redirect")), (V6, SSH, ACCEPT)
    assert told(ruleset(chain("c", *anything, hook="prerouting", kind="nat"))) == {"c/2": ("shadowed", 1)}


def test_work_is_bounded():
    many = [(match("ip saddr", f"10.{at}.0.0/16"), match("tcp dport", at), ACCEPT) for at in range(256)]
    assert of_chain(*many, (NET, WEB, DROP), (NET, DROP))["c/257"] == ("redundant", 258)
    pieces = [(match("ip saddr", f"10.{at}.0.0/16"), ACCEPT) for at in range(256)]
    assert "c/257" not in of_chain(*pieces, (NET, REFUSE))  # it is covered, but not by few
    wide = [(NET, among("ip daddr", range(at, 90_000 + at, 2)), SSH, ACCEPT) for at in range(3)]
    assert of_chain(*wide, (*wide[0][:-1], REFUSE)) == {"c/4": ("shadowed", 1)}
    assert of_chain(*pieces[:9], (match("ip saddr", "10.0.0.0/13"), REFUSE))["c/10"] == ("shadowed", *range(1, 9))
