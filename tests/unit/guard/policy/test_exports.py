"""A policy in other firewalls' languages: what stands there, what is left to be said, and lines that they have no words for."""

from datetime import date
from random import Random
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import policy_of
from policy_samples import draw_policy
from portulan.errors import BadInput
from portulan.guard.policy.export_firewalld import export_firewalld
from portulan.guard.policy.export_iptables import export_iptables
from portulan.guard.policy.export_parts import cidrs, one_line, shell
from portulan.guard.policy.export_ufw import export_ufw
from portulan.text.errors import sentences
from portulan.text.guard_export import remark_lines
from portulan.text.voice import Voice

TODAY = date(2026, 6, 15)
TEXT = """
[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
[doors]
https = "everyone"
"5432/tcp" = { from = "office", note = "it's \\"x\\" ; $(reboot) `a` <b> & c" }
"9000-9010/udp" = { from = "office", until = 2020-01-01 }
"""


def as_iptables(text, version=4):
    return export_iptables(policy_of(text), TODAY, ("eth0",), version).text


def test_iptables():
    four, six = as_iptables(TEXT), as_iptables(TEXT, 6)
    assert '-A portulan-doors -p tcp -m tcp --dport 443 -m comment --comment "https" -j ACCEPT' in four
    assert "-A portulan-line-2 -s 198.51.100.0/24 -j ACCEPT" in four
    assert "-A portulan-line-2 -s 2001:db8::/48 -j ACCEPT" in six
    assert "9000" not in four, "its last day is past"
    assert "-A FORWARD -i eth0 -g portulan-refuse" in four
    assert "--ctorigdstport 443" in four
    assert four.startswith("# ")
    assert four.endswith("COMMIT\n")
    assert "it s x ; (reboot) a b c" in four, "a note has nothing that ends a quote or begins a command"


def test_iptables_has_words_for_everything():
    text = '[settings]\nrefuse = "reject"\nlog = "3/minute"\n[sources]\nvpn = { interface = "tun*", networks = "10.8.0.0/24" }\n[zones]\ninside = "eth1"\noutside = "eth0"\n'
    text += '[doors]\nftp = { from = "vpn", helper = "ftp" }\nssh = { from = "everyone", limit = "10/minute", log = true }\nping = "vpn"\n[outgoing]\ndomain = "everyone"\n'
    text += '[forward]\n"inside -> outside" = { doors = ["smtp"], masquerade = true }\n"outside -> inside" = "everything"\n'
    made = as_iptables(text)
    assert "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp" in made
    assert "-i tun+ -s 10.8.0.0/24 -p icmp -m icmp --icmp-type 8" in made
    assert "--hashlimit-upto 10/minute --hashlimit-burst 10" in made
    assert "-A FORWARD -i eth1 -o eth0 -p tcp -m tcp --dport 25" in made
    assert "MASQUERADE" in made
    assert "MASQUERADE" not in as_iptables(text, 6)
    assert "--reject-with tcp-reset" in made
    assert ":OUTPUT DROP [0:0]" in made


def test_iptables_asks_for_the_receiver_of_a_ping():
    policy = policy_of('[doors]\nping = "192.0.2.0/24"\n[outgoing]\nping = "198.51.100.0/24"\n')
    made = export_iptables(policy, TODAY, (), 4).text
    assert '-A OUTPUT -d 198.51.100.0/24 -p icmp -m icmp --icmp-type 8 -m comment --comment "ping" -j ACCEPT' in made
    assert '-A INPUT -s 192.0.2.0/24 -p icmp -m icmp --icmp-type 8 -m comment --comment "ping" -j ACCEPT' in made
    assert "icmp-type 8" not in export_iptables(policy, TODAY, (), 6).text


def test_ufw():
    made = export_ufw(policy_of(TEXT), TODAY)
    lines = made.text.splitlines()
    assert lines[-1] == "ufw --force enable"
    assert "ufw default deny incoming" in lines
    assert "ufw allow proto tcp from any to any port 443 comment 'https'" in lines
    assert "ufw allow proto tcp from 2001:db8::/48 to any port 5432 comment '5432/tcp: it s x ; (reboot) a b c'" in lines
    assert "ping" in made.remarks
    assert all(remark_lines(Voice("ja"), made))


def test_firewalld():
    made = export_firewalld(policy_of(TEXT), TODAY)
    zone = ET.fromstring(made.text)
    assert zone.get("target") == "DROP"
    assert {(port.get("port"), port.get("protocol")) for port in zone.findall("port")} == {("443", "tcp"), ("443", "udp")}
    addresses = {rule.find("source").get("address") for rule in zone.findall("rule") if rule.find("source") is not None}
    assert addresses == {"198.51.100.0/24", "2001:db8::/48"}


@pytest.mark.parametrize(
    ("export", "line", "code"),
    [
        (export_ufw, 'ssh = { from = "everyone", limit = "10/minute" }', "export.rate"),
        (export_ufw, 'ftp = { from = "everyone", helper = "ftp" }', "export.helper"),
        (export_ufw, '"36412/sctp" = "everyone"', "export.transport"),
        (export_ufw, 'ssh = "tunnels"', "export.pattern"),
        (export_firewalld, 'ssh = { from = "everyone", limit = "10/minute" }', "export.rate"),
        (export_firewalld, 'ftp = { from = "everyone", helper = "ftp" }', "export.helper"),
        (export_firewalld, 'ssh = "tunnels"', "export.by-interface"),
        (export_firewalld, 'ping = "tunnels"', "export.ping"),
        (export_firewalld, 'https = "everyone"\n[outgoing]\ndomain = "everyone"', "export.beyond-zone"),
        (export_firewalld, 'https = "everyone"\n[outgoing]\nping = "everyone"', "export.beyond-zone"),
        (export_firewalld, 'https = "everyone"\n\n[outgoing]', "export.beyond-zone"),
        (export_ufw, 'https = "everyone"\n[outgoing]\nping = "everyone"', "export.ping-out"),
    ],
)
def test_a_line_without_words_is_named(export, line, code):
    policy = policy_of(f'[sources]\ntunnels = "interface tun*"\n[doors]\n{line}\n')
    with pytest.raises(BadInput) as caught:
        export(policy, TODAY)
    assert caught.value.code == code
    assert code == "export.ping" or caught.value.facts["line"] in (4, 6)
    assert "portulan.toml" in sentences(Voice("en"), caught.value)[0]
    assert sentences(Voice("ja"), caught.value)[0] != sentences(Voice("en"), caught.value)[0]


@pytest.mark.parametrize(
    ("limit", "fits"), [("2/day burst 2", True), ("2/day burst 3", False), ("1/hour burst 24", True), ("1/hour burst 25", False)]
)
def test_iptables_counts_bursts_of_a_day(limit, fits):
    policy = policy_of(f'[doors]\nssh = {{ from = "everyone", limit = "{limit}" }}\n')
    if fits:
        assert "--hashlimit-burst" in export_iptables(policy, TODAY, ("eth0",), 4).text
    else:
        with pytest.raises(BadInput, match=r"export\.rate-bounds"):
            export_iptables(policy, TODAY, ("eth0",), 4)


def test_a_crossing_without_words_is_named():
    zones = '[zones]\ninside = "eth1"\noutside = "eth0"\n[doors]\n22 = "everyone"\n[forward]\n'
    made = export_ufw(policy_of(f'{zones}"inside -> outside" = ["smtp"]'), TODAY).text
    assert "ufw route allow in on eth1 out on eth0 proto tcp from any to any port 25" in made
    with pytest.raises(BadInput, match="masquerade"):
        export_ufw(policy_of(f'{zones}"inside -> outside" = {{ doors = ["smtp"], masquerade = true }}'), TODAY)


def test_too_many_networks_are_no_list_of_rules():
    files = {"big": "\n".join(f"10.{number // 256}.{number % 256}.1" for number in range(6_000))}
    policy = policy_of('[sources]\nbig = "file big"\n[doors]\n22 = "big"\n', files)
    for export in (export_ufw, export_firewalld):
        with pytest.raises(BadInput) as caught:
            export(policy, TODAY)
        assert caught.value.code == "export.too-many"


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_every_policy_is_written_or_its_line_is_named(seed):
    text, files = draw_policy(Random(seed))
    try:
        policy = policy_of(text, files)
    except BadInput:
        return
    for export in (lambda: export_iptables(policy, TODAY, ("eth0",), 4), lambda: export_iptables(policy, TODAY, (), 6), lambda: export_ufw(policy, TODAY), lambda: export_firewalld(policy, TODAY)):  # fmt: skip
        made = written(export)
        if isinstance(made, BadInput):
            assert made.facts["file"] == policy.file
        else:
            assert made.text.endswith("\n")
            assert "\x7f" not in made.text


def written(export):
    try:
        return export()
    except BadInput as error:
        return error


@given(st.text(max_size=60))
def test_a_note_stays_in_its_line(text):
    kept = one_line(text, 40)
    assert len(kept) <= 40
    assert kept.isprintable()
    assert not set(kept) & set("\"'\\<>&`$")
    assert "'" not in shell(kept)[1:-1]


@given(st.integers(0, 2**32 - 1), st.integers(0, 1000))
def test_networks_are_exactly_the_span(first, more):
    from ipaddress import ip_network

    last = min(first + more, 2**32 - 1)
    found = [ip_network(each) for each in cidrs((first, last), 4)]
    assert sum(each.num_addresses for each in found) == last - first + 1
    assert int(found[0].network_address) == first
