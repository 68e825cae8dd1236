"""Whose packets a proof sends, and how what came through is judged."""

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import policy_of
from portulan.guard.policy.meaning import decide, is_from
from portulan.guard.proof.expect import Expectation
from portulan.guard.proof.judge import (
    LET_IN,
    LIMITED,
    PORTS,
    REFUSED,
    UNKNOWN,
    Outcome,
    differences,
    disagreements,
    limited,
    rounds,
    spans,
    tally,
    words_by_piece,
)
from portulan.guard.proof.plan import NO_CLASS, Ground, plan, published, telling
from portulan.guard.proof.senders import LAST, NEVER, link_names, named, senders
from portulan.model.guard_proof import Road, Team
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Outcome as Verdict

TODAY = date(2026, 6, 15)
OFFICE = """
[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
lan = "interface eth1"
vpn = { interface = "tun*", networks = "10.8.0.0/24" }
[doors]
https = "everyone"
ssh = { from = ["office", "vpn"], limit = "10/minute" }
"5432/tcp" = "lan"
"""
TEAM = Team(0, Road.INPUT, 4, "eth0", "", Address(4, 9), Address(4, 1))


def ground(*links):
    return Ground(
        links, "inner", (4, 6), frozenset({1, 2}), lambda _, version: 1 if version == 4 else (0xFD << 120) + 1, lambda _, version: 2 if version == 4 else (0xFD << 120) + 2
    )  # fmt: skip


def test_an_interface_for_each_meaning():
    policy = policy_of(OFFICE)
    assert link_names(policy) == ("eth1", "tun0", "other0")
    assert link_names(policy, ("eth0",)) == ("eth1", "eth0", "tun0"), "the uplink is one that no line means"
    assert link_names(policy_of('[doors]\n22 = "everyone"')) == ("other0",)


def test_the_interface_that_no_line_means_is_one_that_no_line_means():
    made = link_names(policy_of('[sources]\na = "interface other*"\nb = "interface eth*"\n[doors]\n22 = ["a", "b"]'))
    assert made == ("other0", "eth0", "portulan0")
    assert link_names(policy_of('[sources]\na = "interface other7"\n[doors]\n22 = "a"')) == ("other7", "other0")


def test_one_sender_for_each_class_and_more_at_edges():
    policy = policy_of(OFFICE)
    found, hopeless = senders(named(policy), "eth0", 4, frozenset())
    assert not hopeless
    classes = [sender for sender in found if not sender.edge]
    assert sorted(sender.names for sender in classes) == [("everyone",), ("everyone", "office")]
    edges = {sender.address.number for sender in found if sender.edge}
    first = 0xC6336400
    assert {first - 1, first, first + 255, first + 256} <= edges
    by_lan, _ = senders(named(policy), "eth1", 4, frozenset())
    assert all("lan" in sender.names for sender in by_lan)


def test_a_class_that_cannot_send_is_told():
    policy = policy_of('[sources]\ngroups = "224.0.0.0/4"\n[doors]\n22 = "groups"\n80 = "everyone"')
    _, hopeless = senders(named(policy), "eth0", 4, frozenset())
    assert hopeless == {("groups", "everyone")}
    assert plan(policy, ground("eth0")).left_out == ("senders",)


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_every_sender_is_what_it_stands_for(seed):
    """By the plain meaning of the policy: no class is missing, none is misnamed."""
    from random import Random

    from policy_samples import draw_policy
    from portulan.errors import BadInput

    dice = Random(seed)
    text, files = draw_policy(dice)
    try:
        policy = policy_of(text, files)
    except BadInput:
        return
    sources = named(policy)
    for link in link_names(policy):
        for version in (4, 6):
            found, _ = senders(sources, link, version, frozenset())
            known = {sender.names for sender in found if not sender.edge}
            for sender in found:
                number = sender.address.number
                assert not any(first <= number <= last for first, last in NEVER[version])
                meant = tuple(source.name for source in sources if is_from(source, version, number, link))
                assert sorted(sender.names) == sorted(meant)
            for _ in range(20):
                number = dice.randrange(LAST[version] + 1)
                if not any(first <= number <= last for first, last in NEVER[version]):
                    meant = {source.name for source in sources if is_from(source, version, number, link)}
                    assert meant in [set(names) for names in known]


def test_all_ways_and_no_number_twice():
    policy = policy_of(
        OFFICE + '\n[outgoing]\nhttps = "everyone"\n[zones]\ninside = "eth1"\noutside = "eth0"\n[forward]\n"inside -> outside" = ["smtp"]\n'
    )
    made = plan(policy, ground("eth0", "eth1"))
    assert {team.road for team in made.teams} == {Road.INPUT, Road.FORWARD, Road.LOCAL, Road.OUTPUT}
    assert [team.number for team in made.teams] == list(range(len(made.teams)))
    assert {team.road for team in published(made, whole=True)} == {Road.PUBLISHED}
    few = plan(policy, ground("eth0", "eth1"), pick=1)
    assert sum(team.whole for team in few.teams) == 4, "one class of each interface and IP version"
    assert not any(team.whole for team in plan(policy, ground("eth0", "eth1"), pick=NO_CLASS).teams)
    assert {21, 22, 23, 442, 443, 444, 5431, 5432, 5433} <= set(telling(policy.doors))


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_expectation_is_the_meaning_at_every_port(seed):
    """Pieces of ports are asked once; the plain meaning says the same of any port."""
    from random import Random

    dice = Random(seed)
    expected = Expectation(policy_of(OFFICE), TODAY, ("eth0",), inner="inner", door=9, source_port=40_000)
    policy = policy_of(OFFICE)
    sender = dice.choice((0xC6336409, 0x0A080001, 0x01020304))
    team = TEAM._replace(sender=Address(4, sender), link=dice.choice(("eth0", "eth1", "tun0")))
    words = expected.words(team, Transport.TCP)
    for port in (22, 443, 5432, *(dice.randrange(PORTS) for _ in range(20))):
        said = decide(policy, TODAY, Transport.TCP, 4, sender, team.link, port).outcome
        assert words[port] == {Verdict.ACCEPT: LET_IN, Verdict.MAYBE: LIMITED, Verdict.DROP: REFUSED}[said]


def outcome(through=(), policy=(), simulation=None, asked=range(PORTS)):
    def mask(ports):
        found = np.zeros(PORTS, bool)
        found[list(ports)] = True
        return found

    words = np.full(PORTS, REFUSED, np.uint8)
    for port, word in dict(policy).items():
        words[port] = word
    simulated = np.full(PORTS, UNKNOWN, np.uint8)
    if simulation is not None:
        simulated = np.full(PORTS, REFUSED, np.uint8)
        simulated[list(simulation)] = LET_IN
    return Outcome(TEAM, Transport.TCP, mask(asked), mask(through), words, simulated)


def test_what_fares_as_it_should_is_no_difference():
    one = outcome(through=[22, 443], policy={22: LIMITED, 443: LET_IN}, simulation=[22, 443])
    assert disagreements(one).tolist() == []
    assert (tally(one).sent, tally(one).through, tally(one).expected, tally(one).ports) == (PORTS, 2, 2, ((22, 22), (443, 443)))


def test_each_way_to_differ():
    one = outcome(through=[80, 443], policy={22: LET_IN, 443: LET_IN}, simulation=[22, 443, 80])
    assert disagreements(one).tolist() == [22, 80]
    told = differences(one, [22, 80])
    assert [(each.port, each.kernel, each.policy, each.simulation) for each in told] == [(22, False, True, True), (80, True, False, True)]
    assert disagreements(outcome(through=[80], policy={80: LET_IN}, simulation=[])).tolist() == [80]
    unknown = outcome(through=[80], policy=dict.fromkeys(range(PORTS), UNKNOWN))
    assert disagreements(unknown).tolist() == []
    assert tally(unknown).expected == -1
    assert disagreements(outcome(policy={22: LET_IN}, asked=[23])).tolist() == [], "what was not asked is not judged"


def test_what_a_rate_held_back_is_asked_again():
    one = outcome(through=[8000], policy={8000: LIMITED, 8001: LIMITED, 80: LET_IN})
    assert limited(one).tolist() == [8001]
    spared = np.zeros(PORTS, bool)
    spared[8001] = True
    assert disagreements(one, spared).tolist() == [80]


def test_words_of_pieces():
    words = words_by_piece([80, 81, 65_536], lambda port: LET_IN if port == 80 else REFUSED)
    assert spans(words == LET_IN) == ((80, 80),)
    assert spans(np.ones(PORTS, bool)) == ((0, 65_535),)


def test_teams_that_go_together_fit():
    teams = [TEAM._replace(number=number, link=link) for number, link in enumerate(["a", "b", "a", "a", "b"])]
    made = rounds(teams, dict.fromkeys(range(5), 10), 20)
    assert [[team.number for team in each] for each in made] == [[0, 2], [3], [1, 4]]
