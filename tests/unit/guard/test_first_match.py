"""The first of many boxes that holds a cell: against painting cell by cell."""

import numpy as np
import pytest

from portulan.guard.classes import Classes
from portulan.guard.first_match import FirstMatch
from portulan.guard.sets import ALL, Sets


def painted(boxes, rows=200, ports=120):
    """(FirstMatch, the same as a table of smallest values) of boxes (spans of senders, spans of ports, whether it accepts)."""
    axes = Sets(rows), Sets(ports)
    sets = [(axes[0].spans(row) if row else ALL, axes[1].spans(port) if port else ALL) for row, port, _ in boxes]
    kinds = Classes(axes[0], [row for row, _ in sets]), Classes(axes[1], [port for _, port in sets])
    slots = [np.array([kind.slot[each[at]] for each in sets], np.intp) for at, kind in enumerate(kinds)]
    values = np.array([2 * at + accepts for at, (_, _, accepts) in enumerate(boxes)], np.intp)
    made = FirstMatch(*kinds, *slots, values)
    table = np.full((kinds[0].count, kinds[1].count), made.none)
    for (row, port), value in zip(sets, values.tolist(), strict=True):
        cells = np.ix_(kinds[0].members(row), kinds[1].members(port))
        table[cells] = np.minimum(table[cells], value)
    return made, table


def check(boxes, **sizes):
    made, table = painted(boxes, **sizes)
    columns = np.arange(table.shape[1])
    assert (made.values(columns) == table).all()
    assert (made.values(columns[::3]) == table[:, ::3]).all()
    for first, end in ((0, len(table)), (1, max(2, len(table) // 2))):
        bits = np.unpackbits(made.accepted(first, end), axis=1, count=table.shape[1])
        assert (bits == table[first:end] % 2).all()
    deciding = set(np.unique(table).tolist())
    assert deciding <= set(made.deciding().tolist()) | {made.none}
    return made


EVERY = None


@pytest.mark.parametrize("boxes", [
    [(EVERY, EVERY, False)],
    [(EVERY, EVERY, True)],
    [([(10, 19)], [(5, 9)], True), (EVERY, EVERY, False)],
    [([(10, 19)], EVERY, True), (EVERY, [(5, 9)], False), (EVERY, EVERY, True)],
    [(EVERY, [(5, 9)], True), ([(10, 19)], EVERY, False), ([(15, 150)], [(7, 40)], True), (EVERY, EVERY, False)],
    [([(10, 19)], [(5, 9)], True), ([(15, 29)], [(7, 30)], False), ([(0, 199)], [(0, 3)], True)],
    [([(10, 19)], [(5, 9)], False), ([(10, 19)], [(5, 9)], True)],
])  # fmt: skip
def test_few_boxes(boxes):
    check(boxes)


def test_large_sets_of_senders_are_dense_and_small_ones_sparse():
    boxes = [([(at, at)], [(at % 100, at % 100 + 3)], at % 2 == 0) for at in range(0, 190, 3)]
    boxes += [
        ([(20, 180)], [(30, 60)], True),
        ([(0, 199)], [(50, 90)], False),
        ([(at, at) for at in range(0, 200, 2)], [(0, 10), (100, 119)], True),
    ]
    made = check([*boxes, (EVERY, EVERY, False)])
    assert len(made.cell_row)
    assert len(made.base) > 1


def test_many_boxes_need_wider_numbers():
    few = check([([(at % 200, at % 200)], [(at % 120, at % 120)], at % 3 == 0) for at in range(500)])
    many = check([([(at % 40, at % 40)], [(at % 30, at % 30)], at % 3 == 0) for at in range(33_000)], rows=40, ports=30)
    assert (few.kind, many.kind) == (np.uint16, np.uint32)


def test_no_box_at_all_counts_as_accepted():
    made, table = painted([([(10, 19)], [(5, 9)], False)])
    assert np.unpackbits(made.accepted(0, len(table)), axis=1, count=table.shape[1]).sum() == table.size - 1
