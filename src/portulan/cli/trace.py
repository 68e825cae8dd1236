"""`portulan trace HOST:PORT`: the way to a port, hop by hop, and where it ends."""

from __future__ import annotations

from portulan.cli.face import Face
from portulan.cli.hops import notes, table
from portulan.errors import BadInput
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.model.path import Trace

NO = mark("the port is not open")
EXAMPLES = (
    ("portulan trace web-01:443", mark("the way to a port, and where it ends")),
    ("portulan trace 192.0.2.1:53/udp", mark("by datagrams that the service answers")),
    ("portulan trace web-01:5432 --compare 443", mark("beside another port of the same host")),
    ("portulan trace web-01:443 --live", mark("round after round, as mtr does (q quits)")),
    ("portulan trace web-01:443 -c 100 -i 0.2 --csv", mark("a report of a hundred rounds")),
)
_STATUS = {"open": 0, "open|filtered": 3}
_SHORTEST_S, _LONGEST_S = 0.01, 3600.0


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument(
        "target", metavar="HOST:PORT", help=voice.say("a host and a port or service; /udp for datagrams; with --icmp a host")
    )
    parser.add_argument("--icmp", action="store_true", help=voice.say("ICMP echoes, to compare with"))
    version = parser.add_mutually_exclusive_group()
    version.add_argument("-4", dest="version", action="store_const", const=4, help=voice.say("IPv4 only"))
    version.add_argument("-6", dest="version", action="store_const", const=6, help=voice.say("IPv6 only"))
    parser.add_argument(
        "--compare",
        action="append",
        default=[],
        metavar="PORT",
        help=voice.say("another port of the host to compare with, or icmp; else common ones"),
    )
    parser.add_argument("-m", "--max-hops", default="30", metavar="HOPS", help=voice.say("how far to look (30)"))
    parser.add_argument("-w", "--wait", default="1", metavar="SECONDS", help=voice.say("how long an answer may take (1)"))
    parser.add_argument("-n", "--no-names", action="store_true", help=voice.say("do not look names up"))
    parser.add_argument(
        "--as-file", metavar="FILE", help=voice.say("a file of networks and their autonomous systems: NETWORK NUMBER NAME a line")
    )
    rounds = parser.add_argument_group(voice.say("many rounds"))
    rounds.add_argument(
        "--live", action="store_true", help=voice.say("on a terminal, until q: p pauses, r resets, d graphs, n names, j jitter")
    )
    rounds.add_argument("-c", "--count", metavar="ROUNDS", help=voice.say("so many rounds, then the report"))
    rounds.add_argument("-i", "--interval", default="1", metavar="SECONDS", help=voice.say("between two rounds (1)"))
    parser.add_argument("--csv", action="store_true", help=voice.say("print the hops as CSV"))


PLAIN = ("-n",)
"""Options that the commonest lines may hold."""


def plain(words: list[str]) -> dict[str, object] | None:
    """The options of `trace HOST:PORT` and `trace HOST:PORT -n`; None for any other line."""
    bare = [word for word in words if word not in PLAIN]
    if len(bare) != 1:
        return None
    return {
        "target": bare[0], "icmp": False, "version": None, "compare": [], "max_hops": "30", "wait": "1", "no_names": len(bare) < len(words), "as_file": None,
        "live": False, "count": None, "interval": "1", "csv": False,
    }  # fmt: skip


def run(options: argparse.Namespace, face: Face) -> int:
    """Trace. 0: open; 1: not open; 3: that cannot be told (UDP), or not asked at all."""
    if options.csv and options.json:
        raise BadInput("form.two", first="--csv", second="--json")
    if options.live or options.count is not None:
        trace = _rounds(options, face)
    else:
        from portulan.verbs.trace import trace as find

        trace = find(
            options.target, icmp=options.icmp, most_hops=whole(options.max_hops, "-m"), wait_s=number(options.wait, "-w"), compare=options.compare,
            names=not options.no_names, systems=options.as_file, version=options.version,
        )  # fmt: skip
    if trace is None:
        return 0
    if options.json:
        _envelope(face, trace)
    elif options.csv:
        _csv(face, trace)
    else:
        show(face, trace)
    return 3 if trace.verdict.finding.value == "not-sent" else _STATUS.get(trace.verdict.state.value, 1)


def _rounds(options: argparse.Namespace, face: Face) -> Trace | None:
    from portulan.verbs.live import Watch
    from portulan.verbs.trace import check_limits

    hops, wait_s, interval_s = whole(options.max_hops, "-m"), number(options.wait, "-w"), number(options.interval, "-i")
    count = None if options.count is None else whole(options.count, "-c")
    check_limits(hops, wait_s)
    if not _SHORTEST_S <= interval_s <= _LONGEST_S:
        raise BadInput("ping.interval", text=options.interval)
    if count is not None and count < 1:
        raise BadInput("ping.count", text=options.count)
    screen = None
    if options.live:
        from portulan.cli.screen import Screen

        screen = Screen(face)
    with Watch(
        options.target, icmp=options.icmp, version=options.version, wait_s=wait_s, most_hops=hops, names=not options.no_names
    ) as watch:
        watch.run()
        watch.compare(options.compare)
        watch.begin(interval_s)
        if screen is not None:
            from portulan.cli.trace_live import live

            live(watch, screen, systems=options.as_file, count=count)
            return watch.now(options.as_file)
        try:
            while count is not None and watch.repeats < count:
                watch.step(interval_s)
            watch.settle()
        except KeyboardInterrupt:
            pass
        return watch.now(options.as_file)


def number(text: str, option: str) -> float:
    """Seconds. Raises BadInput."""
    try:
        value = float(text)
    except ValueError:
        raise BadInput("ping.number", text=text, option=option) from None
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - that is how NaN is told
        raise BadInput("ping.number", text=text, option=option)
    return value


def whole(text: str, option: str) -> int:
    """A whole number. Raises BadInput."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput("ping.number", text=text, option=option)
    return int(text)


def show(face: Face, trace: Trace) -> None:
    """The answer, the hops, the evidence."""
    from portulan.cli.table import width_of, wrap
    from portulan.text.path import blame, evidence, flow, headline, next_step, path_mtu, sureness

    voice, verdict = face.voice, trace.verdict
    style = {"open": "green", "open|filtered": "yellow"}.get(verdict.state.value, "red")
    for line in wrap(headline(voice, trace), min(face.width, 100)):
        face.line(face.style(line, "bold", style))
    face.paragraph(blame(voice, trace))
    if trace.hops:
        face.line()
        table(face, trace, jitter=False)
    face.line()
    facts = [(voice.say("sure"), sureness(voice, verdict))]
    facts += [(voice.say("because") if not at else "", evidence(voice, one)) for at, one in enumerate(verdict.evidence)]
    facts += [("", text) for text in notes(voice, trace)]
    if trace.mtu is not None:
        facts.append((voice.say("path MTU"), path_mtu(voice, trace.mtu)))
    facts.append((voice.say("probes"), flow(voice, trace.flow)))
    further = next_step(voice, trace)
    if further is not None:
        facts.append((voice.say("next"), further))
    size = max(width_of(label) for label, _ in facts)
    for label, text in facts:
        for at, line in enumerate(wrap(text, max(20, min(face.width, 110) - size - 4)) or [""]):
            name = label if not at else ""
            face.line(f" {name}{' ' * (size - width_of(name))}   {line}")


def _envelope(face: Face, trace: Trace) -> None:
    extra = {
        "target": trace.target.text, "host": trace.target.host, "address": trace.target.address, "port": trace.target.port, "transport": trace.target.kind,
        "verdict": trace.verdict, "reached": trace.reached, "flow": trace.flow, "mtu": trace.mtu, "compared": trace.compared, "rounds": trace.rounds,
        "probes": trace.probes, "took_ms": trace.took_ms,
    }  # fmt: skip
    face.envelope("trace", trace.hops, taken_at=trace.taken_at, extra=extra)


_CSV = ("hop", "address", "name", "system", "sent", "answered", "loss", "withheld", "last_ms", "average_ms", "least_ms", "median_ms", "p95_ms", "most_ms", "jitter_ms", "deviation_ms", "uncertain_ms")  # fmt: skip


def _csv(face: Face, trace: Trace) -> None:
    rows: list[tuple[object, ...]] = []
    for hop in trace.hops:
        times = hop.times
        measured = (times.last, times.average, times.least, times.median, times.p95, times.most, times.jitter, times.deviation, times.uncertain) if times else (None,) * 9  # fmt: skip
        for seen in hop.seen or (None,):
            names = (None, None, None) if seen is None else (seen.address, seen.name, seen.system)
            rows.append((hop.hop, *names, hop.sent, hop.answered, hop.loss, hop.withheld, *measured))
    face.csv(_CSV, rows)
