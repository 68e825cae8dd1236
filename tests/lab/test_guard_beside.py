"""`guard` beside the real ufw, firewalld and dockerd, beside Debian's own nftables.service, and with the writer of the boot's files killed."""

import shlex
from configparser import ConfigParser

import pytest

import proofs_guard_beside
from guard_life_lab import Lab
from other_firewalls import BESIDE, KINDS
from portulan.errors import PortulanError
from portulan.system.sandbox.root import open_root

pytestmark = [pytest.mark.lab, pytest.mark.peer]
UNIT = "/usr/lib/systemd/system/nftables.service"


@pytest.fixture
def lab(sandbox, peers, tmp_path):
    with Lab(sandbox, peers, tmp_path) as built:
        yield built


@pytest.mark.prove
@pytest.mark.timeout(300)
def test_others_rewrite_their_tables_at_the_same_time(peers, day_seed, samples):
    try:
        open_root(BESIDE)
    except PortulanError as error:
        pytest.skip(f"no private root with peer programs: {error}")
    for seed in range(day_seed, day_seed + samples(1, len(KINDS))):
        assert proofs_guard_beside.beside(seed, steps=samples(2, 10))[0] == []


@pytest.mark.prove
@pytest.mark.timeout(300)
def test_the_writer_of_the_boots_files_is_killed(peers, day_seed, samples):
    assert proofs_guard_beside.boot_kills(day_seed, count=samples(2, 20))[0] == []


# nftables.service as Debian ships it


def commands_of_the_unit(lab):
    """{ExecStart, ExecReload, ExecStop: the words} of the unit in Debian's package."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(lab.host.run(["cat", UNIT]).stdout)
    found = {name: shlex.split(unit["Service"][name]) for name in ("ExecStart", "ExecReload", "ExecStop")}
    assert "flush ruleset" in lab.host.run(["cat", "/etc/nftables.conf"]).stdout, "Debian's own, which takes all rules away first"
    return found


def does(lab, words):
    done = lab.host.run(words)
    assert done.returncode == 0, done.stderr


def test_nftables_service_of_debian_brings_back_what_was_confirmed(lab):
    unit = commands_of_the_unit(lab)
    shipped = lab.host.run(["cat", "/etc/nftables.conf"]).stdout
    does(lab, unit["ExecStart"])
    lab.done("apply", *lab.policy("a"))
    lab.done("confirm", "--vouch", "--boot")
    ours = lab.nft("-s", "list", "table", "inet", "portulan").stdout
    for name in ("ExecReload", "ExecStart"):  # systemctl reload, and restart
        if name == "ExecStart":
            does(lab, unit["ExecStop"])
            assert lab.in_force() is None
        does(lab, unit[name])
        assert (lab.in_force(4), lab.in_force(6)) == ("a", "a")
        assert lab.nft("-s", "list", "table", "inet", "portulan").stdout == ours
        assert "table inet filter" in lab.nft("list", "ruleset").stdout, "what Debian's file loads is there too"
        assert lab.guard("status", *lab.policy("a")).returncode == 0
    # In a trial: the reload ends it, and what was confirmed before is in force.
    lab.done("apply", *lab.policy("b"))
    assert lab.in_force() == "b"
    does(lab, unit["ExecReload"])
    assert lab.in_force() == "a"
    assert "not in the kernel any more" in lab.refused("confirm", "--vouch")
    # Taken away, the file is Debian's again, and a reload leaves nothing of ours.
    lab.done("rollback", "--off")
    does(lab, unit["ExecReload"])
    assert lab.in_force() is None
    lab.done("boot", "--disable")
    assert lab.host.run(["cat", "/etc/nftables.conf"]).stdout == shipped


def test_a_reload_without_our_line_is_told_beforehand_and_afterwards(lab):
    unit = commands_of_the_unit(lab)
    lab.host.run(
        ["sh", "-ec", f"mkdir -p /etc/systemd/system/sysinit.target.wants; ln -s {UNIT} /etc/systemd/system/sysinit.target.wants/"]
    )
    lab.done("apply", *lab.policy("a"))
    lab.done("confirm", "--vouch")
    assert "begins with flush ruleset" in lab.guard("status").stdout
    does(lab, unit["ExecReload"])
    assert lab.in_force() is None
    assert "gone from the kernel" in lab.guard("status").stdout
