"""What is written down of a policy's life, on disk: whole, found again, and damaged only by others."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portulan.errors import CannotTell, MachineFailed, ParseError
from portulan.model.guard_life import Notes, Past
from portulan.system.firewall import guard_store
from portulan.system.firewall.boot import boot_concerns, disable, enable, read_boot
from portulan.system.firewall.guard_store import Store

A, B = "a" * 64, "b" * 64
INCLUDE = 'include "/etc/portulan/boot.nft"\n'


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


def test_notes_and_rules_come_back_and_what_nobody_needs_goes(store):
    notes = Notes(A, None, (Past(1, A, "p.toml", datetime(2026, 1, 1, tzinfo=UTC), "vouch"),))
    with store.locked():
        assert store.read() == Notes()
        store.write(notes)
        for hash_ in (A, B):
            store.keep_rules(hash_, b'{"x": 1}')
        assert store.known() == {A, B}
        store.prune({A})
    assert (store.read(), store.known(), store.rules(A), store.rules(B)) == (notes, {A}, b'{"x": 1}', None)


def test_damaged_notes_are_kept_beside_and_damaged_rules_are_not_believed(store, tmp_path):
    with store.locked():
        store.write(Notes(A))
        store.keep_rules(A, b"{}")
    (tmp_path / "var/lib/portulan/guard/state.json").write_bytes(b"{")
    (tmp_path / f"var/lib/portulan/guard/rules/{A}.json").write_bytes(b"{}")
    assert store.read() == Notes()
    assert store.set_aside is not None
    assert Path(store.set_aside).read_bytes() == b"{"
    assert (store.rules(A), store.known()) == (None, frozenset())


def test_the_lock_is_one_and_goes_to_the_programs_that_are_started(store, monkeypatch):
    monkeypatch.setattr(guard_store, "_PATIENCE_S", 0.02)
    with store.locked():
        held = [number for number in map(int, os.listdir("/proc/self/fd")) if _is(number, store.folder)]
        assert [os.get_inheritable(number) for number in held] == [True]
        other = Store(store.root)
        with pytest.raises(CannotTell) as raised, other.locked():
            pass
        assert raised.value.code == "guard.locked"
    with other.locked():
        pass


def _is(number, path):
    try:
        return os.readlink(f"/proc/self/fd/{number}") == path
    except OSError:
        return False


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "var").write_bytes(b"")
    with pytest.raises(MachineFailed), Store(str(tmp_path)).locked():
        pass


def test_a_hash_that_is_none_does_not_lead_elsewhere(store):
    with pytest.raises(CannotTell):
        store.rules("../../etc/passwd")


def test_what_is_loaded_at_boot_names_its_rules(store):
    assert store.boot_hash() is None
    store.write_boot(A, "add table inet portulan\n")
    assert store.boot_hash() == A
    store.write_boot(None)
    assert store.boot_hash() is None
    with open(store.boot_file, "ab") as file:
        file.write(b"# more\n")
    with pytest.raises(ParseError):
        store.boot_hash()
    assert [each.code for each in boot_concerns(store, read_boot(store))] == ["guard.boot-damaged"]


def conf(tmp_path, text):
    path = tmp_path / "etc/nftables.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ["#!/usr/sbin/nft -f\nflush ruleset\n", "flush ruleset", ""])
def test_a_line_in_nftables_conf_comes_and_goes_and_nothing_else_changes(store, tmp_path, text):
    path = conf(tmp_path, text)
    path.chmod(0o755)
    assert read_boot(store).by is None
    for _ in range(2):
        enable(store, "nftables")
        assert read_boot(store).by == "nftables"
        assert path.read_text().count(INCLUDE) == 1
    assert path.stat().st_mode & 0o777 == 0o755
    assert os.path.exists(store.boot_file)
    disable(store)
    assert read_boot(store).by is None
    assert path.read_text().rstrip("\n") in (text.rstrip("\n"), "#!/usr/sbin/nft -f")


def wants(tmp_path, name):
    folder = tmp_path / "etc/systemd/system/sysinit.target.wants"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(f"/lib/systemd/system/{name}")


def test_what_would_undo_the_rules_at_boot_is_named(store, tmp_path):
    conf(tmp_path, "flush ruleset\n")
    assert boot_concerns(store, read_boot(store)) == []
    wants(tmp_path, "nftables.service")
    assert [each.code for each in boot_concerns(store, read_boot(store))] == ["guard.boot-flushes"]
    conf(tmp_path, f"flush ruleset\n{INCLUDE}")
    assert boot_concerns(store, read_boot(store)) == []
    conf(tmp_path, 'table inet portulan {\n\tcomment "x"\n\tset trial {\n\t}\n}\n')
    assert [each.code for each in boot_concerns(store, read_boot(store))] == ["guard.saved-trial"]


def test_what_would_be_chosen_to_load_them(store, tmp_path):
    assert read_boot(store).chosen == "nftables"
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert read_boot(store).chosen == "systemd"
    conf(tmp_path, INCLUDE)
    assert [each.code for each in boot_concerns(store, read_boot(store))] == ["guard.service-off"]
    wants(tmp_path, "nftables.service")
    assert read_boot(store).chosen == "nftables"
    wants(tmp_path, "portulan-guard.service")
    conf(tmp_path, "")
    assert read_boot(store).by == "systemd"
