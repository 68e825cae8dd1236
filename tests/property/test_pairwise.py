"""The covering design has every pair that can be, and no case that cannot."""

import random
from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from pairwise import cover, pairs_of, possible_pairs


@st.composite
def designs(draw):
    """Factors, and whole pairs of levels that exclude each other."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    factors = {f"f{at}": tuple(range(size)) for at, size in enumerate(sizes)}
    every = [
        ((first, one), (second, other))
        for first, second in combinations(factors, 2)
        for one, other in product(factors[first], factors[second])
    ]
    return factors, frozenset(draw(st.lists(st.sampled_from(every), max_size=4)))


def judge(excluded):
    return lambda case: not any(set(pair) <= set(case.items()) for pair in excluded)


@given(designs(), st.integers(0, 99))
def test_every_pair_is_covered_and_no_case_is_impossible(design, seed):
    factors, excluded = design
    allowed = judge(excluded)
    cases = cover(factors, allowed, random.Random(seed))
    whole = [dict(zip(factors, levels, strict=True)) for levels in product(*factors.values())]
    wanted = set().union(*(pairs_of(case) for case in whole if allowed(case)))
    assert all(allowed(case) for case in cases)
    assert all(list(case) == list(factors) for case in cases)
    assert set().union(*map(pairs_of, cases)) == wanted == possible_pairs(factors, allowed)
    assert len(cases) <= max(1, len(wanted))
