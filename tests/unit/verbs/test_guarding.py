"""How endpoints stand, from surveys and networks as values."""

import pytest

from portulan.model.address import exposure_of, pack_address
from portulan.model.chart import Endpoint, Socket, State
from portulan.model.network import Address, Link, Network, Route
from portulan.model.port import PortClass, Transport
from portulan.model.rule import Field, Match, Members, Rule, Spans, Verdict, VerdictKind
from portulan.model.ruleset import Base, Chain, Ruleset, Table
from portulan.model.standing import Grant, Senders, Standing
from portulan.verbs.guarding import Guard, Space, is_multicast, only_by, parse

LO = Link(1, "lo", "loopback", type=772, addresses=((Address(4, 0x7F000001), 8), (Address(6, 1), 128)))
ETH = Link(2, "eth0", addresses=((Address(4, 0xC6120001), 24), (Address(6, (0xFD00 << 112) + 1), 64)))
ROUTES = (
    Route(4, 0, 0, links=("eth0",)),
    Route(4, 0xC6120000, 24, links=("eth0",)),
    Route(4, 0xC6120001, 32, "local", ("eth0",), table=255),
    Route(4, 0x7F000000, 8, "local", ("lo",), table=255),
    Route(6, 0, 0, links=("eth0",)),
    Route(6, (0xFD00 << 112) + 1, 128, "local", ("eth0",), table=255),
    Route(6, 1, 128, "local", ("lo",), table=255),
)
NETWORK = Network(1, (LO, ETH), ROUTES)
DOOR_22 = Rule(7, (Match(Field("tcp", "dport"), Members(spans=Spans((22,), (22,)))), Verdict(VerdictKind.ACCEPT)))
LOOPBACK = Rule(6, (Match(Field("meta", "nfproto"), Members(spans=Spans((10,), (10,)))), Verdict(VerdictKind.ACCEPT)))
RULES = Ruleset(
    tables=(Table("inet", "f"),), chains=(Chain("inet", "f", "in", (DOOR_22,), Base("filter", "input", 0, VerdictKind.DROP)),)
)  # fmt: skip
V6 = RULES._replace(chains=(RULES.chains[0]._replace(rules=(LOOPBACK,)),))


def endpoint(address, port=22, *, v6_only=None, device=None, transport=Transport.TCP, netns=1, state=State.LISTENING):
    sockets = (Socket(1, 1, v6_only=v6_only, device=device),)
    return Endpoint(
        transport, port, address, PortClass.SYSTEM, None, state, exposure_of(pack_address(address)), netns=netns, sockets=sockets
    )


def guard(rules):
    made = Guard()
    made.spaces[1] = Space(rules, NETWORK, None)
    return made


def wide(rules, *items):
    made = guard(rules)
    return [None if item.reach is None else item.reach.wide for item in made.stand(items)]


def test_without_rules_the_address_tells():
    items = [endpoint(address) for address in ("0.0.0.0", "127.0.0.1", "::1", "198.18.0.1", "fd00::1", "::ffff:127.0.0.1")]
    assert wide(None, *items) == ["everyone", "this-host", "this-host", "everyone", "everyone", "this-host"]


def test_rules_tell_port_by_port():
    assert wide(RULES, endpoint("0.0.0.0"), endpoint("0.0.0.0", 23), endpoint("127.0.0.1"), endpoint("0.0.0.0", 22, transport=Transport.UDP)) == [
        "everyone", "nobody", "this-host", "nobody",
    ]  # fmt: skip


def test_an_ipv6_wildcard_takes_ipv4_unless_it_says_not():
    both, alone = endpoint("::", v6_only=False), endpoint("::", v6_only=True)
    standings = [item.reach for item in guard(V6).stand([both, alone, endpoint("0.0.0.0")])]
    assert [senders.version for senders in standings[0].sure] == [6]
    assert [senders.version for senders in standings[1].sure] == [None]
    assert standings[2].wide == "nobody"


def test_endpoints_of_one_port_are_one_door():
    made = guard(V6)
    assert made.together([endpoint("0.0.0.0"), endpoint("::", v6_only=True)]).sure == (Senders("everyone", version=6),)
    assert made.together([endpoint("127.0.0.1"), endpoint("198.18.0.1")]).wide == "nobody"
    assert made.together([endpoint("0.0.0.0")]).wide == "nobody"
    assert made.together([endpoint("0.0.0.0", netns=2), endpoint("::", netns=2)]) is None


def test_what_is_not_known_is_not_told():
    assert (
        wide(
            RULES, endpoint("0.0.0.0", netns=2), endpoint("0.0.0.0", transport=Transport.DCCP), endpoint("0.0.0.0", state=State.ESTABLISHED)
        )
        == [None] * 3
    )
    made = guard(RULES)
    assert made.stand([endpoint("224.0.0.251", 5353, transport=Transport.UDP)])[0].reach is None
    assert [gap.code for gap in made.gaps] == ["reach.group"]


def test_a_socket_bound_to_an_interface_is_reached_by_that_one():
    (found,) = guard(None).stand([endpoint("0.0.0.0", device="lo")])
    assert (found.reach.wide, found.reach.sure) == ("this-host", (Senders("this-host"),))
    (found,) = guard(None).stand([endpoint("0.0.0.0", device="eth0")])
    assert found.reach.sure == (Senders("everyone", links=("eth0",)),)


@pytest.mark.parametrize(
    ("devices", "sure", "links"),
    [(("eth0",), (Senders("everyone", links=("eth0",)),), [("eth0",)]), (("wg0",), (), []), (("lo",), (Senders("this-host"),), [("lo",)])],
)
def test_only_by_some_interfaces(devices, sure, links):
    grants = tuple(Grant("accept", (), each, None, "input") for each in (("eth0", "eth1"), ("lo",)))
    found = only_by(Standing("everyone", (Senders("everyone", links=("eth0", "eth1")), Senders("this-host")), (), grants), devices)
    assert found.sure == sure
    assert [grant.links for grant in found.grants] == links


def test_addresses_are_understood():
    assert parse("::ffff:10.0.0.1") == Address(4, 0x0A000001)
    assert parse("fe80::1") == Address(6, (0xFE80 << 112) + 1)
    assert [is_multicast(parse(text)) for text in ("224.0.0.1", "ff02::1", "223.0.0.1", "fe80::1")] == [True, True, False, False]
