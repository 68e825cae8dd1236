"""What is explained, whatever the machine: names, facts, and commands that can be typed."""

import shlex
from collections import Counter
from datetime import UTC, datetime

import pytest

from capture_files import pcap_head, pcap_record
from chart_samples import chart
from portulan.cli.commands import COMMANDS
from portulan.cli.parser import build_parser
from portulan.errors import BadInput
from portulan.model.explain import TOPICS, Lesson
from portulan.model.port import Port, Transport
from portulan.text.explain import pages
from portulan.text.explain_facts import sentence
from portulan.text.voice import LANGUAGES, Voice
from portulan.verbs import explain as verb
from portulan.verbs.explain import explain_packet, find_topic, port_of
from portulan.verbs.explain_facts import gather
from portulan.verbs.explain_here import WIDEST, Here, Open
from portulan.verbs.explain_port import explain_port
from portulan.verbs.ports import resolve_ports
from portulan.wire.sample_frames import build_udp_frame

NAMES = [topic.name for topic in TOPICS]
GUARD = ("init", "plan", "apply", "confirm", "open", "close")
"""What the topics name of `guard`, where it is not at hand."""
PORTS = ("22", "ssh", "3389", "53/udp", "80/tcp", "23", "0", "60001", "40000", "1023", "2375")


def here(*opened):
    """A machine with these ports open, as a lesson looks at it."""
    made = Here()
    made.__dict__.update(opened=tuple(opened), host="web-01", everywhere=chart())
    return made


def doors():
    """One door of each kind."""
    numbers = (80, 22, 443, 9999, 5432, 50_000)
    holders = ("nginx nginx.service", "sshd", "", "", "postgres", "sshd")
    places = (("0.0.0.0", "::"), ("0.0.0.0",), ("::",), ("10.0.0.5",), ("127.0.0.1", "::1"), ("192.0.2.7",))
    networks = ((), (), ("10.0.0.0/8",) * 5, (), (), ())
    published = Open("tcp", 8080, "http-alt", "", (), "everyone", (), "172.17.0.2:80")
    return [published] + [
        Open("tcp", port, "any", holder, addresses, wide, nets)
        for port, holder, addresses, wide, nets in zip(numbers, holders, places, WIDEST, networks, strict=True)
    ]


def typed(command):
    """Parse a command as a shell and the program would; a word for a file or a host stands for itself."""
    words = shlex.split(command)
    words = words[1:] if words[0] == "sudo" else words
    assert words[0] == "portulan", command
    name, rest = (words[1], words[2:]) if len(words) > 1 else ("ls", [])
    if name == "guard" and name not in COMMANDS:
        assert rest[0] in GUARD
        return
    if name not in COMMANDS:
        assert resolve_ports(name)
        name, rest = "who", words[1:]
    build_parser(COMMANDS[name], Voice()).parse_args(rest)
    if name == "explain" and rest and not rest[0].startswith("-"):
        assert find_topic(rest[0]) or port_of(rest[0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("full", [True, False])
def test_every_topic_has_facts_sentences_and_commands_that_can_be_typed(name, full):
    machine = here(*(doors() if full else []))
    facts = gather(name, machine)
    assert facts
    assert all(fact.command for fact in facts)
    lesson = Lesson(name, None, "web-01", datetime.now(UTC), facts, why=machine.why)
    for fact in facts:
        for language in LANGUAGES:
            text = sentence(Voice(language), fact, lesson)
            assert text
            assert "{" not in text
        typed(fact.command)


@pytest.mark.parametrize("word", PORTS)
def test_a_port_too(word):
    lesson = explain_port(port_of(word))
    assert lesson.items[0].code.startswith("number.")
    for fact in lesson.items:
        assert sentence(Voice(), fact, lesson)
        assert sentence(Voice("ja"), fact, lesson)
        typed(fact.command)


def test_what_is_told_of_a_dangerous_port():
    facts = {fact.code: fact for fact in explain_port(port_of("23")).items}
    assert facts["number.named"].facts["service"] == "telnet"
    assert facts["number.clear"].facts["twin"] == 22
    facts = {fact.code: fact for fact in explain_port(port_of("3389")).items}
    assert facts["number.risk"].facts["key"] == "rdp"
    assert {"number.open", "number.closed"} & set(facts)


def test_every_topic_has_its_page_and_every_page_its_topic():
    assert list(Counter(NAMES).values()) == [1] * len(NAMES)
    assert set(pages()) == set(NAMES)


def test_every_name_means_one_topic():
    for topic in TOPICS:
        for name in (topic.name, *topic.aliases):
            assert find_topic(name) is topic, name
            assert find_topic(f" {name.upper()} ") is topic, name
    assert any(not name.isascii() for topic in TOPICS for name in topic.aliases)
    assert all(any(not name.isascii() for name in topic.aliases) for topic in TOPICS)


@pytest.mark.parametrize(
    ("words", "name"),
    [("Port Conflict", "conflict"), ("what is a port?", "port"), ("ＴＣＰ", "tcp-udp"), ("ssh の移動", "moving-ssh"), ("moving_ssh", "moving-ssh"), ("TCP と UDP", "tcp-udp")],
)  # fmt: skip
def test_names_as_people_write_them(words, name):
    assert find_topic(words).name == name


@pytest.mark.parametrize("word", ["ssh", "http", "docker", "3389", "domain", "whois"])
def test_a_service_is_no_topic(word):
    assert find_topic(word) is None


@pytest.mark.parametrize(
    ("word", "port"),
    [("3389", Port(3389)), ("53/udp", Port(53, Transport.UDP)), ("ssh", Port(22)), ("domain/udp", Port(53, Transport.UDP))],
)
def test_ports(word, port):
    assert port_of(word) == port


@pytest.mark.parametrize(
    ("words", "code", "near"),
    [
        ("ranegs", "explain.unknown", "ranges"), ("firewal", "explain.unknown", "firewall"), ("ファイアウォル", "explain.unknown", "ファイアウォール"), ("ephemeral prts", "explain.unknown", "ephemeral"),
        ("zzzzzzzz", "explain.unknown", ""), ("80-90", "explain.one-port", None), ("70000", "port.out-of-range", None), ("80/xyz", "transport.unknown", None),
    ],
)  # fmt: skip
def test_what_is_neither(words, code, near):
    with pytest.raises(BadInput) as raised:
        verb(words)
    assert raised.value.code == code
    if near is not None:
        assert str(raised.value.facts["near"]).split(", ")[0] == near


@pytest.fixture
def capture(tmp_path):
    frames = [build_udp_frame(b"\xc0\0\2\7", 50_000 + at, b"\xcb\0\x71\x09", 53, b"x") for at in range(3)]
    path = tmp_path / "a:b.pcap"
    path.write_bytes(pcap_head() + b"".join(map(pcap_record, frames)))
    return path


@pytest.mark.parametrize("number", [1, 3])
def test_a_packet_of_a_capture(capture, number):
    (packet,) = explain_packet(f"{capture}:{number}").packets
    assert [field.value for field in packet.ports] == [str(49_999 + number), "53"]
    assert packet.origin == "file"


@pytest.mark.parametrize(
    ("words", "code"),
    [(":4", "explain.no-packet"), (":0", "explain.packet"), (":x", "explain.packet"), ("", "explain.packet"), (":-1", "explain.packet"), (":²", "explain.packet")],
)  # fmt: skip
def test_no_such_packet(capture, words, code):
    with pytest.raises(BadInput) as raised:
        explain_packet(f"{capture}{words}")
    assert raised.value.code == code


def test_no_such_file(tmp_path):
    with pytest.raises(BadInput) as raised:
        explain_packet(f"{tmp_path}/none:1")
    assert raised.value.code == "capture.missing"
