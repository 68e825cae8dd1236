"""What collides: declared against declared, against now, and against what the kernel gives to whom."""

from datetime import UTC, datetime

import pytest

from portulan.host.collisions import Surroundings, find_collisions, same_service
from portulan.host.occupants import occupants_of, owns, runs_from
from portulan.model.address import Exposure
from portulan.model.chart import Endpoint, Owner, Ownership, Socket, State
from portulan.model.declared import Claim, Declared, Kind, Severity
from portulan.model.port import PortClass, Transport

TCP, UDP = Transport.TCP, Transport.UDP
LINUX = Surroundings(ephemeral=(32768, 60999), unprivileged_start=1024)
PROGRAMS = {Kind.NGINX: ("nginx",), Kind.APACHE: ("apache2",), Kind.REDIS: ("redis-server",)}


def declared(kind, address="0.0.0.0", port=8080, **more):
    service = more.pop("service", str(kind))
    main = more.pop("main", f"/etc/{kind}/{kind}.conf")
    facts = {"path": main, "line": 3, "column": None, "transport": TCP, "v6_only": None, "programs": PROGRAMS.get(kind, ()), **more}
    return Declared(kind=kind, service=service, address=address, port=port, main=main, **facts)


def endpoint(
    name,
    address="0.0.0.0",
    port=8080,
    *,
    transport=TCP,
    v6_only=None,
    netns=None,
    command=(),
    unit=None,
    cwd=None,
    container=None,
    reuse_port=False,
    ownership=Ownership.PROCESS,
    kernel=None,
):
    owner = Owner(
        pid=42, fd=3, name=name, command=command, unit=unit, cwd=cwd, container=container, started_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    state = State.LISTENING if transport is TCP else State.BOUND
    socket = Socket(1, 1, reuse_address=transport is TCP, reuse_port=reuse_port, v6_only=v6_only)
    return Endpoint(
        transport, port, address, PortClass.USER, None, state, Exposure.ALL, netns_name=netns, uid=0, unit=unit, ownership=ownership,
        owners=(owner,) if name else None, held_by_kernel=kernel, sockets=(socket,),
    )  # fmt: skip


def codes(declarations, endpoints=(), around=LINUX):
    return [(finding.code, str(finding.severity)) for finding in find_collisions(declarations, endpoints, around)]


NGINX, APACHE = declared(Kind.NGINX), declared(Kind.APACHE, "::", v6_only=False)


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        (NGINX, APACHE, [("declared.collision", "error")]),
        (NGINX, APACHE._replace(v6_only=True), []),
        (NGINX, APACHE._replace(v6_only=None), [("declared.perhaps", "warning")]),
        (NGINX, declared(Kind.APACHE, "127.0.0.1"), [("declared.collision", "error")]),
        (declared(Kind.NGINX, "127.0.0.1"), declared(Kind.APACHE, "127.0.0.2"), []),
        (NGINX, declared(Kind.APACHE, transport=UDP), []),
        (NGINX, declared(Kind.APACHE, port=8081), []),
        (NGINX, declared(Kind.APACHE, starts=False), [("declared.alternative", "note")]),
        (NGINX._replace(reuse_port=True), declared(Kind.APACHE, reuse_port=True), []),
        (NGINX._replace(reuse_port=True, user="a"), declared(Kind.APACHE, reuse_port=True, user="b"), [("declared.collision", "error")]),
        (NGINX._replace(device="eth0"), declared(Kind.APACHE, device="eth1"), []),
        (NGINX._replace(device="eth0"), declared(Kind.APACHE, device="eth0"), [("declared.collision", "error")]),
        (NGINX, declared(Kind.ENV, None, main="/srv/a/.env"), [("declared.collision", "error")]),
        (declared(Kind.NGINX, "127.0.0.1"), declared(Kind.ENV, None, main="/srv/a/.env"), [("declared.perhaps", "warning")]),
        (declared(Kind.ENV, None, main="/srv/b/.env"), declared(Kind.ENV, None, main="/srv/a/.env"), [("declared.perhaps", "warning")]),
        (declared(Kind.ENV, None, main="/srv/a/.env"), declared(Kind.PACKAGE, None, main="/srv/a/package.json"), []),
        (declared(Kind.ENV, None, main="/srv/a/.env", service="a"), declared(Kind.COMPOSE, main="/srv/a/compose.yaml", service="a/web"), []),
        (declared(Kind.PROCFILE, main="/srv/a/Procfile", service="a/web"), declared(Kind.PROCFILE, main="/srv/a/Procfile", service="a/api"), [("declared.collision", "error")]),
        (declared(Kind.COMPOSE, main="/srv/a/compose.yaml", service="a/web"), declared(Kind.COMPOSE, main="/srv/b/compose.yaml", service="b/web"), [("declared.perhaps", "warning")]),
        (declared(Kind.SSHD, port=22, units=("ssh.service", "ssh.socket")), declared(Kind.SYSTEMD, port=22, service="ssh.socket", units=("ssh.socket", "ssh.service")), []),
        (NGINX, NGINX._replace(line=9), [("declared.own", "error")]),
        (declared(Kind.SSHD, port=2222), declared(Kind.SSHD, "127.0.0.1", 2222), [("declared.own", "warning")]),
        (declared(Kind.PACKAGE, None), declared(Kind.PACKAGE, None, line=4), []),
        (NGINX, declared(Kind.NGINX, main="/srv/other/nginx.conf"), [("declared.collision", "error")]),
        (NGINX, declared(Kind.ENV, None, claim=Claim.MENTIONS), []),
    ],
)  # fmt: skip
def test_declared_against_declared(one, other, wanted):
    assert codes([one, other]) == wanted
    assert codes([other, one]) == wanted


def test_three_on_a_port_are_one_story():
    (finding,) = find_collisions([NGINX, APACHE, declared(Kind.LIGHTTPD), declared(Kind.REDIS, "127.0.0.1")], (), LINUX)
    assert [one.service for one in finding.declared] == ["nginx", "apache", "lighttpd", "redis"]
    assert [remedy.code for remedy in finding.remedies][:2] == ["free", "edit"]


@pytest.mark.parametrize(
    ("one", "now", "wanted"),
    [
        (NGINX, endpoint("nginx"), []),
        (NGINX, endpoint("apache2"), [("running.taken", "error")]),
        (NGINX, endpoint("apache2", "127.0.0.1"), [("running.taken", "error")]),
        (NGINX, endpoint("apache2", "::", v6_only=True), []),
        (NGINX, endpoint("apache2", "::", v6_only=False), [("running.taken", "error")]),
        (NGINX, endpoint("apache2", transport=UDP), []),
        (NGINX, endpoint("apache2", netns="vault"), []),
        (NGINX._replace(starts=False), endpoint("apache2"), [("running.taken", "note")]),
        (NGINX, endpoint("", ownership=Ownership.FORBIDDEN), [("running.unseen", "warning")]),
        (NGINX, endpoint("", ownership=Ownership.KERNEL, kernel="wireguard wg0"), [("running.taken", "error")]),
        (NGINX, endpoint("nginx", command=("nginx: master process nginx -c /srv/other.conf",)), [("running.taken", "error")]),
        (NGINX, endpoint("nginx", command=("nginx -c /etc/nginx/nginx.conf",)), []),
        (NGINX._replace(units=("nginx.service",)), endpoint("wrapper", unit="nginx.service"), []),
        (declared(Kind.ENV, None, main="/srv/a/.env"), endpoint("node", cwd="/srv/a/server"), []),
        (declared(Kind.ENV, None, main="/srv/a/.env"), endpoint("node", cwd="/srv/b"), [("running.taken", "error")]),
        (declared(Kind.ENV, None, main="/srv/a/.env"), endpoint("node", "127.0.0.1", cwd="/srv/b"), [("running.taken", "warning")]),
        (declared(Kind.COMPOSE, service="shop/web"), endpoint("docker-proxy"), []),
        (declared(Kind.COMPOSE, service="shop/web"), endpoint("python3"), [("running.taken", "error")]),
        (declared(Kind.SYSTEMD, service="a.socket", units=("a.socket", "a.service")), endpoint("systemd", unit="a.socket"), []),
        (NGINX._replace(reuse_port=True), endpoint("x", reuse_port=True), [("running.taken", "error")]),
    ],
)  # fmt: skip
def test_declared_against_now(one, now, wanted):
    assert codes([one], [now]) == wanted


def test_the_holder_and_the_way_to_end_it_are_told():
    (finding,) = find_collisions([NGINX], [endpoint("apache2", unit="apache2.service")], LINUX)
    assert (finding.holders[0].name, finding.holders[0].pids, finding.holders[0].unit) == ("apache2", (42,), "apache2.service")
    assert [remedy.command for remedy in finding.remedies] == [
        "systemctl stop apache2.service",
        "portulan free",
        "${EDITOR:-vi} +3 /etc/nginx/nginx.conf",
    ]


@pytest.mark.parametrize(
    ("one", "now", "wanted"),
    [
        (NGINX._replace(units=("nginx.service",)), endpoint("nginx", port=80, unit="nginx.service"), [("running.elsewhere", "warning")]),
        (NGINX, endpoint("nginx", port=80, command=("nginx -c /etc/nginx/nginx.conf",)), [("running.elsewhere", "warning")]),
        (NGINX, endpoint("nginx", port=80, command=("nginx -c /srv/x.conf",)), []),
        (NGINX, endpoint("nginx", port=80), []),
        (NGINX._replace(units=("nginx.service",)), endpoint("nginx", port=80), [("running.elsewhere", "warning")]),
        (NGINX._replace(units=("nginx.service",), starts=False), endpoint("nginx", port=80, unit="nginx.service"), []),
        (NGINX._replace(units=("nginx.service",), address="127.0.0.1"), endpoint("nginx", unit="nginx.service"), []),
        (declared(Kind.SYSTEMD, service="a.service", units=("a.service",), address=None), endpoint("x", port=90, unit="a.service"), [("running.elsewhere", "warning")]),
    ],
)  # fmt: skip
def test_running_elsewhere(one, now, wanted):
    assert codes([one], [now]) == wanted


def test_a_restart_is_checked_first():
    (finding,) = find_collisions([NGINX._replace(units=("nginx.service",))], [endpoint("nginx", port=80, unit="nginx.service")], LINUX)
    assert (finding.facts, [remedy.command for remedy in finding.remedies]) == (
        {"now": "80/tcp"},
        ["nginx -t && systemctl restart nginx.service"],
    )


@pytest.mark.parametrize(
    ("one", "around", "wanted"),
    [
        (NGINX._replace(port=40000), LINUX, [("port.ephemeral", "warning")]),
        (NGINX._replace(port=40000), LINUX._replace(reserved=((39999, 40001),)), []),
        (NGINX._replace(port=40000), LINUX._replace(ephemeral=None), []),
        (NGINX._replace(port=40000, transport=Transport.SCTP), LINUX, []),
        (NGINX._replace(port=80, privileged=False, user="www"), LINUX, [("port.privileged", "error")]),
        (NGINX._replace(port=80, privileged=False), LINUX._replace(unprivileged_start=80), []),
        (NGINX._replace(port=80), LINUX, []),
        (declared(Kind.ENV, None, 80), LINUX._replace(user="ann"), [("port.privileged", "warning")]),
        (declared(Kind.ENV, None, 80), LINUX, []),
        (declared(Kind.COMPOSE, port=80), LINUX._replace(user="ann"), []),
    ],
)  # fmt: skip
def test_ports_that_the_kernel_gives_to_others(one, around, wanted):
    assert codes([one], around=around) == wanted


def test_the_ways_out_of_a_range_and_of_a_lack_of_rights():
    (finding,) = find_collisions([NGINX._replace(port=40000)], (), LINUX._replace(reserved=((50000, 50001), (50005, 50005))))
    assert finding.remedies[0].command.startswith("echo 'net.ipv4.ip_local_reserved_ports = 50000-50001,50005,40000' | sudo tee ")
    one = declared(Kind.SYSTEMD, None, 80, service="a.service", units=("a.service",), privileged=False, user="www")
    (finding,) = find_collisions([one], (), LINUX)
    assert "CAP_NET_BIND_SERVICE" in finding.remedies[0].command
    assert finding.facts == {"user": "www", "start": 1024}


def test_the_worst_comes_first():
    found = find_collisions(
        [
            NGINX._replace(port=40000),
            declared(Kind.APACHE, port=50000),
            declared(Kind.REDIS, port=50000),
            NGINX._replace(port=9),
            declared(Kind.APACHE, port=9, starts=False),
        ],
        (),
        LINUX,
    )
    assert [one.severity for one in found] == sorted((one.severity for one in found), key=list(Severity).index)
    assert [one.code for one in found] == [
        "declared.collision",
        "port.ephemeral",
        "port.ephemeral",
        "declared.alternative",
    ]


def test_a_thousand_on_one_port_take_no_longer_than_some():
    assert find_collisions([declared(Kind.REDIS, service=f"r{at}", main=f"/etc/{at}") for at in range(1000)], (), LINUX)


def test_whose_it_is():
    (occupant,) = occupants_of([endpoint("nginx", command=("nginx",))])
    assert owns(NGINX, occupant)
    assert not runs_from(NGINX, occupant)
    assert not owns(APACHE, occupant)
    assert same_service(NGINX, NGINX._replace(port=1))
    assert not same_service(NGINX, APACHE)
