import threading

import pytest

from portulan.system.sandbox.errand import in_thread


def test_the_answer_comes_back_from_another_thread():
    assert in_thread(threading.get_ident) != threading.get_ident()
    assert in_thread(lambda: None) is None


def test_what_is_raised_there_is_raised_here():
    def fail():
        raise KeyError("there")

    with pytest.raises(KeyError, match="there"):
        in_thread(fail)
