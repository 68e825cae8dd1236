"""The firewall as a whole."""

import pytest

from audit_samples import (
    ACCEPT,
    DEFAULT_DROP,
    DROP,
    ESTABLISHED,
    GLOBAL,
    RULE,
    TCP,
    UDP,
    access,
    base,
    chain,
    door,
    endpoint,
    facts,
    ids,
    interface,
    is_in,
    net,
    network,
    rule,
    ruleset,
    spans,
    verdict,
)
from portulan.audit.chains import find_firewall
from portulan.audit.facts import Door, only_outgoing
from portulan.audit.find import find_all, find_unjudged
from portulan.audit.icmp6 import NEEDS, find_icmp6
from portulan.audit.published import find_published, named_ports, published_ports
from portulan.audit.reverse import find_empty_doors, find_useless, useless_rules
from portulan.guard.reach import place_of
from portulan.model.finding import Doubt, Evidence, Level
from portulan.model.network import Link
from portulan.model.reach import Outcome, Reached, Way
from portulan.model.rule import Choose, Element, Field, Limit, Lookup, Match, Members, Named, Opaque, Range, Reject, Translate, VerdictKind
from portulan.model.ruleset import NamedSet, Table

JUMP = VerdictKind.JUMP
OPEN = ruleset(base(rule(is_in("tcp", "dport", 23), verdict(DROP))))


def found(rules, *doors, **more):
    return list(find_firewall(facts(*doors, ruleset=rules, **more)))


@pytest.mark.parametrize("rules", [
    ruleset(),
    ruleset(base()),
    ruleset(base(rule(is_in("tcp", "dport", 22), verdict(ACCEPT)))),
    ruleset(base(policy=DROP, hook="forward")),
    ruleset(base(rule(Translate("dnat")), hook="prerouting", kind="nat", policy=DROP)),
    ruleset(base(policy=DROP))._replace(tables=(Table("inet", "filter", dormant=True),)),
    ruleset(chain("unused", rule(verdict(DROP)))),
    ruleset(base(rule(Opaque("x", "aside"), Opaque("y", "xt-match")))),
    ruleset(base(policy=DROP, family="arp")),
])  # fmt: skip
def test_no_firewall_at_all(rules):
    assert ids(found(rules)) == ["firewall.none"]


def test_a_first_firewall_lets_in_what_is_in_use_and_ssh_first():
    (one,) = found(ruleset(), door(443), door(22, name="sshd"), door(3389), door(631, wide="this-host"), door(80, wide="networks"))
    assert one.fixes[0].command == "apt install ufw && ufw allow 22/tcp && ufw allow 443/tcp && ufw enable"
    assert one.evidence[0].code == "firewall.no-table"
    assert found(ruleset(base()))[0].evidence[0].facts == {"tables": "inet filter"}


def test_rules_that_were_not_read_whole_are_not_called_none():
    assert found(ruleset(incomplete=(("legacy.forbidden", "ip"),))) == []
    assert [*find_firewall(facts(ruleset=None))] == []


@pytest.mark.parametrize("rules", [
    DEFAULT_DROP,
    ruleset(base(rule(ESTABLISHED, verdict(ACCEPT)), rule(Reject("icmpx")))),
    ruleset(base(rule(verdict(JUMP, "last"))), chain("last", rule(verdict(DROP)))),
    ruleset(base(policy=DROP, hook="prerouting")),
    ruleset(base(rule(interface("lo", negated=True), verdict(DROP)))),
    ruleset(base(rule(Choose(Field("meta", "iifname"), Members(elements=(Element((), verdict(DROP), wildcard=True),)))))),
])  # fmt: skip
def test_what_no_rule_names_is_refused(rules):
    assert found(rules) == []


def test_what_no_rule_names_is_let_in():
    (one,) = found(OPEN, door(22, name="sshd"), door(443))
    assert (one.id, one.level, one.doubt, one.facts["versions"]) == ("firewall.default-accept", Level.WARNING, None, "IPv4 IPv6")
    assert [each.code for each in one.evidence] == ["chain.policy", "chain.example"]
    command = one.fixes[0].command
    assert command.index("established") < command.index("tcp dport") < command.index("policy drop")
    assert "22, 443" in command


def test_where_it_cannot_be_known_it_is_said():
    (one,) = found(ruleset(base(rule(Limit(3, "minute"), verdict(DROP)))))
    assert one.doubt is Doubt.DEPENDS
    assert found(OPEN._replace(incomplete=(("nft.changing", ""),))) == []  # told among what was not judged


def test_ipv6_that_was_forgotten():
    (one,) = found(ruleset(base(policy=DROP, family="ip", name="INPUT")))
    assert (one.id, one.level) == ("ipv6.default-accept", Level.ERROR)
    assert one.fixes[0].command.startswith("ip6tables -A INPUT")
    assert found(ruleset(base(policy=DROP, family="ip")), network=network("8.8.8.8/24")) == []  # there is no IPv6
    both = ruleset(
        base(policy=DROP, family="ip", name="INPUT"), base(rule(is_in("tcp", "dport", 9), verdict(DROP)), family="ip6", name="INPUT")
    )
    assert ids(found(both)) == ["ipv6.default-accept"]


@pytest.mark.parametrize(("maker", "beginning"), [
    (base(rule(is_in("tcp", "dport", 9), verdict(DROP)), name="ufw-x"), "ufw default deny"),
    (base(rule(is_in("tcp", "dport", 9), verdict(DROP)), table="firewalld"), "firewall-cmd"),
    (base(rule(is_in("tcp", "dport", 9), verdict(DROP)), table="legacy:filter", name="INPUT", family="ip"), "iptables-legacy -A"),
    (base(rule(is_in("tcp", "dport", 9), verdict(DROP)), hook="prerouting"), "apt install ufw"),
])  # fmt: skip
def test_refusing_by_default_in_the_words_of_who_made_the_rules(maker, beginning):
    (one,) = found(ruleset(maker), network=network("8.8.8.8/24"))
    assert one.fixes[0].command.startswith(beginning)


def test_two_firewalls_at_once():
    legacy = base(rule(verdict(DROP)), table="legacy:filter", family="ip", name="INPUT")
    assert "firewall.two" in ids(found(ruleset(legacy, base(policy=DROP))))
    assert "firewall.two" not in ids(found(ruleset(legacy, base())))
    assert "firewall.two" not in ids(found(ruleset(base(table="legacy:filter", family="ip"), base(policy=DROP))))


# --- ICMPv6 ---


def blocked(*chains, **more):
    return [(one.facts["why"], one.facts["types"], one.doubt) for one in find_icmp6(facts(ruleset=ruleset(*chains), **more))]


NEIGHBOURS = is_in("icmpv6", "type", (133, 136))


def test_rules_that_let_in_what_ipv6_needs():
    assert blocked() == []
    assert blocked(*DEFAULT_DROP.chains) == []
    tracked = base(rule(ESTABLISHED, verdict(ACCEPT)), rule(NEIGHBOURS, is_in("ip6", "hoplimit", 255), verdict(ACCEPT)), policy=DROP)
    assert blocked(tracked) == []
    near = base(rule(ESTABLISHED, verdict(ACCEPT)), rule(net("ip6", "saddr", "fe80::/10"), NEIGHBOURS, verdict(ACCEPT)), policy=DROP)
    assert blocked(near) == []


def test_rules_that_drop_it():
    assert [why for why, _, _ in blocked(base(policy=DROP))] == ["errors", "path-mtu", "routers", "neighbours"]
    assert blocked(base(rule(ESTABLISHED, verdict(ACCEPT)), policy=DROP)) == [
        ("routers", "nd-router-advert", None), ("neighbours", "nd-neighbor-solicit, nd-neighbor-advert", None),
    ]  # fmt: skip
    untracked = base(rule(ESTABLISHED, verdict(ACCEPT)), rule(is_in("ct", "state", 64), verdict(ACCEPT)), policy=DROP)
    assert blocked(untracked) == []
    too_big = base(rule(is_in("icmpv6", "type", 2), verdict(DROP)))
    assert blocked(too_big) == [("path-mtu", "packet-too-big", None)]
    out = base(rule(is_in("icmpv6", "type", 136), verdict(DROP)), hook="output")
    assert blocked(out) == [("neighbours", "nd-neighbor-advert", None)]
    raw = base(rule(is_in("icmpv6", "type", 135), verdict(DROP)), hook="prerouting", priority=-300, family="ip6")
    assert blocked(raw) == [("neighbours", "nd-neighbor-solicit", None)]
    assert blocked(base(policy=DROP, family="ip")) == []


def test_icmp6_where_it_depends():
    assert blocked(base(rule(is_in("icmpv6", "type", 2), Limit(3, "second", over=True), verdict(DROP)))) == [
        ("path-mtu", "packet-too-big", Doubt.DEPENDS)
    ]


def test_icmp6_is_not_judged_where_there_is_none_or_it_cannot_be():
    assert blocked(base(policy=DROP), network=network("8.8.8.8/24")) == []
    assert blocked(base(policy=DROP), network=None) == []
    assert [*find_icmp6(facts(ruleset=None))] == []
    down = GLOBAL._replace(links=tuple(link._replace(up=False) for link in GLOBAL.links))
    assert blocked(base(policy=DROP), network=down) == []


def test_one_interface_is_enough():
    eth1 = Link(3, "eth1", addresses=GLOBAL.links[1].addresses)
    inside = GLOBAL._replace(links=(*GLOBAL.links, eth1))
    (one,) = find_icmp6(facts(ruleset=ruleset(base(rule(interface("eth1"), is_in("icmpv6", "type", 2), verdict(DROP)))), network=inside))
    assert one.evidence[0].facts == {"types": "packet-too-big", "links": "eth1"}
    assert one.key == "icmp6.blocked:path-mtu"


def test_the_way_out_of_blocked_icmp6():
    (one,) = find_icmp6(facts(ruleset=ruleset(base(rule(is_in("icmpv6", "type", 2), verdict(DROP))))))
    assert one.fixes[0].command == "nft insert rule inet filter input 'icmpv6 type { packet-too-big } accept'"
    (one,) = find_icmp6(facts(ruleset=ruleset(base(rule(is_in("icmpv6", "type", 2), verdict(DROP)), family="ip6", name="INPUT"))))
    assert one.fixes[0].command == "ip6tables -I INPUT -p ipv6-icmp --icmpv6-type 2 -j ACCEPT"
    assert {need.type for need in NEEDS} == {1, 2, 3, 4, 134, 135, 136}


# --- published ports ---

DNAT = rule(is_in("tcp", "dport", 8080), Translate("dnat", "ip", Range(0xAC110002, 0xAC110002), Range(80, 80)), handle=10)
DOCKER = (base(DNAT, hook="prerouting", kind="nat", family="ip", table="nat", name="DOCKER"), base(policy=DROP))
PASSED = Reached(TCP, 8080, (access(way=Way.FORWARD, target="172.17.0.2:80"), access(links=("lo",))), "everyone")


def test_published_ports():
    (one,) = published_ports(ruleset(*DOCKER))
    assert (one.transport, one.port, one.target, one.place.handle) == (TCP, 8080, "172.17.0.2:80", 10)
    six = rule(is_in("udp", "dport", (53, 54)), Translate("dnat", "ip6", Range(1, 1)))
    assert [(one.transport, one.port, one.target) for one in published_ports(ruleset(base(six, family="inet")))] == [
        (UDP, 53, "::1"),
        (UDP, 54, "::1"),
    ]
    assert published_ports(ruleset(base(DNAT, family="bridge"))) == ()


@pytest.mark.parametrize(("statements", "wanted"), [
    ((is_in("tcp", "dport", 22, 80),), ((TCP, 22), (TCP, 80))),
    ((is_in("th", "dport", 53),), ((TCP, 53), (UDP, 53))),
    ((is_in("meta", "l4proto", 17), is_in("th", "dport", 53)), ((UDP, 53),)),
    ((is_in("meta", "l4proto", 17, negated=True), is_in("th", "dport", 53)), ()),
    ((is_in("tcp", "dport", 22, negated=True),), ()),
    ((is_in("tcp", "dport", (1, 65535)),), ()),
    ((Match(Field("tcp", "dport"), Named("s")),), ((TCP, 7), (TCP, 9))),
    ((Match(Field("tcp", "dport"), Named("u")),), ()),
    ((Match(Field("tcp", "dport"), Named("gone")),), ()),
    ((Translate("dnat", address=Lookup(Field("tcp", "dport"), Members(elements=(Element((Range(80, 80),), (Range(1, 1),)),)))),), ((TCP, 80),)),
    ((Translate("dnat", address=Lookup(Field("tcp", "dport"), Members(elements=(Element((), (Range(1, 1),), wildcard=True),)))),), ()),
    ((Translate("dnat", address=Lookup(Field("ip", "saddr"), Named("s"))),), ()),
    ((is_in("sctp", "dport", 22),), ()),
    ((), ()),
])  # fmt: skip
def test_the_ports_that_a_rule_names(statements, wanted):
    numbers = NamedSet("inet", "filter", "s", ("inet_service",), spans(7, 9))
    unread = NamedSet("inet", "filter", "u", ("inet_service",))
    rules = ruleset(base(), sets={("inet", "filter", each.name): each for each in (numbers, unread)})
    assert named_ports(rule(*statements), rules.chains[0], rules) == wanted


def test_published_past_the_firewall():
    (one,) = find_published(facts(Door(TCP, 8080, (), PASSED), ruleset=ruleset(*DOCKER)))
    assert (one.id, one.level, one.facts["target"]) == ("published.past-firewall", Level.ERROR, "172.17.0.2:80")
    assert [each.code for each in one.evidence] == ["sent-on", "let-in", "published.by", "published.input-denies"]
    assert one.fixes[0].command == "docker run -p 127.0.0.1:8080:80"


def test_published_as_the_firewall_says():
    assert not [*find_published(facts(Door(TCP, 8080, (), PASSED), ruleset=ruleset(DOCKER[0])))]  # the firewall lets it in here as well
    shut = Reached(TCP, 8080, (access(Outcome.DROP, way=Way.FORWARD), access(links=("lo",))), "this-host")
    assert not [*find_published(facts(Door(TCP, 8080, (), shut), ruleset=ruleset(*DOCKER)))]
    assert not [*find_published(facts(door(8080), ruleset=ruleset(*DOCKER)))]
    assert not [*find_published(facts(door(8080), ruleset=None))]


# --- rules ---


def test_a_rule_that_opens_nothing_is_not_said_to_open_a_port():
    opened = rule(is_in("tcp", "dport", 99), verdict(ACCEPT))
    rules = ruleset(base(opened))
    (one,) = find_empty_doors(facts(ruleset=rules))
    assert one.facts["ports"] == "99/tcp"
    assert [*find_empty_doors(facts(ruleset=rules, useless=(("shadowed", place_of(rules.chains[0], opened), {"by": "drop"}),)))] == []
    assert [*find_empty_doors(facts(ruleset=rules._replace(tables=(Table("inet", "filter", dormant=True),))))] == []
    assert [*find_empty_doors(facts(ruleset=ruleset(base(rule(interface("lo"), is_in("tcp", "dport", 99), verdict(ACCEPT))))))] == []
    assert [*find_empty_doors(facts(ruleset=ruleset(base(rule(interface("eth0"), is_in("tcp", "dport", 99), verdict(ACCEPT))))))] != []


def test_rules_that_open_a_port_on_which_nobody_listens():
    rules = ruleset(
        base(rule(is_in("tcp", "dport", 22, 80, (8000, 8010)), verdict(ACCEPT), handle=3), rule(verdict(JUMP, "side")), policy=DROP),
        chain("side", rule(net("ip", "saddr", "10.0.0.0/8"), is_in("udp", "dport", 5060), verdict(ACCEPT), handle=9)),
        base(rule(is_in("tcp", "dport", 5), verdict(ACCEPT)), hook="output"),
    )
    one, two = find_empty_doors(facts(door(22), door(80), ruleset=rules))
    assert (one.key, one.facts["ports"]) == ("rule.nobody-listens:8000/tcp", "8000-8010/tcp")
    assert one.fixes[0].command == "nft delete rule inet filter input handle 3"
    assert (two.facts["ports"], two.level) == ("5060/udp", Level.INFO)


@pytest.mark.parametrize("statements", [
    (is_in("udp", "dport", 68), verdict(ACCEPT)),
    (is_in("udp", "sport", 67), is_in("udp", "dport", 99), verdict(ACCEPT)),
    (net("ip", "daddr", "224.0.0.251/32"), is_in("udp", "dport", 5353), verdict(ACCEPT)),
    (is_in("tcp", "dport", (1, 1000)), verdict(ACCEPT)),
    (is_in("tcp", "dport", 99), verdict(DROP)),
    (is_in("tcp", "dport", 99),),
    (),
])  # fmt: skip
def test_rules_that_open_nothing_of_a_server(statements):
    assert [*find_empty_doors(facts(ruleset=ruleset(base(rule(*statements)))))] == []


def test_a_rule_for_both_versions_is_told_once_and_undone_in_its_makers_words():
    opened = rule(is_in("tcp", "dport", 99), verdict(ACCEPT))
    rules = ruleset(base(rule(verdict(JUMP, "ufw-user-input"))), chain("ufw-user-input", opened), chain("ufw6-user-input", opened))
    (one,) = find_empty_doors(facts(ruleset=rules))
    assert one.fixes[0].command == "ufw delete allow 99/tcp"
    narrow = rule(interface("eth0"), is_in("tcp", "dport", 99), verdict(ACCEPT))
    rules = ruleset(base(rule(verdict(JUMP, "ufw-user-input"))), chain("ufw-user-input", narrow))
    assert next(find_empty_doors(facts(ruleset=rules))).fixes[0].command == "ufw status numbered"
    legacy = ruleset(base(opened, table="legacy:filter", family="ip6", name="INPUT"))
    assert next(find_empty_doors(facts(ruleset=legacy))).fixes[0].command.startswith("ip6tables-legacy -t filter -L INPUT")
    zone = ruleset(base(opened, table="firewalld"))
    assert next(find_empty_doors(facts(ruleset=zone))).fixes[0].command == "firewall-cmd --list-all"
    assert [*find_empty_doors(facts(ruleset=None))] == []


def test_what_the_engine_proved_useless():
    (one, two) = find_useless(
        facts(
            useless=(("shadowed", RULE, {"by": "tcp dport 1-100 drop"}), ("redundant", RULE._replace(handle=None), {"by": "policy drop"}))
        )
    )
    assert (one.id, one.key) == ("rule.shadowed", "rule.shadowed:inet/filter/input/12")
    assert two.key == "rule.redundant:inet/filter/input/-"
    assert two.fixes == ()


def test_many_rules_useless_for_the_same_reason_are_told_as_one():
    alike = [("redundant", RULE._replace(handle=handle), {"by": "policy drop"}) for handle in (20, 21, 22, 23)]
    (one,) = find_useless(facts(useless=tuple(alike)))
    assert one.key == "rule.redundant:inet/filter/input/20"
    assert one.evidence[-1] == Evidence("useless.more", {"count": 3, "handles": "21, 22, 23"})
    assert len([*find_useless(facts(useless=tuple(alike[:3])))]) == 3
    legacy = [("shadowed", RULE._replace(handle=None), {"field": "meta l4proto"})] * 4
    (one,) = find_useless(facts(useless=tuple(legacy)))
    assert [each.code for each in one.evidence] == ["useless.rule", "useless.impossible", "useless.more"]
    assert one.evidence[-1].facts["handles"] == "-"


def test_rules_to_no_effect_are_found_with_their_proof():
    rules = ruleset(
        base(
            rule(is_in("tcp", "dport", 22), verdict(ACCEPT)),
            rule(is_in("tcp", "dport", 22), verdict(DROP)),
            rule(is_in("tcp", "dport", 22), is_in("udp", "dport", 22), verdict(DROP)),
            policy=DROP,
        )
    )
    found = {kind: dict(proof) for kind, _, proof in useless_rules(rules)}
    assert found == {"shadowed": {"field": "meta l4proto"}}
    docker = ruleset(base(rule(is_in("tcp", "dport", 22), verdict(ACCEPT)), rule(verdict(ACCEPT)), name="DOCKER", policy=DROP))
    assert useless_rules(docker) == ()


# --- all together ---


def test_chains_that_only_what_leaves_comes_through():
    rules = ruleset(base(rule(verdict(JUMP, "a")), hook="output"), base(rule(verdict(JUMP, "b"))), chain("a"), chain("b"), chain("c"))
    assert only_outgoing(rules) == {("inet", "filter", "output"), ("inet", "filter", "a")}


def test_the_worst_comes_first_and_each_once():
    found_ = find_all(facts(door(22, name="sshd"), door(5432), door(3389), ruleset=OPEN))
    assert ids(found_)[:3] == ["open.remote-desktop", "open.database", "firewall.default-accept"]
    assert found_[-1].id == "ssh.famous-port"
    assert len({one.key for one in found_}) == len(found_)


def test_what_was_not_judged_is_said():
    unseen = door(80, owners=None)
    broken = ruleset(incomplete=(("nft.changing", ""),), opaque=("{}",))
    said = {one.code: dict(one.facts) for one in find_unjudged(facts(unseen, door(81, wide=None), ruleset=broken, network=None))}
    assert said == {
        "rules.incomplete": {"code": "nft.changing", "text": ""}, "rules.opaque": {"count": 1}, "reach.unknown": {"count": 1}, "holders.unseen": {"count": 1},
        "network.unread": {},
    }  # fmt: skip
    assert find_unjudged(facts(door(80))) == ()
    multicast = Door(UDP, 5353, (endpoint(5353, "224.0.0.251", UDP),), None)
    assert find_unjudged(facts(multicast)) == ()
