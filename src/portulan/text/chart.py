"""The chart in words: one line a port, addresses and processes gathered."""

from __future__ import annotations

from datetime import datetime

from portulan.model.address import EXPOSURE_ORDER, Exposure
from portulan.model.chart import Chart, Endpoint, Owner, Ownership, State
from portulan.model.port import PortClass
from portulan.model.record import Record
from portulan.text.clean import clean
from portulan.text.process import label
from portulan.text.voice import Voice

SERVING = (State.LISTENING, State.BOUND)
_LONGEST_NAME = 60
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


class Line(Record):
    """One line of the chart: texts ready for a terminal, and what colours need."""

    port: str
    service: str
    held_by: str
    bound_to: str
    reached_by: str
    peer: str
    state: str
    user: str
    since: str
    queue: str
    connections: str
    namespace: str
    port_class: PortClass
    exposure: Exposure
    known: bool
    """Whether the holder is known."""
    wide: str
    """How widely it can be reached, in one word of `model.standing`."""


def lines(voice: Voice, chart: Chart) -> list[Line]:
    """The chart's endpoints as lines, in their order. Endpoints of one port with the same holders are one line."""
    groups: dict[tuple[object, ...], list[Endpoint]] = {}
    for item in chart.items:
        holders = tuple(sorted({owner.pid for owner in item.owners})) if item.owners else (item.ownership, item.uid, item.unit)
        peer = None if item.state in SERVING else (item.peer, item.address)
        groups.setdefault((item.netns, item.port, item.transport, item.state, peer, holders), []).append(item)
    labels: dict[tuple[tuple[int, str], ...], str] = {}
    return [_line(voice, items, chart.taken_at, labels) for items in groups.values()]


def _line(voice: Voice, items: list[Endpoint], now: datetime, labels: dict[tuple[tuple[int, str], ...], str]) -> Line:
    first = items[0]
    started = [owner.started_at for item in items for owner in item.owners or () if owner.started_at]
    listening = [socket for item in items for socket in item.sockets if socket.backlog is not None]
    counts = [item.connections for item in items if item.connections is not None]
    return Line(
        port=f"{first.port}/{first.transport.value}",
        service=clean(first.service or "-", _LONGEST_NAME),
        held_by=_held_by(voice, items, labels),
        bound_to=bound_to(voice, items),
        reached_by=reached_by(voice, items),
        peer=clean(plain_address(first.peer or "-"), _LONGEST_NAME),
        state=first.state.value,
        user=clean(next((item.user for item in items if item.user), None) or ("-" if first.uid is None else str(first.uid)), _LONGEST_NAME),
        since=duration(voice, (now - min(started)).total_seconds()) if started else "-",
        queue=f"{max(s.backlog or 0 for s in listening)}/{max(s.backlog_limit or 0 for s in listening)}" if listening else "-",
        connections=f"{sum(counts):,}" if counts else "-",
        namespace=namespace_name(voice, first),
        port_class=first.port_class,
        exposure=max((item.exposure for item in items), key=EXPOSURE_ORDER.index),
        known=first.ownership in (Ownership.PROCESS, Ownership.KERNEL),
        wide=widest(items),
    )


def namespace_name(voice: Voice, item: Endpoint) -> str:
    """The network namespace, by name where it has one."""
    return clean(item.netns_name, _LONGEST_NAME) if item.netns_name else voice.say("this one")


def _held_by(voice: Voice, items: list[Endpoint], labels: dict[tuple[tuple[int, str], ...], str]) -> str:
    """What `held_by` says; remembered, since one process may hold a thousand ports. What systemd holds, it holds for another unit each."""
    holders = tuple(sorted({(owner.pid, owner.unit or "") for item in items for owner in item.owners or ()}))
    if not holders:
        return held_by(voice, items)
    if holders not in labels:
        labels[holders] = held_by(voice, items)
    return labels[holders]


def held_by(voice: Voice, items: list[Endpoint]) -> str:
    """`nginx nginx.service x5`, `kernel: vxlan vx0`, `(forbidden) ssh.service`."""
    first = items[0]
    if first.ownership is Ownership.KERNEL:
        return voice.say("kernel: {what}", what=first.held_by_kernel or "")
    if not first.owners:
        return _unknown_holder(voice, first)
    owners: dict[int, Owner] = {owner.pid: owner for item in items for owner in item.owners or ()}
    names: dict[str, int] = {}
    for owner in owners.values():
        names[label(owner)] = names.get(label(owner), 0) + 1
    text = ", ".join(clean(name, _LONGEST_NAME) + (f" x{count}" if count > 1 else "") for name, count in names.items())
    unit = next((owner.unit for owner in owners.values() if telling_unit(owner)), None)
    container = next((owner.container for owner in owners.values() if owner.container), None)
    if container:
        runtime, _, name = container.partition(":")
        return f"{text}  {clean(name, _LONGEST_NAME)} ({clean(runtime, _LONGEST_NAME)})"
    return f"{text}  {clean(unit, _LONGEST_NAME)}" if unit else text


def telling_unit(owner: Owner) -> bool:
    """Whether the unit adds to the process's name: sessions and the first process's own scope do not."""
    unit = owner.unit or ""
    return unit.endswith((".service", ".socket")) and not unit.startswith("user@")


def _unknown_holder(voice: Voice, item: Endpoint) -> str:
    unit = clean(item.unit, _LONGEST_NAME) if item.unit and item.unit.endswith((".service", ".socket")) else ""
    candidates = sorted({label(owner) for owner in item.candidates})
    if candidates:
        guess = voice.say("probably {names}", names=", ".join(candidates[:3]) + ("…" if len(candidates) > 3 else ""))
        return f"{guess}  {unit}" if unit else guess
    words = {
        Ownership.FORBIDDEN: voice.say("(may not be seen)"),
        Ownership.HIDDEN: voice.say("(nobody seen)"),
        Ownership.NONE: "-",
    }
    text = words.get(item.ownership, voice.say("(unknown)"))
    return f"{unit} {text}" if unit else text


def bound_to(voice: Voice, items: list[Endpoint]) -> str:
    """`all 4+6`, `127.0.0.1 ::1`, `10.0.0.5%eth0`."""
    four = any(plain_address(item.address) == "0.0.0.0" for item in items)  # noqa: S104 - compared, not bound
    six = any(item.address == "::" for item in items)
    both = any(item.address == "::" and any(socket.v6_only is False for socket in item.sockets) for item in items)
    words = []
    if both or (four and six):
        words.append(voice.say("all 4+6"))
    elif four:
        words.append(voice.say("all 4"))
    elif six:
        words.append(voice.say("all 6"))
    for item in items:
        address = plain_address(item.address)
        if address not in ("0.0.0.0", "::") and address not in words:  # noqa: S104
            words.append(address)
    devices = sorted({socket.device for item in items for socket in item.sockets if socket.device})
    return " ".join(words) + "".join(f" %{clean(device, _LONGEST_NAME)}" for device in devices)


def reached_by(voice: Voice, items: list[Endpoint]) -> str:
    """Who can get to a port by any of its endpoints: `everyone`, `203.0.113.0/24`; `-` of what serves nobody new, `?` where it is unknown."""
    if items[0].state not in SERVING:
        return "-"
    from portulan.text.reach import unhindered, who

    texts: dict[str, Endpoint] = {}
    for item in items:
        texts.setdefault(who(voice, item.reach), item)
    if len(texts) == 1:
        return next(iter(texts))
    wides = {text: None if item.reach is None else item.reach.wide for text, item in texts.items()}
    # What only adds somebody who is there anyway says nothing.
    if "everyone" in wides.values():
        told = [text for text, item in texts.items() if wides[text] == "everyone" or not unhindered(item.reach)]
    else:
        told = list(texts)
    for little in ("nobody", "this-host"):
        told = [text for text in told if wides[text] != little] or told
    if len(told) == 1 and wides[told[0]] == "everyone":
        shut = [item for item in items if item.address in _WILDCARDS and not unhindered(item.reach) and who(voice, item.reach) != told[0]]
        if shut and texts[told[0]].address in _WILDCARDS:
            return voice.say("{who} by IPv{version}", who=told[0], version=6 if ":" in texts[told[0]].address else 4)
    return ", ".join(told)


def widest(items: list[Endpoint]) -> str:
    """The widest of the words that tell how these stand."""
    words = {"unknown" if item.reach is None else item.reach.wide for item in items}
    return next((word for word in ("everyone", "maybe", "networks", "unknown", "this-host") if word in words), "nobody")


def plain_address(text: str) -> str:
    """An IPv4-mapped address, alone or with a port, as the IPv4 address it stands for on the wire."""
    return text.replace("[::ffff:", "", 1).replace("]", "", 1) if text.startswith("[::ffff:") and "." in text else _unmapped(text)


def _unmapped(text: str) -> str:
    return text.removeprefix("::ffff:") if "." in text else text


def duration(voice: Voice, seconds: float) -> str:
    """`4 s`, `12 min`, `3 h`, `12 days`: the largest unit that fits, rounded down."""
    if seconds < 60:
        return voice.say("{n} s", n=max(0, int(seconds)))
    if seconds < 3600:
        return voice.say("{n} min", n=int(seconds // 60))
    if seconds < 2 * 86_400:
        return voice.say("{n} h", n=int(seconds // 3600))
    return voice.count("{n} day", "{n} days", int(seconds // 86_400))


def headline(voice: Voice, chart: Chart) -> str:
    """`web-01   12 ports · 3 on all addresses`."""
    serving = [item for item in chart.items if item.state in SERVING]
    here = {(item.transport, item.port) for item in serving if not item.netns_name}
    wide = {(item.transport, item.port) for item in serving if not item.netns_name and item.exposure is Exposure.ALL}
    parts = [voice.count("{n} port", "{n} ports", len(here))]
    if any(item.reach is not None for item in serving):
        for_all = {
            (item.transport, item.port)
            for item in serving
            if not item.netns_name and item.reach is not None and item.reach.wide == "everyone"
        }
        parts.append(voice.count("{n} can be reached by everyone", "{n} can be reached by everyone", len(for_all)))
    elif wide:
        parts.append(voice.count("{n} on all addresses", "{n} on all addresses", len(wide)))
    others = sum(item.state not in SERVING for item in chart.items)
    if others:
        parts.append(voice.count("{n} connection", "{n} connections", others))
    away = {(item.netns, item.transport, item.port) for item in serving if item.netns_name}
    if away:
        places = voice.count("{n} other network namespace", "{n} other network namespaces", len({netns for netns, _, _ in away}))
        parts.append(voice.count("{n} more in {places}", "{n} more in {places}", len(away), places=places))
    return f"{clean(chart.host, _LONGEST_NAME)}   {' · '.join(parts)}"
