"""Becoming a program that is not there."""

import signal

import pytest

from portulan.errors import BadInput
from portulan.system.become import become


@pytest.mark.parametrize("words", [["/nowhere/at-all"], ["nul\0inside"]])
def test_who_cannot_become_a_program_stays_as_he_was(words):
    numbers = signal.SIGPIPE, signal.SIGXFSZ
    before = [signal.getsignal(number) for number in numbers]
    assert before == [signal.SIG_IGN, signal.SIG_IGN]
    with pytest.raises(BadInput, match=r"lease\.not-started"):
        become(words, {})
    assert [
        signal.getsignal(number) for number in numbers
    ] == before  # else writing to a pipe that nobody reads would end us without a word
