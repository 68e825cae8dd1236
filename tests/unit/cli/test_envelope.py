"""The JSON envelope."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chart_samples import CONNECTIONS, GAPS, NOW, SOCKETS, chart, endpoints, who
from portulan.cli.envelope import VERSIONS, as_row, as_rows, encode, envelope
from portulan.cli.ls import envelope_facts
from portulan.model.chart import Ancestor, Chart, Gap, Owner
from portulan.model.port import Port, PortClass, Transport
from portulan.model.record import Record
from strategies import hostile_text, nasty, surveys

SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "schema"


def decoded(command="ls", items=(), **more):
    data = envelope(command, items, **{"taken_at": NOW, **more})
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == 1
    return json.loads(data)


def test_an_envelope_says_what_it_is_and_whether_it_is_whole():
    assert decoded() == {"schema": "portulan.ls/1", "taken_at": "2026-03-01T12:00:00Z", "complete": True, "missing": [], "items": []}
    assert list(decoded()) == ["schema", "taken_at", "complete", "missing", "items"]


def test_what_is_missing_makes_it_incomplete():
    answer = decoded(missing=iter(["no rights"]))
    assert (answer["complete"], answer["missing"]) == (False, ["no rights"])


def test_every_schema_is_the_first_so_far():
    # A changed field is a new number: then this test changes too.
    assert set(VERSIONS) == {
        "ls", "who", "why", "conflicts", "lookup", "map", "registry", "lease", "release", "stop", "free", "reach", "reach-packet", "reach-matrix", "audit", "scan",
        "scan-host", "diff", "ping", "trace", "traffic", "traffic-hosts", "traffic-flows", "traffic-time", "scanners", "guard-apply", "guard-confirm",
        "guard-rollback", "guard-status", "guard-history", "guard-boot", "guard-plan", "guard-prove", "guard-export", "guard-check", "guard-edit", "guard-init",
        "explain", "explain-topics", "completion", "completion-words", "lookup-common", "lookup-about", "demo",
    }  # fmt: skip
    assert set(VERSIONS.values()) == {1}


def test_a_command_without_a_number_begins_with_one():
    assert decoded("brand-new")["schema"] == "portulan.brand-new/1"


def test_what_a_command_tells_besides_stands_before_the_items():
    answer = decoded(extra={"host": "web-01", "port": Port(80, Transport.TCP), "places": (Port(1), Port(2)), "nothing": None})
    assert list(answer)[4:] == ["host", "port", "places", "nothing", "items"]
    assert answer["port"] == {"number": 80, "transport": "tcp"}
    assert answer["places"] == [{"number": 1, "transport": None}, {"number": 2, "transport": None}]


class Inner(Record):
    """One of the parts."""

    name: str
    port_class: PortClass = PortClass.USER


class Outer(Record):
    """A record of records, in all the ways there are."""

    one: Inner
    maybe: Inner | None = None
    many: tuple[Inner, ...] = ()
    both: tuple[Inner, Inner] | None = None
    pair: tuple[int, int] = (1, 2)
    words: tuple[str, ...] = ()
    when: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plain:
    """A dataclass may be a row too."""

    port_class: PortClass
    inner: Inner | None = None


def shown(value):
    """The value as a reader of the JSON gets it."""
    return json.loads(encode(as_row(value)))


def test_a_record_is_an_object_with_class_for_its_class():
    assert shown(Inner("a")) == {"name": "a", "class": "user"}


def test_records_within_records():
    inner = {"name": "a", "class": "user"}
    outer = Outer(Inner("a"), maybe=Inner("a"), many=(Inner("a"), Inner("a")), both=(Inner("a"), Inner("a")), words=("x",))
    assert shown(outer) == {
        "one": inner, "maybe": inner, "many": [inner, inner], "both": [inner, inner], "pair": [1, 2], "words": ["x"], "when": None,
    }  # fmt: skip
    assert shown(Outer(Inner("a"))) == {
        "one": inner, "maybe": None, "many": [], "both": None, "pair": [1, 2], "words": [], "when": None,
    }  # fmt: skip


def test_dataclasses_are_objects_too():
    assert shown(Plain(PortClass.SYSTEM, Inner("a"))) == {"class": "system", "inner": {"name": "a", "class": "user"}}
    assert shown(Plain(PortClass.SYSTEM)) == {"class": "system", "inner": None}


@pytest.mark.parametrize("value", [None, 5, "text", {"a": 1}, PortClass.USER])
def test_anything_else_stays(value):
    assert as_row(value) is value


def test_lists_and_tuples_become_lists_of_rows():
    assert shown((Inner("a"), 5)) == [{"name": "a", "class": "user"}, 5]
    assert shown([Inner("a")]) == [{"name": "a", "class": "user"}]


def test_rows_of_several_kinds():
    rows = [
        Inner("a"),
        Plain(PortClass.USER),
        {"x": 1},
        Outer(Inner("b"), many=(Inner("c"),)),
        Outer(Inner("d"), maybe=Inner("e")),
        Inner("f"),
    ]
    assert encode(as_rows(iter(rows))) == encode([as_row(row) for row in rows])


def test_values_of_json():
    assert json.loads(encode({"t": datetime(2026, 1, 2, 3, 4, 5, 678900, UTC), "p": Transport.TCP, "n": None, "l": (1, 2)})) == {
        "t": "2026-01-02T03:04:05.678900Z", "p": "tcp", "n": None, "l": [1, 2],
    }  # fmt: skip


# --- text that no encoding knows ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\udc80b", r"a\udc80b"),
        ("\ud83d", r"\ud83d"),
        ("\udc80\udcff", r"\udc80\udcff"),
        ('"\udc80\n', '"' + r"\udc80" + "\n"),
        ("日本\udc80", "日本" + r"\udc80"),
    ],
)
def test_a_lone_surrogate_becomes_a_visible_escape(text, shown):
    data = encode({"name": text, "list": [text], text: 1})
    assert json.loads(data) == {"name": shown, "list": [shown], shown: 1}
    json.loads(data)["name"].encode()


@nasty("name")
@given(name=hostile_text)
def test_any_name_gives_json_that_any_program_reads(name):
    item = endpoints_with(name)
    answer = decoded(items=(item,), missing=[name], extra={"host": name})
    told = answer["items"][0]["owners"][0]
    for shown in (told["name"], told["command"][0], told["parents"][0]["name"], answer["host"], answer["missing"][0]):
        shown.encode()
    with suppress(UnicodeEncodeError):
        name.encode()
        assert {told["name"], answer["host"], answer["missing"][0], answer["items"][0]["service"]} == {name}


def endpoints_with(name):
    (item,) = chart(SOCKETS[:1]).items
    owner = Owner(pid=5, fd=3, name=name, command=(name,), parents=(Ancestor(pid=1, name=name),))
    return item._replace(service=name, owners=(owner,))


# --- the contract of `ls` and `who` ---


def schema(command):
    return json.loads((SCHEMAS / f"{command}.json").read_text("utf-8"))


def as_ls(drawn: Chart):
    return decoded("ls", drawn.items, missing=[gap.code for gap in drawn.gaps], extra=envelope_facts(drawn))


def as_who(answer):
    extra = {
        "host": answer.host,
        "source": answer.source,
        "port": answer.port,
        "service": answer.service,
        "remedies": answer.remedies,
        "ephemeral": answer.ephemeral,
    }
    return decoded("who", answer.items, missing=[gap.code for gap in answer.gaps], extra=extra)


VALIDATORS = {
    command: jsonschema.Draft202012Validator(schema(command), format_checker=jsonschema.FormatChecker()) for command in ("ls", "who")
}


def check(answer, command):
    VALIDATORS[command].validate(answer)


def test_the_chart_keeps_to_its_schema():
    answer = as_ls(chart(SOCKETS + CONNECTIONS, gaps=GAPS, counted=True))
    check(answer, "ls")
    row = next(item for item in answer["items"] if item["port"] == 22 and item["address"] == "0.0.0.0")
    assert {key: row[key] for key in ("transport", "class", "service", "state", "exposure", "ownership", "netns_name", "connections")} == {
        "transport": "tcp", "class": "system", "service": "ssh", "state": "listening", "exposure": "all", "ownership": "process", "netns_name": None,
        "connections": 0,
    }  # fmt: skip
    assert "port_class" not in row
    assert row["owners"][0]["started_at"] == "2026-02-17T12:00:00Z"
    assert row["sockets"][0]["backlog_limit"] == 128


def test_unknown_is_null_and_none_is_an_empty_list():
    rows = {item["port"]: item for item in as_ls(chart())["items"]}
    assert (rows[9999]["owners"], rows[9999]["candidates"]) == (None, [])
    assert (rows[4789]["owners"], rows[4789]["held_by_kernel"]) == ([], "vxlan vx0")
    assert rows[3389]["candidates"][0]["fd"] is None


@pytest.mark.parametrize("port", [80, 631, 3389, 4789, 5000, 9999, 1])
def test_every_answer_keeps_to_its_schema(port):
    check(as_who(who(port, gaps=(Gap("owners.forbidden", {"count": 1}),))), "who")


@settings(max_examples=20)
@given(found=surveys())
def test_the_chart_of_any_survey_keeps_to_its_schema(found):
    drawn = Chart(
        host="h", taken_at=NOW, items=endpoints(found), namespaces=found.namespaces, source=found.source, ephemeral=found.ephemeral
    )  # fmt: skip
    check(as_ls(drawn), "ls")


@given(
    value=st.recursive(
        st.none() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_plain_values_survive(value):
    assert json.loads(encode(value)) == value
