"""Words of `portulan ping`."""

from __future__ import annotations

from portulan.model.path import Kind, PingSummary, Probe
from portulan.model.scan import Reason, State
from portulan.text.clean import clean
from portulan.text.path import milliseconds, reason, state, with_doubt
from portulan.text.voice import Voice, mark

_LONGEST = 80
_SOON_DAYS = 14


def probe_line(voice: Voice, probe: Probe, *, several: bool) -> str:
    """One probe: `1  open  0.31 ms`."""
    head = f"{clean(probe.target, _LONGEST)}  {probe.sequence}" if several else f"{probe.sequence:>4}"
    parts = [head, state(voice, probe.state)]
    if probe.resent:
        parts.append(voice.say("only after it was sent again: the first packet or its answer was lost"))
    elif probe.rtt_ms is not None:
        parts.append(with_doubt(voice, probe.rtt_ms, probe.uncertain_ms, probe.clock))
    if probe.state is not State.OPEN:
        why = reason(voice, probe.reason)
        parts.append(f"{why} ({probe.by})" if probe.by else why)
    if probe.tls_ms is not None:
        parts.append(voice.say("{version} in {time} ms", version=probe.tls_version or "TLS", time=milliseconds(probe.tls_ms)))
    if probe.tls_failure is not None:
        parts.append(voice.say("no TLS: {reason}", reason=clean(probe.tls_failure, _LONGEST)))
    return "  ".join(parts)


def headline(voice: Voice, one: PingSummary) -> str:
    """One target in one line: `web-01:443 is open: 4 of 4 answered, 0.31 ms`."""
    facts: dict[str, object] = {
        "target": clean(one.target, _LONGEST),
        "state": state(voice, one.state),
        "answered": one.answered,
        "sent": one.sent,
    }
    if one.state is State.OPEN:
        if one.transport is Kind.ICMP:
            return voice.say("{target} answers to {answered} of {sent} echoes.", **facts)
        return voice.say("{target} is open: {answered} of {sent} probes were answered.", **facts)
    why = reason(voice, one.reason) + (f" ({one.by})" if one.by else "")
    return voice.say("{target} is {state}: {why}.", why=why, **facts)


def numbers(voice: Voice, one: PingSummary) -> list[str]:
    """Loss, times and TLS, a line each."""
    lines = []
    if one.sent:
        lines.append(voice.say("loss {loss} of {sent}", loss=f"{one.loss:.1%}", sent=voice.count("{n} probe", "{n} probes", one.sent)))
    times = one.times
    if times is not None:
        lines.append(
            voice.say(
                "ms   min {least} · avg {average} · p50 {median} · p95 {p95} · max {most} · jitter {jitter}",
                least=milliseconds(times.least), average=milliseconds(times.average), median=milliseconds(times.median), p95=milliseconds(times.p95),
                most=milliseconds(times.most), jitter=milliseconds(times.jitter),
            )
        )  # fmt: skip
        if times.uncertain >= 0.05 and one.state is not State.OPEN:
            lines.append(
                voice.say("each may be less by up to {doubt} ms: the kernel takes no time of refusals", doubt=milliseconds(times.uncertain))
            )
    if one.changes:
        lines.append(voice.count("its state changed {n} time", "its state changed {n} times", one.changes))
    if one.tls is not None:
        lines.append(voice.say("{version} handshake p50 {time} ms", version=one.tls_version or "TLS", time=milliseconds(one.tls.median)))
    if one.tls_failure is not None:
        lines.append(voice.say("no TLS: {reason}", reason=clean(one.tls_failure, _LONGEST)))
    if one.certificate_days is not None:
        days = int(one.certificate_days)
        if one.certificate_days < 0:
            lines.append(voice.count("the certificate ended {n} day ago", "the certificate ended {n} days ago", -days))
        else:
            lines.append(voice.count("the certificate is valid for {n} more day", "the certificate is valid for {n} more days", days))
    return lines


def urgent(one: PingSummary) -> bool:
    """Whether the certificate needs somebody soon."""
    return one.certificate_days is not None and one.certificate_days < _SOON_DAYS


def reason_cell(voice: Voice, one: PingSummary) -> str:
    """The state for a table, with why where it is not open."""
    if one.state is State.OPEN or one.reason is Reason.NONE:
        return state(voice, one.state)
    return f"{state(voice, one.state)}: {reason(voice, one.reason)}"


SENTENCES: dict[str, str] = {
    "ping.icmp-forbidden": mark("ICMP echoes need {needs}, or a group that net.ipv4.ping_group_range names."),
    "ping.no-target": mark("nobody to ask: name at least one HOST:PORT."),
    "ping.count": mark("{text} is no number of probes: 1 or more was expected."),
    "ping.interval": mark("{text} is no interval: a number of seconds from 0.001 to 86400 was expected."),
    "ping.number": mark("{option} takes a number: {text} is none."),
    "ping.wait-one": mark("--wait is about one port: name one."),
    "ping.icmp-tls": mark("--icmp and --tls: there is no TLS without a port."),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {
    "ping.icmp-forbidden": mark(
        'allow this group:  sudo sysctl net.ipv4.ping_group_range="{group} {group}", or ask a port, which needs no right:  HOST:443'
    ),
}
