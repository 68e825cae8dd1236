"""Dice of a scan: fair enough, and the same again from the same key."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portulan.scan.dice import Dice

KEYS = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


@given(st.integers(0, 2_000), KEYS)
def test_an_order_has_every_number_once(count, key):
    numbers = np.arange(count) * 3
    assert sorted(Dice(key).permutation(numbers).tolist()) == numbers.tolist()
    assert (Dice(key).permutation(numbers) == Dice(key).permutation(numbers)).all()


@given(st.integers(1, 5_000), st.data(), KEYS)
def test_a_choice_has_no_place_twice(count, data, key):
    numbers = np.arange(count) + 7
    wanted = data.draw(st.integers(0, count))
    chosen = Dice(key).choice(numbers, wanted).tolist()
    assert len(set(chosen)) == wanted
    assert set(chosen) <= set(numbers.tolist())


def test_every_number_is_chosen_about_as_often():
    dice, seen = Dice((3, 4)), np.zeros(1000, int)
    for _ in range(1000):
        seen[dice.choice(np.arange(1000), 50)] += 1
    assert seen.min() > 15  # 50 expected, deviation 7
    assert seen.max() < 90
