"""Doors opened and closed in a policy file, told."""

from __future__ import annotations

from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.guard_check import Edited

SENTENCES: dict[str, str] = {
    "policy.by-hand": mark("the line of {text} stands in a form that is not edited here: change it by hand."),
    "policy.not-named": mark("{text} is not among those to whom {door} is open by name: {known}."),
    "guard.day": mark("{text} is no day: one like 2026-05-31 was expected."),
}
WAYS_OUT: dict[str, str] = {
    "policy.not-named": mark("close it to all of them, then open it to those who may:  portulan guard close {door}"),
}


def outcome(voice: Voice, edited: Edited, door: str, *, opened: bool) -> str:
    """What became of the file."""
    if not edited.changed:
        if opened:
            return voice.say("{door} is open to them already: {file} stays as it is.", door=door, file=edited.file)
        return voice.say("no line opens {door}: {file} stays as it is.", door=door, file=edited.file)
    if not edited.written:
        return voice.say("{file} would become:", file=edited.file)
    return voice.say("{file} is changed:", file=edited.file)
