"""`portulan audit`: what is open, or running, that should not be."""

from __future__ import annotations

from portulan.cli.face import Face, program_name
from portulan.cli.table import width_of, wrap
from portulan.errors import BadInput
from portulan.model.finding import LEVELS, Doubt, Level
from portulan.text import audit as text
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.model.finding import Audit

NO = mark("something was found at the level of --fail-on, or above")
EXAMPLES = (
    ("sudo portulan audit", mark("everything that should not be open, with the way out")),
    ("portulan audit --policy portulan.toml", mark("by a list of wanted ports")),
    ("portulan audit --fail-on error", mark("for a CI job: only what must be closed fails it")),
    ("portulan audit --ignore open.database:5432/tcp", mark("all but this one")),
    ("portulan audit --ignore-file ignores.toml", mark("all but these, with the reason of each")),
    ("portulan audit --sarif", mark("for programs that gather findings")),
)
NEVER = "never"
_STYLES = {Level.ERROR: ("bold", "red"), Level.WARNING: ("bold", "yellow"), Level.INFO: ("bold",)}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("--policy", metavar="FILE", help=voice.say("a file whose [doors] are the ports that are wanted open"))
    parser.add_argument(
        "--fail-on",
        metavar="LEVEL",
        default=Level.WARNING.value,
        help=voice.say("exit 1 from this level on: info, warning (default), error, never"),
    )
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="ID", help=voice.say("leave out a finding: its id, or id:port for one port only")
    )
    parser.add_argument("--ignore-file", metavar="FILE", help=voice.say("leave out what this TOML file names, a reason beside each"))
    parser.add_argument("--list", action="store_true", help=voice.say("the ids of all findings, and what they mean"))
    parser.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))
    shape = parser.add_argument_group(voice.say("form"))
    shape.add_argument("--all", action="store_true", help=voice.say("show what is ignored, too"))
    shape.add_argument("--jsonl", action="store_true", help=voice.say("print one JSON object a line, one for each finding"))
    shape.add_argument("--sarif", action="store_true", help=voice.say("print SARIF 2.1.0"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell. 0: nothing at the level; 1: something; 3: nothing that is certain, but not all of it could be judged."""
    forms = [name for name in ("--json", "--jsonl", "--sarif") if getattr(options, name[2:])]
    if len(forms) > 1:
        raise BadInput("form.two", first=forms[0], second=forms[1])
    level = _level(options.fail_on)
    if options.list:
        return _list(face)
    from portulan.verbs.audit import audit

    answer = audit(policy=options.policy, ignore=options.ignore, ignore_file=options.ignore_file, source=options.source)
    missing = text.missing(face.voice, answer)
    unused = text.unused_sentences(face.voice, answer)
    if options.json:
        face.envelope("audit", answer.items, taken_at=answer.taken_at, missing=missing, extra=envelope_facts(answer))
    elif options.jsonl:
        from portulan.cli.envelope import as_row, encode

        for one in answer.items:
            face.bytes(encode(as_row(one)))
    elif options.sarif:
        from portulan.cli.envelope import encode
        from portulan.cli.sarif import sarif_log

        face.bytes(encode(sarif_log(face.voice, answer, missing)))
    else:
        tell(face, answer, everything=options.all)
    if not options.json and not options.sarif:
        _talk(face, answer, missing)
    for sentence in unused:
        face.note(" " + sentence)
    return exit_status(answer, level)


def envelope_facts(answer: Audit) -> dict[str, object]:
    """What the envelope tells besides its items."""
    return {
        "host": answer.host, "source": answer.source, "doors": answer.doors, "elsewhere": answer.elsewhere, "private": answer.private, "policy": answer.policy,
        "authors": answer.authors, "unjudged": answer.unjudged, "unused": answer.unused,
    }  # fmt: skip


def _level(name: str) -> Level | None:
    """None for `never`."""
    if name.lower() == NEVER:
        return None
    try:
        return Level(name.lower())
    except ValueError:
        raise BadInput("audit.level", text=name, known=", ".join((*LEVELS, NEVER))) from None


def exit_status(answer: Audit, level: Level | None) -> int:
    """A finding that only may be, because what decides could not be read, fails nobody, but neither does it pass: that is 3. So is a clean answer with a hole in it."""
    if level is None:
        return 0
    found = answer.at_least(level)
    if any(one.doubt is not Doubt.UNREAD for one in found):
        return 1
    hidden = any(LEVELS.index(one.hides) >= LEVELS.index(level) for one in answer.unjudged)
    return 3 if found or hidden else 0


def tell(face: Face, answer: Audit, *, everything: bool) -> None:
    """The findings, the worst first."""
    face.line(text.headline(face.voice, answer))
    worth = text.worth_of_everyone(face.voice, answer)
    if worth and answer.items:
        for line in wrap(worth, face.width - 1):
            face.line(" " + line)
    for finding in answer.items:
        if finding.ignored is None or everything:
            face.line()
            _block(face, text.block(face.voice, finding), finding.doubt)


def _block(face: Face, block: text.Block, doubt: Doubt | None) -> None:
    voice = face.voice
    name = voice.say(text.LEVEL_NAMES[block.level])
    lines = wrap(f"{name}  {block.title}", face.width)
    for line in lines:
        face.line(face.style(line, *(() if block.ignored else _STYLES[block.level])))
    facts = [(voice.say("why"), block.why)] if block.why else []
    facts += [(voice.say("seen") if at == 0 else "", told) for at, told in enumerate(block.evidence)]
    if doubt is not None:
        facts.append((voice.say("doubt"), text.doubt_words(voice, doubt)))
    labels = [label for label, _ in facts] + [voice.say("fix"), voice.say("id"), voice.say("ignored")]
    size = max(width_of(label) for label in labels)
    for label, told in facts:
        _fact(face, label, told, size)
    for at, (what, command) in enumerate(block.fixes):
        _label(face, voice.say("fix") if at == 0 else "", what + ":", size)
        face.line(" " * (size + 4) + "  " + command)  # a command is never cut: it is to be copied
    _label(face, voice.say("id"), block.key, size)
    if block.ignored is not None:
        _fact(face, voice.say("ignored"), block.ignored, size)


def _fact(face: Face, label: str, told: str, size: int) -> None:
    first, *rest = wrap(told, max(20, face.width - size - 4))
    _label(face, label, first, size)
    for line in rest:
        face.line(" " * (size + 4) + line)


def _label(face: Face, label: str, told: str, size: int) -> None:
    face.line(" " + face.style(label, "dim") + " " * (size - width_of(label)) + "   " + told)


def _talk(face: Face, answer: Audit, missing: list[str]) -> None:
    for sentence in missing:
        face.note(" " + sentence)
    if any(one.code == "rules.unread" and one.facts.get("code") == "nft.forbidden" for one in answer.unjudged):
        face.note(" " + face.voice.say("See all:  sudo {command}", command=f"{program_name()} audit"))
    if answer.elsewhere:
        face.note(
            " "
            + face.voice.count(
                "{n} port in other network namespaces was not judged: it is judged from inside (ip netns exec NAME portulan audit).",
                "{n} ports in other network namespaces were not judged: they are judged from inside (ip netns exec NAME portulan audit).",
                answer.elsewhere,
            )
        )


def _list(face: Face) -> int:
    """All ids."""
    from portulan.audit.catalogue import IDS
    from portulan.text.findings import ABOUT

    face.table([(id_, face.voice.say(ABOUT[id_])) for id_ in IDS], (face.voice.say("ID"), face.voice.say("MEANS")), shrink=(1,))
    return 0
