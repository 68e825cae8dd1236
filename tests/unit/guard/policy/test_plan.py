"""Two rule sets side by side: what changes, for whom, and what is told of it."""

from datetime import date

from policies import policy_of
from portulan.guard.policy.compile import compiled_rules, terrain_of
from portulan.guard.policy.plan import Simulations, plan_rows
from portulan.guard.policy.supposed import with_ours, without_ours
from portulan.guard.reach import simulate
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.rule import VerdictKind
from portulan.model.ruleset import Base, Chain, Ruleset
from portulan.model.standing import Senders
from rule_builders import DROP, chain, match, network, ruleset

TODAY = date(2026, 11, 22)
NETWORK = network()
EVERYONE = (Senders("everyone"),)
TEXT = """
[sources]
office = "203.0.113.0/24"
[doors]
https = "everyone"
ssh = { from = "office", until = 2026-11-22 }
"8000-8003/tcp" = { from = "office", limit = "3/minute" }
"9000/tcp" = { from = "everyone", until = 2026-11-21 }
"""


def planned(before, text=TEXT, heard=(), today=TODAY):
    policy = policy_of(text)
    ours = compiled_rules(policy, today, terrain_of(NETWORK))
    simulations = Simulations(*(simulate(rules, NETWORK) for rules in (before, with_ours(before, ours), ours)))
    return {row.ports: row for row in plan_rows(simulations, policy, today, set(heard), lambda port, kind: f"s{port}")}, ours


def test_a_host_without_rules():
    rows, _ = planned(Ruleset(), heard=[(Transport.TCP, 3389), (Transport.UDP, 3389), (Transport.TCP, 8001)])
    assert rows["443/tcp 443/udp"].before == rows["443/tcp 443/udp"].after == EVERYONE
    assert not rows["443/tcp 443/udp"].changes
    assert rows["22/tcp"].senders == ("office",)
    assert rows["22/tcp"].after == (Senders("networks", ("203.0.113.0/24",)),)
    assert (rows["8000-8003/tcp"].after, rows["8000-8003/tcp"].number) == ((), 4)
    assert rows["8000-8003/tcp"].after_perhaps
    assert rows["8000-8003/tcp"].heard
    desktop = rows["3389/tcp 3389/udp"]
    assert (desktop.name, desktop.before, desktop.after, desktop.heard) == ("s3389", EVERYONE, (), True)
    # A line that is over is none.
    (others,) = (row for row in rows.values() if row.others)
    assert others.number == 2 * 65_536 - 2 - 1 - 4 - 2 - 2
    assert others.name is None
    # What changes comes first, all others last.
    assert [row.changes for row in rows.values()] == [True, True, True, False, True]
    assert list(rows.values())[-1] is others


def test_a_day_later():
    rows, _ = planned(Ruleset(), today=date(2026, 11, 23))
    assert "22/tcp" not in rows


def test_again():
    _, ours = planned(Ruleset())
    rows, _ = planned(ours)
    assert not any(row.changes for row in rows.values())
    assert not any(row.others for row in rows.values())
    rows, _ = planned(ours, TEXT + '"9001/tcp" = "office"\n')
    (changed,) = (row for row in rows.values() if row.changes)
    assert (changed.ports, changed.before, changed.senders) == ("9001/tcp", (), ("office",))


def test_others_have_their_say():
    other = ruleset(chain("c", (match("tcp dport", 443), DROP), hook="input"))
    rows, _ = planned(other)
    assert rows["443/tcp"].after == ()
    assert rows["443/tcp"].senders == ()
    assert rows["443/udp"].after == EVERYONE


def test_sctp_where_it_is_spoken_of():
    text = '[doors]\n"5000-5001/sctp" = "everyone"\nssh = "everyone"\n'
    policy = policy_of(text)
    ours = compiled_rules(policy, TODAY, terrain_of(NETWORK))
    other = ruleset(chain("c", (match("sctp dport", 5001), DROP), hook="input"))
    kinds = (Transport.TCP, Transport.UDP, Transport.SCTP)
    ports = dict.fromkeys(kinds, PortSet.of([PortRange(0, 65_535)]))
    engines = [simulate(rules, NETWORK, ports=ports) for rules in (other, with_ours(other, ours), ours)]
    rows = {row.ports: row for row in plan_rows(Simulations(*engines, kinds), policy, TODAY, set(), lambda port, kind: None)}
    assert (rows["5000/sctp"].before, rows["5000/sctp"].after) == (EVERYONE, EVERYONE)
    assert (rows["5001/sctp"].before, rows["5001/sctp"].after) == ((), ())
    (others,) = (row for row in rows.values() if row.others and row.before)
    assert others.ports.endswith(" 0-4999,5002-65535/sctp")


def test_only_ours_are_replaced():
    others = Ruleset(chains=(Chain("inet", "filter", "input", (), Base("filter", "input", 0, VerdictKind.DROP)),))
    _, ours = planned(Ruleset())
    both = with_ours(others, ours)
    assert with_ours(both, ours) == both
    assert without_ours(both) == others
    assert without_ours(ours) == Ruleset()
