"""The registry by laws: any bytes are a value or a ParseError; any records survive the table; both of IANA's forms say the same."""

from contextlib import suppress
from functools import cache

from hypothesis import example, given
from hypothesis import strategies as st

from portulan.errors import BadInput, ParseError
from portulan.model.assignment import Assignment, Status
from portulan.model.port import PORTS, TRANSPORTS, Transport
from portulan.registry.answer import answer
from portulan.registry.build import build_table, count
from portulan.registry.question import parse_question
from portulan.registry.source import parse_source
from portulan.registry.suggest import distance, suggest
from portulan.registry.table import Table, nameless_status
from registry_samples import ODDITIES, as_csv, as_xml

NUMBERS = st.integers(0, PORTS - 1) | st.sampled_from([0, 1, 255, 256, 257, 511, 512, 1023, 1024, 49151, 49152, 65279, 65280, 65535])
# What a table holds: any text without the marks that it is written with. Line ends of all kinds are whitespace and normalised before.
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), max_size=8)
TEXTS = st.lists(WORDS, max_size=4).map(lambda words: " ".join(filter(None, words)))


@st.composite
def records(draw):
    """One record as the registry may have it."""
    name = draw(st.none() | st.sampled_from(["http", "www", "X", "cl/1", "z39.50"]) | WORDS.filter(bool))
    first = draw(st.none() | NUMBERS)
    last = None if first is None else draw(st.just(first) | st.integers(first, min(first + 700, PORTS - 1)))
    description = draw(TEXTS | st.sampled_from(["Reserved", "Unassigned", "(unassigned) once", "De-registered", "any private mail"]))
    return Assignment(
        first=first,
        last=last,
        transport=draw(st.none() | st.sampled_from(TRANSPORTS)),
        name=name,
        description=description,
        status=Status.ASSIGNED if name else Status(nameless_status(description)),
        references=tuple(draw(st.lists(TEXTS.filter(bool), max_size=2))),
        note=draw(TEXTS),
        unauthorized=draw(TEXTS),
        service_code=draw(st.none() | st.integers(0, 2**32 - 1)),
        registered=draw(st.sampled_from(["", "2005-06", "2011-11-17"])),
        modified=draw(st.sampled_from(["", "2020-02-29"])),
    )


@given(st.lists(records(), max_size=12))
def test_a_table_holds_every_record_once_and_its_figures_are_right(given_records):
    table = Table(build_table(given_records, "2026-01-01"))
    assert table.intact()
    kept = table.everything()
    assert len(kept) == len(set(kept))
    assert set(kept) == set(given_records)
    assert table.about().counts == count(given_records)


@given(st.lists(records(), max_size=12), NUMBERS, st.sampled_from(TRANSPORTS))
@example([Assignment(first=5, last=5, transport=None, name=None, description="", status=Status.ASSIGNED)], 5, Transport.TCP)
def test_lookups_agree_with_a_plain_walk(given_records, number, transport):
    table = Table(build_table(given_records, "2026-01-01"))
    covering = {record for record in given_records if record.first is not None and record.first <= number <= record.last}
    wanted = Transport.UDP if transport == Transport.UDPLITE else transport
    on = {record for record in covering if record.transport in (None, wanted)}
    assert set(table.assignments(number)) == covering
    assert set(table.assignments(number, transport)) == on
    named = {record.name for record in on if record.name}
    usual = table.usual(number, transport)
    assert usual in named if named else usual is None
    assert (number in table.assigned(transport)) == any(record.status == Status.ASSIGNED for record in on)


@given(st.lists(records(), max_size=12), NUMBERS, NUMBERS)
def test_between_is_every_record_that_touches_the_range(given_records, one, other):
    first, last = sorted((one, other))
    found = Table(build_table(given_records, "2026-01-01")).between(first, last)
    assert set(found) == {record for record in given_records if record.first is not None and record.first <= last and record.last >= first}
    assert [record.first for record in found] == sorted(record.first for record in found)


@given(st.lists(records(), max_size=12))
def test_every_name_is_found_by_its_name_and_its_words(given_records):
    table = Table(build_table(given_records, "2026-01-01"))
    for record in given_records:
        if record.name:
            assert record in table.by_name(record.name)
            words = [record.name, *record.description.split()]
            assert record in table.search(words)


SOURCE_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="[]<>&@\r", exclude_categories=["Cc", "Cn", "Co", "Cs"]), max_size=20)
SOURCES = st.lists(
    st.fixed_dictionaries(
        {"description": SOURCE_TEXT | st.sampled_from(["Reserved", "Unassigned", "two\n   lines"])},
        optional={
            "name": SOURCE_TEXT.filter(str.strip),
            "number": NUMBERS.map(str) | st.just("6000-6063"),
            "protocol": st.sampled_from(["tcp", "udp", "sctp", "dccp"]),
            "date": st.sampled_from(["2005-06", "2011-11-17"]),
            "updated": st.just("2020-02-29"),
            "sc": st.integers(0, 2**32 - 1).map(str),
            "unauthorized": SOURCE_TEXT,
            "note": st.lists(
                st.tuples(st.just(""), SOURCE_TEXT) | st.just(("rfc", "rfc6335")) | st.just(("person", "Ada_Example")), max_size=3
            ),
            "references": st.lists(st.sampled_from([("rfc", "rfc9110", ""), ("draft", "draft-a-b-01", "")]), max_size=2),
        },
    ),
    min_size=1,
    max_size=8,
)


@given(SOURCES)
def test_xml_and_csv_say_the_same(source):
    from_xml, from_csv = parse_source(as_xml(source)), parse_source(as_csv(source))
    assert from_xml.records == from_csv.records
    assert len(from_xml.records) == len(source)


@cache
def good(form):
    return form(ODDITIES)


@given(
    st.binary(max_size=300)
    | st.binary(max_size=200).map(lambda tail: b"<registry>" + tail)
    | st.binary(max_size=200).map(lambda tail: b"Service Name," + tail)
)
def test_any_bytes_are_a_source_or_a_parse_error(data):
    with suppress(ParseError):
        parse_source(data)


@given(st.sampled_from([as_xml, as_csv]), st.integers(0), st.binary(max_size=6), st.integers(0, 6))
def test_a_damaged_source_is_a_source_or_a_parse_error(form, place, scrap, cut):
    data = good(form)
    place %= len(data)
    try:
        source = parse_source(data[:place] + scrap + data[place + cut :])
    except ParseError:
        return
    assert Table(build_table(source.records, source.date)).intact()


@cache
def small_table():
    return build_table(parse_source(as_xml(ODDITIES)).records, "2026-08-17")


def use(data):
    """Ask a table everything; only ParseError may come of it."""
    try:
        table = Table(data)
        table.intact()
    except ParseError:
        return
    for ask in (
        lambda: table.usual(80, Transport.TCP),
        lambda: table.usual(6005, Transport.UDP),
        lambda: table.assignments(7775),
        lambda: table.between(0, 65535),
        lambda: table.by_name("webby"),
        lambda: table.search(["webby"]),
        lambda: table.search(["é"]),
        lambda: list(table.names()),
        lambda: table.assigned(Transport.UDP),
        table.everything,
        table.about,
    ):
        with suppress(ParseError):
            ask()


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: b"portulan registry 1\n" + tail))
def test_any_bytes_are_a_table_or_a_parse_error(data):
    use(data)


@given(st.integers(0), st.binary(max_size=6), st.integers(0, 6))
def test_a_damaged_table_is_a_table_or_a_parse_error(place, scrap, cut):
    data = small_table()
    place %= len(data)
    use(data[:place] + scrap + data[place + cut :])


@given(st.text(max_size=12) | st.text("0123456789-/tcpud ", max_size=9))
def test_any_question_has_an_answer_or_is_bad_input(query):
    try:
        question = parse_question(query)
    except BadInput:
        return
    found = answer(question, Table(small_table()))
    assert found.query == question.query
    assert found.known <= bool(found.entries)
    if question.ports is not None and question.ports.first == question.ports.last:
        assert all(entry.port == question.ports.first for entry in found.entries)
        assert found.entries


@given(st.text("abcde", max_size=7), st.text("abcde", max_size=7), st.text("abcde", max_size=7))
def test_distance_is_near_a_metric(one, two, three):
    there = distance(one, two, 20)
    assert there == distance(two, one, 20)
    assert (there == 0) == (one == two)
    assert abs(len(one) - len(two)) <= there <= max(len(one), len(two))
    for limit in range(4):
        assert distance(one, two, limit) == min(there, limit + 1)


@given(st.text(max_size=15), st.lists(st.text(max_size=15), max_size=8))
def test_suggestions_are_candidates_within_reach(word, candidates):
    for near in suggest(word, candidates, ()):
        assert near in {candidate.lower() for candidate in candidates}
        assert distance(word.lower(), near, 3) <= 3
