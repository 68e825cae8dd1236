"""Few cases in which every two levels of every two factors meet (a covering array of strength two, built greedily), where some combinations cannot be."""

from itertools import combinations


def pairs_of(case):
    """Every two (factor, level) of a case."""
    return set(combinations(sorted(case.items()), 2))


def possible_pairs(factors, allowed):
    """The pairs that some allowed case has. `allowed` judges partial cases too: a dict with some of the factors."""
    found = set()
    for (first, levels), (second, others) in combinations(sorted(factors.items()), 2):
        for one in levels:
            for other in others:
                if complete({first: one, second: other}, factors, allowed) is not None:
                    found.add(((first, one), (second, other)))
    return found


def complete(partial, factors, allowed, rank=lambda _factor, levels, _case: levels):
    """A whole allowed case with these levels, by depth-first search; None where there is none. `rank` orders the levels that are tried."""
    if not allowed(partial):
        return None
    missing = [factor for factor in factors if factor not in partial]
    if not missing:
        return partial
    factor = missing[0]
    for level in rank(factor, list(factors[factor]), partial):
        case = complete({**partial, factor: level}, factors, allowed, rank)
        if case is not None:
            return case
    return None


def cover(factors, allowed, dice):
    """Cases, drawn with `dice`, that have every possible pair between them."""
    missing = possible_pairs(factors, allowed)
    cases = []
    while missing:
        seed = dict(dice.choice(sorted(missing, key=repr)))

        def rank(factor, levels, case, seed=seed, missing=missing):
            dice.shuffle(levels)

            def gain(level):
                return sum(tuple(sorted(((factor, level), pair))) in missing for pair in {**case, **seed}.items())

            return sorted(levels, key=gain, reverse=True)

        order = dict(sorted(factors.items(), key=lambda _: dice.random()))
        case = complete(seed, order, allowed, rank)
        assert case is not None, seed
        case = {factor: case[factor] for factor in factors}
        missing -= pairs_of(case)
        cases.append(case)
    return cases


def plan(factors, allowed, dice, count):
    """`count` cases or more made of such designs one after the other, each with other triples."""
    cases = []
    while len(cases) < count:
        cases += cover(factors, allowed, dice)
    return cases
