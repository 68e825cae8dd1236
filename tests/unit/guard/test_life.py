"""The states of docs/guard-life.md: each row of its tables, and what each command may do in it."""

from datetime import UTC, datetime

import pytest

from portulan.errors import Refused
from portulan.guard.life import check_confirmable, check_namespace, check_startable, choose_past, needed, phase_of, settled, with_confirmed
from portulan.model.guard_life import KEPT, Notes, Past, Phase, Running, Trial

A, B, C = "a" * 64, "b" * 64, "c" * 64
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BOOT = "this boot"


def trial(new=B, old=A, boot=BOOT):
    return Trial("token", new, old, 60.0, boot, NOW, "portulan.toml", ())


def past(number, hash_):
    return Past(number, hash_, "portulan.toml", NOW, "vouch")


NONE, LASTING = Running(), Running(True, A)
TRYING, ENDED = Running(True, B, A, True, 20.0), Running(True, B, A, True, None)
FIRST_TRYING = Running(True, B, None, True, 20.0)
TRIED = Notes(A, trial())


@pytest.mark.parametrize(
    ("running", "notes", "wanted"),
    [
        (NONE, Notes(), Phase.NOTHING),
        (LASTING, Notes(A), Phase.IN_FORCE),
        (TRYING, TRIED, Phase.TRIAL),
        (FIRST_TRYING, Notes(None, trial(old=None)), Phase.TRIAL),
        (ENDED, TRIED, Phase.OVER),
        (ENDED, Notes(A), Phase.OVER),
        # Killed between writing it down and loading it: as if nothing had been asked.
        (LASTING, TRIED, Phase.IN_FORCE),
        (NONE, Notes(None, trial(old=None)), Phase.NOTHING),
        # Killed between loading it and writing it down.
        (Running(True, B), TRIED, Phase.SETTLED),
        (NONE, Notes(A), Phase.WIPED),
        (Running(True), Notes(A), Phase.STRANGE),
        (Running(True, C), Notes(A), Phase.STRANGE),
        (Running(True, B, C, True, 20.0), TRIED, Phase.STRANGE),
        # Of an earlier boot: the trial is over.
        (Running(True, B), Notes(A, trial(boot="another")), Phase.IN_FORCE),
    ],
)
def test_what_is_the_case(running, notes, wanted):
    assert phase_of(running, notes, {A, B}, BOOT) is wanted


@pytest.mark.parametrize(("phase", "code"), [(Phase.TRIAL, "guard.trial-running"), (Phase.STRANGE, "guard.strange-table")])
def test_a_trial_does_not_begin_over_another_one_or_over_the_unknown(phase, code):
    with pytest.raises(Refused) as raised:
        check_startable(phase, TRYING)
    assert raised.value.code == code
    check_startable(Phase.OVER, ENDED)


@pytest.mark.parametrize(
    ("running", "notes", "code"),
    [
        (LASTING, Notes(A), "guard.no-trial"),
        (TRYING, Notes(A, trial(boot="another")), "guard.trial-before-boot"),
        (ENDED, TRIED, "guard.too-late"),
        (NONE, TRIED, "guard.trial-gone"),
        (LASTING, TRIED, "guard.trial-gone"),
        (Running(True, B), TRIED, "guard.confirmed-already"),
        (Running(True, C, A, True, 20.0), TRIED, "guard.trial-gone"),
        (Running(True, B, None, True, 20.0), TRIED, "guard.trial-gone"),
    ],
)
def test_only_the_trial_that_goes_on_and_was_noted_is_confirmed(running, notes, code):
    with pytest.raises(Refused) as raised:
        check_confirmable(running, notes, BOOT)
    assert raised.value.code == code


def test_the_trial_that_goes_on_is_confirmed():
    assert check_confirmable(TRYING, TRIED, BOOT) is TRIED.trial


def test_ten_are_remembered_and_numbers_go_on():
    notes = Notes()
    for number in range(1, 26):
        notes = with_confirmed(notes, f"{number:064x}", "portulan.toml", NOW, "vouch")
    assert [each.number for each in notes.past] == list(range(26 - KEPT, 26))
    assert notes.confirmed == f"{25:064x}"
    assert with_confirmed(notes, notes.confirmed, "portulan.toml", NOW, "vouch") == notes


def test_what_was_not_written_is_made_up_for():
    made_up = settled(Phase.SETTLED, Running(True, B), TRIED, NOW)
    assert (made_up.confirmed, made_up.trial, made_up.past[-1].hash) == (B, None, B)
    assert settled(Phase.IN_FORCE, LASTING, TRIED, NOW) == Notes(A)
    assert settled(Phase.TRIAL, TRYING, TRIED, NOW) is TRIED
    assert settled(Phase.OVER, ENDED, Notes(A), NOW) == Notes(A)


def test_which_rules_one_goes_back_to():
    notes = Notes(C, None, (past(1, A), past(2, B), past(3, C)))
    assert choose_past(notes, C, None).number == 2
    assert choose_past(notes, None, None).number == 3
    assert choose_past(notes, C, 1).hash == A
    for number, code in ((9, "guard.no-such-number"), (None, "guard.nothing-before")):
        with pytest.raises(Refused) as raised:
            choose_past(notes._replace(past=notes.past[2:]), C, number)
        assert raised.value.code == code


def test_rules_that_may_be_gone_back_to_are_kept():
    assert needed(Notes(A, trial(B, A), (past(1, C),)), TRYING) == {A, B, C}
    assert needed(Notes(), NONE) == frozenset()


def test_notes_of_another_namespace_are_not_ours():
    notes = Notes(boot=BOOT, netns=5)
    check_namespace(notes, BOOT, 5)
    check_namespace(notes, "a later boot", 6)
    check_namespace(Notes(), BOOT, 6)
    with pytest.raises(Refused):
        check_namespace(notes, BOOT, 6)
