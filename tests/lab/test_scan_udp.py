"""The UDP prober against running kernels and real servers."""

import contextlib
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from labs import call_as, datagrams
from portulan.errors import MachineFailed, PortulanError
from portulan.model.scan import Reason, Verdict
from portulan.scan.by_udp import UdpProber
from portulan.wire.udp_hello import hello
from scanning import ask, ports_with, space_of
from talkers import RADIUS, TALKERS

pytestmark = pytest.mark.lab
KEY = (7, 11)
ROOTS = Path(__file__).resolve().parents[2] / ".cache/roots"


@pytest.fixture(scope="module")
def talkers():
    """The private root with servers that speak UDP."""
    from portulan.system.sandbox.root import open_root

    try:
        return open_root(ROOTS / "talkers")
    except PortulanError as error:
        pytest.skip(f"no private root with peer programs: {error}")


@pytest.fixture
def pair(sandbox):
    """Two hosts, and the target tells of every closed port at once."""
    here, there = sandbox.host("here"), sandbox.host("there")
    link = sandbox.link(here, there)
    tell_all(there)
    tell_all(here)
    return here, there, link


def tell_all(host):
    host.set("net.ipv4.icmp_ratelimit", 0)
    host.set("net.ipv6.icmp.ratelimit", 0)
    with contextlib.suppress(PortulanError):  # settings of the machine as a whole in older kernels
        host.set("net.ipv4.icmp_msgs_per_sec", 10**9)
        host.set("net.ipv4.icmp_msgs_burst", 10**9)


def udp_scan(*targets, ports, rounds=1, wait_s=0.3, most=1024, **options):
    """(what answered, how many strays, how many answers were lost)."""
    space = space_of(*targets, ports=ports)
    with contextlib.closing(UdpProber(space, KEY, **options)) as prober:
        found = ask(prober, space, rounds=rounds, wait_s=wait_s, most=most)
        return found, prober.forged, prober.overflowed()


def scan_as(targets, ports, options):
    return udp_scan(*targets, ports=ports, **options)


@contextlib.contextmanager
def answering(one, answer):
    """A server of the test's own: a thread that answers each datagram with what the function makes of it."""

    def serve():
        while True:
            try:
                data, name = one.recvfrom(2048)
            except OSError:
                return
            if name is None:  # shut down
                return
            made = answer(data)
            if made is not None:
                one.sendto(made, name)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        thread.join()
        one.close()


@pytest.mark.peer
def test_real_servers_answer(pair, talkers, tmp_path):
    here, there, _ = pair
    wanted = {port for talker in TALKERS for port in talker.ports}
    for talker in TALKERS:
        talker.start(there, talkers, tmp_path)
    for port in wanted:
        there.wait_for_port(port, transport="udp")
    found, forged, _ = udp_scan_until(here, there.address, wanted)
    assert ports_with(found, Verdict.OPEN) == wanted
    assert forged == 0


def udp_scan_until(here, address, ports):
    """A server may have bound its port and not be ready: a few more rounds then."""
    return here.call(udp_scan, address, ports=ports, rounds=20, wait_s=0.5)


@pytest.mark.peer
def test_a_radius_server_answers_its_own_host(sandbox, talkers, tmp_path):
    host = sandbox.host("host")
    RADIUS.start(host, talkers, tmp_path)
    host.wait_for_port(1812, transport="udp")
    found, _, _ = host.call(udp_scan, "127.0.0.1", ports=[1812], rounds=10)
    assert ports_with(found, Verdict.OPEN) == {1812}


@pytest.mark.parametrize("version", [4, 6])
def test_every_port_as_an_ordinary_user(pair, version, dice):
    here, there, _ = pair
    address = there.address if version == 4 else there.address6
    ports = sorted(dice.sample(range(1, 65536), 4000))
    answered, silent = ports[100:2000:100], ports[150:2000:100]
    with contextlib.ExitStack() as servers:
        for port in answered:
            servers.enter_context(answering(datagrams(there, address, port), lambda data: data + b"!"))
        for port in silent:
            servers.enter_context(datagrams(there, address, port))
        found, forged, overflowed = call_as(here, scan_as, [address], ports, {"rounds": 4})
    assert ports_with(found, Verdict.OPEN) == set(answered)
    assert ports_with(found, Verdict.CLOSED) == set(ports) - set(answered) - set(silent)
    assert {reason for _, reason, _ in found.values()} == {Reason.ANSWER, Reason.PORT_UNREACHABLE}
    assert (forged, overflowed) == (0, 0)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_own_sockets_are_not_services(pair, address):
    """Every port of this host is asked, the prober's own source ports among them."""
    here, _, _ = pair
    here.set("net.ipv4.ip_local_port_range", "40000 40039")
    found, forged, _ = here.call(udp_scan, address, ports=range(40000, 40040), rounds=5)
    assert len(ports_with(found, Verdict.CLOSED)) == 40
    assert (ports_with(found, Verdict.OPEN), forged) == (set(), 0)


def test_loss_is_made_good(pair):
    here, there, link = pair
    link.lose(20)
    with answering(datagrams(there, there.address, 500), lambda data: b"yes"):
        found, _, _ = here.call(udp_scan, there.address, ports=range(400, 1400), rounds=16, wait_s=0.1)
    assert ports_with(found, Verdict.OPEN) == {500}
    assert len(ports_with(found, Verdict.CLOSED)) == 999


def test_a_limit_leaves_most_undecided(sandbox):
    here, there = sandbox.host("here"), sandbox.host("there")
    sandbox.link(here, there)
    found, _, _ = here.call(udp_scan, there.address, ports=range(1, 2001))
    assert 1 <= len(found) < 100
    assert set(found.values()) == {(Verdict.CLOSED, Reason.PORT_UNREACHABLE, None)}


@pytest.mark.peer
@pytest.mark.parametrize(
    ("version", "rule", "reason"),
    [
        (4, "icmp type port-unreachable", Reason.PORT_UNREACHABLE),
        (4, "icmp type admin-prohibited", Reason.ADMIN_PROHIBITED),
        (4, "icmp type host-unreachable", Reason.HOST_UNREACHABLE),
        (6, "icmpv6 type port-unreachable", Reason.PORT_UNREACHABLE),
        (6, "icmpv6 type admin-prohibited", Reason.ADMIN_PROHIBITED),
        (6, "icmpv6 type no-route", Reason.NO_ROUTE),
    ],
)
def test_a_router_that_rejects_is_named(sandbox, peers, version, rule, reason):
    here, between, there = sandbox.host("here"), sandbox.router("between"), sandbox.host("there")
    sandbox.link(here, between)
    sandbox.link(between, there)
    sandbox.route_all()
    for host in (between, there):
        tell_all(host)
    text = f"table inet t {{\nchain c {{\ntype filter hook forward priority 0; udp dport {{ 53, 80 }} reject with {rule}\n}}\n}}\n"
    assert between.run(["nft", "-f", "-"], root=peers, text=text).returncode == 0
    address, router = (there.address, between.address) if version == 4 else (there.address6, between.address6)
    found, forged, _ = here.call(udp_scan, address, ports=[53, 79, 80])
    assert found == {
        (address, 53): (Verdict.UNREACHABLE, reason, router),
        (address, 79): (Verdict.CLOSED, Reason.PORT_UNREACHABLE, None),
        (address, 80): (Verdict.UNREACHABLE, reason, router),
    }
    assert forged == 0


def test_strangers_are_counted_and_not_believed(pair):
    """An answer to another question is no answer; one in another protocol is."""
    here, there, _ = pair
    with contextlib.ExitStack() as servers:
        wrong = hello(53, 12345)[:2] + b"\x81\x80" + hello(53, 12345)[4:]
        servers.enter_context(answering(datagrams(there, there.address, 53), lambda data: None if data[:2] == wrong[:2] else wrong))
        servers.enter_context(answering(datagrams(there, there.address, 123), lambda data: b"not the protocol of this port"))
        found, forged, _ = here.call(udp_scan, there.address, ports=[53, 123])
    assert found == {(there.address, 123): (Verdict.OPEN, Reason.ANSWER, None)}
    assert forged == 1


def test_answers_that_nobody_reads_are_counted(pair):
    here, there, _ = pair

    def flood():
        space = space_of(there.address, ports=[53])
        with contextlib.closing(UdpProber(space, KEY)) as prober:
            prober.send(np.array([0]), 0)
            one = prober._datagrams._sockets[0]
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for _ in range(100):
                    sender.sendto(bytes(500), ("127.0.0.1", one.getsockname()[1]))
            prober.receive(0)
            prober.receive(0)
            return prober.overflowed(), prober.forged

    overflowed, forged = here.call(flood)
    assert overflowed > 50
    assert 1 <= forged < 50


def test_many_addresses(sandbox):
    here, there = sandbox.host("here"), sandbox.host("there")
    sandbox.link(here, there)
    tell_all(there)
    there.answer_for("198.19.0.0/24")
    here.route("198.19.0.0/24", there.address)
    found, _, _ = here.call(udp_scan, "198.19.0.0/24", ports=[1, 2], rounds=3)
    assert len(ports_with(found, Verdict.CLOSED, "198.19.0.77")) == 2
    assert len(found) == 512


def test_no_way_and_nobody_there(pair):
    here, _, _ = pair
    found, _, _ = here.call(udp_scan, "203.0.113.5", ports=[1, 53])
    assert set(found.values()) == {(Verdict.UNREACHABLE, Reason.NO_ROUTE, None)}
    found, _, _ = here.call(udp_scan, "198.18.0.77", ports=[1, 53], wait_s=5)
    assert set(found.values()) == {(Verdict.UNREACHABLE, Reason.HOST_DOWN, None)}


def test_an_interface_that_goes_is_an_error_of_its_own(pair):
    here, there, link = pair

    def lose_it():
        space = space_of(there.address, ports=range(1, 101))
        with contextlib.closing(UdpProber(space, KEY)) as prober:
            assert ask(prober, space)
            link.switch(on=False)
            ask(prober, space)

    with pytest.raises(MachineFailed) as caught:
        here.call(lose_it)
    assert caught.value.code == "scan.link-gone"


@pytest.mark.peer
def test_own_firewall_is_a_doubt(pair, peers):
    here, there, _ = pair
    text = "table inet t {\nchain c {\ntype filter hook output priority 0; udp dport 80 drop\n}\n}\n"
    assert here.run(["nft", "-f", "-"], root=peers, text=text).returncode == 0

    def doubts():
        space = space_of(there.address, ports=[79, 80])
        with contextlib.closing(UdpProber(space, KEY)) as prober:
            return ask(prober, space), prober.doubts

    found, said = here.call(doubts)
    assert [port for _, port in found] == [79]
    assert said == ("table-full",)


def test_a_control_is_greeted_as_it_answered(pair):
    """An agent that speaks SNMP version 2c only, which is the second greeting."""
    here, there, _ = pair
    spoken = hello(161, 1, 1)[:6]

    def twice():
        space = space_of(there.address, ports=[161])
        with contextlib.closing(UdpProber(space, KEY)) as prober:
            found = ask(prober, space, rounds=3)
            for tag in range(prober.rounds, prober.rounds + 3):
                prober.send(np.array([0]), tag)
            tags = set()
            while (answers := prober.receive(0.3)) is not None:
                tags |= set(answers.tag.tolist())
            return found, tags, prober.rounds

    with answering(datagrams(there, there.address, 161), lambda data: data if data[:6] == spoken else None):
        found, tags, rounds = here.call(twice)
    assert ports_with(found, Verdict.OPEN) == {161}
    assert tags == set(range(rounds, rounds + 3))


def test_a_link_local_address_with_its_scope(pair):
    here, there, link = pair
    table = there.call(Path("/proc/net/if_inet6").read_text).splitlines()
    address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(next(line[:32] for line in table if line.startswith("fe80"))))
    with answering(datagrams(there, "::", 500), lambda data: b"yes"):
        found, forged, _ = here.call(udp_scan, address, ports=[499, 500], rounds=2, scope=link.end(here).index)
    assert ports_with(found, Verdict.OPEN) == {500}
    assert ports_with(found, Verdict.CLOSED) == {499}
    assert forged == 0
