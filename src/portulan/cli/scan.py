"""`portulan scan`: what the outside sees, complete and exact also where packets are lost."""

from __future__ import annotations

import argparse
import os

from portulan.cli.face import Face, program_name
from portulan.errors import BadInput
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.cli.scan_options import Output
    from portulan.model.scan import HostSeen, PortSeen, ScanReport
    from portulan.verbs.inventory import Inventory

NO = mark("with --compare-host: outside and inside differ")
EXAMPLES = (
    ("portulan scan 198.18.0.2", mark("the 1,000 likeliest ports")),
    ("portulan scan 198.18.0.2 -p-", mark("all 65,536")),
    ("portulan scan 198.18.0.0/24 -p 22,80,53/udp", mark("a network, some ports")),
    ("portulan scan web-01 -p https -o web.xml", mark("a file as nmap writes it")),
    ("portulan scan 198.18.0.2 --compare-host", mark("what only one side sees")),
    ("portulan scan 10.0.0.0/8 -p 22 --shard 1/4", mark("the first of four parts")),
)
_INTERRUPTED, _UNKNOWN = 130, 3
_STATE_STYLES = {
    "open": ("green",),
    "filtered": ("yellow",),
    "open|filtered": ("yellow",),
    "unfiltered": ("yellow",),
    "closed|filtered": ("yellow",),
}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    say = voice.say
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=say("an address, a network (198.18.0.0/24), a range (198.18.0.1-198.18.0.9) or a name")
    )
    what = parser.add_argument_group(say("what is asked"))
    what.add_argument(
        "-p", "--ports", metavar="PORTS", help=say("ports (22,80-90,https,53/udp,U:53), or - for all; else the 1,000 likeliest")
    )
    what.add_argument("--top", type=_whole, metavar="N", help=say("the N likeliest ports"))
    what.add_argument(
        "--targets-file", action="append", default=[], metavar="FILE", help=say("more targets, from a file (-: standard input)")
    )
    what.add_argument("--exclude", action="append", default=[], metavar="TARGET", help=say("leave these out"))
    what.add_argument("--exclude-file", action="append", default=[], metavar="FILE", help=say("leave out what this file names"))
    what.add_argument("--authorized", action="store_true", help=say("the owner of public addresses among them allows this scan"))
    what.add_argument("--hosts", action="store_true", help=say("only find out which addresses answer"))
    what.add_argument(
        "--no-discovery", action="store_true", help=say("ask the ports of every address, also of those that answer nothing else")
    )
    how = parser.add_argument_group(say("how"))
    how.add_argument(
        "--method",
        choices=("syn", "connect", "udp"),
        help=say("raw SYNs (needs rights), ordinary connections, or datagrams; else the best allowed"),
    )
    how.add_argument("--local", action="store_true", help=say("this host's own ports: ask its kernel, send nothing"))
    how.add_argument(
        "--rate",
        metavar="N",
        help=say("at most so many probes a second; else as many as the path takes (to public addresses at most 10,000)"),
    )
    how.add_argument("--max-rtt", metavar="TIME", help=say("the longest time an answer takes (300ms, 2s); else learnt"))
    how.add_argument(
        "--miss", default="1e-6", metavar="N", help=say("stop when fewer open ports than this are expected to be missed (1e-6)")
    )
    how.add_argument("--patience", default="10", metavar="S", help=say("seconds to go on where nothing answers (10)"))
    how.add_argument("--assume-loss", default="0.3", metavar="SHARE", help=say("the share of lost packets where it cannot be learnt (0.3)"))
    large = parser.add_argument_group(say("large scans"))
    large.add_argument(
        "--shard",
        metavar="I/N",
        help=say(
            "only the I-th of N parts, which may run anywhere: together they ask every pair once (and every address: who is there is not looked for first)"
        ),
    )
    large.add_argument(
        "--resume",
        metavar="FILE",
        help=say(
            "keep a journal here, and go on from it if there is one: after any death at most a second of work is done again (of shared work: the parts under way); outputs are written anew"
        ),
    )
    large.add_argument("--jobs", default="1", metavar="N", help=say("processes of this host that share the work (1)"))
    large.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help=say("a Dask scheduler (tcp://host:8786) whose workers share the work, each from where it is; needs portulan[fleet]"),
    )
    form = parser.add_argument_group(say("forms"))
    form.add_argument(
        "-o",
        "--output",
        action="append",
        default=[],
        metavar="FILE",
        help=say("write the answer to a file: .json .jsonl .csv .xml .gnmap .txt"),
    )
    form.add_argument("--jsonl", action="store_true", help=say("one JSON object a line, rows as they are found, the summary last"))
    form.add_argument("--csv", action="store_true", help=say("comma-separated values"))
    form.add_argument("--xml", action="store_true", help=say("XML as nmap writes it"))
    form.add_argument("--grepable", action="store_true", help=say("lines as nmap's -oG writes them"))
    form.add_argument(
        "--compare-host", action="store_true", help=say("then compare with what this machine itself knows: it is the one scanned")
    )
    form.add_argument("--every", action="store_true", help=say("a row for every port, also for the many closed ones"))


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise BadInput("scan.top", count=text)
    return int(text)


def run(options: argparse.Namespace, face: Face) -> int:
    """Scan and tell. 1: outside and inside differ; 3: it did not come to its end; 130: interrupted. What it had by then is written all the same."""
    from portulan.cli.scan_options import method_of, numbers, outputs, streams
    from portulan.cli.scan_outputs import Outputs
    from portulan.cli.scan_progress import Bar
    from portulan.verbs.scan import scan

    method, given, wanted = method_of(options), numbers(options), outputs(options)
    comparing = options.compare_host
    here = wanted[-1].form
    if comparing and here not in ("text", "json"):
        raise BadInput("scan.compare-form", form=f"--{here}")
    known = _inventory() if comparing else None  # before the rights to look are given up
    with Outputs(wanted[:-1] if comparing and here == "json" else wanted, face, show) as out:
        with Bar(face) as bar:
            report = scan(
                options.targets,
                ports=options.ports,
                top=options.top,
                method=method,
                exclude=options.exclude,
                target_files=options.targets_file,
                exclude_files=options.exclude_file,
                authorized=options.authorized,
                discover=False if options.no_discovery else None,
                hosts_only=options.hosts,
                rate=given.rate,
                max_rtt_s=given.max_rtt_s,
                miss=given.miss,
                patience_s=given.patience_s,
                assume_loss=given.assume_loss,
                shard=given.shard,
                resume=options.resume,
                jobs=given.jobs,
                cluster=options.cluster,
                local=options.local,
                every=options.every,
                drop_rights=True,
                on_progress=bar.take if bar.wanted else None,
                on_rows=out.take if streams(wanted) and not comparing else None,
            )
        out.finish(report, missing_of(face.voice, report))
    _notes(face, report, wanted, options)
    differs = known is not None and _compare(face, report, known, json=here == "json")
    if "interrupted" in report.missing:
        return _INTERRUPTED
    return int(differs) if report.complete else _UNKNOWN


def _inventory() -> Inventory:
    from portulan.verbs.inventory import inventory

    return inventory()


def _compare(face: Face, report: ScanReport, known: Inventory, *, json: bool) -> bool:
    """The scan against this machine's own inventory; whether they differ."""
    from portulan.cli.diff import show_host
    from portulan.verbs.diff import compare_host

    answer = compare_host(report, known)
    if json:
        missing = missing_of(face.voice, report)
        extra = {
            "host": answer.host,
            "addresses": answer.addresses,
            "foreign": answer.foreign,
            "agreed": answer.agreed,
            "passes": report.passes,
        }
        if not answer.complete and not missing:
            missing.append(face.voice.say("some network namespaces of this machine could not be looked into"))
        face.envelope("scan-host", answer.items, taken_at=answer.taken_at, missing=missing, extra=extra)
    else:
        face.line()
        show_host(face, answer)
    return bool(answer.items)


def missing_of(voice: Voice, report: ScanReport) -> list[str]:
    """What keeps the answer from being whole and exact, as sentences."""
    from portulan.text.scan import MISSING, doubts, missing_lines

    found = missing_lines(voice, report)
    if not report.complete and not found:
        found.append(voice.say(MISSING["not-complete"]))
    for one in report.passes:
        if not one.certainty.exact:
            found += [text for text in doubts(voice, one) or [voice.say(MISSING["not-exact"])] if text not in found]
    return found


def show(face: Face, report: ScanReport) -> None:
    """The answer for people: each host with its ports, and how sure it is."""
    from portulan.scan.reports.by_host import by_host
    from portulan.text.scan import headline, interesting, left_out_line, shard_line, silent_line

    voice = face.voice
    top = headline(voice, report)
    if top is not None:
        _bold(face, top)
    shown = 0
    wanted = {host.address for host in interesting(report)} if report.hosts else None
    for host, rows in by_host(report):
        if wanted is not None and host.address not in wanted:
            continue
        if top is not None and (host.states or not shown):  # hosts of which only that is known stand line below line
            face.line()
        shown += 1
        _host(face, host, rows, report.took_s if top is None else None)
    if top is not None:
        face.line()
    for text in filter(None, (silent_line(voice, report, shown), left_out_line(voice, report.left_out), shard_line(voice, report))):
        face.paragraph(text, " ")
    _sure(face, report)


def _sure(face: Face, report: ScanReport) -> None:
    """How sure it is, and every doubt."""
    from portulan.text.scan import certainty_line, doubts, stray_line

    voice = face.voice
    for one in report.passes:
        face.paragraph(certainty_line(voice, one, several=len(report.passes) > 1), " ")
        strays = stray_line(voice, one)
        if strays is not None:
            face.paragraph(strays, " ")
    for text in dict.fromkeys(text for one in report.passes for text in doubts(voice, one)):
        face.paragraph("! " + text, " ")


def _host(face: Face, host: HostSeen, rows: list[PortSeen], took_s: float | None) -> None:
    from portulan.text.scan import host_line, others_line, row_of

    _bold(face, host_line(face.voice, host, took_s))
    if rows:
        lines = [row_of(face.voice, row) for row in rows]

        def styles(row: int, column: int) -> tuple[str, ...]:
            return _STATE_STYLES.get(lines[row][1], ()) if column == 1 else ()

        face.table(lines, shrink=(2, 3), styles=styles)
    rest = others_line(face.voice, host)
    if rest is not None:
        face.paragraph(rest, " ")


def _bold(face: Face, text: str) -> None:
    from portulan.cli.table import wrap

    for line in wrap(text, face.width - 1):
        face.line(" " + face.style(line, "bold"))


def _notes(face: Face, report: ScanReport, wanted: list[Output], options: argparse.Namespace) -> None:
    """What kept something from us, and the command that would not."""
    from portulan.text.scan import missing_lines

    for code, text in zip(report.missing, missing_lines(face.voice, report), strict=True):
        face.note(f"portulan: {text}.")
        if code == "syn-needs-root" and os.geteuid() != 0:
            from shlex import join

            again = join([*options.targets, *(["-p", options.ports] if options.ports else [])])
            face.note(" " + face.voice.say("to allow it:  {command}", command=f"sudo {program_name()} scan {again} --method syn"))
    if not report.complete:
        if options.resume:
            import sys
            from shlex import join

            face.note(" " + face.voice.say("to go on:  {command}", command=f"{program_name()} {join(sys.argv[1:])}"))
        elif any(each.path for each in wanted):
            face.note(" " + face.voice.say("What was found by then is written."))
