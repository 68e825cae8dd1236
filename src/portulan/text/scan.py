"""What a scan saw, in words: hosts, ports, how sure it is, and every doubt as a sentence."""

from __future__ import annotations

from portulan.model.scan import Basis, Doubt, State
from portulan.text.chart import duration
from portulan.text.clean import clean
from portulan.text.scan_asked import LEFT_OUT
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.model.scan import Certainty, HostSeen, Pass, PortSeen, Progress, ScanReport

_LONGEST = 200
_LONGEST_PORTS = 60
_FEW = 4

MISSING: dict[str, str] = {
    "rows-not-kept": mark("there were more open ports than are kept: --jsonl writes every one as it is found"),
    "syn-needs-root": mark(
        "sending raw packets needs CAP_NET_RAW: scanned with ordinary connections instead (slower, and logged by the target)"
    ),
    "hosts-no-ping": mark("pinging is not allowed here: hosts that answer pings only were not found"),
    "hosts-no-neighbours": mark("without CAP_NET_RAW neighbours are not asked by ARP: silent ones may have been passed over"),
    "nobody-there": mark("no address answered, so no port was asked: --no-discovery asks them all the same"),
    "interrupted": mark("the scan was interrupted: what it had found by then is told"),
    "not-complete": mark("the scan did not come to its end: what it had found by then is told"),
    "not-exact": mark("the scan is not exact"),
}
"""What kept something from us."""
DOUBTS = {
    Doubt.LIMITED: mark(
        "The target limits how fast it refuses: its open ports are complete, but {n} ports could not be told closed from filtered."
    ),
    Doubt.ASSUMED: mark("Too little answered to learn how many packets are lost: {share} % was assumed (--assume-loss)."),
    Doubt.CONGESTED: mark("The path lost more packets when asked faster, so the rate was lowered to {rate} probes a second."),
    Doubt.SLOW: mark(
        "So many answers are lost, and each takes so long, that the scan was ended: open ports are complete, but {n} ports could not be told closed from filtered."
    ),
    Doubt.ROUNDS: mark("So many packets were lost that the rounds ended first: up to {missed} open ports may have been missed."),
    Doubt.SYN_PROXY: mark(
        "Something in between answers every SYN before it knows whether a service is there (a SYN proxy): such ports are told as unfiltered."
    ),
    Doubt.TARPIT: mark("Ports that take a connection but no data look like a tarpit, which wastes the time of scanners."),
    Doubt.FORGED_RESETS: mark("Resets came from nearer than the host is: a firewall forges them, so these ports are told as filtered."),
    Doubt.EVERYTHING_OPEN: mark("More ports are open than any host serves: something answers in its place."),
    Doubt.OVERFLOW: mark("This host lost {n} answers before they were read; the ports were asked again."),
    Doubt.INTERRUPTED: mark("The scan was interrupted: ports that were not asked are missing here."),
    Doubt.LINK_GONE: mark("The network interface went away in the middle: what was not asked by then is missing here."),
    Doubt.TABLE_FULL: mark("This host's connection tracking has little room left, so fewer ports were asked at a time."),
    Doubt.DESCRIPTORS: mark("This process may open few files, so fewer connections were made at a time."),
    Doubt.SILENT_SERVICES: mark("UDP services need not answer to what was sent: open|filtered means that one may be there."),
}

_MORE = {Doubt.LIMITED: mark("At its pace that would take {time} more."), Doubt.SLOW: mark("That would take about {time} more.")}


def headline(voice: Voice, report: ScanReport) -> str | None:
    """The whole in one line, where there is more than one host: `254 addresses in 3.2 s   12 answer   31 open · 11,969 closed`."""
    if report.addresses == 1:
        return None
    parts = [
        voice.say("{what} in {time}", what=voice.count("{n} address", "{n} addresses", report.addresses), time=_seconds(report.took_s))
    ]
    if report.hosts:
        parts.append(voice.count("{n} answers", "{n} answer", sum(host.up is True for host in report.hosts)))
    if report.states:
        parts.append(states_text(report.states))
    return "   ".join(parts)


def host_line(voice: Voice, host: HostSeen, took_s: float | None) -> str:
    """`198.18.0.2   65,536 ports in 0.9 s   4 open · 65,530 closed · 2 filtered`."""
    name = host.address if host.name is None else f"{host.address} ({clean(host.name, _LONGEST)})"
    if not host.states:
        amount = voice.say("answers") if host.up else voice.say("nobody's") if host.up is False else voice.say("silent")
    else:
        amount = voice.count("{n} port", "{n} ports", sum(host.states.values()))
    if took_s is not None and host.states:
        amount = voice.say("{what} in {time}", what=amount, time=_seconds(took_s))
    parts = [name, amount, states_text(host.states)]
    if host.mac is not None:
        parts.append(host.mac)
    return "   ".join(part for part in parts if part)


def states_text(states: dict[str, int]) -> str:
    """`4 open · 65,530 closed · 2 filtered`: states keep their names in every language, as in other scanners' answers."""
    return " · ".join(f"{states[state]:,} {state.value}" for state in State if states.get(state))


def row_of(voice: Voice, row: PortSeen) -> tuple[str, str, str, str, str]:
    """(port, state, service, reason, round trip)."""
    reason = row.reason.value
    if row.by is not None:
        reason = voice.say("{reason} by {who}", reason=reason, who=clean(row.by, _LONGEST))
    # When a probe left is known to about a tenth of a millisecond: many leave by one call.
    time = "" if row.rtt_ms is None else f"{row.rtt_ms:.1f} ms" if row.rtt_ms >= 0.1 else "< 0.1 ms"
    return f"{row.port}/{row.transport.value}", row.state.value, clean(row.service or "-", _LONGEST), reason, time


def others_line(voice: Voice, host: HostSeen) -> str | None:
    """What has no row of its own: `not shown: 65,530 closed (reset)`, with the ports where they are few ranges."""
    found = []
    several = len({each.transport for each in host.others}) > 1
    for each in host.others:
        text = f"{each.amount:,} {each.state.value} ({each.reason.value})"
        if each.ports and len(each.ports) <= _LONGEST_PORTS and each.amount < sum(host.states.values()):
            text += f": {each.ports}"
        found.append(f"{each.transport.value} {text}" if several else text)
    return voice.say("not shown: {what}", what=" · ".join(found)) if found else None


def silent_line(voice: Voice, report: ScanReport, shown: int) -> str | None:
    """How many addresses are not shown, and why."""
    if not report.hosts:
        return None
    down = sum(host.up is False for host in report.hosts)
    rest = report.addresses - shown - down
    parts = []
    if down > 0:
        parts.append(voice.count("{n} address is nobody's.", "{n} addresses are nobody's.", down))
    if rest > 0:
        parts.append(voice.count("{n} more address has nothing to show.", "{n} more addresses have nothing to show.", rest))
    return voice.together(*parts) or None


def certainty_line(voice: Voice, one: Pass, *, several: bool) -> str:
    """`loss seen 5.1 % · 6 rounds · chance of a missed open port < 1 in 1,000,000`."""
    sure, effort = one.certainty, one.effort
    cut = not {Doubt.INTERRUPTED, Doubt.LINK_GONE}.isdisjoint(sure.doubts)
    """Ended before the end: what was told of what had been asked by then says nothing of the rest."""
    parts = []
    if sure.basis is Basis.KERNEL:
        parts.append(voice.say("asked the kernel of this host: no packet was sent"))
    elif sure.basis is Basis.ANSWERED:
        parts += [] if cut else [voice.say("every port answered")]
    elif sure.basis is not Basis.ASSUMED:
        asked = sure.loss_open.asked + sure.loss_closed.asked
        lost = sure.loss_open.lost + sure.loss_closed.lost
        if asked:
            parts.append(voice.say("loss seen {share} %", share=f"{100 * lost / asked:.1f}"))
    elif sure.assumed_loss is not None:
        parts.append(voice.say("loss assumed {share} %", share=f"{100 * sure.assumed_loss:g}"))
    if sure.basis is not Basis.KERNEL:
        parts.append(voice.count("{n} round", "{n} rounds", effort.rounds))
        parts += [] if cut and sure.missed < 1 else [_chance(voice, sure)]
    text = " · ".join(parts)
    return f"{one.transport.value}: {text}" if several else text


def _chance(voice: Voice, sure: Certainty) -> str:
    if sure.missed == 0:
        return voice.say("no open port can have been missed")
    if sure.missed >= 1:
        return voice.say("up to {n} open ports missed", n=f"{sure.missed:,.0f}")
    bound = max(sure.missed, sure.goal) if sure.missed <= sure.goal else sure.missed
    return voice.say("chance of a missed open port < 1 in {n}", n=f"{int(1 / bound + 1e-6):,}")


def doubts(voice: Voice, one: Pass) -> list[str]:
    """Each doubt of a pass as a sentence."""
    sure = one.certainty
    facts: dict[Doubt, dict[str, object]] = {
        Doubt.LIMITED: {"n": f"{sure.undecided:,}"},
        Doubt.ASSUMED: {"share": f"{100 * (sure.assumed_loss or 0):g}"},
        Doubt.CONGESTED: {"rate": f"{one.effort.rate:,.0f}"},
        Doubt.SLOW: {"n": f"{sure.undecided:,}"},
        Doubt.ROUNDS: {"missed": f"{sure.missed:.2g}"},
        Doubt.OVERFLOW: {"n": f"{one.effort.overflowed:,}"},
    }
    found = []
    for doubt in sure.doubts:
        text = voice.say(DOUBTS[doubt], **facts.get(doubt, {}))
        if sure.undecided_s is not None and doubt in _MORE:
            text = voice.together(text, voice.say(_MORE[doubt], time=duration(voice, sure.undecided_s)))
        found.append(text)
    return found


def stray_line(voice: Voice, one: Pass) -> str | None:
    """Answers that were not counted, where there were any."""
    effort = one.effort
    parts = []
    if effort.duplicates:
        parts.append(voice.count("{n} came twice", "{n} came twice", effort.duplicates))
    if effort.late:
        parts.append(voice.count("{n} came late", "{n} came late", effort.late))
    if effort.forged:
        parts.append(voice.count("{n} was forged", "{n} were forged", effort.forged))
    return voice.say("answers: {what}", what=" · ".join(parts)) if parts else None


def missing_lines(voice: Voice, report: ScanReport) -> list[str]:
    """What kept something from us."""
    return [voice.say(MISSING[code]) if code in MISSING else code for code in report.missing]


def left_out_line(voice: Voice, left_out: Sequence[tuple[str, str]]) -> str | None:
    """`not asked: 224.0.0.0/4 (multicast), …`."""
    if not left_out:
        return None
    named = [f"{network} ({voice.say(LEFT_OUT.get(why, why))})" for network, why in left_out[:_FEW]]
    if len(left_out) > _FEW:
        named.append(voice.count("{n} more network", "{n} more networks", len(left_out) - _FEW))
    return voice.say("not asked: {networks}", networks=", ".join(named))


def shard_line(voice: Voice, report: ScanReport) -> str | None:
    """That it is a part."""
    if report.shard is None or report.shard.of == 1:
        return None
    return voice.say("part {n} of {of}: the others tell the rest", n=report.shard.number + 1, of=report.shard.of)


def progress_text(voice: Voice, progress: Progress) -> str:
    """`41,000 ports/s · 12 open · 4 s left`."""
    parts = [voice.say("{n} probes/s", n=f"{progress.rate:,.0f}"), voice.say("{n} open", n=f"{progress.found:,}")]
    if progress.round > 1:
        parts.append(voice.say("round {n}", n=progress.round))
    if progress.left_s is not None:
        parts.append(voice.say("{time} left", time=duration(voice, progress.left_s)))
    return " · ".join(parts)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def interesting(report: ScanReport) -> Iterable[HostSeen]:
    """Hosts that a person wants to see: the only one asked, those that answered, those with a port that may be open."""
    for host in report.hosts:
        if report.addresses == 1 or host.up or host.states.get(State.OPEN):
            yield host
