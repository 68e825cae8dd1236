"""Files that people write, and rules of any kind: a value or an error of ours, and never a guess."""

from hypothesis import given
from hypothesis import strategies as some

from audit_samples import ACCEPT, DROP, base, is_in, rule, ruleset, verdict
from policies import policy_of
from portulan.audit.ignores import parse_ignores
from portulan.audit.judge import Sample, outcomes
from portulan.audit.toml import parse_toml
from portulan.errors import BadInput
from portulan.model.rule import Limit

LINES = some.sampled_from((
    "[doors]", "[sources]", "[[ignore]]", "[doors.ssh]", 'https = "everyone"', 'ssh = { from = "office" }', "443 = [1]", 'id = "open.cache"', 'id = "x"', 'reason = "r"', "until = 2026-05-31",
    'until = "x"', "office = ['10.0.0.0/8']", "from = 5", "a.b = 1", '"""', "x = '''", "[", "=", "\x00", "é = 1", "ignore = []", "doors = 1",
))  # fmt: skip
TEXTS = some.one_of(some.text(max_size=200), some.lists(LINES, max_size=8).map("\n".join))


@given(TEXTS)
def test_any_text_is_a_value_or_bad_input(text):
    for parse in (lambda: parse_toml(text, "f"), lambda: parse_ignores(text, "f"), lambda: policy_of(text)):
        line = 1
        try:
            parse()
        except BadInput as error:
            line = error.facts["line"]
        assert 1 <= line <= text.count("\n") + 1


PORTS = some.integers(1, 6)
RULES = some.lists(some.tuples(PORTS, PORTS, some.sampled_from(("accept", "drop", "limit")), some.booleans()), max_size=6)


@given(RULES, some.booleans(), PORTS)
def test_the_judge_never_says_more_than_is_certain(rules, drops, port):
    """Plain rules have one answer; a limit may pass or not, so every answer with it taken either way must be among those told."""
    kinds = {"accept": verdict(ACCEPT), "drop": verdict(DROP)}
    made = [
        rule(
            is_in("tcp", "dport", (min(a, b), max(a, b)), negated=negated),
            *((Limit(1, "second"), verdict(DROP)) if kind == "limit" else (kinds[kind],)),
        )
        for a, b, kind, negated in rules
    ]
    told = outcomes(ruleset(base(*made, policy=DROP if drops else ACCEPT)), "input", Sample(4, {("tcp", "dport"): port}))
    limits = [at for at, (_, _, kind, _) in enumerate(rules) if kind == "limit"]
    possible = set()
    for choice in range(2 ** len(limits)):
        taken = {at for bit, at in enumerate(limits) if choice >> bit & 1}
        possible.add(followed(rules, port, taken, drops=drops))
    assert told == possible


def followed(rules, port, taken, *, drops):
    """What the rules do, with some of the limits reached."""
    for at, (a, b, kind, negated) in enumerate(rules):
        if (min(a, b) <= port <= max(a, b)) is not negated and (kind != "limit" or at in taken):
            return "drop" if kind == "limit" else kind
    return "drop" if drops else "accept"
