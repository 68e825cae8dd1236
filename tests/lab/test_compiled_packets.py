"""Compiled policies at work: real connections through a host that carries nothing but them (and, for published ports, another program's translation)."""

import socket
from contextlib import ExitStack, contextmanager
from datetime import date

import pytest

from compiled_policies import EVERYBODY, ports, spot
from firewalls import load
from portulan.guard.policy.compile import compile_policy
from portulan.guard.policy.compile_text import permanent
from portulan.model.guard_compiled import Terrain
from portulan.model.policy import Crossing, Limit, Line, Part, Per, Policy, Refusal, Source, Zone
from portulan.model.reach import Sources

pytestmark = [pytest.mark.lab, pytest.mark.peer]
PATIENCE_S = 0.25
OUTSIDE, GATE_OUT, GATE_IN, INSIDE = "198.18.0.1", "198.18.0.2", "198.18.1.1", "198.18.1.2"
OUTSIDE6, GATE_OUT6 = "fd00::1", "fd00::2"
SECOND = "198.18.0.77"
ONLY_FIRST = Source("first", (Part(Sources(((0xC6120001, 0xC6120001),)), ("eth0",)),))


class Scene:
    """outside -- eth0 gate eth1 -- inside"""

    def __init__(self, sandbox, peers):
        self.outside, self.gate, self.inside = sandbox.host("outside"), sandbox.router("gate", root=peers), sandbox.host("inside")
        sandbox.link(self.outside, self.gate, (f"{OUTSIDE}/24", f"{OUTSIDE6}/64", f"{SECOND}/24"), (f"{GATE_OUT}/24", f"{GATE_OUT6}/64"))
        sandbox.link(self.gate, self.inside, f"{GATE_IN}/24", f"{INSIDE}/24")
        self.outside.route("198.18.1.0/24", GATE_OUT)
        self.inside.route("198.18.0.0/24", GATE_IN)
        self.open = ExitStack()

    def apply(self, *doors, **more):
        policy = Policy("portulan.toml", "", doors=doors, **more)
        load(self.gate, permanent(compile_policy(policy, date(2026, 11, 22), Terrain(("eth0",)))))

    def serve(self, host, port, address="0.0.0.0"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with host.enter():
            server = self.open.enter_context(socket.socket(family))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        server.settimeout(5)
        return server

    @contextmanager
    def connected(self, host, address, port, source=None):
        with host.enter():
            one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        with one:
            one.settimeout(PATIENCE_S)
            if source is not None:
                one.bind((source, 0))
            one.connect((address, port))
            one.settimeout(5)
            yield one

    def gets_in(self, host, address, port, source=None):
        try:
            with self.connected(host, address, port, source):
                return True
        except TimeoutError:
            return False


@pytest.fixture
def scene(sandbox, peers):
    made = Scene(sandbox, peers)
    with made.open:
        yield made


def tcp(number, sources=(EVERYBODY,), **more):
    return Line(f"{number}/tcp", ports(tcp=str(number)), sources, spot(int(str(number).partition("-")[0])), **more)


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


def test_a_machine_between_two_networks(scene):
    """Who is inside may go out to the web; nothing comes in."""
    inside, outside = Zone("inside", ("eth1",), spot(1)), Zone("outside", ("eth0", "ppp*"), spot(2))
    web, other = scene.serve(scene.outside, 80), scene.serve(scene.outside, 81)
    scene.serve(scene.inside, 80)
    scene.serve(scene.gate, 22)
    crossing = Crossing("inside -> outside", inside, outside, ports(tcp="25,80,443"), spot(3))
    zones = {"zones": (inside, outside)}
    scene.apply(tcp(22, (Source("inside", (Part(None, inside.links),)),)), crossings=(crossing._replace(masquerade=True),), **zones)
    with scene.connected(scene.inside, OUTSIDE, 80):
        taken, peer = web.accept()
        taken.close()
        assert peer[0] == GATE_OUT
    assert not scene.gets_in(scene.inside, OUTSIDE, 81)
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
