"""`guard confirm --cut` for what has no socket of its own here: connections led elsewhere (DNAT), forwarded ones, and exchanges of UDP. Real packets tell whether they go on."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from firewalls import load
from guard_life_lab import Lab
from labs import DUAL_STACK, V6_ONLY, connect, datagrams, listen, port_of
from portulan.system.linux.tracked import read_tracked

pytestmark = [pytest.mark.lab, pytest.mark.peer]
OUTSIDE, GATE, GATE_IN, INSIDE = "198.18.0.1", "198.18.0.2", "198.18.1.1", "198.18.1.2"
GATE6, INSIDE6 = "fd00::2", "fd00:1::2"
SILENT_S = 0.3
# What container engines write: ports led to one inside, and whatever comes from there as if it came from this host.
ENGINE = """
table ip engine {
    chain arrivals { type nat hook prerouting priority dstnat;
        iifname "eth0" tcp dport { 8080, 8085 } dnat to 198.18.1.2:80
        iifname "eth0" meta l4proto { tcp, udp } th dport 8081-8084 dnat to 198.18.1.2
        iifname "eth0" tcp dport 8086 redirect to :8087
    }
    chain departures { type nat hook postrouting priority srcnat; ip saddr 198.18.1.0/24 oifname "eth0" masquerade; }
}
table ip6 engine {
    chain arrivals { type nat hook prerouting priority dstnat; iifname "eth0" tcp dport 8081 dnat to fd00:1::2; }
}
"""


class Between(Lab):
    """outside (eth0 of) gate (eth1) inside: guard works at the gate."""

    def __init__(self, sandbox, peers, folder):
        self.host, self.client, self.inside = sandbox.router("gate", root=peers), sandbox.host("outside"), sandbox.host("inside")
        sandbox.link(self.client, self.host, (f"{OUTSIDE}/24", "fd00::1/64"), (f"{GATE}/24", f"{GATE6}/64"))
        sandbox.link(self.host, self.inside, (f"{GATE_IN}/24", "fd00:1::1/64"), (f"{INSIDE}/24", f"{INSIDE6}/64"))
        self.client.route("198.18.1.0/24", GATE)
        self.client.route("fd00:1::/64", GATE6)
        self.inside.route("198.18.0.0/24", GATE_IN)
        self.inside.route("fd00::/64", "fd00:1::1")
        self.folder, self.listeners, self._ready = Path(folder), [], None
        self.open, self.servers = ExitStack(), {}

    def close(self):
        self.open.close()

    def write(self, name, text):
        Path(self.folder, f"{name}.toml").write_text(text)

    def pair(self, port, host, own_port, address=GATE):
        """A connection from outside to a port of the gate, and the server's end of it on the host that has it."""
        if (host, own_port) not in self.servers:
            self.servers[host, own_port] = self.open.enter_context(listen(host, "::", own_port, options=(DUAL_STACK,)))
        one = self.open.enter_context(connect(self.client, address, port))
        two, _ = self.servers[host, own_port].accept()
        return one, self.open.enter_context(two)

    def exchange(self, port, host, own_port, address=GATE):
        """The same of UDP, with a server whose one socket serves all."""
        wild = "::" if ":" in address else ""
        server, one = (
            self.open.enter_context(datagrams(each, wild, own, options=(V6_ONLY,) if wild else ()))
            for each, own in ((host, own_port), (self.client, 0))
        )
        one.connect((address, port))
        one.send(b"?")
        _, peer = server.recvfrom(10)
        server.sendto(b"!", peer)
        one.settimeout(5)
        assert one.recv(10) == b"!"
        return one, Answering(server, peer)

    def ports_tracked(self):
        """Ports of the gate that were asked for, of what is in the kernel's table."""
        with self.host.enter():
            return {entry.original.target_port for entry in read_tracked()}


class Answering:
    """A UDP server's socket, as one end of an exchange with one client."""

    def __init__(self, one, peer):
        self.one, self.peer = one, peer
        self.settimeout, self.recv = one.settimeout, one.recv

    def sendall(self, data):
        self.one.sendto(data, self.peer)


@pytest.fixture
def between(sandbox, peers, tmp_path):
    with Between(sandbox, peers, tmp_path) as built:
        yield built


def passes(sender, receiver):
    """Whether what is sent arrives."""
    receiver.settimeout(SILENT_S)
    try:
        sender.sendall(b"x") if hasattr(sender, "sendall") else sender.send(b"x")
        return receiver.recv(1) == b"x"
    except OSError:
        return False


def ended(told):
    """The doors of the lines that tell what was ended, sorted."""
    return sorted(line.split()[1] for line in told.splitlines() if line.startswith("ended: "))


SHUT = '[doors]\nssh = "everyone"\n"8082" = "everyone"\n8087 = "everyone"\n'


def test_what_is_led_elsewhere_ends_whoever_speaks_first(between):
    load(between.host, ENGINE)
    # 8080: another port inside. 8081: the same, which its server could take up again. 8086: another port of the gate itself.
    doors = ((8080, between.inside, 80), (8081, between.inside, 8081), (8081, between.inside, 8081, GATE6), (8086, between.host, 8087))
    shut = [between.pair(*door) for door in doors for _ in range(2)]
    kept = [between.pair(8082, between.inside, 8082), between.pair(8087, between.host, 8087)]
    between.write("shut", SHUT)
    between.done("apply", "--policy", "shut.toml")
    assert all(passes(*pair) and passes(*reversed(pair)) for pair in (*shut, *kept)), "they run on until they are cut"
    told = between.done("confirm", "--console", "--cut")
    assert ended(told) == ["8080/tcp"] * 2 + ["8081/tcp"] * 4 + ["8086/tcp"] * 2
    assert between.ports_tracked().isdisjoint({8080, 8081, 8086})
    for number, (client, server) in enumerate(shut):
        if number % 2 and port_of(server) != 8087:  # a server elsewhere that speaks is told
            server.sendall(b"x")
            server.settimeout(5)
            with pytest.raises(ConnectionResetError):
                server.recv(1)
        assert not passes(client, server), number
        assert not passes(server, client), number
    assert all(passes(*pair) and passes(*reversed(pair)) for pair in kept)
    assert between.guard("status", "--policy", "shut.toml", "--json").stdout.count("guard.other-table") == 0
    between.done("rollback", "--off")
    assert "portulan" not in between.nft("list", "tables").stdout


def test_exchanges_of_udp_end_and_begin_anew_when_they_may(between):
    load(between.host, ENGINE)
    here, here6, led, kept = (
        between.exchange(5000, between.host, 5000),
        between.exchange(5000, between.host, 5000, GATE6),
        between.exchange(8083, between.inside, 8083),
        between.exchange(8082, between.inside, 8082),
    )
    between.write("shut", SHUT)
    between.write("open", SHUT + '"5000/udp" = "everyone"\n"8083/udp" = "everyone"\n')
    between.done("apply", "--policy", "shut.toml")
    assert all(passes(*pair) and passes(*reversed(pair)) for pair in (here, here6, led, kept))
    told = between.done("confirm", "--console", "--cut")
    assert ended(told) == ["5000/udp", "5000/udp", "8083/udp"]
    for client, server in (here, here6, led):
        for _ in range(2):
            assert not passes(server, client), "a server that speaks by itself is not heard"
            assert not passes(client, server)
    assert all(passes(*way) for way in (kept, kept[::-1]))
    between.done("apply", "--policy", "open.toml")
    for client, server in (here, here6, led):
        assert passes(client, server), "the same ports, let in again"
        assert passes(server, client)


ZONES = '[zones]\noutside = "eth0"\ninside = "eth1"\n[doors]\n[forward]\n"inside -> outside" = "everything"\n"outside -> inside" = {what}\n'


def test_what_goes_through_between_zones(between):
    load(between.host, ENGINE)
    through = [
        between.pair(80, between.inside, 80, INSIDE),
        between.pair(443, between.inside, 443, INSIDE6),
        between.pair(443, between.inside, 443, INSIDE),
    ]
    # 8085 is led to port 80, which a crossing lets in: no door names it, and none is needed.
    led = [between.pair(8085, between.inside, 80), between.pair(8084, between.inside, 8084)]
    outward = []
    with listen(between.client, "", 9) as server:
        outward.append((between.open.enter_context(connect(between.inside, OUTSIDE, 9)), between.open.enter_context(server.accept()[0])))
    between.write("zones", ZONES.format(what='["80/tcp"]'))
    between.done("apply", "--policy", "zones.toml", "--shut-me-out", "--shut-me-out")
    told = between.done("confirm", "--console", "--cut")
    assert ended(told) == ["443/tcp", "443/tcp", "8084/tcp"]
    for pair in (through[0], led[0], outward[0]):
        assert passes(*pair)
        assert passes(*reversed(pair))
    for number, (client, server) in enumerate((*through[1:], led[1])):
        ways = [(server, client), (client, server)]
        for way in ways if number != 1 else reversed(ways):
            assert not passes(*way), number


def test_a_connected_socket_of_udp_is_ended(between):
    load(between.host, ENGINE)  # connections are tracked: who of the two spoke first is known
    client, server = between.exchange(5000, between.host, 5000)
    server.one.connect(server.peer)
    between.write("shut", SHUT)
    between.done("apply", "--policy", "shut.toml")
    assert passes(client, server)
    assert ended(between.done("confirm", "--console", "--cut")) == ["5000/udp"]
    server.one.settimeout(5)
    with pytest.raises(ConnectionError):
        server.one.recv(1)
    client.settimeout(SILENT_S)
    with pytest.raises((TimeoutError, ConnectionError)):
        client.recv(1)


def test_nothing_is_cut_where_nothing_is_shut(between):
    load(between.host, ENGINE)
    pairs = [between.pair(8082, between.inside, 8082), between.exchange(8082, between.inside, 8082)]
    between.write("shut", SHUT)
    between.done("apply", "--policy", "shut.toml")
    told = between.done("confirm", "--console", "--cut")
    assert "No connection runs through a door that is shut now" in told
    assert "portulan_ended" not in between.nft("list", "tables").stdout
    assert all(passes(*pair) and passes(*reversed(pair)) for pair in pairs)
