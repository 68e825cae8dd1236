"""`portulan explain`: the ideas behind ports, each ending in facts of this machine."""

from __future__ import annotations

from portulan.cli.table import width_of, wrap
from portulan.errors import BadInput
from portulan.text import explain as text
from portulan.text.explain_facts import sentence
from portulan.text.gaps import gap_sentence
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.model.explain import Fact, Lesson
    from portulan.text.voice import Voice

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("portulan explain", mark("what can be explained")),
    ("portulan explain layers", mark("where the port number stands in a packet, on real ones")),
    ("portulan explain port conflict", mark("a conflict, made to happen")),
    ("portulan explain 3389", mark("all that is known of one port")),
    ("portulan explain --packet office.pcap:7", mark("the seventh packet of a capture")),
)
_WIDEST = 100
"""Columns of a paragraph: longer lines are harder to read."""


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument(
        "topic", nargs="*", metavar="TOPIC", help=voice.say("a topic, or a port (3389, 53/udp, ssh); none: the list of topics")
    )
    parser.add_argument(
        "--packet", metavar="FILE:N", help=voice.say("take a packet of a capture apart; the first is 1; of standard input: --packet=-:1")
    )
    parser.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Explain. 0, always: what is closed is an answer, too."""
    from portulan.verbs.explain import explain, explain_packet

    if options.packet is not None:
        if options.topic:
            raise BadInput("explain.two")
        _tell(face, explain_packet(options.packet), json=options.json)
    elif options.topic:
        _tell(face, explain(" ".join(options.topic), source=options.source), json=options.json)
    else:
        _topics(face, json=options.json)
    return 0


def _topics(face: Face, *, json: bool) -> None:
    """The list of topics, in the order in which they are best read."""
    from portulan.model.explain import TOPICS, TopicRow

    voice, pages = face.voice, text.pages()
    if json:
        titles = {topic.name: (voice.say(pages[topic.name].title), voice.say(pages[topic.name].short)) for topic in TOPICS}
        rows = [TopicRow(topic.name, *titles[topic.name], topic.aliases) for topic in TOPICS]
        face.envelope("explain-topics", rows)
        return
    size = max(len(topic.name) for topic in TOPICS)
    for topic in TOPICS:
        page = pages[topic.name]
        first, *rest = wrap(f"{voice.say(page.title)} · {voice.say(page.short)}", max(24, min(face.width, 120) - size - 4))
        face.line(" " + face.style(topic.name, "bold") + " " * (size - len(topic.name)) + "   " + first)
        for line in rest:
            face.line(" " * (size + 4) + line)
    face.line()
    for line in text.MORE:
        face.line(" " + voice.say(line))


def _tell(face: Face, lesson: Lesson, *, json: bool) -> None:
    missing = [gap_sentence(face.voice, gap) for gap in lesson.gaps]
    items = [fact._replace(text=sentence(face.voice, fact, lesson)) for fact in lesson.items]
    if json:
        page = text.pages().get(lesson.topic or "")
        words = () if page is None else (*page.body, page.like)
        extra = {
            "host": lesson.host, "topic": lesson.topic, "port": lesson.port, "title": None if page is None else face.voice.say(page.title),
            "words": tuple(face.voice.say(each) for each in words), "packets": lesson.packets,
        }  # fmt: skip
        face.envelope("explain", items, taken_at=lesson.taken_at, missing=missing, extra=extra)
        return
    if lesson.topic is not None:
        _page(face, lesson.topic)
    elif lesson.port is not None:
        codes = {fact.code for fact in lesson.items}
        state = (
            text.OPEN_HERE
            if codes & {"number.open", "number.published"}
            else text.NOT_REACHABLE
            if "number.zero" in codes
            else text.NOT_SEEN
            if "number.unsure" in codes
            else text.CLOSED_HERE
        )
        heading = face.voice.say(state, port=str(lesson.port))
        face.line(face.style(heading, "bold"))
        face.line()
    _show_packets(face, lesson)
    _show_picture(face, lesson)
    if lesson.topic is not None:
        face.line(" " + face.style(face.voice.say(text.NOW), "bold"))
        face.line()
    _facts(face, items)
    for line in missing:
        face.note(" " + line)


def _page(face: Face, topic: str) -> None:
    """What holds on every machine."""
    voice, page = face.voice, text.pages()[topic]
    face.line(face.style(voice.say(page.title), "bold"))
    face.line()
    for part in page.body:
        face.paragraph(voice.say(part), " ")
        face.line()
    label = voice.say(text.LIKE)
    indent = " " * (width_of(label) + 4)
    first, *rest = wrap(voice.say(page.like), max(24, min(face.width, _WIDEST) - len(indent)))
    face.line(" " + face.style(label, "dim") + "   " + first)
    for line in rest:
        face.line(indent + line)
    face.line()


def _show_packets(face: Face, lesson: Lesson) -> None:
    if lesson.packets:
        from portulan.cli.explain_packet import packet_lines

    for at, packet in enumerate(lesson.packets):
        if at:
            face.line()
        for line in packet_lines(packet, face.voice, width=face.width, paint=face.style):
            face.line(line)
    if lesson.packets and lesson.items:
        face.line()


def _show_picture(face: Face, lesson: Lesson) -> None:
    """The map, where it is the topic."""
    if lesson.picture is None:
        return
    import os

    from portulan.cli.map_ink import choose_depth
    from portulan.cli.map_terminal import picture_lines

    depth = choose_depth(colour=face.colour, environment=os.environ)
    for line in picture_lines(lesson.picture, face.voice, width=face.width, rows=_MAP_ROWS, depth=depth):
        face.line(line)
    face.line()


_MAP_ROWS = 24


def _facts(face: Face, items: list[Fact]) -> None:
    """Sentences, and below each what to type for more; a command is never cut, it is there to be copied."""
    before: str | None = None
    for at, fact in enumerate(items):
        first, *rest = wrap(fact.text or "", max(24, min(face.width, _WIDEST) - 3))
        face.line(" · " + first)
        for line in rest:
            face.line("   " + line)
        following = items[at + 1].command if at + 1 < len(items) else None
        if fact.command and fact.command not in (following, before):
            face.line("     " + face.style(fact.command, "green"))
            before = fact.command
