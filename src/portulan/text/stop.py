"""Ending a holder, in words: what would be done, what stands against it, what came of it. Each refusal with its way out."""

from __future__ import annotations

from portulan.model.chart import Endpoint, Owner, Ownership, State
from portulan.model.stop import Outcome, Refusal, Step, StepKind, Stop, Verdict, When
from portulan.text.chart import SERVING
from portulan.text.clean import clean
from portulan.text.process import label
from portulan.text.voice import Voice, mark
from portulan.text.who import blocks, named_port

_LONGEST = 200
_MOST_PIDS = 12
"""Processes named in one line."""

SENTENCES: dict[str, str] = {
    "stop.one-port": mark("{text} means several ports ({ports}): stop takes one at a time."),
    "stop.wait": mark("{text} is not a time to wait: seconds from 0 to 3600 were expected."),
    "stop.linux-only": mark("only Linux lets a process be held on to, so that no other one is ended in its place: nothing was done."),
    "stop.no-pidfd": mark(
        "processes cannot be held on to here (pidfd: {reason}), so another one might be ended in their place: nothing was done."
    ),
}
WAYS_OUT: dict[str, str] = {
    "stop.one-port": mark("the holders of several ports:  portulan ls {text}"),
    "stop.linux-only": mark("who holds it:  portulan who {port}"),
    "stop.no-pidfd": mark("Linux 5.3 and newer can."),
}

REFUSALS: dict[str, tuple[str, str]] = {
    "stop.first-process": (
        mark("{subject} is the first process (pid 1): all of the system would end with it."),
        mark("if it holds the port for a unit, that unit is what to stop:  systemctl list-sockets"),
    ),
    "stop.itself": (
        mark("this program holds the port itself, through a descriptor that it was started with."),
        mark("from another shell:  {again}"),
    ),
    "stop.ancestor": (
        mark("{subject} (pid {pid}) runs the session that you are in: it would end with it."),
        mark("from another terminal:  {again}"),
    ),
    "stop.session": (
        mark("{subject} (pid {pid}) serves the ssh session that you are in: you might not get in again."),
        mark("from the machine's own console:  {again}"),
    ),
    "stop.own-unit": (
        mark("you are inside {subject} yourself: it would end with it."),
        mark("from outside:  {command}"),
    ),
    "stop.kernel": (
        mark("the kernel itself holds the port, for {subject}: there is no process to end."),
        mark("to take it away:  {command}"),
    ),
    "stop.not-permitted": (
        mark("{subject} (pid {pid}) belongs to {user}: you may not end it."),
        mark("to do it as root:  sudo {again}"),
    ),
}  # fmt: skip
"""Code -> why a process is not ended, and the way out."""


def refusal_lines(voice: Voice, answer: Stop, again: str) -> list[str]:
    """What stands against it, a sentence and a way out each. `again` is the command as it was typed."""
    users = {target.owner.pid: target.owner.user or str(target.owner.uid) for target in answer.targets}
    lines = []
    for refusal in answer.refusals:
        facts = {**_facts_of(refusal), "again": again, "user": users.get(refusal.pid or 0, "?")}
        sentence, way = REFUSALS[refusal.code]
        lines.append(voice.say("Nothing was ended: {why}", why=voice.say(sentence, **facts)))
        if refusal.command or "{command}" not in way:
            lines.append(" " + voice.say(way, **facts))
    return list(dict.fromkeys(lines))


def _facts_of(refusal: Refusal) -> dict[str, object]:
    return {"subject": refusal.subject, "pid": refusal.pid, "command": refusal.command or ""}


# What would be done


def plan_facts(voice: Voice, plan: Stop) -> list[tuple[str, str]]:
    """What ends besides, and the steps: (label, text)."""
    facts = []
    others = list(dict.fromkeys(port for target in plan.targets for port in target.also_holds))
    if others:
        shown = ", ".join(others[:_MOST_PIDS]) + ("…" if len(others) > _MOST_PIDS else "")
        facts.append((voice.say("also ends"), voice.say("what listens on {ports}", ports=shown)))
    if plan.connections:
        facts.append((voice.say("cuts"), voice.count("{n} connection", "{n} connections", plan.connections)))
    first = True
    for step in plan.steps:
        facts.append((_when(voice, step, plan, first=first), command_text(voice, step)))
        first = False
    return facts


def _when(voice: Voice, step: Step, plan: Stop, *, first: bool) -> str:
    if step.when is When.LATE:
        return voice.say("after {seconds:g} s", seconds=plan.wait_s)
    return voice.say("to end it") if first else voice.say("then")


def command_text(voice: Voice, step: Step) -> str:
    """The step as one would type it, and whom it is meant for."""
    command = clean(step.command, _LONGEST) if step.kind is StepKind.COMMAND else _kill_text(step)
    if step.when is When.LEFT_OVER:
        return voice.say("{command}   (those that have not ended with it)", command=command)
    if step.when is When.LATE:
        return voice.say("{command}   (those that are left)", command=command)
    return command


def _kill_text(step: Step) -> str:
    if len(step.pids) <= _MOST_PIDS:
        return step.command
    return f"kill {'-KILL ' if step.kind is StepKind.KILL else ''}{step.pids[0]} … {step.pids[-1]}"


# What came of it


def outcome(voice: Voice, answer: Stop, again: str) -> list[str]:  # noqa: C901, PLR0911 - a table of sentences
    """The answer's lines, the first one the answer itself. `again` is the command as it was typed, without its -y."""
    port = str(answer.who.port)
    match answer.verdict:
        case Verdict.NOBODY:
            told = [block.sentence for block in blocks(voice, answer.who)]
            return told or [voice.say("Nobody holds {port}: there is nothing to stop.", port=named_port(answer.who))]
        case Verdict.ELSEWHERE:
            names = ", ".join(clean(name, _LONGEST) for name in answer.elsewhere)
            here = voice.say("Nobody holds {port} in this network namespace; in another one it is held: {names}.", port=port, names=names)
            return [here, " " + voice.say("to end that:  {again} --netns {name}", again=again, name=answer.elsewhere[0])]
        case Verdict.CONNECTIONS:
            told = [block.sentence for block in blocks(voice, answer.who)]
            return [*told, " " + voice.say("to end it all the same:  {again} --connections", again=again)]
        case Verdict.REFUSED:
            return refusal_lines(voice, answer, again)
        case Verdict.NOT_PERMITTED if answer.refusals:
            return refusal_lines(voice, answer, again)
        case Verdict.NOT_PERMITTED | Verdict.UNSEEN:
            told = [block.sentence for block in blocks(voice, answer.who._replace(items=_blind(answer)))]
            return [*told, voice.say("Nothing was ended: whoever holds the port cannot be told.")]
        case Verdict.DECLINED:
            return [voice.say("Nothing was ended.")]
        case Verdict.NO_TERMINAL:
            asking = voice.say("Nothing was ended: there is no terminal to ask on.")
            return [asking, " " + voice.say("to end it without being asked:  {again} -y", again=again)]
        case Verdict.CHANGED:
            names = _names(voice, [target.owner for target in answer.targets])
            changed = voice.say("Nothing was ended: meanwhile {names} holds the port too.", names=names)
            return [changed, " " + voice.say("look again:  {again}", again=again)]
        case Verdict.FAILED:
            return _failed(voice, answer, again)
        case Verdict.STILL_HELD | Verdict.CAME_BACK:
            return _held(voice, answer, port, again)
    return _freed(voice, answer, port)


def _blind(answer: Stop) -> tuple[Endpoint, ...]:
    return tuple(item for item in answer.who.items if not item.owners)


def _freed(voice: Voice, answer: Stop, port: str) -> list[str]:
    ended = [target.owner for target in answer.targets if target.outcome in (Outcome.ENDED, Outcome.KILLED)]
    seconds = f"{answer.took_s or 0:.1f}"
    if ended:
        names = _names(voice, ended)
        lines = [
            voice.count(
                "{port} is free: {names} has ended ({seconds} s).",
                "{port} is free: {names} has ended, {n} processes ({seconds} s).",
                len(ended),
                port=port,
                names=names,
                seconds=seconds,
            )
        ]
    else:
        lines = [voice.say("{port} is free ({seconds} s).", port=port, seconds=seconds)]
    killed = [target.owner for target in answer.targets if target.outcome is Outcome.KILLED]
    if killed:
        lines.append(
            " " + voice.say("{who} did not end when asked and was killed: what was not saved is lost.", who=_people(voice, killed))
        )
    working = [target.owner for target in answer.targets if target.outcome is Outcome.LET_GO and target.owner.pid != 1]
    if working:
        lines.append(" " + voice.say("{who} has let go of the port and is still at work.", who=_people(voice, working)))
    return lines + _left(voice, answer)


def _left(voice: Voice, answer: Stop) -> list[str]:
    """Connections that sit on the port still, and what they mean for the next server."""
    lines = []
    closing = [item for item in answer.left if item.ownership is Ownership.NONE]
    if closing:
        left_ms = max((socket.expires_ms or 0 for item in closing for socket in item.sockets), default=0)
        lines.append(
            " "
            + voice.count(
                "{n} connection on it is still closing (TIME_WAIT, {seconds} s left).",
                "{n} connections on it are still closing (TIME_WAIT, {seconds} s left).",
                len(closing),
                seconds=-(-left_ms // 1000),
            )
        )
        shared = {socket.reuse_address for item in answer.who.items for socket in item.sockets if item.state is State.LISTENING}
        if shared == {True}:
            lines.append(" " + voice.say("A server that sets SO_REUSEADDR, as most do, can start now."))
        elif False in shared:
            lines.append(" " + voice.say("A new server has to wait for that: the old one had not set SO_REUSEADDR."))
    held = [item for item in answer.left if item.owners and item.state not in SERVING]
    if held:
        owners = [owner for item in held for owner in item.owners or ()]
        lines.append(
            " "
            + voice.count(
                "{n} connection on it is still open, of {who}.",
                "{n} connections on it are still open, of {who}.",
                len(held),
                who=_people(voice, owners),
            )
        )
    return lines


def _failed(voice: Voice, answer: Stop, again: str) -> list[str]:
    step = next(step for step in answer.steps if step.status)
    reason = clean(" ".join((step.detail or "").split()), _LONGEST)
    told = voice.say(
        "{port} is not free: “{command}” failed ({status}).", port=str(answer.who.port), command=step.command, status=step.status
    )
    lines = [told, *([" " + reason] if reason else [])]
    return [*lines, " " + voice.say("to end the processes themselves:  {again} --direct", again=again)]


def _held(voice: Voice, answer: Stop, port: str, again: str) -> list[str]:
    owners = [owner for item in answer.left if item.state in SERVING for owner in item.owners or ()]
    who = _people(voice, owners) if owners else voice.say("somebody who may not be seen")
    if answer.verdict is Verdict.CAME_BACK:
        parent = next((parent for owner in owners for parent in (owner.parents or ())[:1]), None)
        lines = [voice.say("{port} was free for a moment, and is held again, by {who}.", port=port, who=who)]
        if parent is not None and parent.pid != 1:
            starter = voice.say("{name} (pid {pid})", name=clean(parent.name, _LONGEST), pid=parent.pid)
            lines.append(" " + voice.say("It was started by {starter}: that is what to stop.", starter=starter))
        elif any(owner.unit for owner in owners):
            lines.append(" " + voice.say("Its unit starts it again. To stop that:  {again}", again=again))
        return lines
    lines = [voice.say("{port} is still held, by {who}.", port=port, who=who)]
    known = {target.owner.pid for target in answer.targets}
    if not owners:
        return lines
    if not any(owner.pid in known for owner in owners):
        lines.append(" " + voice.say("It was given the port by a process that has ended.  End it too:  {again}", again=again))
    elif not any(step.kind is StepKind.KILL for step in answer.steps):
        lines.append(" " + voice.say("to leave it no choice:  {again} --wait 0", again=again))
    else:
        lines.append(" " + voice.say("Even killed it has not ended: it waits for a disk, a network file system or a driver."))
    return lines


def _names(voice: Voice, owners: list[Owner]) -> str:
    names = list(dict.fromkeys(clean(label(owner), _LONGEST) for owner in owners))
    return names[0] if len(names) == 1 else voice.say("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])


def _people(voice: Voice, owners: list[Owner]) -> str:
    """`nginx (pid 812)`, `nginx (pid 815, 816, 817)`."""
    pids: dict[str, dict[int, None]] = {}
    for owner in owners:
        pids.setdefault(clean(label(owner), _LONGEST), {})[owner.pid] = None
    told = [
        voice.say("{name} (pid {pid})", name=name, pid=", ".join(map(str, [*some][:_MOST_PIDS])) + ("…" if len(some) > _MOST_PIDS else ""))
        for name, some in pids.items()
    ]
    return told[0] if len(told) == 1 else voice.say("{names} and {last}", names=", ".join(told[:-1]), last=told[-1])
