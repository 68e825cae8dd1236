"""`portulan ping HOST:PORT…`: is it open, and how fast does it answer."""

from __future__ import annotations

from portulan.cli.face import Face
from portulan.cli.trace import number, whole
from portulan.errors import BadInput
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from portulan.model.path import PingSummary, Probe
    from portulan.verbs.ping import Pinger

NO = mark("a port is not open")
EXAMPLES = (
    ("portulan ping web-01:443", mark("is it open, and how fast")),
    ("portulan ping web-01:443 db-01:5432 192.0.2.1:53/udp", mark("several at once")),
    ("portulan ping web-01:443 --tls -c 1", mark("the TLS handshake, and the days its certificate has left")),
    ("portulan ping db-01:5432 --wait 60 && migrate", mark("go on when the port opens")),
    ("portulan ping web-01:443 --jsonl -c 10", mark("a JSON object for each probe")),
)
_COUNT = 4
_STATUS = {"open": 0, "open|filtered": 3}
_FOR_EVER = "forever"


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument(
        "targets", nargs="+", metavar="HOST:PORT", help=voice.say("a host and a port or service; /udp for datagrams; with --icmp a host")
    )
    parser.add_argument("--icmp", action="store_true", help=voice.say("ICMP echoes, to compare with"))
    version = parser.add_mutually_exclusive_group()
    version.add_argument("-4", dest="version", action="store_const", const=4, help=voice.say("IPv4 only"))
    version.add_argument("-6", dest="version", action="store_const", const=6, help=voice.say("IPv6 only"))
    parser.add_argument("-c", "--count", metavar="COUNT", help=voice.say("so many probes of each; else 4, or on a terminal until Ctrl-C"))
    parser.add_argument("-i", "--interval", metavar="SECONDS", help=voice.say("between two probes of a port (1)"))
    parser.add_argument("-w", "--patience", default="1", metavar="SECONDS", help=voice.say("how long an answer may take (1)"))
    parser.add_argument(
        "--tls", action="store_true", help=voice.say("shake hands by TLS too: its time, and how long the certificate is valid")
    )
    parser.add_argument(
        "--wait",
        nargs="?",
        const=_FOR_EVER,
        metavar="SECONDS",
        help=voice.say("come back as soon as the port opens, or not after so many seconds"),
    )
    parser.add_argument("--jsonl", action="store_true", help=voice.say("a JSON object a line for each probe"))
    parser.add_argument("--csv", action="store_true", help=voice.say("print the summary as CSV"))
    parser.add_argument("--live", action="store_true", help=voice.say("on a terminal, a small graph of each, until q"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Ping. 0: every port was open; 1: one was not; 3: that cannot be told of one (UDP)."""
    forms = [name for name in ("json", "jsonl", "csv", "live") if getattr(options, name)]
    if len(forms) > 1:
        raise BadInput("form.two", first=f"--{forms[0]}", second=f"--{forms[1]}")
    if options.icmp and options.tls:
        raise BadInput("ping.icmp-tls")
    if options.wait is not None:
        return _wait(options, face)
    return _ping(options, face)


def _ping(options: argparse.Namespace, face: Face) -> int:
    from datetime import UTC, datetime

    from portulan.verbs.ping import Pinger

    taken_at = datetime.now(UTC)
    graph = options.live or (
        len(options.targets) > 1 and face.out.isatty() and not (options.json or options.jsonl or options.csv or options.count)
    )
    screen = None
    if graph:
        from portulan.cli.screen import Screen

        screen = Screen(face)
    endless = options.count is None and (screen is not None or (face.out.isatty() and not (options.json or options.csv)))
    count = None if endless else _COUNT if options.count is None else whole(options.count, "-c")
    interval_s = 1.0 if options.interval is None else number(options.interval, "-i")
    with Pinger(
        options.targets,
        count=count,
        interval_s=interval_s,
        wait_s=number(options.patience, "-w"),
        icmp=options.icmp,
        tls=options.tls,
        version=options.version,
    ) as pinger:
        if screen is not None:
            from portulan.cli.ping_live import live

            live(pinger, screen)
        else:
            _stream(options, face, pinger)
        summaries = pinger.summaries()
    if options.json:
        face.envelope("ping", summaries, taken_at=taken_at)
    elif options.csv:
        csv(face, summaries)
    elif not options.jsonl:
        show(face, summaries, each=len(summaries) == 1)
    return status(summaries)


def _stream(options: argparse.Namespace, face: Face, pinger: Pinger) -> None:
    """Each probe as it comes, where that is asked for; Ctrl-C ends it and the summary follows."""
    quiet = options.json or options.csv or (len(options.targets) > 1 and not options.jsonl)
    try:
        while not pinger.done:
            ended = pinger.step()
            if quiet or not ended:
                continue
            for probe in ended:
                _tell(options, face, probe)
            face.out.flush()
    except KeyboardInterrupt:
        pass


def _tell(options: argparse.Namespace, face: Face, probe: Probe) -> None:
    if options.jsonl:
        from portulan.cli.envelope import as_row, encode

        face.bytes(encode(as_row(probe)))
        return
    from portulan.text.ping import probe_line

    face.line(probe_line(face.voice, probe, several=len(options.targets) > 1))


def _wait(options: argparse.Namespace, face: Face) -> int:
    from datetime import UTC, datetime

    from portulan.verbs.ping import wait_open

    if len(options.targets) != 1 or options.icmp:
        raise BadInput("ping.wait-one")
    timeout_s = None if options.wait == _FOR_EVER else number(options.wait, "--wait")
    more = {} if options.interval is None else {"interval_s": number(options.interval, "-i")}
    taken_at = datetime.now(UTC)
    summary = wait_open(
        options.targets[0], timeout_s=timeout_s, wait_s=number(options.patience, "-w"), tls=options.tls, version=options.version, **more
    )
    ready = summary.state.value == "open" and (not options.tls or summary.tls_failure is None)
    if options.json:
        face.envelope("ping", [summary], taken_at=taken_at)
    elif options.csv:
        csv(face, [summary])
    elif not ready:
        show(face, [summary], each=True)
    return 0 if ready else 1


def status(summaries: Sequence[PingSummary]) -> int:
    """The worst of all: 1 outranks 3."""
    found = {_STATUS.get(one.state.value, 1) for one in summaries}
    return 1 if 1 in found else 3 if 3 in found else 0


def show(face: Face, summaries: Sequence[PingSummary], *, each: bool) -> None:
    """One target with all its numbers, or a table of many."""
    from portulan.text.ping import headline, numbers, urgent

    voice = face.voice
    if each:
        one = summaries[0]
        if not one.sent:
            return
        style = {"open": "green", "open|filtered": "yellow"}.get(one.state.value, "red")
        face.line(face.style(headline(voice, one), "bold", style))
        for line in numbers(voice, one):
            face.line(" " + face.style(line, *(("red",) if urgent(one) and line == numbers(voice, one)[-1] else ())))
        return
    table(face, summaries)


def table(face: Face, summaries: Sequence[PingSummary]) -> None:
    """A line for each target."""
    from portulan.text.clean import clean
    from portulan.text.path import milliseconds
    from portulan.text.ping import reason_cell

    voice = face.voice
    rows = []
    for one in summaries:
        times = one.times
        measured = (
            [milliseconds(value) for value in (times.least, times.average, times.median, times.p95, times.most, times.jitter)]
            if times
            else [""] * 6
        )
        rows.append([clean(one.target, 80), reason_cell(voice, one), f"{one.loss:.1%}", *measured])
    headers = [
        voice.say(each)
        for each in (
            mark("TARGET"),
            mark("STATE"),
            mark("LOSS"),
            mark("MIN"),
            mark("AVG"),
            mark("P50"),
            mark("P95"),
            mark("MAX"),
            mark("JITTER"),
        )
    ]
    styles = {"open": ("green",), "open|filtered": ("yellow",)}
    face.table(
        rows, headers, shrink=(0, 1), right=range(2, len(headers)),
        styles=lambda row, column: styles.get(summaries[row].state.value, ("red",)) if column == 1 else (),
    )  # fmt: skip


_CSV = (
    "target", "address", "port", "transport", "state", "reason", "by", "sent", "answered", "loss", "least_ms", "average_ms", "median_ms", "p95_ms", "most_ms",
    "jitter_ms", "uncertain_ms", "tls_median_ms", "certificate_days",
)  # fmt: skip


def csv(face: Face, summaries: Sequence[PingSummary]) -> None:
    """The same as CSV."""
    rows = []
    for one in summaries:
        times = one.times
        measured = (
            (times.least, times.average, times.median, times.p95, times.most, times.jitter, times.uncertain) if times else (None,) * 7
        )
        rows.append(
            (
                one.target, one.address, one.port, one.transport.value, one.state.value, one.reason.value, one.by, one.sent, one.answered, one.loss,
                *measured, None if one.tls is None else one.tls.median, one.certificate_days,
            )
        )  # fmt: skip
    face.csv(_CSV, rows)
