"""What `portulan traffic` and `portulan scanners` show, in both languages and three widths."""

import argparse
import io

import jsonschema
import msgspec
import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from portulan.cli import scanners as scanners_face
from portulan.cli import traffic as traffic_face
from portulan.cli.contract import schema_of
from portulan.cli.face import Face
from portulan.cli.map_svg import sheet_svg
from portulan.cli.traffic_plot import bars, compose
from portulan.cli.traffic_tables import show
from portulan.text.voice import LANGUAGES, Voice
from traffic_samples import OFFICE, SCANNERS, TRAFFIC


class SvgFile(SingleFileSnapshotExtension):
    """The SVG as a file of its own, which a browser shows."""

    file_extension = "svg"
    _write_mode = WriteMode.BINARY


def said(function, *arguments, width=80, language="en", colour=False, **more):
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
    function(face, *arguments, **more)
    return face.out.getvalue()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", TRAFFIC)
def test_by_port(snapshot, name, language):
    assert said(show, TRAFFIC[name], by="port", top=6, names={}, language=language) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("by", ["service", "host", "flow", "time"])
def test_other_views(snapshot, by, language):
    assert said(show, OFFICE, by=by, top=6, names={"10.0.0.7": "ann.example.org"}, language=language) == snapshot


@pytest.mark.parametrize("width", [60, 140])
@pytest.mark.parametrize("by", ["port", "host", "flow", "time"])
def test_other_widths(snapshot, by, width):
    assert said(show, OFFICE, by=by, top=6, names={}, width=width) == snapshot


def test_in_colour(snapshot):
    assert said(show, OFFICE, by="port", top=3, names={}, colour=True) == snapshot


def options(**more):
    return argparse.Namespace(
        **{"json": False, "jsonl": False, "csv": False, "by": "port", "top": "10", "names": False, "read": ["office.pcap"], **more}
    )


def told(**more):
    face = Face(Voice("en"), io.StringIO(), io.StringIO())
    traffic_face.tell(options(**more), face, OFFICE)
    return face.out.getvalue()


@pytest.mark.parametrize("by", traffic_face.VIEWS)
def test_as_csv(snapshot, by):
    assert "\n".join(told(csv=True, by=by).split("\n")[:12]) == snapshot


@pytest.mark.parametrize("by", traffic_face.VIEWS)
def test_as_json_keeps_to_the_schema(by):
    answer = msgspec.json.decode(told(json=True, by=by))
    assert answer["items"]
    jsonschema.validate(answer, schema_of(traffic_face.ENVELOPES[by]), format_checker=jsonschema.FormatChecker())


def test_as_json_lines():
    lines = [msgspec.json.decode(line) for line in told(jsonl=True).splitlines()]
    assert len(lines) == len(OFFICE.ports) + 1
    assert lines[-1]["packets"] == OFFICE.packets
    assert "items" not in lines[-1]
    live = msgspec.json.decode(told(jsonl=True, read=[]))
    assert live["schema"] == "portulan.traffic/1"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture(snapshot, language):
    voice = Voice(language)
    assert sheet_svg(compose(bars(OFFICE.buckets), OFFICE, voice), language) == snapshot(extension_class=SvgFile)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SCANNERS)
def test_scanners(snapshot, name, language):
    assert said(scanners_face.show, SCANNERS[name], language=language) == snapshot


@pytest.mark.parametrize("width", [60, 80, 140])
def test_scanners_with_evidence(snapshot, width):
    assert said(scanners_face.show, SCANNERS["all kinds"], every=True, width=width) == snapshot


def test_the_status_of_scanners():
    assert {name: scanners_face.status_of(answer) for name, answer in SCANNERS.items()} == {
        "one": 1,
        "all kinds": 1,
        "nobody": 0,
        "one way": 3,
        "nothing at all": 0,
    }
