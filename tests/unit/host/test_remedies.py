"""How a holder is ended."""

import shlex

import pytest
from hypothesis import given

from portulan.host.remedies import find_remedies
from portulan.model.address import Exposure
from portulan.model.chart import Ancestor, Endpoint, Owner, State
from portulan.model.port import PortClass, Transport
from strategies import hostile_text, nasty


def endpoint(*owners, **more):
    return Endpoint(
        transport=Transport.TCP, port=80, address="::", port_class=PortClass.SYSTEM, service="http", state=State.LISTENING, exposure=Exposure.ALL,
        owners=owners, **more,
    )  # fmt: skip


def owner(pid=812, **more):
    return Owner(**{"pid": pid, "fd": 3, "name": "nginx", "parents": (Ancestor(pid=1, name="systemd"),), **more})


def commands(*items):
    return [(remedy.code, remedy.command) for remedy in find_remedies(items)]


@pytest.mark.parametrize(
    ("facts", "code", "command"),
    [
        ({}, "process", "kill 812"),
        ({"unit": "nginx.service"}, "unit", "systemctl stop nginx.service"),
        ({"unit": "cups.socket"}, "unit", "systemctl stop cups.socket"),
        ({"unit": r"a@b\x2dc.service"}, "unit", r"systemctl stop 'a@b\x2dc.service'"),
        ({"unit": "syncthing.service", "user_unit": True}, "user-unit", "systemctl --user stop syncthing.service"),
        # a session, a terminal's scope, the user's whole manager: ending those would end more than the holder
        ({"unit": "session-3.scope"}, "process", "kill 812"),
        ({"unit": "user@1000.service"}, "process", "kill 812"),
        ({"unit": "vte-spawn-9.scope", "user_unit": True}, "process", "kill 812"),
        # containers before units
        ({"container": "docker:shop-web", "unit": "docker-0123.scope"}, "container", "docker stop shop-web"),
        ({"container": "docker:0123456789ab"}, "container", "docker stop 0123456789ab"),
        ({"container": "podman:db"}, "container", "podman stop db"),
        ({"container": "lxc:web", "unit": "nginx.service"}, "container", "lxc-stop -n web"),
        ({"container": "nspawn:web"}, "container", "machinectl poweroff web"),
        ({"container": "kubernetes:shop/web-0/nginx"}, "container", "kubectl --namespace shop delete pod web-0"),
        # where only an id is known, and for runtimes without a command line of their own
        ({"container": "kubernetes:0123456789ab", "unit": "cri-containerd-0123.scope"}, "process", "kill 812"),
        ({"container": "containerd:0123456789ab"}, "process", "kill 812"),
        ({"container": "cri-o:0123456789ab"}, "process", "kill 812"),
        # docker's forwarder runs in docker's own unit: not all containers, but the one it forwards to
        (
            {"name": "docker-proxy", "command": ("docker-proxy", "-host-port", "8080"), "unit": "docker.service"},
            "container",
            "docker stop $(docker ps --quiet --filter publish=8080)",
        ),
        (
            {"name": "docker-proxy", "command": ("docker-proxy", "-host-port", "8080; x"), "unit": "docker.service"},
            "unit",
            "systemctl stop docker.service",
        ),
        (
            {"name": "docker-proxy", "command": ("docker-proxy", "-host-port"), "unit": "docker.service"},
            "unit",
            "systemctl stop docker.service",
        ),
        ({"container": "docker:-f a; rm -rf /"}, "container", "docker stop '-f a; rm -rf /'"),
    ],
)
def test_the_politest_way(facts, code, command):
    assert commands(endpoint(owner(**facts))) == [(code, command)]


@pytest.mark.parametrize(
    ("held_by", "expected"),
    [
        ("vxlan vx0", [("kernel", "ip link delete vx0")]),
        ("wireguard wg0", [("kernel", "ip link delete wg0")]),
        ("vxlan a b;c", [("kernel", "ip link delete 'a b;c'")]),
        ("nfsd", [("kernel", "systemctl stop nfs-server")]),
        ("kernel", []),
        ("fou", []),
    ],
)
def test_what_the_kernel_holds(held_by, expected):
    assert commands(endpoint(held_by_kernel=held_by)) == expected


def test_all_who_share_the_socket_are_ended_the_master_first():
    workers = [owner(pid, parents=(Ancestor(pid=812, name="nginx"), Ancestor(pid=1, name="systemd"))) for pid in (815, 816)]
    assert commands(endpoint(workers[0], owner(812), workers[1])) == [("process", "kill 812 815 816")]


def test_a_worker_whose_master_holds_nothing_is_ended_itself():
    assert commands(endpoint(owner(815, parents=(Ancestor(pid=812, name="nginx"),)))) == [("process", "kill 815")]


def test_unknown_parents_are_nobody():
    assert commands(endpoint(owner(5, parents=None), owner(6, parents=None))) == [("process", "kill 5 6")]


def test_each_way_is_told_once():
    items = (endpoint(owner(5, unit="a.service"), owner(5, fd=9, unit="a.service")), endpoint(owner(6, unit="a.service"), owner(7)))
    assert commands(*items) == [("unit", "systemctl stop a.service"), ("process", "kill 7")]


def test_nobody_is_ended_by_nothing():
    assert commands() == []
    assert commands(endpoint()) == []
    assert find_remedies((endpoint()._replace(owners=None),)) == ()


@pytest.mark.parametrize("facts", [{"pid": 1, "name": "systemd"}, {"pid": 900, "name": "systemd", "user_unit": True}])
def test_nobody_is_told_to_end_systemd_itself(facts):
    # Its socket unit is not known (a generator's, or of a user's manager): then there is no polite way that we could name.
    assert commands(endpoint(owner(**facts, unit="init.scope", parents=()))) == []


def test_the_first_process_of_a_container_may_be_ended():
    assert commands(endpoint(owner(1, parents=()))) == [("process", "kill 1")]


@nasty("name")
@given(name=hostile_text)
def test_any_name_is_one_word_of_the_shell(name):
    for facts, words in (
        ({"container": f"docker:{name}"}, ["docker", "stop", name]),
        ({"unit": f"{name}.service"}, ["systemctl", "stop", f"{name}.service"]),
        ({"container": f"lxc:{name}"}, ["lxc-stop", "-n", name]),
    ):
        if not name.startswith("user@"):
            ((_, command),) = commands(endpoint(owner(**facts)))
            assert shlex.split(command) == words


def test_sixteen_are_all_named():
    children = [owner(pid, parents=(Ancestor(pid=812, name="nginx"),)) for pid in range(900, 915)]
    assert commands(endpoint(owner(812), *children)) == [("process", "kill 812 " + " ".join(map(str, range(900, 915))))]


def test_of_very_many_only_those_that_nobody_else_started_are_named():
    workers = [owner(pid, parents=(Ancestor(pid=812, name="nginx"),)) for pid in range(900, 930)]
    (remedy,) = find_remedies((endpoint(owner(812), *workers),))
    assert remedy.command == "kill 812"
    assert remedy.pids == (812, *range(900, 930))


def test_a_remedy_says_whom_it_ends_and_where():
    (here, there) = find_remedies((endpoint(owner(5))._replace(netns=1), endpoint(owner(6))._replace(netns=2)))
    assert (here.command, here.pids, here.netns) == ("kill 5", (5,), 1)
    assert (there.command, there.pids, there.netns) == ("kill 6", (6,), 2)
