"""IANA's two forms: every oddity of the real registry read without losing a fact, and everything else refused."""

import pytest

from portulan.errors import ParseError
from portulan.model.assignment import Status
from portulan.model.port import Transport
from portulan.registry.build import build_table, count
from portulan.registry.record import LARGEST
from portulan.registry.source import parse_source
from portulan.registry.table import Table
from registry_samples import ODDITIES, as_csv, as_xml


@pytest.fixture(scope="module")
def records():
    return parse_source(as_xml(ODDITIES)).records


def one(records, **facts):
    found = [record for record in records if all(getattr(record, key) == value for key, value in facts.items())]
    assert len(found) == 1, found
    return found[0]


def test_every_record_is_there_in_order(records):
    assert len(records) == len(ODDITIES)
    assert [record.name for record in records] == [oddity.get("name") for oddity in ODDITIES]


def test_the_dates_are_the_registrys():
    assert parse_source(as_xml(ODDITIES, updated="2026-08-17")).date == "2026-08-17"
    # Without one, and in the CSV form, which has none: the newest of the records'.
    assert parse_source(as_xml(ODDITIES, updated="")).date == parse_source(as_csv(ODDITIES)).date == "2024-12-20"


def test_both_forms_say_the_same(records):
    assert parse_source(as_csv(ODDITIES)).records == records


def test_the_csv_form_may_begin_with_a_byte_order_mark(records):
    assert parse_source(b"\xef\xbb\xbf" + as_csv(ODDITIES)).records == records


def test_whitespace_is_normalised(records):
    assert one(records, name="webby", transport=Transport.TCP).description == "Web of pages"


def test_status_by_the_words_of_nameless_rows(records):
    status = {record.first: record.status for record in records if record.name is None}
    assert status == {
        0: Status.RESERVED, 2: Status.RESERVED, 4: Status.UNASSIGNED, 15: Status.UNASSIGNED, 24: Status.ASSIGNED, 585: Status.RESERVED,
        7748: Status.UNASSIGNED, 4748: Status.UNASSIGNED,
    }  # fmt: skip


def test_ranges_and_missing_numbers_and_transports(records):
    x12 = one(records, name="x12", transport=Transport.UDP)
    assert (x12.first, x12.last) == (6000, 6063)
    assert one(records, name="swap").transport is None
    announced = one(records, name="announced")
    assert (announced.first, announced.last, announced.transport) == (None, None, Transport.UDP)


def test_details_are_kept(records):
    coded = one(records, name="coded")
    assert (coded.service_code, coded.registered, coded.modified) == (1145656131, "2005-06", "2011-11-17")
    assert coded.references == ("RFC4340", "draft-x-y-00, Section 4")
    assert coded.unauthorized == "Used by others (see [RFC4146])"
    assert one(records, name="linked").references == ("https://example.org/proto.md", "ISO 1")
    assert one(records, name="announced").note == "Defined TXT keys: u=<username>"


@pytest.mark.parametrize("form", [as_xml, as_csv])
def test_people_are_left_out(form):
    records = parse_source(form(ODDITIES)).records
    assert one(records, first=2).note == "given back, before that of [contact]"
    assert one(records, name="addressed").note == "before: after too"
    assert one(records, name="written").references == ()
    text = build_table(records, "2026-01-01").decode()
    assert "Ada" not in text
    assert "ada" not in text


def test_a_footnote_joins_the_note_that_points_to_it():
    experiment = {"name": "exp1", "number": "1021", "protocol": "tcp", "references": [("note", "1", ""), ("rfc", "rfc4727", "")]}
    (record,) = parse_source(as_xml([experiment], footnotes=[("1", "Only for\nexperiments.")])).records
    assert record.note == "Only for experiments."
    assert record.references == ("RFC4727",)


def test_an_address_with_a_name_keeps_both():
    paper = {"name": "pon", "number": "7202", "protocol": "tcp", "references": [("uri", "https://example.org/TR.pdf", "TR-352")]}
    (record,) = parse_source(as_xml([paper])).records
    assert record.references == ("TR-352 https://example.org/TR.pdf",)


def test_the_figures(records):
    figures = count(records)
    assert figures.records == len(ODDITIES)
    assert figures.portless == sum("number" not in oddity for oddity in ODDITIES) == 6
    assert figures.transportless == sum("number" in oddity and "protocol" not in oddity for oddity in ODDITIES) == 5
    assert figures.nameless == sum("name" not in oddity for oddity in ODDITIES) == 8
    assert figures.ranges == 4
    assert figures.repeated == 1
    assert figures.names == len({oddity["name"] for oddity in ODDITIES if "name" in oddity})


def test_the_table_says_what_the_source_says(records):
    table = Table(build_table(records, "2026-08-17"))
    assert table.intact()
    assert set(table.everything()) == set(records)
    assert len(table.everything()) == len(records) - table.about().counts.repeated
    assert table.about().counts == count(records)


BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE registry [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<registry xmlns="http://www.iana.org/assignments" id="service-names-port-numbers"><record><name>&b;</name></record></registry>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE registry SYSTEM "file:///etc/hostname">
<registry xmlns="http://www.iana.org/assignments" id="service-names-port-numbers"><record><name>a</name></record></registry>"""
DEEP = (
    b'<registry xmlns="http://www.iana.org/assignments" id="service-names-port-numbers">'
    + b"<a>" * 10_000
    + b"</a>" * 10_000
    + b"</registry>"
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "registry.not-a-source"),
        (b"\x00\xff" * 100, "registry.not-a-source"),
        (b"name,port\nhttp,80\n", "registry.not-a-source"),
        (b"<html><body>Not found</body></html>", "registry.not-a-source"),
        (b"<html><p>no end", "registry.bad-xml"),
        (as_xml(ODDITIES)[:-30], "registry.bad-xml"),
        (as_xml(ODDITIES, identifier="ipv4-address-space"), "registry.not-a-source"),
        (as_xml([]), "registry.empty"),
        (BILLION_LAUGHS, "registry.bad-xml"),
        (OUTSIDE, "registry.bad-xml"),
        (DEEP, "registry.bad-xml"),
        (b"<?xml version='1.0' encoding='klingon'?><registry/>", "registry.bad-xml"),
        (as_csv([]), "registry.empty"),
        (b"Service Name,Port Number\nhttp,80\n", "registry.bad-csv"),
        (as_csv(ODDITIES) + b"short,1\n", "registry.bad-csv"),
        (as_csv(ODDITIES) + b'"open', "registry.bad-csv"),
        (as_csv(ODDITIES).replace("É".encode(), b"\xc9"), "registry.bad-csv"),
        (b"<" + b" " * LARGEST, "registry.too-large"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_what_is_no_registry_is_refused(data, code):
    with pytest.raises(ParseError) as caught:
        parse_source(data)
    assert caught.value.code == code


@pytest.mark.parametrize("form", [as_xml, as_csv])
@pytest.mark.parametrize(
    "damage",
    [
        {"number": "65536"},
        {"name": "x" * 101},
        {"description": "x" * 20_000},
        {"number": "-1"},
        {"number": "90-80"},
        {"number": "eighty"},
        {"number": "٨٠"},
        {"number": "1" * 5000},
        {"protocol": "quic"},
        {"sc": "0x44"},
        {"sc": "1" * 11},
        {"date": "yesterday"},
        {"updated": "2024/01/01"},
    ],
    ids=str,
)
def test_a_record_that_makes_no_sense_is_refused_with_its_place(form, damage):
    good = {"name": "http", "number": "80", "protocol": "tcp"}
    with pytest.raises(ParseError) as caught:
        parse_source(form([good, good | damage]))
    assert caught.value.code == "registry.bad-record"
    assert caught.value.facts["where"] in (2, 3)  # the record's number in the XML, the line in the CSV
