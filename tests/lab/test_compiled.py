"""Compiled policies in a real kernel: nft takes every script, and what the kernel then has is what is simulated."""

from datetime import date

import pytest

from firewalls import load, read_there
from policies import GATEWAY, HOST
from portulan.guard.policy.compile import compile_policy, compiled_rules
from portulan.guard.policy.compile_text import permanent, seals, trial
from portulan.model.guard_compiled import Terrain

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
