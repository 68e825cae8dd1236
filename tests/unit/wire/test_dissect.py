"""Packets taken apart, for a reader."""

import random
from itertools import pairwise

import pytest

from packets import any_packet
from portulan.model.address import pack_address
from portulan.wire.dissect import ETHERNET, dissect
from portulan.wire.icmp import checksum
from portulan.wire.sample_frames import build_echo_frame, build_tcp_frame, build_udp_frame

HERE, THERE = pack_address("192.0.2.7"), pack_address("203.0.113.9")
FRAMES = {
    "udp": build_udp_frame(HERE, 50_000, THERE, 53, b"odd"),
    "tcp": build_tcp_frame(HERE, 50_001, THERE, 443, b"even", sequence=7),
    "icmp": build_echo_frame(HERE, THERE, 4711, 2, b"there?"),
}


def values(layers):
    return {field.code: field.value for layer in layers for field in layer.fields}


def names(layers):
    return [layer.code for layer in layers]


@pytest.mark.parametrize(("name", "ports"), [("udp", ("50000", "53")), ("tcp", ("50001", "443"))])
def test_ports_stand_in_the_transport_and_nowhere_else(name, ports):
    layers = dissect(FRAMES[name])
    assert names(layers) == ["ethernet", "ipv4", name, "data"]
    told = values(layers)
    assert (told["source-port"], told["destination-port"]) == ports
    assert (told["source-address"], told["destination-address"]) == ("192.0.2.7", "203.0.113.9")
    assert [layer.code for layer in layers if any(field.is_port for field in layer.fields)] == [name]
    for field in layers[2].fields[:2]:
        assert int.from_bytes(FRAMES[name][field.at : field.at + field.size]) == int(field.value)


def test_an_echo_has_no_port():
    layers = dissect(FRAMES["icmp"])
    assert names(layers) == ["ethernet", "ipv4", "icmp", "data"]
    assert not any(field.is_port for layer in layers for field in layer.fields)
    assert {name: values(layers)[name] for name in ("type", "identifier", "sequence")} == {
        "type": "8",
        "identifier": "4711",
        "sequence": "2",
    }


@pytest.mark.parametrize("name", FRAMES)
def test_what_is_built_has_right_sums(name):
    packet = FRAMES[name][14:]
    assert checksum(packet[:20]) == 0
    inner = packet[20:]
    pseudo = b"" if name == "icmp" else packet[12:20] + bytes([0, packet[9]]) + len(inner).to_bytes(2)
    assert checksum(pseudo + inner) == 0


def test_what_stands_behind_the_packet_is_padding():
    assert names(dissect(FRAMES["udp"].ljust(60, b"\xee")))[-2:] == ["data", "padding"]


def test_a_later_piece_has_no_ports():
    frame = bytearray(FRAMES["udp"])
    frame[20:22] = b"\x00\x10"
    assert names(dissect(bytes(frame))) == ["ethernet", "ipv4", "fragment"]


def test_a_frame_that_was_cut():
    assert names(dissect(FRAMES["tcp"][:36])) == ["ethernet", "ipv4", "cut"]
    assert names(dissect(FRAMES["tcp"][:40])) == ["ethernet", "ipv4", "tcp"]
    assert names(dissect(FRAMES["tcp"][:9])) == ["cut"]
    assert dissect(b"") == ()


def test_a_link_that_is_not_read():
    assert names(dissect(FRAMES["tcp"], 147)) == ["unknown"]


def test_as_whoever_knows_the_truth(day_seed):
    """Of any stack of headers: the layers cover every byte, and ports that are told are the right ones; those of the usual links are always told."""
    dice, told = random.Random(day_seed), 0
    for _ in range(1500):
        packet = any_packet(dice)
        layers = dissect(packet.data, packet.link)
        assert sum(layer.size for layer in layers) == len(packet.data)
        assert all(before.at + before.size == after.at for before, after in pairwise(layers))
        ports = [field.value for layer in layers for field in layer.fields if field.is_port]
        truth = packet.truth and [str(packet.truth.source_port), str(packet.truth.destination_port)]
        assert not ports or ports == truth, packet.names
        if truth and packet.link == ETHERNET and packet.names[0] == "ethernet" and packet.names[1].startswith("ipv"):
            assert ports, packet.names
        told += bool(ports)
    assert told > 100
