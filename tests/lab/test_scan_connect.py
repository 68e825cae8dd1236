"""The connect prober against running kernels, as an ordinary user too."""

import contextlib
import resource
import socket
from pathlib import Path

import pytest

from labs import call_as, listen
from portulan.errors import CannotTell, MachineFailed
from portulan.model.scan import Doubt, Reason, Verdict
from portulan.scan.by_connect import ConnectProber
from portulan.system.connecting import Connections
from scanning import ask, ports_with, space_of

pytestmark = pytest.mark.lab


def connect_scan(*targets, ports, rounds=1, wait_s=0.5, **options):
    space = space_of(*targets, ports=ports)
    prober = ConnectProber(space, **options)
    try:
        return ask(prober, space, rounds=rounds, wait_s=wait_s)
    finally:
        prober.close()


def scan_as(targets, ports, options):
    return connect_scan(*targets, ports=ports, **options)


def filter_by(peers, host, text):
    done = host.run(["nft", "-f", "-"], root=peers, text=f"table inet t {{\nchain c {{\n{text}\n}}\n}}\n")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def serve():
    """`labs.listen`, closed in the end."""
    with contextlib.ExitStack() as all_of_them:
        yield lambda *arguments, **how: all_of_them.enter_context(listen(*arguments, **how))


@pytest.fixture
def pair(sandbox):
    here, there = sandbox.host("here"), sandbox.host("there")
    link = sandbox.link(here, there)
    return here, there, link


@pytest.mark.parametrize("version", [4, 6])
def test_every_port_of_a_neighbour_as_an_ordinary_user(pair, version, dice, serve):
    here, there, _ = pair
    address = there.address if version == 4 else there.address6
    wanted = set(dice.sample(range(1, 65536), 60))
    for port in wanted:
        serve(there, address, port)
    found = call_as(here, scan_as, [address], range(1, 65536), {})
    assert ports_with(found, Verdict.OPEN) == wanted
    assert len(ports_with(found, Verdict.CLOSED)) == 65535 - len(wanted)
    assert {reason for _, reason, _ in found.values()} == {Reason.SYN_ACK, Reason.REFUSED}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_own_host_meets_itself_and_never_says_so(pair, address, serve):
    """All source ports are asked, several times: the kernel will sooner or later choose the port that is asked."""
    here, _, _ = pair
    here.set("net.ipv4.ip_local_port_range", "40000 40199")
    serve(here, address, 40100, backlog=64)

    def often():
        space = space_of(address, ports=range(40000, 40200))
        met = 0
        for _ in range(20):
            prober = ConnectProber(space)
            found = ask(prober, space)
            prober.close()
            assert ports_with(found, Verdict.OPEN) == {40100}
            assert len(found) == 200
            met += prober._connections.self_connects
        return met

    assert here.call(often) > 0


def test_loss_is_made_good_by_later_rounds(pair, serve):
    here, there, link = pair
    for port in range(1000, 1100, 10):
        serve(there, there.address, port)
    link.lose(20)
    found = here.call(connect_scan, there.address, ports=range(1, 2001), rounds=14, wait_s=0.3)
    assert ports_with(found, Verdict.OPEN) == set(range(1000, 1100, 10))
    assert len(ports_with(found, Verdict.CLOSED)) == 1990


def test_many_addresses_at_once(sandbox, serve):
    here, there = sandbox.host("here"), sandbox.host("there")
    sandbox.link(here, there)
    there.answer_for("198.19.0.0/24")
    here.route("198.19.0.0/24", there.address)
    serve(there, "", 80, backlog=512)
    found = here.call(connect_scan, "198.19.0.0/24", ports=[79, 80])
    assert sum(verdict == Verdict.OPEN for verdict, _, _ in found.values()) == 256
    assert len(found) == 512
    assert all(verdict == (Verdict.OPEN if port == 80 else Verdict.CLOSED) for (_, port), (verdict, _, _) in found.items())


@pytest.mark.parametrize(
    ("version", "rule", "reason"),
    [
        (4, "reject with icmp type port-unreachable", Reason.PORT_UNREACHABLE),
        (4, "reject with icmp type admin-prohibited", Reason.ADMIN_PROHIBITED),
        (4, "reject with icmp type host-prohibited", Reason.HOST_PROHIBITED),
        (4, "reject with icmp type net-unreachable", Reason.NET_UNREACHABLE),
        (6, "reject with icmpv6 type port-unreachable", Reason.PORT_UNREACHABLE),
        (6, "reject with icmpv6 type admin-prohibited", Reason.ADMIN_PROHIBITED),
        (6, "reject with icmpv6 type no-route", Reason.NO_ROUTE),
        (6, "reject with icmpv6 type addr-unreachable", Reason.HOST_UNREACHABLE),
    ],
)
@pytest.mark.peer
def test_a_router_that_rejects_is_named(sandbox, peers, version, rule, reason, serve):
    here, between, there = sandbox.host("here"), sandbox.router("between"), sandbox.host("there")
    sandbox.link(here, between)
    sandbox.link(between, there)
    sandbox.route_all()
    for host in (between, here):
        host.set("net.ipv4.icmp_ratelimit", 0)
        host.set("net.ipv6.icmp.ratelimit", 0)
    address = there.address if version == 4 else there.address6
    serve(there, address, 81)
    filter_by(peers, between, f"type filter hook forward priority 0; tcp dport {{ 80, 82 }} {rule}")
    found = here.call(connect_scan, address, ports=range(79, 85))
    router = between.address if version == 4 else between.address6
    assert ports_with(found, Verdict.OPEN) == {81}
    assert ports_with(found, Verdict.CLOSED) == {79, 83, 84}
    assert {found[address, port] for port in (80, 82)} == {(Verdict.UNREACHABLE, reason, router)}


@pytest.mark.peer
def test_the_hosts_own_rejection_is_no_refusal(pair, peers):
    """A firewall on the host itself that answers `port unreachable` makes connect() fail as a reset does."""
    here, there, _ = pair
    there.set("net.ipv4.icmp_ratelimit", 0)
    filter_by(peers, there, "type filter hook input priority 0; tcp dport 80 reject")
    found = here.call(connect_scan, there.address, ports=[79, 80])
    assert found == {
        (there.address, 79): (Verdict.CLOSED, Reason.REFUSED, None),
        (there.address, 80): (Verdict.UNREACHABLE, Reason.PORT_UNREACHABLE, None),
    }


@pytest.mark.peer
def test_silence_gives_its_socket_back(pair, peers):
    here, there, _ = pair
    filter_by(peers, there, "type filter hook input priority 0; tcp dport 1-900 drop")
    found = here.call(connect_scan, there.address, ports=range(1, 1001), most=64, wait_s=0.1)
    assert ports_with(found, Verdict.CLOSED) == set(range(901, 1001))
    assert len(found) == 100


def test_a_link_local_address_with_its_scope(pair, serve):
    here, there, link = pair
    local = next(
        line.split()[0]
        for line in there.call(Path("/proc/net/if_inet6").read_text).splitlines()
        if line.startswith("fe80") and line.endswith("eth0")
    )
    address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(local))
    serve(there, "::", 80)
    found = here.call(connect_scan, address, ports=[79, 80], scope=link.end(here).index)
    assert ports_with(found, Verdict.OPEN) == {80}
    assert ports_with(found, Verdict.CLOSED) == {79}


def test_no_way_and_nobody_there(pair):
    here, _, _ = pair
    assert set(here.call(connect_scan, "203.0.113.5", ports=[1, 2]).values()) == {(Verdict.UNREACHABLE, Reason.NO_ROUTE, None)}
    silent = here.call(connect_scan, "198.18.0.77", ports=[1, 2], wait_s=5)
    assert set(silent.values()) == {(Verdict.UNREACHABLE, Reason.HOST_DOWN, None)}


def test_an_interface_that_goes_is_an_error_of_its_own(pair):
    here, there, link = pair

    def lose_it():
        space = space_of(there.address, ports=range(1, 101))
        prober = ConnectProber(space)
        with contextlib.closing(prober):
            assert ask(prober, space)
            link.switch(on=False)
            ask(prober, space)

    with pytest.raises(MachineFailed) as caught:
        here.call(lose_it)
    assert caught.value.code == "scan.link-gone"
    assert caught.value.facts == {"link": "eth0"}


def few_descriptors(hard, address, ports):
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 64), hard))
    space = space_of(address, ports=ports)
    prober = ConnectProber(space)
    found = ask(prober, space, rounds=2)
    room, doubts = prober.room(), prober.doubts
    prober.close()
    return found, room, doubts, resource.getrlimit(resource.RLIMIT_NOFILE)


def test_few_descriptors_are_enough_and_said(pair, serve):
    here, there, _ = pair
    serve(there, there.address, 80)
    found, room, doubts, limits = here.call(few_descriptors, 120, there.address, range(1, 3001))
    assert ports_with(found, Verdict.OPEN) == {80}
    assert len(found) == 3000
    assert 16 <= room < 120
    assert doubts == (Doubt.DESCRIPTORS,)
    assert limits == (64, 120)


def test_too_few_descriptors(pair):
    here, there, _ = pair
    with pytest.raises(CannotTell) as caught:
        here.call(few_descriptors, 40, there.address, [80])
    assert caught.value.code == "scan.descriptors"


def test_nothing_is_left_behind(pair, serve):
    """Open ports are left by a reset: neither side keeps a closing connection."""
    here, there, _ = pair
    for port in range(100, 200):
        serve(there, there.address, port, backlog=64)
    here.call(connect_scan, there.address, ports=range(100, 200))
    for host in (here, there):
        table = host.call(Path("/proc/net/tcp").read_text).splitlines()[1:]
        assert not [line for line in table if line.split()[3] in ("06", "04", "05", "08")]


def test_where_a_refused_socket_cannot_be_used_again(pair, monkeypatch, serve):
    """As on systems other than Linux: without epoll, and a new socket each time."""
    here, there, _ = pair
    serve(there, there.address, 80)

    def plain():
        import select

        from portulan.system import connecting

        monkeypatch.setattr(connecting, "_LINUX", False)
        monkeypatch.delattr(select, "epoll")
        return connect_scan(there.address, ports=range(1, 500))

    found = here.call(plain)
    assert ports_with(found, Verdict.OPEN) == {80}
    assert len(ports_with(found, Verdict.CLOSED)) == 498


def test_a_pool_closes_twice():
    pool = Connections(4, 32)
    assert pool.room == 32
    assert pool.collect(0) is None
    pool.close()
    pool.close()


def test_each_attempt_comes_from_another_source_port(pair, serve):
    """Also where a refused socket is used again, and where the same port is asked soon after."""
    here, there, _ = pair
    server = serve(there, there.address, 80, backlog=64)
    sources = []
    for ports in ([80], range(60, 81), [80], range(79, 82)):
        here.call(connect_scan, there.address, ports=ports)
        one, address = server.accept()
        one.close()
        sources.append(address[1])
    assert len(set(sources)) == 4


@pytest.mark.peer
def test_our_own_rejection_is_not_the_targets_word(pair, peers):
    here, there, _ = pair
    filter_by(peers, here, "type filter hook output priority 0; tcp dport 80 reject")
    found = here.call(connect_scan, there.address, ports=[79, 80])
    assert found == {
        (there.address, 79): (Verdict.CLOSED, Reason.REFUSED, None),
        (there.address, 80): (Verdict.UNREACHABLE, Reason.PORT_UNREACHABLE, here.address),
    }
