"""What first bytes say a flow is."""

import random

import numpy as np
import pytest

from first_payloads import SAMPLES, TCP, UDP, UNKNOWN, client_hello, packed
from portulan.model.traffic import PROTOCOLS
from portulan.traffic.recognise import CODES, alpn_of, name_of, recognise
from portulan.wire import udp_hello


def told(payloads, transport, whole=None):
    buffer, start, length = packed(payloads)
    codes = recognise(
        buffer, start, length, np.full(len(payloads), transport, np.uint8), None if whole is None else np.array(whole, np.int64)
    )
    return [PROTOCOLS[code] for code in codes]


@pytest.mark.parametrize(("protocol", "transport"), SAMPLES)
def test_each_protocol_is_told_by_its_first_bytes(protocol, transport):
    payloads = SAMPLES[protocol, transport]
    assert told(payloads, transport) == [protocol] * len(payloads)


def test_every_protocol_has_samples():
    assert {protocol for protocol, _ in SAMPLES} | {"unknown"} == set(PROTOCOLS)


@pytest.mark.parametrize("transport", [TCP, UDP])
def test_unknown_stays_unknown(transport):
    assert told(UNKNOWN[transport], transport) == ["unknown"] * len(UNKNOWN[transport])


def test_a_payload_is_told_whatever_lies_around_it():
    """All at once, in any order, at any alignment: the same as alone."""
    every = [(payload, protocol, transport) for (protocol, transport), payloads in SAMPLES.items() for payload in payloads]
    every += [(payload, "unknown", transport) for transport, payloads in UNKNOWN.items() for payload in payloads]
    for first in range(8):
        random.Random(first).shuffle(every)
        buffer, start, length = packed([payload for payload, *_ in every], gap=first, first=first)
        codes = recognise(buffer, start, length, np.array([transport for *_, transport in every], np.uint8))
        assert [PROTOCOLS[code] for code in codes] == [protocol for _, protocol, _ in every]


def test_other_transports_say_nothing():
    buffer, start, length = packed([b"GET / HTTP/1.1\r\n", b"SSH-2.0-x\r\n"])
    assert not recognise(buffer, start, length, np.array([132, 1], np.uint8)).any()
    assert not len(recognise(buffer, start[:0], length[:0], np.zeros(0, np.uint8)))


def test_what_a_capture_cut_short_is_told_by_its_length_on_the_wire():
    hello = SAMPLES["wireguard", UDP][0]
    assert told([hello[:100]], UDP) == ["unknown"]
    assert told([hello[:100]], UDP, [len(hello)]) == ["wireguard"]


def test_nothing_behind_the_payload_is_read():
    """The same bytes, of which less belongs to the payload."""
    full = b"SSH-2.0-OpenSSH_9.2\r\n"
    buffer, start, _ = packed([full])
    for size in range(len(full) + 1):
        code = recognise(buffer, start, np.array([size], np.int64), np.array([TCP], np.uint8))[0]
        assert PROTOCOLS[code] == ("ssh" if size >= 6 else "unknown")


def test_our_own_greetings_are_told():
    """What the scanner says to a port, and what is said of it."""
    asked = {53: "dns", 69: "tftp", 88: "kerberos", 111: "rpc", 123: "ntp", 137: "netbios", 389: "ldap", 443: "quic", 500: "ike", 853: "quic", 1194: "openvpn", 1812: "radius", 1900: "ssdp", 2049: "rpc", 3478: "stun", 4500: "ike", 5060: "sip", 5349: "dtls", 5353: "dns", 6881: "bittorrent"}  # fmt: skip
    assert told([udp_hello.hello(port, 0x1234567890ABCDEF) for port in asked], UDP) == list(asked.values())
    assert told([udp_hello.hello(161, 7, turn) for turn in range(3)], UDP) == ["snmp"] * 3


@pytest.mark.parametrize("transport", [TCP, UDP])
@pytest.mark.parametrize("size", [4, 12, 14, 20, 26, 48, 64, 92, 148, 172, 600])
def test_random_bytes_claim_nothing(transport, size, day_seed):
    """Of 20,000 random payloads of a length that some protocol has, at most four are claimed: a sound's frame of 172 bytes is only likely."""
    noise = np.random.default_rng([day_seed, size, transport]).integers(0, 256, 20_000 * size, np.uint8).tobytes()
    found = [each for each in told([noise[at : at + size] for at in range(0, len(noise), size)], transport) if each != "unknown"]
    assert [each for each in found if each != "rtp"] == []
    assert len(found) <= (12 if size == 172 else 4)


def test_names():
    hello = client_hello()
    assert name_of(hello, CODES["tls"]) == "www.example.org"
    assert alpn_of(hello) == ("h2", "http/1.1")
    assert name_of(b"GET / HTTP/1.1\r\nHost: web-01\r\n\r\n", CODES["http"]) == "web-01"
    assert name_of(hello, CODES["ssh"]) is None
    assert alpn_of(b"SSH-2.0-x\r\n") == ()
