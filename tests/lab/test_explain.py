"""What `explain` makes happen on a host of its own, and what it says of that host."""

import io
import json
import re
import socket
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import jsonschema
import pytest

from labs import ORDINARY, call_as, connect, datagrams, inhabit, listen, port_of, portulan
from portulan.cli.main import main
from portulan.model.explain import TOPICS
from portulan.system.linux.links import set_up
from portulan.verbs.explain import explain, explain_packet

pytestmark = pytest.mark.lab
SCHEMAS = Path(__file__).resolve().parent.parent.parent / "docs/schema"


@pytest.fixture
def host(sandbox):
    made = sandbox.host("shop")
    inhabit(made)
    return made


def told(host, words):
    """The lesson, as of that host."""
    with host.enter():
        return explain(words)


def codes(lesson):
    return [item.code for item in lesson.items]


def fact(lesson, code):
    (found,) = [item.facts for item in lesson.items if item.code == code]
    return found


def ports(packet):
    return [field.value for field in packet.ports]


def layers(packet):
    return [layer.code for layer in packet.layers]


def open_sockets(host):
    """How many sockets there are in the host's tables."""
    with host.enter():
        return {name: len(Path(f"/proc/thread-self/net/{name}").read_text("ascii").splitlines()) for name in ("udp", "raw", "packet")}


def say_every_topic(language):
    """Topic -> (exit status, what was printed, what was said besides)."""
    said = {}
    for topic in TOPICS:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(["explain", topic.name, "--lang", language])
        said[topic.name] = status, out.getvalue(), err.getvalue()
    return said


def test_layers_are_those_of_packets_that_went_by(host):
    before = open_sockets(host)
    answer = portulan(host, "explain", "layers", "--json")
    assert answer.returncode == 0
    lesson = json.loads(answer.stdout)
    jsonschema.validate(lesson, json.loads((SCHEMAS / "explain.json").read_text("utf-8")), format_checker=jsonschema.FormatChecker())
    assert [packet["origin"] for packet in lesson["packets"]] == ["captured"] * 3
    udp, tcp, icmp = told(host, "layers").packets
    for packet, transport in ((udp, "udp"), (tcp, "tcp")):
        assert layers(packet) == ["ethernet", "ipv4", transport, "data"]
        text = bytes.fromhex(packet.data)[packet.layers[-1].at :].decode()
        assert text == f"Hello, port {ports(packet)[1]}"
    assert ports(icmp) == []
    assert layers(icmp) == ["ethernet", "ipv4", "icmp", "data"]
    assert open_sockets(host) == before


def test_whoever_may_not_capture_is_shown_what_was_built_and_told_so(host):
    said = call_as(host, say_every_topic, "en", uid=ORDINARY)
    assert {status for status, _, _ in said.values()} == {0}, {name: err for name, (status, _, err) in said.items() if status}
    assert all("On this machine now" in out and not re.search(r"\{[a-z_]+", out) for _, out, _ in said.values())
    text = said["layers"][1]
    assert text.count("NOT captured") == 3
    assert "sudo portulan explain layers" in text
    assert "ICMP" in said["ping"][1]


def test_what_is_built_has_the_layers_of_what_is_captured(host):
    real = told(host, "layers").packets
    built = call_as(host, explain, "layers", uid=ORDINARY).packets
    assert [packet.origin for packet in built] == ["built"] * 3
    assert list(map(layers, built)) == list(map(layers, real))
    assert [packet.ports[0].at for packet in built[:2]] == [packet.ports[0].at for packet in real[:2]]


def test_a_loopback_that_is_down_is_said_and_the_rest_is_told(host):
    set_up(host.netlink, 1, up=False)
    answer = portulan(host, "explain", "layers")
    assert answer.returncode == 0
    assert "Port numbers stand in the transport layer only" in answer.stdout
    assert "the loopback" in answer.stderr
    for topic in TOPICS:
        lesson = told(host, topic.name)
        assert all(gap.code in ("explain.failed", "owners.forbidden", "reach.forbidden") for gap in lesson.gaps)


def test_the_conflict_is_real(host):
    lesson = told(host, "ポート競合")
    assert fact(lesson, "conflict.closed") == {"port": "80/tcp", "error": "EADDRINUSE"}
    assert fact(lesson, "conflict.cause") == {"port": "80/tcp", "cause": "listener", "answer": "no"}
    assert lesson.why.port.number == 80
    assert not told(host, "listening").items[0].facts  # it is over: nobody listens


def test_the_conflict_happens_though_the_machine_has_a_web_server(host):
    with listen(host, "0.0.0.0", 80):
        lesson = told(host, "conflict")
    assert "conflict.closed" in codes(lesson)
    assert {holder.endpoint.address for holder in lesson.why.holders} == {"127.0.0.1"}, "the one that was made, not the machine's own"


def test_whoever_may_make_no_sandbox_sees_the_conflict_on_the_loopback(host):
    lesson = call_as(host, explain, "conflict", uid=ORDINARY)
    assert fact(lesson, "conflict.made")["error"] == "EADDRINUSE"
    number = int(fact(lesson, "conflict.made")["port"].partition("/")[0])
    assert number > 49_151  # without a name
    assert lesson.why.port.number == number
    assert fact(lesson, "conflict.cause") | {"port": ""} == {"port": "", "cause": "listener", "answer": "no"}


def test_ports_answer_and_so_do_echoes(host):
    assert codes(told(host, "ping"))[:3] == ["ping.open", "ping.closed", "ping.echo"]
    host.set("net.ipv4.icmp_echo_ignore_all", 1)
    assert codes(told(host, "ping"))[:3] == ["ping.open", "ping.closed", "ping.silent"]


def test_facts_are_those_of_the_host(host):
    with listen(host, "0.0.0.0", 3389), listen(host, "127.0.0.1", 5432), datagrams(host, "0.0.0.0", 53):
        counts = fact(told(host, "port"), "port.count")
        assert (counts["tcp"], counts["udp"]) == (2, 1)
        assert fact(told(host, "ranges"), "ranges.open") == {"system": 1, "user": 2, "dynamic": 0}
        assert fact(told(host, "address"), "address.inner")["port"] == "5432/tcp"
        assert sorted(item.facts["port"] for item in told(host, "listening").items) == ["3389/tcp", "53/udp", "5432/tcp"]
        of_rdp = told(host, "3389")
        assert fact(of_rdp, "number.open")["port"] == "3389/tcp"
        assert fact(of_rdp, "number.risk")["key"] == "rdp"
        assert "number.closed" not in codes(of_rdp)
        assert fact(told(host, "53/tcp"), "number.closed")["port"] == "53/tcp"
        assert "5432/tcp" in fact(told(host, "who-gets-in"), "access.this-host")["ports"]


@pytest.mark.peer
def test_a_published_port_is_open_though_nobody_here_holds_it(sandbox, peers):
    host, outside = sandbox.host("shop", root=peers), sandbox.host("outside")
    sandbox.link(host, outside)
    inhabit(host)
    assert "number.closed" in codes(told(host, "8080"))
    rules = "table ip shop { chain arrivals { type nat hook prerouting priority dstnat; policy accept; tcp dport 8080 dnat to 198.18.0.2:80; }\n}\n"
    done = host.run(["nft", "-f", "-"], text=rules)
    assert done.returncode == 0, done.stderr
    host.set("net.ipv4.ip_forward", 1)
    answer = portulan(host, "explain", "8080", "--json")
    lesson = json.loads(answer.stdout)
    (published,) = [item["facts"] for item in lesson["items"] if item["code"] == "number.published"]
    assert published["published"] == "198.18.0.2:80"
    assert "number.closed" not in [item["code"] for item in lesson["items"]]
    text = portulan(host, "explain", "containers").stdout
    assert "8080/tcp is published" in text
    # Whoever may not read the rules is not told that the port is closed.
    unsure = call_as(host, explain, "8080", uid=ORDINARY)
    assert "number.unsure" in codes(unsure)
    assert "reach.forbidden" in [gap.code for gap in unsure.gaps]
    assert "containers.unseen" in codes(call_as(host, explain, "containers", uid=ORDINARY))


def test_numbers_that_the_kernel_lends(host):
    host.set("net.ipv4.ip_local_port_range", "50000 50099")
    with listen(host, "127.0.0.1", 1234), connect(host, "127.0.0.1", 1234) as client:
        lesson = told(host, "ephemeral")
        assert 50_000 <= port_of(client) <= 50_099
    assert fact(lesson, "ephemeral.range") == {"first": 50_000, "last": 50_099, "count": 100}
    assert all(50_000 <= int(number) <= 50_099 for number in fact(lesson, "ephemeral.given")["numbers"].split(", "))
    assert fact(lesson, "ephemeral.used")["count"] >= 1


def test_every_user_may_bind_where_that_was_set(host):
    host.set("net.ipv4.ip_unprivileged_port_start", 0)
    assert "ranges.unprivileged" in codes(told(host, "ranges"))


def test_every_topic_answers_in_japanese(host):
    with host.enter():
        said = say_every_topic("ja")
    assert {status for status, _, _ in said.values()} == {0}, said
    assert all("今、このマシンでは" in out for _, out, _ in said.values())


def test_a_packet_that_somebody_captured(host, tmp_path):
    path = tmp_path / "kept.pcap"
    with host.enter():
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        ear.bind(("lo", 3))
    with ear, datagrams(host, "127.0.0.1", 4000) as receiver, datagrams(host, "127.0.0.1", 4001) as sender:
        sender.sendto(b"kept", receiver.getsockname())
        frame = ear.recv(2048)
    head = bytes.fromhex("d4c3b2a1020004000000000000000000 0000040001000000")
    size = len(frame).to_bytes(4, "little")
    path.write_bytes(head + bytes(8) + size + size + frame)
    (packet,) = explain_packet(f"{path}:1").packets
    assert ports(packet) == ["4001", "4000"]
    assert bytes.fromhex(packet.data) == frame
