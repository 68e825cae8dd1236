"""What a policy would change, in words."""

from __future__ import annotations

from portulan.model.standing import Senders, Standing
from portulan.text.clean import clean
from portulan.text.reach import who
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.model.guard_life import Session
    from portulan.model.guard_plan import Plan, PlanRow, WayRow

_LONGEST = 200
_MOST_PORTS = 40
_FEW_PEERS = 3
_ALL = Senders("everyone")

REMARKS: dict[str, str] = {
    "loose": mark("Others than root may change {subject}, and so these rules: apply will refuse. Why:  portulan guard check"),
    "zones": mark("Between zones only this goes through: {subject}."),
    "strangers": mark("Nothing that comes in by {subject} goes through to other machines, but for published ports that a line opens."),
    "outgoing": mark("From this host only this goes out: {subject}."),
    "others": mark("{subject} belongs to another program and stays as it is: what it refuses stays refused."),
}


def line_of(voice: Voice, row: PlanRow) -> tuple[str, str, str, str]:
    """(ports, name, now, then) of a row, for a table."""
    ports = voice.count("{n} other", "{n} others", row.number) if row.others else row.ports
    if len(ports) > _MOST_PORTS:
        ports = voice.count("{n} port", "{n} ports", row.number)
    now = _who(voice, row.before, row.before_perhaps)
    then = _who(voice, row.after, row.after_perhaps)
    if row.senders and (row.after or row.after_perhaps):
        then = voice.say("everyone") if "everyone" in row.senders else ", ".join(clean(name, _LONGEST) for name in row.senders)
        if not row.after:
            then = voice.say("{who}, to a limit", who=then)
        if not row.changes:
            now = then
    return ports, clean(row.name or "-", _LONGEST), now, then


def _who(voice: Voice, sure: Sequence[Senders], perhaps: Sequence[Senders]) -> str:
    return who(voice, Standing("", tuple(sure), tuple(perhaps)))


def way_of(voice: Voice, row: WayRow) -> tuple[str, str, str, str]:
    """(way, ports, now, then) of what goes out or through, for a table."""
    parts = [word.partition("/") for word in row.ports.split()]
    ports = " ".join(voice.say("all {transport}", transport=kind) if span == "0-65535" else f"{span}/{kind}" for span, _, kind in parts)
    if len(ports) > _MOST_PORTS:
        ports = voice.count("{n} port", "{n} ports", row.number)
    elif row.name:
        ports = f"{ports} {clean(row.name, _LONGEST)}"
    leaves = clean(", ".join(row.leaves), _LONGEST)
    if row.way == "out":
        way = voice.say("this host -> {leaves}", leaves=leaves)
    else:
        way = f"{clean(', '.join(row.comes), _LONGEST)} -> {leaves}"
        if row.to != _ALL:
            way = voice.say("{way}, to {who}", way=way, who=_who(voice, (row.to,), ()))
    return way, ports, _who(voice, row.before, row.before_perhaps), _who(voice, row.after, row.after_perhaps)


def sessions(voice: Voice, plan: Plan) -> list[str]:
    """The connections that run where others are shut out, door by door; and our own."""
    doors: dict[str, list[str]] = {}
    for each in plan.sessions:
        doors.setdefault(door_of(voice, each), []).append(clean(each.peer, _LONGEST))
    found = []
    for door, peers in doors.items():
        several = list(dict.fromkeys(peers))
        shown = ", ".join(several[:_FEW_PEERS]) + (" …" if len(several) > _FEW_PEERS else "")
        found.append(
            voice.count(
                "{door}: {n} session open now ({peers}). It stays, unless you end it with  confirm --cut",
                "{door}: {n} sessions open now ({peers}). They stay, unless you end them with  confirm --cut",
                len(peers),
                door=door,
                peers=shown,
            )
        )
    if plan.peer is not None:
        found.append(voice.say("{door}: you are connected from {address}.", door=f"{plan.peer.own_port}/tcp", address=plan.peer.address))
    return found


def door_of(voice: Voice, session: Session) -> str:
    """`3389/tcp`; with the way, where it is not into this host."""
    door = f"{session.port}/{session.transport.value}"
    if session.way == "out":
        return voice.say("out to {door}", door=door)
    if session.way == "through":
        return voice.say("through to {to} {door}", to=session.to, door=door)
    return door


def remarks(voice: Voice, plan: Plan) -> list[str]:
    """What it does besides."""
    return [voice.say(REMARKS[each.code], subject=each.subject or voice.say("nothing")) for each in plan.remarks]


def headline(voice: Voice, plan: Plan) -> str:
    """The answer in one line."""
    changed = sum(row.changes for row in plan.rows)
    if not plan.changes:
        return voice.say("Nothing would change: these rules are in force.")
    if plan.trial:
        return voice.say("A trial has left its rules in the kernel: this is the plan beside them.")
    if plan.by_hand:
        return voice.say("Somebody changed our rules by hand: applying the policy loads them anew.")
    if not changed and not plan.ways:
        return voice.say("Nobody gets to other ports than now, but the rules themselves would be others.")
    return voice.say("{host}: what {file} would change", host=plan.host, file=plan.file)


SENTENCES: dict[str, str] = {
    "guard.interface": mark("{text} cannot be the name of an interface in a rule."),
    "guard.history": mark("rules that were kept cannot be read: the file is damaged, or of another version of Portulan."),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {}
