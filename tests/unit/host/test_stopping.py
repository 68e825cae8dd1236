"""Who is ended, who never, and in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chart_samples import NOW, SYSTEMD, ago
from portulan.host.stopping import due, in_the_way, plan_stop, strangers
from portulan.model.address import Exposure
from portulan.model.chart import Ancestor, Endpoint, Owner, Ownership, State
from portulan.model.port import Port, PortClass, Transport
from portulan.model.stop import Me, Target, Verdict
from portulan.model.who import Who

ME = Me(pid=9_000, uid=0, ancestors=(8_000, 7_000, 1))


def owner(pid=812, *parents, **more):
    chain = tuple(Ancestor(pid=number, name="nginx") for number in parents)
    return Owner(
        **{"pid": pid, "fd": 3, "name": "nginx", "uid": 0, "user": "root", "started_at": ago(hours=1), "parents": (*chain, SYSTEMD), **more}
    )


def endpoint(*owners, **more):
    return Endpoint(**{
        "transport": Transport.TCP, "port": 80, "address": "::", "port_class": PortClass.SYSTEM, "service": "http", "state": State.LISTENING,
        "exposure": Exposure.ALL, "owners": owners or None, "ownership": Ownership.PROCESS, **more,
    })  # fmt: skip


def plan(*items, me=ME, **more):
    asked = Who(port=Port(80), host="web-01", taken_at=NOW, service="http", items=items, source="bpf")
    return plan_stop(asked, me, wait_s=10, **more)


def codes(found):
    return [refusal.code for refusal in found.refusals]


def commands(found):
    return [(step.kind.value, step.when.value, step.command) for step in found.steps]


def test_masters_first_then_what_they_left_then_no_choice():
    found = plan(endpoint(owner(815, 812), owner(812), owner(816, 815, 812)))
    assert found.verdict is Verdict.PLANNED
    assert [(target.owner.pid, target.master) for target in found.targets] == [(812, None), (815, 812), (816, 812)]
    assert commands(found) == [
        ("term", "first", "kill 812"), ("term", "left-over", "kill 815 816"), ("kill", "late", "kill -KILL 812 815 816")
    ]  # fmt: skip
    assert [step.kind.value for step in plan(endpoint(owner()), kill=False).steps] == ["term"]


def test_units_and_containers_are_ended_by_their_commands_socket_units_first():
    items = (
        endpoint(owner(812, unit="cups.service"), owner(1, unit="cups.socket", parents=())),
        endpoint(owner(900, container="docker:shop"), owner(950)),
    )
    assert commands(plan(*items)) == [
        ("command", "first", "systemctl stop cups.socket"), ("command", "first", "systemctl stop cups.service"),
        ("command", "first", "docker stop shop"), ("term", "first", "kill 950"), ("kill", "late", "kill -KILL 950"),
    ]  # fmt: skip
    direct = plan(items[1], direct=True)
    assert [command for _, _, command in commands(direct)] == ["kill 900 950", "kill -KILL 900 950"]


@pytest.mark.parametrize(
    ("uid", "command"),
    [(1000, "systemctl --user stop notes.service"), (0, "systemctl --user --machine=ann@ stop notes.service")],
)
def test_a_users_unit_is_reached_through_that_user(uid, command):
    item = endpoint(owner(unit="notes.service", user_unit=True, uid=1000, user="ann"))
    assert [one for _, _, one in commands(plan(item, me=ME._replace(uid=uid)))] == [command]


@pytest.mark.parametrize(
    ("holder", "me", "code"),
    [
        (owner(1, name="systemd", parents=()), ME, "stop.first-process"),
        (owner(1, name="nginx", container="docker:shop", parents=()), ME, "stop.first-process"),
        (owner(9_000), ME, "stop.itself"),
        (owner(8_000, name="bash"), ME, "stop.ancestor"),
        (owner(8_000, name="sshd"), ME, "stop.session"),
        (owner(8_000, name="sshd-session"), ME, "stop.session"),
        (owner(7_000, name="dropbear"), ME, "stop.session"),
        (owner(640, name="sshd"), ME._replace(ssh_ports=(80,)), "stop.session"),
        # systemd holds the port of the ssh server for its socket unit: the session comes before all else
        (owner(1, name="systemd", unit="ssh.socket", parents=()), ME._replace(ssh_ports=(80,)), "stop.session"),
        (owner(812, unit="shop.service"), ME._replace(unit="shop.service"), "stop.own-unit"),
        (owner(812, container="docker:shop"), ME._replace(container="docker:shop"), "stop.own-unit"),
    ],
)
def test_who_is_never_ended(holder, me, code):
    found = plan(endpoint(holder, owner(950)), me=me)
    assert (found.verdict, set(codes(found))) == (Verdict.REFUSED, {code})


@pytest.mark.parametrize(
    ("holder", "me"),
    [
        (owner(640, name="sshd"), ME),  # another ssh server, on another port
        (owner(640, name="sshd"), ME._replace(ssh_ports=(22,))),
        (owner(1, name="systemd", unit="cups.socket", parents=()), ME),  # held for a unit, which is what is stopped
        (owner(812, unit="session-3.scope"), ME._replace(unit="session-3.scope")),  # a neighbour in the same login, ended by a signal
    ],
)
def test_who_may_be_ended(holder, me):
    assert plan(endpoint(holder), me=me).verdict is Verdict.PLANNED


def test_an_ssh_session_is_about_tcp():
    item = endpoint(owner(640), transport=Transport.UDP, state=State.BOUND)
    assert plan(item, me=ME._replace(ssh_ports=(80,))).verdict is Verdict.PLANNED


def test_what_the_kernel_holds_is_told_with_its_command():
    found = plan(endpoint(ownership=Ownership.KERNEL, held_by_kernel="vxlan vx0"))
    assert (found.verdict, codes(found), found.refusals[0].command) == (Verdict.REFUSED, ["stop.kernel"], "ip link delete vx0")
    assert plan(endpoint(ownership=Ownership.KERNEL, held_by_kernel="fou")).refusals[0].command is None


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ((), Verdict.NOBODY),
        ((endpoint(state=State.TIME_WAIT, ownership=Ownership.NONE),), Verdict.NOBODY),
        ((endpoint(owner(), state=State.ESTABLISHED),), Verdict.CONNECTIONS),
        ((endpoint(owner(), state=State.BOUND),), Verdict.PLANNED),
        ((endpoint(ownership=Ownership.FORBIDDEN),), Verdict.NOT_PERMITTED),
        ((endpoint(owner()), endpoint(ownership=Ownership.FORBIDDEN)), Verdict.NOT_PERMITTED),
        ((endpoint(ownership=Ownership.UNKNOWN),), Verdict.NOT_PERMITTED),
        ((endpoint(ownership=Ownership.HIDDEN),), Verdict.UNSEEN),
    ],
)
def test_what_can_be_said(items, verdict):
    assert plan(*items).verdict is verdict


def test_elsewhere_is_not_here():
    assert plan(elsewhere=("blue",)).verdict is Verdict.ELSEWHERE
    assert plan(endpoint(owner()), elsewhere=("blue",)).verdict is Verdict.PLANNED


def test_connections_only_where_asked_for():
    item = endpoint(owner(), state=State.ESTABLISHED)
    found = plan(item, connections=True)
    assert (found.verdict, found.connections) == (Verdict.PLANNED, 1)
    assert in_the_way(found, State.ESTABLISHED, nobodys=False)
    assert not in_the_way(found, State.TIME_WAIT, nobodys=True)
    serving = plan(item, endpoint(owner()), connections=True)
    assert len(serving.targets) == 1
    assert not in_the_way(serving, State.ESTABLISHED, nobodys=False)
    assert in_the_way(serving, State.LISTENING, nobodys=False)


def test_strangers_are_neither_shown_nor_children_of_the_living():
    shown = plan(endpoint(owner(812)))
    fresh = plan(endpoint(owner(812), owner(820, 812), owner(830), owner(831, 700)))
    assert [target.owner.pid for target in strangers(shown, fresh, {812})] == [830, 831]
    # the number of the shown one may be another's by now
    assert [target.owner.pid for target in strangers(shown, fresh, set())] == [830, 831, 820]
    again = plan(endpoint(owner(812, started_at=ago(seconds=1))))
    assert [target.owner.pid for target in strangers(shown, again, {812})] == [812]


PIDS = st.sets(st.integers(2, 12))


@given(st.dictionaries(st.integers(2, 12), st.one_of(st.none(), st.integers(2, 12))), PIDS, PIDS, PIDS, st.booleans())
def test_what_is_due_is_alive_and_was_not_done(masters, alive, asked, killed, late):
    targets = [Target(owner(pid), master=None if master == pid else master) for pid, master in masters.items()]
    first, left, last = due(targets, alive=alive, asked=asked, killed=killed, late=late)
    assert set(first) | set(left) | set(last) <= alive & masters.keys()
    assert not asked & {*first, *left}
    assert not killed & set(last)
    assert late or not last
    assert not (late and (first or left))
    for target in targets:
        if target.owner.pid in left:  # nobody is asked before its master has ended
            assert target.master not in alive


def test_what_a_command_ends_gets_no_signal():
    assert due([Target(owner(), command="systemctl stop nginx")], alive={812}, asked=(), killed=(), late=True) == ((), (), ())
