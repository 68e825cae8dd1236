"""Lessons of a machine that never was: every topic, every fact, packets of three kinds, and ports."""

from __future__ import annotations

from chart_samples import NOW
from map_samples import sample as picture
from portulan.model.chart import Gap
from portulan.model.explain import TOPICS, Dissected, Fact, Lesson
from portulan.model.port import Port, Transport
from portulan.model.why import Why
from portulan.text.explain_facts import FACTS as SENTENCES
from portulan.text.explain_facts import SAME
from portulan.wire.dissect import dissect
from portulan.wire.sample_frames import build_echo_frame, build_tcp_frame, build_udp_frame
from why_samples import samples as why_samples

CLIENT, SERVER = b"\xc0\0\2\7", b"\xcb\0\x71\x09"
WEB = {"port": "80/tcp", "service": "http", "holder": "nginx nginx.service", "addresses": "0.0.0.0 ::", "wide": "everyone", "networks": ""}
SSH = {**WEB, "port": "22/tcp", "service": "ssh", "holder": "sshd", "wide": "networks", "networks": "198.51.100.0/24, 2001:db8::/32"}
DATABASE = {**WEB, "port": "5432/tcp", "service": "postgresql", "holder": "", "addresses": "127.0.0.1 ::1", "wide": "this-host"}
ODD = {**WEB, "port": "9999/udp", "service": "", "wide": "unknown"}

FACTS: dict[str, dict[str, str | int]] = {
    "port.count": {"tcp": 12, "udp": 3, "holders": 6}, "port.example": WEB, "address.own": {"count": 2, "example": "192.0.2.7"}, "address.loopback-only": {},
    "address.every": WEB, "address.inner": DATABASE, "listening.none": {}, "apart.pair": {"server": 40561, "first": 54522, "second": 54536},
    "apart.connections": {"count": 41}, "apart.traffic": {}, "apart.demo": {}, "conflict.demo": {}, "firewall.demo": {}, "attacker.demo": {},
    "ranges.open": {"system": 2, "user": 9, "dynamic": 1}, "ranges.privileged": {"start": 1024},
    "ranges.unprivileged": {"start": 0}, "ranges.kernel": {"first": 32768, "last": 60999}, "listening.door": DATABASE, "listening.more": {"count": 7},
    "kinds.count": {"tcp": 12, "udp": 3}, "kinds.twice": {"number": 51111}, "layers.captured": {}, "layers.forbidden": {}, "layers.linux-only": {},
    "layers.nothing-came": {}, "layers.ports": {"transport": "UDP", "first": 34, "hex": "0x22", "source": "50000", "destination": "53"}, "layers.no-ports": {},
    "ping.open": {"port": "40001/tcp", "ms": "0.06"}, "ping.closed": {"port": "40003/tcp", "ms": "0.05"}, "ping.other": {"port": "40001/tcp", "state": "filtered"},
    "ping.echo": {"ms": "0.02"}, "ping.silent": {"ms": "-"}, "ping.echo-forbidden": {}, "ping.way": {}, "iana.table": {"date": "2026-08-17", "names": 7327},
    "iana.share": {"tcp": 6155, "udp": 5764, "all": 65536}, "common.door": SSH, "common.none": {}, "common.all": {"count": 83},
    "conflict.closed": {"port": "80/tcp", "error": "EADDRINUSE"}, "conflict.made": {"port": "44077/tcp", "error": "EADDRINUSE"}, "conflict.none": {"port": "44077/tcp", "error": ""},
    "conflict.cause": {"port": "44077/tcp", "cause": "listener", "answer": "no"}, "conflict.before": {}, "private.free": {"numbers": "64893, 64589, 64285"},
    "private.shared": {"first": 32768, "last": 60999, "next": 61000, "end": 65535}, "private.all-shared": {"first": 1024, "last": 65535, "next": 65536, "end": 65535},
    "private.lease": {}, "firewall.some": {}, "firewall.none": {}, "firewall.forbidden": {}, "firewall.unknown": {}, "firewall.doors": {"count": 12, "everyone": 3},
    "firewall.doors-unseen": {"count": 12, "everyone": 0}, "firewall.begin": {}, "firewall.look": {}, "firewall.try": {},
    "firewall.confirm": {},
    **{f"access.{wide}": {"count": 2, "ports": "80/tcp, 443/tcp"} for wide in ("everyone", "maybe", "networks", "unknown", "this-host", "nobody")},
    "access.ask": {}, "attacker.sees": {"count": 2, "ports": "80/tcp, 3389/tcp"}, "attacker.nothing": {"count": 0, "ports": ""}, "attacker.scan": {},
    "attacker.risk": {"port": "3389/tcp", "name": "Remote Desktop (RDP)", "key": "rdp"}, "attacker.audit": {}, "attacker.scanners": {}, "ssh.here": SSH,
    "ssh.moved": {**SSH, "port": "62769/tcp", "service": ""}, "ssh.none": {}, "ssh.number": {"port": 62769}, "ssh.open": {"port": 62769}, "ssh.apply": {},
    "ssh.check": {"port": 62769}, "ssh.close": {}, "ephemeral.given": {"server": 47029, "numbers": "40078, 40088, 40102"},
    "ephemeral.range": {"first": 32768, "last": 60999, "count": 28232}, "ephemeral.used": {"count": 41}, "containers.spaces": {"spaces": 2, "doors": 5},
    "containers.none": {},
    "containers.unseen": {}, "containers.published": {"port": "8080/tcp", "target": "172.17.0.2:80"}, "containers.unpublished": {},
    "map.cells": {"open": 12, "in_use": 41, "assigned": 6358}, "map.file": {},
}  # fmt: skip
OF_A_PORT: dict[str, dict[str, str | int]] = {
    "number.named": {"port": "3389", "service": "ms-wbt-server", "description": "MS WBT Server"}, "number.usual": {"port": "3389", "services": "rdp"},
    "number.zero": {"port": "0"}, "number.reserved": {"port": "1023"}, "number.nameless": {"port": "60001"}, "number.plain": {"service": "rdp", "key": "rdp"},
    "number.class": {"port": "3389", "class": "user"}, "number.risk": {"port": "3389", "name": "a printer", "key": "rdp", "level": "error"},
    "number.login": {}, "number.clear": {"name": "telnet", "twin": 22, "twin_name": "ssh"}, "number.open": ODD, "number.closed": {"port": "3389"},
    "number.unsure": {"port": "8080"},
    "number.published": {**WEB, "port": "8080/tcp", "service": "http-alt", "published": "172.17.0.2:80"},
    "number.elsewhere": {"port": "3389", "count": 2}, "number.ephemeral": {"port": "40000", "first": 32768, "last": 60999}, "type.free": {},
    "type.reach": {"port": "3389"}, "type.close": {"port": "3389"}, "type.stop": {"port": "3389"}, "type.ping": {"port": "3389"},
}  # fmt: skip
_ROOMS = {"apart": "telling-apart", "kinds": "tcp-udp", "access": "who-gets-in", "ssh": "moving-ssh"}


def conflict() -> Why:
    """What `why` says of a port that a server has."""
    return why_samples()["listener"]


def packets() -> tuple[Dissected, ...]:
    """A datagram, a segment and an echo, the last two not captured."""
    frames = {
        "udp": build_udp_frame(CLIENT, 50_000, SERVER, 53, b"Hello, port 53"),
        "tcp": build_tcp_frame(CLIENT, 50_001, SERVER, 443, bytes(100), sequence=1),
        "icmp": build_echo_frame(CLIENT, SERVER, 4711, 1, b"Hello, anybody there?"),
    }
    return tuple(
        Dissected(name, "captured" if name == "udp" else "built", data.hex(), dissect(data), len(data)) for name, data in frames.items()
    )


def _command(code: str, topic: str) -> str | None:
    """A sentence that ends in a colon leads to a command; some others have one as well."""
    leads = SENTENCES.get(SAME.get(code, code), "").endswith(":") or code.endswith(("count", "open"))
    return f"portulan explain {topic} {code}" if leads else None


def topics() -> dict[str, Lesson]:
    """Each topic, with all facts that it may end in."""
    found = {}
    for topic in TOPICS:
        items = tuple(
            Fact(code, facts, _command(code, topic.name))
            for code, facts in FACTS.items()
            if _ROOMS.get(code.split(".")[0], code.split(".")[0]) == topic.name
        )
        found[topic.name] = Lesson(
            topic.name, None, "web-01", NOW, items, packets() if topic.name == "layers" else (),
            why=conflict() if topic.name == "conflict" else None, picture=picture() if topic.name == "map" else None,
        )  # fmt: skip
    return found


def port() -> Lesson:
    """One port, with all that may be said of any."""
    items = tuple(
        Fact(code, facts, "portulan audit" if code == "number.risk" else _command(code, "3389")) for code, facts in OF_A_PORT.items()
    )
    return Lesson(None, Port(3389, Transport.TCP), "web-01", NOW, items, gaps=(Gap("owners.forbidden", {"count": 1}),))
