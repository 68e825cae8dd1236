"""Which policy file is meant, how it is read, and how it is changed on the disk."""

import os
from datetime import date

import pytest

from portulan.errors import BadInput, CannotTell, NotPermitted
from portulan.verbs.guard_check import guard_check
from portulan.verbs.guard_edit import guard_close, guard_open
from portulan.verbs.guard_init import write_draft
from portulan.verbs.guard_policy import find_policy, load_policy, load_reading

TEXT = '# ours\n[sources]\noffice = "192.0.2.0/24"\n[doors]\nhttps = "everyone"\nssh = "office" # in\n'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "portulan.toml"
    path.write_text(TEXT)
    return path


def test_the_file_that_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    assert find_policy() == "/etc/portulan/portulan.toml"
    assert find_policy("x.toml") == "x.toml"
    (tmp_path / "portulan.toml").write_text(TEXT)
    assert find_policy() == "portulan.toml"
    assert load_policy().file == "portulan.toml"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_file_that_others_may_write_must_be_named(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    path = tmp_path / "portulan.toml"
    path.write_text(TEXT)
    (tmp_path if what == "folder" else path).chmod(0o777)
    with pytest.raises(NotPermitted) as raised:
        find_policy()
    assert raised.value.code == "policy.not-ours"
    assert load_policy("portulan.toml").doors


def test_no_file_and_what_is_none(tmp_path):
    with pytest.raises(BadInput) as raised:
        load_policy(str(tmp_path / "gone.toml"))
    assert raised.value.code == "policy.no-file"
    with pytest.raises(CannotTell):
        load_policy(str(tmp_path))


def test_files_of_networks_are_found_from_the_policys_folder(tmp_path, monkeypatch):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.txt").write_text("192.0.2.0/25\n192.0.2.128/25\n")
    path = tmp_path / "p.toml"
    path.write_text('[sources]\na = "file lists/a.txt"\nb = "file lists/b.txt"\nc = "file lists"\n[doors]\nssh = "a"\n')
    monkeypatch.chdir("/")
    reading = load_reading(str(path))
    assert [(problem.code, problem.facts["line"]) for problem in reading.problems] == [("policy.list-missing", 3), ("policy.file", 4)]
    path.write_text('[sources]\na = "file lists/a.txt"\n[doors]\nssh = "a"\n')
    assert load_policy(str(path)).sources[0].parts[0].addresses.v4 == ((0xC0000200, 0xC00002FF),)


def test_check_without_the_machine(file):
    answer = guard_check(str(file), file_only=True)
    assert ([line.text for line in answer.lines], answer.doubts, answer.unseen) == (["https", "ssh"], (), ())
    file.write_text("[doors]\nssh = 5\n")
    (mistake,) = guard_check(str(file), file_only=True).mistakes
    assert (mistake.code, mistake.spot.line, mistake.spot.column, mistake.facts["quote"]) == ("policy.senders", 2, 7, "ssh = 5")


def test_opening_and_closing_write_the_file(file):
    file.chmod(0o640)
    edited = guard_open("smtp", ["office"], policy=str(file), note="mail")
    assert (edited.changed, edited.written, edited.added) == (True, True, ('smtp = { from = "office", note = "mail" }',))
    assert guard_close("https", policy=str(file)).removed == ('https = "everyone"',)
    assert (
        file.read_text()
        == '# ours\n[sources]\noffice = "192.0.2.0/24"\n[doors]\nssh = "office" # in\nsmtp = { from = "office", note = "mail" }\n'
    )
    assert file.stat().st_mode & 0o777 == 0o640
    assert os.listdir(file.parent) == ["portulan.toml"]


def test_what_is_so_already_is_not_written(file):
    before = file.stat().st_mtime_ns
    for edited in (
        guard_open("443/tcp", ["192.0.2.7"], policy=str(file)), guard_open("ssh", ["office"], policy=str(file)), guard_close("8080", policy=str(file)),
        guard_close("ping", policy=str(file)),
    ):  # fmt: skip
        assert (edited.changed, edited.written) == (False, False)
    dry = guard_close("ssh", policy=str(file), dry_run=True)
    assert (dry.changed, dry.written, dry.removed) == (True, False, ('ssh = "office" # in',))
    assert (file.read_text(), file.stat().st_mtime_ns) == (TEXT, before)


@pytest.mark.parametrize(("change", "code"), [
    (lambda file: guard_open("htpps", policy=file), "policy.port"),
    (lambda file: guard_open("70000", policy=file), "port.out-of-range"),
    (lambda file: guard_open("1234", ["ofice"], policy=file), "policy.source"),
    (lambda file: guard_open("1234", limit="often", policy=file), "policy.limit"),
    (lambda file: guard_open("ftp", policy=file), "policy.helper-needed"),
    (lambda file: guard_open("ping", limit="1/day", policy=file), "policy.ping"),
    (lambda file: guard_open("ping", ["192.0.2.7"], until=date(2026, 12, 31), policy=file), "policy.ping"),
    (lambda file: guard_open("https", ["198.18.0.0/33"], policy=file), "policy.network"),
    (lambda file: guard_open("https", ["ofice"], policy=file), "policy.source"),
    (lambda file: guard_open("https", ["everyon"], limit="10/minute", policy=file), "policy.source"),
    (lambda file: guard_open("https", ["office", ""], policy=file), "policy.source"),
    (lambda file: guard_open("https", ["office"], limit="often", policy=file), "policy.limit"),
    (lambda file: guard_open("https", ["office"], note="a\nb", policy=file), "policy.note"),
    (lambda file: guard_open("https", ["office"], helper="nosuch", policy=file), "policy.helper"),
    (lambda file: guard_close("ssh", ["192.0.2.7"], policy=file), "policy.not-named"),
    (lambda file: guard_close("nosuch", policy=file), "policy.port"),
])  # fmt: skip
def test_wrong_words_are_told_as_words_and_change_nothing(file, change, code):
    with pytest.raises(BadInput) as raised:
        change(str(file))
    assert raised.value.code == code
    assert "line" not in raised.value.facts
    assert file.read_text() == TEXT


def test_a_sender_of_other_terms_gets_a_line_and_the_others_keep_theirs(file):
    file.write_text('[sources]\noffice = "192.0.2.0/24"\n[doors]\npostgres = { from = "office", note = "office database" }\n')
    edited = guard_open("5432/tcp", ["198.18.1.2"], policy=str(file), until=date(2036, 12, 31), note="supplier")
    added = '"5432/tcp" = { from = "198.18.1.2", note = "supplier", until = 2036-12-31 }'
    assert (edited.removed, edited.added, edited.why) == ((), (added,), None)
    assert {one.code for one in edited.doubts} <= {"line.nobody-listens"}
    assert not [one for one in guard_check(str(file), file_only=True).doubts if one.code.startswith("line.")]
    edited = guard_open("postgres", ["192.0.2.128/25"], policy=str(file), until=date(2036, 12, 31), note="supplier")
    assert (edited.changed, edited.why, edited.by.line, edited.senders) == (False, "idle", 4, ("192.0.2.128/25",))
    # The registry's usual name is the next key.
    edited = guard_open("5432/tcp", ["198.18.1.3"], policy=str(file), limit="10/minute")
    assert edited.added == ('postgresql = { from = "198.18.1.3", limit = "10/minute" }',)


@pytest.mark.parametrize(("door", "sender", "options", "why"), [
    ("https", "office", {}, "wider"), ("https", "everyone", {}, "open"), ("ssh", "office", {}, "open"), ("https", "office", {"limit": "1/day"}, "idle"),
    ("https", "office", {"until": date(2036, 1, 1)}, "idle"),
])  # fmt: skip
def test_why_nothing_is_written(file, door, sender, options, why):
    edited = guard_open(door, [sender], policy=str(file), **options)
    assert (edited.changed, edited.written, edited.why, edited.senders) == (False, False, why, (sender,))
    assert file.read_text() == TEXT


def test_a_file_with_a_mistake_is_not_changed(file):
    file.write_text(TEXT + 'htpps = "everyone"\n')
    with pytest.raises(BadInput) as raised:
        guard_open("smtp", policy=str(file))
    assert (raised.value.code, raised.value.facts["line"]) == ("policy.port", 7)


def test_a_draft_is_written_only_where_there_is_none(tmp_path):
    path = str(tmp_path / "p.toml")
    assert write_draft('[doors]\nssh = "everyone"\n', path) == path
    with pytest.raises(BadInput) as raised:
        write_draft('[doors]\nssh = "everyone"\n', path)
    assert raised.value.code == "guard.exists"
    with pytest.raises(BadInput) as raised:
        write_draft('[doors]\nssh = "everyone"\n', str(tmp_path / "no" / "p.toml"))
    assert raised.value.code == "output.cannot-write"
