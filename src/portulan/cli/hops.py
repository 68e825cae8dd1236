"""The hops of a path as a table: what the report and the live view of `portulan trace` share."""

from __future__ import annotations

from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.cli.face import Face
    from portulan.model.path import Hop, Trace

COLUMNS = (mark("LAST"), mark("AVG"), mark("BEST"), mark("P50"), mark("P95"), mark("WORST"))


def notes(voice: Voice, trace: Trace) -> list[str]:
    """What the numbers of hops do not mean."""
    from portulan.text.path import milliseconds

    told = []
    doubt = max((hop.times.uncertain for hop in trace.hops if hop.times is not None), default=0.0)
    if trace.rounds > 1 and doubt >= SEEN_MS:
        told.append(
            voice.say(
                "Times may be off by up to {doubt} ms: without CAP_NET_RAW it is not known exactly when a probe left.",
                doubt=milliseconds(doubt),
            )
        )
    withheld = [str(hop.hop) for hop in trace.hops if hop.answered and hop.withheld > 0.0]
    if not withheld:
        return told
    return [
        *told,
        voice.say(
            "Hop {hops} limits its answers: what it does not answer comes through to later hops, and is no loss of the path.",
            hops=", ".join(withheld),
        ),
    ]


def table(face: Face, trace: Trace, *, jitter: bool) -> None:
    """The hops. With several rounds, their numbers."""
    from portulan.text.path import milliseconds

    voice, many = face.voice, trace.rounds > 1 or any(hop.sent > 3 and hop.answered for hop in trace.hops)
    rows = []
    for hop in trace.hops:
        times = hop.times
        if not many:
            rows.append([str(hop.hop), who(voice, hop), _time(voice, hop), _said(voice, trace, hop)])
            continue
        cells = [str(hop.hop), who(voice, hop), f"{hop.loss:.1%}", str(hop.sent)]
        values = (
            (times.jitter, times.deviation)
            if times and jitter
            else (times.last, times.average, times.least, times.median, times.p95, times.most)
            if times
            else ()
        )
        cells += [milliseconds(value) for value in values] or [""] * (2 if jitter else 6)
        rows.append([*cells, f"{hop.withheld:.1%}" if hop.withheld and hop.answered else ""])
    if many:
        measured = [voice.say("JITTER"), voice.say("DEVIATION")] if jitter else [voice.say(each) for each in COLUMNS]
        headers = [voice.say("HOP"), voice.say("ADDRESS"), voice.say("LOSS"), voice.say("SENT"), *measured, voice.say("WITHHELD")]
        face.table(rows, headers, shrink=(1,), right=range(2, len(headers)))
    else:
        face.table(rows, [voice.say("HOP"), voice.say("ADDRESS"), voice.say("ROUND TRIP"), ""], shrink=(1, 3), right=(2,))


def _time(voice: Voice, hop: Hop) -> str:
    """The round trip of a hop that was asked once, and how far off it may be."""
    from portulan.model.path import Clock
    from portulan.text.path import with_doubt

    if hop.times is None:
        return ""
    refused = "reset" in hop.reasons and hop.times.uncertain >= SEEN_MS
    doubtful = "time-exceeded" in hop.reasons and hop.times.uncertain >= SEEN_MS
    return with_doubt(voice, hop.times.last, hop.times.uncertain, Clock.PROCESS if refused else Clock.HALF if doubtful else Clock.KERNEL)


SEEN_MS = 0.01
"""Uncertainty below this is not seen in what is shown."""


def who(voice: Voice, hop: Hop) -> str:
    """Who answered there: names, addresses, systems."""
    from portulan.text.clean import clean

    if not hop.seen:
        return voice.say("(no answer)")
    parts = []
    for seen in hop.seen:
        text = f"{clean(seen.name, 60)} ({seen.address})" if seen.name else seen.address
        parts.append(f"{text} [{clean(seen.system, 40)}]" if seen.system else text)
    return " | ".join(parts)


def _said(voice: Voice, trace: Trace, hop: Hop) -> str:
    """What a hop said other than that it is too far."""
    from portulan.text.path import reason

    told = [each for each in hop.reasons if each not in ("time-exceeded", "no-response")]
    said = ", ".join(reason(voice, each) for each in told)
    for other in trace.compared:
        there = dict(other.hops).get(hop.hop)
        if there is not None and not hop.seen:
            name = other.transport.value if other.port is None else f"{other.port}/{other.transport.value}"
            return voice.say("{address} for {port}", address=there, port=name)
    return said
