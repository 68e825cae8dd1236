"""`portulan ls`: the chart."""

from __future__ import annotations

import os

from portulan.cli.face import Face, program_name
from portulan.errors import BadInput
from portulan.model.chart import Chart
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from portulan.text.chart import Line

EXAMPLES = (
    ("portulan", mark("every port of this machine")),
    ("portulan ls 80 443 8000-8010", mark("only these ports")),
    ("portulan ls --name 'nginx*'", mark("only what nginx holds")),
    ("portulan ls --all 443", mark("connections on port 443 too, with their peers")),
    ("portulan ls --json", mark("for programs: one JSON object")),
    ("portulan ls --watch 2", mark("again every two seconds")),
)
_LONGEST_PID = 10
_NARROW, _WIDE, _WIDER = 60, 100, 130
"""Columns from which the chart shows more."""
_EXPOSURE_STYLES = {"loopback": ("green",), "private": ("yellow",), "public": ("red",), "all": ("red",)}
_WIDE_STYLES = {
    "everyone": ("red",),
    "maybe": ("yellow",),
    "networks": ("yellow",),
    "this-host": ("green",),
    "nobody": ("green",),
    "unknown": ("dim",),
}
_CLASS_STYLES = {"system": ("bold",), "user": (), "dynamic": ("dim",)}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument(
        "ports", nargs="*", metavar="PORT", help=voice.say("a port (80), a transport's (53/udp), a range (8000-8010) or a service (ssh)")
    )
    which = parser.add_argument_group(voice.say("which rows"))
    which.add_argument("--service", action="append", default=[], metavar="S", help=voice.say("only the ports of this service"))
    which.add_argument(
        "--name", action="append", default=[], metavar="N", help=voice.say("only what processes of this name hold; * and ? as in a shell")
    )
    which.add_argument("--pid", action="append", default=[], metavar="P", help=voice.say("only what this process holds"))
    which.add_argument(
        "--user", action="append", default=[], metavar="U", help=voice.say("only what this user made or holds, by name or number")
    )
    which.add_argument(
        "--netns", action="append", default=[], metavar="NS", help=voice.say("only this network namespace, by name or inode")
    )
    which.add_argument("--tcp", action="store_true", help=voice.say("TCP only"))
    which.add_argument("--udp", action="store_true", help=voice.say("UDP only"))
    which.add_argument("--exposed", action="store_true", help=voice.say("without what only this host can reach (loopback addresses)"))
    which.add_argument("--all", action="store_true", help=voice.say("connections, closing ones and sockets bound without listening too"))
    which.add_argument("--no-reach", action="store_true", help=voice.say("without who can reach each port: the firewall is not read"))
    which.add_argument(
        "--connections", action="store_true", help=voice.say("count the connections behind each listener; wide windows show them anyway")
    )
    shape = parser.add_argument_group(voice.say("form"))
    shape.add_argument("--csv", action="store_true", help=voice.say("print comma-separated values"))
    shape.add_argument("--no-header", action="store_true", help=voice.say("without the first lines"))
    shape.add_argument("--watch", metavar="SECONDS", help=voice.say("look again and again"))
    shape.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))


def plain(words: list[str]) -> dict[str, object] | None:
    """What the parser would make of words without options."""
    return {
        "ports": words, "service": [], "name": [], "pid": [], "user": [], "netns": [], "tcp": False, "udp": False, "exposed": False, "all": False, "connections": False, "no_reach": False, "csv": False,
        "no_header": False, "watch": None, "source": "auto",
    }  # fmt: skip


def run(options: argparse.Namespace, face: Face) -> int:
    """Show the chart once, or again and again."""
    look = _question(options, counting=options.connections or (face.width >= _WIDER and not options.json and not options.csv))
    if options.watch is not None:
        from portulan.cli.watch import watch

        return watch(options, face, look, show)
    show(options, face, look())
    return 0


def _question(options: argparse.Namespace, *, counting: bool) -> Callable[[], Chart]:
    """The verb with its arguments, to be asked as often as needed. Raises BadInput."""
    from portulan.verbs.chart import chart

    if options.json and options.csv:
        raise BadInput("form.two", first="--json", second="--csv")
    for text in options.pid:
        if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_PID):
            raise BadInput("filter.pid", text=text)

    def look() -> Chart:
        return chart(
            options.ports,
            services=options.service,
            names=options.name,
            pids=[int(text) for text in options.pid],
            users=options.user,
            namespaces=options.netns,
            transports=[name for name in ("tcp", "udp") if getattr(options, name)],
            exposed=options.exposed,
            every_state=options.all,
            connections=counting,
            source=options.source,
            meanwhile=_prepare_json if options.json else _prepare_words,
            reach=not options.no_reach,
        )

    return look


# Loading the encoder, or the words, takes as long as the kernel's search, and is done meanwhile.


def _prepare_json() -> None:
    from portulan.cli.envelope import prepare
    from portulan.model.chart import Endpoint, Namespace, Owner, Socket
    from portulan.model.standing import Grant, Senders, Standing

    prepare(Endpoint, Owner, Socket, Namespace, Standing, Senders, Grant)
    _prepare_gaps()


def _prepare_words() -> None:
    import portulan.text.chart
    import portulan.text.reach  # noqa: F401 - to have them

    _prepare_gaps()


def _prepare_gaps() -> None:
    import portulan.text.gaps  # noqa: F401 - to have it


def show(options: argparse.Namespace, face: Face, chart: Chart) -> None:
    """One chart, in the form that was asked for."""
    missing = []
    if chart.gaps:
        from portulan.text.gaps import gap_sentence

        missing = [gap_sentence(face.voice, gap) for gap in chart.gaps]
    if options.json:
        face.envelope("ls", chart.items, taken_at=chart.taken_at, missing=missing, extra=envelope_facts(chart))
        return
    if options.csv:
        _csv(options, face, chart)
        _notes(face, chart, missing)
        return
    _table(options, face, chart)
    _notes(face, chart, missing)


def envelope_facts(chart: Chart) -> dict[str, object]:
    """What the envelope of a chart tells besides its items."""
    return {"host": chart.host, "source": chart.source, "ephemeral": chart.ephemeral, "namespaces": chart.namespaces}


def _table(options: argparse.Namespace, face: Face, chart: Chart) -> None:
    from portulan.text.chart import headline, lines

    voice = face.voice
    if not options.no_header:
        face.line(face.style(headline(voice, chart), "bold"))
        face.line()
    found = lines(voice, chart)
    if not found:
        face.note(
            voice.say("Nothing matches.")
            if chart.gaps or _filtered(options)
            else voice.say("Nothing listens here, and no UDP port is bound.")
        )
        return
    columns = _columns(voice, face.width, found, chart, every_state=options.all)
    names = [name for name, _ in columns]

    def styles(row: int, column: int) -> tuple[str, ...]:
        line = found[row]
        if names[column] == "port":
            return _CLASS_STYLES[line.port_class]
        if names[column] == "bound_to":
            return _EXPOSURE_STYLES[line.exposure] if "reached_by" not in names else ()
        if names[column] == "reached_by":
            return _WIDE_STYLES.get(line.wide, ())
        return ("dim",) if names[column] == "held_by" and not line.known else ()

    rows = [[getattr(line, name) for name in names] for line in found]
    face.table(
        rows,
        None if options.no_header else [title for _, title in columns],
        shrink=[at for at, name in enumerate(names) if name in ("service", "held_by", "bound_to", "reached_by", "peer", "namespace")],
        right=[at for at, name in enumerate(names) if name in ("queue", "connections")],
        styles=styles,
    )


def _columns(voice: Voice, width: int, found: list[Line], chart: Chart, *, every_state: bool) -> list[tuple[str, str]]:
    """(field, title) of the columns that are worth their room."""
    columns = [
        ("port", voice.say("PORT")),
        ("service", voice.say("SERVICE")),
        ("held_by", voice.say("HELD BY")),
        ("bound_to", voice.say("BOUND TO")),
    ]
    if every_state:
        columns.insert(3, ("state", voice.say("STATE")))
    if any(line.peer != "-" for line in found):
        columns.append(("peer", voice.say("PEER")))
    if any(item.reach is not None for item in chart.items):
        columns.append(("reached_by", voice.say("REACHED BY")))
    if width < _NARROW:  # the holder and where it is bound say more
        columns = [column for column in columns if column[0] != "service"]
    if width >= _WIDE:
        columns += [("user", voice.say("USER")), ("since", voice.say("RUNNING"))]
    if width >= _WIDER or any(line.connections != "-" for line in found):
        columns += [("queue", voice.say("QUEUE")), ("connections", voice.say("CONNECTIONS"))]
    if (width >= _NARROW and len({line.namespace for line in found}) > 1) or (
        len(chart.namespaces) > 1 and any(item.netns_name for item in chart.items)
    ):
        columns.append(("namespace", voice.say("NETNS")))
    return columns


def _filtered(options: argparse.Namespace) -> bool:
    return bool(
        options.ports or options.service or options.name or options.pid or options.user or options.netns
        or options.tcp or options.udp or options.exposed
    )  # fmt: skip


def _notes(face: Face, chart: Chart, missing: list[str]) -> None:
    """What is missing, and the command that would show it, on stderr."""
    if not missing:
        return
    from portulan.text.gaps import way_out

    for text in missing:
        face.note(" " + text)
    more = way_out(face.voice, chart.gaps, root=_is_root(), command=program_name())
    if more:
        face.note(" " + more)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


_CSV = (
    "transport",
    "port",
    "address",
    "class",
    "service",
    "state",
    "peer",
    "netns",
    "user",
    "pid",
    "fd",
    "name",
    "unit",
    "container",
    "command",
)


def _csv(options: argparse.Namespace, face: Face, chart: Chart) -> None:
    """One line an endpoint and holder."""
    from portulan.text.who import shell_words

    rows: list[tuple[object, ...]] = []
    for item in chart.items:
        start = (
            item.transport.value,
            item.port,
            item.address,
            item.port_class.value,
            item.service,
            item.state.value,
            item.peer,
            item.netns,
            item.user,
        )
        if item.owners:
            rows += [(*start, one.pid, one.fd, one.name, one.unit, one.container, shell_words(one.command or ())) for one in item.owners]
        else:
            rows.append((*start, None, None, item.held_by_kernel, item.unit, item.container, None))
    face.csv(None if options.no_header else _CSV, rows)
