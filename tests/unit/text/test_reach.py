"""Reach in words."""

import pytest

from portulan.model.address import exposure_of, pack_address
from portulan.model.chart import Endpoint, State
from portulan.model.doors import Door
from portulan.model.network import Address
from portulan.model.port import PortClass, Transport
from portulan.model.reach import Outcome, Packet, Passage, Place, Step, Way
from portulan.model.standing import Grant, Senders, Standing, UnreadSet
from portulan.text.chart import reached_by
from portulan.text.reach import close_it, deciding, headline, networks, place, rows, target, warning, way, who
from portulan.text.voice import Voice

SSH = Place("inet", "filter", "input", 12, "tcp dport 22 accept", "input")
UFW = Place("ip", "filter", "ufw-user-input", 40, "-A ufw-user-input -p tcp --dport 8080 -j DROP", "input", "ufw")
EVERYONE, HERE = Senders("everyone"), Senders("this-host")
OFFICE = Senders("networks", ("203.0.113.0/24",))


def say(standing, most=3):
    return who(Voice(), standing, most)


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        (None, "?"),
        (Standing("nobody"), "nobody"),
        (Standing("everyone", (EVERYONE,)), "everyone"),
        (Standing("this-host", (HERE,)), "this host"),
        (Standing("networks", (OFFICE,)), "203.0.113.0/24"),
        (Standing("everyone", (Senders("everyone", but=("10.0.0.0/8",)),)), "everyone except 10.0.0.0/8"),
        (Standing("everyone", (Senders("everyone", version=4),)), "everyone by IPv4"),
        (Standing("networks", (Senders("everyone", links=("eth1", "wg0")),)), "everyone on eth1, wg0"),
        (Standing("maybe", (), (EVERYONE,)), "perhaps everyone"),
        (Standing("maybe", (HERE,), (EVERYONE,)), "perhaps everyone"),
        (Standing("maybe", (OFFICE,), (EVERYONE,)), "203.0.113.0/24, perhaps everyone"),
        (Standing("maybe", (), (HERE,)), "perhaps this host"),
        (
            Standing("everyone", (EVERYONE,), unread=(UnreadSet("inet", "f", "ban", 100_000, "shut"),)),
            "everyone, except those in @ban (100,000 entries)",
        ),
        (
            Standing("everyone", (EVERYONE,), unread=(UnreadSet("inet", "f", "ban", None, "less"),)),
            "everyone, except some of those in @ban",
        ),
        (Standing("nobody", unread=(UnreadSet("inet", "f", "good", None, "more"),)), "nobody, and those in @good"),
        (Standing("nobody", unread=(UnreadSet("inet", "f", "x\x1b", None, "other"),)), "nobody; others for those in @x\\x1b"),
    ],
)
def test_who(standing, text):
    assert say(standing) == text


def test_long_lists_are_counted():
    names = [f"10.{at}.0.0/16" for at in range(9)]
    assert networks(Voice(), names, 3) == "10.0.0.0/16, 10.1.0.0/16, 7 more networks"
    assert networks(Voice(), names[:3], 3) == "10.0.0.0/16, 10.1.0.0/16, 10.2.0.0/16"
    assert networks(Voice(), ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "8.8.8.8"], 3) == "private networks, 8.8.8.8"


def test_rules_are_quoted_with_their_place():
    assert place(Voice(), SSH) == "inet filter input, handle 12:  tcp dport 22 accept"
    assert place(Voice(), UFW).startswith("ip filter ufw-user-input (made by ufw), handle 40:  -A ufw")
    assert place(Voice(), Place("kernel", "", "no-way-back", None, "")) == "the kernel: there is no route back to the sender"
    assert place(Voice(), Place("kernel", "", "odd", None, "")) == "the kernel: odd"


def grant(verdict, rule, links=("eth0",), to=None):
    return Grant(verdict, ("0.0.0.0/0",), links, rule, Way.INPUT, to)


def test_the_deciding_rule_is_that_of_those_who_get_in():
    kernel = Place("kernel", "", "no-way-back", None, "")
    assert deciding(Standing("everyone", grants=(grant(Outcome.ACCEPT, SSH), grant(Outcome.DROP, UFW)))) == SSH
    assert (
        deciding(Standing("nobody", grants=(grant(Outcome.ACCEPT, SSH, ("lo",)), grant(Outcome.DROP, kernel), grant(Outcome.DROP, UFW))))
        == UFW
    )
    assert deciding(Standing("everyone", grants=(grant(Outcome.ACCEPT, None),))) is None
    assert target(Standing("everyone", grants=(grant(Outcome.ACCEPT, None, to="172.17.0.2:80"),))) == "172.17.0.2:80"


PACKET = Packet(Transport.TCP, Address(4, 0xCB007109), Address(4, 0xC6336401), 8080, link="eth0")
NAT = Place("ip", "nat", "DOCKER", 7, "tcp dport 8080 dnat to 172.17.0.2:80", "prerouting", "docker")
PASSAGE = Passage(
    PACKET,
    Outcome.ACCEPT,
    Way.FORWARD,
    (
        Step(NAT, "jump", {"target": "DOCKER"}),
        Step(NAT, "dnat", {"address": "172.17.0.2", "port": 80}, depth=1),
        Step(None, "routed", {"way": "forward", "link": "docker0"}),
        Step(UFW, "accept", sure=False),
        Step(None, "strange\x1b"),
    ),
    destination=Address(4, 0xAC110002),
    port=80,
)


def test_a_passage_step_by_step():
    voice = Voice()
    assert headline(voice, PASSAGE) == "8080/tcp from 203.0.113.9, coming in by eth0: accepted."
    assert [row[3] for row in rows(voice, PASSAGE)] == ["goes to 172.17.0.2:80, not to this host", "goes on by docker0", "perhaps: accept"]
    assert [row[3] for row in rows(voice, PASSAGE, whole=True)][0::4] == ["go to DOCKER", "strange\\x1b"]
    assert way(voice, PASSAGE) == "(The input rules are never asked: the packet goes on to 172.17.0.2:80.)"
    assert way(voice, PASSAGE._replace(way=Way.INPUT)) is None
    assert (
        headline(voice, PASSAGE._replace(packet=PACKET._replace(link="lo"), outcome=Outcome.DROP))
        == "8080/tcp from this host (203.0.113.9): dropped."
    )


def test_the_case_in_which_a_firewall_is_not_asked():
    door = Door(Transport.TCP, 8080, (), None, None, None, None, None, published="172.17.0.2:80", shut_here=UFW)
    assert warning(Voice(), door) == "8080/tcp: ufw denies it, but the port is published to 172.17.0.2:80 before ufw is asked."
    assert close_it(Voice(), door) == "publish it on this host only:  -p 127.0.0.1:8080:80"
    assert warning(Voice(), door._replace(shut_here=None)) is None
    assert close_it(Voice(), door._replace(published=None)) is None


# --- who can get to a port that several endpoints make ---


def reached(*pairs):
    """What a line says of endpoints given as (address, standing)."""
    items = [
        Endpoint(Transport.TCP, 80, address, PortClass.SYSTEM, "http", State.LISTENING, exposure_of(pack_address(address)), reach=standing)
        for address, standing in pairs
    ]
    return reached_by(Voice(), items)


def open_to(*networks, shut=None):
    grants = [Grant(Outcome.ACCEPT, networks, ("eth0",), None, Way.INPUT)] if networks else []
    grants += [Grant(Outcome.DROP, ("0.0.0.0/0",), ("eth0",), shut, Way.INPUT)] if shut else []
    everyone = set(networks) & {"0.0.0.0/0", "::/0"}
    senders = Senders("everyone") if everyone else Senders("networks", networks)
    return Standing("everyone" if everyone else "networks" if networks else "nobody", (senders,) if networks else (), (), tuple(grants))


RULE, KERNEL = Place("ip", "f", "in", 1, "drop"), Place("kernel", "", "no-way-back", None, "")


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ((("0.0.0.0", open_to("0.0.0.0/0")), ("::", open_to("::/0"))), "everyone"),
        ((("0.0.0.0", open_to("0.0.0.0/0")), ("::", open_to("fe80::/64", shut=KERNEL))), "everyone"),
        ((("0.0.0.0", open_to("0.0.0.0/0")), ("::", open_to(shut=RULE))), "everyone by IPv4"),
        ((("0.0.0.0", open_to(shut=RULE)), ("::", open_to("::/0"))), "everyone by IPv6"),
        ((("0.0.0.0", open_to("10.0.0.0/8", shut=RULE)), ("::", open_to("fd00::/8", shut=RULE))), "10.0.0.0/8, fd00::/8"),
        ((("10.0.0.1", open_to("10.0.0.0/8", shut=RULE)), ("127.0.0.1", Standing("this-host", (Senders("this-host"),)))), "10.0.0.0/8"),
        (
            (("127.0.0.1", Standing("this-host", (Senders("this-host"),))), ("::1", Standing("this-host", (Senders("this-host"),)))),
            "this host",
        ),
        ((("0.0.0.0", None), ("::", open_to(shut=RULE))), "?"),
        ((("0.0.0.0", open_to(shut=RULE)),), "nobody"),
    ],
)
def test_who_can_get_to_several_endpoints_of_a_port(pairs, text):
    assert reached(*pairs) == text
