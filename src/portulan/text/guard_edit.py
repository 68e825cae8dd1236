"""Doors opened and closed in a policy file, told."""

from __future__ import annotations

from shlex import quote

from portulan.text.guard_check import with_words
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from portulan.model.guard_check import Edited

    class Asked(Protocol):
        """The words of a command line."""

        door: str
        to: list[str]
        policy: str | None
        limit: str | None
        note: str | None
        until: str | None
        helper: str | None
        log: bool


SENTENCES: dict[str, str] = {
    "policy.by-hand": mark("the line of {text} stands in a form that is not edited here: change it by hand."),
    "policy.not-named": mark("{text} is not among those to whom {door} is open by name: {known}."),
    "policy.no-spelling": mark(
        "each key that means {text} stands in [doors] already, on other terms ({known}): write the senders into one of these lines by hand."
    ),
    "guard.day": mark("{text} is no day: one like 2026-05-31 was expected."),
}
WAYS_OUT: dict[str, str] = {
    "policy.not-named": mark("close it to all of them, then open it to those who may:  portulan guard close {door}"),
}


def outcome(voice: Voice, edited: Edited, door: str, *, opened: bool) -> str:
    """What became of the file."""
    if not edited.changed:
        if opened:
            return _as_it_was(voice, edited, door)
        return voice.say("no line opens {door}: {file} stays as it is.", door=door, file=edited.file)
    if not edited.written:
        return voice.say("{file} would become:", file=edited.file)
    return voice.say("{file} is changed:", file=edited.file)


def _as_it_was(voice: Voice, edited: Edited, door: str) -> str:
    """Why a door is not opened any further."""
    if edited.by is None or edited.why not in ("idle", "other-terms"):
        return voice.say("{door} is open to them already: {file} stays as it is.", door=door, file=edited.file)
    facts = {"senders": ", ".join(edited.senders), "line": edited.by.line, "text": edited.by.text, "file": edited.file}
    if edited.why == "idle":
        return voice.say(
            "line {line} ({text}) lets {senders} in without that already, so that one more would do nothing: {file} stays as it is.",
            **facts,
        )
    return voice.say(
        "line {line} ({text}) is for {senders} already ({terms}): {file} stays as it is.", terms=with_words(voice, edited.by), **facts
    )


def remedy(voice: Voice, edited: Edited, asked: Asked) -> str:
    """How it becomes as it was asked for after all; empty where it is."""
    if edited.why not in ("wider", "idle", "other-terms"):
        return ""
    narrowed = [f"--to {quote(sender)}" for sender in edited.senders] if edited.named else []
    file = [] if asked.policy is None else [f"--policy {quote(asked.policy)}"]
    close = " ".join(["portulan guard close", quote(asked.door), *narrowed, *file])
    words = [f"--to {quote(sender)}" for sender in asked.to]
    words += [
        f"--{name} {quote(str(value))}" for name in ("limit", "note", "until", "helper") if (value := getattr(asked, name)) is not None
    ]
    words += ["--log"] if asked.log else []
    command = " && ".join([close, " ".join(["portulan guard open", quote(asked.door), *words, *file])])
    if edited.why == "wider":
        return voice.say("to them only:  {command}", command=command)
    return voice.say("as you asked:  {command}", command=command)
