"""ARP and neighbour discovery, built and read."""

import socket
from ipaddress import ip_address

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portulan.wire.neighbours import ARP_SIZE, SOLICITATION_SIZE, _sum, build_arp, build_solicitations, parse_advertisement, parse_arp_reply

MINE, THEIRS = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"


def packed(text):
    return ip_address(text).packed


def advertisement(target, *, option=True, flags=b"\x60\0\0\0", hops=255):
    body = b"\x88\0\0\0" + flags + packed(target) + (b"\x02\x01" + THEIRS if option else b"")
    addresses = packed(target) + packed("fd00::1")
    check = 0xFFFF - _sum(addresses, body)
    body = body[:2] + check.to_bytes(2) + body[4:]
    return MINE + THEIRS + b"\x86\xdd\x60\0\0\0" + len(body).to_bytes(2) + bytes((58, hops)) + addresses + body


def test_arp_asks_everybody_for_each():
    frames = build_arp(MINE, packed("198.18.0.1"), np.frombuffer(packed("198.18.0.2") + packed("198.18.7.9"), np.uint8).reshape(2, 4))
    assert frames.shape == (2, ARP_SIZE)
    assert frames[1].tobytes() == b"\xff" * 6 + MINE + bytes.fromhex("0806 0001 0800 06 04 0001") + MINE + packed("198.18.0.1") + bytes(
        6
    ) + packed("198.18.7.9")


def test_arp_replies():
    reply = MINE + THEIRS + bytes.fromhex("0806 0001 0800 06 04 0002") + THEIRS + packed("198.18.0.2") + MINE + packed("198.18.0.1")
    assert parse_arp_reply(reply + bytes(18)) == (packed("198.18.0.2"), THEIRS)
    assert parse_arp_reply(reply[:41]) is None
    assert parse_arp_reply(reply.replace(bytes.fromhex("06 04 0002"), bytes.fromhex("06 04 0001"))) is None


def test_a_solicitation_goes_to_the_group_of_its_target():
    target = "fd00::12:3456:789a"
    frame = build_solicitations(MINE, packed("fd00::1"), np.frombuffer(packed(target), np.uint8).reshape(1, 16))[0].tobytes()
    assert len(frame) == SOLICITATION_SIZE
    assert frame[:6] == bytes.fromhex("3333ff56789a")
    assert socket.inet_ntop(socket.AF_INET6, frame[38:54]) == "ff02::1:ff56:789a"
    assert (frame[20], frame[21], frame[54]) == (58, 255, 135)
    assert frame[62:78] == packed(target)
    assert frame[78:] == b"\x01\x01" + MINE
    assert _sum(frame[22:54], frame[54:]) == 0xFFFF


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_every_solicitation_has_a_right_sum(own, target):
    frame = build_solicitations(MINE, own, np.frombuffer(target, np.uint8).reshape(1, 16))[0].tobytes()
    assert _sum(frame[22:54], frame[54:]) == 0xFFFF


def test_advertisements():
    whole = advertisement("fd00::2")
    assert parse_advertisement(whole) == (packed("fd00::2"), THEIRS)
    assert parse_advertisement(advertisement("fd00::2", option=False)) == (packed("fd00::2"), THEIRS)
    assert parse_advertisement(advertisement("fd00::2", hops=64)) is None, "it came through a router"
    assert parse_advertisement(whole[:-1]) is None
    assert parse_advertisement(whole[:-1] + b"\xff") is None, "its sum is wrong"


@given(st.binary(max_size=120))
def test_any_bytes_are_read(data):
    for frame in (data, advertisement("fd00::2")[:54] + data, bytes(12) + b"\x08\x06" + data):
        assert parse_arp_reply(frame) is None or len(parse_arp_reply(frame)[0]) == 4
        assert parse_advertisement(frame) is None or len(parse_advertisement(frame)[0]) == 16
