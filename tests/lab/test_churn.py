"""Sockets that come and go, are shared and handed over while we look: nothing missed, nothing false."""

from collections import Counter

import pytest

import proofs
from churning import Ledger, Report, Span, count_missed, judge

pytestmark = pytest.mark.lab


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_churn(samples, day_seed):
    total = Counter()
    for seed in range(day_seed, day_seed + samples(4, 100)):
        found, figures = proofs.churn(seed)
        assert found == [], f"seed {seed}"
        total += figures
    assert total["judged"] > 20, f"the workers did too little for this to mean anything: {total}"


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_churn_seen_by_an_ordinary_user(samples, day_seed):
    total = Counter()
    for seed in range(day_seed, day_seed + samples(2, 100)):
        found, figures = proofs.churn_as_user(seed)
        assert found == [], f"seed {seed}"
        total += figures
    assert total["judged"] > 10, f"the workers did too little for this to mean anything: {total}"


# The judge itself: what it lets through and what not.


def ledger_of(**holds):
    """`s1=[(pid, descriptor, span), …]`: sockets by number."""
    made = Ledger()
    for name, spans in holds.items():
        made.holds[int(name[1:])] = spans
        made.kinds[int(name[1:])] = "tcp", 1, 80
    return made


def report(owners, begin=100, end=200):
    return Report(begin, end, owners, {inode: {inode} for inode in owners}, "look")


def test_the_judge_knows_what_is_missed():
    stayed = ledger_of(s1=[(10, 3, Span(0, 1))])
    assert judge(stayed, report({1: {(10, 3)}})) == ([], 1)
    for owners, word in (({}, "not reported"), ({1: None}, "without holder"), ({1: set()}, "without holder")):
        [difference], _ = judge(stayed, report(owners))
        assert word in difference
    two = ledger_of(s1=[(10, 3, Span(0, 1)), (11, 3, Span(0, 1))])
    [difference], _ = judge(two, report({1: {(10, 3)}}))
    assert "(11, 3) held it all the time" in difference


def test_the_judge_knows_what_is_false():
    stayed = ledger_of(s1=[(10, 3, Span(0, 1))])
    [difference], _ = judge(stayed, report({1: {(10, 3), (11, 4)}}))
    assert "(11, 4) reported" in difference
    [difference], _ = judge(ledger_of(s1=[(10, 3, Span(0, 1, 50, 60))]), report({1: None}))
    assert "closed before" in difference
    [difference], _ = judge(ledger_of(), report({5: None}))
    assert "closed before or opened after" in difference


def test_the_judge_is_fair():
    """What was open for a part of the look may be reported or not; what was handed over may have either holder; what was in flight none."""
    part = ledger_of(s1=[(10, 3, Span(0, 1, 150, 160))])
    assert judge(part, report({}))[0] == judge(part, report({1: {(10, 3)}}))[0] == judge(part, report({1: None}))[0] == []
    moved = ledger_of(s1=[(10, 3, Span(0, 1, 150, 160)), (11, 4, Span(120, 130))])
    assert judge(moved, report({1: {(10, 3)}}))[0] == judge(moved, report({1: {(11, 4)}}))[0] == []
    assert len(judge(moved, report({1: None}))[0]) == 1
    flown = ledger_of(s1=[(10, 3, Span(0, 1, 120, 125)), (11, 4, Span(180, 181))])
    flown.flights[1] = [Span(110, 115, 181, 181)]
    assert judge(flown, report({1: None})) == ([], 1)
    assert len(judge(flown, report({}))[0]) == 1


def test_what_other_tools_miss_is_counted_by_the_same_rule():
    stayed = ledger_of(s1=[(10, 3, Span(0, 1))], s2=[(10, 4, Span(0, 1))], s3=[(10, 5, Span(0, 1, 150, 160))])
    seen = Report(100, 200, {1: {(10, 3)}, 2: None}, {}, "ss", places=(1,))
    assert count_missed(stayed, seen) == (1, 2)
    assert count_missed(stayed, Report(100, 200, frozenset({(10, 4)}), {}, "psutil", places=(1,))) == (1, 2)
    assert count_missed(stayed, Report(100, 200, {}, {}, "ss", places=(2,))) == (0, 0)
