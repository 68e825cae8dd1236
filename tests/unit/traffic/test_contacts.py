"""Who turned to which door, and what became of it, of every form a flow can have."""

import numpy as np
import pytest

from contact_samples import (
    ACK,
    BEGIN,
    FIN,
    PSH,
    RST,
    SECOND,
    SYN,
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
)
from portulan.traffic.contacts import NEVER, networks, sort_out

THEM, US = "198.18.0.66", "198.18.0.2"


def contacts(*packets):
    found = sort_out(flows_of([packet for part in packets for packet in part]))
    rows = found.contacts
    return [
        (
            rows.source[at].tobytes(),
            int(rows.port[at]),
            "answered" if rows.answer_ns[at] < NEVER else "refused" if rows.refuse_ns[at] < NEVER or rows.icmp[at] else "silent",
        )
        for at in range(len(rows.port))
    ]


@pytest.mark.parametrize(
    ("packets", "outcome"),
    [
        (connection(0, THEM, US, 80), "answered"),
        (half_open(0, THEM, US, 80), "answered"),
        (refused(0, THEM, US, 80), "refused"),
        (silent(0, THEM, US, 80), "silent"),
        (silent(0, THEM, US, 80, tries=3), "silent"),
        (refused(0, THEM, US, 80, flags=FIN), "refused"),
        (refused(0, THEM, US, 80, flags=0), "refused"),
        (refused(0, THEM, US, 80, flags=FIN | PSH | URG), "refused"),
        (refused(0, THEM, US, 80, flags=ACK), "refused"),
        (refused(0, THEM, US, 80, flags=ACK | FIN), "refused"),
        (silent(0, THEM, US, 80, flags=FIN), "silent"),
        (silent(0, THEM, US, 80, flags=ACK), "silent"),
        (datagram(0, THEM, US, 80, answer_s=0.01), "answered"),
        (datagram(0, THEM, US, 80), "silent"),
        (datagram(0, THEM, US, 80, icmp=1), "refused"),
    ],
)
def test_every_way_to_try_a_door(packets, outcome):
    assert contacts(packets) == [(packed(THEM), 80, outcome)]


def test_who_sent_the_syn_is_who_began_whatever_the_clock_says():
    early = [Packet(BEGIN - SECOND, US, 80, THEM, 40000, flags=SYN | ACK), Packet(BEGIN, THEM, 40000, US, 80, flags=SYN)]
    assert contacts(early) == [(packed(THEM), 80, "answered")]
    answer = sort_out(flows_of(early)).contacts.answer_ns
    assert answer.tolist() == [BEGIN], "an answer is never before its question"


@pytest.mark.parametrize(
    "packets",
    [
        [Packet(BEGIN, US, 80, THEM, 40000, flags=ACK | PSH, payload=9), Packet(BEGIN + 5, THEM, 40000, US, 80, flags=ACK)],
        [Packet(BEGIN, US, 80, THEM, 40000, flags=SYN | ACK), Packet(BEGIN + 5, THEM, 40000, US, 80, flags=RST)],
        [Packet(BEGIN, US, 80, THEM, 40000, flags=RST)],
        [Packet(BEGIN, US, 80, THEM, 40000, flags=ACK)],
        [Packet(BEGIN, THEM, 53, US, 40000, UDP, payload=60)],
        [Packet(BEGIN, THEM, 5353, "224.0.0.251", 5353, UDP)],
        [Packet(BEGIN, "0.0.0.0", 68, "255.255.255.255", 67, UDP)],
        [Packet(BEGIN, THEM, 137, "198.18.0.255", 137, UDP)],
        [Packet(BEGIN, "fd00::1", 546, "ff02::1:2", 547, UDP)],
        [Packet(BEGIN, THEM, 1, US, 1, 99)],
    ],
    ids=[
        "mid-stream",
        "syn-ack",
        "reset",
        "a server's lone ack",
        "dns answer",
        "multicast",
        "broadcast",
        "network's broadcast",
        "ipv6 multicast",
        "no ports",
    ],
)
def test_what_is_no_contact(packets):
    assert contacts(packets) == []


def test_answers_without_questions_are_kept_apart():
    found = sort_out(flows_of([Packet(BEGIN, US, 80, THEM, 40000, flags=SYN | ACK), Packet(BEGIN, US, 81, THEM, 40000, flags=RST | ACK)]))
    assert found.replies.port.tolist() == [80, 81]
    assert found.replies.answer.tolist() == [True, False]
    assert found.replies.lone.all()


def test_who_goes_on_without_an_answer_was_answered_out_of_sight():
    one_way = [packet for packet in connection(0, THEM, US, 80) if packet.source == THEM]
    found = sort_out(flows_of(one_way))
    assert found.contacts.went_on.tolist() == [True]
    assert found.both_ways_ns == NEVER
    assert sort_out(flows_of(connection(0, THEM, US, 80))).both_ways_ns == BEGIN + SECOND // 100


def test_sctp_by_its_lengths():
    def answered(payload):
        to = Packet(BEGIN, THEM, 40000, US, 80, 132, payload=32)
        return contacts([to, Packet(BEGIN + 1, US, 80, THEM, 40000, 132, payload=payload)])[0][2]

    assert answered(4) == "refused"
    assert answered(300) == "answered"


def test_networks():
    there = np.frombuffer(packed("203.0.113.77") + packed("2001:db8:1:2:3:4:5:6"), "V16")
    assert [each.tobytes() for each in networks(there)] == [packed("203.0.113.0"), packed("2001:db8:1:2::")]


def test_no_flows():
    found = sort_out(flows_of([]))
    assert not len(found.contacts.port)
    assert not len(found.replies.port)
