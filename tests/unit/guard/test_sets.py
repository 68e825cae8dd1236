"""Sets of numbers on one axis: equal ones have one number, whatever way they were made."""

import pytest

from portulan.guard.sets import ALL, EMPTY, Sets


@pytest.fixture
def sets():
    return Sets(100)


def test_every_axis_begins_with_nothing_and_everything(sets):
    assert (sets.pairs(EMPTY), sets.pairs(ALL)) == ([], [(0, 99)])
    assert (sets.outside(EMPTY), sets.outside(ALL)) == (ALL, EMPTY)
    assert (sets.span(0, 99), sets.span(5, 4), sets.spans([])) == (ALL, EMPTY, EMPTY)


@pytest.mark.parametrize(("spans", "wanted"), [
    ([(10, 19)], [(10, 19)]), ([(30, 30), (10, 19)], [(10, 19), (30, 30)]), ([(10, 19), (20, 29)], [(10, 29)]), ([(10, 19), (15, 16)], [(10, 19)]),
    ([(10, 19), (15, 25)], [(10, 25)]), ([(10, 19), (10, 19)], [(10, 19)]), ([(0, 0), (99, 99)], [(0, 0), (99, 99)]), ([(0, 50), (51, 99)], [(0, 99)]), ([(3, 3), (3, 3), (4, 4)], [(3, 4)]),
])  # fmt: skip
def test_spans_are_sorted_and_joined(sets, spans, wanted):
    assert sets.pairs(sets.spans(spans)) == wanted


def test_equal_sets_have_one_number(sets):
    assert sets.spans([(10, 19), (20, 29)]) == sets.span(10, 29) == sets.both(sets.span(10, 99), sets.span(0, 29))
    assert sets.outside(sets.outside(sets.span(10, 29))) == sets.span(10, 29)
    assert sets.either(sets.span(0, 49), sets.span(50, 99)) == ALL


def test_algebra(sets):
    some, other = sets.spans([(10, 19), (30, 39)]), sets.spans([(15, 34), (90, 99)])
    assert sets.pairs(sets.both(some, other)) == [(15, 19), (30, 34)]
    assert sets.pairs(sets.minus(some, other)) == [(10, 14), (35, 39)]
    assert sets.pairs(sets.either(some, other)) == [(10, 39), (90, 99)]
    assert sets.pairs(sets.outside(some)) == [(0, 9), (20, 29), (40, 99)]
    assert sets.union([some, other, EMPTY, some]) == sets.either(some, other)
    assert (sets.union([]), sets.union([some]), sets.union([some, ALL])) == (EMPTY, some, ALL)


@pytest.mark.parametrize(("value", "wanted"), [(9, False), (10, True), (19, True), (20, False), (0, False), (99, True), (98, False)])
def test_whether_a_number_is_held(sets, value, wanted):
    assert sets.holds(sets.spans([(10, 19), (99, 99)]), value) is wanted


def test_a_long_list_keeps_its_numbers_beside_a_short_one():
    sets = Sets(1 << 32)
    many = sets.spans((number, number) for number in range(0, 200_000, 2))
    assert sets.pairs(sets.both(many, sets.span(7, 10))) == [(8, 8), (10, 10)]
    assert sets.pairs(sets.both(many, sets.span(199_998, 1 << 31))) == [(199_998, 199_998)]
    assert len(sets.pairs(sets.minus(many, sets.span(10, 19)))) == 100_000 - 5
