"""A policy read with care, told: what is doubtful and why, and what is kept without a line."""

from __future__ import annotations

from portulan.model.finding import Level
from portulan.text.audit import LEVEL_NAMES, levels
from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.model.guard_check import Checked, Doubtful, Kept, Mistake, Understood

DOUBTS: dict[str, str] = {
    "line.shadowed": mark("{text} does nothing: line {other_line} ({other}) lets the same senders in already."),
    "line.limit-idle": mark("the limit of {text} does nothing: line {other_line} ({other}) lets the same senders in without one."),
    "line.contradicted": mark("{text} is only for {senders}, but line {other_line} ({other}) opens it to {others}: the wider line counts."),
    "line.twice": mark("{text} names the same ports as line {other_line} ({other}), on the same terms: whoever is in one of them comes in. One line would say so."),
    "line.over": mark("{text} ended on {day}: the next portulan guard apply shuts it. Take it out, or give it another day."),
    "line.soon": mark("{text} ends after {day}, in {days} days: the next apply after that closes it."),
    "line.wide": mark("{text} opens {count} ports to everyone: that is no door."),
    "line.dangerous": mark("{text} is open to everyone: {what}."),
    "line.nobody-listens": mark("nobody listens on {ports}: whoever starts a program there is open to those senders at once."),
    "source.unused": mark("no line names the source {text}."),
    "source.nobody": mark("the source {text} is empty: it means nobody."),
    "source.never": mark("the source {text} means only addresses from which nothing ever comes. This host itself is this-host."),
    "source.one-version": mark("{text} means everybody of IPv{version}, and nobody of IPv{other}: everyone means both."),
    "zone.unused": mark("no line names the zone {text}: nothing passes between it and the others."),
    "link.missing": mark("there is no interface {text} here now (there are: {known})."),
    "forward.helper": mark("{text} lets {helper} through only in part: the further connections that it opens stay refused. Name their ports, or take it out."),
    "forward.off": mark("{text} will pass nothing: forwarding is off for these interfaces (sysctl net.ipv4.ip_forward)."),
    "file.owner": mark("{path} belongs to {who}, who could change these rules: as root, apply will refuse."),
    "file.group": mark("the group {who} may write {path}, and could change these rules: as root, apply will refuse."),
    "file.others": mark("everybody may write {path}, and could change these rules: as root, apply will refuse."),
    "lock-out.caller-others": mark("you are logged in from {address} by port {port}, which a line lets you in by again, but the table {table} does not ({link})."),
    "lock-out.others": mark("ssh listens here (port {ports}), and lines let somebody in there, but the table {table} lets nobody in: only a console would be left."),
    "lock-out.caller": mark("you are logged in from {address} by port {port}, and no line lets you in there again ({link})."),
    "lock-out.no-way-in": mark("ssh listens here (port {ports}), and no line lets anybody in there: only a console would be left."),
}  # fmt: skip
KEPT: dict[str, str] = {
    "kept.answers": mark("answers, and what an open connection announced"),
    "kept.loopback": mark("this host itself"),
    "kept.errors-4": mark("errors of IPv4: unreachable (path MTU among them), time exceeded, parameter problem"),
    "kept.errors-6": mark("errors of IPv6: unreachable, packet too big, time exceeded, parameter problem"),
    "kept.echo-6": mark("echo of IPv6 (ping)"),
    "kept.neighbours-6": mark("router and neighbour discovery: without it there is no IPv6"),
    "kept.listeners-6": mark("multicast listeners and routers of this link"),
    "kept.dhcp-4": mark("answers of DHCP servers"),
    "kept.dhcp-6": mark("answers of DHCPv6 servers"),
    "kept.forward": mark("what is forwarded from one's own networks and containers is left alone"),
    "kept.outgoing": mark("whatever this host sends"),
    "refused.invalid": mark("what belongs to no connection and begins none"),
    "refused.forward-zones": mark("what is forwarded and is in no line of [forward], nor a published port that [doors] names"),
    "refused.forward-uplink": mark("what strangers send through this host, published ports apart: those are judged by [doors]"),
    "kept.outgoing-answers": mark("what this host sends to itself, and on connections that are let through"),
    "kept.outgoing-icmp": mark("what this host sends of errors, neighbour discovery, multicast listeners and IPv6 echo"),
    "kept.outgoing-dhcp": mark("what this host asks DHCP servers"),
    "refused.outgoing": mark("what else this host sends and is in no line of [outgoing]"),
    "refused.rest": mark("everything else that comes in"),
}
OPENS: dict[str, str] = {"everything": mark("everything"), "ping": mark("ICMP echo")}
SECTIONS: dict[str, tuple[str, str, str]] = {
    "doors": (mark("DOOR"), mark("OPENS"), mark("FOR")),
    "outgoing": (mark("OUTGOING"), mark("OPENS"), mark("TO")),
    "forward": (mark("FORWARD"), mark("OPENS"), ""),
}
"""The tables of a policy, and the heads of their columns."""
UNSEEN: dict[str, str] = {
    "network": mark("This machine's interfaces could not be read: whether they are there was not checked."),
    "listeners": mark("Who listens here could not be read: lines for ports on which nobody listens were not looked for."),
    "published": mark(
        "The firewall's rules could not be read: published ports of containers count as not listened on, and what other tables refuse is not known."
    ),
}


def headline(voice: Voice, answer: Checked) -> str:
    """`portulan.toml   5 lines · 1 warning`."""
    parts = [voice.count("{n} line", "{n} lines", len(answer.lines))]
    counts = {level: sum(one.level is level for one in answer.doubts) for level in Level}
    parts += levels(voice, counts)
    if not answer.doubts:
        parts.append(voice.say("nothing doubtful"))
    return clean(answer.file) + "   " + " · ".join(parts)


def doubt_words(voice: Voice, doubts: Sequence[Doubtful]) -> str:
    """`line 9: …`, or the sentence alone where it is about the whole file. Several of one kind are told together (`gathered`)."""
    doubt = doubts[0]
    facts = dict(doubt.facts)
    if len(doubts) > 1:
        facts["ports"] = " ".join(dict.fromkeys(word for each in doubts for word in str(each.facts["ports"]).split()))
        lines = ", ".join(str(each.spot.line) for each in doubts if each.spot)
        return voice.say("lines {lines}: {problem}", lines=lines, problem=voice.say(DOUBTS[doubt.code], **facts))
    if facts.get("more"):
        facts["what"] = voice.say(str(facts["what"]))
        text = voice.count(
            "{text} is open to everyone: {what}, and {n} more service that should not be.",
            "{text} is open to everyone: {what}, and {n} more services that should not be.",
            int(facts["more"]),
            **facts,
        )
        return voice.say("line {line}: {problem}", line=doubt.spot.line if doubt.spot else 0, problem=text)
    if "what" in facts:
        facts["what"] = voice.say(str(facts["what"]))
    text = voice.say(DOUBTS[doubt.code], **facts)
    return text if doubt.spot is None else voice.say("line {line}: {problem}", line=doubt.spot.line, problem=text)


def gathered(doubts: Iterable[Doubtful]) -> list[list[Doubtful]]:
    """Findings, those of ports on which nobody listens as one."""
    found: list[list[Doubtful]] = []
    unheard: list[Doubtful] = []
    for doubt in doubts:
        if doubt.code != "line.nobody-listens":
            found.append([doubt])
        else:
            if not unheard:
                found.append(unheard)
            unheard.append(doubt)
    return found


def level_name(voice: Voice, level: Level) -> str:
    """error, warning, info."""
    return voice.say(LEVEL_NAMES[level])


def opens_words(voice: Voice, opens: Sequence[str]) -> str:
    """`443/tcp+udp 8000-8010/tcp`; `everything`."""
    found: dict[str, list[str]] = {}
    for each in opens:
        numbers, _, transport = each.partition("/")
        found.setdefault(numbers, []).append(transport)
    return " ".join(f"{numbers}/{'+'.join(kinds)}" if any(kinds) else voice.say(OPENS[numbers]) for numbers, kinds in found.items())


def with_words(voice: Voice, line: Understood) -> str:
    """What a line says besides: its limit, helper, days, note."""
    parts = [] if line.limit is None else [voice.say("at most {limit}", limit=line.limit)]
    if line.log:
        parts.append(voice.say("logged"))
    if line.helper is not None:
        parts.append(voice.say("helper {name}", name=line.helper))
    if line.until is not None:
        day = line.until.isoformat()
        parts.append(voice.say("ended on {day}", day=day) if line.over else voice.say("until {day}", day=day))
    if line.note is not None:
        parts.append(clean(line.note))
    return " · ".join(parts)


def kept_rows(voice: Voice, kept: Iterable[Kept]) -> list[tuple[str, str, str, str]]:
    """(kept or refused, what, in the words of packets, why)."""
    return [
        (
            voice.say("let through") if one.code.startswith("kept.") else voice.say("refused"),
            voice.say(KEPT[one.code]),
            one.what,
            one.source,
        )
        for one in kept
    ]


def mistake_lines(voice: Voice, mistake: Mistake) -> tuple[str, ...]:
    """As an error of the command line is told, without the program's name."""
    from portulan.text.errors import told

    spot = mistake.spot
    return told(voice, mistake.code, {**mistake.facts, "file": spot.file, "line": spot.line, "column": spot.column})


def missing(voice: Voice, answer: Checked) -> list[str]:
    """What could not be looked at."""
    return [voice.say(UNSEEN[code]) for code in answer.unseen]
