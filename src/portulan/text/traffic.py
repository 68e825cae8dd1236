"""Words for traffic: amounts, times, what a port's flows say they are, and what a capture did not tell."""

from __future__ import annotations

from portulan.model.traffic import Ended
from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from portulan.model.traffic import Aside, Held, Mark, Origin, Traffic

_LONGEST, _NAME = 200, 80
_FEW = 3

SENTENCES: dict[str, str] = {
    "traffic.count": mark("{text} is not a number for {option}: a whole number from 1 was expected."),
    "traffic.bucket": mark("{text} is not a stretch of time for --bucket: 10, 500ms, 1m or 2h was expected."),
    "traffic.file-and-wire": mark("{option} is for what passes an interface, and --read reads files: ask for one of them."),
    "traffic.file-as-port": mark("{text} is a file, not a port."),
    "traffic.only-jsonl": mark("{option} says how often --jsonl tells: without it nothing is told at intervals."),
    "traffic.only-files": mark("{option} belongs to captures that are read from files."),
}
WAYS_OUT: dict[str, str] = {
    "traffic.file-as-port": mark("to read it:  portulan traffic --read {text}"),
    "traffic.file-and-wire": mark("leave out {option}, or leave out --read"),
    "traffic.only-jsonl": mark("so:  portulan traffic --jsonl {option} SECONDS"),
    "traffic.only-files": mark("for example:  portulan traffic --read FILE {option}"),
}
ASIDE: dict[str, str] = {
    "not-ip": mark("no IP (ARP, spanning tree and the like)"),
    "icmp": mark("ICMP"),
    "later-fragment": mark("later fragments (the ports stand in the first)"),
    "no-ports": mark("protocols without ports"),
    "tunnel": mark("inside a tunnel (--inner looks in)"),
    "cut-short": mark("cut before their ports"),
    "malformed": mark("headers that contradict themselves"),
    "unknown-link": mark("of a link type that is not read"),
    "too-deep": mark("more layers than are followed"),
}
"""Why packets have no port, by their code."""
_PAST = "past-the-cap"


# Amounts


def amount(count: float) -> str:
    """Bytes in two digits or three: `999 B`, `1.2 kB`, `31 MB`, `1.4 GB`; a kilobyte has a thousand."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            break
    return f"{count:,.0f} {unit}" if count >= 9.95 else f"{count:.1f} {unit}"


def share(part: float) -> str:
    """`71 %`, `<1 %` for what is little but something."""
    text = f"{part:.0%}"
    return "<1 %" if part > 0 and text == "0%" else text.replace("%", " %")


def rate(voice: Voice, count: float, seconds: float) -> str:
    """`1.2 MB/s`."""
    if seconds <= 0:
        return "-"
    return voice.say("{amount}/s", amount="<1 B" if 0 < count < seconds else amount(count / seconds))


def span(voice: Voice, seconds: float) -> str:
    """How long, as people say it: `38 ms`, `0.4 s`, `62 min`, `5.2 h`, `12 days`."""
    if seconds < 0.0995:
        return voice.say("{time} ms", time="<1" if 0 < seconds < 0.0005 else f"{seconds * 1000:.0f}")
    if seconds < 9.95:
        return voice.say("{n} s", n=f"{seconds:.1f}")
    if seconds < 120:
        return voice.say("{n} s", n=f"{seconds:.0f}")
    if seconds < 7200:
        return voice.say("{n} min", n=f"{seconds / 60:.0f}")
    if seconds < 172_800:
        return voice.say("{n} h", n=f"{seconds / 3600:.1f}")
    return voice.say("{n} days", n=f"{seconds / 86400:.0f}")


def length_of(began: datetime | None, ended: datetime | None) -> float:
    """Seconds between two moments, of which there may be none."""
    return max(0.0, (ended - began).total_seconds()) if began is not None and ended is not None else 0.0


# The answer

LIKELY = frozenset(("rtp",))
"""What first bytes make likely, not certain: shown with a question mark."""


def headline(voice: Voice, answer: Traffic) -> str:
    """`4,241,806 packets · 1.4 GB · 62 min · 241,851 flows`."""
    parts = [voice.count("{n} packet", "{n} packets", answer.packets), amount(answer.bytes)]
    if answer.began_at is not None:
        parts.append(span(voice, length_of(answer.began_at, answer.ended_at)))
    parts.append(voice.count("{n} flow", "{n} flows", answer.flows))
    return " · ".join(parts)


def door(transport: str, port: int | None) -> str:
    """`443/tcp`; of several ports the transport alone."""
    return transport if port is None else f"{port}/{transport}"


def service_name(name: str | None) -> str:
    """The registered name, or a dash."""
    return clean(name, _NAME) if name else "-"


def says(protocols: Mapping[str, int], flows: int, left_out: Mapping[str, int]) -> str:
    """What the flows that are not marked say they are, the commonest first: `tls`, `tls 9,120 · quic 88`; empty where none says."""
    found = {name: count - left_out.get(name, 0) for name, count in protocols.items()}
    ranked = sorted(((-count, f"{name}?" if name in LIKELY else name) for name, count in found.items() if count > 0))
    if len(ranked) == 1 and -ranked[0][0] >= flows:
        return ranked[0][1]
    parts = [f"{name} {-count:,}" for count, name in ranked[:_FEW]]
    return " · ".join(parts) + (" · …" if len(ranked) > _FEW else "")


def mark_short(voice: Voice, one: Mark, transport: str, port: int | None) -> str:
    """`! ssh on 443`."""
    return voice.say("! {protocol} on {port}", protocol=one.protocol, port=transport if port is None else port)


def mark_line(voice: Voice, one: Mark, transport: str, port: int | None, names: Mapping[str, str]) -> str:
    """`! ssh on 443, 10.0.0.7 -> 203.0.113.80`."""
    facts: dict[str, object] = {
        "protocol": one.protocol,
        "port": transport if port is None else port,
        "source": host(one.source, names),
        "destination": host(one.destination, names),
    }
    if one.name:
        text = voice.say("! {protocol} on {port}, {source} -> {destination} ({name})", name=clean(one.name, _NAME), **facts)
    else:
        text = voice.say("! {protocol} on {port}, {source} -> {destination}", **facts)
    if one.flows > 1:
        text += " " + voice.count("and {n} more", "and {n} more", one.flows - 1)
    return text


def more_rows(voice: Voice, count: int) -> str:
    """Rows that are not shown."""
    return voice.count("… {n} more row", "… {n} more rows", count)


NO_SUCH_PORT = mark("No flow has one of these ports.")


def legend(voice: Voice) -> str:
    """What the mark means."""
    return voice.say("! what goes through the port is not what it is registered for")


def host(address: str, names: Mapping[str, str]) -> str:
    """An address, by its name where that was looked up."""
    return clean(names.get(address, address), _NAME)


def endpoint(address: str, port: int, names: Mapping[str, str]) -> str:
    """`10.0.0.7:443`, `[2001:db8::9]:443`."""
    shown = host(address, names)
    return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"


def holders(processes: Sequence[Held] | None) -> str:
    """`nginx 812, curl 4242`; a dash where no process is known."""
    if not processes:
        return "-"
    named = [f"{clean(one.name or '?', _NAME)} {one.pid}" for one in processes[:_FEW]]
    return ", ".join(named) + ("…" if len(processes) > _FEW else "")


# What a capture did not tell


def origin_lines(voice: Voice, origins: Sequence[Origin]) -> list[str]:
    """What was not whole: damage, gaps, drops, samples; a sentence each, and what to do."""
    lines = []
    for one in origins:
        facts: dict[str, object] = {"name": clean(one.name, _LONGEST), "at": f"{one.at or 0:,}"}
        if one.ended is Ended.TRUNCATED:
            lines.append(
                voice.say("{name} ends in the middle of a packet, at byte {at}: what wrote it was stopped. All before is counted.", **facts)
            )
        if one.ended is Ended.DAMAGED:
            lines.append(
                voice.say(
                    "! {name} is damaged at byte {at}: all before is counted, nothing behind. To go on behind the damage:  --resync",
                    **facts,
                )
            )
        if one.ended is Ended.STOPPED and one.at:
            lines.append(voice.say("! {name} was read up to byte {at} only: reading was interrupted.", **facts))
        if one.skipped:
            skipped = sum(each.last - each.first + 1 for each in one.skipped)
            places = ", ".join(f"{each.first:,}-{each.last:,}" for each in one.skipped[:_FEW]) + (" …" if len(one.skipped) > _FEW else "")
            lines.append(
                voice.say("! {name} is damaged: {amount} were skipped (bytes {places}).", amount=amount(skipped), places=places, **facts)
            )
        if one.sampled > 1:
            lines.append(
                voice.say("{name}: one packet of {n} was looked at; the counts are of those.", name=facts["name"], n=f"{one.sampled:,}")
            )
        if one.dropped:
            lines.append(
                voice.say(
                    "! {name}: {n} packets came faster than they could be read and are not counted ({share} of all).",
                    name=facts["name"],
                    n=f"{one.dropped:,}",
                    share=share(one.dropped / (one.dropped + one.packets)),
                )
            )
    unread = _unread(origins)
    if unread:
        lines.append(
            voice.count("! {n} file was not read: reading was interrupted.", "! {n} files were not read: reading was interrupted.", unread)
        )
    return lines


def _unread(origins: Sequence[Origin]) -> int:
    """Files that were asked for and not begun."""
    return sum(one.ended is Ended.STOPPED and one.at == 0 for one in origins)


def aside_lines(voice: Voice, answer: Traffic, *, inner: bool = False) -> list[str]:
    """Packets without a port, by reason, and those past the cap. `inner`: tunnels were looked into."""
    lines = []
    others = sorted((one for one in answer.aside if one.code != _PAST and one.packets), key=lambda one: -one.packets)
    if others:
        reasons = " · ".join(f"{one.packets:,} {_reason(voice, one, inner=inner)}" for one in others)
        count = sum(one.packets for one in others)
        lines.append(voice.count("{n} packet has no port: {reasons}", "{n} packets have no port: {reasons}", count, reasons=reasons))
    past = sum(one.packets for one in answer.aside if one.code == _PAST)
    if past:
        lines.append(
            voice.count(
                "! {n} packet belongs to flows beyond the first {cap}: counted above, but in no row. To tell more apart:  --cap {more}",
                "! {n} packets belong to flows beyond the first {cap}: counted above, but in no row. To tell more apart:  --cap {more}",
                past,
                cap=f"{answer.cap:,}",
                more=answer.cap * 4,
            )
        )
    return lines


def _reason(voice: Voice, one: Aside, *, inner: bool) -> str:
    if inner and one.code == "tunnel":
        return voice.say("inside a tunnel that cannot be looked into")
    return voice.say(ASIDE.get(one.code, one.code))


def missing(voice: Voice, answer: Traffic) -> list[str]:
    """What keeps the answer from being whole, for the envelope."""
    lines = []
    for one in answer.origins:
        name = clean(one.name, _LONGEST)
        if one.ended in (Ended.TRUNCATED, Ended.DAMAGED):
            lines.append(voice.say("{name} is not whole: it ends, or is damaged, at byte {at}", name=name, at=f"{one.at or 0:,}"))
        if one.ended is Ended.STOPPED and one.at:
            lines.append(voice.say("{name} was read up to byte {at} only", name=name, at=f"{one.at:,}"))
        if one.skipped:
            lines.append(voice.say("damaged parts of {name} were skipped", name=name))
        if one.dropped:
            lines.append(voice.say("{n} packets of {name} were not read in time", name=name, n=f"{one.dropped:,}"))
    unread = _unread(answer.origins)
    if unread:
        lines.append(voice.count("{n} file was not read", "{n} files were not read", unread))
    if any(one.code == _PAST and one.packets for one in answer.aside):
        lines.append(voice.say("flows beyond the first {cap} are in no row", cap=f"{answer.cap:,}"))
    if answer.missing:
        from portulan.text.traffic_live import missing as could_not_be_had

        lines += could_not_be_had(voice, answer.missing)
    return lines


def reading_line(voice: Voice, seconds: float) -> str:
    """While a capture is read."""
    return voice.say("reading … {time}", time=span(voice, seconds))


def wider(voice: Voice, asked_s: float, width_s: float) -> str:
    """Stretches of time that are longer than was asked for."""
    return voice.say("Stretches of {asked} would be too many: these are of {time}.", asked=span(voice, asked_s), time=span(voice, width_s))


# The plot


def plot_title(voice: Voice, count: int, length_s: float) -> str:
    """`bytes per service over time: 1.4 GB in 62 min`."""
    return voice.say("bytes per service over time: {amount} in {time}", amount=amount(count), time=span(voice, length_s))


def others(voice: Voice) -> str:
    """What is drawn in grey."""
    return voice.say("all others")


def per_stretch(voice: Voice, seconds: float) -> str:
    """What the upright axis counts."""
    return voice.say("bytes per second, in stretches of {time}", time=span(voice, seconds))


NO_TIMES = mark("There is nothing to plot: no packet with a time went through a port.")
