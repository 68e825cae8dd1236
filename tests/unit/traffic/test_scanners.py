"""Who is a scanner, and who is not, of traffic written down packet by packet."""

import random
from dataclasses import replace

import pytest

from contact_samples import (
    ACK,
    BEGIN,
    FIN,
    PSH,
    RST,
    SECOND,
    SYN,
    TCP,
    UDP,
    URG,
    Packet,
    connection,
    datagram,
    flows_of,
    half_open,
    packed,
    refused,
    silent,
    ticks,
)  # fmt: skip
from portulan.model.scanner import Kind, Outcome, Verdict
from portulan.traffic.scanners import Doorkeeper, OwnDoors, Settings
from portulan.traffic.sightings import kind_of

THEM, US = "198.18.0.66", "198.18.0.2"
HEARD = connection(0, "198.18.7.7", US, 80)
"""Somebody is heard in both directions."""


def judge(*parts, after_s=10.0, **more):
    """All that is known in the end."""
    packets = [packet for part in parts for packet in part]
    keeper = Doorkeeper(**more)
    end = max((packet.at_ns for packet in packets), default=BEGIN) + int(after_s * SECOND)
    found = keeper.see(flows_of(packets), end)
    answer = keeper.end(end)
    alone = {row.sources for row in found if row.kind is not Kind.DISTRIBUTED}
    assert alone == {row.sources for row in answer.rows if row.verdict is Verdict.SCANNER and row.kind is not Kind.DISTRIBUTED}
    return answer


def only(answer):
    assert len(answer.rows) == 1, answer.rows
    return answer.rows[0]


def ports(*make, source=THEM, each_s=0.01, numbers=(21, 22, 23, 25, 80, 110, 143, 443)):
    return [packet for at, port in enumerate(numbers) for packet in make[at % len(make)](at * each_s, source, US, port, 40000 + at)]


# Scans


def test_a_vertical_scan():
    row = only(judge(HEARD, ports(refused)))
    assert (row.sources, row.verdict, row.kind) == ((THEM,), Verdict.SCANNER, Kind.VERTICAL)
    assert (row.sure_after, row.first_contacts, row.hosts, len(row.evidence)) == (4, 8, 1, 4)
    assert row.ports == ("21/tcp", "22/tcp", "23/tcp", "25/tcp", "80/tcp", "110/tcp", "143/tcp", "443/tcp")
    assert row.odds > 99
    assert {each.outcome for each in row.evidence} == {Outcome.REFUSED}


@pytest.mark.parametrize("flags", [FIN, 0, FIN | PSH | URG, ACK, FIN | ACK, SYN | FIN, SYN | URG])
@pytest.mark.parametrize("make", [refused, silent])
def test_every_kind_of_probe(flags, make):
    packets = [replace(packet, flags=flags) if packet.source == THEM else packet for packet in ports(make)]
    assert only(judge(HEARD, packets)).sure_after <= 6


def test_half_open_ports_among_the_first_do_not_hide_a_scan():
    def open_ones(*args):
        return half_open(*args)

    row = only(judge(HEARD, ports(open_ones, refused, refused, open_ones, refused, refused)))
    assert row.sure_after <= 6
    assert row.learnt == ("21/tcp", "25/tcp", "143/tcp")


@pytest.mark.parametrize("make", [lambda *args: datagram(*args, icmp=1), datagram])
def test_datagrams(make):
    assert only(judge(HEARD, ports(make))).sure_after <= 6


@pytest.mark.parametrize("port", [22, 9200])
def test_a_horizontal_scan(port):
    packets = [
        packet for host in range(1, 30) for packet in (refused if host % 5 else silent)(host * 0.01, THEM, f"198.18.3.{host}", port, 50000)
    ]
    row = only(judge(HEARD, packets))
    assert (row.kind, row.hosts, row.ports) == (Kind.HORIZONTAL, 29, (f"{port}/tcp",))
    assert row.sure_after <= 6


def test_a_scan_by_ipv6():
    packets = [packet for port in range(1, 9) for packet in refused(port, "2001:db8::66", "2001:db8:1::2", port)]
    row = only(judge(HEARD, packets))
    assert (row.sources, row.sure_after, row.evidence[0].address) == (("2001:db8::66",), 4, "2001:db8:1::2")


def test_many_ports_of_many_hosts():
    packets = [
        packet
        for host in range(1, 9)
        for port in range(1, 9)
        for packet in silent(host + port * 0.01, THEM, f"198.18.3.{host}", port, 50000)
    ]
    assert only(judge(HEARD, packets)).kind is Kind.BOTH


@pytest.mark.parametrize("each_s", [60.0, 300.0])
def test_a_slow_scan(each_s):
    row = only(judge(HEARD, ports(refused, each_s=each_s)))
    assert row.sure_after == 4
    assert (row.until - row.since).total_seconds() == 7 * each_s


def test_slower_than_the_horizon_is_not_seen():
    settings = Settings(horizon_s=3600)
    assert not judge(HEARD, ports(refused, each_s=3700), settings=settings).rows
    assert judge(HEARD, ports(refused, each_s=3500), settings=settings).rows


def test_a_scan_of_more_ports_than_are_told():
    row = only(judge(HEARD, ports(refused, each_s=0.001, numbers=range(1, 400))))
    assert (row.first_contacts, len(row.ports), row.more_ports) == (399, 256, 143)


def test_who_was_benign_for_long_and_turns():
    good = [packet for port in range(1, 60) for packet in connection(port, THEM, US, 1000 + port, 41000)]
    bad = [packet for port in range(60, 75) for packet in refused(port, THEM, US, 1000 + port, 41000)]
    assert only(judge(good, bad)).sure_after == 59 + 7


def test_a_late_answer_is_learnt_all_the_same():
    late = [Packet(BEGIN, THEM, 1, US, 443, flags=SYN), Packet(BEGIN + 9 * SECOND, US, 443, THEM, 1, flags=SYN | ACK)]
    assert only(judge(HEARD, ports(refused, numbers=range(1, 9)), late)).learnt == ("443/tcp",)


# Not scans


def test_a_client_of_a_server_that_is_down():
    tries = [packet for at in range(50) for packet in silent(at * 5, THEM, US, 443, 40000 + at, tries=3)]
    answer = judge(HEARD, tries)
    assert not answer.rows
    assert answer.undecided == 2


def test_a_busy_server_with_dead_ports_and_a_thousand_clients(dice):
    doors = range(100, 200)
    dead = set(dice.sample(doors, 5))
    packets = []
    for client in range(1000):
        for port in dice.sample(doors, 6):
            make = dice.choice((refused, silent)) if port in dead else connection
            packets += make(dice.random() * 100, f"198.19.{client >> 8}.{client & 255}", US, port, dice.randrange(1024, 65535))
    answer = judge(packets)
    assert not answer.rows
    assert answer.judged == 1000


def test_a_thousand_clients_behind_one_address(dice):
    packets = []
    for client in range(1000):
        host = f"203.0.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        make = dice.choice((refused, silent)) if dice.random() < 0.05 else connection
        packets += make(client * 0.1, THEM, host, dice.choice((80, 443, 993, 8443)), 1024 + client)
    assert not judge(packets).rows


def test_peers_of_which_most_are_gone(dice):
    packets = []
    for peer in range(600):
        host = f"{dice.randrange(1, 200)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        port = 6881 if dice.random() < 0.1 else dice.randrange(1024, 65536)
        kind = dice.random()
        if kind < 0.45:
            packets += (
                datagram(peer * 0.2, THEM, host, port, 51413, answer_s=0.05) if peer % 2 else connection(peer * 0.2, THEM, host, port)
            )
        else:
            packets += datagram(peer * 0.2, THEM, host, port, 51413) if peer % 2 else silent(peer * 0.2, THEM, host, port, tries=2)
    assert not judge(packets).rows


def test_logs_metrics_and_streams_that_nobody_answers():
    packets = [packet for port in (514, 2055, 8125, 162, 6343) for packet in datagram(port / 1000, THEM, US, port, tries=20)]
    assert not judge(HEARD, packets).rows


def test_a_trace_of_the_way():
    assert not judge(HEARD, [packet for port in range(33434, 33464) for packet in datagram(port / 100, THEM, US, port)]).rows


def test_our_own_addresses_are_spared():
    assert not judge(HEARD, ports(refused), spare=[packed(THEM)]).rows


# What this host really has open


def own(*numbers, transport=TCP):
    return OwnDoors(frozenset({packed(US)}), frozenset((packed(US), transport, port) for port in numbers))


def test_no_answer_from_an_open_door_is_a_lost_packet():
    opened = own(*range(1, 500))
    assert not judge(HEARD, ports(silent), own_open=opened).rows
    assert judge(HEARD, ports(silent)).rows


def test_a_shut_door_fails_before_the_answer_is_seen():
    keeper = Doorkeeper(own(80))
    packets = ports(silent, each_s=0.001)
    row = only_seen(keeper.see(flows_of(packets), packets[-1].at_ns))
    assert row.sure_after == 4
    keeper = Doorkeeper()
    assert keeper.see(flows_of(HEARD + packets), packets[-1].at_ns) == ()
    assert only_seen(keeper.see(flows_of([]), packets[-1].at_ns + 5 * SECOND)).sure_after == 4


def only_seen(rows):
    assert len(rows) == 1
    return rows[0]


def test_datagrams_to_shut_doors_count_in_full():
    assert only(judge(HEARD, ports(datagram), own_open=own(53, transport=UDP))).sure_after == 4


# One direction only


def test_a_capture_of_one_direction_cannot_be_judged():
    packets = [packet for packet in ports(connection, refused) if packet.source == THEM]
    answer = judge(packets)
    assert not answer.rows
    assert (answer.cannot_judge, answer.judged) == (1, 0)
    answer = judge(ports(silent))
    assert (answer.cannot_judge, answer.judged, answer.rows) == (1, 0, ())


def test_a_source_of_which_one_direction_is_seen_cannot_be_judged():
    packets = [packet for packet in ports(connection) if packet.source == THEM] + ports(silent, numbers=range(300, 320))
    answer = judge(HEARD, packets)
    assert not answer.rows
    assert answer.cannot_judge == 1


def test_answers_alone_are_no_backscatter_where_one_direction_is_seen():
    packets = [packet for packet in ports(half_open, refused) if packet.source == US]
    assert not judge(packets).rows


def test_what_nobody_honest_sends_is_judged_anyhow():
    assert only(judge([replace(packet, flags=FIN) for packet in ports(silent)])).sure_after == 4


# Backscatter


def test_backscatter():
    packets = []
    for at in range(20):
        flags = SYN | ACK if at % 3 else RST | ACK
        packets.append(Packet(BEGIN + at * SECOND, "203.0.113.5", 80, f"198.18.0.{at + 1}", 1024 + at * 7, flags=flags))
        if flags & SYN:
            packets.append(Packet(BEGIN + at * SECOND + 9, f"198.18.0.{at + 1}", 1024 + at * 7, "203.0.113.5", 80, flags=RST))
    row = only(judge(HEARD, packets))
    assert (row.verdict, row.kind, row.sources) == (Verdict.BACKSCATTER, Kind.BACKSCATTER, ("203.0.113.5",))
    assert (row.ports, row.hosts, row.first_contacts) == (("80/tcp",), 20, 20)


def test_resets_at_the_end_of_connections_are_no_backscatter():
    packets = [packet for at in range(20) for packet in connection(at, US, "203.0.113.5", 443, 40000 + at)]
    later = [Packet(BEGIN + (500 + at) * SECOND, "203.0.113.5", 443, US, 40000 + at, flags=RST) for at in range(20)]
    keeper = Doorkeeper()
    keeper.see(flows_of(packets), packets[-1].at_ns)
    keeper.see(flows_of(later), later[-1].at_ns)
    assert not keeper.end(later[-1].at_ns).rows


# Together


def sources(count):
    return [f"203.0.{number >> 8}.{number & 255 or 1}" for number in range(300, 300 + count)]


def test_a_scan_divided_among_many():
    packets = []
    for at, source in enumerate(sources(60)):
        for each in range(2):
            packets += refused(at + each * 0.3, source, US, 1 + at * 2 + each)
    row = only(judge(HEARD, packets))
    assert (row.kind, row.verdict) == (Kind.DISTRIBUTED, Verdict.SCANNER)
    assert row.sure_after < 12
    assert len(row.sources) == 60
    assert row.first_contacts == 119, "80 was tried before"


def test_one_port_of_a_network_divided_among_many():
    packets = [packet for at, source in enumerate(sources(40)) for packet in silent(at, source, f"198.18.9.{at + 1}", 22)]
    row = only(judge(HEARD, packets))
    assert (row.kind, row.ports, row.hosts) == (Kind.DISTRIBUTED, ("22/tcp",), 40)


def test_what_one_scanner_did_is_not_laid_on_others():
    packets = ports(refused, numbers=range(1, 300), each_s=0.01)
    for at, source in enumerate(sources(20)):
        packets += connection(at * 0.1, source, US, 80)
        packets += refused(at * 0.1 + 0.05, source, US, 81)
    assert only(judge(HEARD, packets)).sources == (THEM,)


def test_decoys_are_as_good_as_those_who_hide_among_them():
    packets = [packet for at, source in enumerate([THEM, *sources(4)]) for packet in ports(refused, source=source, each_s=0.1)]
    answer = judge(HEARD, packets)
    assert {row.sources[0] for row in answer.rows} == {THEM, *sources(4)}
    assert all(row.kind is Kind.VERTICAL for row in answer.rows)


def test_clients_of_addresses_that_were_others():
    dice = random.Random(4)
    packets = []
    for at, source in enumerate(sources(60)):
        packets += silent(at, source, US, dice.randrange(20000, 60000), tries=2)
    assert not judge(HEARD, packets).rows


# Hostile


def test_times_that_cannot_be():
    for at_ns in (-(1 << 63), (1 << 63) - 1, 0, -1):
        packets = [replace(packet, at_ns=at_ns) for packet in ports(refused)]
        keeper = Doorkeeper()
        keeper.see(flows_of(packets), (1 << 63) - 1)
        answer = keeper.end((1 << 63) - 1)
        assert only(answer).sure_after == 4
        assert answer.began_at <= answer.ended_at


def test_memory_is_bounded_and_spares_who_is_near_a_verdict():
    settings = Settings(most_sources=200, most_waiting=300)
    keeper = Doorkeeper(settings=settings)
    slow = ports(refused, each_s=60)
    for at, packet in enumerate(slow[:6:2]):
        number = at * 1000
        flood = [
            reply
            for each in range(900)
            for reply in refused(at * 60 + 1 + each * 0.01, f"11.{(number + each) >> 8}.{(number + each) & 255}.9", US, 7, 40000)
        ]
        keeper.see(flows_of([packet, slow[2 * at + 1]]), packet.at_ns + SECOND)
        keeper.see(flows_of(flood), BEGIN + int((at * 60 + 20) * SECOND))
        assert len(keeper.sources.known) <= 200
        if at == 0:
            # A single contact is as good as any: only from the second on is a source spared.
            again = refused(25, THEM, US, 9)
            keeper.see(flows_of(again), BEGIN + 26 * SECOND)
    keeper.see(flows_of(slow[6:]), slow[-1].at_ns)
    answer = keeper.end(slow[-1].at_ns + 5 * SECOND)
    assert (THEM,) in {row.sources for row in answer.rows}
    assert answer.forgotten > 2000


def test_what_waits_is_bounded():
    keeper = Doorkeeper(settings=Settings(most_waiting=50))
    packets = [packet for each in range(500) for packet in silent(each * 0.001, f"11.0.{each // 250}.{each % 250}", US, 7)]
    keeper.see(flows_of(packets), packets[-1].at_ns)
    assert keeper.end(packets[-1].at_ns).forgotten == 450


def test_ticks_of_nothing():
    keeper = Doorkeeper()
    assert keeper.see(flows_of([]), 0) == ()
    answer = keeper.end(0)
    assert (answer.rows, answer.judged, answer.began_at) == ((), 0, None)


def test_known_so_far():
    keeper = Doorkeeper()
    for part, now in ticks(HEARD + ports(refused), 0.05):
        keeper.see(flows_of(part), now)
    assert [row.sources for row in keeper.now().rows] == [(THEM,)]


def test_who_was_not_answered_while_packets_were_missed_may_have_been():
    for begin_s, scanner in ((0, False), (500, True)):
        keeper = Doorkeeper(settings=Settings(both_ways=True))
        keeper.missed(BEGIN + begin_s * SECOND, BEGIN + (begin_s + 9) * SECOND)
        packets = ports(silent)
        assert bool(keeper.see(flows_of(packets), packets[-1].at_ns + 5 * SECOND)) is scanner


def test_doors_that_a_firewall_may_shut_are_judged_by_what_is_seen():
    unsure = OwnDoors(frozenset({packed(US)}), frozenset(), frozenset((packed(US), TCP, port) for port in range(1, 500)))
    assert not judge(HEARD, ports(connection), own_open=unsure).rows
    assert judge(HEARD, ports(silent), own_open=unsure).rows


@pytest.mark.parametrize(
    ("hosts", "numbers", "kind"),
    [
        (1, 1, Kind.VERTICAL),
        (1, 9, Kind.VERTICAL),
        (2, 9, Kind.VERTICAL),
        (9, 1, Kind.HORIZONTAL),
        (254, 3, Kind.HORIZONTAL),
        (9, 9, Kind.BOTH),
    ],
)
def test_kinds(hosts, numbers, kind):
    assert kind_of(hosts, numbers) is kind


def test_backscatter_is_bounded():
    keeper = Doorkeeper(settings=Settings(most_sources=160, both_ways=True))
    packets = [Packet(BEGIN + each, f"203.0.{each // 250}.{each % 250}", 80, US, 1024 + each, flags=RST | ACK) for each in range(2000)] + [
        Packet(BEGIN + SECOND + each, "192.0.2.1", 80, US, 1024 + each, flags=RST | ACK) for each in range(2000)
    ]
    keeper.see(flows_of(packets), BEGIN + 2 * SECOND)
    assert len(keeper.backscatter.known) <= 10
    row = only_seen(keeper.end(BEGIN + 2 * SECOND).rows)
    assert (row.sources, row.first_contacts) == (("192.0.2.1",), 256)
