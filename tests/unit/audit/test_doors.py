"""Who gets to a port, and what is said of it."""

import pytest

from audit_samples import (
    ALL4,
    ALL6,
    GLOBAL,
    POLICY,
    RULE,
    TCP,
    UDP,
    access,
    base,
    door,
    endpoint,
    facts,
    ids,
    network,
    owner,
    reached,
    ruleset,
)
from policies import policy_of
from portulan.audit.cleartext import find_cleartext, pairs
from portulan.audit.doors import find_open, find_ssh, find_unreached
from portulan.audit.facts import Door, covers, holder_evidence, openness, private_only, reach_evidence
from portulan.audit.fixes import close_door
from portulan.audit.ipv6 import find_open_by_ipv6
from portulan.audit.risks import risk_of, risks
from portulan.audit.wanted import wanted_of
from portulan.model.chart import Socket
from portulan.model.finding import Doubt, Level
from portulan.model.reach import Outcome, Reached, Way
from portulan.text.risks import REASONS

MOST4 = ((2**24, 2**32 - 1 - 2**24),)


def wanted(text):
    return wanted_of(policy_of(text))


@pytest.mark.parametrize(("found", "word", "doubt"), [
    (door(22), "everyone", None),
    (door(22, wide="networks"), "networks", None),
    (door(22, wide="this-host"), "this-host", None),
    (door(22, wide="nobody"), "nobody", None),
    (door(22, wide="maybe"), "everyone", Doubt.DEPENDS),
    (door(22, wide=Reached(TCP, 22, (access(Outcome.MAYBE, v4=((5, 9),), v6=()),), "maybe")), "networks", Doubt.DEPENDS),
    (door(22, wide=Reached(TCP, 22, (access(v4=MOST4, v6=()), access(Outcome.DROP)), "networks")), "everyone", None),  # all but a ban list
    (door(22, wide=Reached(TCP, 22, (access(v4=((5, 9),), v6=()), access(Outcome.MAYBE)), "networks")), "everyone", Doubt.DEPENDS),
    (door(22, wide=Reached(UDP, 22, (access(),), "networks"), routed=False), "networks", None),  # no way to the internet
    (door(22, wide=None), "everyone", Doubt.UNREAD),
    (door(22, wide=None, address="127.0.0.1"), "this-host", None),
    (door(22, wide=None, address="10.0.0.1"), "networks", Doubt.UNREAD),
    (door(22, wide="unknown", address="8.8.8.8"), "everyone", Doubt.UNREAD),
])  # fmt: skip
def test_how_far_a_door_is_open(found, word, doubt):
    assert openness(found) == (word, doubt)


def test_the_share_of_the_internet():
    half = Reached(TCP, 1, (access(v4=((0, 0x70800000 - 1),), v6=()), access(v4=((0x70000000, 0x70800000),), v6=())), "networks")
    assert covers(half, 4) == pytest.approx(0.5, abs=0.01)
    assert covers(half, 6) == 0
    assert covers(Reached(TCP, 1, (access(links=("lo",)),), "this-host"), 4) == 0
    assert covers(Reached(TCP, 1, (access(),), "everyone"), 6) == 1


def test_without_a_list_only_what_is_dangerous_is_found():
    found = list(find_open(facts(door(443), door(5432), door(3389), door(6379, wide="networks"), door(11211, wide="this-host"))))
    assert ids(found) == ["open.database", "open.remote-desktop"]
    assert [one.key for one in found] == ["open.database:5432/tcp", "open.remote-desktop:3389/tcp"]
    assert found[0].level is Level.ERROR
    assert [(one.code, one.facts.get("text")) for one in found[0].evidence] == [("listens", None), ("let-in", "tcp dport 22 accept")]
    assert found[0].subject.addresses == ("0.0.0.0",)


def test_what_may_be_open_is_said_with_the_doubt():
    (found,) = find_open(facts(door(5432, wide=None)))
    assert (found.doubt, found.evidence[-1].code) == (Doubt.UNREAD, "reach.unread")
    (found,) = find_open(facts(door(5432, wide="maybe")))
    assert (found.doubt, found.evidence[-1].code) == (Doubt.DEPENDS, "reach.depends")
    unknown = Reached(TCP, 5432, (access(Outcome.MAYBE),), "maybe")
    assert reach_evidence(door(5432, wide=unknown))[-1].code == "reach.depends-unknown"


def test_with_a_list_all_that_is_not_on_it_is_found():
    by = wanted('[doors]\nhttps = "everyone"\n5432 = "10.0.0.0/8"\n"8000-8010/tcp" = "this-host"\n')
    found = list(find_open(facts(door(443), door(5432), door(3389), door(8005), door(9999), door(9998, wide="networks"), wanted=by)))
    assert ids(found) == ["open.wider", "open.remote-desktop", "open.wider", "open.unwanted"]
    assert found[0].facts["sources"] == "10.0.0.0/8"
    assert found[0].evidence[-1].facts["line"] == 3
    assert found[1].fixes[-1].command == '"3389/tcp" = "everyone"'


def test_what_is_wanted_is_not_found_however_dangerous():
    assert list(find_open(facts(door(5432), wanted=wanted('[doors]\npostgresql = "everyone"\n')))) == []


def test_the_program_counts_for_more_than_the_number():
    assert risk_of(door(9000)).key == "fastcgi"
    assert risk_of(door(9000, name="nginx")) is None
    assert risk_of(door(7777, name="redis-server")).key == "redis"
    assert risk_of(door(3306, name="mysqld")).key == "mysql"
    assert risk_of(door(11211, transport=UDP)).id == "open.reflector"
    assert risk_of(door(7777)) is None
    deleted = owner("main", executable="/usr/bin/mongod (deleted)")
    assert risk_of(door(4000, owners=(deleted,))).key == "mongodb"


def test_every_risk_has_a_reason_and_every_reason_a_risk():
    assert {one.key for one in risks()} == set(REASONS)


def test_the_way_out_is_in_the_words_of_who_made_the_rules():
    def ways(*chains):
        return [one.command for one in close_door(door(5432), facts(ruleset=ruleset(*chains)))]

    assert ways(base(name="ufw-before-input"))[0] == "ufw deny 5432/tcp"
    assert ways(base(table="firewalld"))[0].startswith("firewall-cmd --permanent --add-rich-rule")
    assert ways(base(name="in put"))[0] == "nft insert rule inet filter 'in put' iifname != lo tcp dport 5432 drop"
    assert ways(base(name="INPUT", family="ip"))[0].startswith("iptables -I INPUT ! -i lo -p tcp --dport 5432 -j DROP && ip6tables")
    assert ways(base(name="INPUT", family="ip", table="legacy:filter"))[0].startswith("iptables-legacy -I INPUT")
    assert ways(base(table="portulan"))[0].startswith("portulan guard close")
    assert ways() == ["systemctl stop server.service"]
    contained = door(5432, owners=(owner(container="docker:db", unit=None),))
    assert [one.command for one in close_door(contained, facts())] == ["docker run -p 127.0.0.1:5432:…", "docker stop db"]
    plain = door(5432, owners=(owner(unit=None),))
    assert [one.command for one in close_door(plain, facts(ruleset=ruleset()))] == ["portulan stop 5432/tcp"]


@pytest.mark.parametrize("maker", ["none", "ufw", "firewalld", "nft", "iptables", "legacy", "portulan"])
def test_the_move_of_ssh_opens_the_new_port_before_it_shuts_the_old(maker):
    chains = {
        "none": (), "ufw": (base(name="ufw-x"),), "firewalld": (base(table="firewalld"),), "nft": (base(),), "iptables": (base(name="INPUT", family="ip"),),
        "legacy": (base(name="INPUT", family="ip", table="legacy:filter"),), "portulan": (base(table="portulan"),),
    }  # fmt: skip
    (found,) = find_ssh(facts(door(22, name="sshd"), ruleset=ruleset(*chains[maker])))
    codes = [one.code for one in found.fixes]
    steps = ["ssh.choose", "ssh.configure", "ssh.open", "ssh.test", "ssh.leave", "ssh.close"]
    assert codes == [step for step in steps if maker != "none" or step not in ("ssh.open", "ssh.close")]
    assert found.level is Level.INFO
    if maker == "portulan":  # a rule of its own would be gone when the policy is applied again
        assert {one.command.partition(" $")[0] for one in found.fixes if one.code in ("ssh.open", "ssh.close")} == {
            "portulan guard open", "portulan guard close 22/tcp && portulan guard apply",
        }  # fmt: skip


def test_ssh_elsewhere_or_not_for_everyone_or_something_else_is_no_finding():
    assert not [*find_ssh(facts(door(2222, name="sshd"), door(22, name="sshd", wide="networks"), door(22, name="other", transport=UDP)))]
    assert not [*find_ssh(facts(door(22, name="honeypot")))]
    assert [*find_ssh(facts(door(22, name="x", service="ssh")))]


def test_listeners_that_nobody_reaches():
    found = list(
        find_unreached(
            facts(door(80, wide="this-host"), door(81, wide="nobody"), door(82, wide="this-host", address="127.0.0.1"), door(83))
        )
    )
    assert [one.key for one in found] == ["door.unreached:80/tcp", "door.unreached:81/tcp"]


# --- in the clear ---


@pytest.mark.parametrize(("doors", "wanted_ids"), [
    ((door(80),), ["cleartext.http"]),
    ((door(80), door(443)), []),
    ((door(80), door(443, wide="this-host")), ["cleartext.http"]),
    ((door(80, wide="this-host"),), []),
    ((door(23), door(22)), ["cleartext.telnet"]),
    ((door(21),), ["cleartext.ftp"]),
    ((door(513), door(514)), ["cleartext.login", "cleartext.login"]),
    ((door(143), door(110), door(995)), ["cleartext.mail"]),
    ((door(80, transport=UDP),), []),
])  # fmt: skip
def test_what_speaks_in_the_clear(doors, wanted_ids):
    assert ids(find_cleartext(facts(*doors))) == wanted_ids


def test_in_the_networks_beside_us_it_is_less_bad():
    assert [one.level for one in find_cleartext(facts(door(23), door(80)))] == [Level.ERROR, Level.WARNING]
    assert [one.level for one in find_cleartext(facts(door(23, wide="networks"), door(80, wide="networks")))] == [Level.WARNING, Level.INFO]


def test_a_web_server_gets_its_own_certificate_command():
    (found,) = find_cleartext(facts(door(80, name="nginx")))
    assert found.fixes[0].command == "apt install certbot && certbot --nginx"
    assert {pair.key for pair in pairs()} == {"telnet", "login", "ftp", "http", "mail", "ldap", "mqtt", "amqp", "irc", "sip"}


# --- IPv6 ---

SHUT4 = (access(v4=(), v6=ALL6), access(Outcome.DROP, v4=ALL4, v6=(), rule=POLICY), access(links=("lo",)))


def both(*accesses):
    item = endpoint(80, "::")._replace(sockets=(Socket(1, 1, v6_only=False),))
    return Door(TCP, 80, (item,), Reached(TCP, 80, accesses, "everyone"))


def test_a_door_that_only_ipv4_shuts():
    (found,) = find_open_by_ipv6(facts(both(*SHUT4)))
    assert (found.id, found.level) == ("ipv6.open", Level.ERROR)


def test_doors_that_are_meant_so_or_not_reachable_by_ipv6():
    assert not [*find_open_by_ipv6(facts(both(access(), access(links=("lo",)))))]  # open to both
    assert not [*find_open_by_ipv6(facts(both(*SHUT4), network=network("8.8.8.8/24", "fe80::1/64")))]  # no address to be reached at
    only = Door(TCP, 80, (endpoint(80, "::")._replace(sockets=(Socket(1, 1, v6_only=True),)),), Reached(TCP, 80, SHUT4, "everyone"))
    assert not [*find_open_by_ipv6(facts(only))]
    unasked = both(access(v4=(), v6=ALL6), access(Outcome.DROP, v4=ALL4, v6=(), rule=RULE._replace(family="kernel")))
    assert not [*find_open_by_ipv6(facts(unasked))]  # the kernel itself turns them away: nobody asks by IPv4 here


def test_private_networks():
    assert private_only(network("10.0.0.4/24", "fd00::1/64"))
    assert not private_only(GLOBAL)
    assert not private_only(None)
    assert not private_only(network())


def test_evidence_names_the_holder_as_far_as_it_is_seen():
    unseen = door(22, owners=None)
    assert holder_evidence(unseen)[0].code == "listens.unseen"
    kernel = Door(UDP, 4789, (endpoint(4789, transport=UDP, owners=())._replace(held_by_kernel="vxlan vx0"),))
    assert holder_evidence(kernel)[0].facts == {"what": "vxlan vx0", "addresses": "0.0.0.0"}
    assert holder_evidence(Door(TCP, 8080)) == []


def test_rules_for_what_leaves_let_nobody_in():
    way = access(rule=RULE._replace(chain="ufw-before-output", hook=None))
    found = Door(TCP, 22, (endpoint(22),), reached(22, "everyone", TCP, way))
    assert [one.code for one in reach_evidence(found)] == ["let-in"]
    assert reach_evidence(found, frozenset({("inet", "filter", "ufw-before-output")})) == []
    target = access(way=Way.FORWARD, target="172.17.0.2:80")
    assert [one.code for one in reach_evidence(Door(TCP, 80, (), reached(80, "everyone", TCP, target)))] == ["sent-on", "let-in"]
