"""`portulan guard plan`: what applying the policy would change."""

from __future__ import annotations

from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.model.guard_plan import Plan
    from portulan.text.voice import Voice

SUMMARY = mark("what would change: who gets to which port, now and then, and the sessions that run")
NO = mark("applying it would change something")
EXAMPLES = (
    ("portulan guard plan", mark("before it is applied")),
    ("portulan guard plan --policy new.toml", mark("of another file")),
)
_STYLES = {True: ("yellow",), False: ("dim",)}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard import add_policy

    add_policy(parser, voice)


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell. 0: nothing would change; 1: something would."""
    from portulan.text.gaps import gap_sentence
    from portulan.verbs.guard_plan import guard_plan

    plan = guard_plan(options.policy)
    missing = [gap_sentence(face.voice, gap) for gap in plan.gaps]
    if options.json:
        extra = {
            "host": plan.host, "file": plan.file, "hash": plan.hash, "running": plan.running, "trial": plan.trial, "changes": plan.changes,
            "ways": plan.ways, "sessions": plan.sessions, "remarks": plan.remarks, "peer": plan.peer, "by_hand": plan.by_hand,
        }  # fmt: skip
        face.envelope("guard-plan", plan.rows, taken_at=plan.taken_at, missing=missing, extra=extra)
    else:
        _show(face, plan, options.policy)
        for text in missing:
            face.note(" " + text)
    return 1 if plan.changes else 0


def _show(face: Face, plan: Plan, policy: str | None) -> None:
    from shlex import quote

    from portulan.text.guard_plan import headline, line_of, remarks, sessions, way_of

    voice = face.voice
    face.line(face.style(headline(voice, plan), "bold"))
    lines = [line_of(voice, row) for row in plan.rows]
    if lines:

        def styles(row: int, column: int) -> tuple[str, ...]:
            return _STYLES[plan.rows[row].changes] if column in (2, 3) else ()

        face.line()
        face.table(lines, [voice.say("DOOR"), voice.say("NAME"), voice.say("NOW"), voice.say("THEN")], shrink=(1, 2, 3), styles=styles)
    if plan.ways:
        ways = [way_of(voice, row) for row in plan.ways]
        face.line()
        face.table(
            ways, [voice.say("WAY"), voice.say("PORTS"), voice.say("NOW"), voice.say("THEN")], shrink=(0, 1, 2, 3),
            styles=lambda _, column: _STYLES[True] if column in (2, 3) else (),
        )  # fmt: skip
    if not plan.changes:
        return
    for told in (sessions(voice, plan), remarks(voice, plan)):
        if told:
            face.line()
        for text in told:
            face.paragraph(text, " ")
    if not plan.trial:
        face.line()
        command = "portulan guard apply" + ("" if policy is None else f" --policy {quote(policy)}")
        face.line(" " + voice.say("Nothing is changed yet.  Try it for a while:  {command}", command=command))
