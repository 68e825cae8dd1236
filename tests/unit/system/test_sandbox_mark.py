import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from portulan.system.sandbox.mark import Mark, new_mark, owner_is_gone, parse_mark
from portulan.system.sandbox.sweep import running_since

numbers = st.integers(0, 2**32 - 1)
marks = st.builds(Mark, numbers, st.integers(1, 2**22), st.integers(0, 2**40), st.text("0123456789abcdef", min_size=8, max_size=8))


@given(marks)
def test_a_mark_fits_a_domain_name_and_comes_back(mark):
    assert len(str(mark)) <= 64
    assert parse_mark(f"{mark}\n") == mark


@given(st.text(max_size=64))
def test_other_domain_names_are_no_marks(text):
    found = parse_mark(text)
    assert found is None or str(found) == text.strip()


def test_ordinary_names_are_no_marks():
    for text in (
        "(none)",
        "",
        "example.org",
        "portulan",
        "portulan.1.2.3",
        "portulan.a.2.3.ff",
        "portulan.1.2.3.4.5",
        "xportulan.1.2.3.ff",
    ):
        assert parse_mark(text) is None


def test_a_living_owner_is_not_gone():
    mark = new_mark()
    assert mark.pid == os.getpid()
    assert not owner_is_gone(mark, mark.pid_namespace, running_since)


def test_a_later_process_with_the_pid_is_not_the_owner():
    mark = Mark(1, 100, 5000, "ff")
    assert owner_is_gone(mark, 1, {100: 5001}.get)
    assert owner_is_gone(mark, 1, {}.get)
    assert not owner_is_gone(mark, 1, {100: 5000}.get)


def test_owners_in_another_pid_namespace_are_left_in_peace():
    assert not owner_is_gone(Mark(1, 100, 5000, "ff"), 2, {}.get)


def test_a_zombie_has_ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert running_since(process.pid) is None
    process.wait()
    assert running_since(process.pid) is None
