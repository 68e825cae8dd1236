"""Who holds a port, told as a colleague would: the answer first, then the processes, why they run, what comes in, how to stop it."""

from __future__ import annotations

from datetime import datetime

from portulan.model.chart import Endpoint, Owner, Ownership, State
from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.model.who import Who
from portulan.text.chart import SERVING, bound_to, duration, namespace_name, plain_address, reached_by, telling_unit
from portulan.text.clean import clean
from portulan.text.process import label
from portulan.text.voice import Voice

_LONGEST = 200
_FITS = 40
"""Characters of a command that the table of processes has room for in 80 columns."""
_MOST_ROWS = 12
"""Holders listed one by one; what is more is counted."""


class Block(Record):
    """One holder's story: a sentence, its processes as rows (name, pid, user, command), and facts as (label, text)."""

    sentence: str
    processes: tuple[tuple[str, str, str, str], ...]
    facts: tuple[tuple[str, str], ...]
    stops: tuple[str, ...] = ()
    """The commands that end these holders."""


def blocks(voice: Voice, answer: Who) -> list[Block]:
    """One block for each set of holders; none when nobody holds the port."""
    groups: dict[tuple[object, ...], list[Endpoint]] = {}
    for item in answer.items:
        holders: tuple[object, ...] = (
            tuple(sorted({owner.pid for owner in item.owners})) if item.owners else (item.ownership, item.uid, item.unit)
        )
        groups.setdefault((item.netns, item.transport, item.state, holders), []).append(item)
    return [_block(voice, items, answer) for items in groups.values()]


def nobody(voice: Voice, answer: Who) -> str:
    """The answer when nothing was found."""
    port = named_port(answer)
    if answer.gaps:
        return voice.say("Nobody that may be seen holds {port}.", port=port)
    return voice.say("Nobody holds {port} on this machine.", port=port)


def elsewhere(voice: Voice, answer: Who) -> str | None:
    """The answer's first sentence where the port is held, but in other network namespaces only."""
    if not answer.items or any(item.netns_name is None for item in answer.items):
        return None
    return voice.say("Nobody holds {port} in this network namespace; in others it is held:", port=named_port(answer))


def named_port(answer: Who) -> str:
    """`80/tcp (http)`."""
    return f"{answer.port} ({clean(answer.service, _LONGEST)})" if answer.service else str(answer.port)


def _block(voice: Voice, items: list[Endpoint], answer: Who) -> Block:
    first = items[0]
    owners: dict[int, Owner] = {owner.pid: owner for item in items for owner in item.owners or ()}
    facts = [*story_facts(voice, items, owners), *_queue(voice, items), *_reach(voice, items)]
    if first.netns_name:
        facts.append((voice.say("lives in"), voice.say("another network namespace: {name}", name=namespace_name(voice, first))))
    stops = [
        clean(remedy.command, _LONGEST)
        for remedy in answer.remedies
        if remedy.netns == first.netns and (not owners.keys().isdisjoint(remedy.pids) or (first.held_by_kernel and not remedy.pids))
    ]
    return Block(_sentence(voice, items, owners, answer.taken_at), process_rows(voice, owners), tuple(facts), tuple(stops))


def _sentence(voice: Voice, items: list[Endpoint], owners: dict[int, Owner], now: datetime) -> str:
    first = items[0]
    port = f"{first.port}/{first.transport.value}" + (f" ({clean(first.service, _LONGEST)})" if first.service else "")
    where = bound_where(voice, items)
    names = join_names(voice, owners)
    if first.state not in SERVING:
        return _not_serving(voice, items, port, names)
    if first.ownership is Ownership.KERNEL:
        return voice.say(
            "{port} is held by the kernel itself on {where}, for {what}.", port=port, what=first.held_by_kernel or "?", where=where
        )
    if not owners:
        return _unseen(voice, first, port, where)
    if first.state is State.BOUND and first.transport is Transport.TCP:
        return voice.say("{port} is kept by {names} on {where}, without listening: no client gets in.", port=port, names=names, where=where)
    started = [owner.started_at for owner in owners.values() if owner.started_at]
    if not started:
        return voice.say("{port} is held by {names} on {where}.", port=port, names=names, where=where)
    since = duration(voice, (now - min(started)).total_seconds())
    return voice.say("{port} is held by {names} on {where}; running for {since}.", port=port, names=names, where=where, since=since)


def _not_serving(voice: Voice, items: list[Endpoint], port: str, names: str) -> str:
    item, left = items[0], 0
    for one in items:  # the connection that closes last
        if (expires_ms := max((socket.expires_ms or 0 for socket in one.sockets), default=0)) > left:
            item, left = one, expires_ms
    way = f"{plain_address(item.address)} -> {plain_address(item.peer or '?')}"
    if item.state is State.TIME_WAIT:
        return voice.say(
            "Nobody holds {port}, but a connection on it is still closing (TIME_WAIT, {seconds} s left): {way}.",
            port=port, seconds=-(-left // 1000), way=way,
        )  # fmt: skip
    if names:
        return voice.say(
            "Nobody serves {port}; a connection of {names} uses it ({state}): {way}.",
            port=port,
            names=names,
            state=item.state.value,
            way=way,
        )
    return voice.say("Nobody serves {port}; a connection uses it ({state}): {way}.", port=port, state=item.state.value, way=way)


def _unseen(voice: Voice, item: Endpoint, port: str, where: str) -> str:
    if item.state is State.BOUND and item.transport is Transport.TCP:
        return voice.say("{port} is kept on {where} without listening; the process that keeps it is not seen.", port=port, where=where)
    if item.ownership is Ownership.FORBIDDEN:
        return voice.say("{port} is open on {where}, but the process that holds it may not be looked into.", port=port, where=where)
    if item.ownership is Ownership.HIDDEN:
        return voice.say("{port} is open on {where}, but no process is seen to hold it.", port=port, where=where)
    return voice.say("{port} is open on {where}; this way of looking does not tell who holds it.", port=port, where=where)


def bound_where(voice: Voice, items: list[Endpoint]) -> str:
    """Where the endpoints are bound, in whole words: `all addresses`, `127.0.0.1`."""
    words = bound_to(voice, items)
    for short, long in (
        (voice.say("all 4+6"), voice.say("all addresses")),
        (voice.say("all 4"), voice.say("all IPv4 addresses")),
        (voice.say("all 6"), voice.say("all IPv6 addresses")),
    ):
        if words == short or words.startswith(short + " "):
            return long + words[len(short) :]
    return words


def join_names(voice: Voice, owners: dict[int, Owner]) -> str:
    """`nginx`, `nginx and python3 app.py`: each name once."""
    names = list(dict.fromkeys(clean(label(owner), _LONGEST) for owner in owners.values()))
    if len(names) > 1:
        return voice.say("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])
    return names[0] if names else ""


def process_rows(voice: Voice, owners: dict[int, Owner]) -> tuple[tuple[str, str, str, str], ...]:
    """Leaders, and below each the processes it started, those of one name and user together."""
    rows: list[tuple[str, str, str, str]] = []
    below: dict[int, list[Owner]] = {}
    for owner in owners.values():
        above = next((parent.pid for parent in owner.parents or () if parent.pid in owners), 0)
        below.setdefault(above, []).append(owner)
    for leader in below.get(0, ()):
        rows.append(_row(leader, ""))
        rows += _family(voice, leader.pid, below, "")
    if len(rows) > _MOST_ROWS:
        rest = len(rows) - _MOST_ROWS
        rows = [*rows[:_MOST_ROWS], (voice.count("{n} more", "{n} more", rest), "", "", "")]
    return tuple(rows)


def _family(voice: Voice, pid: int, below: dict[int, list[Owner]], indent: str) -> list[tuple[str, str, str, str]]:
    """The rows below one process."""
    rows: list[tuple[str, str, str, str]] = []
    alike: dict[tuple[object, ...], list[Owner]] = {}
    for owner in below.get(pid, ()):
        key = (owner.name, owner.user, owner.command) if owner.pid not in below else (owner.pid,)
        alike.setdefault(key, []).append(owner)
    for group in alike.values():
        if len(group) == 1:
            rows.append(_row(group[0], indent + "└ "))
        else:
            pids = sorted(owner.pid for owner in group)
            name = voice.say("{count} x {name}", count=len(group), name=clean(group[0].name, _LONGEST))
            rows.append((indent + "└ " + name, f"pid {pids[0]} … {pids[-1]}", _user(group[0]), _command(group[0])))
        rows += _family(voice, group[0].pid, below, indent + "  ")
    return rows


def _row(owner: Owner, indent: str) -> tuple[str, str, str, str]:
    return indent + clean(owner.name, _LONGEST), f"pid {owner.pid}", _user(owner), _command(owner)


def _user(owner: Owner) -> str:
    return clean(owner.user or ("?" if owner.uid is None else str(owner.uid)), _LONGEST)


def _command(owner: Owner) -> str:
    return clean(" ".join(owner.command or ()) or owner.executable or "", _LONGEST)


def story_facts(voice: Voice, items: list[Endpoint], owners: dict[int, Owner]) -> list[tuple[str, str]]:
    """Why it runs, where from, and who may be behind what cannot be seen."""
    facts = []
    first = items[0]
    leader = next(iter(owners.values()), None)
    if leader is not None:
        chain = [clean(parent.name, _LONGEST) for parent in reversed(leader.parents or ()) if parent.pid not in owners]
        unit = clean(leader.unit or "", _LONGEST) if telling_unit(leader) else ""
        words = [*_squeeze(chain), *([unit] if unit else [])]
        if words:
            facts.append((voice.say("why it runs"), " > ".join(words)))
        if leader.container:
            facts.append((voice.say("container"), clean(leader.container, _LONGEST)))
        if leader.executable:
            facts.append((voice.say("program"), clean(leader.executable, _LONGEST)))
        command = clean(shell_words(leader.command or ()), _LONGEST)
        if len(command) > _FITS:  # in the table above it is cut
            facts.append((voice.say("command"), command))
        if leader.cwd and leader.cwd != "/":
            facts.append((voice.say("works in"), clean(leader.cwd, _LONGEST)))
        return facts
    if first.ownership is not Ownership.KERNEL and (first.user or first.uid is not None):
        facts.append((voice.say("made by"), voice.say("user {user}", user=first.user or str(first.uid))))
    if first.unit:
        facts.append((voice.say("unit"), clean(first.unit, _LONGEST)))
    if first.candidates:
        names = ", ".join(f"{clean(one.name, _LONGEST)} (pid {one.pid})" for one in first.candidates[:4])
        facts.append((voice.say("probably"), names + ("…" if len(first.candidates) > 4 else "")))
    return facts


def shell_words(command: tuple[str, ...]) -> str:
    """The command as a shell would take it. A program that overwrote its arguments with one text is left as it wrote it."""
    if len(command) < 2:
        return "".join(command)
    from shlex import join

    return join(command)


def _squeeze(chain: list[str]) -> list[str]:
    """At most five steps: the first ones and the nearest."""
    return chain if len(chain) <= 5 else [*chain[:2], "…", *chain[-2:]]


def _reach(voice: Voice, items: list[Endpoint]) -> list[tuple[str, str]]:
    """Who can get to it, and the rule that says so."""
    known = [item for item in items if item.reach is not None and item.state in SERVING]
    if not known:
        return []
    from portulan.text.reach import deciding, place

    facts = [(voice.say("reached by"), reached_by(voice, known))]
    rules = dict.fromkeys(place(voice, rule) for item in known if item.reach is not None and (rule := deciding(item.reach)) is not None)
    return facts + [(voice.say("by rule") if at == 0 else "", rule) for at, rule in enumerate(rules)]


def _queue(voice: Voice, items: list[Endpoint]) -> list[tuple[str, str]]:
    """What comes in: connections, the accept queue, what was turned away."""
    words = []
    counts = [item.connections for item in items if item.connections is not None]
    if counts:
        words.append(voice.count("{n} connection", "{n} connections", sum(counts)))
    listening = [socket for item in items for socket in item.sockets if socket.backlog is not None]
    if listening:
        fullest = max(listening, key=lambda socket: (socket.backlog or 0, socket.backlog_limit or 0))
        words.append(voice.say("queue {backlog} of {limit}", backlog=fullest.backlog, limit=fullest.backlog_limit))
    drops = [socket.drops for item in items for socket in item.sockets if socket.drops is not None]
    if drops and items[0].state in SERVING and (listening or items[0].transport is not Transport.TCP):
        words.append(voice.count("{n} turned away", "{n} turned away", sum(drops)) if sum(drops) else voice.say("none turned away"))
    return [(voice.say("traffic"), " · ".join(words))] if words else []
