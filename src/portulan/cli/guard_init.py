"""`portulan guard init`: a first policy."""

from __future__ import annotations

from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

SUMMARY = mark("draft a first policy from what listens here and who gets to it now")
EXAMPLES = (
    ("sudo portulan guard init", mark("write it where there is none yet")),
    ("sudo portulan guard init --print", mark("only look at it")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard import add_policy

    add_policy(parser, voice)
    parser.add_argument("--print", dest="only_print", action="store_true", help=voice.say("print it, write nothing"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Draft, write, tell."""
    from shlex import quote

    from portulan.text.gaps import gap_sentence
    from portulan.text.guard_draft import draft_text
    from portulan.verbs.guard_init import guard_draft, write_draft

    voice = face.voice
    drafted, gaps = guard_draft()
    missing = [gap_sentence(voice, gap) for gap in gaps]
    text = draft_text(voice, drafted)
    if options.only_print and not options.json:
        face.out.write(text)
    file = None if options.only_print else write_draft(text, options.policy)
    if options.json:
        face.envelope("guard-init", [drafted], taken_at=drafted.taken_at, missing=missing, extra={"file": file, "text": text})
        return 0
    if file is not None:
        named = "" if options.policy is None else f" --policy {quote(options.policy)}"
        lines = voice.count("{n} line", "{n} lines", len(drafted.doors) + drafted.ping)
        face.line(voice.say("{file} is written: {lines} for what is open now. Nothing is applied yet.", file=file, lines=lines))
        face.line(" " + voice.say("read it     {command}", command=f"less {quote(file)}"))
        face.line(" " + voice.say("check it    {command}", command=f"portulan guard check{named}"))
        face.line(" " + voice.say("try it      {command}", command=f"portulan guard apply{named}"))
    for sentence in missing:
        face.note(" " + sentence)
    return 0
