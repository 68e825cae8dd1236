"""Compiled policies at work: real connections through a host that carries nothing but them (and, for published ports, another program's translation)."""

import socket
from datetime import date

import pytest

from compiled_policies import EVERYBODY, ports, spot
from compiled_scene import (
    FAR6,
    GATE_IN,
    GATE_OUT,
    GATE_OUT6,
    INSIDE,
    NEAR6,
    ONLY_FIRST,
    OUTSIDE,
    OUTSIDE6,
    PATIENCE_S,
    SECOND,
    Scene,
    tcp,
    udp,
)
from firewalls import load
from portulan.guard.policy.compile import compile_policy
from portulan.guard.policy.compile_text import permanent
from portulan.model.guard_compiled import Terrain
from portulan.model.policy import Crossing, Limit, Part, Per, Policy, Refusal, Source, Zone
from portulan.model.reach import Sources

pytestmark = [pytest.mark.lab, pytest.mark.peer]


@pytest.fixture
def scene(sandbox, peers):
    made = Scene(sandbox, peers)
    with made.open:
        yield made


def passive(scene):
    """Whether a passive transfer of FTP comes about."""
    control, data = scene.serve(scene.gate, 21), scene.serve(scene.gate, 40000)
    with scene.connected(scene.outside, GATE_OUT, 21) as client:
        server, _ = control.accept()
        with server:
            server.sendall(b"220 ready\r\n")
            assert client.recv(100) == b"220 ready\r\n"
            client.sendall(b"PASV\r\n")
            assert server.recv(100) == b"PASV\r\n"
            assert not scene.gets_in(scene.outside, GATE_OUT, 40000)
            server.sendall(b"227 Entering Passive Mode (198,18,0,2,156,64)\r\n")
            assert client.recv(100).startswith(b"227")
            found = scene.gets_in(scene.outside, GATE_OUT, 40000)
    control.close()
    data.close()
    return found


def test_a_helper_lets_the_rest_of_the_exchange_in(scene):
    scene.apply(tcp(21, (ONLY_FIRST,), helper="ftp"))
    assert passive(scene)
    scene.apply(tcp(21, (ONLY_FIRST,)))
    assert not passive(scene)


def test_a_sender_who_comes_too_often(scene):
    scene.serve(scene.gate, 22)
    scene.apply(tcp(22, (EVERYBODY,), limit=Limit(2, Per.HOUR, 2), log=True))
    assert [scene.gets_in(scene.outside, GATE_OUT, 22) for _ in range(3)] == [True, True, False]
    assert scene.gets_in(scene.outside, GATE_OUT, 22, SECOND)
    # Whoever may come in uncounted is not counted.
    scene.apply(tcp(22, (EVERYBODY,), limit=Limit(1, Per.DAY, 1)), tcp("20-30", (ONLY_FIRST,)))
    assert [scene.gets_in(scene.outside, GATE_OUT, 22) for _ in range(3)] == [True, True, True]
    assert [scene.gets_in(scene.outside, GATE_OUT, 22, SECOND) for _ in range(2)] == [True, False]


def test_addresses_of_one_network_of_ipv6_are_one_sender(scene):
    scene.serve(scene.gate, 22, "::")
    scene.apply(tcp(22, (EVERYBODY,), limit=Limit(2, Per.HOUR, 2)))
    asked = (OUTSIDE6, NEAR6, OUTSIDE6, NEAR6, FAR6, FAR6, FAR6)
    assert [scene.gets_in(scene.outside, GATE_OUT6, 22, each) for each in asked] == [True, True, False, False, True, True, False]


def received(server):
    """The datagrams that have arrived."""
    server.settimeout(PATIENCE_S)
    found = []
    try:
        while True:
            found.append(server.recvfrom(100))
    except TimeoutError:
        return found


def test_new_exchanges_of_udp_are_counted_and_what_goes_on_is_not(scene):
    servers = {}
    for address in ("0.0.0.0", "::"):
        with scene.gate.enter():
            servers[address] = scene.open.enter_context(
                socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            )
        servers[address].setsockopt(
            *((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1) if ":" in address else (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
        )
        servers[address].bind((address, 53))
    scene.apply(udp(53, limit=Limit(3, Per.HOUR, 3)))
    for server, own, target in (
        (servers["0.0.0.0"], (OUTSIDE,) * 5 + (SECOND,), GATE_OUT),
        (servers["::"], (OUTSIDE6, NEAR6, OUTSIDE6, NEAR6, OUTSIDE6, FAR6), GATE_OUT6),
    ):
        clients = []
        for number, address in enumerate(own):
            with scene.outside.enter():
                one = scene.open.enter_context(socket.socket(server.family, socket.SOCK_DGRAM))
            one.bind((address, 0))
            one.connect((target, 53))
            one.send(b"%d" % number)
            clients.append(one)
        came = received(server)
        assert [data for data, _ in came] == [b"0", b"1", b"2", b"5"], "three of one sender, and the other"
        # Who was answered goes on, however often; who was refused stays so.
        server.sendto(b"!", came[0][1])
        for _ in range(5):
            clients[0].send(b"more")
        clients[3].send(b"again")
        assert [data for data, _ in received(server)] == [b"more"] * 5


def test_nobody_is_shut_out_because_too_many_others_are_counted(scene):
    scene.serve(scene.gate, 22)
    policy = Policy("portulan.toml", "", doors=(tcp(22, limit=Limit(1, Per.DAY, 1)),))
    text = permanent(compile_policy(policy, date(2026, 11, 22), Terrain(("eth0",))))
    load(scene.gate, text.replace("size 65536", "size 1"))
    assert [scene.gets_in(scene.outside, GATE_OUT, 22) for _ in range(2)] == [True, False]
    assert [scene.gets_in(scene.outside, GATE_OUT, 22, SECOND) for _ in range(2)] == [True, True]


def test_published_ports_are_judged_by_the_port_that_was_asked_for(scene):
    load(
        scene.gate,
        """table ip other {
            chain p { type nat hook prerouting priority dstnat; iifname "eth0" tcp dport { 8080, 8081 } dnat to 198.18.1.2:80; tcp dport 82 redirect to :8082; }
        }""",
    )
    scene.serve(scene.inside, 80)
    for port in (80, 8080, 8082):
        scene.serve(scene.gate, port)
    scene.apply(tcp(8080, (ONLY_FIRST,)), tcp(82))
    assert scene.gets_in(scene.outside, GATE_OUT, 8080)
    assert not scene.gets_in(scene.outside, GATE_OUT, 8080, SECOND)
    assert not scene.gets_in(scene.outside, GATE_OUT, 8081)
    assert scene.gets_in(scene.outside, GATE_OUT, 82)
    assert not scene.gets_in(scene.outside, GATE_OUT, 8082)
    # What is not published does not go through; what comes from inside is left alone.
    assert not scene.gets_in(scene.outside, INSIDE, 80)
    scene.serve(scene.outside, 9)
    assert scene.gets_in(scene.inside, OUTSIDE, 9)
    scene.apply(tcp(80))
    assert not scene.gets_in(scene.outside, GATE_OUT, 8080)


def test_refused_by_an_answer(scene):
    scene.apply(tcp(1), refusal=Refusal.REJECT, log=Limit(1, Per.MINUTE, 5))
    with pytest.raises(ConnectionRefusedError):
        scene.gets_in(scene.outside, GATE_OUT, 99)
    with pytest.raises(ConnectionRefusedError):
        scene.gets_in(scene.outside, GATE_OUT6, 99)
    with scene.outside.enter(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        one.connect((GATE_OUT, 99))
        one.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            one.recv(1)


def datagram(scene, port):
    """What somebody inside is answered by a server outside, and who that server sees."""
    with scene.outside.enter():
        server = scene.open.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with scene.inside.enter():
        client = scene.open.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    for one in (server, client):
        one.settimeout(5)
    server.bind((OUTSIDE, port))
    client.connect((OUTSIDE, port))
    client.send(b"?")
    _, peer = server.recvfrom(10)
    server.sendto(b"!", peer)
    return client.recv(10), peer


def test_a_machine_between_two_networks(scene):
    """Who is inside may go out to the web; nothing comes in."""
    inside, outside = Zone("inside", ("eth1",), spot(1)), Zone("outside", ("eth0", "ppp*"), spot(2))
    web, other = scene.serve(scene.outside, 80), scene.serve(scene.outside, 81)
    scene.serve(scene.inside, 80)
    scene.serve(scene.gate, 22)
    crossing = Crossing("inside -> outside", inside, outside, ports(tcp="25,80,443", udp="443"), spot(3))
    zones = {"zones": (inside, outside)}
    scene.apply(tcp(22, (Source("inside", (Part(None, inside.links),)),)), crossings=(crossing._replace(masquerade=True),), **zones)
    with scene.connected(scene.inside, OUTSIDE, 80):
        taken, peer = web.accept()
        taken.close()
        assert peer[0] == GATE_OUT
    assert not scene.gets_in(scene.inside, OUTSIDE, 81)
    asked, peer = datagram(scene, 443)
    assert (asked, peer[0]) == (b"!", GATE_OUT)
    assert not scene.gets_in(scene.outside, INSIDE, 80)
    assert scene.gets_in(scene.inside, GATE_IN, 22)
    assert not scene.gets_in(scene.outside, GATE_OUT, 22)
    scene.apply(crossings=(crossing._replace(ports=(), everything=True, log=True),), **zones)
    with scene.connected(scene.inside, OUTSIDE, 81):
        taken, peer = other.accept()
        taken.close()
        assert peer[0] == INSIDE
    # A published port is let in by its door, or by a crossing.
    load(
        scene.gate,
        'table ip other { chain p { type nat hook prerouting priority dstnat; iifname "eth0" tcp dport 8080 dnat to 198.18.1.2:80; }; }',
    )
    assert not scene.gets_in(scene.outside, GATE_OUT, 8080)
    scene.apply(tcp(8080, (ONLY_FIRST,)), **zones)
    assert scene.gets_in(scene.outside, GATE_OUT, 8080)
    assert not scene.gets_in(scene.outside, GATE_OUT, 8080, SECOND)
    back = Crossing("outside -> inside", outside, inside, ports(tcp="80"), spot(4))
    scene.apply(crossings=(back,), **zones)
    assert scene.gets_in(scene.outside, GATE_OUT, 8080, SECOND)
    assert scene.gets_in(scene.outside, INSIDE, 80)
    scene.apply(crossings=(crossing._replace(limit=Limit(1, Per.DAY, 1)),), **zones)
    assert [scene.gets_in(scene.inside, OUTSIDE, 80) for _ in range(2)] == [True, False]


def test_what_goes_out(scene):
    scene.serve(scene.outside, 443)
    scene.serve(scene.outside, 80)
    scene.serve(scene.outside, 443, OUTSIDE6)
    scene.apply(outgoing=(tcp(443), tcp(80, (ONLY_FIRST._replace(parts=(Part(Sources(((0xC612004D, 0xC612004D),))),)),))))
    assert scene.gets_in(scene.gate, OUTSIDE, 443)
    assert scene.gets_in(scene.gate, OUTSIDE6, 443)
    assert not scene.gets_in(scene.gate, OUTSIDE, 80)
    assert scene.gets_in(scene.gate, SECOND, 80)
    scene.apply(outgoing=(tcp(443),), refusal=Refusal.REJECT)
    with pytest.raises(ConnectionRefusedError):
        scene.gets_in(scene.gate, OUTSIDE, 80)
    assert scene.gets_in(scene.gate, OUTSIDE, 443)
