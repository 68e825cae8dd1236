"""The list of leases on disk: locked, whole, kept beside when it is damaged."""

import os
import stat
import threading
from datetime import UTC, datetime

import pytest

from portulan.errors import CannotTell, MachineFailed
from portulan.model.lease import Guarantee, Lease
from portulan.model.port import Transport
from portulan.system import lease_file
from portulan.system.lease_file import open_book


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "portulan"


def lease(name="db", port=64_480):
    return Lease(
        name=name,
        port=port,
        transports=(Transport.TCP,),
        guarantee=Guarantee.NOTED,
        noted=True,
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
        netns=1,
    )


def write(*leases):
    with open_book(needed=True) as book:
        book.write(leases)


def read():
    with open_book(needed=True) as book:
        return book.leases


def test_written_and_read(folder):
    assert read() == ()
    write(lease(), lease("web", 2))
    assert read() == (lease(), lease("web", 2))
    assert sorted(os.listdir(folder)) == ["leases"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_another_process_wrote_is_read(folder):
    write(lease())
    text = (folder / "leases").read_bytes()
    (folder / "leases").write_bytes(text.replace(b"64480", b"64481"))
    assert read() == (lease(port=64_481),)


def test_a_killed_writer_leaves_a_whole_list(folder):
    write(lease())
    (folder / "leases.new").write_bytes(b"portulan lea")
    assert read() == (lease(),)
    write(lease("web", 3))
    assert read() == (lease("web", 3),)


@pytest.mark.parametrize("damage", [b"\0\0\0", b"portulan leases 1\n64480\tt", b"\xff\xfe"])
def test_a_damaged_list_is_kept_beside_and_work_goes_on(folder, damage):
    write(lease())
    (folder / "leases").write_bytes(damage)
    with open_book(needed=True) as book:
        assert book.leases == ()
        assert isinstance(book.fault, CannotTell)
        assert book.fault.code == "leases.set-aside"
        kept = book.fault.facts["kept"]
        book.write([lease("web", 3)])
    with open(kept, "rb") as file:
        assert file.read() == damage
    assert read() == (lease("web", 3),)
    (folder / "leases").write_bytes(damage)
    with open_book(needed=True) as book:
        assert book.fault.facts["kept"] != kept


def test_one_at_a_time(folder):
    """Each adds one, under the lock: none is lost."""

    def add(number):
        with open_book(needed=True) as book:
            book.write([*book.leases, lease(str(number), number)])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.port for one in read()} == set(range(1, 21))


def test_a_lock_that_nobody_lets_go_is_told(folder, monkeypatch):
    monkeypatch.setattr(lease_file, "_PATIENCE_S", 0.02)
    with open_book(needed=True), pytest.raises(CannotTell, match=r"leases\.locked"), open_book(needed=True):
        pass
    assert read() == ()


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(MachineFailed), open_book(needed=True):
        pass
    with open_book(needed=False) as book:
        assert book.fault is not None
        book.write([lease()])
        assert book.leases == ()


def test_a_list_that_cannot_be_read(folder):
    (folder / "leases").mkdir(parents=True)
    with pytest.raises(MachineFailed), open_book(needed=True):
        pass
    with open_book(needed=False) as book:
        assert book.fault is not None
        book.write([lease()])
    assert (folder / "leases").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's folder")
def test_root_in_a_users_folder_leaves_the_list_to_the_user(folder):
    write(lease())
    os.chown(folder, 65534, 65534)
    write(lease("web", 3))
    assert (folder / "leases").stat().st_uid == 65534
