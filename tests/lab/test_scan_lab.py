"""The hostile networks are what they say: nmap, which knows nothing of our code, sees in each what must be seen there."""

import random
import re
import xml.etree.ElementTree as ET
from contextlib import suppress

import numpy as np
import pytest

import scan_lab
import scan_servers
from scan_lab import FACTORS, Scene, Truth, allowed

pytestmark = pytest.mark.lab

PLAIN = {
    "family": 4, "method": "syn", "loss": 0, "delay": 0, "limit": "none", "firewall": "none", "oddity": "none", "path": "direct",
}  # fmt: skip
SEEN = {
    scan_lab.CLOSED: "closed reset", scan_lab.OPEN: "open syn-ack", scan_lab.DROPPED: "filtered no-response", scan_lab.REJECTED: "filtered",
    scan_lab.ROUTER_RESET: "closed reset", scan_lab.HOST_RESET: "closed reset", scan_lab.TARPIT: "open syn-ack", scan_lab.PROXIED: "open syn-ack", scan_lab.PROXIED_OPEN: "open syn-ack",
}  # fmt: skip
OF_EACH = 8


def ask_nmap(scene, ports, *options):
    """Port -> (state and reason, TTL)."""
    command = [
        "nmap",
        *options,
        "-n",
        "-Pn",
        "-p",
        ",".join(map(str, ports)),
        "-oX",
        "-",
        *(["-6"] if scene.case["family"] == 6 else []),
        scene.address,
    ]
    done = scene.scanner.run(command, timeout_s=120)
    assert done.returncode == 0, done.stderr
    return {
        int(port.get("portid")): (
            f"{port.find('state').get('state')} {port.find('state').get('reason')}",
            int(port.find("state").get("reason_ttl")),
        )
        for port in ET.fromstring(done.stdout).iter("port")
    }


def sample(truth):
    """Some ports of each kind, and their kinds."""
    dice, chosen = random.Random(7), {}
    for kind in range(len(scan_lab.NAMES)):
        ports = np.flatnonzero(truth.kind[1:] == kind) + 1
        for port in dice.sample(ports.tolist(), min(OF_EACH, len(ports))):
            chosen[port] = kind
    return chosen


SCENES = {
    "plain": {},
    "plain, IPv6, delayed, routed": {"family": 6, "delay": 10, "path": "routed"},
    "dropped": {"firewall": "drop"},
    "walled": {"firewall": "wall", "path": "routed"},
    "rejected": {"firewall": "reject"},
    "rejected by a router, IPv6": {"firewall": "reject", "path": "routed", "family": 6},
    "reset by a router": {"firewall": "reset-on-router", "path": "routed"},
    "reset by the host, tarpit": {"firewall": "reset-on-host", "oddity": "tarpit", "family": 6},
    "proxied on the host": {"oddity": "proxy-on-host"},
    "proxied on a router, IPv6, delayed": {"oddity": "proxy-on-router", "path": "routed", "family": 6, "delay": 10},
}


@pytest.mark.parametrize("name", SCENES)
def test_nmap_sees_what_the_scene_has(peers, day_seed, name):
    case = {**PLAIN, **SCENES[name]}
    assert allowed(case)
    with Scene(case, day_seed, peers) as scene:
        chosen = sample(scene.truth)
        seen = ask_nmap(scene, chosen, "-sS", "-T4")
    assert set(seen) == set(chosen)
    for port, kind in chosen.items():
        said, ttl = seen[port]
        assert said.startswith(SEEN[kind]), (port, scan_lab.NAMES[kind], said, scene.truth.code)
        if kind in {scan_lab.OPEN, scan_lab.ROUTER_RESET, scan_lab.HOST_RESET}:
            assert ttl == 64 - (case["path"] == "routed" and kind != scan_lab.ROUTER_RESET)


def test_resets_are_limited(peers, day_seed):
    with Scene({**PLAIN, "limit": "resets"}, day_seed, peers) as scene:
        closed = (np.flatnonzero(scene.truth.kind[1:] == scan_lab.CLOSED) + 1)[:6_000].tolist()
        command = ["nmap", "-sS", "--min-rate", "20000", "--max-retries", "0", "-n", "-Pn", "-p", ",".join(map(str, closed)), scene.address]
        told = scene.scanner.run(command, timeout_s=120).stdout
    answered = int(re.search(r"(\d+) closed tcp ports", told)[1])
    assert 10 < answered < 4_000, told
    assert re.search(r"(\d+) filtered tcp ports \(no-response\)", told), told


@pytest.mark.parametrize("family", [4, 6])
def test_services_answer_their_protocol_and_nothing_else(peers, day_seed, family):
    case = {**PLAIN, "method": "udp", "family": family, "firewall": "reject" if family == 6 else "drop"}
    with Scene(case, day_seed, peers) as scene:
        talking = list(np.flatnonzero(scene.truth.kind == scan_lab.TALKS))
        seen = ask_nmap(scene, [*talking, *scene.truth.listening[:4], *sample(scene.truth)], "-sU", "-T4", "--max-retries", "2")
        for port, kind in sample(scene.truth).items():
            expected = scene.truth.expected(kind)
            assert seen[port][0].split()[0] in {*expected, *(["open|filtered"] if kind == scan_lab.TALKS else [])}, (
                port,
                scan_lab.NAMES[kind],
            )
    found = {port for port in talking if seen[port][0] == "open udp-response"}
    usual = {53, 111, 123, 137, 161, 1900, 3478, 5353, 5683} & set(map(int, talking))
    assert usual <= found


@pytest.mark.parametrize("service", sorted(set(scan_servers.SERVICES.values()), key=lambda service: service.__name__))
def test_services_do_not_answer_nonsense(service):
    dice = random.Random(3)
    for length in (0, 1, 2, 12, 40, 60, 1200):
        with suppress(IndexError):
            assert service(dice.randbytes(length)) is None


def test_every_level_is_met_in_a_plan_of_allowed_cases():
    from pairwise import pairs_of, plan, possible_pairs

    cases = plan(FACTORS, allowed, random.Random(1), 200)
    assert len(cases) >= 200
    assert all(map(allowed, cases))
    assert set().union(*map(pairs_of, cases)) == possible_pairs(FACTORS, allowed)
    for factor, levels in FACTORS.items():
        assert {case[factor] for case in cases} == set(levels)


def test_a_judge_that_is_told_the_truth_is_content_and_one_wrong_port_is_noticed(day_seed):
    for firewall, oddity in (("drop", "tarpit"), ("reject", "proxy-on-host"), ("reset-on-host", "none")):
        truth = Truth({**PLAIN, "firewall": firewall, "oddity": oddity}, random.Random(day_seed))
        said = {}
        for port in range(1, scan_lab.PORTS):
            state, reasons = next(iter(truth.expected(truth.kind[port]).items()))
            said[port] = state, min(reasons)
        assert truth.judge(said)[0] == []
        for lie in (("open", "syn-ack"), ("closed", "reset"), ("filtered", "no-response")):
            liar = next(port for port in range(1, scan_lab.PORTS) if lie[1] not in (truth.expected(truth.kind[port]).get(lie[0]) or ()))
            assert len(truth.judge({**said, liar: lie})[0]) == 1
        del said[truth.listening[0]]
        assert len(truth.judge(said)[0]) == 1


@pytest.mark.parametrize("oddity", ["tarpit", "proxy-on-router"])
def test_connections_tell_whose_window_it_is(peers, day_seed, oddity):
    """The kernel knows what window its peer opened, so even `connect` need not believe a tarpit or a proxy."""
    from portulan.model.scan import Reason
    from portulan.scan.by_connect import ConnectProber
    from scanning import ask, space_of

    def look(address, ports):
        space = space_of(address, ports=ports)
        prober = ConnectProber(space)
        try:
            return {port: reason for (_, port), (_, reason, _) in ask(prober, space).items()}
        finally:
            prober.close()

    with Scene({**PLAIN, "method": "connect", "oddity": oddity, "path": "routed", "delay": 10}, day_seed, peers) as scene:
        chosen = sample(scene.truth)
        seen = scene.scanner.call(look, scene.address, sorted(chosen))
    odd = Reason.TARPIT if oddity == "tarpit" else Reason.SYN_PROXY
    wanted = {scan_lab.CLOSED: Reason.REFUSED, scan_lab.OPEN: Reason.SYN_ACK}
    assert seen == {port: wanted.get(kind, odd) for port, kind in chosen.items()}
