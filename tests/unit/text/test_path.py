"""Every state, reason, finding and piece of evidence has its words; what people type wrongly is told."""

import ast
import re
from pathlib import Path

import pytest

import portulan.probe.verdict
from portulan.cli.screen import fit, spark
from portulan.cli.trace import number, whole
from portulan.errors import BadInput
from portulan.model.path import ARRIVED, NOT_SENT, REJECTED, Clock, Finding, Sure
from portulan.model.scan import Reason, State
from portulan.text.path import BLAME, EVIDENCE, HEADLINES, REASONS, STATES, SURE, milliseconds, with_doubt
from portulan.text.voice import Voice


def test_everything_a_probe_may_find_has_words():
    wanted = {*ARRIVED, *REJECTED, *NOT_SENT, Reason.NONE, Reason.TIME_EXCEEDED, Reason.FORGED_RESET, Reason.TOO_BIG}
    assert {reason.value for reason in wanted} <= REASONS.keys()
    assert {State.OPEN.value, State.CLOSED.value, State.FILTERED.value, State.OPEN_FILTERED.value} == STATES.keys()


def test_every_finding_has_a_headline_and_says_whose_matter_it_is():
    special = {Finding.PORT_FILTERED.value}
    assert {finding.value for finding in Finding} - special <= HEADLINES.keys()
    assert {finding.value for finding in Finding} <= BLAME.keys()
    assert {sure.value for sure in Sure} == SURE.keys()


def test_every_piece_of_evidence_has_a_sentence():
    tree = ast.parse(Path(portulan.probe.verdict.__file__).read_text("utf-8"))
    used = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Evidence" and isinstance(node.args[0], ast.Constant)
    }
    assert len(used) > 12
    assert used == EVIDENCE.keys()


def test_times_have_three_digits_that_matter():
    assert [milliseconds(value) for value in (0.312, 9.994, 12.34, 147.3, None)] == ["0.31", "9.99", "12.3", "147", "-"]


def test_a_time_says_how_far_off_it_may_be():
    voice = Voice()
    assert with_doubt(voice, 0.31, 0.3, Clock.PROCESS) == "at most 0.31 ms"
    assert with_doubt(voice, 0.31, 0.02, Clock.HALF) == "0.31 ± 0.02 ms"
    assert with_doubt(voice, 0.31, 0.001, Clock.HALF) == "0.31 ms"
    assert with_doubt(voice, 0.31, 0.001, Clock.KERNEL) == "0.31 ms"


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-inf", "1e999"])
def test_seconds_are_a_number(text):
    with pytest.raises(BadInput):
        number(text, "-w")


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "٣", "9" * 20])
def test_counts_are_whole_numbers(text):
    with pytest.raises(BadInput):
        whole(text, "-c")


def test_a_graph_of_few_characters():
    assert spark([1.0, 2.0, None, 8.0], 10, plain=False) == "▂▃×█"
    assert spark([1.0, 2.0, None, 8.0], 2, plain=True) == "x#"
    assert spark([None, None], 5, plain=True) == "xx"
    assert spark([1.0], 0, plain=True) == ""
    assert spark([5.0], 5, plain=False, top=10.0) == "▅"


def test_names_are_cut_where_there_is_no_room():
    assert fit("router-01.example", 8) == "router-…"
    assert fit("日本語のホスト", 7) == "日本語…"
    assert fit("short", 8) == "short"


def test_no_sentence_speaks_of_a_field_twice_by_another_name():
    assert not [text for text in (*HEADLINES.values(), *EVIDENCE.values()) if re.search(r"\{[^a-z]", text)]
