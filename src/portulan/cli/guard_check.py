"""`portulan guard check`: a policy read with care, before anything is applied."""

from __future__ import annotations

from portulan.cli.table import wrap
from portulan.model.finding import Level
from portulan.text import guard_check as text
from portulan.text.clean import clean
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.model.guard_check import Checked
    from portulan.text.voice import Voice

SUMMARY = mark("read the policy with care: mistakes, doubtful lines, who would be locked out")
NO = mark("something in it is doubtful")
EXAMPLES = (
    ("portulan guard check", mark("the policy, as it was understood, and what is doubtful")),
    ("portulan guard check --show-implied", mark("with everything that is kept without a line")),
    ("portulan guard check --policy web.toml --file-only", mark("of another machine: only the file")),
)
_STYLES = {Level.ERROR: ("bold", "red"), Level.WARNING: ("bold", "yellow"), Level.INFO: ("bold",)}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard import add_policy

    add_policy(parser, voice)
    parser.add_argument("--show-implied", action="store_true", help=voice.say("what is let through or refused without a line"))
    parser.add_argument("--file-only", action="store_true", help=voice.say("leave out who listens here and which interfaces there are"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell. 0: sound; 1: something doubtful (information apart); 2: a mistake."""
    from portulan.verbs.guard_check import guard_check

    answer = guard_check(options.policy, file_only=options.file_only)
    missing = text.missing(face.voice, answer)
    if options.json:
        extra = {"file": answer.file, "doubts": answer.doubts, "mistakes": answer.mistakes, "kept": answer.kept}
        face.envelope("guard-check", answer.lines, taken_at=answer.taken_at, missing=missing, extra=extra)
    elif answer.mistakes:
        for mistake in answer.mistakes:
            for line in text.mistake_lines(face.voice, mistake):
                face.note(line)
    else:
        _tell(face, answer, implied=options.show_implied)
        for sentence in missing:
            face.note(" " + sentence)
    if answer.mistakes:
        return 2
    return 1 if any(one.level is not Level.INFO for one in answer.doubts) else 0


def _tell(face: Face, answer: Checked, *, implied: bool) -> None:
    voice = face.voice
    face.line(text.headline(voice, answer))
    for section, heads in text.SECTIONS.items():
        lines = [one for one in answer.lines if one.section == section]
        if not lines:
            continue
        face.line()
        rows = [
            [str(one.line), clean(one.text), text.opens_words(voice, one.opens), clean(", ".join(one.senders)), text.with_words(voice, one)]
            for one in lines
        ]
        face.table(rows, ["", *(voice.say(head) for head in heads), ""], shrink=(2, 3, 4), right=(0,))
    if answer.doubts:
        face.line()
    for doubts in text.gathered(answer.doubts):
        level = doubts[0].level
        name = text.level_name(voice, level)
        first, *rest = wrap(f"{name}  {text.doubt_words(voice, doubts)}", face.width - 3)
        face.line(" " + face.style(name, *_STYLES[level]) + first[len(name) :])
        for line in rest:
            face.line("   " + line)
    if implied:
        face.line()
        face.line(voice.say("Without a line:"))
        for verdict, what, packets, source in text.kept_rows(voice, answer.kept):
            first, *rest = wrap(f"{verdict}  {what}", face.width - 3)
            for line in (" " + first, *("   " + more for more in rest)):
                face.line(line)
            face.line("   " + face.style(f"{packets}   {source}".rstrip(), "dim"))
