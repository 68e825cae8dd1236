"""What is called useless, with the kernel as judge: rules drawn by lot are loaded by nft, real packets go through, the useless rules are taken away, and the same
packets go through again; and real programs' rules."""

import json
import random
import socket
import struct
import time
from collections import Counter

import pytest

from firewalls import DOCKER, FIREWALLD, UFW, listed_rules, load, read_there, run_all, start_firewalld
from portulan.guard.review import review
from proofs_reach import open_lab
from reach_lab import LINKS, TRACED, Monitor
from reach_rules import Writer, draw_packets

pytestmark = [pytest.mark.lab, pytest.mark.peer]
MONITORED = 400


class Repeating(Writer):
    """Writes many rules that say again, or nearly, what rules before them said."""

    def __init__(self, dice):
        super().__init__(dice, unknowable=False)
        self._said = {}

    def rule(self, table, hook, early, targets, **more):
        said = self._said.setdefault((table, hook, early), [])
        if said and self.chance(45):
            conditions = self.any(said)
            if self.chance(50):
                extra = self.condition(table, hook, early)
                if not any(word in conditions for word in ("tcp", "udp", "th ", "@th", "ip", "l4proto", "nfproto", "frag", "hdrlength")):
                    conditions = f"{conditions} {extra}"
        else:
            conditions = self.condition(table, hook, early)
            said.append(conditions)
        return f"{conditions} {self.any(('accept', 'drop', 'accept', 'drop', 'return', self.change(table, early), *(f'jump {one}' for one in targets)))}"


def useless(ruleset):
    """The places of shadowed rules, and of all that might go."""
    found = review(ruleset)
    places = [(one.kind, (one.place.family, one.place.table, one.place.chain, one.place.handle)) for one in found]
    return {place for kind, place in places if kind == "shadowed"}, {place for _, place in places}


def take_away(host, places):
    load(host, "\n".join(f"delete rule {family} {table} {chain} handle {handle}" for family, table, chain, handle in places))


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_without_useless_rules_the_kernel_does_the_same(samples, day_seed, peers):
    figures = Counter()
    for seed in range(day_seed, day_seed + samples(5, 60)):
        dice = random.Random(f"review {seed}")
        rules, drawn = Repeating(dice).write(), draw_packets(dice, samples(1_500, 5_000))
        seen = []
        with open_lab() as lab:
            lab.load(rules)
            ruleset, _ = lab.read()
            shadowed, gone = useless(ruleset)
            lab.send(drawn)
            seen.append(lab.judge())
            text = lab.host.run(["nft", "-a", "list", "ruleset"]).stdout
        with open_lab() as lab:
            lab.load(rules)
            if gone:
                by_rule = {place: listed_rules(text)[place[0], place[1], place[3]] for place in gone}
                assert useless(lab.read()[0])[1] == set(by_rule)  # the kernel numbers them as before
                take_away(lab.host, gone)
            lab.send(drawn)
            seen.append(lab.judge())
        assert seen[0] == seen[1], (seed, gone)
        with open_lab() as lab:
            lab.load(rules)
            load(lab.host, TRACED)
            monitor = Monitor(lab.host)
            lab.send(drawn[:MONITORED])
            traced = monitor.read()
            monitor.close()
        matched = {place for places in traced.values() for place in places if place[3] is not None}
        assert not matched & shadowed, seed
        figures += Counter({"rules": sum(len(chain.rules) for chain in ruleset.chains), "packets": len(drawn), "through": len(seen[0]), "shadowed": len(shadowed), "redundant": len(gone - shadowed), "matched": len(matched)})  # fmt: skip
    assert figures["shadowed"] + figures["redundant"] > 5, figures
    assert 0 < figures["through"] < figures["packets"], figures


# Packets that are no first ones of TCP or UDP: fragments, headers cut off, other protocols, extension headers, flags of every kind

JUDGE = """
table inet judge {
    set odd4 { typeof ip id; flags dynamic; size 65535; }
    set odd6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
    chain odd {
        type filter hook prerouting priority 2147483647; policy accept;
        update @odd4 { ip id } drop
        update @odd6 { ip6 flowlabel } drop
    }
}
"""


def odd_frames(dice, count, hardware):
    """Ethernet frames; each has its number in IPv4's identification or IPv6's flow label."""
    usual = draw_packets(dice, count)
    for number, packet in enumerate(usual, 1):
        ports = struct.pack(">HH", packet.source_port, packet.port)
        flags = dice.choice((0, 1, 2, 4, 16, 18, 17, 24, 41, 255))
        tcp = ports + struct.pack(">IIBBHHH", number, 0, 0x50, flags, 1000, 0, 0)
        protocol, body = dice.choice(
            (
                (6, tcp), (6, tcp), (6, tcp[: dice.choice((0, 1, 2, 3, 4, 8, 13, 14, 19))]), (17, ports + struct.pack(">HH", 8, 0)), (17, ports), (17, ports[:2]),
                (1, struct.pack(">BBHHH", dice.choice((0, 3, 8, 11)), 0, packet.port, number & 0xFFFF, 1)), (58, struct.pack(">BBHI", dice.choice((1, 128, 135)), 0, packet.port, 1)),
                (132, ports + bytes(8)), (47, ports), (200, b""),
            )
        )  # fmt: skip
        ends = packet.source, packet.destination
        if packet.source.version == 4:
            piece = dice.choice((0, 0, 0, 0x2000, 100, 0x2064)) if body else 0
            header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), number, piece, 64, protocol, 0) + b"".join(
                each.number.to_bytes(4) for each in ends
            )
            total = sum(struct.unpack(">10H", header))
            total = (total & 0xFFFF) + (total >> 16)
            header = header[:10] + struct.pack(">H", 0xFFFF - ((total & 0xFFFF) + (total >> 16))) + header[12:]
            kind = 0x0800
        else:
            more = dice.choice((None, None, 0, 60, 44))
            if more is not None:  # hop by hop, options for the destination, a fragment
                body = (
                    bytes((protocol, 0, 1, 4, 0, 0, 0, 0)) + body
                    if more != 44
                    else struct.pack(">BBHI", protocol, 0, dice.choice((0, 1, 800, 801)), number) + body
                )
                protocol = more
            header = struct.pack(">IHBB", 0x60000000 | number, len(body), protocol, 64) + b"".join(
                each.number.to_bytes(16) for each in ends
            )
            kind = 0x86DD
        yield packet.link, hardware[packet.link] + b"\x02\0\0\0\0\1" + kind.to_bytes(2) + header + body


def odd_ones(rules, gone, frames_of):
    """The numbers of those that come through; without the rules that are to go."""
    with open_lab() as lab:
        lab.load(rules)
        load(lab.host, JUDGE)
        if gone is None:
            gone = useless(lab.read()[0])[1]
        if gone:
            take_away(lab.host, gone)
        frames = list(frames_of(lab.hardware))
        with lab.sender.enter():
            sockets = {link: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) for link in LINKS}
            for link, one in sockets.items():
                one.bind((link, 0))
        for link, frame in frames:
            sockets[link].send(frame)
        for one in sockets.values():
            one.close()
        time.sleep(0.2)
        listed = [lab.host.run(["nft", "-j", "list", "set", "inet", "judge", name]).stdout for name in ("odd4", "odd6")]
        elements = [[each["set"].get("elem", []) for each in json.loads(text)["nftables"] if "set" in each] for text in listed]
    # others are the kernel's own: neighbours being looked for
    return [sorted(number for each in found for number in each if 0 < number <= len(frames)) for found in elements], gone


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_nor_does_it_with_odd_packets(samples, day_seed, peers):
    figures = Counter()
    for seed in range(day_seed, day_seed + samples(4, 60)):
        dice = random.Random(f"odd {seed}")
        writer = Repeating(dice)
        text = writer.base("inet", "prerouting", "filter", 0).replace("priority -300", "priority -150")
        rules = "table inet t {\n" + "\n".join([*writer.sets, text]) + "\n}\n"
        if seed % 2:  # without a word of connections fragments stay as they come
            rules = "\n".join(line for line in rules.split("\n") if " ct " not in f" {line} " and "notrack" not in line)

        def frames_of(hardware, seed=seed):
            return odd_frames(random.Random(f"odd frames {seed}"), 1_500, hardware)

        before, _ = odd_ones(rules, (), frames_of)
        after, gone = odd_ones(rules, None, frames_of)
        assert before == after, (seed, gone)
        figures += Counter({"gone": len(gone), "through": len(before[0]) + len(before[1]), "rules": rules.count("\n")})
    assert figures["gone"] > 0 < figures["through"], figures


# Rules of real programs


def told(ruleset):
    return {(one.kind, one.place.chain, one.place.text.replace(" counter packets 0 bytes 0", "")) for one in review(ruleset)}


def test_ufw_has_no_useless_rule(sandbox, peers):
    host = sandbox.host("host", root=peers)
    run_all(host, UFW)
    assert told(read_there(host)) == set()
    run_all(host, "ufw allow from 203.0.113.9 to any port 22 proto tcp")  # everyone may already
    assert told(read_there(host)) == {("shadowed", "ufw-user-input", "ip saddr 203.0.113.9 tcp dport 22 accept")}


@pytest.mark.parametrize("program", ["iptables", "iptables-legacy"])
def test_of_docker_with_one_network_the_second_stage_never_drops(sandbox, peers, program):
    host = sandbox.host("host", root=peers)
    run_all(host, DOCKER.replace("iptables ", f"{program} "))
    (one,) = review(read_there(host))
    assert (one.kind, one.place.chain, one.clash) == ("shadowed", "DOCKER-ISOLATION-STAGE-2", "meta oifname")
    assert [place.chain for place in one.by] == ["DOCKER-ISOLATION-STAGE-1"]


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_of_firewalld_what_is_said_twice(sandbox, peers, backend):
    host = sandbox.host("host", root=peers)
    start_firewalld(host, backend)
    run_all(host, FIREWALLD)
    found = told(read_there(host))
    chain = "filter_IN_public_allow" if backend == "nftables" else "IN_public_allow"
    ssh = {("shadowed", chain, "tcp dport 22 accept")}  # as a service, and by a rich rule
    if backend == "nftables":
        assert found == ssh
    else:  # its OUTPUT accepts, and so does the chain's policy
        assert {one for one in found if one[1] != "OUTPUT"} == ssh
        assert {kind for kind, name, _ in found if name == "OUTPUT"} == {"redundant"}
