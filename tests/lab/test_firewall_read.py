"""Rules of real firewalls, read where they are: nft's own, what ufw and Docker make by iptables, iptables-legacy, and the kernel's say where nft errs."""

import os
import re
import subprocess
import time

import pytest

from firewalls import DOCKER, FIREWALLD, UFW, all_rules, listed_rules, load, opaque, read_there, run_all, start_firewalld
from portulan.errors import CannotTell, NotPermitted
from portulan.model.rule import Field, Match, Opaque, Range, Translate, Verdict, VerdictKind
from portulan.system.firewall.read import read_ruleset
from portulan.system.linux.namespaces import Place
from portulan.system.linux.spawn import find_program
from portulan.wire.nft_authors import author_of
from portulan.wire.nft_text import rule_text
from portulan.wire.nftjson import parse_ruleset

pytestmark = [pytest.mark.lab, pytest.mark.peer]


@pytest.fixture
def host(sandbox, peers):
    built = sandbox.host("a", root=peers)
    if built.run(["sh", "-c", "command -v nft && command -v ufw && command -v iptables"]).returncode:
        pytest.skip("no private root with peer programs: it lacks nftables, iptables or ufw")
    sandbox.link(built, sandbox.host("b"))
    return built


def compare_with_nft(host, ruleset, *, unknown="xt match"):
    """nft prints iptables' matches in its own words where it can: the same words as ours. Returns how many rules were compared."""
    text = listed_rules(host.run(["nft", "-a", "list", "ruleset"]).stdout)
    ours = {
        (chain.family, chain.table, rule.handle): rule_text(rule._replace(quoted=None), chain.family)
        for chain, rule in all_rules(ruleset)
        if not chain.table.startswith("legacy:")
    }
    assert ours.keys() == text.keys()
    alike = {key for key in text if unknown not in text[key] and "xt target" not in text[key]}
    assert {key: (text[key], ours[key]) for key in sorted(alike) if simple(text[key]) != simple(ours[key])} == {}
    return len(alike)


def simple(text):
    """A rule in one of the several ways in which the translators of nft and of iptables word it, and without what it counted."""
    text = re.sub(r"packets \d+ bytes \d+", "", text)
    text = re.sub(r"\b(ip protocol|meta l4proto) (icmp|ipv6-icmp|icmpv6)\b", "", text)
    text = text.replace("ip protocol", "meta l4proto").replace("icmpv6", "ipv6-icmp")
    text = re.sub(r"reject with (\S+) type", r"reject with \1", text)
    text = re.sub(r"\bmeta l4proto (tcp|udp) (?=.*\b\1 [ds]port)", "", text)
    return sorted(part for word in text.split() for part in word.split(","))


def test_nothing_is_read_from_a_namespace_without_rules(host):
    ruleset = read_there(host)
    assert (ruleset.tables, ruleset.chains, ruleset.incomplete) == ((), (), ())


def test_ufw_is_understood_to_the_last_rule(host):
    run_all(host, UFW)
    ruleset = read_there(host)
    assert ruleset.incomplete == ()
    assert {text.split(" ")[1] for text in opaque(ruleset)} == {"recent"}  # of `ufw limit`: how often somebody came
    assert compare_with_nft(host, ruleset) > 100
    hidden = [rule for _, rule in all_rules(ruleset) if rule.quoted is not None]
    assert len(hidden) > 60
    assert all(rule.translated and rule.handle is not None for rule in hidden)
    policies = {(chain.family, chain.name): chain.base.policy for chain in ruleset.chains if chain.base}
    assert policies["ip", "INPUT"] == policies["ip6", "INPUT"] == VerdictKind.DROP
    office = next(rule for chain, rule in all_rules(ruleset) if "203.0.113.0/24" in rule_text(rule))
    source = next(each for each in office.statements if isinstance(each, Match) and each.left == Field("ip", "saddr"))
    assert source.right.spans.first == (0xCB007100,)
    assert source.right.spans.last == (0xCB0071FF,)
    assert office.statements[-1] == Verdict(VerdictKind.ACCEPT)
    users = next(chain for chain in ruleset.chains if chain.name == "ufw-user-input")
    assert author_of(users.table, users.name) == "ufw"


def test_what_docker_writes_is_understood(host):
    run_all(host, UFW + DOCKER)
    ruleset = read_there(host)
    assert {text.split(" ")[1] for text in opaque(ruleset)} == {"recent"}
    compare_with_nft(host, ruleset)
    nat = [(chain.name, each) for chain, rule in all_rules(ruleset) for each in rule.statements if isinstance(each, Translate)]
    published = [each for name, each in nat if name == "DOCKER"]
    assert [(each.kind, each.address, each.port) for each in published] == [("dnat", Range(0xAC110002, 0xAC110002), Range(80, 80))]
    assert sum(each.kind == "masquerade" for _, each in nat) == 2
    assert author_of("nat", "DOCKER") == "docker"


def test_legacy_tables_stand_beside(host):
    if host.run(["iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "ACCEPT"]).returncode:
        pytest.skip("this kernel has no iptables-legacy")
    run_all(
        host,
        """
        iptables-legacy -N mine
        iptables-legacy -A mine -s 203.0.113.0/24 -m conntrack --ctstate NEW -j ACCEPT
        iptables-legacy -A mine -m hashlimit --hashlimit-above 3/min --hashlimit-name x -p tcp --dport 25 -j DROP
        iptables-legacy -A INPUT -j mine
        iptables-legacy -A INPUT -p tcp --dport 443 -m statistic --mode random --probability 0.5 -j REJECT --reject-with tcp-reset
        iptables-legacy -P INPUT DROP
        iptables-legacy -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8080
        ip6tables-legacy -A FORWARD -s fd00::/8 -j DROP
        """,
    )
    load(host, "table inet t { chain in { type filter hook input priority 0; tcp dport 22 accept; }; }")
    ruleset = read_there(host)
    assert ruleset.incomplete == ()
    assert {(table.family, table.name) for table in ruleset.tables if table.legacy} == {
        ("ip", "legacy:filter"), ("ip", "legacy:nat"), ("ip6", "legacy:filter"),
    }  # fmt: skip
    chains = {(chain.family, chain.table, chain.name): chain for chain in ruleset.chains}
    own = chains["ip", "legacy:filter", "mine"]
    assert own.base is None
    assert [rule_text(rule._replace(quoted=None), "ip") for rule in own.rules] == [
        "ip saddr 203.0.113.0/24 ct state new counter packets 0 bytes 0 accept",
        rule_text(own.rules[1]._replace(quoted=None), "ip"),
    ]
    assert own.rules[1].quoted.startswith("-A mine -p tcp -m hashlimit")
    assert "tcp dport 25" in rule_text(own.rules[1]._replace(quoted=None))
    first = chains["ip", "legacy:filter", "INPUT"]
    assert (first.base.hook, first.base.priority, first.base.policy) == ("input", 0, VerdictKind.DROP)
    assert first.rules[1].statements[-1] == Verdict(VerdictKind.JUMP, "mine")
    nat = chains["ip", "legacy:nat", "PREROUTING"]
    assert nat.base.type == "nat"
    assert nat.rules[0].statements[-1] == Translate("dnat", None, Range(0x0A000001, 0x0A000001), Range(8080, 8080))
    assert chains["ip6", "legacy:filter", "FORWARD"].rules[0].quoted == "-A FORWARD -s fd00::/8 -j DROP"


def test_the_kernel_tells_what_nft_has_wrong(host):
    load(
        host,
        """
        table ip sleeping { flags dormant; set s { type ipv4_addr; elements = { 1.2.3.4 }; }
            chain in { type filter hook input priority 0; ip saddr @s drop; }
            chain out { type filter hook output priority 0; } }
        table inet awake { chain in { type filter hook input priority 0; }; }
        table netdev early { chain in { type filter hook ingress devices = { "eth0", "lo" } priority -500; } }
        """.replace("}; }", "};\n}").replace("} }", "}\n}"),
    )
    ruleset = read_there(host)
    assert {table.name: table.dormant for table in ruleset.tables} == {"sleeping": True, "awake": False, "early": False}
    assert not any(table.owned for table in ruleset.tables)
    devices = {chain.table: chain.base.devices for chain in ruleset.chains if chain.base.hook == "ingress"}
    assert {name: set(found) for name, found in devices.items()} == {"early": {"eth0", "lo"}}
    assert [rule_text(rule) for _, rule in all_rules(ruleset)] == ["ip saddr @s drop"]
    assert ruleset.sets["ip", "sleeping", "s"].members.spans.first == (0x01020304,)


def test_many_tables_with_flags_are_all_read(host, dice):
    names = [f"t{dice.randrange(10**9)}" for _ in range(12)]
    rules = "".join(
        f"table inet {name} {{ flags dormant;\nchain in {{ type filter hook input priority 0; tcp dport {number + 1} drop;\n}}\n}}\n"
        for number, name in enumerate(names)
    )
    load(host, rules)
    ruleset = read_there(host)
    assert [table.name for table in ruleset.tables if table.dormant] == names
    assert [rule_text(rule) for _, rule in all_rules(ruleset)] == [f"tcp dport {number + 1} drop" for number in range(len(names))]


def test_an_owned_table_is_known_for_one(host):
    owner = host.start(["sh", "-c", "(echo 'add table ip mine { flags owner; }'; echo 'add chain ip mine c'; sleep 60) | nft -i"])
    deadline = time.monotonic() + 20
    while "mine" not in host.run(["nft", "list", "ruleset"]).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ruleset = read_there(host)
    assert [(table.name, table.owned, table.dormant) for table in ruleset.tables] == [("mine", True, False)]
    owner.kill()


def test_rules_that_this_nft_cannot_list_are_not_guessed(host):
    load(host, "table inet t { chain in { type filter hook input priority 0; ct label { 5, 6 } accept; tcp dport 23 accept;\n}\n}\n")
    if "label" in host.run(["nft", "list", "ruleset"]).stdout:
        pytest.skip("this nft can list labels")
    code, facts = read_there(host)
    assert code == "nft.garbled"
    assert "set" in facts["reason"]


def test_big_sets_are_read_when_they_are_wanted(host):
    addresses = ", ".join(f"{10 + at // 65536}.{at // 256 % 256}.{at % 256}.7" for at in range(20_000))
    load(
        host,
        f"table inet t {{ set banned {{ type ipv4_addr; elements = {{ {addresses} }};\n}}\n"
        "set unused { type inet_service; elements = { 1 };\n}\nmap ports { type inet_service : verdict; elements = { 22 : jump c };\n}\n"
        "chain c { }\nchain in { type filter hook input priority 0; ip saddr @banned drop; tcp dport vmap @ports;\n}\n}\n",
    )
    key, ports = ("inet", "t", "banned"), ("inet", "t", "ports")
    assert {known.members for known in read_there(host, wanted=()).sets.values()} == {None}
    ruleset = read_there(host, wanted=(ports,))
    assert ruleset.sets[key].members is None
    assert ruleset.sets[ports].members.elements[0].data == Verdict(VerdictKind.JUMP, "c")
    ruleset = read_there(host)
    assert len(ruleset.sets[key].members.spans.first) == 20_000
    assert sum(ruleset.sets[key].members.spans.first) == sum(
        (10 + at // 65536 << 24) + (at // 256 % 256 << 16) + (at % 256 << 8) + 7 for at in range(20_000)
    )
    assert ruleset.sets["inet", "t", "unused"].members is None


SETS = """
set plain { type ipv4_addr; elements = { %s };
}
set six { type ipv6_addr; elements = { 2001:db8::1, fd00::2 };
}
set nets { type ipv4_addr; flags interval; elements = { 0.0.0.0/8, 10.0.0.0-10.0.0.9, 10.0.0.10, 224.0.0.0/3 };
}
set nets6 { type ipv6_addr; flags interval; elements = { ::/16, fd00::/8, ff00::/8 };
}
set ports { type inet_service; flags interval; elements = { 0-21, 80, 443, 65535 };
}
set noted { type ipv4_addr; elements = { 192.0.2.1 comment "printer" };
}
set empty { type ipv4_addr;
}
set timed { type ipv4_addr; flags timeout; elements = { 192.0.2.9 timeout 1h };
}
set pairs { type ipv4_addr . inet_service; elements = { 192.0.2.9 . 80 };
}
chain in { type filter hook input priority 0; ip saddr @plain drop; ip6 saddr @six drop; ip saddr @nets drop; ip6 saddr @nets6 drop; tcp dport @ports drop;
ip saddr @noted drop; ip saddr @empty drop; ip saddr @timed drop; ip saddr . tcp dport @pairs drop;
}
"""


def test_sets_are_read_alike_by_nft_and_from_the_kernel(host):
    load(host, "table inet t {\n" + SETS % ", ".join(f"203.0.{at // 250}.{at % 250}" for at in range(3000)) + "}\n")
    ruleset = read_there(host)
    listed = parse_ruleset(host.run(["nft", "-j", "-a", "list", "ruleset"]).stdout.encode())
    assert ruleset.sets.keys() == listed.sets.keys()
    for key, found in ruleset.sets.items():
        ours, theirs = (
            sorted(zip(each.members.spans.first, each.members.spans.last, strict=True)) if each.members.spans else each.members
            for each in (found, listed.sets[key])
        )
        assert ours == theirs, key
        assert found._replace(members=None) == listed.sets[key]._replace(members=None)


def test_large_sets_of_senders_may_be_left_unread(host):
    addresses = ", ".join(f"203.0.{at // 250}.{at % 250}" for at in range(5000))
    nets = ", ".join(f"10.{at // 250}.{at % 250}.0/24" for at in range(5000))
    load(
        host,
        f"table inet t {{ set ban {{ type ipv4_addr; elements = {{ {addresses} }};\n}}\nset nets {{ type ipv4_addr; flags interval; elements = {{ {nets} }};\n}}\n"
        f"set small {{ type ipv4_addr; elements = {{ 192.0.2.1 }};\n}}\nset there {{ type ipv4_addr; elements = {{ {addresses} }};\n}}\n"
        "chain in { type filter hook input priority 0; ip saddr @ban drop; ip saddr @nets drop; ip saddr @small drop; ip daddr @there drop;\n}\n}\n",
    )
    sets = {key[2]: found for key, found in read_there(host, leave=True).sets.items()}
    assert {name: found.members is None for name, found in sets.items()} == {"ban": True, "nets": True, "small": False, "there": False}
    assert sets["ban"].element_count in (5000, None)
    assert len(sets["there"].members.spans.first) == 5000


def test_rules_that_change_meanwhile_are_read_again(host):
    load(host, "table inet t { chain in { type filter hook input priority 0;\n}\n}\n")
    change = "touch /tmp/go; while [ -e /tmp/go ]; do echo 'add rule inet t in accept'; echo 'flush chain inet t in'; done | nft -i"
    churn = host.start(["sh", "-c", change], stdout=subprocess.DEVNULL)
    answers = read_there(host, times=6)
    assert churn.poll() is None
    run_all(host, "rm /tmp/go")
    churn.wait(20)
    assert any(answer.read_again for answer in answers)
    assert all(answer.incomplete == () or (answer.incomplete == (("nft.changing", ""),) and answer.read_again == 4) for answer in answers)
    still = read_there(host)
    assert (still.read_again, still.incomplete) == (0, ())


def test_another_namespace_is_read_from_here(host, sandbox, peers):
    other = sandbox.host("other", root=peers)
    load(other, "table ip there { chain in { type filter hook input priority 0; policy drop;\n}\n}\n")
    ruleset = read_there(host, place=Place(other.netns_inode, other.netns_path))
    assert [table.name for table in ruleset.tables] == ["there"]
    assert read_there(host).tables == ()


def read_as_nobody():
    os.setgid(65534)
    os.setuid(65534)
    return read_ruleset()


def test_without_the_right_nothing_is_told(host):
    load(host, "table ip t { }")
    with pytest.raises(NotPermitted, match=r"nft\.forbidden") as caught:
        host.call(read_as_nobody)
    assert caught.value.facts == {"needs": "CAP_NET_ADMIN"}


@pytest.mark.skipif(find_program("nft") is not None, reason="nft is installed on this machine")
def test_without_nft_rules_are_not_taken_for_none(host):
    assert host.call(read_ruleset).tables == ()
    load(host, "table ip t { }")
    with pytest.raises(CannotTell, match=r"nft\.missing"):
        host.call(read_ruleset)


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_firewalld_is_understood(host, backend):
    if host.run(["sh", "-c", "command -v firewalld && command -v dbus-daemon"]).returncode:
        pytest.skip("no private root with peer programs: it lacks firewalld")
    start_firewalld(host, backend)
    run_all(host, FIREWALLD)
    ruleset = read_there(host)
    assert ruleset.incomplete == ()
    assert set(opaque(ruleset)) <= {"-j CT --helper netbios-ns"}
    assert {each.reason for _, rule in all_rules(ruleset) for each in rule.statements if isinstance(each, Opaque)} <= {"aside"}
    assert compare_with_nft(host, ruleset) > 150
    authors = {author_of(chain.table, chain.name) for chain in ruleset.chains}
    assert "firewalld" in authors
    forwarded = [each for _, rule in all_rules(ruleset) for each in rule.statements if isinstance(each, Translate) and each.kind == "dnat"]
    assert {(each.address, each.port) for each in forwarded} == {(Range(0x0A000001, 0x0A000001), Range(80, 80))}
