"""What could not be seen, said aloud."""

import pytest

from portulan.model.chart import Gap
from portulan.text.gaps import gap_sentence, way_out
from portulan.text.voice import Voice

FACTS = {"count": 3, "name": "blue", "pid": 77}
CODES = (
    "owners.forbidden",
    "owners.hidden",
    "namespace.forbidden",
    "namespace.unreachable",
    "namespaces.unknown",
    "processes.closed",
    "proc.unreadable",
    "proc.hidepid",
    "psutil.limited",
    "psutil.forbidden",
)


@pytest.mark.parametrize("code", CODES)
def test_every_gap_is_a_sentence_in_both_languages(code):
    english, japanese = (gap_sentence(Voice(language), Gap(code, FACTS)) for language in ("en", "ja"))
    assert english.endswith(".")
    assert code not in english
    assert japanese.endswith("。")
    assert english != japanese


@pytest.mark.parametrize("code", ["owners.forbidden", "owners.hidden", "namespaces.unknown", "processes.closed"])
def test_one_and_several(code):
    one, several = (gap_sentence(Voice(), Gap(code, {"count": count})) for count in (1, 1_234))
    assert one.startswith("1 ")
    assert several.startswith("1,234 ")


def test_facts_are_told_and_cleaned():
    assert "namespace a\\x1bb may" in gap_sentence(Voice(), Gap("namespace.forbidden", {"name": "a\x1bb"}))
    sentence = gap_sentence(Voice(), Gap("namespace.unreachable", {"name": "net:[5]", "pid": 77}))
    assert "net:[5]" in sentence
    assert "77" in sentence


def test_a_gap_that_nobody_wrote_a_sentence_for_is_not_hidden():
    assert gap_sentence(Voice(), Gap("new.gap", {"count": 2})) == "new.gap {'count': 2}"


@pytest.mark.parametrize("code", CODES)
def test_more_rights_help_where_rights_were_what_lacked(code):
    helps = code not in ("owners.hidden", "proc.unreadable", "psutil.limited")
    said = way_out(Voice(), (Gap(code),), root=False, command="portulan 80")
    assert said == ("See all:  sudo portulan 80" if helps else None)


def test_root_has_all_rights_and_a_whole_chart_needs_none():
    assert way_out(Voice(), (Gap("owners.forbidden"),), root=True, command="portulan") is None
    assert way_out(Voice(), (), root=False, command="portulan") is None


def test_one_gap_that_rights_would_close_is_enough():
    assert way_out(Voice(), (Gap("owners.hidden"), Gap("owners.forbidden")), root=False, command="portulan") is not None
