"""The rule of who may bind beside whom, with the kernel as judge: other sockets each day."""

import pytest

import proofs

pytestmark = [pytest.mark.lab, pytest.mark.prove, pytest.mark.timeout(3600)]


def test_the_rule_is_the_kernels(samples, day_seed):
    for seed in range(day_seed, day_seed + samples(10, 400)):
        found, figures = proofs.binding(seed)
        assert found == [], f"seed {seed}"
        assert figures["pairs"]
        assert figures["sets"]
