"""Rules as text: what was recorded from nft 1.0.6 (each form once, tests/lab/test_nft_forms.py does it live) reads and writes back the same."""

import re
from pathlib import Path

import pytest

import nft_samples
from portulan.model.rule import Counter, Match, Members, Reject, Rule, Spans, Verdict, VerdictKind
from portulan.wire.nft_text import members_text, rule_text, statement_text
from portulan.wire.nftjson import parse_ruleset

RECORDED = Path(__file__).resolve().parents[2] / "recorded"
PRINTED = RECORDED.joinpath("nft_forms.txt").read_text("utf-8")
WHOLE = parse_ruleset(RECORDED.joinpath("nft_forms.json").read_bytes())
NUMERIC = parse_ruleset(RECORDED.joinpath("nft_forms_numeric.json").read_bytes())


def printed_rules():
    table = None
    for line in PRINTED.split("\n"):
        if found := re.match(r"table (\S+) (\S+) ", line):
            table = found[1], found[2]
        elif found := re.match(r"\t\t(.*) # handle (\d+)$", line):
            yield (*table, int(found[2])), found[1]


EXPECTED = dict(printed_rules())
OURS = {
    name: {(chain.family, chain.table, rule.handle): rule_text(rule, chain.family) for chain in ruleset.chains for rule in chain.rules}
    for name, ruleset in (("words", WHOLE), ("numbers", NUMERIC))
}


def test_each_form_was_recorded():
    assert len(EXPECTED) == len(nft_samples.RULES.splitlines()) == len(OURS["words"]) == len(OURS["numbers"])


@pytest.mark.parametrize("key", EXPECTED, ids=lambda key: EXPECTED[key][:60])
def test_a_rule_reads_as_nft_prints_it(key):
    assert OURS["words"][key] == EXPECTED[key]
    assert OURS["numbers"][key] == EXPECTED[key]


def test_words_and_numbers_mean_the_same():
    def without_moments(chain):
        return [rule for rule in chain.rules if "meta hour" not in rule_text(rule) and "meta time" not in rule_text(rule)]

    for one, other in zip(WHOLE.chains, NUMERIC.chains, strict=True):
        assert one._replace(rules=()) == other._replace(rules=())
        assert without_moments(one) == without_moments(other)
    assert WHOLE.sets == NUMERIC.sets


def test_sets_read_as_nft_prints_them():
    assert members_text(WHOLE.sets["inet", "t", "s4"]) == "{ 1.2.3.4, 10.0.0.0/8, 192.168.0.1-192.168.0.9 }"
    assert members_text(WHOLE.sets["inet", "t", "ifs"]) == '{ "eth*", "lo" }'
    assert members_text(WHOLE.sets["inet", "t", "d"]) == "{ 8000-8010 : 10.0.0.1 . 80 }"
    assert members_text(WHOLE.sets["inet", "u", "es"]) == "{ 22 limit rate 3/second, 23 limit rate 4/second }"
    assert members_text(WHOLE.sets["inet", "u", "v4"]) == "{ 22-30 : accept, * : drop }"
    assert members_text(WHOLE.sets["inet", "u", "v3"]) == "{ }"


def test_a_quoted_rule_stays_as_it_was_written():
    rule = Rule(3, (Verdict(VerdictKind.DROP),), None, "-A INPUT -j DROP", translated=True)
    assert rule_text(rule) == "-A INPUT -j DROP"
    assert rule_text(rule._replace(quoted=None, comment="why")) == 'drop comment "why"'


@pytest.mark.parametrize(
    ("statement", "family", "text"),
    [
        (Reject("icmpx", 1), "inet", "reject"),
        (Reject("icmp", 3), "ip", "reject"),
        (Reject("icmp", 3), "inet", "reject with icmp port-unreachable"),
        (Reject("icmpv6", 4), "ip6", "reject"),
        (Reject(""), "ip6", "reject"),
        (Counter(), "ip", "counter"),
        (Match(WHOLE.chains[1].rules[0].statements[0].left, Members(spans=Spans((), ()))), "ip", "ip saddr {  }"),
    ],
)
def test_statements_that_were_not_recorded(statement, family, text):
    assert statement_text(statement, family) == text
