"""The ssh server that one is logged in through: a real sshd, a real login over the network of the sandbox, and stop typed there."""

import json
import os
import shlex
import subprocess

import pytest

from daemons import has_ended
from labs import PORTULAN
from logins import start_sshd

pytestmark = [pytest.mark.lab, pytest.mark.peer]
LOGIN = "ssh -q -i {folder}/me -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"


@pytest.fixture
def machine(sandbox, peers, tmp_path):
    """(the host, its sshd, pidfd of that, a folder of this test)"""
    if "openssh-server" not in peers.packages:
        pytest.skip("no private root with peer programs: openssh-server is not in it")
    host = sandbox.host("a", root=peers)
    sshd = start_sshd(host, tmp_path, 22, stderr=subprocess.DEVNULL)
    host.wait_for_port(22)
    watched = os.pidfd_open(sshd.pid)
    yield host, sshd, watched, tmp_path
    os.close(watched)


def typed_there(host, folder, line, options=""):
    """What a shell of the login prints."""
    done = host.run(["sh", "-c", f"{LOGIN.format(folder=folder)} {options} root@127.0.0.1 {shlex.quote(line)}"])
    assert done.stdout, done.stderr
    return done.stdout


def codes(text):
    answer = json.loads(text)
    return answer["verdict"], {refusal["code"] for refusal in answer["refusals"]}


STOP = f"{PORTULAN} stop 22 -y --json"


@pytest.mark.parametrize(
    "line",
    [
        STOP,
        # As in tmux: the shell's parent is the first process, only the environment knows of the login.
        f"(setsid sh -c '{STOP} > OUT.new; mv OUT.new OUT' &); until [ -e OUT ]; do sleep 0.05; done; cat OUT",
        # As with sudo: the environment is gone too, but not that of the processes above.
        f"env -i {STOP}",
        f"(setsid sh -c 'env -i {STOP} > OUT.new; mv OUT.new OUT' &); until [ -e OUT ]; do sleep 0.05; done; cat OUT",
        f"{STOP} --direct --wait 0",
    ],
    ids=["login", "tmux", "sudo", "sudo in tmux", "by signals"],
)
def test_the_server_of_this_very_session_is_not_ended(machine, line):
    host, _, watched, folder = machine
    assert codes(typed_there(host, folder, line.replace("OUT", str(folder / "out")))) == ("refused", {"stop.session"})
    assert not has_ended(watched)


def test_what_it_says_names_the_server_and_a_way_out(machine):
    host, sshd, _, folder = machine
    told = typed_there(host, folder, f"{PORTULAN} stop 22 -y; echo $?")
    assert f"sshd (pid {sshd.pid}) serves the ssh session that you are in" in told
    assert "console" in told
    assert told.endswith("\n1\n")


def test_a_port_that_this_session_forwards_is_not_ended_from_within(machine):
    host, _, watched, folder = machine
    heard = "until grep -q ' 0100007F:0FA0 ' /proc/net/tcp; do sleep 0.05; done"
    told = typed_there(host, folder, f"{heard}; {PORTULAN} stop 4000 -y --json", "-R 127.0.0.1:4000:127.0.0.1:9")
    assert codes(told) == ("refused", {"stop.session"})
    assert not has_ended(watched)


def test_from_the_console_it_is_ended_like_any_other(machine):
    host, _, watched, _ = machine
    done = host.run([PORTULAN, "stop", "22", "-y", "--json"], root=host.root)
    answer = json.loads(done.stdout)
    assert (done.returncode, [item["outcome"] for item in answer["items"]]) == (0, ["ended"])
    assert has_ended(watched)
