"""Ports whose connections a firewall rule sends elsewhere, by the firewall's own programs and rules really in force."""

import json

import pytest

from labs import PORTULAN, inhabit

pytestmark = [pytest.mark.lab, pytest.mark.peer]
NFT = """
table ip shop {
  chain arrivals { type nat hook prerouting priority dstnat; policy accept;
    iifname "eth0" tcp dport { 8080, 9000-9010 } dnat to 172.17.0.2:80
    udp dport 5353 redirect to :53
  }
}
"""


@pytest.fixture
def host(sandbox, peers):
    made = sandbox.host("a", root=peers)
    inhabit(made)
    return made


def warned(host, port):
    done = host.run([PORTULAN, "why", port, "--json"])
    answer = json.loads(done.stdout)
    assert answer["answer"] == "yes", done.stderr
    return [one["facts"] for one in answer["warnings"] if one["code"] == "published"]


def test_rules_of_nftables(host):
    assert warned(host, "8080") == []
    done = host.run(["nft", "-f", "-"], text=NFT)
    assert done.returncode == 0, done.stderr
    assert warned(host, "8080") == [{"where": "shop arrivals", "target": "172.17.0.2:80"}]
    assert warned(host, "9005") == [{"where": "shop arrivals", "target": "172.17.0.2:80"}]
    assert warned(host, "5353/udp") == [{"where": "shop arrivals", "target": ":53"}]
    assert warned(host, "5353") == warned(host, "8081") == warned(host, "8080/udp") == []


def test_rules_as_docker_makes_them(host):
    for words in (
        ["-N", "DOCKER"], ["-A", "PREROUTING", "-m", "addrtype", "--dst-type", "LOCAL", "-j", "DOCKER"],
        ["-A", "DOCKER", "!", "-i", "docker0", "-p", "tcp", "-m", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination", "172.17.0.2:80"],
    ):  # fmt: skip
        done = host.run(["iptables", "-t", "nat", *words])
        if done.returncode:
            pytest.skip(f"iptables does not work here: {done.stderr}")
    assert {"where": "nat DOCKER", "target": "172.17.0.2:80"} in warned(host, "8080")
    assert warned(host, "8081") == []
