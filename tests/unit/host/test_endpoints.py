"""A survey becomes endpoints."""

from datetime import UTC, datetime

import pytest

from builders import DOCKER_ID, packed
from portulan.host.endpoints import Builder, build_endpoints, connections_by_listener
from portulan.model.address import Exposure
from portulan.model.chart import Endpoint, Namespace, Owner, Ownership, Socket, State
from portulan.model.port import PortClass, Transport
from portulan.model.survey import Row, Survey

OWN, BLUE, NAMELESS = Namespace(1, None, True), Namespace(2, "blue", False), Namespace(3, None, False)
TCP, UDP = Transport.TCP, Transport.UDP
STARTED = datetime(2026, 3, 1, tzinfo=UTC)


def row(port=80, address="0.0.0.0", cookie=1, **more):
    source = packed(address)
    facts = {
        "netns": 1, "transport": TCP, "state": State.LISTENING, "port": port, "peer_port": 0, "source": source, "destination": bytes(len(source)),
        "device": 0, "cookie": cookie, "expires_ms": 0, "rqueue": 0, "wqueue": 128, "uid": 0, "inode": cookie + 100,
        "v6_only": None if len(source) == 4 else False, "cgroup": 0, "drops": None, "mptcp": False,
    }  # fmt: skip
    return Row(**{**facts, **more})


def process(pid, name="nginx", **more):
    return Owner(pid=pid, fd=None, name=name, **more)


def survey(*rows, **more):
    return Survey(**{"source": "bpf", "rows": rows, "namespaces": (OWN, BLUE, NAMELESS), **more})


def build(found, **ways):
    usual = {
        "service_of": lambda port, transport: f"s{port}{transport.value}",
        "user_of": lambda uid: f"u{uid}",
        "container_of": lambda meaning: None,
    }
    return build_endpoints(found, **{**usual, **ways})


def only(found, **ways):
    (item,) = build(found, **ways)
    return item


def test_nothing_is_no_endpoint():
    assert build(survey()) == ()


def test_everything_that_is_known_of_a_listener():
    found = survey(
        row(
            8080, "127.0.0.1", cookie=7, rqueue=3, wqueue=511, uid=33, inode=4711, device=2, cgroup=9, drops=5,
        ),
        holders={7: ((812, 6),)},
        sharing={7: (True, False)},
        processes={
            812: process(
                812, command=("nginx", "-g"), executable="/usr/sbin/nginx", cwd="/", uid=33, user="www-data", unit="nginx.service", user_unit=False,
                container=None, started_at=STARTED,
            )
        },
        cgroups={9: "/system.slice/nginx.service"},
        devices={(1, 2): "eth0"},
        connections={(1, 8080, packed("127.0.0.1")): 41},
    )  # fmt: skip
    assert only(found) == Endpoint(
        transport=TCP, port=8080, address="127.0.0.1", port_class=PortClass.USER, service="s8080tcp", state=State.LISTENING,
        exposure=Exposure.LOOPBACK, peer=None, netns=1, netns_name=None, uid=33, user="u33", unit="nginx.service", container=None,
        ownership=Ownership.PROCESS,
        owners=(
            Owner(
                pid=812, fd=6, name="nginx", command=("nginx", "-g"), executable="/usr/sbin/nginx", cwd="/", uid=33, user="www-data",
                unit="nginx.service", user_unit=False, container=None, started_at=STARTED, parents=None,
            ),
        ),
        candidates=(), held_by_kernel=None,
        sockets=(
            Socket(
                inode=4711, cookie=7, reuse_address=True, reuse_port=False, v6_only=None, device="eth0", backlog=3, backlog_limit=511, drops=5,
                mptcp=False, expires_ms=None,
            ),
        ),
        connections=41,
    )  # fmt: skip


def test_a_connection_has_a_peer_and_no_queue():
    item = only(
        survey(
            row(
                443, "2001:db8::1", state=State.ESTABLISHED, peer_port=50000, destination=packed("2001:db8::2"), rqueue=9, wqueue=8,
            ),
            connections={},
        )
    )  # fmt: skip
    assert (item.peer, item.exposure, item.connections) == ("[2001:db8::2]:50000", Exposure.PUBLIC, None)
    assert (item.sockets[0].backlog, item.sockets[0].backlog_limit, item.sockets[0].expires_ms) == (None, None, None)


def test_time_wait_tells_when_it_ends():
    found = survey(row(state=State.TIME_WAIT, peer_port=5, expires_ms=41_000, inode=0), unheld={1: "none"})
    item = only(found)
    assert (item.ownership, item.owners, item.sockets[0].expires_ms) == (Ownership.NONE, (), 41_000)


# --- which sockets are one endpoint ---


def test_the_workers_of_a_server_with_reuse_port_are_one_endpoint():
    found = survey(
        *(row(cookie=cookie, rqueue=cookie) for cookie in (3, 1, 2)),
        holders={1: ((11, 5),), 2: ((12, 5),), 3: ((13, 5),)},
        processes={pid: process(pid) for pid in (11, 12, 13)},
        sharing=dict.fromkeys((1, 2, 3), (False, True)),
    )
    item = only(found)
    assert [(owner.pid, owner.fd) for owner in item.owners] == [(11, 5), (12, 5), (13, 5)]
    assert sorted(socket.cookie for socket in item.sockets) == [1, 2, 3]
    assert all(socket.reuse_port for socket in item.sockets)


@pytest.mark.parametrize(
    "other",
    [
        {"netns": 2},
        {"transport": UDP},
        {"port": 81},
        {"address": "127.0.0.1"},
        {"address": "::"},
        {"state": State.BOUND},
        {"device": 2},
        {"state": State.ESTABLISHED, "peer_port": 5},
    ],
)
def test_whatever_differs_is_another_endpoint(other):
    assert len(build(survey(row(), row(cookie=2, **other)))) == 2


def test_two_connections_of_one_port_are_two_endpoints():
    here = row(state=State.ESTABLISHED, peer_port=5)
    for other in ({"peer_port": 6}, {"destination": packed("10.0.0.1")}):
        assert len(build(survey(here, row(**{"cookie": 2, "state": State.ESTABLISHED, "peer_port": 5, **other})))) == 2


def test_the_order_is_namespace_port_transport_family_and_address():
    rows = [
        row(80, cookie=1), row(80, "127.0.0.1", cookie=2), row(80, "::", cookie=3), row(80, transport=UDP, state=State.BOUND, cookie=4),
        row(443, cookie=5), row(22, cookie=6, netns=3), row(22, cookie=7, netns=2),
    ]  # fmt: skip
    wanted = [1, 2, 3, 4, 5, 7, 6]
    for shuffled in (rows, rows[::-1], rows[3:] + rows[:3]):
        assert [item.sockets[0].cookie for item in build(survey(*shuffled))] == wanted


def test_a_socket_that_was_closed_meanwhile_is_left_out():
    found = survey(row(80, cookie=1), row(81, cookie=2), row(82, cookie=3), unheld={1: "gone", 2: Ownership.GONE, 3: "hidden"})
    assert [item.port for item in build(found)] == [82]


def test_of_a_group_only_the_closed_one_is_left_out():
    found = survey(row(cookie=1), row(cookie=2), unheld={1: "gone"}, holders={2: ((5, 3),)}, processes={5: process(5)})
    item = only(found)
    assert ([socket.cookie for socket in item.sockets], item.ownership) == ([2], Ownership.PROCESS)


# --- who holds it ---


def test_all_holders_of_a_shared_socket_by_pid_and_descriptor():
    found = survey(
        row(), holders={1: ((812, 9), (100, None), (812, 6), (815, 6))}, processes={pid: process(pid) for pid in (100, 812, 815)}
    )  # fmt: skip
    assert [(owner.pid, owner.fd) for owner in only(found).owners] == [(100, None), (812, 6), (812, 9), (815, 6)]


def test_two_holders_stand_in_their_order_whatever_the_survey_says():
    found = survey(row(), holders={1: ((9, 3), (5, 3))}, processes={5: process(5), 9: process(9)})
    assert [owner.pid for owner in only(found).owners] == [5, 9]


def test_one_holder_of_two_sockets_at_one_descriptor_is_told_once():
    found = survey(row(cookie=1), row(cookie=2), holders={1: ((5, 3),), 2: ((5, 3), (5, 4))}, processes={5: process(5)})
    assert [(owner.pid, owner.fd) for owner in only(found).owners] == [(5, 3), (5, 4)]


def test_a_holder_that_ended_meanwhile_is_not_told():
    found = survey(row(), holders={1: ((5, 3), (6, 3))}, processes={6: process(6)})
    assert [owner.pid for owner in only(found).owners] == [6]


def test_when_all_have_ended_the_holder_is_unknown():
    item = only(survey(row(), holders={1: ((5, 3),)}))
    assert (item.ownership, item.owners) == (Ownership.UNKNOWN, None)


@pytest.mark.parametrize(
    ("why", "owners"), [("kernel", ()), ("none", ()), ("forbidden", None), ("hidden", None), ("unknown", None), (None, None)]
)
def test_why_nobody_is_seen(why, owners):
    item = only(survey(row(), unheld={} if why is None else {1: why}))
    assert (item.ownership.value, item.owners) == (why or "unknown", owners)
    assert item.held_by_kernel == ("kernel" if why == "kernel" else None)


def test_what_the_kernel_holds_it_for():
    found = survey(
        row(4789, transport=UDP, state=State.BOUND, netns=2), row(4789, transport=UDP, state=State.BOUND, cookie=2),
        unheld={1: "kernel", 2: "kernel"}, kernel={(2, UDP, 4789): "vxlan vx0"},
    )  # fmt: skip
    assert [(item.netns, item.held_by_kernel) for item in build(found)] == [(1, "kernel"), (2, "vxlan vx0")]


def test_who_may_hold_what_nobody_is_seen_to_hold():
    found = survey(
        row(cookie=1), row(cookie=2), unheld={1: "forbidden", 2: "forbidden"}, suspects={1: (9, 5), 2: (7, 5)},
        processes={5: process(5), 9: process(9)},
    )  # fmt: skip
    item = only(found)
    assert [(owner.pid, owner.fd) for owner in item.candidates] == [(5, None), (9, None)]
    assert (item.owners, item.ownership) == (None, Ownership.FORBIDDEN)


def test_there_are_no_candidates_where_the_holder_is_known():
    found = survey(row(), holders={1: ((5, 3),)}, suspects={1: (7,)}, processes={5: process(5), 7: process(7)})
    assert only(found).candidates == ()


def test_what_systemd_holds_is_told_with_the_socket_unit():
    asked = []

    def activated_by(*endpoint):
        asked.append(endpoint)
        return "cups.socket"

    found = survey(
        row(631, "127.0.0.1"), row(80, cookie=2), holders={1: ((1, 30), (77, 5)), 2: ((77, 6),)},
        processes={1: process(1, "systemd", unit="init.scope"), 77: process(77, "cupsd", unit="cups.service")},
    )  # fmt: skip
    items = {item.port: item for item in build(found, activated_by=activated_by)}
    assert [(owner.pid, owner.unit) for owner in items[631].owners] == [(1, "cups.socket"), (77, "cups.service")]
    assert [owner.unit for owner in items[80].owners] == ["cups.service"]
    assert asked == [(TCP, "127.0.0.1", 631)]


def test_without_a_socket_unit_systemd_keeps_its_own():
    found = survey(row(), holders={1: ((1, 30),)}, processes={1: process(1, "systemd", unit="init.scope")})
    assert only(found).owners[0].unit == "init.scope"
    assert only(found, activated_by=lambda *_: None).owners[0].unit == "init.scope"


# --- the words of others ---


def test_each_port_is_looked_up_once():
    asked = []
    rows = [
        row(80, cookie=1),
        row(80, "127.0.0.1", cookie=2),
        row(80, cookie=3, transport=UDP, state=State.BOUND),
        row(80, cookie=4, netns=2),
    ]
    build(survey(*rows), service_of=lambda *key: asked.append(key))
    assert sorted(asked) == [(80, TCP), (80, UDP)]


def test_the_user_of_an_unknown_uid_is_not_asked_for():
    item = only(survey(row(uid=None)), user_of=lambda uid: pytest.fail("asked"))
    assert (item.uid, item.user) == (None, None)


def test_the_unit_and_the_container_of_the_sockets_own_group():
    found = survey(row(cgroup=5), cgroups={5: f"/system.slice/docker-{DOCKER_ID}.scope"})
    meanings = []

    def container_of(meaning):
        meanings.append(meaning)
        return "docker:shop-web"

    item = only(found, container_of=container_of)
    assert (item.unit, item.container) == (f"docker-{DOCKER_ID}.scope", "docker:shop-web")
    assert [(meaning.runtime, meaning.container_id) for meaning in meanings] == [("docker", DOCKER_ID)]


@pytest.mark.parametrize(("group", "paths"), [(0, {0: "/system.slice/x.service"}), (5, {}), (5, {5: "/"}), (5, {5: "/user.slice"})])
def test_a_group_that_tells_nothing(group, paths):
    item = only(survey(row(cgroup=group), cgroups=paths), container_of=lambda meaning: pytest.fail("asked"))
    assert (item.unit, item.container) == (None, None)


def test_namespaces_by_name_else_by_number_and_our_own_by_none():
    items = build(survey(row(netns=1), row(netns=2, cookie=2), row(netns=3, cookie=3), row(netns=99, cookie=4)))
    assert {item.netns: item.netns_name for item in items} == {1: None, 2: "blue", 3: "net:[3]", 99: None}


def test_a_device_without_a_name_is_told_by_its_number():
    items = build(survey(row(device=2), row(device=3, cookie=2), row(cookie=3), devices={(1, 2): "eth0", (2, 3): "of another namespace"}))
    assert sorted(str(item.sockets[0].device) for item in items) == ["3", "None", "eth0"]


def test_a_survey_may_come_in_parts():
    asked = []
    builder = Builder(service_of=lambda *key: asked.append(key), user_of=lambda uid: None, container_of=lambda meaning: None)
    builder.add(survey(row(443), holders={1: ((5, 3),)}, processes={5: process(5)}))
    builder.add(survey(row(443, "127.0.0.1", cookie=2), row(22, cookie=3), holders={2: ((6, 3),)}, processes={6: process(6)}))
    assert [(item.port, item.address) for item in builder.items()] == [(22, "0.0.0.0"), (443, "0.0.0.0"), (443, "127.0.0.1")]
    assert [item.owners and item.owners[0].pid for item in builder.items()] == [None, 5, 6]
    assert asked.count((443, TCP)) == 1


# --- connections behind listeners ---


def counted(found):
    """{listener's address (and `6` where it is v6-only): connections}."""
    counts = connections_by_listener(found)
    return {
        f"{item.address}{' v6only' if item.sockets[0].v6_only else ''}": item.connections
        for item in build(found)
        if item.state is State.LISTENING
    } if counts is not None else None  # fmt: skip


def behind(port=80, netns=1, **addresses):
    return {(netns, port, packed(address)): number for address, number in addresses.items()}


def test_what_was_not_counted_is_unknown():
    assert connections_by_listener(survey(row())) is None
    assert only(survey(row())).connections is None


def test_a_listener_without_connections_has_none_of_them():
    assert counted(survey(row(), connections={})) == {"0.0.0.0": 0}


V6_ONLY = {"address": "::", "v6_only": True}
DUAL = {"address": "::", "v6_only": False}


@pytest.mark.parametrize(
    ("listeners", "connections", "expected"),
    [
        # the wildcard takes every address
        ([{}], {"127.0.0.1": 2, "10.0.0.5": 3}, {"0.0.0.0": 5}),
        # a specific address goes before it
        ([{}, {"address": "127.0.0.1"}], {"127.0.0.1": 2, "10.0.0.5": 3}, {"0.0.0.0": 3, "127.0.0.1": 2}),
        ([DUAL, {"address": "::1"}], {"::1": 2, "2001:db8::1": 3}, {"::": 3, "::1": 2}),
        # a dual-stack listener takes IPv4 too, whether the socket says so by a mapped address or not
        ([DUAL], {"::1": 1, "::ffff:127.0.0.1": 2, "10.0.0.5": 4}, {"::": 7}),
        # but not from the wildcard of IPv4 itself
        ([{}, DUAL], {"10.0.0.5": 4, "::1": 1}, {"0.0.0.0": 4, "::": 1}),
        ([{}, V6_ONLY], {"10.0.0.5": 4, "::1": 1}, {"0.0.0.0": 4, ":: v6only": 1}),
        # a v6-only one takes no IPv4 at all
        ([V6_ONLY], {"10.0.0.5": 4, "::ffff:10.0.0.5": 2, "::1": 1}, {":: v6only": 1}),
        # bound to a mapped address: IPv4, told by a mapped address
        ([{"address": "::ffff:127.0.0.1"}], {"::ffff:127.0.0.1": 2, "127.0.0.1": 0}, {"::ffff:127.0.0.1": 2}),
        ([{"address": "::ffff:127.0.0.1"}, DUAL], {"::ffff:127.0.0.1": 2, "::ffff:10.0.0.5": 3}, {"::ffff:127.0.0.1": 2, "::": 3}),
        # a socket with a mapped address was let in by an IPv6 one; only where that is gone it counts for IPv4's
        ([{"address": "10.0.0.5"}, {}, DUAL], {"::ffff:10.0.0.5": 2, "10.0.0.5": 1}, {"10.0.0.5": 1, "0.0.0.0": 0, "::": 2}),
        ([{"address": "10.0.0.5"}, {}], {"::ffff:10.0.0.5": 2, "::ffff:10.0.0.6": 3}, {"10.0.0.5": 2, "0.0.0.0": 3}),
        # no listener of theirs any more
        ([{"address": "127.0.0.1"}], {"10.0.0.5": 4, "::1": 1}, {"127.0.0.1": 0}),
        ([{"address": "::1"}], {"2001:db8::1": 4, "127.0.0.1": 1}, {"::1": 0}),
    ],
)
def test_the_listener_that_the_kernel_would_pick(listeners, connections, expected):
    rows = [row(cookie=at, **facts) for at, facts in enumerate(listeners, 1)]
    assert counted(survey(*rows, connections=behind(**connections))) == expected


def test_ports_and_namespaces_are_kept_apart():
    found = survey(
        row(80, cookie=1), row(81, cookie=2), row(80, cookie=3, netns=2), connections={**behind(80, **{"10.0.0.5": 1}), **behind(80, 2, **{"10.0.0.5": 7})}
    )  # fmt: skip
    assert {(item.netns, item.port): item.connections for item in build(found)} == {(1, 80): 1, (1, 81): 0, (2, 80): 7}


def test_listeners_that_share_an_endpoint_share_the_count():
    found = survey(*(row(cookie=at) for at in (3, 1, 2)), connections=behind(**{"10.0.0.5": 9}))
    assert only(found).connections == 9


def test_a_listener_that_was_closed_meanwhile_leaves_them_to_the_others():
    found = survey(row(cookie=1), row(cookie=2), unheld={1: "gone"}, connections=behind(**{"10.0.0.5": 9}))
    assert only(found).connections == 9


@pytest.mark.parametrize(
    ("others", "counts"),
    [
        ([], [9]),
        ([{}], [None, None]),
        ([{"device": 3}], [None, None]),
        ([{"address": "127.0.0.1"}], [None, None]),
        ([{"device": 2}], [9]),
        ([{"port": 81}, {"netns": 2, "device": 3}], [9, 0, 0]),
    ],
)
def test_where_an_interface_decides_the_address_does_not_tell(others, counts):
    rows = [row(device=2), *(row(cookie=at, **facts) for at, facts in enumerate(others, 2))]
    assert (
        sorted((item.connections for item in build(survey(*rows, connections=behind(**{"10.0.0.5": 9})))), key=str, reverse=True) == counts
    )


def test_only_listeners_have_connections_behind_them():
    found = survey(
        row(),
        row(cookie=2, state=State.ESTABLISHED, peer_port=9),
        row(53, cookie=3, transport=UDP, state=State.BOUND),
        connections=behind(**{"0.0.0.0": 1}),
    )
    assert {item.state: item.connections for item in build(found)} == {State.LISTENING: 1, State.ESTABLISHED: None, State.BOUND: None}
