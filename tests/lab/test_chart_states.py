"""Every state a TCP socket can be in, made for real and found by the chart, with its holder; judged by /proc/net by hand and by ss."""

import os
import socket
import struct
from contextlib import ExitStack, suppress

import pytest

from labs import (
    COLUMNS,
    SOURCES,
    ask,
    ask_ss,
    brute_force,
    connect,
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
    wait_for,
)
from portulan.model.chart import Ownership, State

pytestmark = pytest.mark.lab
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
ALL = {"listening", "established", "fin-wait-1", "fin-wait-2", "close-wait", "closing", "last-ack", "time-wait"}


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


@pytest.fixture
def keep():
    """Everything put into it is closed at the end."""
    with ExitStack() as stack:
        yield stack.enter_context


class Pair:
    """Both ends of a connection on one host, from `client` to `server`."""

    def __init__(self, host, keep, version=4):
        address = LOOPBACK[version]
        self.listener = keep(listen(host, address))
        self.client = keep(connect(host, address, port_of(self.listener)))
        self.server = keep(self.listener.accept()[0])


def fill(one):
    """Send until neither buffer takes more: the peer does not read."""
    one.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            one.send(bytes(1 << 16))


def state_of(host, one, source="bpf"):
    """The state in which the chart shows a socket of this process, and that it shows the holder."""
    found = [item for item in look(host, every_state=True, source=source) if inode_of(one) in {each.inode for each in item.sockets}]
    assert len(found) == 1
    assert pairs(found[0]) == {(os.getpid(), one.fileno())}
    assert found[0].ownership is Ownership.PROCESS
    return found[0].state


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("source", SOURCES)
def test_listening_and_established(host, keep, source, version):
    pair = Pair(host, keep, version)
    assert wait_for(lambda: state_of(host, pair.listener, source), State.LISTENING) is State.LISTENING
    assert wait_for(lambda: state_of(host, pair.client, source), State.ESTABLISHED) is State.ESTABLISHED
    server = only(look(host, every_state=True), port=port_of(pair.listener), state=State.ESTABLISHED)
    form = "127.0.0.1:{}" if version == 4 else "[::1]:{}"
    assert server.peer == form.format(port_of(pair.client))
    assert only(look(host, every_state=True), port=port_of(pair.client)).peer == form.format(port_of(pair.listener))
    # Without being asked for, connections are not in the chart.
    assert {item.state for item in look(host, source=source)} == {State.LISTENING}


def test_syn_sent_while_the_queue_is_full(host, keep):
    server = keep(listen(host, "127.0.0.1", backlog=0))
    keep(connect(host, "127.0.0.1", port_of(server)))
    waiting = keep(open_socket(host))
    waiting.setblocking(False)
    with suppress(BlockingIOError):
        waiting.connect(("127.0.0.1", port_of(server)))
    assert wait_for(lambda: state_of(host, waiting), State.SYN_SENT) is State.SYN_SENT
    assert wait_for(lambda: state_of(host, waiting, "proc"), State.SYN_SENT) is State.SYN_SENT


def test_half_closed(host, keep):
    pair = Pair(host, keep)
    pair.client.shutdown(socket.SHUT_WR)
    for source in SOURCES:
        assert wait_for(lambda source=source: state_of(host, pair.client, source), State.FIN_WAIT_2) is State.FIN_WAIT_2
        assert wait_for(lambda source=source: state_of(host, pair.server, source), State.CLOSE_WAIT) is State.CLOSE_WAIT


def test_fin_wait_1_and_closing(host, keep):
    """Its end of the stream waits behind data that the other side does not take; then the other side ends too."""
    pair = Pair(host, keep)
    fill(pair.client)
    pair.client.shutdown(socket.SHUT_WR)
    for source in SOURCES:
        assert wait_for(lambda source=source: state_of(host, pair.client, source), State.FIN_WAIT_1) is State.FIN_WAIT_1
    pair.server.shutdown(socket.SHUT_WR)
    for source in SOURCES:
        assert wait_for(lambda source=source: state_of(host, pair.client, source), State.CLOSING) is State.CLOSING
        assert wait_for(lambda source=source: state_of(host, pair.server, source), State.FIN_WAIT_2) is State.FIN_WAIT_2


def test_last_ack(host, keep):
    pair = Pair(host, keep)
    fill(pair.server)
    pair.client.shutdown(socket.SHUT_WR)
    pair.server.shutdown(socket.SHUT_WR)
    for source in SOURCES:
        assert wait_for(lambda source=source: state_of(host, pair.server, source), State.LAST_ACK) is State.LAST_ACK


@pytest.mark.parametrize("source", SOURCES)
def test_time_wait_counts_down_and_nobody_holds_it(host, keep, source):
    pair = Pair(host, keep)
    port = port_of(pair.listener)
    pair.listener.close()
    pair.server.close()
    pair.client.close()
    first = only(look(host, port, every_state=True, source=source), state=State.TIME_WAIT)
    assert (first.ownership, first.owners, first.uid) == (Ownership.NONE, (), first.uid)
    left = first.sockets[0].expires_ms
    assert 0 < left <= 60_000
    second = only(look(host, port, every_state=True, source=source), state=State.TIME_WAIT)
    assert 0 < second.sockets[0].expires_ms <= left
    items, commands = ask(host, port)
    assert [item.state for item in items] == [State.TIME_WAIT]
    assert commands == []
    assert look(host, port) == ()


@pytest.mark.prove
@pytest.mark.timeout(300)
def test_time_wait_ends(host, keep, samples):
    """The kernel keeps it for a minute (TCP_TIMEWAIT_LEN); what it says is left must be true."""
    import time

    pair = Pair(host, keep)
    port = port_of(pair.listener)
    for one in (pair.listener, pair.server, pair.client):
        one.close()
    left = only(look(host, port, every_state=True), state=State.TIME_WAIT).sockets[0].expires_ms
    if samples(False, True):
        time.sleep(left / 1000 + 2)  # the kernel's timer wheel is late by up to an eighth
        deadline = time.monotonic() + 10
        while look(host, port, every_state=True) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert look(host, port, every_state=True) == ()
    else:
        assert left > 50_000


def test_a_closed_connection_that_the_kernel_still_ends(host, keep):
    """FIN_WAIT_1 and LAST_ACK without a process: the kernel finishes alone."""
    pair = Pair(host, keep)
    fill(pair.client)
    port = port_of(pair.client)
    pair.client.close()
    for source in SOURCES:
        item = only(look(host, port, every_state=True, source=source), port=port)
        assert (item.state, item.ownership, item.owners) == (State.FIN_WAIT_1, Ownership.NONE, ())


def test_syn_received(sandbox, keep):
    """A SYN from an address that nobody has: our answer reaches no one, so the half-open connection stays."""
    host, other = sandbox.host("a"), sandbox.host("b")
    sandbox.link(host, other)
    inhabit(host)
    server = keep(listen(host, "", backlog=16))
    with other.enter():
        raw = keep(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
    raw.sendto(build_syn("198.18.0.77", host.address, 4_000, port_of(server)), (host.address, 0))
    for source in SOURCES:
        item = only(look(host, port_of(server), every_state=True, source=source), state=State.SYN_RECEIVED)
        assert (item.peer, item.ownership, item.owners) == ("198.18.0.77:4000", Ownership.NONE, ())
    assert {each.state for each in look(host)} == {State.LISTENING}


def build_syn(source, target, source_port, target_port):
    """An IPv4 packet with a TCP SYN (RFC 9293, section 3.1)."""
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    head = struct.pack(">HHIIBBH", source_port, target_port, 1, 0, 5 << 4, 2, 65_535)
    whole = addresses + struct.pack(">BBH", 0, socket.IPPROTO_TCP, 20) + head + bytes(4)
    total = sum(struct.unpack(f">{len(whole) // 2}H", whole))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    tcp = head + struct.pack(">HH", ~total & 0xFFFF, 0)
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0) + addresses + tcp


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "", "::"])
def test_bound_without_listening_is_in_no_proc_file(host, keep, source, address):
    one = keep(open_socket(host, address, 0))
    port = port_of(one)
    assert brute_force(host, every_state=True) == ([], {})
    assert wait_for(lambda: state_of(host, one, source), State.BOUND) is State.BOUND
    assert look(host, port, source=source) == ()
    items, commands = ask(host, port, source=source)
    assert [(item.state, pairs(item)) for item in items] == [(State.BOUND, {(os.getpid(), one.fileno())})]
    assert commands == [f"kill {os.getpid()}"]


@pytest.mark.peer
def test_all_states_at_once_are_what_the_judges_say(host, keep, peers):
    pairs_made = [Pair(host, keep, version) for version in (4, 6) for _ in range(6)]
    for one, two, three, four, five, six in (pairs_made[:6], pairs_made[6:]):
        one.client.shutdown(socket.SHUT_WR)
        fill(two.client)
        two.client.shutdown(socket.SHUT_WR)
        fill(three.client)
        three.client.shutdown(socket.SHUT_WR)
        three.server.shutdown(socket.SHUT_WR)
        fill(four.server)
        four.client.shutdown(socket.SHUT_WR)
        four.server.shutdown(socket.SHUT_WR)
        five.server.close()
        five.client.close()
        fill(six.client)
        six.client.close()
    for source in SOURCES:
        wait_for(lambda: {fact.state for fact in brute_force(host, every_state=True)[0]}, ALL)
        ours = facts_of(look(host, every_state=True, source=source))
        assert {fact.state for fact in ours[0]} == ALL
        # Not the drops: a peer that does not read is asked again and again whether it would, and each time is counted.
        assert differences(ours, brute_force(host, every_state=True), columns=COLUMNS[:-1]) == []
        assert differences(ours, ask_ss(host, peers, every_state=True), columns=COLUMNS[:-1]) == []
