"""A host that carries nothing but a compiled policy, between two others: what the tests of compiled policies at work share."""

import socket
from contextlib import ExitStack, contextmanager
from datetime import date

from compiled_policies import EVERYBODY, ports, spot
from firewalls import load
from portulan.guard.policy.compile import compile_policy
from portulan.guard.policy.compile_text import permanent
from portulan.model.guard_compiled import Terrain
from portulan.model.policy import Line, Part, Policy, Source
from portulan.model.reach import Sources

PATIENCE_S = 0.25
OUTSIDE, GATE_OUT, GATE_IN, INSIDE = "198.18.0.1", "198.18.0.2", "198.18.1.1", "198.18.1.2"
OUTSIDE6, GATE_OUT6 = "fd00::1", "fd00::2"
SECOND = "198.18.0.77"
NEAR6, FAR6 = "fd00::77", "fd00:0:0:1::1"
"""Of the same /64 as OUTSIDE6, and of another one."""
ONLY_FIRST = Source("first", (Part(Sources(((0xC6120001, 0xC6120001),)), ("eth0",)),))


class Scene:
    """outside -- eth0 gate eth1 -- inside"""

    def __init__(self, sandbox, peers):
        self.outside, self.gate, self.inside = sandbox.host("outside"), sandbox.router("gate", root=peers), sandbox.host("inside")
        sandbox.link(self.outside, self.gate, (f"{OUTSIDE}/24", f"{OUTSIDE6}/64", f"{SECOND}/24", f"{NEAR6}/64", f"{FAR6}/64"),
                     (f"{GATE_OUT}/24", f"{GATE_OUT6}/64", "fd00:0:0:1::2/64"))  # fmt: skip
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


def tcp(number, sources=(EVERYBODY,), **more):
    return Line(f"{number}/tcp", ports(tcp=str(number)), sources, spot(int(str(number).partition("-")[0])), **more)


def udp(number, sources=(EVERYBODY,), **more):
    return Line(f"{number}/udp", ports(udp=str(number)), sources, spot(number), **more)
