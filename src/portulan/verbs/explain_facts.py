"""The facts of this machine that each topic ends in."""

from __future__ import annotations

import os

from portulan.errors import MachineFailed, NotPermitted, Refused
from portulan.model.chart import Gap
from portulan.model.explain import Dissected, Fact
from portulan.model.port import LAST_SYSTEM, LAST_USER, PORTS, Transport, port_class
from portulan.verbs.explain_here import SERVING, firewall_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portulan.verbs.explain_here import Here, Open

_FEW = 5
_PING_WAIT_S = 0.5


def gather(topic: str, here: Here) -> tuple[Fact, ...]:
    """The facts of a topic (its `name`). What could not be made to happen is missing, and said to be. Raises CannotTell."""
    found = []
    try:
        for fact in _FACTS[topic](here):
            found.append(fact)  # noqa: PERF402 - what came before a failure is kept
    except MachineFailed as error:
        operation, subject, reason = (str(error.facts.get(name, "?")) for name in ("operation", "subject", "reason"))
        here.missing([Gap("explain.failed", {"operation": operation, "subject": subject, "reason": reason})])
    return tuple(found)


def _port(here: Here) -> Iterator[Fact]:
    tcp = sum(one.transport == "tcp" for one in here.opened)
    holders = len({one.holder for one in here.opened if one.holder})
    yield Fact("port.count", {"tcp": tcp, "udp": sum(one.transport == "udp" for one in here.opened), "holders": holders}, "portulan")
    for one in [each for each in here.opened if each.holder][:1]:
        yield Fact("port.example", one.facts(), f"portulan {one.name}")


def _address(here: Here) -> Iterator[Fact]:
    from portulan.system.uplinks import Uplinks

    outer = _outer_addresses()
    if outer:
        yield Fact("address.own", {"count": len(outer), "example": outer[0]}, "portulan ls")
    elif Uplinks().own_addresses:
        yield Fact("address.loopback-only", {}, "portulan ls")
    wild = next((one for one in here.opened if {"0.0.0.0", "::"} & set(one.addresses)), None)  # noqa: S104 - compared, not bound
    inner = next(
        (one for one in here.opened if one.addresses and all(each.startswith("127.") or each == "::1" for each in one.addresses)), None
    )
    if wild is not None:
        yield Fact("address.every", wild.facts(), f"portulan {wild.name}")
    if inner is not None:
        yield Fact("address.inner", inner.facts(), f"portulan {inner.name}")
    if wild is None and inner is None:
        yield Fact("listening.none", {}, "portulan")


def _outer_addresses() -> list[str]:
    """This machine's addresses that others can send to, beyond one link."""
    from portulan.model.address import Exposure, exposure_of, format_address
    from portulan.system.uplinks import Uplinks

    own = Uplinks().own_addresses
    return [format_address(each) for each in sorted(own) if exposure_of(each) is not Exposure.LOOPBACK and each[:2] != b"\xfe\x80"]


def _as_root(command: str) -> str:
    """A command that takes root, as this user types it."""
    return command if not hasattr(os, "geteuid") or os.geteuid() == 0 else f"sudo {command}"


def _telling_apart(here: Here) -> Iterator[Fact]:
    from portulan.system.rehearsal import clients_ports

    server, (first, second) = clients_ports(2)
    yield Fact("apart.pair", {"server": server, "first": first, "second": second}, "portulan explain layers")
    from portulan.verbs.chart import chart

    found = chart(every_state=True, namespaces=["this"], source=here.source).items
    count = sum(item.state.value == "established" for item in found)
    yield Fact("apart.connections", {"count": count}, "portulan ls --all")
    yield Fact("apart.traffic", {}, _as_root("portulan traffic --interface lo"))
    yield Fact("apart.demo", {}, "portulan demo traffic")


def _ranges(here: Here) -> Iterator[Fact]:
    from portulan.system.port_settings import read_first_unprivileged

    counts: dict[str, str | int] = dict.fromkeys(("system", "user", "dynamic"), 0)
    for one in here.opened:
        counts[port_class(one.port).value] = int(counts[port_class(one.port).value]) + 1
    yield Fact("ranges.open", counts, "portulan map")
    start = read_first_unprivileged()
    yield Fact(
        "ranges.privileged" if start else "ranges.unprivileged",
        {"start": start},
        f"portulan why {min(start, LAST_SYSTEM + 1) - 1 if start else 80}",
    )
    if here.everywhere.ephemeral is not None:
        first, last = here.everywhere.ephemeral
        yield Fact("ranges.kernel", {"first": first, "last": last}, "portulan explain ephemeral")


def _listening(here: Here) -> Iterator[Fact]:
    for one in here.opened[:_FEW]:
        yield Fact("listening.door", one.facts(), f"portulan {one.name}")
    if not here.opened:
        yield Fact("listening.none", {}, "portulan")
    elif len(here.opened) > _FEW:
        yield Fact("listening.more", {"count": len(here.opened) - _FEW}, "portulan")


def _tcp_udp(here: Here) -> Iterator[Fact]:
    from portulan.system.rehearsal import one_number_twice

    tcp = sum(one.transport == "tcp" for one in here.opened)
    yield Fact("kinds.count", {"tcp": tcp, "udp": sum(one.transport == "udp" for one in here.opened)}, "portulan ls --udp")
    number = one_number_twice()
    if number is not None:
        yield Fact("kinds.twice", {"number": number}, "portulan lookup 53")


def _layers(here: Here) -> Iterator[Fact]:
    from portulan.system.rehearsal import overhear
    from portulan.wire.dissect import dissect

    heard = overhear()
    here.packets = tuple(
        Dissected(frame.name, "captured" if frame.captured else "built", frame.data.hex(), dissect(frame.data), len(frame.data))
        for frame in heard.frames
    )
    again = "sudo portulan explain layers" if heard.deaf == "forbidden" else "portulan explain --packet FILE:1"
    yield Fact("layers.captured" if heard.deaf is None else f"layers.{heard.deaf}", {}, again)
    for packet in here.packets:
        ports = [field.value for field in packet.ports]
        if ports:
            at = packet.ports[0].at
            facts: dict[str, str | int] = {
                "transport": packet.name.upper(),
                "first": at,
                "hex": f"0x{at:02x}",
                "source": ports[0],
                "destination": ports[1],
            }
            yield Fact("layers.ports", facts, "portulan explain telling-apart")
        else:
            yield Fact("layers.no-ports", {}, "portulan explain ping")


def _ping(_: Here) -> Iterator[Fact]:
    from portulan.system.rehearsal import two_doors
    from portulan.verbs.ping import ping

    with two_doors() as (opened, shut):
        for number, code in ((opened, "ping.open"), (shut, "ping.closed")):
            (told,) = ping([f"127.0.0.1:{number}"], count=1, wait_s=_PING_WAIT_S)
            if told.state.value == ("open" if number == opened else "closed"):
                facts: dict[str, str | int] = {"port": f"{number}/tcp", "ms": _ms(told.times and told.times.average)}
                yield Fact(code, facts, "portulan ping HOST:443")
            else:
                yield Fact("ping.other", {"port": f"{number}/tcp", "state": told.state.value}, "portulan reach")
    try:
        (told,) = ping(["127.0.0.1"], count=1, wait_s=_PING_WAIT_S, icmp=True)
    except NotPermitted:
        yield Fact("ping.echo-forbidden", {}, "portulan ping --icmp HOST")
    else:
        yield Fact(
            "ping.echo" if told.answered else "ping.silent", {"ms": _ms(told.times and told.times.average)}, "portulan ping --icmp HOST"
        )
    yield Fact("ping.way", {}, "portulan trace HOST:443")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _iana(_: Here) -> Iterator[Fact]:
    from portulan.system.registry_file import open_table
    from portulan.verbs.lookup import about

    known = about().about
    yield Fact("iana.table", {"date": known.date, "names": known.counts.names}, "portulan lookup --about")
    table = open_table()
    facts: dict[str, str | int] = {kind.value: len(table.assigned(kind)) for kind in (Transport.TCP, Transport.UDP)}
    yield Fact("iana.share", {**facts, "all": PORTS}, "portulan map")


def _common(here: Here) -> Iterator[Fact]:
    from portulan.verbs.lookup import common

    numbers = {number: one.service for one in common() for span in one.ports for number in range(span.first, span.last + 1)}
    met = [one for one in here.opened if one.port in numbers]
    for one in met[:_FEW]:
        yield Fact("common.door", {**one.facts(), "service": numbers[one.port]}, f"portulan explain {one.port}")
    if not met:
        yield Fact("common.none", {}, "portulan")
    yield Fact("common.all", {"count": len(common())}, "portulan lookup --common")


def _conflict(here: Here) -> Iterator[Fact]:
    from portulan.system.rehearsal import conflict
    from portulan.verbs.why import why

    with conflict() as clash:
        here.why = why(str(clash.port), address="127.0.0.1", reuse_address=False, source=here.source)
    port = f"{clash.port}/tcp"
    code = "conflict.none" if not clash.told else "conflict.closed" if clash.closed else "conflict.made"
    yield Fact(code, {"port": port, "error": clash.told}, "portulan 80")
    yield Fact("conflict.cause", {"port": port, "cause": here.why.cause.value, "answer": here.why.answer.value}, "portulan why 80")
    yield Fact("conflict.before", {}, "portulan conflicts")
    yield Fact("conflict.demo", {}, "portulan demo conflict")


def _private(here: Here) -> Iterator[Fact]:
    from portulan.verbs.free import free

    try:
        numbers = [one.port for one in free(3, within="dynamic")]
    except (NotPermitted, Refused):
        numbers = []
    if numbers:
        yield Fact("private.free", {"numbers": ", ".join(map(str, numbers))}, "portulan free -n 3 --range dynamic")
    clients = here.everywhere.ephemeral
    if clients is not None and clients[0] <= PORTS - 1 and clients[1] > LAST_USER:
        facts: dict[str, str | int] = {"first": clients[0], "last": clients[1], "next": clients[1] + 1, "end": PORTS - 1}
        yield Fact("private.shared" if clients[1] < PORTS - 1 else "private.all-shared", facts, "portulan explain ephemeral")
    yield Fact("private.lease", {}, "portulan lease shop")


def _firewall(here: Here) -> Iterator[Fact]:
    everyone = sum(one.wide == "everyone" for one in here.opened)
    yield Fact(f"firewall.{firewall_rules()}", {}, "portulan reach")
    unseen = any(one.wide == "unknown" for one in here.opened)
    yield Fact("firewall.doors-unseen" if unseen else "firewall.doors", {"count": len(here.opened), "everyone": everyone}, "portulan reach")
    yield Fact("firewall.begin", {}, _as_root("portulan guard init"))
    yield Fact("firewall.look", {}, _as_root("portulan guard plan"))
    yield Fact("firewall.try", {}, _as_root("portulan guard apply"))
    yield Fact("firewall.confirm", {}, _as_root("portulan guard confirm"))
    yield Fact("firewall.demo", {}, "portulan demo firewall")


def _who_gets_in(here: Here) -> Iterator[Fact]:
    groups: dict[str, list[Open]] = {}
    for one in here.opened:
        groups.setdefault(one.wide, []).append(one)
    for wide, doors in groups.items():
        named = ", ".join(one.name for one in doors[:_FEW]) + (" …" if len(doors) > _FEW else "")
        yield Fact(f"access.{wide}", {"count": len(doors), "ports": named}, "portulan reach")
    if not here.opened:
        yield Fact("listening.none", {}, "portulan")
    else:
        yield Fact("access.ask", {}, f"portulan reach {here.opened[0].name} --from 203.0.113.9")


def _attacker(here: Here) -> Iterator[Fact]:
    from portulan.audit.risks import risks

    seen = [one for one in here.opened if one.wide in ("everyone", "maybe", "networks", "unknown")]
    named = ", ".join(one.name for one in seen[:_FEW]) + (" …" if len(seen) > _FEW else "")
    yield Fact("attacker.sees" if seen else "attacker.nothing", {"count": len(seen), "ports": named}, "portulan reach")
    if (outer := _outer_addresses())[:1]:
        yield Fact("attacker.scan", {}, f"portulan scan {outer[0]}")
    for one in seen:
        risk = next((each for each in risks() if one.port in each.ports and one.transport in each.transports), None)
        if risk is not None:
            yield Fact("attacker.risk", {"port": one.name, "name": risk.name, "key": risk.key}, f"portulan explain {one.port}")
    yield Fact("attacker.audit", {}, "portulan audit")
    yield Fact("attacker.scanners", {}, _as_root("portulan scanners"))
    yield Fact("attacker.demo", {}, "portulan demo scanners")


def _moving_ssh(here: Here) -> Iterator[Fact]:
    from portulan.verbs.free import free

    doors = [one for one in here.opened if one.port == 22 or one.holder.split(" ")[0] in ("sshd", "dropbear")]
    for one in doors[:2]:
        yield Fact("ssh.here" if one.port == 22 else "ssh.moved", one.facts(), f"portulan {one.name}")
    if not doors:
        yield Fact("ssh.none", {}, "portulan why 22")
    try:
        number = free(1, name="ssh", within="dynamic")[0].port
    except (NotPermitted, Refused):
        return
    yield Fact("ssh.number", {"port": number}, "portulan free --for ssh --range dynamic")
    yield Fact("ssh.open", {"port": number}, _as_root(f"portulan guard open {number}"))
    yield Fact("ssh.apply", {}, _as_root("portulan guard apply"))
    yield Fact("ssh.check", {"port": number}, f"portulan ping HOST:{number}")
    yield Fact("ssh.close", {}, _as_root("portulan guard close 22"))


def _ephemeral(here: Here) -> Iterator[Fact]:
    from portulan.system.rehearsal import clients_ports
    from portulan.verbs.chart import chart

    server, given = clients_ports(3)
    yield Fact("ephemeral.given", {"server": server, "numbers": ", ".join(map(str, given))}, "portulan ls --all")
    clients = here.everywhere.ephemeral
    if clients is not None:
        first, last = clients
        yield Fact("ephemeral.range", {"first": first, "last": last, "count": last - first + 1}, f"portulan why {first}")
        found = chart(every_state=True, namespaces=["this"], source=here.source).items
        used = len({item.port for item in found if item.state not in SERVING and first <= item.port <= last})
        yield Fact("ephemeral.used", {"count": used}, "portulan ls --all")


def _containers(here: Here) -> Iterator[Fact]:
    away = [item for item in here.everywhere.items if item.netns_name is not None]
    if away:
        facts: dict[str, str | int] = {
            "spaces": len({item.netns for item in away}),
            "doors": len({(item.netns, item.transport, item.port) for item in away}),
        }
        yield Fact("containers.spaces", facts, "portulan ls")
    else:
        yield Fact("containers.none", {}, "portulan ls")
    published = [one for one in here.opened if one.published]
    for one in published[:_FEW]:
        yield Fact("containers.published", {"port": one.name, "target": one.published}, f"portulan reach {one.name}")
    if not published:
        yield Fact("containers.unseen" if here.rules_unread else "containers.unpublished", {}, "portulan reach")


def _map(here: Here) -> Iterator[Fact]:
    from portulan.verbs.map import port_map

    here.picture = port_map(source=here.source)
    picture = here.picture.picture
    facts: dict[str, str | int] = {
        "open": len({one.port for one in picture.open}),
        "in_use": len(picture.in_use),
        "assigned": len(picture.assigned),
    }
    yield Fact("map.cells", facts, "portulan map")
    yield Fact("map.file", {}, "portulan map -o ports.png")


_FACTS: dict[str, Callable[[Here], Iterator[Fact]]] = {
    "port": _port, "address": _address, "telling-apart": _telling_apart, "ranges": _ranges, "listening": _listening, "tcp-udp": _tcp_udp, "layers": _layers,
    "ping": _ping, "iana": _iana, "common": _common, "conflict": _conflict, "private": _private, "firewall": _firewall, "who-gets-in": _who_gets_in,
    "attacker": _attacker, "moving-ssh": _moving_ssh, "ephemeral": _ephemeral, "containers": _containers, "map": _map,
}  # fmt: skip
