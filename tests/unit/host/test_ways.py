"""Ways out, and what should be known besides."""

import shlex

import pytest

from binding_samples import endpoint
from portulan.host.cautions import find_cautions
from portulan.host.ways import find_ways, reserve_command
from portulan.model.binding import Answer, Overlap, Wish
from portulan.model.chart import Owner, State
from portulan.model.ground import Ground
from portulan.model.port import Transport
from portulan.model.why import Attempt, Cause, Holder, Suspect

GROUND = Ground(uid=0, capable=True, unprivileged_start=1024, ephemeral=(32_768, 60_999))
WISH = Wish(Transport.TCP, bytes(4), 8080, reuse_address=True)
FREE = Attempt("0.0.0.0", None, Answer.YES, Cause.FREE)


def holder(cause=Cause.LISTENER, overlap=Overlap.SAME, item=None, *, shares=False):
    return Holder(cause, overlap, certain=True, shares=shares, endpoint=item or endpoint(owners=(Owner(812, 3, "nginx", parents=()),)))


def ways(cause, holders=(), *, wish=WISH, ground=GROUND, suspects=(), helps=None):
    found = find_ways(cause, wish, tuple(holders), ground, tuple(suspects), reuse_helps=helps)
    for way in found:
        if way.command is not None:
            assert shlex.split(way.command)
    return {way.code: way.command for way in found}


def test_a_server_is_stopped_or_left_alone():
    assert ways(Cause.LISTENER, [holder()]) == {"stop": "kill 812", "other-port": "PORT=$(portulan free)"}


def test_who_shares_is_not_stopped():
    assert ways(Cause.LISTENER, [holder(shares=True)]) == {"other-port": "PORT=$(portulan free)"}


def test_what_closes_is_waited_for():
    closing = endpoint(State.TIME_WAIT, peer="203.0.113.7:40000")
    sockets = (closing.sockets[0]._replace(expires_ms=40_100), closing.sockets[0]._replace(expires_ms=12))
    found = find_ways(
        Cause.TIME_WAIT, WISH, (holder(Cause.TIME_WAIT, item=closing._replace(sockets=sockets)),), GROUND, (), reuse_helps=None
    )
    assert [(way.code, dict(way.facts), way.lasting) for way in found] == [
        ("wait", {"seconds": 41}, False), ("holder-reuse-address", {}, True), ("other-port", {}, False),
    ]  # fmt: skip


def test_sharing_is_advised_where_it_helps_only():
    plain = WISH._replace(reuse_address=False)
    assert "set-reuse-address" in ways(Cause.BOUND, [holder(Cause.BOUND)], wish=plain, helps=True)
    assert ways(Cause.BOUND, [holder(Cause.BOUND)], wish=plain, helps=False).keys() == {"stop", "other-port"}
    assert "set-reuse-address" not in ways(Cause.LISTENER, [holder()], wish=plain, helps=True)
    assert "holder-reuse-address" not in ways(Cause.CONNECTION, [holder(Cause.CONNECTION)])


def test_a_port_of_clients_can_be_reserved():
    connection = [holder(Cause.CONNECTION)]
    assert "reserve" not in ways(Cause.CONNECTION, connection)
    wish = WISH._replace(port=40_000)
    assert ways(Cause.CONNECTION, connection, wish=wish)["reserve"] == "sysctl -w net.ipv4.ip_local_reserved_ports=40000"
    some = GROUND._replace(reserved=((50_000, 50_010), (33_000, 33_000)))
    assert reserve_command(40_000, some) == "sysctl -w net.ipv4.ip_local_reserved_ports=33000,40000,50000-50010"
    assert "reserve" not in ways(Cause.CONNECTION, connection, wish=wish, ground=GROUND._replace(reserved=((39_000, 41_000),)))


def test_low_ports():
    assert ways(Cause.PRIVILEGED, wish=WISH._replace(port=80)) == {
        "unit-capability": "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "file-capability": "setcap cap_net_bind_service=+ep PROGRAM",
        "sysctl": "sysctl -w net.ipv4.ip_unprivileged_port_start=80",
    }


@pytest.mark.parametrize(
    ("suspect", "code", "command"),
    [
        (Suspect("selinux", certain=True), "selinux", "semanage port -a -t TYPE_port_t -p tcp 8080"),
        (Suspect("systemd", certain=True, detail="a b.service: SocketBindDeny=any"), "systemd", "systemctl edit 'a b.service'"),
        (Suspect("apparmor", certain=True), "apparmor", "aa-logprof"),
        (Suspect("cgroup-bpf", certain=True), "cgroup-bpf", "bpftool cgroup tree"),
        (Suspect("landlock", certain=True), "landlock", None),
    ],
)
def test_policies(suspect, code, command):
    assert ways(Cause.POLICY, suspects=[suspect]) == {code: command}


def test_a_policy_that_is_not_known_has_no_way_out():
    assert ways(Cause.POLICY, suspects=[Suspect("unknown", certain=False)]) == {}


@pytest.mark.parametrize("address", [bytes(4), bytes(16)])
def test_addresses_that_are_not_there(address):
    wish = WISH._replace(address=address)
    assert ways(Cause.NOT_LOCAL, wish=wish)["nonlocal"] == f"sysctl -w net.ipv{'4' if len(address) == 4 else '6'}.ip_nonlocal_bind=1"
    assert ways(Cause.TENTATIVE, wish=wish) == {"wait-address": None}


def test_a_group_is_joined_as_its_user():
    item = endpoint(owners=(), uid=7, user="ann")
    found = find_ways(Cause.REUSE_PORT_USER, WISH, (holder(Cause.REUSE_PORT_USER, item=item),), GROUND, (), reuse_helps=None)
    assert [dict(way.facts) for way in found if way.code == "same-user"] == [{"user": "ann"}]


def test_two_stacks_can_be_kept_apart():
    for overlap, whose in ((Overlap.ASKED_DUAL_STACK, "ours"), (Overlap.HELD_DUAL_STACK, "theirs")):
        found = find_ways(Cause.LISTENER, WISH, (holder(overlap=overlap),), GROUND, (), reuse_helps=None)
        assert [dict(way.facts) for way in found if way.code == "v6-only"] == [{"whose": whose}]
    assert "v6-only" not in ways(Cause.LISTENER, [holder(overlap=Overlap.ASKED_DUAL_STACK), holder()])


def cautions(answer=Answer.YES, cause=Cause.FREE, attempts=(FREE,), holders=(), *, wish=WISH, ground=GROUND, moved=(), privileged=False):
    found = find_cautions(wish, answer, cause, tuple(attempts), tuple(holders), ground, moved=moved, privileged=privileged)
    return {one.code: dict(one.facts) for one in found}


def test_an_ordinary_free_port_needs_no_caution():
    assert cautions() == {}


def test_cautions():
    clients = WISH._replace(port=40_000)
    assert cautions(wish=clients) == {"ephemeral": {"first": 32_768, "last": 60_999, "reserved": ""}}
    kept = GROUND._replace(reserved=((40_000, 40_000),))
    assert cautions(wish=clients, ground=kept) == {"reserved": {"first": 32_768, "last": 60_999, "reserved": "40000"}}
    low = WISH._replace(port=80)
    assert cautions(wish=low) == {"needs-privilege": {"start": 1024}}
    assert cautions(Answer.NO, Cause.LISTENER, (), wish=low, privileged=True) == {"privileged": {"start": 1024}}
    assert cautions(Answer.NO, Cause.PRIVILEGED, (), wish=low, privileged=True) == {}
    assert cautions(moved=["127.0.0.1:81"]) == {"moved": {"address": "127.0.0.1:81"}}
    assert cautions(Answer.NO, Cause.LISTENER) == {"other-address": {"address": "0.0.0.0"}}


def test_sharing_is_told_where_it_would_be_felt():
    beside = holder(shares=True)
    closing = holder(Cause.TIME_WAIT, item=endpoint(State.TIME_WAIT), shares=True)
    assert cautions(holders=[beside]) == {"shared": {}}
    assert cautions(holders=[closing]) == {}
    udp = WISH._replace(transport=Transport.UDP)
    assert cautions(holders=[beside], wish=udp) == {"takes-datagrams": {}}
    assert cautions(holders=[beside], wish=udp._replace(reuse_address=False)) == {"shared": {}}
