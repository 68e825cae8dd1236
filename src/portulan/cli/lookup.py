"""`portulan lookup`: what a number, a name or a word stands for."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.model.assignment import CommonRow, Kind
from portulan.text import lookup as text
from portulan.text.clean import clean
from portulan.text.voice import mark
from portulan.text.well_known import WELL_KNOWN
from portulan.verbs.lookup import about, common, lookup_all, open_registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from portulan.cli.face import Face
    from portulan.model.assignment import Answer, Entry, InUse
    from portulan.text.voice import Voice

NO = mark("unknown to the registry")
EXAMPLES: tuple[tuple[str, str], ...] = (
    ("portulan lookup 80", mark("what port 80 is for")),
    ("portulan lookup 5432/tcp 53/udp", mark("two ports, each on one transport")),
    ("portulan lookup postgres", mark("a name, also one that only people use")),
    ("portulan lookup remote desktop", mark("words of the description")),
    ("portulan lookup 6000-6063", mark("everything in a range")),
    ("portulan lookup --common", mark("the ports that everyone should know")),
)
FEW = 20
"""Rows of a search that are shown unless all are asked for."""
COLUMNS = ("port", "transport", "service", "class", "description", "aliases", "first", "last", "status", "ours", "references")


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """What the command understands."""
    parser.add_argument(
        "query", nargs="*", metavar="QUERY", help=voice.say("a number, 443/tcp, a range, a name, or words of the description")
    )
    parser.add_argument("--words", action="store_true", help=voice.say("search names and descriptions even if the word is a name"))
    parser.add_argument("--all", action="store_true", help=voice.say("show every row that a search finds"))
    parser.add_argument("--common", action="store_true", help=voice.say("the ports that everyone should know, one sentence each"))
    parser.add_argument("--about", action="store_true", help=voice.say("which registry is in use: its date, source, licence and figures"))
    parser.add_argument("--csv", action="store_true", help=voice.say("print the rows as CSV"))
    parser.add_argument("--no-header", action="store_true", help=voice.say("leave out the line of column names"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Answer; 1 where a question stays without an answer."""
    if options.about:
        _about(options, face)
        return 0
    if options.common:
        _common(options, face)
        return 0
    if not options.query:
        raise BadInput("lookup.empty")
    opened = open_registry()
    _say_fault(about(opened), face)
    answers = lookup_all(options.query, only_words=options.words, registry=opened)
    missing = [answer for answer in answers if not answer.known]
    if options.json:
        face.envelope(
            "lookup", [entry for answer in answers for entry in answer.entries], extra={"unknown": [answer.query for answer in missing]}
        )
    elif options.csv:
        face.csv(None if options.no_header else COLUMNS, (_csv_row(entry) for answer in answers for entry in answer.entries))
    else:
        _print(answers, options, face)
    for answer in missing:
        if not answer.entries:
            face.note(text.headline(answer, face.voice))
    return 1 if missing else 0


def _print(answers: Sequence[Answer], options: argparse.Namespace, face: Face) -> None:
    """All answers for a reader, a blank line between them, and once what the star means."""
    shown = [answer for answer in answers if answer.entries]
    for number, answer in enumerate(shown):
        if number:
            face.line()
        _answer(answer, options, face)
    if any(entry.ours for answer in shown for entry in answer.entries):
        face.line()
        face.line(face.style(" " + face.voice.say("* often found there: our word, not IANA's"), "dim"))


def _answer(answer: Answer, options: argparse.Namespace, face: Face) -> None:
    """One answer: the sentence, what a beginner should know, the rows, and what belongs to a single port."""
    face.line(face.style(text.headline(answer, face.voice), "bold"))
    sentences = text.plain_sentences(answer, face.voice)
    if len(sentences) > 1:
        _labelled(sentences, face)
    elif sentences:
        face.paragraph(sentences[0][1])
    rows = _merged(answer.entries, face)
    kept = rows if options.all or answer.kind is not Kind.WORDS else rows[:FEW]
    # The sentence has said all of a port that nobody has a name for.
    if answer.kind is not Kind.PORT or any(entry.service for entry in answer.entries):
        face.line()
        voice = face.voice
        headers = None if options.no_header else (voice.say("PORT"), voice.say("TRANSPORT"), voice.say("SERVICE"), voice.say("DESCRIPTION"))
        face.table([row[:4] for row in kept], headers, shrink=(2, 3), styles=lambda row, column: _styles(kept[row], column))
        if len(rows) > len(kept):
            face.line(" " + voice.count("… and {n} more row:  add --all", "… and {n} more rows:  add --all", len(rows) - len(kept)))
    _details(answer, face)


def _styles(row: tuple[str, str, str, str, Entry], column: int) -> tuple[str, ...]:
    entry = row[4]
    if entry.service is None:
        return ("dim",)
    return ("bold",) if column == 2 else ()


def _merged(entries: Iterable[Entry], face: Face) -> list[tuple[str, str, str, str, Entry]]:
    """Rows that differ only in the transport, as one."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.first, entry.last, entry.service, entry.description, entry.status), []).append(entry)
    rows = []
    for group in groups.values():
        first = group[0]
        description = face.voice.say(first.description or "") if first.ours else clean(first.description or "-")
        service = clean(first.service or "-") + (" *" if first.ours else "")
        transports = " ".join(dict.fromkeys(str(entry.transport or face.voice.say("all")) for entry in group))
        rows.append((text.span(first), transports if first.first is not None or group[0].transport else "-", service, description, first))
    return rows


def _details(answer: Answer, face: Face) -> None:
    """What belongs to one port: other words, documents, notes, its class and what the kernel does with it."""
    voice, entries = face.voice, answer.entries
    numbers = {entry.port for entry in entries if entry.port is not None}
    if answer.kind not in (Kind.PORT, Kind.NAME) or not numbers or len(numbers) > 1:
        return
    number = numbers.pop()
    first = entries[0]
    labelled = [
        (voice.say("our words"), text.people_words(entries, voice)),
        (
            voice.say("defined in"),
            ", ".join(dict.fromkeys(reference for entry in entries if entry.service == first.service for reference in entry.references)),
        ),
        # Notes on keys for service discovery interest few: they are in the JSON.
        (voice.say("note"), "" if first.note.lower().startswith("defined txt") else _breakable(first.note)),
        (voice.say("also used"), _breakable(first.unauthorized)),
        (voice.say("class"), text.class_line(number, voice)),
        (voice.say("this kernel"), text.kernel_line(number, answer.ephemeral, voice) if number else ""),
    ]
    face.line()
    _labelled(labelled, face)


def _breakable(foreign: str) -> str:
    """Foreign text whose words fit on a line."""
    from portulan.cli.table import shorten

    return " ".join(shorten(clean(word), 60) for word in foreign.split(" "))


def _labelled(lines: Iterable[tuple[str, str]], face: Face) -> None:
    """Label and text, the texts under one another."""
    from portulan.cli.table import width_of, wrap

    kept = [(label, clean(content, 1000)) for label, content in lines if content]
    size = max(width_of(label) for label, _ in kept) + 4
    room = max(min(face.width, 100) - size, 20)
    for label, content in kept:
        blanks = " " * (size - 1 - width_of(label))
        first, *rest = wrap(content, room)
        face.line(f" {face.style(label, 'dim')}{blanks}{first}")
        for line in rest:
            face.line(" " * size + line)


def _csv_row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.port,
        entry.transport,
        entry.service,
        entry.port_class,
        entry.description,
        " ".join(entry.aliases),
        entry.first,
        entry.last,
        entry.status,
        "yes" if entry.ours else "no",
        " ".join(entry.references),
    )


def _common(options: argparse.Namespace, face: Face) -> None:
    """The ports that everyone should know."""
    names = ("ports", "transports", "service", "description")
    rows = [(",".join(map(str, known.ports)), known.transports, known.service, face.voice.say(WELL_KNOWN[known.key])) for known in common()]
    if options.json:
        face.envelope("lookup-common", [CommonRow(*row) for row in rows])
    elif options.csv:
        face.csv(None if options.no_header else names, ((ports, " ".join(transports), *rest) for ports, transports, *rest in rows))
    else:
        _columns([(text.place(ports, transports), service, sentence) for ports, transports, service, sentence in rows], face)
        face.line()
        for line in text.class_lines(face.voice):
            face.line(f" {line}")


def _columns(rows: Sequence[tuple[str, str, str]], face: Face) -> None:
    """Port, service, and a sentence that may take several lines."""
    from portulan.cli.table import width_of, wrap

    ports, services = (max(width_of(row[column]) for row in rows) + 2 for column in range(2))
    indent = 1 + ports + services
    for port, service, sentence in rows:
        first, *rest = wrap(sentence, max(min(face.width, 120) - indent, 24))
        bold = face.style(service, "bold") + " " * (services - width_of(service))
        face.line(f" {port}{' ' * (ports - width_of(port))}{bold}{first}")
        for line in rest:
            face.line(" " * indent + line)


def _about(options: argparse.Namespace, face: Face) -> None:
    """Which table is in use."""
    used = about()
    _say_fault(used, face)
    if options.json:
        face.envelope("lookup-about", [used])
    else:
        _labelled(text.about_lines(used, face.voice), face)


def _say_fault(used: InUse, face: Face) -> None:
    if used.fault:
        face.note(text.fault_line(used, face.voice))
