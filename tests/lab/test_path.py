"""`portulan trace` and `ping` on chains of routers: the proofs, sampled; and what people see and type."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import jsonschema
import pytest

import proofs_path
import proofs_path_times
from labs import PORTULAN, as_user, portulan
from path_lab import CLOSED, ECHO, OPEN, Chain, serve
from portulan.cli.contract import schema_of

pytestmark = pytest.mark.lab


def seeds(day_seed, samples, some):
    return range(1, 101) if samples(0, 1) else [day_seed * 10 + at for at in range(some)]


@pytest.mark.prove
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("proof", "some"),
    [
        (proofs_path.verdicts, 1),
        (proofs_path.limited, 2),
        (proofs_path.shared, 2),
        (proofs_path_times.times, 2),
        (proofs_path_times.beside_mtr, 1),
    ],
)
def test_the_proofs_sampled(peers, day_seed, samples, proof, some):
    found = []
    for seed in seeds(day_seed, samples, some):
        found += [f"seed {seed}: {each}" for each in proof(seed)[0]]
    assert found == []


@pytest.fixture
def chain(sandbox, peers):
    return Chain(sandbox, 3, peers=peers)


@pytest.mark.parametrize("version", [4, 6])
def test_an_ordinary_user_traces_an_open_port(chain, version):
    target = proofs_path.endpoint(chain.address(version), OPEN)
    done = portulan(chain.client, "trace", target, "--json", user=65534)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, schema_of("trace"), format_checker=jsonschema.FormatChecker())
    assert [hop["seen"][0]["address"] for hop in answer["items"]] == [chain.address(version, hop) for hop in range(1, 5)]
    assert (answer["verdict"]["finding"], answer["flow"], answer["mtu"]["bytes"], answer["mtu"]["sure"]) == ("open", "each", 1500, True)
    assert portulan(chain.client, "trace", target, "--json").stdout.count('"flow":"one"') == 1


@pytest.mark.parametrize("version", [4, 6])
def test_the_smallest_link_decides_how_big_packets_may_be(sandbox, peers, version):
    chain = Chain(sandbox, 3, peers=peers, mtus={2: 1400})
    done = portulan(chain.client, "trace", proofs_path.endpoint(chain.address(version), OPEN), "--json", user=65534)
    assert json.loads(done.stdout)["mtu"] == {"bytes": 1400, "sure": True, "hop_address": chain.address(version, 2)}


def test_a_long_path_needs_a_second_volley(sandbox, peers):
    chain = Chain(sandbox, 18, peers=peers)
    done = portulan(chain.client, "trace", f"{chain.address(4)}:{OPEN}", "--json", user=65534)
    answer = json.loads(done.stdout)
    assert (answer["verdict"]["finding"], answer["verdict"]["hop"], len(answer["items"])) == ("open", 19, 19)
    short = portulan(chain.client, "trace", f"{chain.address(4)}:{OPEN}", "-m", "5", "-w", "0.2", "--json", user=65534)
    assert json.loads(short.stdout)["verdict"]["finding"] in ("silent", "port-filtered")


def test_ping_tells_open_closed_and_filtered(chain):
    proofs_path.put(chain.routers[1], "tcp dport 80 drop\n  udp dport 81 reject with icmpx type admin-prohibited")
    targets = [f"{chain.address(4)}:{port}" for port in (OPEN, CLOSED, 80, f"{ECHO}/udp", "3000/udp", "81/udp")]
    done = portulan(chain.client, "ping", *targets, "-c", "2", "-i", "0.1", "-w", "0.3", "--json", user=65534)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, schema_of("ping"), format_checker=jsonschema.FormatChecker())
    states = [(one["state"], one["reason"], one["by"], one["answered"]) for one in answer["items"]]
    assert states == [
        ("open", "syn-ack", None, 2), ("closed", "reset", None, 2), ("filtered", "no-response", None, 0), ("open", "udp-response", None, 2),
        ("closed", "port-unreach", None, 2), ("filtered", "admin-prohibited", chain.address(4, 2), 2),
    ]  # fmt: skip


def test_each_probe_is_a_line_of_json(chain):
    done = portulan(chain.client, "ping", f"{chain.address(4)}:{OPEN}", "-c", "3", "-i", "0.05", "--jsonl", user=65534)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["sequence"], line["state"], line["clock"]) for line in lines] == [(at, "open", "kernel") for at in (1, 2, 3)]


def test_a_script_waits_until_a_port_opens(chain):
    target = f"{chain.address(4)}:8080"
    assert portulan(chain.client, "ping", target, "--wait", "0.3", user=65534).returncode == 1
    waiting = chain.client.start(as_user([PORTULAN, "ping", target, "--wait", "20"]))
    time.sleep(0.5)
    assert waiting.poll() is None
    serve(chain.server, (8080,))
    assert waiting.wait(20) == 0


TLS_SERVER = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server = socket.create_server(("", 8443), backlog=64)
while True:
    one, _ = server.accept()
    try:
        context.wrap_socket(one, server_side=True).close()
    except OSError:
        pass
"""


def test_tls_tells_its_time_and_the_days_of_the_certificate(chain, tmp_path):
    pem = tmp_path / "server.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=server", "-keyout", pem, "-out", tmp_path / "cert.pem"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl to make a certificate with")
    pem.write_text(pem.read_text() + (tmp_path / "cert.pem").read_text())
    chain.server.start([sys.executable, "-c", TLS_SERVER, str(pem)])
    chain.server.wait_for_port(8443)
    done = portulan(chain.client, "ping", f"{chain.address(4)}:8443", "--tls", "-c", "2", "-i", "0.1", "--json", user=65534)
    item = json.loads(done.stdout)["items"][0]
    assert item["tls_version"] == "TLSv1.3"
    assert 29 < item["certificate_days"] <= 30
    assert item["tls"]["median"] > item["times"]["median"]
    plain = portulan(chain.client, "ping", f"{chain.address(4)}:{OPEN}", "--tls", "-c", "1", "--json", user=65534)
    assert json.loads(plain.stdout)["items"][0]["tls_failure"]


def test_icmp_needs_a_right_and_says_which(chain):
    denied = portulan(chain.client, "ping", chain.address(4), "--icmp", "-c", "1", user=65534)
    assert denied.returncode == 3
    assert "CAP_NET_RAW" in denied.stderr
    assert 'net.ipv4.ping_group_range="65534 65534"' in denied.stderr
    chain.client.set("net.ipv4.ping_group_range", "0 65534")
    assert portulan(chain.client, "ping", chain.address(4), "--icmp", "-c", "1", user=65534).returncode == 0
    assert portulan(chain.client, "ping", chain.address(6), "--icmp", "-c", "1").returncode == 0


def test_the_interface_goes_down_while_it_is_watched(chain):
    target = f"{chain.address(4)}:{OPEN}"
    watching = chain.client.start(
        as_user([PORTULAN, "ping", target, "-c", "40", "-i", "0.05", "-w", "0.2", "--jsonl"]), stdout=subprocess.PIPE
    )
    assert json.loads(watching.stdout.readline())["state"] == "open"
    chain.links[0].switch(on=False)
    lines = [json.loads(line) for line in watching.stdout.read().splitlines()]
    assert watching.wait(20) == 0  # it was open once
    assert {(line["state"], line["reason"]) for line in lines[-10:]} == {("filtered", "no-route")}


def test_no_way_to_a_network_is_told_before_anything_is_sent(chain):
    for target, version in (("10.9.9.9:80", 4), ("[2001:db8::1]:80", 6)):
        done = portulan(chain.client, "trace", target, user=65534)
        assert done.returncode == 3, (version, done.stdout)
        assert "no route from here" in done.stdout
        raw = portulan(chain.client, "trace", target)
        assert raw.returncode == 3
        assert f"there is no IPv{version} route" in raw.stderr


def in_terminal(host, words, keys, columns=100, lines=30, seconds=1.5):
    """What a program shows on a terminal of this size, where the keys are typed one after another; (bytes shown, exit status)."""
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    settings = {"TERM": "xterm", "LANG": "C.UTF-8"}
    process = host.start([PORTULAN, *words], stdin=follower, stdout=follower, stderr=subprocess.PIPE, environment=settings)
    os.close(follower)
    os.set_blocking(leader, False)
    shown, begun = b"", time.monotonic()
    pending = [(begun + 0.7 + at * seconds / 3, key) for at, key in enumerate(keys)]
    while process.poll() is None and time.monotonic() < begun + 20:
        if pending and time.monotonic() > pending[0][0]:
            os.write(leader, pending.pop(0)[1].encode())
        try:
            shown += os.read(leader, 65536)
        except OSError:
            time.sleep(0.02)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    status = process.wait(10)
    with contextlib.suppress(OSError):
        shown += os.read(leader, 65536)
    os.close(leader)
    return shown.decode("utf-8", "replace"), status


def test_live_shows_hops_and_obeys_its_keys(chain):
    shown, status = in_terminal(chain.client, ["trace", f"{chain.address(4)}:{OPEN}", "--live", "-i", "0.1", "-n"], "jdprq")
    assert status == 0
    assert "WORST" in shown  # the numbers
    assert "JITTER" in shown  # j
    assert any(bar in shown for bar in "▁▂▃▄▅▆▇█")  # d
    assert "paused" in shown  # p
    assert shown.rstrip().startswith("\x1b[?1049h")
    assert "\x1b[?1049l" in shown
    assert shown.index("\x1b[?1049l") < shown.rindex("is open")  # the report stays on the screen


def test_a_window_too_small_says_so(chain):
    shown, status = in_terminal(
        chain.client, ["trace", f"{chain.address(4)}:{OPEN}", "--live", "-i", "0.1", "-n"], "q", columns=30, lines=6
    )
    assert status == 0
    assert "too small" in shown


def test_many_targets_are_a_graph_on_a_terminal(chain):
    targets = [f"{chain.address(4)}:{port}" for port in (OPEN, CLOSED)]
    shown, status = in_terminal(chain.client, ["ping", *targets, "-i", "0.1"], "q")
    assert status == 1
    assert "1 of 2 open" in shown
    assert any(bar in shown for bar in "▁▂▃▄▅▆▇█")


def test_a_live_view_needs_a_terminal(chain):
    done = portulan(chain.client, "trace", f"{chain.address(4)}:{OPEN}", "--live", user=65534)
    assert done.returncode == 2
    assert "terminal" in done.stderr


def test_a_report_of_rounds_and_systems_by_a_file(chain, tmp_path):
    table = tmp_path / "as.txt"
    table.write_text("# comment\n198.18.0.0/15 AS64500 LAB\n198.18.1.0/24 64501 ROUTER\n")
    done = portulan(chain.client, "trace", f"{chain.address(4)}:{OPEN}", "-c", "5", "-i", "0.05", "--csv", "--as-file", table)
    rows = [line.split(",") for line in done.stdout.splitlines()]
    assert [row[3] for row in rows[1:]] == ["AS64500 LAB", "AS64501 ROUTER", "AS64500 LAB", "AS64500 LAB"]
    assert {row[4] for row in rows[1:]} == {"5"}


SHORT_QUOTES = """
import socket, struct
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)); heard.bind(("eth0", 0x0800))
speak = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
while True:
    packet, place = heard.recvfrom(4096)
    packet = packet[14:]
    if place[2] == socket.PACKET_HOST and packet[8] == 1 and packet[9] == 17:
        message = struct.pack("!BBHI", 11, 0, 0, 0) + packet[:28]
        speak.sendto(message[:2] + struct.pack("!H", checksum(message)) + message[4:], (socket.inet_ntoa(packet[12:16]), 0))
"""


def test_a_router_that_quotes_as_little_as_it_must(chain):
    """RFC 792 asks for eight bytes: a UDP header, and nothing of what tells one datagram from another."""
    router = chain.routers[1]
    proofs_path.put(router, "icmp type time-exceeded ip length 56 accept\n  icmp type time-exceeded drop", "output")
    router.start([sys.executable, "-c", SHORT_QUOTES])
    time.sleep(0.5)
    done = portulan(chain.client, "trace", f"{chain.address(4)}:{ECHO}/udp", "-w", "0.5", "--json", user=65534)
    answer = json.loads(done.stdout)
    assert (answer["verdict"]["finding"], answer["verdict"]["hop"]) == ("open", 4)
    assert [[seen["address"] for seen in hop["seen"]] for hop in answer["items"]] == [[chain.address(4, hop)] for hop in range(1, 5)]


@pytest.mark.parametrize("asked", [f"{OPEN}", f"{ECHO}/udp"])
@pytest.mark.parametrize("user", [True, False])
def test_a_path_is_watched_while_the_interface_goes_down(chain, asked, user):
    target = f"{chain.address(4)}:{asked}"
    fault = threading.Timer(3.0, lambda: chain.links[0].switch(on=False))
    fault.start()
    before, during = chain.client.call(*((proofs_path.as_ordinary,) if user else ()), watched, target)
    fault.join()
    assert all(hop.answered == hop.sent > 0 for hop in before.hops)
    assert all(hop.answered < hop.sent for hop in during.hops)
    assert any({"no-route", "link-down"} & hop.reasons.keys() for hop in during.hops)


def watched(target):
    """What is known before the interface goes down, and after."""
    from portulan.verbs.live import Watch

    begun = time.monotonic()
    with Watch(target, wait_s=0.2, names=False) as watch:
        watch.run(mtu=False)
        watch.begin(0.02)
        while watch.repeats < 5:
            watch.step(0.02)
        watch.settle()
        before = watch.now()
        time.sleep(max(0.0, begun + 4.0 - time.monotonic()))
        while watch.repeats < 10:
            watch.step(0.02)
        watch.settle()
        return before, watch.now()


def test_what_this_host_s_own_firewall_keeps_in(chain, peers):
    rules = "table inet own {\n chain out {\n  type filter hook output priority 0; policy accept;\n  meta l4proto { tcp, udp } ip daddr 198.18.0.0/15 drop\n }\n}\n"
    assert chain.client.run(["nft", "-f", "/dev/stdin"], text=rules, root=peers).returncode == 0
    datagrams = portulan(chain.client, "trace", f"{chain.address(4)}:{ECHO}/udp", user=65534)
    assert datagrams.returncode == 3
    assert "own firewall" in datagrams.stdout
    # Of a connection the kernel does not tell: it goes on trying.
    connection = portulan(chain.client, "trace", f"{chain.address(4)}:{OPEN}", "-w", "0.2", "--json", user=65534)
    assert json.loads(connection.stdout)["verdict"]["finding"] == "no-reply"
    raw = portulan(chain.client, "trace", f"{chain.address(4)}:{OPEN}")
    assert raw.returncode == 3
    assert "own firewall" in raw.stdout
