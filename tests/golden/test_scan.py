"""What `portulan scan` shows, in both languages and three widths, and in other programs' forms."""

import io

import pytest

from portulan.cli.face import Face
from portulan.cli.scan import missing_of, show
from portulan.model.scan import Basis, Doubt
from portulan.scan.reports.columns import HEADERS, cells
from portulan.scan.reports.grepable import grepable
from portulan.scan.reports.nmap_xml import nmap_xml
from portulan.text.scan import progress_text
from portulan.text.voice import Voice
from scan_samples import HOSTILE, LOCAL, ONE, PROGRESS, SAMPLES, SEVERAL


def told(report, language="en", width=80, *, colour=False):
    page = io.StringIO()
    show(Face(Voice(language), page, page, width=width, colour=colour), report)
    return page.getvalue()


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", SAMPLES)
def test_for_people(name, language, snapshot):
    assert told(SAMPLES[name], language) == snapshot


@pytest.mark.parametrize("width", [40, 140])
def test_windows(width, snapshot):
    assert told(SEVERAL, width=width) == snapshot


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_is_missing(language, snapshot):
    assert missing_of(Voice(language), SEVERAL) == snapshot
    assert progress_text(Voice(language), PROGRESS) == snapshot


def test_nothing_hostile_reaches_a_terminal():
    for width in (40, 80, 200):
        text = told(SEVERAL, width=width)
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "\x1b[" in told(ONE, colour=True)


def test_how_sure(snapshot):
    lines = []
    for basis in Basis:
        for missed in (0.0, 1e-9, 3e-5, 2.6):
            certainty = ONE.passes[0].certainty._replace(basis=basis, missed=missed, assumed_loss=0.3 if basis is Basis.ASSUMED else None)
            lines.append(told(ONE._replace(passes=(ONE.passes[0]._replace(certainty=certainty),))).splitlines()[-2:])
    assert lines == snapshot


@pytest.mark.parametrize("name", SAMPLES)
def test_for_programs(name, snapshot):
    assert "".join(nmap_xml(SAMPLES[name], f"portulan scan {HOSTILE}", "1.2")) == snapshot(name="xml")
    assert "".join(grepable(SAMPLES[name], f"portulan scan {HOSTILE}", "1.2")) == snapshot(name="grepable")
    assert [HEADERS, *cells(SAMPLES[name])] == snapshot(name="csv")


def test_every_doubt_has_its_sentence():
    text = told(SEVERAL)
    assert text.count("\n ! ") == len(Doubt)
    assert "! " not in told(LOCAL)
