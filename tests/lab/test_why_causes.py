"""Every reason why a port cannot be bound, made for real and named right, for root and for an ordinary user."""

import json
import os
import re
import socket
import subprocess
import sys

import pytest

from binding_policies import confine_by_landlock, refusing
from labs import (
    MPTCP,
    ORDINARY,
    PORTULAN,
    REUSE_PORT,
    V6_ONLY,
    call_as,
    connect,
    control_groups,
    datagrams,
    inhabit,
    listen,
    open_socket,
    port_of,
)
from portulan.errors import BadInput
from portulan.system.linux.links import add_vxlan, read_interfaces, set_up

pytestmark = pytest.mark.lab
REUSE_ADDRESS = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
PORT = 20_000
USERS = ("root", "ordinary")


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


def told(port, **more):
    """What `why` answers, in a form that can be carried over."""
    from portulan.verbs.why import why

    answer = why(port, **more)
    return {
        "answer": answer.answer.value,
        "cause": answer.cause.value,
        "overlaps": [one.overlap and one.overlap.value for one in answer.items],
        "answers": [one.answer.value for one in answer.items],
        "errors": [one.error for one in answer.items],
        "odd": [one.disagreement for one in answer.items],
        "untried": [one.untried for one in answer.items],
        "holders": [(one.cause.value, one.shares, [owner.pid for owner in one.endpoint.owners or ()]) for one in answer.holders],
        "kernel": [one.endpoint.held_by_kernel for one in answer.holders if one.endpoint.held_by_kernel],
        "ways": [(way.code, way.command) for way in answer.remedies],
        "warnings": {caution.code: dict(caution.facts) for caution in answer.warnings},
        "suspects": [(one.code, one.certain, one.detail) for one in answer.suspects],
        "confirmed": answer.confirmed,
        "exact": answer.exact,
    }


def ask(host, user, port=PORT, **more):
    """`why`, asked on that host by that user."""
    if user == "root":
        with host.enter():
            return told(port, **more)
    return call_as(host, told_with, port, more)


def told_with(port, more):
    return told(port, **more)


def check(answer, cause, *, mine=None):
    """The port cannot be bound for this reason, the kernel says so too, and whoever may see it sees that this process holds it."""
    assert (answer["answer"], answer["cause"], answer["confirmed"]) == ("no", cause, True), answer
    assert answer["odd"] == [None] * len(answer["odd"])
    if mine:
        assert mine in [(cause, pids) for cause, shares, pids in answer["holders"] if not shares], answer


def codes(answer):
    return [code for code, _ in answer["ways"]]


def seen(user):
    return [os.getpid()] if user == "root" else []


@pytest.mark.parametrize("user", USERS)
def test_a_port_that_nobody_has(host, user):
    answer = ask(host, user)
    assert (answer["answer"], answer["cause"], answer["confirmed"]) == ("yes", "free", True)
    assert answer["holders"] == answer["ways"] == []
    assert answer["warnings"] == {}
    with listen(host, "", PORT):  # and so it is
        pass


@pytest.mark.parametrize("user", USERS)
def test_a_listener(host, user):
    with listen(host, "", PORT):
        answer = ask(host, user)
        check(answer, "listener", mine=("listener", seen(user)))
        assert answer["overlaps"] == ["same-address", "asked-dual-stack"]
        assert ("other-port", "PORT=$(portulan free)") in answer["ways"]
        if user == "root":
            assert ("stop", f"kill {os.getpid()}") in answer["ways"]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("held", "options", "asked", "overlap"),
    [
        ("127.0.0.1", (), "127.0.0.1", "same-address"),
        ("", (), "127.0.0.1", "held-wildcard"),
        ("127.0.0.1", (), "0.0.0.0", "asked-wildcard"),
        ("::1", (), "::", "asked-wildcard"),
        ("::", (V6_ONLY,), "::1", "held-wildcard"),
        ("::", (), "127.0.0.1", "held-dual-stack"),
        ("::", (), "0.0.0.0", "held-dual-stack"),
        ("127.0.0.1", (), "::", "asked-dual-stack"),
    ],
)
def test_addresses_that_meet(host, user, held, options, asked, overlap):
    with listen(host, held, PORT, options=options):
        answer = ask(host, user, address=asked)
        check(answer, "listener", mine=("listener", seen(user)))
        assert answer["overlaps"] == [overlap]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("held", "options", "asked"), [("127.0.0.1", (), "127.0.0.2"), ("::", (V6_ONLY,), "0.0.0.0"), ("::1", (), "127.0.0.1"), ("", (), "::1")]
)
def test_addresses_that_do_not_meet(host, user, held, options, asked):
    with listen(host, held, PORT, options=options):
        answer = ask(host, user, address=asked)
        assert (answer["answer"], answer["confirmed"]) == ("yes", True)


@pytest.mark.parametrize("user", USERS)
def test_the_address_that_is_left_is_told(host, user):
    with listen(host, "::1", PORT):
        answer = ask(host, user)
        check(answer, "listener")
        assert answer["answers"] == ["yes", "no"]
        assert answer["warnings"]["other-address"] == {"address": "0.0.0.0"}


@pytest.mark.parametrize("user", USERS)
def test_a_v6_only_socket_is_a_way_out_of_two_stacks(host, user):
    with listen(host, "0.0.0.0", PORT):
        answer = ask(host, user, address="::")
        check(answer, "listener")
        assert "v6-only" in codes(answer)
        assert ask(host, user, address="::", v6_only=True)["answer"] == "yes"
        assert ask(host, user, v6_only=True)["answer"] == "yes"


@pytest.mark.parametrize("user", USERS)
def test_a_socket_that_is_bound_but_does_not_listen(host, user):
    with open_socket(host, "127.0.0.1", PORT):
        answer = ask(host, user)
        check(answer, "bound", mine=("bound", seen(user)))
        assert "holder-reuse-address" in codes(answer)
    with open_socket(host, "127.0.0.1", PORT, options=[REUSE_ADDRESS]):
        assert ask(host, user)["answer"] == "yes"
        answer = ask(host, user, reuse_address=False)
        check(answer, "bound", mine=("bound", seen(user)))
        assert "set-reuse-address" in codes(answer)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("version", [4, 6])
def test_an_outgoing_connection(host, user, version):
    address = "127.0.0.1" if version == 4 else "::1"
    with listen(host, address, 900) as server, connect(host, address, 900) as client, server.accept()[0]:
        answer = ask(host, user, port_of(client))
        check(answer, "connection", mine=("connection", seen(user)))
        assert answer["answers"] == ["no", "no"]
        assert answer["overlaps"] == (["asked-wildcard", "asked-dual-stack"] if version == 4 else ["placeholder", "asked-wildcard"])
        assert ("reserve", f"sysctl -w net.ipv4.ip_local_reserved_ports={port_of(client)}") in answer["ways"]
        assert answer["warnings"]["ephemeral"]["first"] == 32_768
        assert ask(host, user, port_of(client), address="127.0.0.9")["answer"] == "yes"


def close_first(host, *, options=()):
    """A server whose last connection it closed itself: the port is in TIME_WAIT on the server's side."""
    with listen(host, "", PORT, options=options) as server, connect(host, "127.0.0.1", PORT) as client:
        server.accept()[0].close()
        client.recv(1)


@pytest.mark.parametrize("user", USERS)
def test_time_wait(host, user):
    close_first(host)
    answer = ask(host, user)
    check(answer, "time-wait", mine=("time-wait", []))
    assert "wait" in codes(answer)
    assert "holder-reuse-address" in codes(answer)
    assert ask(host, user, address="127.0.0.9")["answer"] == "yes"


@pytest.mark.parametrize("user", USERS)
def test_time_wait_where_sharing_helps(host, user):
    close_first(host, options=[REUSE_ADDRESS])
    assert ask(host, user)["answer"] == "yes"
    answer = ask(host, user, reuse_address=False)
    check(answer, "time-wait")
    assert "set-reuse-address" in codes(answer)


@pytest.mark.parametrize("user", USERS)
def test_what_a_server_that_is_gone_left_behind(host, user):
    with listen(host, "", PORT) as server, connect(host, "127.0.0.1", PORT), server.accept()[0]:
        server.close()
        answer = ask(host, user)
        check(answer, "left-over", mine=("left-over", seen(user)))
        assert "holder-reuse-address" in codes(answer)


@pytest.mark.parametrize("user", USERS)
def test_a_connection_that_nobody_holds_any_more(host, user):
    with listen(host, "", PORT) as server, connect(host, "127.0.0.1", PORT):
        server.accept()[0].close()  # the client does not close: FIN_WAIT_2
        server.close()
        answer = ask(host, user)
        check(answer, "left-over", mine=("left-over", []))


def test_a_listener_on_its_way_between_two_processes(host):
    here, there = socket.socketpair()
    with here, there, listen(host, "", PORT) as server:
        socket.send_fds(here, [b"x"], [server.fileno()])
        server.close()
        done = host.run(["unshare", "--pid", "--fork", "--mount-proc", PORTULAN, "why", str(PORT), "--json"])
        answer = json.loads(done.stdout)
        assert (done.returncode, answer["answer"], answer["cause"]) == (1, "no", "in-flight")
        assert not answer["complete"]
        assert answer["holders"][0]["endpoint"]["owners"] is None
        check(ask(host, "ordinary"), "listener", mine=("listener", []))


def test_a_group_of_another_user(host):
    """Only root sees the options of others; to the ordinary user it is a listener, which is true as well."""
    with listen(host, "", PORT, options=[REUSE_PORT]):
        assert ask(host, "root", reuse_port=True)["answer"] == "yes"
        answer = ask(host, "root", reuse_port=True, uid=ORDINARY)
        check(answer, "reuse-port-user", mine=("reuse-port-user", [os.getpid()]))
        assert "same-user" in codes(answer)
        check(ask(host, "ordinary", reuse_port=True), "listener")


def test_a_group_that_may_be_joined_is_named_and_not_disturbed(host):
    with listen(host, "", PORT, options=[REUSE_PORT]) as server:
        answer = ask(host, "root", reuse_port=True)
        assert [(shares, pids) for _, shares, pids in answer["holders"]] == [(True, [os.getpid()])]
        assert "shared" in answer["warnings"]
        server.settimeout(5)
        for _ in range(20):
            with connect(host, "127.0.0.1", PORT), server.accept()[0]:
                pass


@pytest.mark.parametrize("user", USERS)
def test_a_udp_socket(host, user):
    with datagrams(host, "127.0.0.1", PORT):
        answer = ask(host, user, f"{PORT}/udp")
        check(answer, "udp", mine=("udp", seen(user)))
        assert ask(host, user, PORT)["answer"] == "yes"  # TCP has its own ports


@pytest.mark.parametrize("user", USERS)
def test_a_connected_udp_socket(host, user):
    with datagrams(host, "127.0.0.1", PORT) as one:
        one.connect(("127.0.0.1", 9))
        check(ask(host, user, f"{PORT}/udp"), "udp", mine=("udp", seen(user)))


def test_udp_that_would_be_shared_is_not_tried(host):
    with datagrams(host, "", PORT, options=[REUSE_ADDRESS]):
        answer = ask(host, "root", f"{PORT}/udp", reuse_address=True)
        assert (answer["answer"], answer["untried"], answer["confirmed"]) == ("yes", ["takes-datagrams"] * 2, False)
        assert "takes-datagrams" in answer["warnings"]
        answer = ask(host, "ordinary", f"{PORT}/udp", reuse_address=True)
        assert answer["answer"] == "maybe"  # whether the other set it may only root know


@pytest.mark.parametrize("user", USERS)
def test_mptcp_takes_tcp_s_ports(host, user):
    try:
        server = listen(host, "", PORT, protocol=MPTCP)
    except OSError as error:
        pytest.skip(f"MPTCP is not in this kernel: {error}")
    with server:
        check(ask(host, user), "mptcp", mine=("mptcp", seen(user)))


@pytest.mark.parametrize("user", USERS)
def test_a_port_that_the_kernel_holds(sandbox, host, user):
    sandbox.link(host, sandbox.host("b"))
    add_vxlan(host.netlink, "vx0", 42, 4_789)
    set_up(host.netlink, next(each.number for each in read_interfaces(host.netlink) if each.name == "vx0"))
    answer = ask(host, user, "4789/udp")
    check(answer, "kernel")
    assert set(answer["kernel"]) == {"vxlan vx0"}
    assert ("stop", "ip link delete vx0") in answer["ways"]


def test_a_privileged_port(host):
    for answer in (ask(host, "ordinary", 80), ask(host, "root", 80, uid=ORDINARY)):
        check(answer, "privileged")
        assert codes(answer) == ["unit-capability", "file-capability", "sysctl"]
        assert ("sysctl", "sysctl -w net.ipv4.ip_unprivileged_port_start=80") in answer["ways"]
    answer = ask(host, "root", 80)
    assert (answer["answer"], set(answer["warnings"])) == ("yes", {"needs-privilege"})
    host.set("net.ipv4.ip_unprivileged_port_start", 80)
    assert ask(host, "ordinary", 80)["answer"] == "yes"
    assert ask(host, "ordinary", 79)["cause"] == "privileged"


def test_a_privileged_port_that_is_held_besides(host):
    with listen(host, "", 80):
        answer = ask(host, "ordinary", 80)
        check(answer, "privileged", mine=("listener", []))


def test_the_right_to_bind_low_ports(host):
    answer = call_as(host, told_with, 80, {}, capabilities=("net_bind_service",))
    assert (answer["answer"], answer["confirmed"]) == ("yes", True)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9", "::ffff:203.0.113.9"])
def test_an_address_of_another_machine(host, user, address):
    answer = ask(host, user, address=address)
    check(answer, "not-local")
    host.set(f"net.ipv{'6' if address.startswith('2001') else '4'}.ip_nonlocal_bind", 1)
    assert ask(host, user, address=address)["answer"] == "yes"


@pytest.mark.parametrize("user", USERS)
def test_an_address_that_ipv6_still_asks_about(sandbox, host, user):
    sandbox.link(host, sandbox.host("b"))
    for name in ("all", "eth0"):
        host.set(f"net.ipv6.conf.{name}.accept_dad", 1)
    host.set("net.ipv6.conf.eth0.dad_transmits", 10)
    assert host.run(["ip", "-6", "address", "add", "fd00:9::1/64", "dev", "eth0"]).returncode == 0
    check(ask(host, user, address="fd00:9::1"), "tentative")


@pytest.mark.parametrize("user", USERS)
def test_what_no_socket_can_be(host, user):
    check(ask(host, user, address="::ffff:127.0.0.1", v6_only=True), "impossible")
    check(ask(host, user, address="fe80::1"), "impossible")  # link-local, and no interface


@pytest.mark.parametrize("user", USERS)
def test_ports_that_clients_get(host, user):
    answer = ask(host, user, 40_000)
    assert answer["warnings"] == {"ephemeral": {"first": 32_768, "last": 60_999, "reserved": ""}}
    host.set("net.ipv4.ip_local_reserved_ports", "39999-40001,50000")
    answer = ask(host, user, 40_000)
    assert answer["warnings"] == {"reserved": {"first": 32_768, "last": 60_999, "reserved": "39999-40001,50000"}}


@pytest.mark.parametrize("user", USERS)
def test_sockets_of_one_interface(sandbox, host, user):
    sandbox.link(host, sandbox.host("b"))
    with listen(host, "", PORT, options=[(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")]):
        check(ask(host, user), "listener")
        assert ask(host, user, device="lo")["answer"] == "yes"
        check(ask(host, user, device="eth0"), "listener")
    with host.enter(), pytest.raises(BadInput):
        told(PORT, device="none0")


def test_another_user_is_tried_as_by_root_and_judged_for_others(host):
    with listen(host, "", PORT):
        answer = call_as(host, told_with, PORT, {"uid": 1_000})
        assert (answer["answer"], answer["cause"], answer["confirmed"]) == ("no", "listener", False)
        assert answer["untried"] == ["other-user"] * 2
    assert call_as(host, told_with, 80, {"uid": 1_000})["cause"] == "privileged"
    assert call_as(host, told_with, PORT, {"uid": 1_000})["answer"] == "yes"
    assert call_as(host, told_with, PORT, {"uid": 1_000, "address": "203.0.113.9"})["cause"] == "not-local"


def test_what_bind_allows_and_listen_takes_back_is_no(host):
    """The kernel remembers of a port that all could share when they came; that one has changed its mind it sees at listen only."""
    with open_socket(host, "", PORT, options=[REUSE_ADDRESS]) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        answer = ask(host, "root")
        assert answer["answer"] == "no"
        assert answer["cause"] == "bound"


@pytest.mark.parametrize("user", USERS)
def test_through_psutil_holders_are_named_and_the_rule_is_not_claimed(host, user):
    with listen(host, "", PORT):
        answer = ask(host, user, source="psutil")
        assert (answer["answer"], answer["cause"], answer["exact"]) == ("no", "listener", False)
        if user == "root":
            assert answer["holders"][0][2] == [os.getpid()]
    assert ask(host, user, source="psutil")["answer"] == "yes"


# Policies


def confined_by_landlock(port):
    confine_by_landlock()
    return told(port), told(f"{port}/udp")


@pytest.mark.parametrize("uid", [0, ORDINARY])
def test_landlock(host, uid):
    try:
        tcp, udp = call_as(host, confined_by_landlock, PORT, uid=uid)
    except AssertionError as error:
        pytest.skip(f"Landlock is not in this kernel: {error}")
    check(tcp, "policy")
    assert tcp["suspects"] == [("landlock", True, "")]
    assert tcp["errors"] == ["EACCES"] * 2
    assert udp["answer"] == "yes"


@pytest.mark.parametrize("uid", [0, ORDINARY])
@pytest.mark.parametrize(("program", "suspect"), [("my_filter", "cgroup-bpf"), ("sd_bind4", "systemd")])
def test_a_bpf_program_of_the_control_group(host, uid, program, suspect):
    with control_groups() as make:
        folder = make("system.slice/shop.service")
        try:
            with refusing(folder, program):
                answer = call_as(host, told_with, PORT, {}, uid=uid, before=f"echo $$ > {folder}/cgroup.procs")
        except PermissionError as error:
            pytest.skip(f"BPF programs may not be attached here: {error}")
    check(answer, "policy")
    assert answer["errors"] == ["EPERM"] * 2
    if uid:
        assert answer["suspects"] == [("cgroup-bpf", False, "")]
    elif suspect == "systemd":
        assert answer["suspects"] == [("systemd", True, "shop.service")]
    else:
        assert answer["suspects"] == [("cgroup-bpf", True, "my_filter")]


# The command


def test_the_command_says_it_and_ends_with_the_status(host):
    with listen(host, "127.0.0.1", PORT):
        done = host.run([PORTULAN, "why", str(PORT)])
        assert done.returncode == 1
        assert re.match(rf"No\. {PORT}/tcp \(dnp\) cannot be bound: python.* listens on 127\.0\.0\.1\.\n", done.stdout)
        assert f"kill {os.getpid()}" in done.stdout
    done = host.run([PORTULAN, "why", str(PORT)])
    assert (done.returncode, done.stdout.split("\n")[0]) == (0, f"Yes. {PORT}/tcp (dnp) can be bound on all addresses.")
    for words, status in (
        (["70000"], 2),
        (["0"], 2),
        (["80,81"], 2),
        (["80/sctp"], 2),
        (["80", "--address", "localhost"], 2),
        (["no-such"], 2),
    ):
        assert host.run([PORTULAN, "why", *words]).returncode == status, words


def test_a_trial_lets_nobody_in_and_turns_nobody_away(host):
    """While `why` is asked again and again, a client that knocks is refused by the kernel or served by the server, and by nobody else."""
    code = f"import sys; from portulan.verbs.why import why\nfor _ in range(300): why({PORT}, address='127.0.0.1')\nprint('done')"
    asking = host.start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    connected = 0
    while asking.poll() is None:
        try:
            with connect(host, "127.0.0.1", PORT):
                connected += 1
        except ConnectionRefusedError:
            continue
    assert asking.stdout.read() == "done\n"
    assert not connected
