"""A link with a delay, judged by clocks and by counts on both sides of it."""

import hashlib
import os
import socket
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from portulan.errors import BadInput
from portulan.system.sandbox.sweep import running_since

pytestmark = pytest.mark.lab

ECHO = """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(("::", 7))
while True:
    data, sender = server.recvfrom(2048)
    server.sendto(data, sender)
"""
SINK = """
import hashlib, socket
server = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    one = server.accept()[0]
    digest = hashlib.sha256()
    while data := one.recv(1 << 16):
        digest.update(data)
    one.sendall(digest.digest())
"""
FRAMES_PER_S = 45_000
EXPERIMENT = 0x88B5


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def round_trips(address, count):
    """Milliseconds of each."""
    took = []
    with socket.socket(family(address), socket.SOCK_DGRAM) as one:
        one.settimeout(10)
        one.connect((address, 7))
        for _ in range(count):
            begun = time.perf_counter()
            one.send(b"?")
            one.recv(16)
            took.append((time.perf_counter() - begun) * 1000)
    return took


def numbered_frames(count, size=60):
    """Ethernet frames of a protocol for experiments (IEEE 802), each with its number."""
    frames = np.zeros((count, size), np.uint8)
    frames[:, :14] = np.frombuffer(b"\xff" * 6 + b"\x02\0\0\0\0\1" + EXPERIMENT.to_bytes(2), np.uint8)
    frames[:, 14:18] = np.arange(count, dtype=">u4").view(np.uint8).reshape(count, 4)
    return frames


def send_paced(count, rate):
    """Send numbered frames at a rate; returns how long that took."""
    frames = [row.tobytes() for row in numbered_frames(count)]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as one:
        one.bind(("eth0", 0))
        begun = time.perf_counter()
        for at in range(0, count, 100):
            for frame in frames[at : at + 100]:
                one.send(frame)
            time.sleep(max(0.0, begun + (at + 100) / rate - time.perf_counter()))
        return time.perf_counter() - begun


def numbers_heard(one):
    heard = []
    while True:
        try:
            frame = one.recv(64)
        except BlockingIOError:
            return heard
        heard.append(int.from_bytes(frame[14:18]))


@pytest.fixture
def ends(sandbox):
    return sandbox.host("a"), sandbox.host("b")


@pytest.fixture
def listen_for_frames():
    """Packet sockets that hear these frames, with room for so many bytes."""
    with ExitStack() as stack:

        def listen(host, room):
            with host.enter():
                one = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EXPERIMENT)))
                one.bind(("eth0", EXPERIMENT))
            one.setsockopt(socket.SOL_SOCKET, 33, room)  # SO_RCVBUFFORCE
            one.setblocking(False)
            return one

        yield listen


@pytest.mark.parametrize("version", [4, 6])
def test_the_round_trip_is_twice_the_delay(ends, sandbox, version):
    first, second = ends
    link = sandbox.delayed_link(first, second, delay_ms=10)
    second.start([sys.executable, "-c", ECHO])
    second.wait_for_port(7, transport="udp")
    address = second.address if version == 4 else second.address6
    first.call(round_trips, address, 1)  # whoever asks first asks for a hardware address too
    ten = first.call(round_trips, address, 15)
    link.delay(0)
    none = first.call(round_trips, address, 15)
    link.delay(30, towards=first)
    thirty = first.call(round_trips, address, 15)
    assert min(ten) >= 20
    assert min(none) < 20
    assert min(thirty) >= 30
    assert statistics.median(ten) < 30
    assert statistics.median(thirty) < 45
    assert sandbox.openings() == []


def test_nothing_is_lost_and_the_order_is_kept_both_ways_at_once(ends, sandbox, samples, listen_for_frames):
    """At 45,000 frames a second each way, with thousands on their way all the time."""
    first, second = ends
    link = sandbox.delayed_link(first, second, delay_ms=100)
    count = samples(15_000, 200_000)
    ears = [listen_for_frames(host, 1 << 28) for host in ends]
    threads = [Thread(target=host.call, args=(send_paced, count, FRAMES_PER_S)) for host in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(1)
    for host, ear in zip(ends, ears, strict=True):
        assert numbers_heard(ear) == list(range(count))
        relayed = link.relayed(host)
        print(f"towards {host.name}: {relayed}")
        assert (relayed.frames, relayed.lost) >= (count, 0)
        assert relayed.lost == 0


def test_a_burst_is_held_whole(ends, sandbox, listen_for_frames):
    first, second = ends
    link = sandbox.delayed_link(first, second, delay_ms=2_000)
    ear = listen_for_frames(second, 1 << 28)
    count = 60_000
    took = first.call(send_paced, count, 1e9)
    assert numbers_heard(ear) == [] or took > 2
    link.delay(0)
    deadline = time.monotonic() + 20
    while link.relayed(second).frames < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert numbers_heard(ear) == list(range(count))


def test_a_full_link_says_what_it_lost(ends, sandbox, listen_for_frames):
    first, second = ends
    link = sandbox.delayed_link(first, second, delay_ms=1_500, packets=100)
    ear = listen_for_frames(second, 1 << 24)
    first.call(send_paced, 1_000, 1e9)
    time.sleep(4)
    heard = numbers_heard(ear)
    assert 100 <= len(heard) < 1_000
    assert heard == list(range(len(heard)))
    assert link.relayed(second).lost >= 1_000 - len(heard)


@pytest.mark.parametrize("version", [4, 6])
def test_streams_pass_unharmed(ends, sandbox, version):
    """Whole segments with right checksums, although the kernel prefers to leave both to hardware."""
    first, second = ends
    sandbox.delayed_link(first, second, delay_ms=2)
    second.start([sys.executable, "-c", SINK])
    second.wait_for_port(7)
    data = os.urandom(3_000_000)

    def send():
        with socket.create_connection((second.address if version == 4 else second.address6, 7), timeout=20) as one:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            return one.recv(64)

    assert first.call(send) == hashlib.sha256(data).digest()


def test_a_delayed_link_can_lose_and_be_pulled_out(ends, sandbox):
    first, second = ends
    link = sandbox.delayed_link(first, second, delay_ms=1)
    second.start([sys.executable, "-c", ECHO])
    second.wait_for_port(7, transport="udp")
    first.call(round_trips, second.address, 1)
    link.lose(100, towards=second)
    with pytest.raises(TimeoutError):
        first.call(impatient, second.address)
    link.lose(0)
    link.switch(on=False)
    with pytest.raises(OSError, match=r"timed out|unreachable"):
        first.call(impatient, second.address)
    link.switch(on=True)
    assert len(first.call(round_trips, second.address, 3)) == 3


def impatient(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(0.2)
        one.connect((address, 7))
        one.send(b"?")
        one.recv(16)


def test_routes_lead_over_delayed_links(sandbox):
    first, router, second = sandbox.host("a"), sandbox.router("r"), sandbox.host("b")
    sandbox.delayed_link(first, router, delay_ms=3)
    sandbox.delayed_link(router, second, delay_ms=4)
    sandbox.route_all()
    second.start([sys.executable, "-c", ECHO])
    second.wait_for_port(7, transport="udp")
    for address in (second.address, second.address6):
        first.call(round_trips, address, 1)
        assert min(first.call(round_trips, address, 5)) >= 14


def test_relays_end_with_the_sandbox():
    from portulan.system.sandbox import Sandbox

    with Sandbox() as sandbox:
        sandbox.delayed_link(sandbox.host("a"), sandbox.host("b"), delay_ms=1)
        relay = sandbox._between[0]._processes[0].pid
        both = [relay, *map(int, Path(f"/proc/{relay}/task/{relay}/children").read_text().split())]
        assert len(both) == 2
        assert all(map(running_since, both))
    deadline = time.monotonic() + 10  # dead and out of its namespaces at once, but it has memory to give back
    while any(map(running_since, both)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(running_since, both))


def test_what_cannot_be_is_told(ends, sandbox):
    first, second = ends
    plain = sandbox.link(first, second)
    for nonsense in (lambda: plain.delay(1), lambda: plain.relayed(first)):
        with pytest.raises(BadInput, match=r"sandbox\.no-relay"):
            nonsense()
    for delay_ms in (-1, 60_001, float("nan")):
        with pytest.raises(BadInput, match=r"sandbox\.delay"):
            sandbox.delayed_link(first, second, delay_ms=delay_ms)
    link = sandbox.delayed_link(first, second, delay_ms=1)
    with pytest.raises(BadInput, match=r"sandbox\.not-linked"):
        link.delay(1, towards=sandbox.host("c"))
