"""The chart of a loaded machine, judged by ss and by a walk over /proc by hand: every socket, every holder, no difference."""

import pytest

from labs import SOURCES, ask_ss, brute_force, differences, facts_of, listen, look, walk_descriptors
from load import Size, load
from portulan.verbs.chart import chart

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("load")]
SMALL = Size(processes=40, shared=8, listeners=200, udp=24, established=2_000)


@pytest.fixture(scope="module")
def loaded(samples):
    with load(samples(SMALL, Size())) as running:
        yield running


@pytest.mark.parametrize("every_state", [False, True], ids=["servers", "all"])
@pytest.mark.parametrize("source", SOURCES)
def test_the_chart_is_what_a_walk_over_proc_finds(loaded, source, every_state):
    found = chart(source=source, every_state=every_state)
    assert found.source == source
    held = walk_descriptors()
    for host in (loaded.main, *loaded.others):
        ours = facts_of([item for item in found.items if item.netns == host.netns_inode])
        assert differences(ours, brute_force(host, every_state=every_state, held=held)) == []
    counted = [item for item in found.items if item.netns in {host.netns_inode for host in (loaded.main, *loaded.others)}]
    sockets = loaded.size.listeners + loaded.size.udp + (loaded.size.established if every_state else 0)
    assert sum(len(item.sockets) for item in counted) == sockets


@pytest.mark.peer
@pytest.mark.parametrize("every_state", [False, True], ids=["servers", "all"])
@pytest.mark.parametrize("source", SOURCES)
def test_the_chart_is_what_ss_finds(loaded, peers, source, every_state):
    found = chart(source=source, every_state=every_state)
    for host in (loaded.main, *loaded.others):
        ours = facts_of([item for item in found.items if item.netns == host.netns_inode])
        assert differences(ours, ask_ss(host, peers, every_state=every_state)) == []


@pytest.mark.peer
def test_psutil_finds_the_same_with_one_holder_a_socket(loaded):
    """It knows one namespace and one holder: each of those that it names must be a true one, and it may leave out no endpoint."""
    for host in (loaded.main, *loaded.others):
        found = host.call(chart, source="psutil", every_state=True)
        assert found.source == "psutil"
        _, named = facts_of(found.items)
        _, all_owners = brute_force(host, every_state=True)
        assert differences(([], all_owners), ([], named), every_owner=False) == []
        assert {gap.code for gap in found.gaps} == {"psutil.limited"}


def test_shared_listeners_have_two_holders_each(loaded):
    found = chart(source="bpf")
    shared = [item for item in found.items if item.netns == loaded.main.netns_inode and len({one.pid for one in item.owners}) == 2]
    assert len({one.pid for item in shared for one in item.owners}) == 2 * loaded.size.shared


@pytest.mark.parametrize("source", SOURCES)
def test_the_judges_would_notice(loaded, source):
    """One socket more, one holder less: the walk must say so."""
    host = loaded.others[0]
    before = facts_of(look(host, source=source))
    with listen(host, "127.0.0.1", 64_999):
        found = differences(before, brute_force(host))
        assert len(found) == 2
        assert all("64999" in each for each in found)
        facts, owners = facts_of(look(host, source=source))
        key = ("tcp", "listening", "127.0.0.1", 64_999, None)
        assert len(differences((facts, {**owners, key: set()}), brute_force(host))) == 1
