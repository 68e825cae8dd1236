"""All senders x all ports in few lines."""

import pytest

from portulan.guard.reach import simulate
from portulan.guard.trace import trace
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Outcome
from portulan.model.rule import Limit
from rule_builders import ACCEPT, CONTAINER, DROP, chain, dnat, match, network, ruleset, span

NET = network()
TCP, UDP = Transport.TCP, Transport.UDP
OFFICE = match("ip saddr", "203.0.113.0/24")


def lines(*rules, most=None, policy="drop", net=NET, more=(), **options):
    made = ruleset(chain("in", *rules, hook="input", policy=policy), *more)
    return simulate(made, net, **options).matrix(most)


def ports(group):
    return dict(group.ports)


def test_ports_that_fare_alike_are_one_line_and_what_nobody_reaches_is_none():
    (ssh, web), more = lines((match("tcp dport", 22), OFFICE, ACCEPT), (match("tcp dport", 80, 443, (8000, 8099)), ACCEPT))
    assert more == 0
    assert (ports(ssh), ports(web)) == ({TCP: ((22, 22),)}, {TCP: ((80, 80), (443, 443), (8000, 8099))})
    assert (ssh.accepted.v4, ssh.accepted.v6) == ((span("203.0.113.0/24"),), ())
    assert ssh.links == web.links == ("eth0", "eth2")
    assert web.accepted.v6
    assert not ssh.perhaps
    assert not web.perhaps


def test_without_rules_there_is_one_line():
    (line,), more = lines(ACCEPT)
    assert (ports(line), more) == ({TCP: ((0, 65535),), UDP: ((0, 65535),)}, 0)
    assert lines() == ((), 0)


def test_transports_and_versions_in_one_line_where_they_fare_alike():
    (dns,), _ = lines((match("th dport", 53), ACCEPT))
    assert ports(dns) == {TCP: ((53, 53),), UDP: ((53, 53),)}
    (four,), _ = lines((match("meta nfproto", 2), match("udp dport", 53), ACCEPT))
    assert (ports(four), four.accepted.v6) == ({UDP: ((53, 53),)}, ())


def test_interfaces_that_differ_have_lines_of_their_own():
    found, _ = lines((match("meta iifname", "eth0"), match("tcp dport", 22), ACCEPT), (match("tcp dport", 80), ACCEPT))
    assert [(group.links, ports(group)) for group in found] == [(("eth2",), {TCP: ((80, 80),)}), (("eth0",), {TCP: ((22, 22), (80, 80))})]


def test_who_may_get_in_is_told_apart_from_who_does():
    (line,), _ = lines(
        (match("tcp dport", 22), OFFICE, ACCEPT), (match("tcp dport", 22), match("ip saddr", "203.0.112.0/23"), Limit(1, "hour"), ACCEPT)
    )
    assert (line.accepted.v4, line.perhaps.v4) == ((span("203.0.113.0/24"),), (span("203.0.112.0/24"),))
    (line,), _ = lines((match("tcp dport", 22), Limit(1, "hour"), ACCEPT))
    assert not line.accepted
    assert line.perhaps


def test_at_most_so_many_lines_the_one_of_most_ports_always():
    rules = [(match("tcp dport", (at * 1000, at * 1000 + at)), match("ip saddr", f"10.{at}.0.0/16"), ACCEPT) for at in range(1, 9)]
    every, none_more = lines(*rules)
    assert (len(every), none_more) == (8, 0)
    some, more = lines(*rules, most=3)
    assert more == 5
    assert [ports(group)[TCP] for group in some] == [((1000, 1001),), ((2000, 2002),), ((8000, 8008),)]
    assert lines(*rules, most=8) == (every, 0)


def test_published_ports_and_this_hosts_addresses_together():
    nat = chain("nat", (match("tcp dport", 8080), dnat(CONTAINER[4], 80, family="ip")), hook="prerouting", kind="nat", priority=-100)
    (line,), _ = lines(more=[nat])
    assert ports(line) == {TCP: ((8080, 8080),)}
    (line,), _ = lines((match("ip daddr", "198.18.2.1"), match("tcp dport", 80), ACCEPT))
    assert line.accepted.v4


def test_only_the_ports_that_are_asked_about():
    (line,), _ = lines(ACCEPT, ports={TCP: PortSet.of([PortRange(22, 22), PortRange(80, 90)])})
    assert ports(line) == {TCP: ((22, 22), (80, 90))}


@pytest.mark.parametrize("rules", [
    [(match("tcp dport", 22), OFFICE, ACCEPT)], [(match("ip daddr", "198.18.2.1"), match("tcp dport", 80), ACCEPT)], [(match("tcp dport", 22), Limit(1, "hour"), ACCEPT)],
    [(match("meta iifname", "eth2"), ACCEPT)], [(match("ip6 daddr", "fd00:2::1"), match("udp dport", 53), ACCEPT)], [(OFFICE, DROP), (match("tcp dport", 80), ACCEPT)],
])  # fmt: skip
def test_a_witness_of_a_line_gets_in_or_may(rules):
    found, _ = lines(*rules)
    assert found
    for group in found:
        passage = trace(ruleset(chain("in", *rules, hook="input", policy="drop")), NET, group.witness)
        assert passage.outcome is (Outcome.ACCEPT if group.accepted else Outcome.MAYBE)
        spans = dict(group.ports)[group.witness.transport]
        assert any(first <= group.witness.port <= last for first, last in spans)
