"""What the kernel says of its own ports and tables, held against what packets find."""

import socket
import time

import numpy as np
import pytest

from labs import datagrams, listen, own
from portulan.model.port import Transport
from portulan.model.scan import STATES, Doubt, Verdict
from portulan.scan.by_connect import ConnectProber
from portulan.scan.by_kernel import decide
from portulan.scan.by_udp import UdpProber
from portulan.system.linux import conntrack
from portulan.system.linux.conntrack import read_count, read_tracking
from scanning import ask, ports_with, space_of

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("address", ["127.0.0.1", "198.18.0.1", "::1", "fd00::1"])
def test_the_kernels_list_is_what_connections_find(sandbox, dice, address):
    here, there = sandbox.host("here"), sandbox.host("there")
    sandbox.link(here, there)
    servers = []
    for port in dice.sample(range(1000, 30000), 40):
        at = dice.choice(["", "0.0.0.0", "127.0.0.1", "198.18.0.1", "::", "::1", "fd00::1"])
        options = [(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, dice.choice([0, 1]))] if ":" in at else []
        servers.append(listen(here, at, port, options=options))
    servers += [datagrams(here, "0.0.0.0", port) for port in range(100, 110)]

    def both():
        from portulan.verbs.chart import chart

        space = space_of(address, ports=range(1, 40000))
        endpoints = chart((), namespaces=[own(here)[1]]).items
        listed = set()
        for part in decide(space, Transport.TCP, endpoints):
            _, port = space.split(part.pair)
            listed |= {number for number, state in zip(port.tolist(), part.state.tolist(), strict=True) if STATES[state] == "open"}
        prober = ConnectProber(space)
        found = ask(prober, space)
        prober.close()
        return listed, ports_with(found, Verdict.OPEN)

    listed, found = here.call(both)
    assert listed == found
    assert listed
    for each in servers:
        each.close()


@pytest.mark.peer
def test_the_table_of_connections_is_read_where_it_is_used(sandbox, peers):
    host = sandbox.host("host")
    assert host.call(read_tracking) is None
    text = "table inet t {\nchain c {\ntype filter hook output priority 0; ct state invalid drop\n}\n}\n"
    assert host.run(["nft", "-f", "-"], root=peers, text=text).returncode == 0
    found = host.call(read_tracking)
    if found is None:
        pytest.skip("this kernel has no connection tracking")
    assert found.most > 0
    assert 1 <= found.held < 100
    assert (found.syn_sent_s, found.udp_s) == (120, 30)
    host.set("net.netfilter.nf_conntrack_udp_timeout", 17)
    assert host.call(read_tracking).udp_s == 17


@pytest.mark.peer
@pytest.mark.parametrize("method", ["connect", "udp"])
def test_a_scan_leaves_room_in_the_table(sandbox, peers, method, monkeypatch):
    """A table that takes 400 more, of which 200 are ours: silent ports fill that, and the scan waits."""
    here, there = sandbox.host("here"), sandbox.host("there")
    sandbox.link(here, there)
    text = "table inet t {\nchain c {\ntype filter hook output priority 0; ct state invalid drop\n}\n}\n"
    assert here.run(["nft", "-f", "-"], root=peers, text=text).returncode == 0
    drop = "table inet t {\nchain c {\ntype filter hook input priority 0; meta l4proto { tcp, udp } drop\n}\n}\n"
    assert there.run(["nft", "-f", "-"], root=peers, text=drop).returncode == 0

    def crowd():
        held = read_count()
        real = read_tracking()
        monkeypatch.setattr(conntrack, "read_tracking", lambda: real._replace(most=real.held + 400))
        space = space_of(there.address, ports=range(1, 2001))
        prober = ConnectProber(space) if method == "connect" else UdpProber(space, (1, 2))
        sent, until = 0, time.monotonic() + 0.5
        while sent < space.pairs and time.monotonic() < until:
            if room := prober.room():
                sent += prober.send(np.arange(sent, space.pairs)[: min(room, 64)], 0)[0]
            prober.receive(0.001)
        assert sent < 250
        most = read_count() - held
        prober.close()
        return most, prober.doubts

    most, doubts = here.call(crowd)
    assert 150 <= most <= 210
    assert doubts == (Doubt.TABLE_FULL,)
