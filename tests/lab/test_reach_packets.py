"""Real packets through rules drawn by lot: the kernel does with each what the simulation says, by the rules that it says."""

from collections import Counter

import pytest

import proofs_reach

pytestmark = [pytest.mark.lab, pytest.mark.peer]


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_every_packet_fares_as_simulated(samples, day_seed, peers):
    total = Counter()
    for seed in range(day_seed, day_seed + samples(4, 200)):
        found, figures = proofs_reach.packets(seed, samples(1_500, proofs_reach.PACKETS))
        assert found == [], f"seed {seed}"
        total += figures
    assert total["trace: accept"] > 500 < total["packets"] - total["came through"], total
    assert total["reach: accept"] > 200 < total["reach: drop"], total


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_the_same_rules_match_as_nft_traces(samples, day_seed, peers):
    total = Counter()
    for seed in range(day_seed, day_seed + samples(4, 200)):
        found, figures = proofs_reach.rules(seed)
        assert found == [], f"seed {seed}"
        total += figures
    assert total["steps"] > total["traces"] > 100, total


@pytest.mark.parametrize("name", proofs_reach.MAKERS)
def test_rules_of_well_known_programs(name, day_seed, peers):
    """ufw, Docker's rules, firewalld and iptables-legacy: real packets through what they really write."""
    found, figures = proofs_reach.maker(name, day_seed)
    assert found == []
    assert 0 < figures["came through"] < figures["packets"], figures


def test_a_wrong_word_is_told(peers, monkeypatch):
    """The judge itself: an engine that lets everything through is found out."""
    monkeypatch.setitem(proofs_reach.ENGINES, "open", lambda ruleset, network, packets: [proofs_reach.Prediction("accept")] * len(packets))
    found, _ = proofs_reach.packets(1, 300, ("open",))
    assert any("said accept, but the kernel let it not through" in each for each in found)
