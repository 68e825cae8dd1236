"""What was met before, against a plain set."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portulan.traffic.novelty import Met, mix


@given(st.lists(st.lists(st.integers(1, 2**64 - 1) | st.integers(1, 40), max_size=60), max_size=8))
def test_first_is_what_a_set_says_as_long_as_there_is_room(parts):
    met, known = Met(1000), set()
    for part in parts:
        keys = np.array(part, np.uint64)
        expected = []
        for key in part:
            expected.append(key not in known)
            known.add(key)
        assert met.first(keys).tolist() == expected
        assert met.has(keys).all()
        assert len(met) == len(known)


def test_memory_is_bounded_and_what_comes_again_stays():
    met = Met(1 << 12)
    faithful = np.array([7], np.uint64)
    assert met.first(faithful).all()
    for begin in range(1, 60):
        met.first(np.arange(begin << 12, (begin << 12) + 3000, dtype=np.uint64))
        assert not met.first(faithful).any()
        assert len(met) <= 1 << 12
    assert not met.has(np.arange(1 << 12, (1 << 12) + 3000, dtype=np.uint64)).any()


def test_more_at_once_than_there_is_room():
    met = Met(100)
    keys = np.arange(1, 1001, dtype=np.uint64)
    assert met.first(keys).all()
    assert len(met) <= 100


def test_keys_differ_by_salt_kind_and_each_column():
    here = np.frombuffer(bytes(range(16)) * 2, "V16")
    ports = np.array([1, 2], np.uint16)
    keys = {
        int(key) for key in np.concatenate([mix(0, 1, here, ports), mix(1, 1, here, ports), mix(0, 2, here, ports), mix(0, 1, ports, here)])
    }
    assert len(keys) == 8
    assert 0 not in keys
