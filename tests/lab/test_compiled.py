"""Compiled policies in a real kernel: nft takes every script, and what the kernel then has is what is simulated."""

from datetime import date

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import compiled_strategies as strategies
from compiled_policies import EVERYBODY, GATEWAY, HOST, OUTSIDE, ports, spot
from compiled_strategies import policies
from firewalls import load, read_there
from portulan.guard.policy.compile import compile_policy, compiled_rules
from portulan.guard.policy.compile_text import permanent, seals, trial
from portulan.guard.policy.tracking_helpers import HELPERS
from portulan.model.guard_compiled import Terrain
from portulan.model.policy import Crossing, Limit, Line, Part, Per, Policy, Source, Zone
from portulan.model.reach import Sources
from portulan.model.rule import Members, Names, Use

pytestmark = [pytest.mark.lab, pytest.mark.peer]
TODAY, TERRAIN = date(2026, 11, 22), Terrain(("eth0",))


def plain(ruleset):
    """What the rules do, without numbers of the kernel and what only a person reads."""
    chains = {
        chain.name: (chain.base, [[each for each in rule.statements if each.__class__.__name__ != "Counter"] for rule in chain.rules])
        for chain in ruleset.chains
    }
    sets = {}
    for (_, _, name), known in ruleset.sets.items():
        members = known.members
        if known.flags == ("interval",) and members is not None and members.spans is not None:
            members = sorted(zip(members.spans.first, members.spans.last, strict=True))
        elif "dynamic" in known.flags or "timeout" in known.flags:
            members = None
        sets[name] = known.types, known.data_types, members
    return {name: (base, [list(map(comparable, rule)) for rule in rules]) for name, (base, rules) in chains.items()}, sets


def comparable(value):
    """Sequences as tuples, all the way down."""
    if isinstance(value, Members) and value.elements is not None:  # nft lists them in an order of its own
        return "Members", *sorted(map(comparable, value.elements), key=str)
    if isinstance(value, Names):
        return "Names", *sorted(value.names)
    if hasattr(value, "_fields"):
        return (type(value).__name__, *map(comparable, value))
    return tuple(map(comparable, value)) if isinstance(value, (list, tuple)) or type(value).__name__ == "array" else value


@pytest.mark.parametrize("policy", [HOST, GATEWAY], ids=["host", "gateway"])
def test_what_is_simulated_is_what_the_kernel_has(sandbox, peers, policy):
    host = sandbox.host("h", root=peers)
    load(host, permanent(compile_policy(policy, TODAY, TERRAIN)))
    there, sets = plain(read_there(host))
    ours, our_sets = plain(compiled_rules(policy, TODAY, TERRAIN))
    assert there == ours
    assert comparable(sorted(sets.items())) == comparable(sorted(our_sets.items()))


def test_a_trial_of_any_two(sandbox, peers):
    host = sandbox.host("h", root=peers)
    first, second = (compile_policy(policy, TODAY, TERRAIN) for policy in (HOST, GATEWAY))
    for script, found in (
        (trial(first, None, 30), (None, first.hash)),
        (trial(second, first, 30), (first.hash, second.hash)),
        (trial(first, second, 30), (second.hash, first.hash)),
        (permanent(second), (second.hash, None)),
    ):
        load(host, script)
        ruleset = read_there(host)
        assert [(table.family, table.name) for table in ruleset.tables] == [("inet", "portulan")]
        assert seals(ruleset) == found


HOSTILE = (
    "*", "a*", "\\*", '"', '"; drop', "'", "`id`", "$x", "${x}", "@office", "\\", "a\\", '\\"', "} }", "\n}\nadd table ip evil\n{", "\r\n}", "# x", "/*", "*/", ";",
    'include "/etc/passwd"', "define x = 1", "\0", "\x1b[2J", "\x7f", "\u2028}", "\u202e", "\ud800", "\N{CURRENCY SIGN}input", "é" * 200, "ナ" * 100, "\N{GRINNING FACE}" * 60,
    "a" * 126, "a" * 127, "a" * 128, "x" * 5000, "%s %n", "{file}", "\t", "",
)  # fmt: skip


def test_no_word_of_a_policy_ends_a_text_before_its_time(sandbox, peers):
    host = sandbox.host("h", root=peers)
    # A word may stand in a line's own text, in its note, and be a sender's name.
    sources = tuple(Source(word, (Part(Sources(((at + 1, at + 1),)), (f"eth{at}",)),), spot(at)) for at, word in enumerate(HOSTILE))
    doors = tuple(
        Line(word, ports(tcp=str(at + 1)), (source,), spot(at), note=word, log=at % 2 == 0, limit=None if at % 3 else Limit(1, Per.DAY, 1))
        for at, (word, source) in enumerate(zip(HOSTILE, sources, strict=True))
    )
    crossings = tuple(
        Crossing(word, Zone(word, (f"in{at}",), spot(at)), OUTSIDE, (), spot(at), everything=True, log=True, note=word, masquerade=True)
        for at, word in enumerate(HOSTILE)
    )
    policy = Policy('a"\n}.toml', "", sources, doors, crossings=crossings, zones=(OUTSIDE,))
    compiled = compile_policy(policy, TODAY, TERRAIN)
    load(host, trial(compiled, compiled, 9))
    load(host, permanent(compiled))
    assert plain(read_there(host))[0] == plain(compiled_rules(policy, TODAY, TERRAIN))[0]


def test_names_of_interfaces(sandbox, peers):
    host = sandbox.host("h", root=peers)
    for name in ("a{b", "a;b", "a}b", "it's", "$x", "#x", "x@1", "eth0.1", "a-b", "123456789012345", "123456789012345*", "<&>*", "~"):
        zone = Zone("z", (name,), spot(1))
        crossing = Crossing("z -> o", zone, OUTSIDE, (), spot(1), everything=True, masquerade=True)
        policy = Policy("p.toml", "", zones=(zone, OUTSIDE), crossings=(crossing,))
        load(host, permanent(compile_policy(policy, TODAY, Terrain((name,)))))
        assert plain(read_there(host))[0] == plain(compiled_rules(policy, TODAY, Terrain((name,))))[0]


def test_every_helper(sandbox, peers):
    host = sandbox.host("h", root=peers)
    doors = tuple(
        Line(name, ports(**{transport.value: "1234" for transport in transports}), (EVERYBODY,), spot(at), helper=name)
        for at, (name, transports) in enumerate(HELPERS.items(), 1)
    )
    load(host, permanent(compile_policy(Policy("p.toml", "", doors=doors, outgoing=doors), TODAY, TERRAIN)))
    used = {
        each.object.text for chain in read_there(host).chains for rule in chain.rules for each in rule.statements if isinstance(each, Use)
    }
    assert used == {f"{name}_{transport.value}".replace("-", "_") for name, transports in HELPERS.items() for transport in transports}


def test_policies_drawn_by_lot(sandbox, peers):
    host = sandbox.host("h", root=peers)
    last = [None]

    @settings(max_examples=8, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(policies())
    def check(policy):
        compiled = compile_policy(policy, strategies.TODAY, strategies.TERRAIN)
        load(host, trial(compiled, last[0], 30))
        load(host, permanent(compiled))
        last[0] = compiled
        there, sets = plain(read_there(host))
        ours, our_sets = plain(compiled_rules(policy, strategies.TODAY, strategies.TERRAIN))
        assert there == ours
        assert comparable(sorted(sets.items())) == comparable(sorted(our_sets.items()))

    check()
