"""The compact table: lookups on the small registry of oddities, on the packaged one, and on damaged bytes."""

import re
from pathlib import Path

import pytest

from portulan.errors import ParseError
from portulan.model.assignment import Status
from portulan.model.port import Transport
from portulan.model.portset import parse_portset
from portulan.registry.build import build_table
from portulan.registry.source import parse_source
from portulan.registry.table import LONGEST_HEADER, Table, parse_line
from portulan.system.registry_file import PACKAGED
from registry_samples import ODDITIES, as_xml

TCP, UDP, SCTP = Transport.TCP, Transport.UDP, Transport.SCTP


@pytest.fixture(scope="module")
def data():
    return build_table(parse_source(as_xml(ODDITIES)).records, "2026-08-17")


@pytest.fixture(scope="module")
def table(data):
    return Table(data)


@pytest.fixture(scope="module")
def packaged():
    return Table(Path(PACKAGED).read_bytes())


def names(records):
    return [record.name for record in records]


def test_the_usual_name_by_transport(table):
    assert table.usual(80, TCP) == "webby"
    assert table.usual(80, SCTP) == "webby"
    assert table.usual(80, Transport.DCCP) is None
    assert table.usual(465, TCP) == "submissions"
    assert table.usual(465, UDP) is None
    assert table.usual(774, UDP) == "old-name"
    assert table.usual(888, TCP) == "assigned"


def test_the_usual_name_of_ranges_and_of_ports_for_all_transports(table):
    assert [table.usual(port, TCP) for port in (5999, 6000, 6031, 6063, 6064)] == [None, "x12", "x12", "x12", None]
    assert table.usual(6000, SCTP) is None
    assert table.usual(6400, SCTP) == "everywhere"
    assert table.usual(7359, UDP) == "swap"


def test_nameless_numbers_have_no_usual_name(table):
    assert [table.usual(port, TCP) for port in (0, 4, 15, 7750, 65535)] == [None] * 5


def test_udp_lite_uses_the_numbers_of_udp(table):
    assert table.usual(80, Transport.UDPLITE) == "webby"
    assert table.usual(465, Transport.UDPLITE) is None


def test_all_names_of_a_port_the_usual_first(table):
    assert names(table.assignments(80, TCP)) == ["webby", "www"]
    assert names(table.assignments(80)) == ["webby", "webby", "webby", "www"]
    assert names(table.assignments(888)) == ["assigned", "widespread"]


def test_a_port_inside_a_stale_range_shows_both(table):
    assert [(record.name, record.status) for record in table.assignments(7775)] == [
        ("inside", Status.ASSIGNED),
        (None, Status.UNASSIGNED),
    ]


def test_between_is_sorted_and_complete(table):
    found = table.between(6000, 7780)
    assert [record.first for record in found] == [6000, 6000, 6400, 7300, 7748, 7775]
    assert table.between(0, 65535) == tuple(sorted((r for r in table.everything() if r.first is not None), key=lambda r: r.first))
    assert names(table.between(6063, 6063, UDP)) == ["x12"]


def test_names_in_any_case_and_spelling(table):
    assert [record.first for record in table.by_name("XMLTHING")] == [9092]
    assert [record.first for record in table.by_name("cl/1")] == [172]
    assert [record.description for record in table.by_name("rdp")] == ["Reliable Data", "Remote Desktop"]
    assert table.by_name("") == table.by_name("webb") == table.by_name("a\tb") == ()


def test_names_do_not_match_other_columns(table):
    # "Windows" is a whole description, never a name.
    assert table.by_name("windows") == ()


def test_search_finds_all_words_anywhere_in_name_and_description(table):
    assert names(table.search(["DESKTOP", "remote"])) == ["rdp"]
    assert names(table.search(["forté"])) == ["accents"]
    assert names(table.search(["名前"])) == ["accents"]
    assert table.search(["reserved"]) == ()  # rows without a name are not services
    assert table.search(["username"]) == ()  # notes are not searched
    assert table.search([]) == table.search(["a\nb"]) == ()


def test_assigned_ports(table):
    assert str(table.assigned(SCTP)) == "80,6400,7300-7359"
    assert str(table.assigned(UDP)) == "24,80,774,6000-6063,6400,7300-7359"
    assert table.assigned() == table.assigned(TCP) | table.assigned(UDP) | table.assigned(SCTP) | table.assigned(Transport.DCCP)


def test_names_with_their_ports(table):
    known = dict(table.names())
    assert known["x12"] == 6000
    assert known["announced"] is None
    assert len(known) == table.about().counts.names


def test_the_packaged_table_is_whole_and_says_where_it_comes_from(packaged):
    assert packaged.intact()
    about = packaged.about()
    assert about.licence == "CC0-1.0"
    assert about.source.startswith("IANA ")
    assert about.date >= "2026-08-17"


def test_the_packaged_tables_figures_are_those_of_its_records(packaged):
    records, counts = packaged.everything(), packaged.about().counts
    assert len(records) == counts.records - counts.repeated
    assert len({record.name for record in records if record.name}) == counts.names
    assert sum(record.first is None for record in records) == counts.portless
    assert sum(record.first is not None and record.transport is None for record in records) == counts.transportless
    assert sum(record.name is None for record in records) == counts.nameless
    assert sum(record.first != record.last for record in records) == counts.ranges


def test_the_figures_of_the_registry_of_august_2026(packaged):
    if packaged.about().date != "2026-08-17":
        pytest.skip("a newer registry is packaged")
    counts = packaged.about().counts
    # IANA's file writes six more rows as ranges, each of a single number (4748-4748).
    assert (counts.records, counts.portless, counts.transportless, counts.nameless, counts.ranges) == (14_533, 1_070, 886, 1_724, 760)


def test_the_packaged_table_names_nobody(packaged):
    address = re.compile(r"\w@[\w-]+\.\w|<[^<>\s]*&[^<>\s]*>")
    assert not [record for record in packaged.everything() if address.search(f"{record.note} {record.description} {record.references}")]


@pytest.mark.parametrize(
    ("port", "transport", "name"),
    [
        (22, TCP, "ssh"), (25, TCP, "smtp"), (42, TCP, "nameserver"), (53, UDP, "domain"), (80, TCP, "http"), (113, TCP, "ident"),
        (443, TCP, "https"), (443, UDP, "https"), (465, TCP, "submissions"), (512, TCP, "exec"), (512, UDP, "biff"), (514, TCP, "shell"),
        (514, UDP, "syslog"), (631, TCP, "ipp"), (666, UDP, "doom"), (750, UDP, "kerberos-iv"), (1701, UDP, "l2tp"), (2049, TCP, "nfs"),
        (2049, UDP, "nfs"), (3478, UDP, "stun"), (5432, TCP, "postgresql"), (6005, TCP, "x11"), (6400, TCP, "boe-cms"), (8080, TCP, "http-alt"),
        (9100, TCP, "pdl-datastream"), (51820, UDP, None), (65535, TCP, None), (0, TCP, None),
    ],
)  # fmt: skip
def test_the_usual_names_people_expect(packaged, port, transport, name):
    assert packaged.usual(port, transport) == name


def test_no_usual_name_is_one_that_the_registry_calls_an_alias(packaged):
    aliases = ("this entry is an alias to", "this is a duplicate of")
    for record in packaged.everything():
        if record.first is not None and record.first == record.last and record.transport and record.note.lower().startswith(aliases):
            assert packaged.usual(record.first, record.transport) != record.name, record


def test_lookups_agree_with_a_plain_walk_over_all_records(packaged, dice):
    records = packaged.everything()
    for port in dice.sample(range(65536), 60):
        covering = {record for record in records if record.first is not None and record.first <= port <= record.last}
        assert set(packaged.assignments(port)) == covering
        for transport in (TCP, UDP, SCTP):
            named = {record.name for record in covering if record.name and record.transport in (transport, None)}
            usual = packaged.usual(port, transport)
            assert usual in named if named else usual is None


def test_assigned_agrees_with_a_plain_walk(packaged):
    covered = set()
    for record in packaged.everything():
        if record.first is not None and record.status == Status.ASSIGNED and record.transport in (UDP, None):
            covered |= set(range(record.first, record.last + 1))
    assert set(packaged.assigned(UDP)) == covered


def test_one_word_per_line_is_parsed_back(table):
    (line,) = parse_line(b"80\ttcp\thttp")
    assert (line.first, line.last, line.name, line.description, line.references) == (80, 80, "http", "", ())
    assert parse_portset("80") & table.assigned(TCP)


@pytest.mark.parametrize(
    "line",
    [
        b"x\ttcp\thttp",
        b"80\tquic\thttp",
        b"9-1\t\tr",
        b"70000\ttcp\tx",
        b"80\ttcp \thttp",
        b"80\ttcp\t\xff",
        b"1\t\ta\t\t\t\t\t-3",
        b"\xb2",
    ],
)
def test_a_damaged_line_is_a_parse_error(line):
    with pytest.raises(ParseError):
        list(parse_line(line))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[1:],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data.replace(b"registry 1", b"registry 2", 1),
        lambda data: data.replace(b"\nindex: 0 ", b"\nindex: 1 ", 1),
        lambda data: data.replace(b"\nindex: ", b"\nindex: 9 ", 1),
        lambda data: data.replace(b"\nsections: ", b"\nsectoins: ", 1),
        lambda data: data.replace(b"\nsections: ", b"\nsections: -", 1),
        lambda data: data.replace(b"\n\n", b"\n" + b"x: y\n" * LONGEST_HEADER + b"\n", 1),
    ],
)
def test_a_damaged_file_is_refused(data, change):
    with pytest.raises(ParseError):
        Table(change(data))


def test_changed_bytes_are_noticed(data):
    place = data.index(b"webby")
    assert not Table(data[:place] + b"X" + data[place + 1 :]).intact()


@pytest.mark.parametrize("place", [0, 700, 1500])
def test_damage_inside_lines_is_a_parse_error_when_they_are_read(data, place):
    start = data.index(b"\n\n") + 2 + place % 1000
    damaged = Table(data[:start] + b"\t\n\xff\t\t9" + data[start + 6 :])
    with pytest.raises(ParseError):
        damaged.everything()
