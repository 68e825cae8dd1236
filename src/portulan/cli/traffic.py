"""`portulan traffic`: what goes through each port, of captures or as it passes."""

from __future__ import annotations

import re

from portulan.cli.face import Face
from portulan.cli.stopping import INTERRUPTED, Stop, cut_off
from portulan.cli.traffic_live import LIVE_ONLY
from portulan.cli.traffic_live import arguments as listening
from portulan.cli.traffic_live import run as listen
from portulan.errors import BadInput
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path

    from portulan.model.traffic import Traffic
    from portulan.system.workers import ClusterWorkers, LocalWorkers

EXAMPLES = (
    ("portulan traffic --read office.pcap", mark("what went through which port")),
    ("portulan traffic 443 --by host --read mon.pcap.gz tue.pcap", mark("who spoke on one port, of several files together")),
    ("tcpdump -w - | portulan traffic --read -", mark("from a pipe")),
    ("portulan traffic --read office.pcap --plot office.png", mark("bytes of each service over time, as a picture")),
    ("sudo portulan traffic", mark("as it passes now, by port and process (q quits)")),
    ("sudo portulan traffic --interface eth0 -w kept.pcapng", mark("of one interface, and keep the packets")),
)
VIEWS = ("port", "service", "host", "flow", "time")
ENVELOPES = {"port": "traffic", "service": "traffic", "host": "traffic-hosts", "flow": "traffic-flows", "time": "traffic-time"}
"""What is told -> the name of its envelope."""
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|min|h|d)?", re.ASCII)
_UNITS_S = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_FILES_ONLY = ("resync", "workers", "cluster")


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    say = voice.say
    parser.add_argument("ports", nargs="*", metavar="PORT", help=say("only flows with one of these ports (443, 53/udp, 8000-8010, https)"))
    files = parser.add_argument_group(say("captures in files"))
    files.add_argument(
        "-r", "--read", nargs="+", action="extend", default=[], metavar="FILE", help=say("pcap or pcapng, gz and zst too; several are one capture; -: standard input")
    )  # fmt: skip
    files.add_argument("--resync", action="store_true", help=say("go on behind damage, where records can be proved again"))
    files.add_argument("--workers", metavar="N", help=say("processes that share the work; else as many as pay"))
    files.add_argument("--cluster", metavar="ADDRESS", help=say("a Dask scheduler whose workers read parts of the files (tcp://host:8786)"))
    listening(parser.add_argument_group(say("as it passes")), voice)
    how = parser.add_argument_group(say("what is told"))
    how.add_argument("--by", choices=VIEWS, default="port", help=say("a row for each port, service, host, flow, or stretch of time"))
    how.add_argument("--top", default="10", metavar="N", help=say("so many rows (10)"))
    how.add_argument("--bucket", metavar="TIME", help=say("the stretches of time (10s, 500ms, 1m); else as fits"))
    how.add_argument("--inner", action="store_true", help=say("look into tunnels: the flows inside instead of those around"))
    how.add_argument("--cap", metavar="N", help=say("flows that are told apart at most: memory follows (400,000)"))
    how.add_argument("--names", action="store_true", help=say("look up the names of the addresses that are shown"))
    form = parser.add_argument_group(say("forms"))
    form.add_argument("--plot", metavar="FILE", help=say("draw bytes of each service over time: .png or .svg"))
    form.add_argument("--csv", action="store_true", help=say("comma-separated values"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Read or listen, and tell. 0: told, be it of a part that was whole."""
    _check(options)
    path = _target(options.plot) if options.plot is not None else None  # a wrong name is said before anything is read
    if not options.read:
        cap = None if options.cap is None else whole(options.cap, "--cap")
        return listen(
            options,
            face,
            lambda answer: tell(options, face, answer, path),
            bucket_s=seconds(options.bucket),
            top=whole(options.top, "--top"),
            cap=cap,
        )
    answer = _read(options, face)
    tell(options, face, answer, path)
    if not (options.json or options.jsonl):
        _what_differs(options, face, answer)
    return INTERRUPTED if cut_off(answer.origins) else 0


def _target(plot: str) -> Path:
    from portulan.cli.map import target_of

    return target_of(plot)


def _check(options: argparse.Namespace) -> None:
    """Raises BadInput for options that do not go together, and for a file where a port was meant."""
    from os.path import isfile

    for text in options.ports:
        if ("." in text or "/" in text) and isfile(text):
            raise BadInput("traffic.file-as-port", text=text)
    forms = [f"--{name}" for name in ("json", "jsonl", "csv") if getattr(options, name)]
    if len(forms) > 1:
        raise BadInput("form.two", first=forms[0], second=forms[1])
    for name in LIVE_ONLY if options.read else ():
        if name != "jsonl" and getattr(options, name):
            raise BadInput("traffic.file-and-wire", option=f"--{name.replace('_', '-')}")
    for name in _FILES_ONLY if not options.read else ():
        if getattr(options, name):
            raise BadInput("traffic.only-files", option=f"--{name}")
    if options.interval is not None and not options.jsonl:
        raise BadInput("traffic.only-jsonl", option="--interval")


def _read(options: argparse.Namespace, face: Face) -> Traffic:
    from portulan.cli.patience import Patience
    from portulan.system.columns import expect_columns
    from portulan.text.traffic import reading_line

    workers = None if options.workers is None else whole(options.workers, "--workers")
    bucket_s, top = seconds(options.bucket), whole(options.top, "--top")
    asked_cap = None if options.cap is None else whole(options.cap, "--cap")
    crew, stop = _crew(options, workers), Stop()
    try:
        expect_columns()
        from portulan.traffic.table import CAP
        from portulan.verbs.traffic import traffic

        cap = CAP if asked_cap is None else asked_cap
        with stop, Patience(face, lambda passed_s: reading_line(face.voice, passed_s)):
            return traffic(
                options.read, ports=options.ports, resync=options.resync, inner=options.inner, workers=workers if crew is None else crew,
                bucket_s=bucket_s, top=top, cap=cap, stopped=lambda: stop.asked,
            )  # fmt: skip
    finally:
        if crew is not None:
            crew.close()


def _crew(options: argparse.Namespace, workers: int | None) -> LocalWorkers | ClusterWorkers | None:
    """Who helps, begun at once. Raises CannotTell for a cluster that cannot be had."""
    if options.cluster is not None:
        from portulan.system.workers import ClusterWorkers

        return ClusterWorkers(options.cluster)
    from portulan.verbs.traffic_hands import begin_early

    return begin_early(options.read, workers)


def whole(text: str, option: str) -> int:
    """A whole number from 1. Raises BadInput."""
    if not (text.isascii() and text.isdigit() and len(text) < 13 and int(text)):
        raise BadInput("traffic.count", text=text, option=option)
    return int(text)


def seconds(text: str | None) -> float | None:
    """`10`, `500ms`, `1m`. Raises BadInput."""
    if text is None:
        return None
    found = _TIME.fullmatch(text)
    value = float(found[1]) * _UNITS_S[found[2]] if found else 0.0
    if not 0.001 <= value <= 31_536_000:
        raise BadInput("traffic.bucket", text=text)
    return value


def tell(options: argparse.Namespace, face: Face, answer: Traffic, path: Path | None = None) -> None:
    """The answer in the form that was asked for; the picture beside it."""
    from portulan.cli import lines
    from portulan.cli.traffic_tables import items, show, spreadsheet
    from portulan.text.traffic import missing

    if path is not None:
        draw(face, answer, path)
    if options.json or (options.jsonl and not options.read):  # live it is told whole, again and again
        face.envelope(ENVELOPES[options.by], items(answer, options.by), missing=missing(face.voice, answer), extra=summary(answer))
    elif options.jsonl and options.read:
        lines.rows(face, items(answer, options.by))
        lines.last(face, ENVELOPES[options.by], missing=missing(face.voice, answer), extra=summary(answer))
    elif options.csv:
        headers, rows = spreadsheet(answer, options.by)
        face.csv(headers, rows)
    else:
        top = whole(options.top, "--top")
        show(face, answer, by=options.by, top=top, names=_names(answer, options.by, top) if options.names else {}, inner=options.inner)


def _what_differs(options: argparse.Namespace, face: Face, answer: Traffic) -> None:
    """Say what a table of numbers does not, and that ports were asked for which no flow has, or stretches of time that are too short."""
    from portulan.text.traffic import NO_SUCH_PORT, missing, wider

    for text in missing(face.voice, answer) if options.csv else ():
        face.note(f" {text}")
    asked_s = seconds(options.bucket)
    if options.by == "time" and asked_s and answer.buckets and answer.buckets[0].seconds > asked_s * 1.001:
        face.note(" " + wider(face.voice, asked_s, answer.buckets[0].seconds))

    if options.ports and answer.packets and not answer.flows:
        face.note(" " + face.voice.say(NO_SUCH_PORT))


def summary(answer: Traffic) -> dict[str, object]:
    """What the envelope tells beside its rows."""
    return {
        "origins": answer.origins, "packets": answer.packets, "bytes": answer.bytes, "flows": answer.flows, "began_at": answer.began_at, "ended_at": answer.ended_at,
        "aside": answer.aside, "cap": answer.cap,
    }  # fmt: skip


def draw(face: Face, answer: Traffic, path: Path) -> None:
    """The picture as a file. Raises BadInput where it cannot be written."""
    from portulan.cli.map import font_of, save
    from portulan.cli.traffic_plot import bars, compose
    from portulan.text.traffic import NO_TIMES

    drawn = bars(answer.buckets)
    if drawn is None:
        face.note(" " + face.voice.say(NO_TIMES))
        return
    if path.suffix.lower() == ".svg":
        from portulan.cli.map_svg import sheet_svg

        data = sheet_svg(compose(drawn, answer, face.voice), face.voice.language)
    else:
        from portulan.cli.map_png import sheet_png

        voice, font = font_of(face)
        data = sheet_png(compose(drawn, answer, voice), voice.language, font)
    save(path, data, face)


def _names(answer: Traffic, by: str, top: int) -> dict[str, str]:
    """Names of the addresses that are shown, as far as they come soon."""
    import time

    from portulan.system.resolver import ReverseNames

    shown: Iterable[str] = [row.address for row in answer.hosts[:top]] if by == "host" else []
    if by == "flow":
        shown = [address for row in answer.rows[:top] for address in (row.source, row.destination)]
    elif by in ("port", "service"):
        shown = [address for row in answer.ports for one in row.marks for address in (one.source, one.destination)]
    names = ReverseNames()
    for address in dict.fromkeys(shown):
        names.ask(address)
    names.settle(_NAMES_S, time.monotonic, time.sleep)
    return {address: name for address, name in names.known.items() if name}


_NAMES_S = 3.0
"""How long names may take."""
