"""Greetings of UDP services: each has the form its protocol asks for, and answers are told from strangers'."""

from struct import pack, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.wire.hello_bound import ipmi
from portulan.wire.udp_hello import PORTS_WITH_GREETING, TFTP, answers_elsewhere, hello, matches, ways

DICE, OTHER = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210
EVERY = [(port, turn) for port in sorted(PORTS_WITH_GREETING) for turn in range(ways(port))]


@pytest.mark.parametrize(("port", "turn"), EVERY)
def test_each_is_the_same_for_the_same_dice_and_fits_one_packet(port, turn):
    for dice in (0, DICE, (1 << 64) - 1):
        sent = hello(port, dice, turn)
        assert 0 < len(sent) <= 1232
        assert sent == hello(port, dice, turn + ways(port))
        assert matches(port, sent, b"")


def test_an_unknown_port_is_sent_nothing_in_particular():
    assert (hello(1, DICE), ways(1), matches(1, b"", b"anything")) == (b"", 1, True)


@given(st.sampled_from(EVERY), st.integers(0, (1 << 64) - 1), st.binary(max_size=80))
def test_any_answer_is_judged(which, dice, answer):
    port, turn = which
    assert matches(port, hello(port, dice, turn), answer) in (True, False)
    answers_elsewhere(answer)


def ber(data):
    """[(tag, content or what is in it)], strictly."""
    found, at = [], 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size])
            at += size
        assert at + length <= len(data)
        found.append((tag, ber(data[at : at + length]) if tag & 0x20 else data[at : at + length]))
        at += length
    return found


@pytest.mark.parametrize(("port", "turn"), [(88, 0), (161, 0), (161, 1), (161, 2), (389, 0)])
def test_nested_encodings_close(port, turn):
    ((tag, _),) = ber(hello(port, DICE, turn))
    assert tag in (0x30, 0x6A)


def answer_of(port, turn, sent):
    """What a server of the protocol answers, by hand from its specification."""
    number = sent[:2]
    rpc = sent[:4] + pack(">6I", 1, 0, 0, 0, 0, 0)
    found = {
        7: sent,
        53: number + b"\x80\x05" + sent[4:],
        123: b"\x24" + bytes(23) + sent[40:48] + bytes(16),
        137: number + b"\x84\0" + sent[4:],
        5353: number + b"\x84\0" + sent[4:],
        111: rpc,
        2049: rpc,
        389: sent,
        161: sent,
        427: b"\x02\x0a" + sent[2:16],
        443: b"\x80" + bytes(4) + sent[14:23] + sent[5:14] + b"\0\0\0\1",
        500: sent[:8] + b"responds" + sent[16:28],
        4500: sent[:12] + b"responds" + sent[20:32],
        623: b"\x06\0\xff\x06" + pack(">IBB", 4542, 0x40, sent[9] if turn else 0) + bytes(2),
        1194: b"\x40" + b"them-sid" + b"\1" + bytes(4) + sent[1:9] + bytes(4),
        1812: b"\x02" + sent[1:2] + b"\0\x14" + bytes(16),
        2152: b"\x32\2\0\6" + bytes(4) + sent[8:10] + b"\0\0",
        3478: b"\1\1\0\0" + sent[4:20],
        3702: b"<a:RelatesTo>" + sent[sent.find(b"urn:uuid") :][:45] + b"</a:RelatesTo>",
        4569: b"\x80\1" + sent[:1].replace(sent[:1], bytes((sent[0] & 0x7F,))) + sent[1:2] + bytes(6) + b"\6\3",
        5060: b"SIP/2.0 200 OK\r\n" + sent[sent.find(b"Call-ID") :],
        5683: b"\x64\x45" + sent[2:8],
        6881: b"d1:rd2:id20:" + bytes(20) + b"e1:t4:" + sent[-11:-7] + b"1:y1:re",
        6969: bytes(4) + sent[12:16] + bytes(8),
        11211: sent[:2] + b"\0\0\0\1\0\0VERSION 1\r\n",
        19132: b"\x1c" + sent[1:9] + bytes(20),
        25565: b"\x09" + sent[3:7] + b"123\0",
        44818: b"\x63\0" + bytes(10) + sent[12:20] + bytes(4),
        47808: b"\x81\x0a\0\x09\1\0\x50" + sent[8:9] + b"\x0c",
        64738: b"\0\1\2\3" + sent[4:12] + bytes(12),
    }
    return found.get(port)


CHECKED = [
    (port, turn)
    for port, turn in EVERY
    if answer_of(port, turn, hello(port, DICE, turn)) is not None and (port, turn) not in ((443, 1), (623, 0))
]


@pytest.mark.parametrize(("port", "turn"), CHECKED)
def test_an_answer_is_told_from_one_to_somebody_else(port, turn):
    sent = hello(port, DICE, turn)
    assert matches(port, sent, answer_of(port, turn, sent))
    assert not matches(port, sent, answer_of(port, turn, hello(port, OTHER, turn)))


def test_most_protocols_with_numbers_are_checked():
    assert len(CHECKED) >= 30


def test_quic_asks_for_versions():
    sent = hello(443, DICE)
    assert len(sent) == 1200
    assert sent[0] & 0xC0 == 0xC0
    assert all(byte & 0x0F == 0x0A for byte in sent[1:5])


def test_ipmi_sums():
    message = ipmi(0)[14:]
    assert sum(message[:3]) & 0xFF == 0
    assert sum(message[3:]) & 0xFF == 0


def test_ike_lengths_agree():
    for turn in range(ways(500)):
        sent = hello(500, DICE, turn)
        assert unpack_from(">I", sent, 24)[0] == len(sent)
        at, kind = 28, sent[16]
        while kind:
            kind, length = sent[at], unpack_from(">H", sent, at + 2)[0]
            at += length
        assert at == len(sent)


def test_dtls_lengths_agree():
    sent = hello(5684, DICE)
    assert unpack_from(">H", sent, 11)[0] == len(sent) - 13
    assert int.from_bytes(sent[14:17]) == int.from_bytes(sent[22:25]) == len(sent) - 25


def test_tftp_answers_from_another_port():
    assert answers_elsewhere(b"\0\5\0\1File not found\0") == TFTP
    assert answers_elsewhere(b"\0\1name\0octet\0") is None
