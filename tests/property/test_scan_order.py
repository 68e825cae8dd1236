"""The order of a scan is a bijection, whatever is scanned, and every shard of it a part of its own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portulan.scan.order import LARGEST, Permutation

KEYS = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


@given(st.integers(1, 3_000), KEYS)
def test_every_number_stands_at_one_place(size, key):
    order = Permutation(size, key)
    numbers = order.forward(np.arange(size))
    assert sorted(numbers.tolist()) == list(range(size))
    assert (order.inverse(numbers) == np.arange(size)).all()


@given(st.integers(1, LARGEST), KEYS, st.data())
def test_the_way_back_leads_back(size, key, data):
    order = Permutation(size, key)
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=50)))
    numbers = order.forward(places)
    assert ((numbers >= 0) & (numbers < size)).all()
    assert (order.inverse(numbers) == places).all()


@given(st.integers(1, 2_000), KEYS, st.integers(1, 9))
def test_shards_share_nothing_and_leave_nothing_out(size, key, shards):
    order = Permutation(size, key)
    parts = [order.forward(np.arange(shard, size, shards)).tolist() for shard in range(shards)]
    assert sorted(number for part in parts for number in part) == list(range(size))


def test_the_order_is_spread():
    numbers = Permutation(65_536, (1, 2)).forward(np.arange(65_536))
    # In each sixteenth of the order, each sixteenth of the numbers has about its share (4,096 of 65,536; a share's deviation is 15).
    shares = np.histogram2d(np.arange(65_536), numbers, bins=16)[0]
    assert abs(shares - 256).max() < 90
    assert np.corrcoef(numbers[:-1], numbers[1:])[0, 1] < 0.02
