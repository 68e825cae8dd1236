"""A sample of `make prove scan`: scans of hostile networks against the truth, other ones each day."""

import random

import pytest

import proofs_scan

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("peers"), pytest.mark.timeout(600)]


def drawn(day_seed, method, count):
    """Seeds of cases of a method."""
    seeds = [seed for seed, case in enumerate(proofs_scan.PLAN, 1) if case["method"] == method]
    return random.Random(f"{day_seed} {method}").sample(seeds, count)


@pytest.mark.parametrize(("method", "count"), [("syn", 4), ("connect", 2), ("udp", 1)])
def test_every_state_is_right(day_seed, samples, method, count):
    """Of every eighth port, or of each with --prove."""
    for seed in drawn(day_seed, method, count):
        found, figures = proofs_scan.cases(seed, samples(8, 1))
        print(dict(figures))
        assert found == []


def test_a_whole_network_is_found(day_seed, samples):
    """Another kind each day, or all of them with --prove."""
    for seed in range(day_seed, day_seed + samples(1, len(proofs_scan.NETWORKS))):
        found, figures = proofs_scan.networks(seed)
        print(dict(figures))
        assert found == []


def test_services_are_found_where_refusals_are_limited(day_seed):
    found, figures = proofs_scan.limited(day_seed)
    print(dict(figures))
    assert found == []


def test_the_plan_is_as_long_as_the_proof_says():
    from prove import PROOFS

    totals = {proof.name: proof.total for proof in PROOFS}
    assert totals["scan"] == len(proofs_scan.PLAN) >= 200
    assert totals["scan-networks"] == len(proofs_scan.NETWORKS)
