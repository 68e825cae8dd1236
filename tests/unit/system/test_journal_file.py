import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import BadInput, CannotTell
from portulan.system.journal_file import JournalFile

MAGIC = b"a test's journal\n"
RECORDS = [(kind % 7, os.urandom(kind * 13 % 50)) for kind in range(12)]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "journal")


def written(path, records=RECORDS):
    file = JournalFile(path, MAGIC)
    for kind, body in records:
        file.append(kind, body)
    file.close()


def read(path):
    file = JournalFile(path, MAGIC)
    found = [(kind, file.read(offset, length)) for kind, offset, length in file.records()]
    file.close()
    return found


def test_what_was_written_is_read(path):
    written(path)
    assert read(path) == RECORDS
    written(path)
    assert read(path) == RECORDS * 2


@given(st.data())
def test_cut_or_damaged_anywhere_leaves_whole_records_and_goes_on(tmp_path_factory, data):
    path = str(tmp_path_factory.mktemp("cut") / "journal")
    written(path)
    with open(path, "r+b") as file:
        whole = bytearray(file.read())
        at = data.draw(st.integers(0, len(whole) - 1))
        if data.draw(st.booleans()) or at < len(MAGIC):
            file.truncate(at)
        else:
            whole[at] ^= data.draw(st.integers(1, 255))
            file.seek(0)
            file.write(whole)
    found = read(path)
    assert found == RECORDS[: len(found)]
    assert len(found) < len(RECORDS)
    written(path, [(5, b"later")])
    assert read(path) == [*found, (5, b"later")]


@pytest.mark.parametrize("content", [b"something else", b"a", MAGIC[:-1] + b"!", b"\0" * 100])
def test_a_file_that_is_no_journal_is_left_alone(path, content):
    with open(path, "wb") as file:
        file.write(content)
    if MAGIC.startswith(content):
        written(path)
        assert read(path) == RECORDS
        return
    with pytest.raises(BadInput) as caught:
        JournalFile(path, MAGIC)
    assert caught.value.code == "journal.strange"
    with open(path, "rb") as file:
        assert file.read() == content


def test_two_at_a_time_are_one_too_many(path):
    first = JournalFile(path, MAGIC)
    with pytest.raises(CannotTell) as caught:
        JournalFile(path, MAGIC)
    assert caught.value.code == "journal.in-use"
    first.close()
    JournalFile(path, MAGIC).close()


@pytest.mark.parametrize("name", ["", "no/such/folder", "nul\0"])
def test_where_nothing_can_be_written(tmp_path, name):
    with pytest.raises(BadInput) as caught:
        JournalFile(str(tmp_path / name), MAGIC)
    assert caught.value.code == "journal.cannot-open"


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput) as caught:
        JournalFile(str(tmp_path / "pipe"), MAGIC)
    assert caught.value.code in ("journal.strange", "journal.cannot-open")
