"""A machine that never was, with a bit of everything that a chart can hold: its survey, its chart, its answers, at a fixed moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from builders import packed
from portulan.host.endpoints import build_endpoints
from portulan.host.remedies import find_remedies
from portulan.model.chart import Ancestor, Chart, Endpoint, Gap, Namespace, Owner, State
from portulan.model.port import Port, Transport
from portulan.model.survey import Row, Survey
from portulan.model.who import Who

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OWN, BLUE = 4026531840, 4026532208
TCP, UDP = Transport.TCP, Transport.UDP
SERVICES = {
    22: "ssh",
    53: "domain",
    80: "http",
    443: "https",
    631: "ipp",
    3389: "ms-wbt-server",
    5353: "mdns",
    5432: "postgresql",
    8080: "http-alt",
}
USERS = {0: "root", 33: "www-data", 108: "avahi", 110: "postgres", 1000: "ann"}
SYSTEMD = Ancestor(pid=1, name="systemd")
DEVICES = {2: "eth0"}
GAPS = (Gap("owners.forbidden", {"count": 1}), Gap("namespace.forbidden", {"name": "vault"}))


def ago(**span: float) -> datetime:
    """That long before now."""
    return NOW - timedelta(**span)


def owner(pid: int, name: str, *command: str, **more: object) -> Owner:
    """A process, as a survey has it."""
    return Owner(pid=pid, fd=None, name=name, command=command or (name,), **more)  # type: ignore[arg-type]


PROCESSES = {
    1: owner(1, "systemd", "/sbin/init", executable="/usr/lib/systemd/systemd", cwd="/", uid=0, user="root", unit="init.scope", started_at=ago(days=90)),
    640: owner(640, "sshd", "sshd: /usr/sbin/sshd -D [listener]", executable="/usr/sbin/sshd", cwd="/", uid=0, user="root", unit="ssh.service", started_at=ago(days=12)),
    655: owner(655, "avahi-daemon", "avahi-daemon: running [web-01.local]", executable="/usr/sbin/avahi-daemon", cwd="/etc/avahi", uid=108, user="avahi", unit="avahi-daemon.service", started_at=ago(hours=30)),
    701: owner(701, "postgres", "/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main", executable="/usr/lib/postgresql/15/bin/postgres", cwd="/var/lib/postgresql/15/main", uid=110, user="postgres", unit="postgresql@15-main.service", started_at=ago(minutes=59)),
    812: owner(812, "nginx", "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;", executable="/usr/sbin/nginx", cwd="/", uid=0, user="root", unit="nginx.service", started_at=ago(days=12)),
    **{pid: owner(pid, "nginx", "nginx: worker process", executable="/usr/sbin/nginx", cwd="/", uid=33, user="www-data", unit="nginx.service", started_at=ago(days=11)) for pid in range(815, 819)},
    1444: owner(1444, "docker-proxy", "/usr/bin/docker-proxy", "-host-port", "8080", executable="/usr/bin/docker-proxy", cwd="/", uid=0, user="root", container="docker:shop-web", started_at=ago(seconds=5)),
    2001: owner(2001, "python3", "python3", "-m", "http.server", "8000", executable="/usr/bin/python3.11", cwd="/home/ann/my site", uid=1000, user="ann", unit="session-3.scope", started_at=ago(seconds=61)),
    2002: owner(2002, "firefox", "/usr/lib/firefox/firefox", executable="/usr/lib/firefox/firefox", cwd="/home/ann", uid=1000, user="ann", unit="app-firefox.scope", user_unit=True, started_at=ago(hours=3)),
    3003: owner(3003, "evil\x1b[2J\u202e", "evil", "\x1b]0;owned\x07", executable="/tmp/evil\x1b[2J\u202e", cwd="/tmp", uid=1000, user="ann", started_at=ago(days=1)),
    3100: owner(3100, "vault", uid=0, user="root"),
}  # fmt: skip
PARENTS = {
    640: (SYSTEMD,), 655: (SYSTEMD,), 701: (SYSTEMD,), 812: (SYSTEMD,), 1: (),
    **{pid: (Ancestor(pid=812, name="nginx"), SYSTEMD) for pid in range(815, 819)},
    1444: (Ancestor(pid=900, name="dockerd"), SYSTEMD),
    2001: (Ancestor(pid=1999, name="bash"), Ancestor(pid=1990, name="tmux: server"), Ancestor(pid=1980, name="sshd"), Ancestor(pid=1970, name="sshd"), Ancestor(pid=640, name="sshd"), SYSTEMD),
    2002: (Ancestor(pid=1500, name="gnome-shell"), Ancestor(pid=1400, name="systemd"), SYSTEMD),
    3003: (Ancestor(pid=2999, name="sh\x1b[0m"), SYSTEMD),
}  # fmt: skip


def row(port: int, address: str, holders: str = "", **more: object) -> tuple[Row, str]:
    """A socket and its holders, as `812:6 815:6`."""
    source = packed(address)
    udp = more.get("transport") is UDP
    facts: dict[str, object] = {
        "netns": OWN, "transport": TCP, "state": State.BOUND if udp else State.LISTENING, "port": port, "peer_port": 0, "source": source,
        "destination": bytes(len(source)), "device": 0, "cookie": 0, "expires_ms": 0, "rqueue": 0, "wqueue": 0 if udp else 511, "uid": 0,
        "inode": 30_000 + port, "v6_only": None if len(source) == 4 else False, "cgroup": 0, "drops": 0, "mptcp": False,
    }  # fmt: skip
    return Row(**{**facts, **more}), holders  # type: ignore[arg-type]


NGINX = " ".join(f"{pid}:{{fd}}" for pid in (812, *range(815, 819)))
SOCKETS = (
    row(22, "0.0.0.0", "640:3", wqueue=128), row(22, "::", "640:4", wqueue=128, v6_only=True),
    row(80, "0.0.0.0", NGINX.format(fd=6), rqueue=2, drops=3), row(80, "::", NGINX.format(fd=7), v6_only=True),
    row(443, "::", NGINX.format(fd=8)),
    row(631, "127.0.0.1", "1:30", wqueue=4096), row(631, "::1", "1:31", wqueue=4096),
    row(3389, "0.0.0.0", "?forbidden 3100", cgroup=77, wqueue=16),
    row(4789, "0.0.0.0", "?kernel", transport=UDP, inode=0),
    row(5353, "0.0.0.0", "655:12", transport=UDP, uid=108), row(5353, "::", "655:13", transport=UDP, uid=108, v6_only=True),
    row(5432, "127.0.0.1", "701:5", uid=110, wqueue=244, rqueue=244),
    row(6666, "192.168.1.20", "3003:3", uid=1000, device=2),
    row(8000, "0.0.0.0", "2001:3", uid=1000, wqueue=5),
    row(8080, "0.0.0.0", "1444:4", wqueue=4096),
    row(9999, "10.0.0.5", "?hidden", uid=1000, wqueue=1),
    row(80, "0.0.0.0", "812:9", netns=BLUE),
)  # fmt: skip
CONNECTIONS = (
    row(443, "::ffff:192.168.1.20", "815:20", state=State.ESTABLISHED, peer_port=51_000, destination=packed("::ffff:203.0.113.7"), uid=33, wqueue=0),
    row(5000, "127.0.0.1", "?none", state=State.TIME_WAIT, peer_port=40_000, destination=packed("127.0.0.1"), expires_ms=41_200, inode=0, wqueue=0),
    row(40_000, "192.168.1.20", "2002:77", state=State.ESTABLISHED, peer_port=443, destination=packed("203.0.113.7"), uid=1000, wqueue=0),
    row(7000, "0.0.0.0", "2002:78", state=State.BOUND, uid=1000, wqueue=0),
)  # fmt: skip


def survey(sockets: tuple[tuple[Row, str], ...] = SOCKETS, *, gaps: tuple[Gap, ...] = (), counted: bool = True) -> Survey:
    """What a look at this machine brings; with `counted` the connections behind its listeners."""
    rows: list[Row] = []
    holders: dict[int, tuple[tuple[int, int | None], ...]] = {}
    unheld: dict[int, str] = {}
    suspects: dict[int, tuple[int, ...]] = {}
    for cookie, (found, held) in enumerate(sockets, 1):
        rows.append(found._replace(cookie=cookie))
        if held.startswith("?"):
            why, *pids = held[1:].split()
            unheld[cookie] = why
            suspects[cookie] = tuple(map(int, pids))
        else:
            holders[cookie] = tuple((int(pid), int(fd)) for pid, _, fd in (one.partition(":") for one in held.split()))
    return Survey(
        source="bpf", rows=tuple(rows), holders=holders, unheld=unheld, suspects=suspects, processes=PROCESSES,
        sharing=dict.fromkeys(holders, (True, False)), kernel={(OWN, UDP, 4789): "vxlan vx0"}, cgroups={77: "/system.slice/xrdp.service"},
        devices={(OWN, index): name for index, name in DEVICES.items()},
        connections={(OWN, 443, packed("::ffff:192.168.1.20")): 1_041, (OWN, 80, packed("192.168.1.20")): 2} if counted else None,
        namespaces=(Namespace(OWN, None, True), Namespace(BLUE, "blue", False)), gaps=gaps, ephemeral=(32_768, 60_999),
    )  # fmt: skip


def endpoints(found: Survey) -> tuple[Endpoint, ...]:
    """The endpoints of a survey, in this machine's words."""
    return build_endpoints(
        found,
        service_of=lambda port, _: SERVICES.get(port),
        user_of=USERS.get,
        container_of=lambda _: None,
        activated_by=lambda _, __, port: {631: "cups.socket"}.get(port),
    )


def chart(
    sockets: tuple[tuple[Row, str], ...] = SOCKETS, *, gaps: tuple[Gap, ...] = (), one_namespace: bool = False, counted: bool = False
) -> Chart:
    """The chart of this machine."""
    found = survey(tuple(one for one in sockets if one[0].netns == OWN) if one_namespace else sockets, gaps=gaps, counted=counted)
    spaces = found.namespaces[:1] if one_namespace else found.namespaces
    return Chart(
        host="web-01", taken_at=NOW, items=endpoints(found), gaps=gaps, namespaces=spaces, source=found.source, ephemeral=found.ephemeral
    )


def who(port: int, transport: Transport | None = None, *, gaps: tuple[Gap, ...] = (), one_namespace: bool = True) -> Who:
    """Who holds a port of this machine; of its connections where nobody serves it."""
    serving, others = (
        tuple(
            one for one in some if one[0].port == port and transport in (None, one[0].transport) and (not one_namespace or one[0].netns == OWN)
        )
        for some in (SOCKETS, CONNECTIONS)
    )  # fmt: skip
    found = survey(serving or others, gaps=gaps)
    items = tuple(
        item._replace(owners=tuple(one._replace(parents=PARENTS[one.pid]) for one in item.owners)) if item.owners else item
        for item in endpoints(found)
    )
    return Who(
        port=Port(port, transport), host="web-01", taken_at=NOW, service=SERVICES.get(port), items=items, source="bpf", remedies=find_remedies(items),
        gaps=gaps, ephemeral=found.ephemeral,
    )  # fmt: skip
