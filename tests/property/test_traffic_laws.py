"""The laws of the table of flows: a sample of what `tools/prove.py` runs."""

import pytest

import proofs_traffic


@pytest.mark.prove
@pytest.mark.parametrize("proof", ["stacks", "laws", "caps", "damage", "pieces"])
def test_traffic(proof, day_seed, samples):
    for seed in range(day_seed, day_seed + samples(1, 20)):
        found, _ = getattr(proofs_traffic, proof)(seed)
        assert not found, f"seed {seed}: {found[:3]}"
