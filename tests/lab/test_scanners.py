"""A sample of the proofs of scanners, and the live watch, with real packets."""

import socket
import time

import pytest

import proofs_scanners
from portulan.model.scanner import Verdict
from portulan.verbs.scanners import ScannerWatch

QUICK = [
    at
    for at, (name, _) in enumerate(proofs_scanners.CASES)
    if name.startswith(("nmap -sS 1-100", "nmap -sT 1", "nmap -sA", "nmap -sU", "portulan syn"))
]


@pytest.fixture
def watchers():
    if not (proofs_scanners.WATCHERS / "root.json").exists():
        pytest.skip("no private root with peer programs: watchers")


@pytest.mark.lab
@pytest.mark.peer
@pytest.mark.prove
def test_a_scan_made_for_real_is_reported(watchers, dice, samples):
    for seed in dice.sample(QUICK, 1) if samples(0, 1) == 0 else range(len(proofs_scanners.CASES)):
        found, _ = proofs_scanners.single(seed)
        assert not found


@pytest.mark.prove
def test_nobody_is_reported_of_ordinary_traffic(day_seed, samples):
    for seed in range(day_seed, day_seed + samples(1, 40)):
        found, _ = proofs_scanners.ordinary(seed)
        assert not found


@pytest.mark.lab
def test_a_scan_is_noticed_as_it_happens(sandbox):
    target, them = sandbox.host("target"), sandbox.host("them")
    sandbox.link(them, target, ("198.18.0.66/24",), ("198.18.0.2/24",))
    listener = target.call(_watch, target, them)
    assert listener["found"] == [("198.18.0.66",)]
    assert listener["sure_after"] <= 6
    assert listener["learnt"] == ("7000/tcp",)
    assert listener["missing"] == []
    assert listener["others"] == 0


def _watch(target, them):
    """On the target: listens, is scanned, and tells what it noticed."""
    with target.enter(), socket.create_server(("198.18.0.2", 7000)), ScannerWatch() as watch:
        found = list(watch.step(0.2))
        for port in range(7000, 7020):
            with them.enter():
                one = socket.socket()
            with one:
                one.connect_ex(("198.18.0.2", port))
        end_s = time.monotonic() + 5
        while not found and time.monotonic() < end_s:
            found += watch.step(0.2)
        watch.step(1.5)
        answer = watch.finish()
    return {
        "found": [row.sources for row in found],
        "sure_after": found[0].sure_after if found else None,
        "learnt": next((row.learnt for row in answer.rows), None),
        "missing": watch.missing,
        "others": sum(row.verdict is Verdict.SCANNER for row in answer.rows) - 1,
    }
