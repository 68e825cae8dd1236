"""What a policy means: the oracle itself, by examples that can be checked by eye."""

from datetime import date
from ipaddress import ip_address

import pytest

from policies import policy_of
from portulan.guard.policy.meaning import Judged, Why, decide, decide_forward, decide_icmp, decide_out, decide_published
from portulan.model.port import Transport
from portulan.model.reach import Outcome

TCP, UDP, SCTP = Transport.TCP, Transport.UDP, Transport.SCTP
ACCEPT, DROP, REJECT, MAYBE = Outcome.ACCEPT, Outcome.DROP, Outcome.REJECT, Outcome.MAYBE
TODAY = date(2026, 6, 1)
POLICY = policy_of("""
[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
lan = "interface eth1"
vpn = { interface = "wg0", networks = ["10.8.0.0/24"] }
[doors]
https = "everyone"
ping = ["office", "lan"]
ssh = { from = "office", limit = "10/minute" }
2222 = { from = "office", limit = "10/minute" }
"2222/tcp" = "lan"
"5432/tcp" = ["vpn", "interface tun*"]
9000 = "this-host"
9001 = "nobody"
9002 = { from = "everyone", until = 2026-05-31 }
9003 = { from = "everyone", until = 2026-06-01 }
""")
REFUSING = policy_of('[settings]\nrefuse = "reject"\n[doors]\nhttp = "everyone"\n[outgoing]\nhttps = "everyone"\ndomain = "192.0.2.53"\n')
ZONES = policy_of("""
[zones]
inside = ["eth1", "vlan*"]
outside = "eth0"
[doors]
http = "outside"
[forward]
"inside -> outside" = ["smtp", "http", "https"]
"outside -> inside" = { doors = "everything", until = 2026-05-31 }
"inside -> inside" = { doors = "everything", limit = "5/second" }
""")


def came(sender, port, transport=TCP, link="eth0", policy=POLICY, **more):
    address = ip_address(sender)
    return decide(policy, TODAY, transport, address.version, int(address), link, port, **more).outcome


@pytest.mark.parametrize(("sender", "port", "transport", "link", "outcome"), [
    ("203.0.113.9", 443, TCP, "eth0", ACCEPT),
    ("2001:db8:1::9", 443, UDP, "eth0", ACCEPT),
    ("203.0.113.9", 443, SCTP, "eth0", DROP),
    ("203.0.113.9", 22, TCP, "eth0", DROP),
    ("198.51.100.0", 22, TCP, "eth0", MAYBE),
    ("198.51.100.255", 22, TCP, "any0", MAYBE),
    ("198.51.101.0", 22, TCP, "eth0", DROP),
    ("2001:db8:0:ffff::1", 22, TCP, "eth0", MAYBE),
    ("2001:db8:1::1", 22, TCP, "eth0", DROP),
    ("198.51.100.1", 22, UDP, "eth0", DROP),
    ("198.51.100.1", 2222, TCP, "eth1", ACCEPT),  # one line without a limit is enough
    ("198.51.100.1", 2222, UDP, "eth1", MAYBE),
    ("10.8.0.9", 5432, TCP, "wg0", ACCEPT),
    ("10.8.0.9", 5432, TCP, "eth0", DROP),
    ("10.9.0.9", 5432, TCP, "wg0", DROP),
    ("10.9.0.9", 5432, TCP, "tun7", ACCEPT),
    ("203.0.113.9", 9000, TCP, "eth0", DROP),
    ("127.0.0.1", 9000, TCP, "lo", ACCEPT),
    ("127.0.0.1", 1, TCP, "lo", ACCEPT),
    ("203.0.113.9", 9001, TCP, "eth0", DROP),
    ("203.0.113.9", 9002, TCP, "eth0", DROP),
    ("203.0.113.9", 9003, TCP, "eth0", ACCEPT),
])  # fmt: skip
def test_doors(sender, port, transport, link, outcome):
    assert came(sender, port, transport, link) is outcome


def test_who_decided():
    address = int(ip_address("198.51.100.1"))
    judged = decide(POLICY, TODAY, TCP, 4, address, "eth1", 2222)
    assert (judged.why, [line.text for line in judged.lines]) == (Why.LINE, ["2222", "2222/tcp"])
    assert decide(POLICY, TODAY, TCP, 4, address, "eth1", 1) == Judged(DROP, Why.NOBODY)


@pytest.mark.parametrize(("state", "outcome"), [("established", ACCEPT), ("related", ACCEPT), ("invalid", DROP), ("new", DROP)])
def test_states(state, outcome):
    assert came("203.0.113.9", 1, state=state) is outcome
    assert came("203.0.113.9", 443, state="invalid") is DROP


@pytest.mark.parametrize(("sender", "source_port", "port", "outcome"), [
    ("203.0.113.9", 67, 68, ACCEPT), ("203.0.113.9", 66, 68, DROP), ("203.0.113.9", None, 68, DROP), ("fe80::1", 547, 546, ACCEPT), ("2001:db8:1::1", 547, 546, DROP),
    ("fe80::1", 67, 68, DROP),
])  # fmt: skip
def test_dhcp_answers_are_kept(sender, source_port, port, outcome):
    assert came(sender, port, UDP, source_port=source_port) is outcome
    assert came(sender, port, TCP, source_port=source_port) is DROP


def test_rejecting():
    assert came("203.0.113.9", 1, policy=REFUSING) is REJECT
    assert came("203.0.113.9", 80, policy=REFUSING) is ACCEPT
    assert came("203.0.113.9", 80, policy=REFUSING, state="invalid") is DROP


# --- ICMP ---


def icmp(kind, sender="203.0.113.9", link="eth0", policy=POLICY, **more):
    address = ip_address(sender)
    return decide_icmp(policy, address.version, kind, int(address), link, **more).outcome


def test_errors_of_ipv4_are_kept_and_echo_is_a_door():
    assert [kind for kind in range(41) if icmp(kind) is ACCEPT] == [3, 11, 12]
    assert icmp(8, "198.51.100.4") is ACCEPT
    assert icmp(8, "203.0.113.9", "eth1") is ACCEPT
    assert icmp(13, "198.51.100.4") is DROP
    assert icmp(8, "127.0.0.1", "lo") is ACCEPT
    assert icmp(8, state="established") is ACCEPT
    assert icmp(8, "198.51.100.4", state="invalid") is DROP


def test_the_list_of_rfc_4890():
    far = "2001:db8:1::9"
    assert [kind for kind in range(256) if icmp(kind, far) is ACCEPT] == [1, 2, 3, 4, 128, 129]
    assert [kind for kind in range(256) if icmp(kind, far, hop_limit=255) is ACCEPT] == [
        1,
        2,
        3,
        4,
        128,
        129,
        133,
        134,
        135,
        136,
        141,
        142,
        148,
        149,
    ]
    near = [kind for kind in range(256) if icmp(kind, "fe80::1", hop_limit=255) is ACCEPT]
    assert near == [1, 2, 3, 4, 128, 129, *range(130, 137), 141, 142, 143, 148, 149, 151, 152, 153]
    assert icmp(135, far, hop_limit=255, state="invalid") is ACCEPT
    assert icmp(137, "fe80::1", hop_limit=255) is DROP  # a redirect


# --- outgoing ---


def went(receiver, port, transport=TCP, link="eth0", policy=REFUSING, **more):
    address = ip_address(receiver)
    return decide_out(policy, TODAY, transport, address.version, int(address), link, port, **more).outcome


def test_outgoing():
    assert went("203.0.113.9", 25, policy=POLICY) is ACCEPT
    assert went("203.0.113.9", 443) is ACCEPT
    assert went("203.0.113.9", 25) is REJECT
    assert went("192.0.2.53", 53, UDP) is ACCEPT
    assert went("192.0.2.54", 53, UDP) is REJECT
    assert went("127.0.0.1", 25, link="lo") is ACCEPT
    assert went("203.0.113.9", 25, state="established") is ACCEPT
    assert went("203.0.113.9", 443, state="invalid") is DROP
    assert went("255.255.255.255", 67, UDP, source_port=68) is ACCEPT
    assert went("ff02::1:2", 547, UDP, source_port=546) is ACCEPT
    assert went("fe80::7", 547, UDP, source_port=546) is ACCEPT
    assert went("2001:db8::7", 547, UDP, source_port=546) is REJECT
    assert icmp(8, policy=REFUSING, out=True) is REJECT
    assert icmp(3, policy=REFUSING, out=True) is ACCEPT
    assert icmp(143, "ff02::16", policy=REFUSING, out=True) is ACCEPT
    assert icmp(8, policy=POLICY, out=True) is ACCEPT


PINGING = policy_of(
    '[doors]\nping = "nobody"\n[outgoing]\nping = { to = ["192.0.2.0/24", "2001:db8::/32", "interface eth1"], note = "monitoring" }\n'
)


def test_pinging_others_is_a_line_of_outgoing():
    assert icmp(8, "192.0.2.7", policy=PINGING, out=True) is ACCEPT
    assert icmp(8, "192.0.3.7", policy=PINGING, out=True) is DROP
    assert icmp(8, "192.0.3.7", "eth1", policy=PINGING, out=True) is ACCEPT
    assert icmp(8, "192.0.2.7", policy=PINGING) is DROP  # the other way is another line
    assert icmp(13, "192.0.2.7", policy=PINGING, out=True) is DROP
    assert icmp(8, "192.0.2.7", policy=PINGING, out=True, state="invalid") is DROP
    assert went("192.0.2.7", 443, policy=PINGING) is DROP  # a line is a line: nothing else goes out
    # IPv6 keeps echo whatever the line says (RFC 4890 section 4.3.1).
    assert icmp(128, "2a00::1", policy=PINGING, out=True) is ACCEPT
    assert icmp(129, "2a00::1", policy=PINGING, out=True) is ACCEPT


# --- through this machine ---


def test_published_ports_are_doors_by_the_port_that_was_asked_for():
    address = int(ip_address("203.0.113.9"))
    assert decide_published(POLICY, TODAY, TCP, 4, address, "eth0", 443).outcome is ACCEPT
    assert decide_published(POLICY, TODAY, TCP, 4, address, "eth0", 80).outcome is DROP
    assert decide_published(POLICY, TODAY, TCP, 4, address, "eth0", 80, state="established").outcome is ACCEPT


def passed(link, out, port, policy=ZONES, transport=TCP, **more):
    return decide_forward(policy, TODAY, transport, link, out, port, **more).outcome


def test_without_zones_only_strangers_are_refused():
    assert passed("eth0", "docker0", 80, POLICY, uplinks=("eth0",)) is DROP
    assert passed("docker0", "eth0", 80, POLICY, uplinks=("eth0",)) is ACCEPT
    assert passed("eth0", "docker0", 80, POLICY, uplinks=("eth0",), asked=443) is ACCEPT
    assert passed("eth0", "docker0", 443, POLICY, uplinks=("eth0",), asked=80) is DROP
    assert passed("docker0", "docker1", 443, POLICY, asked=80) is DROP
    assert passed("eth0", "docker0", 80, POLICY, uplinks=("eth0",), state="related") is ACCEPT
    assert passed("eth0", "docker0", 0, POLICY, transport=None, uplinks=("eth0",), asked=80) is DROP


def test_zones():
    assert passed("eth1", "eth0", 25) is ACCEPT
    assert passed("vlan7", "eth0", 443, transport=UDP) is ACCEPT
    assert passed("eth1", "eth0", 22) is DROP
    assert passed("eth0", "eth1", 25) is DROP  # its day is over
    assert passed("eth2", "eth0", 25) is DROP
    assert passed("eth1", "vlan7", 25) is MAYBE
    assert passed("eth1", "vlan7", 0, transport=None) is MAYBE
    assert passed("eth1", "eth0", 0, transport=None) is DROP


def test_zones_and_published_ports():
    assert passed("eth0", "eth1", 8080, asked=80) is ACCEPT
    assert passed("eth0", "eth1", 8080, asked=81) is DROP
    assert passed("eth1", "eth0", 80, asked=8080) is ACCEPT  # not a door, but a line of [forward]
