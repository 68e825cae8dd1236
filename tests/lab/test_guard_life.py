"""The life of a policy on a running kernel: real packets, real logins through ssh, other people's firewalls at the same time, and everything that may be missing."""

import json
import shlex
import socket
import subprocess
import time
from pathlib import Path

import pytest

import proofs_guard_life
from guard_life_lab import MANAGEMENT, OTHER, Lab
from labs import PORTULAN, connect, listen, portulan
from logins import start_sshd

DUAL = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
pytestmark = [pytest.mark.lab, pytest.mark.peer]


@pytest.fixture
def lab(sandbox, peers, tmp_path):
    with Lab(sandbox, peers, tmp_path) as built:
        yield built


def status(lab, *words):
    return json.loads(lab.guard("status", *words, "--json").stdout)["items"][0]


def codes(answer):
    return {each["code"] for each in answer["concerns"]}


# The whole life


def test_a_policy_is_tried_confirmed_loaded_at_boot_and_taken_away(lab):
    assert "On trial" in lab.done("apply", *lab.policy("a"))
    assert (lab.in_force(4), lab.in_force(6)) == ("a", "a")
    assert status(lab)["phase"] == "trial"
    lab.done("confirm", "--console", "--boot")
    assert lab.left_s() is None
    assert lab.in_force() == "a"
    assert lab.guard("status", *lab.policy("a")).returncode == 0
    # What a boot does: nothing is there, and /etc/nftables.conf is loaded.
    lab.nft("flush", "ruleset")
    assert status(lab)["phase"] == "wiped"
    lab.host.run(["nft", "-f", "/etc/nftables.conf"])
    assert lab.in_force() == "a"
    lab.done("rollback", "--off")
    assert lab.in_force() is None
    assert lab.host.run(["nft", "-f", "/etc/nftables.conf"]).returncode == 0
    assert lab.in_force() is None


def test_a_trial_ends_by_itself_and_is_tidied_up(lab):
    lab.done("apply", *lab.policy("a"), "--seconds", 5)
    assert lab.in_force() == "a"
    assert "too late" not in lab.refused("apply", *lab.policy("b"))
    assert lab.wait_until(lambda: lab.knock(OTHER), 7) is not None
    assert lab.wait_until(lambda: "portulan" not in lab.nft("list", "ruleset").stdout, 7) is not None
    assert "no trial" in lab.refused("confirm", "--vouch")
    assert lab.processes() == {}


def test_a_late_confirmation_changes_nothing(lab):
    lab.done("apply", *lab.policy("a"), "--seconds", 5)
    lab.kill(lab.processes())
    lab.wait_until(lambda: lab.left_s() is None, 7)
    assert "too late" in lab.refused("confirm", "--vouch")
    assert lab.in_force() is None
    assert status(lab)["phase"] == "over"
    lab.done("rollback")
    assert "portulan" not in lab.nft("list", "ruleset").stdout


def test_earlier_rules_are_tried_again_and_the_history_tells_ten(lab):
    for name in ("a", "b"):
        lab.done("apply", *lab.policy(name))
        lab.done("confirm", "--vouch")
    lab.done("rollback")
    assert lab.in_force() == "a"
    assert status(lab)["phase"] == "trial"
    lab.done("rollback")
    assert lab.in_force() == "b"
    lab.done("rollback", "--to", 1)
    lab.done("confirm", "--vouch")
    assert lab.in_force() == "a"
    past = json.loads(lab.done("history", "--json"))["items"]
    assert [each["number"] for each in past] == [1, 2, 3]
    assert past[0]["hash"] == past[2]["hash"] != past[1]["hash"]
    assert lab.refused("rollback", "--to", 7)


# Who may confirm

LOGIN = "ssh -q -i {folder}/me -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null {more} -o ControlPath={folder}/master root@{address} {line}"
POLICY = '[doors]\n2222 = "{who}"\n'


@pytest.fixture
def typed(lab, peers, tmp_path):
    """typed(line, more="", family=4): what somebody logged in over ssh types; the answer."""
    if "openssh-server" not in peers.packages:
        pytest.skip("no private root with peer programs: openssh-server is not in it")
    start_sshd(lab.host, tmp_path, 2222, stderr=subprocess.DEVNULL)
    lab.host.wait_for_port(2222)
    for name, who in (("open", "everyone"), ("mine", lab.client.address), ("strange", "203.0.113.7")):
        Path(tmp_path, f"{name}.toml").write_text(POLICY.format(who=who))

    def typed(line, more="", family=4):
        address = lab.host.address if family == 4 else lab.host.address6
        inner = shlex.quote(f"cd {tmp_path}; {PORTULAN} guard {line}")
        return lab.client.run(["sh", "-c", LOGIN.format(folder=tmp_path, more=more, address=address, line=inner)])

    return typed


def test_only_a_new_connection_confirms(lab, typed, tmp_path):
    master = typed("apply --policy mine.toml", "-o ControlMaster=yes -o ControlPersist=60")
    assert master.returncode == 0, master.stderr
    # The same connection, and a new login over it.
    multiplexed = typed("confirm")
    assert multiplexed.returncode == 1
    assert "from before the switch" in multiplexed.stderr
    console = typed("confirm --console", "-o ControlPath=none")
    assert console.returncode == 1
    assert "--console is for" in console.stderr
    assert lab.left_s() is not None
    # A shell whose environment is of the old connection, as in tmux: it does not count, though it was opened anew.
    old = typed("history; SSH_CONNECTION='198.18.0.2 1 198.18.0.1 2222' " + f"{PORTULAN} guard confirm", "-o ControlPath=none")
    assert "is gone" in old.stderr
    new = typed("confirm", "-o ControlPath=none")
    assert new.returncode == 0, new.stderr
    assert lab.left_s() is None
    assert json.loads(lab.done("history", "--json"))["items"][0]["by"] == "connection"


def test_rules_that_shut_out_the_login_are_refused_unless_told_twice(lab, typed):
    for words, family in (("strange.toml", 4), ("strange.toml --shut-me-out", 6), ("mine.toml", 6)):  # mine: the address of IPv4 only
        answer = typed(f"apply --policy {words}", family=family)
        assert answer.returncode == 1
        assert "from there 2222/tcp would be shut" in answer.stderr
        assert "portulan" not in lab.nft("list", "tables").stdout
    assert typed("apply --policy strange.toml --shut-me-out --shut-me-out", family=6).returncode == 0
    assert not lab.knock(2222, family=6)
    lab.done("rollback")
    assert lab.knock(2222, family=6)


def test_the_last_way_in_is_not_shut(lab, typed):
    Path(lab.folder, "none.toml").write_text('[doors]\n8001 = "everyone"\n')
    assert "nobody could log in from outside" in lab.refused("apply", "--policy", "none.toml")
    assert lab.in_force() is None
    lab.done("apply", "--policy", "none.toml", "--shut-me-out", "--shut-me-out")
    assert not lab.knock(2222)
    lab.done("rollback")
    assert lab.knock(2222)


# What is under way


def test_cut_ends_what_runs_through_doors_that_are_shut_now(lab):
    Path(lab.folder, "cut.toml").write_text('[doors]\nssh = "everyone"\n9101 = "everyone"\n')
    servers = [listen(lab.host, "::", port, options=(DUAL,)) for port in (9100, 9101)] + [listen(lab.client, "", 9100)]
    pairs = []
    for opener, server, address, port in (
        (lab.client, servers[0], lab.host.address, 9100), (lab.client, servers[0], lab.host.address6, 9100), (lab.client, servers[1], lab.host.address, 9101),
        (lab.host, servers[2], lab.client.address, 9100),
    ):  # fmt: skip
        pairs.append((connect(opener, address, port), server.accept()[0]))
    lab.done("apply", "--policy", "cut.toml")
    told = lab.done("confirm", "--console", "--cut")
    assert told.count("ended: 9100/tcp from") == 2
    for number, pair in enumerate(pairs):
        for one in pair:
            one.settimeout(2)
        if number < 2:
            for one in pair:
                with pytest.raises(ConnectionError):
                    one.recv(1)
        else:
            pair[0].sendall(b"x")
            assert pair[1].recv(1) == b"x"
    for one in (*servers, *(one for pair in pairs for one in pair)):
        one.close()


def test_two_at_once_do_not_mix(lab):
    both = [
        lab.host.start(lab.command("apply", *lab.policy(name)), folder=lab.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in ("a", "b")
    ]
    answers = sorted(each.wait(30) for each in both)
    assert answers == [0, 1]
    assert lab.in_force() in ("a", "b")
    lab.done("rollback")
    assert lab.in_force() is None


SLOW = """#!/bin/sh
# Rules that take long to load: what is given is read first, as nft does.
case "$*" in "-f /dev/stdin") cat > /run/slow; grep -q "set trial" /run/slow && sleep 3; exec /usr/sbin/nft.real -f /run/slow;; esac
exec /usr/sbin/nft.real "$@"
"""


def test_nft_that_outlives_us_keeps_the_lock_until_it_has_ended(lab, tmp_path):
    Path(tmp_path, "nft").write_text(SLOW)
    lab.host.run(["sh", "-ec", f"mv /usr/sbin/nft /usr/sbin/nft.real; cp {tmp_path}/nft /usr/sbin/nft; chmod 755 /usr/sbin/nft"])
    lab.done("history")  # the program is ready for what follows
    process = lab.host.start(lab.command("apply", *lab.policy("a")), folder=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert lab.wait_until(lambda: any("sleep" in line for line in lab.processes().values()), 20) is not None
    process.kill()
    process.wait()
    assert lab.in_force() is None
    # It waits for nft, and so finds the trial that nft has begun meanwhile: nothing comes in behind it.
    assert "The trial is ended" in lab.done("rollback")
    time.sleep(0.3)
    assert lab.in_force() is None


OTHERS = """
table ip filter {
    chain DOCKER-USER {
    }
    chain f2b-sshd {
        ip saddr 192.0.2.1 reject
    }
    chain DOCKER-ISOLATION-STAGE-2 {
        ip saddr 10.0.0.0/24 drop
    }
    chain INPUT {
        type filter hook input priority 0; policy accept;
        tcp dport 22 jump f2b-sshd
    }
    chain FORWARD {
        type filter hook forward priority 0; policy drop;
        jump DOCKER-ISOLATION-STAGE-2
    }
}
"""


def test_others_are_named_and_left_alone(lab):
    lab.nft("-f", "-", text=OTHERS)
    lab.done("apply", *lab.policy("a"))
    lab.done("confirm", "--vouch")
    assert "the table ip filter (fail2ban, docker) refuses packets too" in lab.guard("status", *lab.policy("a")).stdout
    told = lab.done("apply", *lab.policy("b"), "--takeover")
    assert "docker: leave it" in told
    assert "nft delete table ip filter" in told  # nothing is known of how to hand over from fail2ban
    assert lab.nft("list", "table", "ip", "filter").stdout.split() == OTHERS.replace("priority 0", "priority filter").split()


def test_boot_is_enabled_by_being_asked_and_undone(lab, tmp_path):
    conf = "#!/usr/sbin/nft -f\nflush ruleset\n"
    Path(tmp_path, "root/etc").mkdir(parents=True)
    Path(tmp_path, "root/etc/nftables.conf").write_text(conf)
    root = ("--root", tmp_path / "root")
    lab.done("apply", *lab.policy("a"), *root)
    assert "--enable nftables" in lab.done("confirm", "--vouch", *root)
    assert Path(tmp_path, "root/etc/nftables.conf").read_text() == conf
    lab.done("boot", "--enable", *root)
    assert Path(tmp_path, "root/etc/nftables.conf").read_text() == conf + 'include "/etc/portulan/boot.nft"\n'
    lab.done("boot", "--disable", *root)
    assert Path(tmp_path, "root/etc/nftables.conf").read_text() == conf
    lab.done("boot", "--enable", "systemd", *root)
    unit = Path(tmp_path, "root/etc/systemd/system/portulan-guard.service")
    assert "ExecStart=/usr/sbin/nft -f /etc/portulan/boot.nft" in unit.read_text()
    assert Path(tmp_path, "root/etc/systemd/system/sysinit.target.wants/portulan-guard.service").is_symlink()
    lab.done("boot", "--disable", *root)
    assert not unit.exists()


# What is missing


def test_without_nft_nothing_is_changed(lab):
    answer = lab.host.run(["sh", "-c", 'mv /usr/sbin/nft /usr/sbin/nft.away; "$@"; status=$?; mv /usr/sbin/nft.away /usr/sbin/nft; exit $status', "sh", *lab.command("apply", *lab.policy("a"))], folder=lab.folder)  # fmt: skip
    assert answer.returncode == 3
    assert "nft" in answer.stderr
    assert lab.in_force() is None


def test_an_ordinary_user_changes_nothing_and_is_told_what_it_needs(lab):
    answers = [portulan(lab.host, "guard", *words, user=65534, folder="/") for words in ((), ("rollback", "--off"))]
    assert [answer.returncode for answer in answers] == [3, 3]
    assert "CAP_NET_ADMIN" in answers[0].stderr
    assert "may not be used" in answers[1].stderr


STUBBORN = """#!/bin/sh
# A kernel that cannot hold so much: what asks for it is refused, with nft's words.
case "$*" in *-f*) if cat > /run/script; grep -q "{word}" /run/script; then
    echo "/dev/stdin:$(grep -n '{word}' /run/script | head -1 | cut -d: -f1):1-10: Error: Could not process rule: {reason}" >&2; exit 1; fi
    exec /usr/sbin/nft.real "$@" < /run/script;; esac
exec /usr/sbin/nft.real "$@"
"""


def test_what_the_kernel_does_not_take_is_told_before_any_change(lab, tmp_path):
    reason = "Too many open files in system"
    Path(tmp_path, "nft").write_text(STUBBORN.format(word="elements", reason=reason))
    lab.host.run(["sh", "-ec", f"mv /usr/sbin/nft /usr/sbin/nft.real; cp {tmp_path}/nft /usr/sbin/nft; chmod 755 /usr/sbin/nft"])
    told = lab.refused("apply", *lab.policy("a"))
    assert reason in told
    assert "Nothing was changed" in told
    assert lab.in_force() is None
    assert lab.host.run(["nft.real", "list", "ruleset"]).stdout == ""
    assert not lab.host.run(["ls", "/var/lib/portulan/guard/state.json"]).stdout


def test_notes_that_cannot_be_written_stop_apply_and_are_told_by_confirm(lab, tmp_path):
    root = tmp_path / "root"
    Path(root, "var/lib").mkdir(parents=True)
    Path(root, "var/lib/portulan").write_text("a file where a folder should be")
    assert lab.guard("apply", *lab.policy("a"), "--root", root).returncode == 4
    assert lab.in_force() is None
    Path(root, "var/lib/portulan").unlink()
    lab.done("apply", *lab.policy("a"), "--root", root)
    Path(root, "etc").write_text("another one")
    answer = lab.guard("confirm", "--vouch", "--root", root)
    assert answer.returncode == 4
    assert "could not be written" in answer.stderr
    assert (lab.in_force(), lab.left_s()) == ("a", None)


def test_another_namespace_has_other_rules(lab, sandbox, peers):
    lab.done("apply", *lab.policy("a"), "--root", lab.folder / "root")
    other = sandbox.host("other", root=peers)
    answer = other.run(lab.command("apply", *lab.policy("a"), "--root", lab.folder / "root"), folder=lab.folder)
    assert answer.returncode == 1
    assert "another network namespace" in answer.stderr


def test_a_table_that_is_not_known_is_left_alone(lab):
    lab.nft("-f", "-", text="table inet portulan {\n chain input {\n type filter hook input priority 0; policy accept;\n }\n}\n")
    assert "not known here" in lab.refused("apply", *lab.policy("a"))
    assert "not known here" in lab.guard("status").stdout
    lab.done("rollback", "--off")
    lab.done("apply", *lab.policy("a"))
    lab.done("confirm", "--vouch")
    lab.nft("add", "rule", "inet", "portulan", "input", "tcp", "dport", "1", "accept")
    assert "guard.changed-by-hand" in codes(status(lab, *lab.policy("a")))


def test_rules_changed_by_hand_are_loaded_anew(lab):
    lab.done("apply", *lab.policy("a"))
    lab.done("confirm", "--vouch")
    assert lab.guard("plan", *lab.policy("a")).returncode == 0
    lab.nft("insert", "rule", "inet", "portulan", "input", "tcp", "dport", str(OTHER), "accept")
    assert lab.knock(OTHER)
    planned = lab.guard("plan", *lab.policy("a"), "--json")
    told = json.loads(planned.stdout)
    assert (planned.returncode, told["by_hand"], told["changes"]) == (1, True, True)
    changed = [row["ports"] for row in told["items"] if row["before"] != row["after"]]
    assert changed == [f"{OTHER}/tcp"]
    assert "changed our rules by hand" in lab.guard("plan", *lab.policy("a")).stdout
    assert "loaded anew" in lab.done("apply", *lab.policy("a"))
    assert (lab.in_force(), lab.left_s()) == ("a", None)
    assert "guard.changed-by-hand" not in codes(status(lab, *lab.policy("a")))
    assert "in force already" in lab.done("apply", *lab.policy("a"))


def test_rollback_says_which_rules_it_tries(lab):
    for name in "ab":
        lab.done("apply", *lab.policy(name))
        lab.done("confirm", "--vouch")
    assert "number 1 of" in lab.done("rollback")
    assert "number 1" not in lab.done("rollback")  # the trial is ended
    late = lab.guard("confirm", "--vouch")
    assert late.returncode == 1
    assert "its time is over" in late.stderr


def test_a_policy_file_that_is_gone_is_told(lab):
    lab.done("apply", *lab.policy("a"))
    lab.done("confirm", "--vouch")
    answer = lab.guard("status", "--json")
    assert answer.returncode == 1
    assert "guard.no-file" in codes(json.loads(answer.stdout)["items"][0])


def test_lost_notes_are_made_up_for_from_the_kernel(lab):
    lab.done("apply", *lab.policy("a"))
    lab.done("confirm", "--vouch")
    lab.host.run(["sh", "-c", "echo rubbish > /var/lib/portulan/guard/state.json"])
    lab.done("apply", *lab.policy("b"))
    assert lab.in_force() == "b"
    lab.done("rollback")
    assert lab.in_force() == "a"


def test_a_full_set_of_senders_shuts_nobody_out(lab):
    Path(lab.folder, "limit.toml").write_text('[doors]\nssh = { from = "everyone", limit = "10/minute" }\n')
    lab.done("apply", "--policy", "limit.toml")
    lab.done("confirm", "--vouch")
    addresses = ", ".join(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(65_536))
    filled = lab.nft("-f", "-", text=f"add element inet portulan often_ssh_v4 {{ {addresses} }}\n")
    assert filled.returncode == 0, filled.stderr[-300:]
    assert lab.nft("add", "element", "inet", "portulan", "often_ssh_v4", "{ 192.0.2.1 }").returncode  # it takes no more
    assert lab.knock(MANAGEMENT)
    assert not lab.knock(OTHER)
    assert "guard.changed-by-hand" not in codes(status(lab, "--policy", "limit.toml"))


# Samples of the proofs


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_killed_at_any_moment_nobody_is_locked_out(day_seed, samples):
    for seed in range(samples(1, 3)):
        assert proofs_guard_life.kills(day_seed + seed, count=samples(3, 10))[0] == []


@pytest.mark.prove
@pytest.mark.timeout(300)
def test_streams_survive(day_seed):
    assert proofs_guard_life.streams(day_seed)[0] == []


@pytest.mark.prove
@pytest.mark.timeout(300)
def test_a_disk_after_a_power_cut_is_whole(day_seed, samples):
    assert proofs_guard_life.power_cuts(day_seed, commands=samples(5, 9))[0] == []


def test_without_rules_nothing_needs_nft(sandbox):
    """A host without nft, as the machine of a beginner is: where no rule is there, that is told."""
    host = sandbox.host("bare")
    done = host.run(["env", "PATH=/nowhere", PORTULAN, "guard", "--lang", "en"])
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("No policy is in force")
