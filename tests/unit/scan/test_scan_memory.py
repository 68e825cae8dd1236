"""A scan holds as much however many pairs there are: the benchmark of a thousand million, sampled."""

import scan_memory

MOST_MIB = 150


def test_memory_does_not_grow_with_the_pairs():
    found = scan_memory.measure(3_000_000)
    assert found["right"], found
    assert found["peak_mib"] < MOST_MIB
    assert found["probes"] < 1.05 * found["pairs"]
