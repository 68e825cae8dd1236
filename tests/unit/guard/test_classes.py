"""Classes of numbers that lie in the same sets."""

from portulan.guard import classes
from portulan.guard.classes import Classes, spread
from portulan.guard.sets import ALL, EMPTY, Sets


def made():
    sets = Sets(100)
    low, middle = sets.span(0, 49), sets.spans([(25, 29), (70, 79)])
    return sets, low, middle, Classes(sets, [low, middle, EMPTY])


def test_numbers_in_the_same_sets_are_one_class():
    _, _, _, kinds = made()
    assert kinds.edges == [0, 25, 30, 50, 70, 80, 100]
    assert kinds.of.tolist() == [0, 1, 0, 2, 3, 2]
    assert (kinds.count, kinds.first) == (4, [0, 25, 50, 70])
    assert list(kinds.spans()) == [((0, 24), 0), ((25, 29), 1), ((30, 49), 0), ((50, 69), 2), ((70, 79), 3), ((80, 99), 2)]


def test_sets_are_made_of_classes():
    sets, low, middle, kinds = made()
    assert [kinds.members(number).tolist() for number in (low, middle, ALL, EMPTY)] == [[0, 1], [1, 3], [0, 1, 2, 3], []]
    for number in (low, middle, ALL):
        chosen = [kind in kinds.members(number) for kind in range(kinds.count)]
        assert kinds.edges_of(classes.np.array(chosen)) == sets.edges[number]


def test_without_sets_everything_is_one_class():
    kinds = Classes(Sets(100), [])
    assert (kinds.count, kinds.edges, kinds.of.tolist()) == (1, [0, 100], [0])


def test_two_sums_that_are_equal_by_half_are_told_apart_by_the_other():
    sums = classes.np.array([[7, 7, 7, 8], [1, 2, 1, 1]], classes.np.uint64)
    first, of = classes._numbered(sums)
    assert (first.tolist(), of.tolist()) == ([0, 1, 3], [0, 1, 0, 2])


def test_spreading():
    array = classes.np.array
    label, at = spread(array([5, 6, 7]), array([10, 20, 30]), array([2, 0, 1]))
    assert (label.tolist(), at.tolist()) == ([5, 5, 7], [10, 11, 30])
    assert [each.tolist() for each in spread(array([], int), array([], int), array([], int))] == [[], []]
