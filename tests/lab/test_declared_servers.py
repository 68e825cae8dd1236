"""Real servers, started from the very files that were read: they listen exactly where we said, and fail where we said that they would."""

import random

import pytest

import declared_servers as lab
import proofs_declared as proofs
from declared_servers import CASES, OWN, PAIRS
from labs import inhabit

pytestmark = [pytest.mark.lab, pytest.mark.peer]
EACH = 2
"""Configurations of each server that are tried on a day; all of them under --prove and by `make prove`."""


@pytest.fixture
def host(sandbox, servers):
    made = sandbox.host("web-01", root=servers)
    inhabit(made)
    return made


def of_the_day(things, count, key, seed, *, everything):
    """Some of each kind, others each day."""
    dice, kept = random.Random(seed), []
    for kind in dict.fromkeys(map(key, things)):
        group = [thing for thing in things if key(thing) == kind]
        kept += group if everything else dice.sample(group, min(count, len(group)))
    return kept


def pytest_generate_tests(metafunc):
    import os

    everything = metafunc.config.getoption("--prove")
    seed = int(os.environ["PORTULAN_SEED"])
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", of_the_day(CASES, EACH, lambda case: case.kind, seed, everything=everything), ids=str)
    if "pair" in metafunc.fixturenames:
        metafunc.parametrize("pair", of_the_day(PAIRS, EACH, lambda pair: pair.collide, seed, everything=everything), ids=str)
    if "own" in metafunc.fixturenames:
        metafunc.parametrize("own", of_the_day(OWN, 1, lambda case: case.kind, seed, everything=everything), ids=str)


def test_a_server_listens_where_its_file_says(host, case):
    lab.prepare(host, case)
    assert proofs.check_listens(host, case)[1] == []


def test_the_second_fails_where_we_say_so(host, pair):
    lab.prepare(host, pair.first)
    lab.prepare(host, pair.second)
    assert proofs.check_pair(host, pair.first, pair.second) == ([], pair.collide)


def test_a_server_that_stands_in_its_own_way_does_not_start(host, own):
    lab.prepare(host, own)
    answer, status = lab.declared(host, "--not-running", own.main)
    assert ({item["code"] for item in answer["items"]}, status) == ({"declared.own"}, 1)
    assert proofs.check_fails(host, own) == []


def test_two_servers_drawn_by_lot(servers, dice, samples):
    for seed in (dice.randrange(len(CASES) + 1, 10**9) for _ in range(samples(3, 100))):
        found, figures = proofs.servers(seed)
        assert (found, sum(figures.values())) == ([], 1), seed


def test_a_file_changed_under_a_running_server_is_told(host):
    case = lab.nginx("changed", "http { server { listen 8080; } }")
    lab.prepare(host, case)
    lab.start(host, case)
    host.wait_for_port(8080)
    lab.prepare(host, lab.nginx("changed", "http { server { listen 8081; } }"))
    answer, status = lab.declared(host, case.main)
    assert status == 0
    (finding,) = answer["items"]
    assert (finding["code"], finding["port"], finding["facts"], finding["holders"][0]["name"]) == (
        "running.elsewhere",
        8081,
        {"now": "8080/tcp"},
        "nginx",
    )


def test_a_server_without_the_right_to_its_port_does_not_start(host):
    """PostgreSQL never runs as root, so what takes a right to bind cannot be its port."""
    case = lab.postgresql("privileged", "port = 700\nlisten_addresses = '127.0.0.1'\n")
    lab.prepare(host, case)
    answer, status = lab.declared(host, "--not-running", case.main)
    assert ([item["code"] for item in answer["items"]], status) == (["port.privileged"], 1)
    assert proofs.check_fails(host, case) == []
