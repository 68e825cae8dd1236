"""Packets of the host itself, and answers of the host and of the container behind it: the rules that match are those that the kernel traces."""

import socket
import time

import pytest

from firewalls import load, read_there
from portulan.guard.trace import Tracer
from portulan.model.reach import Outcome
from portulan.wire.nft_text import rule_text
from proofs_reach import ENDS, place_of
from reach_lab import Lab, Monitor, address, between_ports, packet_of

pytestmark = [pytest.mark.lab, pytest.mark.peer]
HOST, HOST6 = "198.18.0.2", "fd00::2"
RULES = """
table inet t {
    chain pre {
        type nat hook prerouting priority -100;
        tcp dport 80 dnat ip to 198.18.64.1:8080
        udp dport 53 redirect to :5353
    }
    chain outnat {
        type nat hook output priority -100;
        tcp dport 81 dnat ip to 198.18.64.1:8080
        udp dport 54 redirect to :5354
        tcp dport 82 dnat ip to 198.18.0.2:22
    }
    chain post {
        type nat hook postrouting priority 100;
        oifname eth2 masquerade
    }
    chain inpnat {
        type nat hook input priority 100;
        tcp dport 90 snat ip to 10.9.9.9
    }
    chain raw {
        type filter hook prerouting priority -300;
        iifname lo ct state new meta mark set 7
        iifname lo ct state invalid meta mark set 8
        udp dport 99 notrack
        fib saddr oif lo continue
        fib saddr . iif oif lo continue
        fib saddr oif missing continue
        fib saddr oif eth0 continue
        fib daddr oif exists continue
        fib daddr type broadcast continue
        fib daddr type unreachable continue
        fib daddr . iif type unicast continue
        fib daddr . iif type local continue
        fib saddr type unreachable continue
        fib saddr type unicast continue
        fib saddr type local continue
    }
    chain out {
        type filter hook output priority 0;
        oifname lo continue
        ct status dnat continue
        ct status confirmed continue
        iiftype loopback continue
        oiftype loopback continue
        ct direction reply continue
        ct state established continue
        fib daddr type local continue
        fib daddr . oif type local continue
        ct status seen-reply continue
        meta l4proto tcp ct original proto-dst 80 continue
        tcp dport 83 tcp dport set 84
    }
    chain outm {
        type route hook output priority -150;
        tcp dport 85 ip daddr set 198.18.64.1
        udp dport 86 meta mark set 5
    }
    chain inp {
        type filter hook input priority 0;
        iifname lo continue
        ct status dnat continue
        ct status confirmed continue
        ct state new continue
        ct state established continue
        ct state untracked continue
        meta mark 7 continue
        meta mark 8 continue
        meta mark 5 continue
        iiftype loopback continue
        fib saddr . iif oif exists continue
        fib saddr oif lo continue
        ip daddr 127.0.0.0/8 continue
        tcp dport 98 drop
    }
    chain forw {
        type filter hook forward priority 0;
        ct state new continue
        ct state established continue
        ct status dnat continue
        meta l4proto tcp ct original proto-dst 80 continue
        meta l4proto tcp ct reply proto-src 8080 continue
        tcp sport 8080 continue
        tcp sport 80 continue
    }
    chain pst {
        type filter hook postrouting priority 150;
        oifname lo continue
        iifname eth2 continue
        iifname eth0 continue
        iiftype ether continue
        iiftype loopback continue
        ct status snat continue
        ct state established continue
        ip saddr 198.18.2.1 continue
        ip daddr 198.18.2.1 continue
        ip saddr 198.18.64.1 continue
        ip saddr 198.18.0.2 continue
        tcp sport 80 continue
        tcp sport 8080 continue
        tcp dport 8080 continue
    }
    chain follow {
        type filter hook output priority -2147483648;
        meta nftrace set 1
    }
}
"""
AROUND = """
table netdev around {{
    chain c {{
        type filter hook ingress device "{}" priority -2147483648;
        meta nftrace set 1
    }}
}}
"""
# From the host: what it asks, and by which address it does.
LOCAL = [
    ("tcp", HOST, 9, HOST), ("tcp", HOST, 80, HOST), ("tcp", HOST, 81, HOST), ("udp", HOST, 54, HOST), ("udp", "127.0.0.1", 54, "127.0.0.1"), ("tcp", HOST, 82, HOST),
    ("tcp", HOST, 90, HOST), ("udp", HOST, 99, HOST), ("tcp", HOST, 83, HOST), ("tcp", HOST, 85, HOST), ("udp", HOST, 86, HOST), ("tcp", HOST, 98, HOST),
    ("tcp", "::1", 9, "::1"), ("udp", "::1", 54, "::1"), ("tcp", HOST6, 9, HOST6), ("tcp", "198.18.2.2", 7, "198.18.2.1"), ("udp", "fd00:2::2", 7, "fd00:2::1"),
]  # fmt: skip
OUTSIDE = [
    ("tcp", HOST, 80),
    ("tcp", HOST, 9),
    ("tcp", HOST, 90),
    ("tcp", "198.18.64.1", 9),
    ("udp", HOST, 53),
    ("udp", HOST, 99),
    ("tcp", HOST6, 9),
]
OURS = ("follow", "around")


@pytest.fixture
def lab(sandbox, peers):
    """With rules, and everybody answering: who has nothing on a port refuses it."""
    lab = Lab(sandbox, peers)
    load(lab.host, RULES)
    for each in (lab.sender, lab.container):
        each.run(["nft", "flush", "ruleset"])
    lab.container.route("198.18.0.0/24", "198.18.2.1")
    for network in ("198.18.64.0/18", "198.18.2.0/24"):
        lab.sender.route(network, "198.18.0.2")
    return lab


def ask(host, kind, source, to, port, source_port):
    """Send a first packet of a connection, and wait a little for the answer."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with host.enter():
        one = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    with one:
        one.bind((source, source_port))
        one.setblocking(False)
        if kind == "udp":
            one.sendto(b"question", (to, port))
        else:
            one.connect_ex((to, port))
        time.sleep(0.02)


def compare(lab, cases, link):
    """Each case's first packet and its answer, if there is one: our steps and the kernel's. Returns how many answers there were."""
    tracer = Tracer(*lab.read())
    answers = 0
    for at, (kind, source, to, port, asker) in enumerate(cases):
        source_port = 4000 + at
        monitor = Monitor(lab.host, between_ports)
        ask(asker, kind, source, to, port, source_port)
        kernel = monitor.read()
        monitor.close()
        passage = tracer.trace(packet_of(kind, address(source), address(to), port, source_port, link))
        went = [place for (first, _), places in kernel.items() if first == source_port for place in places if ours(place)]
        assert steps(passage) == went, (kind, to, port)
        back = [place for (_, last), places in kernel.items() if last == source_port for place in places if ours(place)]
        if back:
            answers += 1
            assert steps(tracer.trace_reply(passage)) == back, (kind, to, port, "answer")
    return answers


def ours(place):
    return place[1] not in OURS and place[2] not in OURS


def steps(passage):
    assert passage.outcome is not Outcome.MAYBE
    return [place_of(step) for step in passage.steps if step.place is not None and step.action in ENDS and ours(place_of(step))]


def test_the_host_speaks_to_itself_and_to_its_container(lab):
    assert compare(lab, [(kind, source, to, port, lab.host) for kind, to, port, source in LOCAL], "lo") > 5


def test_answers_to_somebody_outside(lab):
    for link in ("eth0", "eth2"):
        load(lab.host, AROUND.format(link).replace("chain c", f"chain c_{link}"))
    cases = [(kind, "fd00::1" if ":" in to else "198.18.0.1", to, port, lab.sender) for kind, to, port in OUTSIDE]
    assert compare(lab, cases, "eth0") >= 4


def test_the_ip_version_that_nft_does_not_print_is_read_from_the_kernel(sandbox, peers):
    host = sandbox.host("a", root=peers)
    rules = (
        "meta nfproto ipv4 tcp dport 113",
        "meta nfproto ipv6 meta l4proto tcp",
        "tcp dport 5",
        "meta nfproto ipv4 ct state new tcp dport 7",
        "ip saddr 192.0.2.1 tcp dport 6",
    )
    text = "\n".join(f"    {rule} reject with tcp reset" for rule in rules)
    load(host, f"table inet t {{\n  chain in {{\n    type filter hook input priority 0\n{text}\n  }}\n}}\n")
    assert "nfproto" not in host.run(["nft", "list", "ruleset"]).stdout, "this nft prints it: the work-around is not needed for it"
    (chain,) = read_there(host).chains
    assert [[words for words in ("ipv4", "ipv6") if f"meta nfproto {words}" in rule_text(rule)] for rule in chain.rules] == [
        ["ipv4"],
        ["ipv6"],
        [],
        ["ipv4"],
        [],
    ]
