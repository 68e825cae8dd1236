"""What collides: declared ports against each other, against what is held now, and against what the kernel gives to whom. Pure.

The rule of who may bind beside whom is `host.binding`: a declared socket is tried against another as if that one listened already. A file that
tells no address (`PORT=3000`) is taken for one that may bind anywhere: it collides for sure with a server on all addresses, and perhaps with another.
"""

from __future__ import annotations

from portulan.host.binding import collides, is_ephemeral, needs_privilege
from portulan.host.collision_remedies import for_collision, for_ephemeral, for_own, for_privileged, for_restart, for_taken
from portulan.host.declared.kinds import PROJECT
from portulan.host.declared.places import pack
from portulan.host.occupants import Occupant, occupants_of, owns, runs_from
from portulan.model.binding import Held, Wish
from portulan.model.chart import State
from portulan.model.declared import Claim, Declared, Finding, Kind, Severity
from portulan.model.port import Transport
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.chart import Endpoint

_ANY_4, _ANY_6 = bytes(4), bytes(16)
_MOST_OF_A_PORT = 64
"""Declarations of one port that are compared with each other: of a thousand on one port, what the first say is enough."""
_TOLERANT = (Kind.SSHD, Kind.POSTGRESQL)
"""Servers that go on without an address that they could not bind, as long as they got one."""
_STRICT = (Kind.NGINX, Kind.APACHE, Kind.LIGHTTPD, Kind.REDIS, Kind.SYSTEMD)


class Surroundings(Record):
    """What the machine says of ports."""

    ephemeral: tuple[int, int] | None = None
    reserved: tuple[tuple[int, int], ...] = ()
    unprivileged_start: int = 1024
    user: str | None = None
    """Who would start a project's programs; None for root."""


def find_collisions(declared: Iterable[Declared], endpoints: Iterable[Endpoint], around: Surroundings) -> tuple[Finding, ...]:
    """Every finding, the worst first, then by port. `endpoints` are listening and bound ones; those of other network namespaces do not matter."""
    listening = [one for one in declared if one.claim is Claim.LISTENS]
    now = occupants_of(endpoints)
    by_port: dict[tuple[Transport, int], list[Declared]] = {}
    for one in listening:
        by_port.setdefault((one.transport, one.port), []).append(one)
    found: list[Finding] = []
    for (transport, port), ones in by_port.items():
        here = [occupant for occupant in now if occupant.endpoint.transport is transport and occupant.endpoint.port == port]
        clashes = _among(ones, here)
        found += clashes
        found += _against_now(ones, here, {one for clash in clashes for one in clash.declared if clash.code == "declared.collision"})
        found += _by_number(ones, around)
    found += _elsewhere(listening, now, found)
    order = tuple(Severity)
    return tuple(sorted(found, key=lambda one: (order.index(one.severity), one.port, one.transport, one.code, one.declared[0].service)))


# --- declared against declared ---


def meets(new: Declared, old: Declared) -> bool | None:
    """Whether `new` cannot be bound once `old` is; None where a file that tells no address leaves it open."""
    if new.transport is not old.transport or new.port != old.port:
        return False
    if new.address is None or old.address is None:
        told = new.address if old.address is None else old.address
        wide = (
            told is not None and (packed := pack(told)) is not None and (packed == _ANY_4 or (not any(packed) and not _v6_only(new, old)))
        )
        return True if wide else None
    if old.v6_only is None and pack(old.address) == _ANY_6:  # as its program decides
        verdicts = {meets(new, old._replace(v6_only=only)) for only in (False, True)}
        return verdicts.pop() if len(verdicts) == 1 else None
    if new.v6_only is None and pack(new.address) == _ANY_6:
        return meets(old, new)
    devices = {new.device: 1, old.device: 1 if old.device == new.device else 2, None: 0}
    tcp = new.transport is Transport.TCP
    wish = Wish(
        new.transport, pack(new.address) or b"", new.port, 0, tcp, new.reuse_port, bool(new.v6_only), devices[new.device]
    )  # fmt: skip
    state = State.LISTENING if tcp else State.BOUND
    user = 0 if old.user == new.user else 1
    held = Held(
        old.transport, pack(old.address) or b"", old.port, state, 0, user, tcp, old.reuse_port, bool(old.v6_only), devices[old.device]
    )  # fmt: skip
    return collides(wish, held)


def _v6_only(one: Declared, other: Declared) -> bool:
    return bool(one.v6_only if one.address is not None else other.v6_only)


def same_service(one: Declared, other: Declared) -> bool:
    """Whether two declarations are of one program, so that they do not stand in each other's way by being two."""
    if one.kind is other.kind and one.service == other.service and one.main == other.main:
        return True
    if set(one.units) & set(other.units):
        return True
    if one.kind in PROJECT and other.kind in PROJECT and _folder(one) == _folder(other):
        # A project's .env and scripts speak of the program that its Procfile or compose file starts; two lines of a Procfile are two programs.
        return (one.kind is not other.kind and (Kind.ENV in (one.kind, other.kind) or Kind.PACKAGE in (one.kind, other.kind))) or (
            one.kind is other.kind and one.kind in (Kind.ENV, Kind.PACKAGE)
        )
    return False


def _folder(one: Declared) -> str:
    return one.main.rpartition("/")[0]


def _among(ones: list[Declared], here: list[Occupant]) -> list[Finding]:
    """Collisions of one port: a finding for each pair of services, with all their lines."""
    clashes: list[Finding] = []
    own: dict[tuple[str, str], list[Declared]] = {}
    some = ones[:_MOST_OF_A_PORT]
    for at, old in enumerate(some):
        for new in some[at + 1 :]:
            alike = same_service(old, new)
            if alike and (old.main != new.main or old.kind not in (*_STRICT, *_TOLERANT)):
                continue
            verdict = meets(new, old)
            if verdict is False or (alike and not verdict):
                continue
            if alike:
                group = own.setdefault((old.service, old.main), [])
                group += [one for one in (old, new) if one not in group]
            else:
                clashes.append(_pair([old, new], here, sure=bool(verdict)))
    found = _gathered(clashes, here)
    for group in own.values():
        severity = Severity.WARNING if group[0].kind in _TOLERANT else Severity.ERROR
        found.append(_finding("declared.own", severity, group, remedies=for_own(group)))
    return found


def _gathered(clashes: list[Finding], here: list[Occupant]) -> list[Finding]:
    """Clashes of one kind that have a service in common, as one finding: three servers on a port are one story."""
    stories: list[tuple[str, dict[Declared, None]]] = []
    for clash in clashes:
        services = {(one.service, one.main) for one in clash.declared}
        joined = dict.fromkeys(clash.declared)
        rest = []
        for code, members in stories:
            if code == clash.code and services & {(one.service, one.main) for one in members}:
                joined = {**members, **joined}
                services |= {(one.service, one.main) for one in members}
            else:
                rest.append((code, members))
        stories = [*rest, (clash.code, joined)]
    severities = {clash.code: clash.severity for clash in clashes}
    found = []
    for code, members in stories:
        group = list(members)
        holders = tuple(occupant.holder for occupant in here if any(owns(one, occupant) for one in group))
        found.append(_finding(code, severities[code], group, holders=holders, remedies=for_collision(group)))
    return found


def _pair(group: list[Declared], here: list[Occupant], *, sure: bool) -> Finding:
    """Two services that want one port: how bad it is depends on whether both will be started."""
    if any(one.starts is False and not any(owns(one, occupant) for occupant in here) for one in group):
        return _finding("declared.alternative", Severity.NOTE, group)
    if sure and _together(group):
        return _finding("declared.collision", Severity.ERROR, group)
    return _finding("declared.perhaps", Severity.WARNING, group)


def _together(group: list[Declared]) -> bool:
    """Whether both run at one time as a rule: servers of the machine, or processes of one project file."""
    projects = {one.main for one in group if one.kind in PROJECT}
    return len(projects) < 2


# --- declared against now ---


def _against_now(ones: list[Declared], here: list[Occupant], told: set[Declared]) -> list[Finding]:
    """Who else is on the port, of each service once. `told` collide with each other: that one of them runs by now is part of that story."""
    found: dict[tuple[str, str], tuple[list[Declared], list[Occupant]]] = {}
    for one in ones:
        if any(owns(one, occupant) for occupant in here):
            continue
        there = [occupant for occupant in here if _blocks(one, occupant) is not False]
        if one in told and all(any(owns(other, occupant) for other in told) for occupant in there):
            continue
        if there:
            group, occupants = found.setdefault((one.service, one.main), ([], []))
            group.append(one)
            occupants += [occupant for occupant in there if occupant not in occupants]
    findings = []
    for group, occupants in found.values():
        holders = tuple(occupant.holder for occupant in occupants)
        unseen = all(not occupant.holder.name for occupant in occupants)
        sure = any(_blocks(one, occupant) for one in group for occupant in occupants)
        if unseen:
            findings.append(_finding("running.unseen", Severity.WARNING, group, holders=holders))
            continue
        severity = Severity.ERROR if sure else Severity.WARNING
        if all(one.starts is False for one in group):
            severity = Severity.NOTE
        findings.append(_finding("running.taken", severity, group, holders=holders, remedies=for_taken(group, occupants)))
    return findings


def _blocks(one: Declared, occupant: Occupant) -> bool | None:
    """Whether the declared socket cannot be bound beside what is there now."""
    endpoint = occupant.endpoint
    packed = pack(endpoint.address)
    if packed is None:
        return None
    if one.address is None:
        return True if not any(packed) else None
    sockets = endpoint.sockets
    held = Held(
        endpoint.transport, packed, endpoint.port, endpoint.state, 0, endpoint.uid, _agreed(socket.reuse_address for socket in sockets),
        _agreed(socket.reuse_port for socket in sockets), _agreed(socket.v6_only for socket in sockets),
    )  # fmt: skip
    # Whose user the server will be is not known as a number: two users never share, so the holder's is taken for another's.
    wish = Wish(
        one.transport, pack(one.address) or b"", one.port, -1, one.transport is Transport.TCP, one.reuse_port, bool(one.v6_only)
    )  # fmt: skip
    device = next((socket.device for socket in sockets if socket.device), None)
    if one.device and device and one.device != device:
        return False
    return collides(wish, held)


def _agreed(values: Iterable[bool | None]) -> bool | None:
    """What all say; None where they differ."""
    said = set(values)
    return said.pop() if len(said) == 1 else None


def _elsewhere(listening: list[Declared], now: list[Occupant], known: list[Finding]) -> list[Finding]:
    """Servers that run from the file and do not listen where it says."""
    told = {(one.service, one.main, one.port) for finding in known if finding.code.startswith("running.") for one in finding.declared}
    groups: dict[tuple[str, str, str, int | None, int, Transport], list[Declared]] = {}
    for one in listening:
        if one.starts is not False and (one.programs or one.units) and (one.service, one.main, one.port) not in told:
            groups.setdefault((one.service, one.main, one.path, one.line, one.port, one.transport), []).append(one)
    found = []
    cache: dict[tuple[str, str], list[Occupant]] = {}
    for group in groups.values():
        first = group[0]
        running = cache.get((first.service, first.main))
        if running is None:
            running = cache[first.service, first.main] = [occupant for occupant in now if runs_from(first, occupant)]
        if not running or any(_covered(one, occupant) for one in group for occupant in now if owns(one, occupant)):
            continue
        ports = sorted({(occupant.endpoint.port, str(occupant.endpoint.transport)) for occupant in running})
        facts = {"now": ", ".join(f"{port}/{transport}" for port, transport in ports[:8])}
        holders = tuple(dict.fromkeys(occupant.holder for occupant in running))[:8]
        found.append(_finding("running.elsewhere", Severity.WARNING, group, holders=holders, remedies=for_restart(group), facts=facts))
    return found


def _covered(one: Declared, occupant: Occupant) -> bool:
    """Whether this is the declared socket, or one that takes in its address."""
    endpoint = occupant.endpoint
    if endpoint.transport is not one.transport or endpoint.port != one.port:
        return False
    if one.address in (None, endpoint.address):
        return True
    theirs, ours = pack(endpoint.address), pack(one.address or "")
    if theirs is None or ours is None or any(theirs):
        return False
    return len(theirs) == len(ours) or any(socket.v6_only is False for socket in endpoint.sockets)


# --- declared against what the kernel gives to whom ---


def _by_number(ones: list[Declared], around: Surroundings) -> list[Finding]:
    """Ports that the kernel hands to clients, and ports that take a right to bind."""
    first = ones[0]
    groups: dict[tuple[str, str], list[Declared]] = {}
    for one in ones:
        groups.setdefault((one.service, one.main), []).append(one)
    found = []
    clients = first.transport in (Transport.TCP, Transport.UDP) and is_ephemeral(first.port, around.ephemeral, around.reserved)
    privileged = needs_privilege(first.port, around.unprivileged_start)
    if clients and around.ephemeral:
        facts: dict[str, str | int] = {"first": around.ephemeral[0], "last": around.ephemeral[1]}
        found.append(_finding("port.ephemeral", Severity.WARNING, ones, remedies=for_ephemeral(ones, around.reserved), facts=facts))
    for group in groups.values() if privileged else ():
        barred = [one for one in group if one.privileged is False]
        if barred:
            facts = {"user": barred[0].user or "?", "start": around.unprivileged_start}
            found.append(_finding("port.privileged", Severity.ERROR, barred, remedies=for_privileged(barred), facts=facts))
        elif around.user and group[0].kind in PROJECT and group[0].kind is not Kind.COMPOSE:
            facts = {"user": around.user, "start": around.unprivileged_start}
            found.append(_finding("port.privileged", Severity.WARNING, group, remedies=for_privileged(group), facts=facts))
    return found


def _finding(code: str, severity: Severity, group: list[Declared], **more: object) -> Finding:
    first = group[0]
    return Finding(code, severity, first.transport, first.port, tuple(group), **more)  # type: ignore[arg-type]
