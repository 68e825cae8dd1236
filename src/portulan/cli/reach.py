"""`portulan reach`: who can get to which port, by which rule, on which way."""

from __future__ import annotations

import os

from portulan.cli.face import Face, program_name
from portulan.cli.table import width_of, wrap
from portulan.errors import BadInput
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.model.doors import Asked, Door, ReachAnswer
    from portulan.model.reach import Passage

NO = mark("the packet asked for with --from does not get in")
EXAMPLES = (
    ("portulan reach", mark("every port: who can get to it, and the rule that says so")),
    ("portulan reach 8080", mark("one port only, with every group of senders")),
    ("portulan reach 443/tcp --from 203.0.113.9", mark("one packet, step by step through the rules")),
    ("portulan reach 22 --from everyone", mark("the same for somebody anywhere")),
    ("portulan reach --matrix", mark("all senders and all 65,536 ports in few lines")),
    ("portulan reach --policy portulan.toml", mark("as it would be with this policy applied")),
)
_STATUS = {"accept": 0, "drop": 1, "reject": 1, "maybe": 3}
_MOST_LINES = 40
_STYLES = {"everyone": ("red",), "maybe": ("yellow",), "networks": ("yellow",), "this-host": ("green",), "nobody": ("green",)}
_VERDICT_STYLES = {"accept": "green", "drop": "red", "reject": "red", "maybe": "yellow"}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument(
        "ports", nargs="*", metavar="PORT", help=voice.say("a port (80), a transport's (53/udp), a range (8000-8010) or a service (ssh)")
    )
    parser.add_argument("--matrix", action="store_true", help=voice.say("all senders and all ports in few lines"))
    one = parser.add_argument_group(voice.say("one packet"))
    one.add_argument(
        "--from",
        dest="sender",
        metavar="WHO",
        help=voice.say("follow one packet of this sender: an address, everyone, this-host, or an interface's name"),
    )
    one.add_argument("--via", metavar="LINK", help=voice.say("the interface it comes in by; else the one that leads back to the sender"))
    one.add_argument("--to", metavar="ADDRESS", help=voice.say("the address it is sent to; else that of the interface"))
    one.add_argument("--every-step", action="store_true", help=voice.say("each rule that had a say, jumps too"))
    parser.add_argument(
        "--netns", action="append", default=[], metavar="NS", help=voice.say("only this network namespace, by name or inode")
    )
    parser.add_argument(
        "--policy", metavar="FILE", help=voice.say("as it would be if this policy were applied; other programs' rules stay")
    )
    parser.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell. With --from 0: it gets in; 1: it does not; 3: that cannot be known. Else 0, or 3 where nothing is known."""
    if options.sender is not None:
        return _packet(options, face)
    for option, value in (("--via", options.via), ("--to", options.to)):
        if value is not None:
            raise BadInput("reach.needs-from", option=option)
    return _matrix(options, face) if options.matrix else _doors(options, face)


def _announce(options: argparse.Namespace, face: Face) -> None:
    """Say whose rules these are, where it is not the live ones."""
    if options.policy is not None:
        face.note(face.voice.say("As it would be if {file} were applied:", file=options.policy))


def _doors(options: argparse.Namespace, face: Face) -> int:
    from portulan.model.doors import rows_of
    from portulan.text.gaps import gap_sentence
    from portulan.verbs.reach import reach

    answer = reach(options.ports, namespaces=options.netns, source=options.source, policy=options.policy)
    missing = [gap_sentence(face.voice, gap) for gap in answer.gaps]
    if options.json:
        rows = [row for door in answer.doors for row in rows_of(door)]
        face.envelope("reach", rows, taken_at=answer.taken_at, missing=missing, extra={"host": answer.host})
    else:
        _announce(options, face)
        _show(face, answer, missing, each=bool(options.ports))
    unknown = bool(answer.doors) and all(door.standing is None for door in answer.doors)
    return 3 if unknown or (not answer.doors and any(gap.code.startswith("reach.") for gap in answer.gaps)) else 0


def _show(face: Face, answer: ReachAnswer, missing: list[str], *, each: bool) -> None:
    from portulan.text.gaps import way_out

    if answer.doors:
        _table(face, answer)
        for door in answer.doors:
            if each or door.published:
                _reasons(face, door, whole=each)
        for door in answer.doors:
            _warn(face, door, each=each)
    else:
        face.note(face.voice.say("Nobody listens there, and no rule sends it elsewhere."))
    for text in missing:
        face.note(" " + text)
    more = way_out(face.voice, answer.gaps, root=os.geteuid() == 0, command=f"{program_name()} reach")
    if more:
        face.note(" " + more)


def _table(face: Face, answer: ReachAnswer) -> None:
    from portulan.text.reach import headline_of_doors, line_of

    voice = face.voice
    face.line(face.style(headline_of_doors(voice, answer), "bold"))
    face.line()
    lines = [line_of(voice, door) for door in answer.doors]
    headers = [voice.say("PORT"), voice.say("SERVICE"), voice.say("HELD BY"), voice.say("REACHED BY")]
    several = len({door.netns for door in answer.doors}) > 1
    if several:
        headers.append(voice.say("NETNS"))

    def styles(row: int, column: int) -> tuple[str, ...]:
        standing = answer.doors[row].standing
        return _STYLES.get(standing.wide, ()) if column == 3 and standing is not None else ()

    face.table([line if several else line[:4] for line in lines], headers, shrink=range(1, len(headers)), styles=styles)


def _warn(face: Face, door: Door, *, each: bool) -> None:
    """That a firewall is not asked, and what would close the port."""
    from portulan.text.reach import close_it, warning

    note = warning(face.voice, door)
    if note is not None:
        face.line()
        face.paragraph("! " + note, " ")
    how = close_it(face.voice, door)
    if how is not None and (note is not None or each):
        face.paragraph(face.voice.say("close it:  {how}", how=how), "   ")


def _reasons(face: Face, door: Door, *, whole: bool) -> None:
    """The groups of senders of one door, each with the rule that decides."""
    from portulan.text.reach import reasons

    told = reasons(face.voice, door, whole=whole)
    if told:
        face.line()
        face.line(" " + face.style(f"{door.port}/{door.transport.value}", "bold"))
        _facts(face, told)


def _facts(face: Face, facts: list[tuple[str, str]]) -> None:
    size = min(max((width_of(label) for label, _ in facts), default=0), max(12, face.width // 3))
    for label, text in facts:
        left = wrap(label, size) or [""]
        right = wrap(text, max(20, face.width - size - 6)) or [""]
        for at in range(max(len(left), len(right))):
            one, other = (part[at] if at < len(part) else "" for part in (left, right))
            face.line(("   " + one + " " * (size - width_of(one)) + "   " + other).rstrip())


def _packet(options: argparse.Namespace, face: Face) -> int:
    from portulan.verbs.reach import passage

    if len(options.ports) != 1 or options.matrix:
        raise BadInput("reach.one")
    asked = passage(
        options.ports[0],
        options.sender,
        via=options.via,
        to=options.to,
        namespace=options.netns[0] if options.netns else None,
        policy=options.policy,
    )
    if options.json:
        from portulan.model.doors import StepRow

        way = asked.passage
        steps = [StepRow(*step, beyond=bool(at)) for at, part in enumerate((way, asked.beyond)) if part is not None for step in part.steps]
        extra = {
            "host": asked.host,
            "port": f"{way.packet.port}/{way.packet.transport.value}",
            "verdict": way.outcome,
            "path": way.way,
            "rule": way.rule,
            "link": way.packet.link,
            "listener": asked.listener,
        }
        face.envelope("reach-packet", steps, taken_at=asked.taken_at, extra=extra)
    else:
        _announce(options, face)
        _tell(face, asked, whole=options.every_step)
    outcomes = [part.outcome.value for part in (asked.passage, asked.beyond) if part is not None]
    return max(_STATUS[outcome] for outcome in outcomes) if "drop" not in outcomes and "reject" not in outcomes else 1


def _tell(face: Face, asked: Asked, *, whole: bool) -> None:
    from portulan.text.reach import close_packet, headline

    voice = face.voice
    face.line(face.style(headline(voice, asked.passage), "bold", _VERDICT_STYLES[asked.passage.outcome.value]))
    _steps(face, asked.passage, whole=whole)
    if asked.beyond is not None:
        face.line()
        face.line(" " + voice.say("There, in the network namespace behind it:"))
        _steps(face, asked.beyond, whole=whole)
        face.line(" " + headline(voice, asked.beyond))
    if asked.listener is False:
        face.line()
        face.paragraph(voice.say("Nobody listens for it there: whoever asks is told that the port is closed."), " ")
    how = close_packet(voice, asked.passage)
    if how is not None:
        face.line()
        face.paragraph(voice.say("close it:  {how}", how=how), " ")


def _steps(face: Face, passage: Passage, *, whole: bool) -> None:
    from portulan.text.reach import rows, way

    told = rows(face.voice, passage, whole=whole)
    face.line()
    if told:
        for number, hook, rule, what in told:
            head = f" {number:>2} {hook:<12}"
            body = f"{rule}   <- {what}" if rule and what else rule or what
            first, *rest = wrap(body, max(20, face.width - len(head) - 1))
            face.line(f"{head} {first}".rstrip())
            for line in rest:
                face.line(" " * (len(head) + 1) + line)
    else:
        face.line(" " + face.voice.say("No rule had a say."))
    sentence = way(face.voice, passage)
    if sentence is not None:
        face.line("    " + sentence)


def _matrix(options: argparse.Namespace, face: Face) -> int:
    from portulan.verbs.reach import matrix

    if options.ports:
        raise BadInput("reach.matrix-ports")
    answer = matrix(
        namespace=options.netns[0] if options.netns else None, most=None if options.json else _MOST_LINES, policy=options.policy
    )
    if options.json:
        face.envelope("reach-matrix", answer.rows, taken_at=answer.taken_at, extra={"host": answer.host})
        return 0
    from portulan.text.reach import matrix_lines

    voice = face.voice
    _announce(options, face)
    rows = matrix_lines(voice, answer)
    if not rows:
        face.line(voice.say("Nobody gets to any port from outside."))
    else:
        face.table(rows, [voice.say("REACHED BY"), voice.say("COMING BY"), voice.say("PORTS")], shrink=(0, 2))
        if not answer.more:
            face.line()
            face.line(" " + voice.say("Nobody gets to any other port from outside."))
    if answer.more:
        face.note(" " + voice.count("{n} more line: --json has them all.", "{n} more lines: --json has them all.", answer.more))
    return 0
