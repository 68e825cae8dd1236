"""Scans killed with SIGKILL and gone on with, by real packets: the proof, sampled."""

import pytest

import proofs_scan_resume

pytestmark = pytest.mark.lab


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_killed_and_gone_on_with(samples, day_seed):
    for seed in range(day_seed, day_seed + samples(1, 40)):
        found, figures = proofs_scan_resume.killed(seed)
        assert not found, found
        assert figures["kills"] == proofs_scan_resume.KILLS
