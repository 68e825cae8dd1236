"""What real servers and real clients say first, on ports that are not theirs."""

import http.client
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from declared_servers import HERE, mysql, nginx, postgresql, prepare, redis, sshd, start
from portulan.errors import PortulanError
from portulan.verbs.traffic import traffic
from portulan.wire.udp_hello import hello, ways
from sniffing import kept
from talkers import TALKERS

pytestmark = pytest.mark.lab
ROOTS = Path(__file__).resolve().parents[2] / ".cache/roots"
SERVERS = {
    "http": (8443, nginx("says", "http { server { listen 8443; root /srv; } }"), None),
    "ssh": (443, sshd("says", "Port 443\n"), ["ssh", "-p", "443", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "127.0.0.1", "true"]),
    "redis": (25, redis("says", "port 25\n"), ["redis-cli", "-p", "25", "ping"]),
    "postgresql": (5900, postgresql("says", "port = 5900\nlisten_addresses = '127.0.0.1'\n"), ["psql", "-h", "127.0.0.1", "-p", "5900", "-U", "ann", "-c", "select 1"]),
    "mysql": (5432, mysql("says", "port = 5432\nbind-address = 127.0.0.1\n"), ["mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", "5432", "--protocol=tcp", "-u", "ann", "-e", "select 1"]),
}  # fmt: skip
"""protocol -> (port, server, client)."""
SAID = {"dnsmasq": {53: "dns"}, "chrony": {123: "ntp"}, "snmpd": {161: "snmp"}, "coturn": {3478: "stun"}, "openvpn": {1194: "openvpn"}, "rpcbind": {111: "rpc"}, "charon": {500: "ike"}, "krb5kdc": {88: "kerberos"}, "kamailio": {5060: "sip"}}  # fmt: skip
"""Server -> what both sides say on its port."""


def test_real_servers_and_clients_are_told_whatever_their_port(sandbox, servers, tmp_path):
    host = sandbox.host("web-01", root=servers)
    for port, case, _ in SERVERS.values():
        prepare(host, case)
        start(host, case)
        host.wait_for_port(port, timeout_s=40)
    host.run(["sh", "-c", f"rm -f {HERE}/known_hosts"])
    capture = tmp_path / "all.pcap"
    with kept(host, capture):
        for port, _, client in SERVERS.values():
            if client is None:
                with host.enter():
                    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                    asked.connect()
                asked.request("GET", "/nothing", headers={"Host": "shop.example.org"})
                asked.getresponse().read()
                asked.close()
            else:
                host.run(client)
    answer = traffic([str(capture)], top=100)
    found = {row.port: (set(row.protocols), {mark.protocol for mark in row.marks}) for row in answer.ports}
    for protocol, (port, _, _) in SERVERS.items():
        assert found[port] == ({protocol}, {protocol}), protocol
    assert {row.name for row in answer.rows if row.protocol == "http"} == {"shop.example.org"}


@pytest.fixture(scope="module")
def talkers():
    """The private root with servers that speak UDP."""
    from portulan.system.sandbox.root import open_root

    try:
        return open_root(ROOTS / "talkers")
    except PortulanError as error:
        pytest.skip(f"no private root with peer programs: {error}")


def greet(here, address, port, dice):
    """Each way to greet the port's service, from a socket of its own."""
    for turn in range(ways(port)):
        with here.enter(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1.0)
            asking.connect((address, port))
            asking.send(hello(port, dice.getrandbits(64), turn))
            with suppress(OSError):
                asking.recv(4096)


@pytest.mark.prove
def test_real_servers_of_datagrams(sandbox, talkers, tmp_path, dice, samples):
    names = dice.sample(sorted(SAID), samples(3, len(SAID)))
    here, host = sandbox.host("here"), sandbox.host("names-01", root=talkers)
    sandbox.link(here, host)
    capture = tmp_path / "udp.pcap"
    for talker in TALKERS:
        if talker.name in names:
            talker.start(host, talkers, tmp_path)
    for name in names:
        for port in SAID[name]:
            host.wait_for_port(port, transport="udp", timeout_s=40)
    with kept(host, capture, ""):
        for port in (port for name in names for port in SAID[name]):
            greet(here, host.address, port, dice)
    answer = traffic([str(capture)], top=100)
    found = {row.port: set(row.protocols) for row in answer.ports}
    for name in names:
        for port, protocol in SAID[name].items():
            assert found[port] == {protocol}, name
