"""All that is known of one port: what it is for, why it is attacked, whether it is open here and to whom, what to type."""

from __future__ import annotations

from portulan.audit.cleartext import pairs
from portulan.audit.risks import risks
from portulan.model.assignment import Status
from portulan.model.explain import Fact, Lesson
from portulan.model.port import Transport, port_class
from portulan.verbs.explain_here import Here
from portulan.verbs.lookup import lookup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.assignment import Answer
    from portulan.model.port import Port
    from portulan.verbs.explain_here import Open


_SSH = 22


def explain_port(port: Port, *, source: str = "auto") -> Lesson:
    """One port; with a transport, that one only. Raises CannotTell, MachineFailed."""
    here = Here(source)
    answer = lookup(str(port))
    mine = tuple(one for one in here.opened if one.port == port.number and port.transport in (None, Transport(one.transport)))
    items = (
        *_purpose(port, answer),
        *_dangers(port),
        *_standing(port, here, mine),
        *_orders(port, mine),
    )
    return Lesson(None, port, here.host, here.taken_at, items, gaps=here.gaps_of(items))


def _purpose(port: Port, answer: Answer) -> Iterator[Fact]:
    """What the number is for."""
    look = f"portulan lookup {port}"
    named: dict[str, str] = {}
    for entry in answer.entries:
        if entry.service and not entry.ours and (entry.description or "") not in named.values():
            named.setdefault(entry.service, entry.description or "")
    for name, description in [*named.items()][:2]:
        yield Fact("number.named", {"port": str(port), "service": name, "description": description}, look)
    ours = ", ".join(dict.fromkeys(entry.service or "" for entry in answer.entries if entry.ours and entry.service))
    if ours:
        yield Fact("number.usual", {"port": str(port), "services": ours}, look)
    if not named and not ours:
        status = answer.entries[0].status if answer.entries else None
        code = "number.zero" if not port.number else "number.reserved" if status is Status.RESERVED else "number.nameless"
        yield Fact(code, {"port": str(port)}, look)
    for known in answer.well_known:
        yield Fact("number.plain", {"service": known.service, "key": known.key}, look)
    if port.number:
        yield Fact("number.class", {"port": str(port), "class": port_class(port.number).value}, "portulan explain ranges")


def _dangers(port: Port) -> Iterator[Fact]:
    """Why it should not be open to all, and what is safer."""
    told = set()
    for risk in risks():
        if port.number in risk.ports and (port.transport is None or port.transport in risk.transports) and risk.key not in told:
            told.add(risk.key)
            facts: dict[str, str | int] = {"port": str(port), "name": risk.name, "key": risk.key, "level": risk.level.value}
            yield Fact("number.risk", facts, "portulan audit")
    if port.number == _SSH and port.transport in (None, Transport.TCP):
        yield Fact("number.login", {}, "portulan explain moving-ssh")
    for pair in pairs():
        if pair.port == port.number and port.transport in (None, Transport.TCP):
            yield Fact("number.clear", {"name": pair.name, "twin": pair.twin, "twin_name": pair.twin_name}, f"portulan explain {pair.twin}")


def _standing(port: Port, here: Here, mine: tuple[Open, ...]) -> Iterator[Fact]:
    """Whether it is open here, and to whom."""
    for one in mine:
        if one.addresses:
            yield Fact("number.open", one.facts(), f"portulan {one.name}")
        if one.published:
            yield Fact("number.published", one.facts(), f"portulan reach {one.name}")
    if not mine and port.number:
        # A port that nobody holds may be published all the same: only the rules tell.
        yield Fact("number.unsure" if here.rules_unread else "number.closed", {"port": str(port)}, f"portulan why {port}")
    elsewhere = {item.netns for item in here.everywhere.items if item.netns_name is not None and item.port == port.number}
    if elsewhere:
        yield Fact("number.elsewhere", {"port": str(port), "count": len(elsewhere)}, f"portulan ls {port}")
    clients = here.everywhere.ephemeral
    if clients is not None and clients[0] <= port.number <= clients[1]:
        facts: dict[str, str | int] = {"port": str(port), "first": clients[0], "last": clients[1]}
        yield Fact("number.ephemeral", facts, "portulan explain ephemeral")


def _orders(port: Port, mine: tuple[Open, ...]) -> Iterator[Fact]:
    """What to type."""
    if not port.number:
        yield Fact("type.free", {}, "portulan free")
        return
    if mine:
        yield Fact("type.reach", {"port": str(port)}, f"portulan reach {port}")
        if any(one.wide in ("everyone", "maybe", "networks", "unknown") for one in mine):
            yield Fact("type.close", {"port": str(port)}, f"portulan guard close {port}")
    if any(one.addresses for one in mine):
        yield Fact("type.stop", {"port": str(port)}, f"portulan stop {port}")
    yield Fact("type.ping", {"port": str(port)}, f"portulan ping HOST:{port.number}" + ("/udp" if port.transport is Transport.UDP else ""))
