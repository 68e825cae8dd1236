"""Ending holders: real processes, real signals, and whoever must not be hit is watched all the while."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemons import has_ended
from labs import (
    ORDINARY,
    PORTULAN,
    REUSE_PORT,
    as_user,
    connect,
    control_groups,
    datagrams,
    hold,
    inhabit,
    listen,
    named_to_end,
    open_socket,
    port_of,
    portulan,
    wait_for,
)

pytestmark = pytest.mark.lab
PORT = 10_000 + os.getpid() % 20_000
"""A number of this process's own: other tests at work are on hosts of their own, but `stop` tells where else a port is held."""
# A server of many tempers. Each of its processes says its pid, then the server its port; SIGTERM is told too.
SERVER = """
import os, signal, socket, sys, time
temper, workers, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def told(number, frame):
    os.write(1, b"TERM %d\\n" % os.getpid())
    if temper == "deaf":
        return
    if temper == "heir" and not os.fork():  # what it leaves behind has the socket, and does not hear either
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.setsid()
        time.sleep(600)
        os._exit(0)
    if temper == "gentle":  # lets go of the port, and goes on working
        one.close()
        return
    os._exit(0)
one = socket.create_server(("127.0.0.1", port), backlog=16)
signal.signal(signal.SIGTERM, told)
for _ in range(workers):
    if not os.fork():
        break
os.write(1, b"PID %d\\n" % os.getpid())
while True:
    time.sleep(600)
"""


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


@contextmanager
def server(host, temper="plain", workers=0, port=PORT, before=list):
    """(process, pidfds of all its processes by pid, master first)"""
    process = host.start(before([sys.executable, "-c", SERVER, temper, str(workers), str(port), str(os.getpid())]), stdout=subprocess.PIPE)
    pids = {int(process.stdout.readline().split()[1]) for _ in range(workers + 1)}
    watched = {pid: os.pidfd_open(pid) for pid in sorted(pids, key=lambda pid: (pid != process.pid, pid))}
    try:
        yield process, watched
    finally:
        for one in watched.values():
            if not has_ended(one):
                signal.pidfd_send_signal(one, signal.SIGKILL)
            os.close(one)
        process.wait()
        process.stdout.close()


def stop(host, port, *words, **more):
    """(exit status, the answer's envelope)"""
    done = portulan(host, "stop", port, "--json", *words, **more)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def outcomes(answer):
    return {item["owner"]["pid"]: item["outcome"] for item in answer["items"]}


def listening(host, port):
    with host.enter():
        tables = [Path(f"/proc/thread-self/net/{name}").read_text("ascii") for name in ("tcp", "tcp6")]
    return any(f":{port:04X} " in line.split(" 0A ")[0] for table in tables for line in table.splitlines()[1:] if " 0A " in line)


# Who is ended, and how


def test_a_plain_server_is_asked_and_ends(host):
    with server(host) as (process, watched):
        status, answer = stop(host, PORT, "-y")
        assert (status, answer["verdict"], outcomes(answer)) == (0, "freed", {process.pid: "ended"})
        assert [(step["kind"], step["pids"]) for step in answer["steps"]] == [("term", [process.pid])]
        assert has_ended(watched[process.pid])
        assert not listening(host, PORT)


def test_the_master_goes_first_and_what_outlives_it_is_asked_then(host):
    with server(host, workers=3) as (process, watched):
        status, answer = stop(host, PORT, "-y")
        workers = sorted(watched.keys() - {process.pid})
        assert (status, answer["verdict"]) == (0, "freed")
        assert [(step["kind"], step["when"], step["pids"]) for step in answer["steps"]] == [
            ("term", "first", [process.pid]), ("term", "left-over", workers)
        ]  # fmt: skip
        assert all(map(has_ended, watched.values()))
        assert process.stdout.readline() == f"TERM {process.pid}\n"


def test_who_does_not_hear_is_killed_after_the_wait(host):
    with server(host, "deaf", workers=1) as (_process, watched):
        begin = time.monotonic()
        status, answer = stop(host, PORT, "-y", "--wait", "0.5")
        assert time.monotonic() - begin >= 0.5
        assert (status, answer["verdict"], set(outcomes(answer).values())) == (0, "freed", {"killed"})
        assert [step["kind"] for step in answer["steps"]] == ["term", "kill"]
        assert all(map(has_ended, watched.values()))


def test_without_kill_it_is_left_alive_and_that_is_said(host):
    with server(host, "deaf") as (process, watched):
        status, answer = stop(host, PORT, "-y", "--wait", "0.2", "--no-kill")
        assert (status, answer["verdict"], outcomes(answer)) == (1, "still-held", {process.pid: "alive"})
        assert not has_ended(watched[process.pid])
        told = portulan(host, "stop", PORT, "-y", "--wait", "0.2", "--no-kill")
        assert told.returncode == 1
        assert f"still held, by {Path(sys.executable).resolve().name[:6]}" in told.stdout


def test_a_stopped_process_takes_the_signal_too(host):
    with server(host) as (process, watched):
        process.send_signal(signal.SIGSTOP)
        assert stop(host, PORT, "-y", "--no-kill")[0] == 0
        assert has_ended(watched[process.pid])


def test_who_lets_go_of_the_port_may_finish_its_work(host):
    with server(host, "gentle") as (process, watched):
        status, answer = stop(host, PORT, "-y")
        assert (status, answer["verdict"], outcomes(answer)) == (0, "freed", {process.pid: "let-go"})
        assert not has_ended(watched[process.pid])


def test_a_child_that_inherits_the_port_at_the_last_moment_is_told_and_not_hit(host):
    with server(host, "heir") as (process, _watched):
        status, answer = stop(host, PORT, "-y", "--wait", "0.5")
        assert (status, answer["verdict"], outcomes(answer)) == (1, "still-held", {process.pid: "ended"})
        [heir] = [owner for item in answer["left"] for owner in item["owners"]]
        assert heir["pid"] != process.pid
        assert Path(f"/proc/{heir['pid']}").exists()
        # Asked again it is the holder, and deaf.
        status, answer = stop(host, PORT, "-y", "--wait", "0.2")
        assert (status, outcomes(answer)) == (0, {heir["pid"]: "killed"})


def test_who_comes_back_is_told_with_who_started_it(host):
    script = f"while :; do {sys.executable} -c '{SERVER}' plain 0 {PORT} 0; done"
    supervisor = host.start(["sh", "-c", script], stdout=subprocess.PIPE)
    supervisor.stdout.readline()
    answers = []
    for _ in range(20):  # the port may also be asked for in the moment when it is free
        answers.append(stop(host, PORT, "-y"))
        if answers[-1][1]["verdict"] == "came-back":
            break
        host.wait_for_port(PORT)
    if answers[-1][1]["verdict"] == "came-back":
        status, answer = answers[-1]
        assert status == 1
        assert {parent["pid"] for item in answer["left"] for owner in item["owners"] for parent in owner["parents"][:1]} == {supervisor.pid}
    assert {answer["verdict"] for _, answer in answers} <= {"came-back", "freed"}
    supervisor.kill()


def test_strangers_that_share_a_port_are_each_named_and_ended(host):
    one = listen(host, "127.0.0.1", PORT, options=[REUSE_PORT])
    other = listen(host, "127.0.0.1", PORT, options=[REUSE_PORT])
    first, second = hold(host, one), hold(host, other)
    one.close()
    other.close()
    plan = portulan(host, "stop", PORT, "--dry-run").stdout
    assert f"kill {first.pid} {second.pid}" in plan
    status, answer = stop(host, PORT, "-y")
    assert (status, outcomes(answer)) == (0, {first.pid: "ended", second.pid: "ended"})


def test_udp_and_every_address(host):
    with datagrams(host, "127.0.0.1", PORT) as one, listen(host, "::1", PORT) as other:
        holder = hold(host, one, other)
        one.close()
        other.close()
        assert stop(host, f"{PORT}/udp", "--dry-run")[1]["items"][0]["also_holds"] == [f"{PORT}/tcp"]
        assert stop(host, f"{PORT}/tcp", "-y")[0] == 0
        assert wait_for(holder.poll, -signal.SIGTERM) == -signal.SIGTERM
        assert stop(host, PORT, "-y")[1]["verdict"] == "nobody"


@pytest.mark.peer
def test_nginx_is_asked_once_and_ends_its_workers_itself(sandbox, peers, tmp_path):
    host = sandbox.host("a", root=peers)
    config = (
        "daemon off; pid /run/test-stop-nginx.pid; worker_processes 4; error_log /dev/null; events {} "
        f"http {{ access_log off; server {{ listen {PORT}; listen [::]:{PORT}; }} server {{ listen {PORT + 1}; }} }}"
    )
    written = tmp_path / "nginx.conf"
    written.write_text(config)
    nginx = host.start(["nginx", "-c", written])
    host.wait_for_port(PORT + 1)
    assert wait_for(lambda: len(children_of(nginx.pid)), 4) == 4
    workers = children_of(nginx.pid)
    plan = stop(host, PORT, "--dry-run")[1]
    assert plan["items"][0]["owner"]["pid"] == nginx.pid
    assert {item["owner"]["pid"]: item["master"] for item in plan["items"]} == {nginx.pid: None, **dict.fromkeys(workers, nginx.pid)}
    assert plan["items"][0]["also_holds"] == [f"{PORT + 1}/tcp"]
    status, answer = stop(host, PORT, "-y")
    assert (status, answer["verdict"]) == (0, "freed")
    assert (answer["steps"][0]["kind"], answer["steps"][0]["pids"]) == ("term", [nginx.pid])
    assert not {pid for step in answer["steps"] for pid in step["pids"] if step["kind"] == "kill"}
    assert not listening(host, PORT + 1)


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


# Nobody, somebody else, something else


def test_nobody_holds_it(host):
    done = portulan(host, "stop", PORT, "-y")
    assert done.returncode == 1
    assert done.stdout.startswith("Nobody ")


def test_held_in_another_network_namespace_only(sandbox, host):
    elsewhere = sandbox.host("b")
    inhabit(elsewhere)
    with server(elsewhere) as (process, watched):
        status, answer = stop(host, PORT, "-y")
        assert (status, answer["verdict"], answer["elsewhere"]) == (1, "elsewhere", [f"net:[{elsewhere.netns_inode}]"])
        assert not has_ended(watched[process.pid])
        status, answer = stop(host, PORT, "-y", "--netns", elsewhere.netns_inode)
        assert (status, outcomes(answer)) == (0, {process.pid: "ended"})
    assert portulan(host, "stop", PORT, "--netns", "nowhere").returncode == 2


def test_a_connection_is_cut_only_when_asked_for(host):
    with listen(host, "127.0.0.1") as there, connect(host, "127.0.0.1", port_of(there)) as client:
        holder, port = hold(host, client), port_of(client)
        client.close()
        status, answer = stop(host, port, "-y")
        assert (status, answer["verdict"]) == (1, "connections")
        assert holder.poll() is None
        status, answer = stop(host, port, "-y", "--connections")
        assert (status, outcomes(answer)) == (0, {holder.pid: "ended"})


def test_time_wait_is_no_hindrance_and_is_told(host):
    with server(host) as (_process, _):
        # The server does not accept: ended, it resets. So the connection is closed by us first, which leaves TIME_WAIT on its port for another.
        one = open_socket(host, "127.0.0.1", 0, options=[(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)], backlog=4)
        port = port_of(one)
        client = connect(host, "127.0.0.1", port)
        accepted = one.accept()[0]
        accepted.close()
        client.close()
        holder = hold(host, one)
        one.close()
        wait_for(lambda: stop(host, port, "--dry-run")[1]["connections"], 0)
        done = portulan(host, "stop", port, "-y")
        assert done.returncode == 0
        assert "TIME_WAIT" in done.stdout
        assert "SO_REUSEADDR, as most do, can start now" in done.stdout
        assert wait_for(holder.poll, -signal.SIGTERM) == -signal.SIGTERM
        done = portulan(host, "stop", port, "-y")
        assert done.returncode == 1
        assert "TIME_WAIT" in done.stdout


def test_what_the_kernel_holds_has_no_process_to_end(host):
    assert host.run(["ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "dstport", "4789", "dev", "lo"]).returncode == 0
    assert host.run(["ip", "link", "set", "vx0", "up"]).returncode == 0
    status, answer = stop(host, 4_789, "-y")
    assert (status, answer["verdict"], [refusal["code"] for refusal in answer["refusals"]]) == (1, "refused", ["stop.kernel"])
    assert "ip link delete vx0" in portulan(host, "stop", 4_789, "-y").stdout


# Who is never ended


PARENT = f"""
import json, socket, subprocess, sys
PORT = {PORT}
one = socket.create_server(("127.0.0.1", PORT))
keep = [one.fileno()] if sys.argv[1] == "inherited" else []
if keep:
    one.set_inheritable(True)
middle = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"] if sys.argv[1] == "grandchild" else []
done = subprocess.run([*middle, *sys.argv[2:]], stdout=subprocess.PIPE, pass_fds=keep)
sys.stdout.write(done.stdout.decode())
"""


@pytest.mark.parametrize("how", ["child", "grandchild"])
def test_an_ancestor_is_not_ended(host, how):
    done = host.run([sys.executable, "-c", PARENT, how, PORTULAN, "stop", str(PORT), "-y", "--json"])
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["verdict"], [refusal["code"] for refusal in answer["refusals"]]) == ("refused", ["stop.ancestor"])


def test_it_does_not_end_itself(host):
    with listen(host, "127.0.0.1", PORT) as one:
        pass_on = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
        process = host.start(
            [sys.executable, "-c", pass_on, PORTULAN, "stop", str(PORT), "-y", "--json"], pass_fds=[one.fileno()], stdout=subprocess.PIPE
        )
        one.close()
        answer = json.loads(process.stdout.read())
    assert process.wait() == 1
    assert (answer["verdict"], [refusal["code"] for refusal in answer["refusals"]]) == ("refused", ["stop.itself"])


FIRST = f"""
import socket, subprocess, sys
PORT = {PORT}
one = socket.create_server(("127.0.0.1", PORT))
print(subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True).stdout)
"""


def test_the_first_process_is_not_ended(host):
    inside = [sys.executable, "-c", FIRST, PORTULAN, "stop", str(PORT), "-y", "--json"]
    done = host.run(["unshare", "--pid", "--fork", "--mount-proc", *inside])
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [item["owner"]["pid"] for item in answer["items"]] == [1]
    assert (answer["verdict"], [refusal["code"] for refusal in answer["refusals"]]) == ("refused", ["stop.first-process"])


def test_one_holder_that_may_not_be_ended_keeps_all_others_alive(host):
    with listen(host, "127.0.0.1", PORT, options=[REUSE_PORT]) as one, listen(host, "127.0.0.1", PORT, options=[REUSE_PORT]) as other:
        stranger = hold(host, other)
        other.close()
        status, answer = stop(host, PORT, "-y")  # the other socket is ours, and we are its parent
        assert (status, answer["verdict"], {refusal["code"] for refusal in answer["refusals"]}) == (1, "refused", {"stop.ancestor"})
        assert stranger.poll() is None
        assert one.fileno() > 0


def test_an_ordinary_user_may_not_end_what_is_not_theirs(host):
    with server(host) as (process, watched), server(host, port=PORT + 1, before=as_user) as (mine, watched_too):
        done = portulan(host, "stop", PORT, "-y", user=ORDINARY)
        assert done.returncode == 3
        assert "sudo" in done.stdout + done.stderr
        assert not has_ended(watched[process.pid])
        assert portulan(host, "stop", PORT + 1, "-y", user=ORDINARY).returncode == 0
        assert has_ended(watched_too[mine.pid])


def test_rights_are_asked_of_the_kernel_before_anything_is_done(host):
    # Seen by capability, yet of another user: the plan is complete, and still not permitted.
    with server(host) as (process, watched):
        seeing = ["sys_ptrace", "dac_read_search"]
        done = host.run(as_user([PORTULAN, "stop", str(PORT), "-y", "--json"], capabilities=seeing))
        answer = json.loads(done.stdout)
        assert (done.returncode, answer["verdict"]) == (3, "not-permitted")
        assert [(refusal["code"], refusal["pid"]) for refusal in answer["refusals"]] == [("stop.not-permitted", process.pid)]
        assert not has_ended(watched[process.pid])
        done = host.run(as_user([PORTULAN, "stop", str(PORT), "-y"], capabilities=seeing))
        assert "belongs to root" in done.stdout
        assert "sudo" in done.stdout


# Units and containers, whose commands are played by a script: no systemd runs here

STAND_IN = """#!/bin/sh
echo "$0" "$@" >> {log}
case "$*" in *shop*) kill {pids} ;; *) echo "Failed to stop: not loaded" >&2; exit 5 ;; esac
"""


@pytest.mark.parametrize(
    ("path", "program", "command"),
    [
        ("system.slice/shop.service", "systemctl", "systemctl stop shop.service"),
        ("user.slice/user-1000.slice/user@1000.service/app.slice/shop.service", "systemctl", "systemctl --user stop shop.service"),
        ("lxc.payload.shop", "lxc-stop", "lxc-stop -n shop"),
    ],
)
def test_the_command_of_what_runs_it_is_shown_and_run(host, tmp_path, path, program, command):
    log = tmp_path / "log"
    with control_groups() as make, server(host, workers=1) as (_process, watched):
        for pid in watched:
            (make(path) / "cgroup.procs").write_text(str(pid))
        stand_in = tmp_path / program
        stand_in.write_text(STAND_IN.format(log=log, pids=" ".join(map(str, watched))))
        stand_in.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        plan = portulan(host, "stop", PORT, "--dry-run", environment=environment)
        assert command in plan.stdout
        assert "kill" not in plan.stdout
        assert not log.exists()
        declined = portulan(host, "stop", PORT, environment=environment)
        assert (declined.returncode, log.exists()) == (1, False)
        assert "no terminal" in declined.stdout
        status, answer = stop(host, PORT, "-y", environment=environment)
        assert (status, answer["verdict"], set(outcomes(answer).values())) == (0, "freed", {"ended"})
        assert log.read_text() == f"{stand_in} {command.partition(' ')[2]}\n"


def test_a_command_that_fails_is_told_with_what_it_said(host, tmp_path):
    with control_groups() as make, server(host) as (process, watched):
        (make("system.slice/other.service") / "cgroup.procs").write_text(str(process.pid))
        stand_in = tmp_path / "systemctl"
        stand_in.write_text(STAND_IN.format(log=tmp_path / "log", pids=""))
        stand_in.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = portulan(host, "stop", PORT, "-y", environment=environment)
        assert done.returncode == 1
        assert "Failed to stop: not loaded" in done.stdout
        assert "--direct" in done.stdout
        assert not has_ended(watched[process.pid])
        assert stop(host, PORT, "-y", "--direct", environment=environment)[0] == 0


def test_the_unit_we_are_in_ourselves_is_not_ended(host):
    with control_groups() as make, server(host) as (process, watched):
        folder = make("system.slice/shop.service")
        (folder / "cgroup.procs").write_text(str(process.pid))
        join = f'echo $$ > {folder}/cgroup.procs; exec "$@"'
        done = host.run(["sh", "-c", join, "sh", PORTULAN, "stop", str(PORT), "-y", "--json"])
        answer = json.loads(done.stdout)
        assert (answer["verdict"], [refusal["code"] for refusal in answer["refusals"]]) == ("refused", ["stop.own-unit"])
        assert not has_ended(watched[process.pid])


# A person at a terminal


@contextmanager
def at_a_terminal(host, *words):
    """(the process, what reads until a text has come, what types)"""
    import pty

    ours, theirs = pty.openpty()
    process = host.start([PORTULAN, "stop", *map(str, words)], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = bytearray()

    def read_until(text):
        while text not in seen.decode("utf-8", "replace"):
            try:
                piece = os.read(ours, 4096)
            except OSError:  # EIO: the last one has hung up
                break
            if not piece:
                break
            seen.extend(piece)
        return seen.decode("utf-8", "replace")

    try:
        yield process, read_until, lambda text: os.write(ours, text)
    finally:
        process.wait()
        os.close(ours)


def test_a_person_is_asked_and_may_say_no(host):
    with server(host) as (process, watched):
        for typed in (b"n\n", b"\n", b"\x04", b"maybe\n"):
            with at_a_terminal(host, PORT) as (asking, read_until, answer):
                shown = read_until("[y/N]")
                assert f"kill {process.pid}" in shown
                assert f"pid {process.pid}" in shown
                answer(typed)
                assert "Nothing was ended." in read_until("\0")
            assert asking.returncode == 1
        assert not has_ended(watched[process.pid])
        with at_a_terminal(host, PORT) as (asking, read_until, answer):
            read_until("[y/N]")
            answer(b"y\n")
            assert f"{PORT} is free" in read_until("\0")
        assert asking.returncode == 0
        assert has_ended(watched[process.pid])


def test_who_came_while_a_person_thought_is_not_ended(host):
    one = listen(host, "127.0.0.1", PORT, options=[REUSE_PORT])
    first = hold(host, one)
    one.close()
    with at_a_terminal(host, PORT) as (asking, read_until, answer):
        read_until("[y/N]")
        late = listen(host, "127.0.0.1", PORT, options=[REUSE_PORT])
        second = hold(host, late)
        late.close()
        answer(b"y\n")
        assert "meanwhile" in read_until("\0")
    assert asking.returncode == 1
    assert (first.poll(), second.poll()) == (None, None)


def test_who_went_while_a_person_thought_is_not_missed(host):
    with server(host) as (process, _watched), at_a_terminal(host, PORT) as (asking, read_until, answer):
        read_until("[y/N]")
        process.kill()
        process.wait()
        answer(b"y\n")
        assert "Nobody" in read_until("\0")
    assert asking.returncode == 1


# Ended in the middle


def test_stop_killed_in_the_middle_leaves_all_as_it_is_and_can_be_asked_again(host):
    with server(host, "deaf") as (process, watched):
        asking = host.start([PORTULAN, "stop", str(PORT), "-y", "--wait", "600"])
        assert process.stdout.readline() == f"TERM {process.pid}\n"
        asking.kill()
        asking.wait()
        assert not has_ended(watched[process.pid])
        assert listening(host, PORT)
        assert stop(host, PORT, "-y", "--wait", "0")[0] == 0


def test_named_to_end_is_what_is_ended(host):
    """What `who` tells to type and what `stop` does are about the same processes."""
    with server(host, workers=2) as (_, watched):
        remedies = json.loads(portulan(host, "who", PORT, "--json").stdout)["remedies"]
        assert named_to_end([remedy["command"] for remedy in remedies]) == set(outcomes(stop(host, PORT, "--dry-run")[1]))
        assert watched
