"""Addresses, transports and options: what the chart says of each kind of socket, judged by the socket itself and by ss."""

import os
import socket

import pytest

from labs import (
    DUAL_STACK,
    MPTCP,
    REUSE_ADDRESS,
    REUSE_PORT,
    SOURCES,
    UDPLITE,
    V6_ONLY,
    ask,
    ask_ss,
    brute_force,
    connect,
    datagrams,
    differences,
    facts_of,
    inhabit,
    inode_of,
    listen,
    look,
    only,
    open_socket,
    pairs,
    port_of,
)
from portulan.model.address import Exposure
from portulan.model.chart import Ownership, State
from portulan.model.port import Transport

pytestmark = pytest.mark.lab
TO_LOOPBACK = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


def mine(one):
    return {(os.getpid(), one.fileno())}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("address", "options", "shown", "v6_only", "exposure"),
    [
        ("", (), "0.0.0.0", None, Exposure.ALL),
        ("127.0.0.1", (), "127.0.0.1", None, Exposure.LOOPBACK),
        ("127.9.8.7", (), "127.9.8.7", None, Exposure.LOOPBACK),
        ("::", (V6_ONLY,), "::", True, Exposure.ALL),
        ("::", (DUAL_STACK,), "::", False, Exposure.ALL),
        ("::1", (V6_ONLY,), "::1", True, Exposure.LOOPBACK),
        # The kernel itself sets v6-only for what cannot be IPv4 (__inet6_bind).
        ("::1", (DUAL_STACK,), "::1", True, Exposure.LOOPBACK),
        ("::ffff:127.0.0.1", (DUAL_STACK,), "::ffff:127.0.0.1", False, Exposure.LOOPBACK),
    ],
    ids=["all4", "loopback4", "other-loopback", "all6", "dual", "loopback6", "loopback-dual", "mapped"],
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_addresses(host, source, kind, address, options, shown, v6_only, exposure):
    backlog = 7 if kind == socket.SOCK_STREAM else None
    with open_socket(host, address, 0, kind=kind, options=options, backlog=backlog) as one:
        item = only(look(host, source=source), port=port_of(one))
        assert (item.transport, item.address, item.exposure) == (Transport.TCP if backlog else Transport.UDP, shown, exposure)
        assert (item.state, item.ownership, pairs(item)) == (State.LISTENING if backlog else State.BOUND, Ownership.PROCESS, mine(one))
        assert [(each.inode, each.v6_only, each.backlog, each.backlog_limit) for each in item.sockets] == [
            (inode_of(one), v6_only, 0 if backlog else None, backlog)
        ]
        assert (item.uid, item.user, item.netns, item.peer) == (0, "root", host.netns_inode, None)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("address", "peer"), [("127.0.0.1", "127.0.0.1:9"), ("::1", "[::1]:9")])
def test_connected_udp(host, source, address, peer):
    with datagrams(host, address) as one:
        one.connect((address, 9))
        item = only(look(host, source=source, every_state=True), port=port_of(one))
        assert (item.state, item.peer, pairs(item)) == (State.CONNECTED, peer, mine(one))
        assert look(host, source=source) == ()  # a client, not a server
        items, _ = ask(host, f"{port_of(one)}/udp", source=source)
        assert [(item.state, pairs(item)) for item in items] == [(State.CONNECTED, mine(one))]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("address", ["127.0.0.1", "::"])
def test_udp_lite(host, source, address):
    """A transport of its own, with ports of its own: the same number may serve UDP beside it."""
    try:
        one = datagrams(host, address, protocol=UDPLITE)
    except OSError as error:
        pytest.skip(f"UDP-Lite is not in this kernel: {error}")
    with one, datagrams(host, address, port_of(one)) as other:
        items = look(host, port_of(one), source=source)
        assert {(item.transport, *pairs(item)) for item in items} == {(Transport.UDPLITE, *mine(one)), (Transport.UDP, *mine(other))}
        ours = facts_of(look(host, source=source))
        assert differences(ours, brute_force(host)) == []
        assert [item.transport for item in look(host, f"{port_of(one)}/udplite", source=source)] == [Transport.UDPLITE]


@pytest.mark.parametrize("seen_before", [False, True])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_mptcp_is_one_row_with_its_holder(host, source, address, seen_before):
    """Below an MPTCP socket lie TCP sockets that no process holds: they are not shown as strangers."""
    try:
        server = listen(host, address, protocol=MPTCP)
    except OSError as error:
        pytest.skip(f"MPTCP is not in this kernel: {error}")
    if seen_before:  # what looks at a listener gives it its cookie, and what it accepts from then on has the same one
        assert len(look(host, source=source)) == 1
    with server, connect(host, address, port_of(server), protocol=MPTCP) as client, server.accept()[0] as accepted:
        client.send(b"x")
        assert accepted.recv(1) == b"x"
        item = only(look(host, source=source))
        assert (item.transport, item.state, pairs(item)) == (Transport.TCP, State.LISTENING, mine(server))
        assert [(each.mptcp, each.inode) for each in item.sockets] == [(True, inode_of(server))]
        wanted = {
            (State.LISTENING, *mine(server)), (State.ESTABLISHED, *mine(client)), (State.ESTABLISHED, *mine(accepted)),
        }  # fmt: skip
        every, found = [], None
        for _ in range(3):  # a process that is just being started beside us holds what we hold for a moment, and the chart says so
            every = look(host, source=source, every_state=True)
            found = {(item.state, *pairs(item)) for item in every}
            if found == wanted:
                break
        assert found == wanted
        assert len(every) == 3
        assert all(each.mptcp for item in every for each in item.sockets)
        assert only(look(host, source=source, connections=True)).connections == 1


@pytest.mark.parametrize("source", SOURCES)
def test_an_mptcp_listener_takes_plain_tcp_too(host, source):
    try:
        server = listen(host, "127.0.0.1", protocol=MPTCP)
    except OSError as error:
        pytest.skip(f"MPTCP is not in this kernel: {error}")
    with server, connect(host, "127.0.0.1", port_of(server)) as client, server.accept()[0] as accepted:
        assert {(item.state, *pairs(item)) for item in look(host, source=source, every_state=True)} == {
            (State.LISTENING, *mine(server)), (State.ESTABLISHED, *mine(client)), (State.ESTABLISHED, *mine(accepted)),
        }  # fmt: skip
        assert only(look(host, source=source, connections=True)).connections == 1


@pytest.mark.parametrize("source", SOURCES)
def test_bound_to_an_interface(sandbox, host, source):
    """The same address and port on two interfaces are two endpoints."""
    other = sandbox.host("b")
    sandbox.link(host, other)
    cable = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
    with (
        listen(host, "", 0, options=[TO_LOOPBACK]) as first,
        listen(host, "", port_of(first), options=[cable]) as second,
        datagrams(host, "::", 0, options=[cable]) as third,
        listen(host, "127.0.0.1", 0) as free,
    ):
        items = look(host, source=source)
        assert {(item.sockets[0].device, *pairs(item)) for item in items} == {
            ("lo", *mine(first)), ("eth0", *mine(second)), ("eth0", *mine(third)), (None, *mine(free)),
        }  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_a_link_local_address_names_its_interface(sandbox, host, source):
    link = sandbox.link(host, sandbox.host("b"), "fe80::5/64", "fe80::6/64")
    with host.enter():
        one = socket.socket(socket.AF_INET6)
    with one:
        one.bind(("fe80::5", 0, 0, link.end(host).index))
        one.listen()
        item = only(look(host, source=source), port=port_of(one))
        assert (item.address, item.exposure, item.sockets[0].device, pairs(item)) == ("fe80::5", Exposure.PRIVATE, "eth0", mine(one))


@pytest.mark.parametrize("options", [(), (REUSE_ADDRESS,), (REUSE_PORT,), (REUSE_ADDRESS, REUSE_PORT)])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::"])
def test_sharing_options(host, options, kind, address):
    """Only BPF can tell them; otherwise they are unknown, not false."""
    with open_socket(host, address, 0, kind=kind, options=options, backlog=1 if kind == socket.SOCK_STREAM else None) as one:
        [told] = only(look(host, source="bpf"), port=port_of(one)).sockets
        assert (told.reuse_address, told.reuse_port) == (REUSE_ADDRESS in options, REUSE_PORT in options)
        [told] = only(look(host, source="proc"), port=port_of(one)).sockets
        assert (told.reuse_address, told.reuse_port) == (None, None)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_group_of_sockets_on_one_endpoint_is_one_row(host, source, kind):
    backlog = 5 if kind == socket.SOCK_STREAM else None
    first = open_socket(host, "127.0.0.1", 0, kind=kind, options=[REUSE_PORT], backlog=backlog)
    group = [
        first,
        *(open_socket(host, "127.0.0.1", port_of(first), kind=kind, options=[REUSE_PORT], backlog=backlog) for _ in range(3)),
    ]
    try:
        item = only(look(host, source=source))
        assert sorted(each.inode for each in item.sockets) == sorted(map(inode_of, group))
        assert len({each.cookie for each in item.sockets}) == 4
        assert pairs(item) == {(os.getpid(), one.fileno()) for one in group}
    finally:
        for one in group:
            one.close()


@pytest.mark.peer
def test_kinds_are_what_ss_says(sandbox, host, peers):
    other = sandbox.host("b")
    sandbox.link(host, other)
    with (
        listen(host, ""), listen(host, "127.0.0.1"), listen(host, "::", options=[V6_ONLY]), listen(host, "::", options=[DUAL_STACK]),
        listen(host, "::1"), listen(host, "::ffff:127.0.0.1"), listen(host, "", options=[TO_LOOPBACK]),
        datagrams(host, ""), datagrams(host, "::", options=[V6_ONLY]), datagrams(host, "::"), datagrams(host, host.address),
        datagrams(host, host.address6), datagrams(host, "", options=[TO_LOOPBACK]), datagrams(host, "::ffff:127.0.0.1"),
        datagrams(host, "127.0.0.1") as talker,
    ):  # fmt: skip
        talker.connect(("127.0.0.1", 9))
        for source in SOURCES:
            for every_state in (False, True):
                ours = facts_of(look(host, source=source, every_state=every_state))
                assert len(ours[0]) == 14 + every_state
                assert differences(ours, ask_ss(host, peers, every_state=every_state)) == []
                assert differences(ours, brute_force(host, every_state=every_state)) == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_accept_queue_fills_and_then_turns_away(host, source):
    """The queue holds one more than its limit (sk_acceptq_is_full); whoever comes then is counted as dropped."""
    with listen(host, "127.0.0.1", backlog=2) as server:
        clients = []
        for waiting in range(4):
            [told] = only(look(host, port_of(server), source=source)).sockets
            assert (told.backlog, told.backlog_limit, told.drops) == (waiting, 2, 0)
            if waiting < 3:
                clients.append(connect(host, "127.0.0.1", port_of(server)))
        late = open_socket(host)
        late.setblocking(False)
        with pytest.raises(BlockingIOError):
            late.connect(("127.0.0.1", port_of(server)))
        [told] = only(look(host, port_of(server), source=source)).sockets
        assert (told.backlog, told.backlog_limit) == (3, 2)
        assert told.drops > 0
        for one in (*clients, late):
            one.close()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_datagrams_that_found_no_room_are_counted(host, source, address):
    small = (socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    with datagrams(host, address, options=[small]) as server, datagrams(host, address) as client:
        for _ in range(50):
            client.sendto(bytes(1000), (address, port_of(server)))
        [told] = only(look(host, port_of(server), source=source)).sockets
        facts, _ = brute_force(host)
        assert told.drops == next(fact.drops for fact in facts if fact.port == port_of(server)) > 0


@pytest.mark.parametrize("source", SOURCES)
def test_ports_and_transports_are_told_apart(host, source):
    with listen(host, "") as server, datagrams(host, "", port_of(server)) as other, listen(host, "") as third:
        port = port_of(server)
        assert {pairs(item).pop() for item in look(host, port, source=source)} == mine(server) | mine(other)
        assert [pairs(item) for item in look(host, f"{port}/udp", source=source)] == [mine(other)]
        assert [pairs(item) for item in look(host, f"tcp/{port}", source=source)] == [mine(server)]
        assert len(look(host, f"{min(port, port_of(third))}-{max(port, port_of(third))}", source=source)) == 3
        items, commands = ask(host, f"{port}/tcp", source=source)
        assert [pairs(item) for item in items] == [mine(server)]
        assert commands == [f"kill {os.getpid()}"]
