"""Words for those who try doors: what they tried, what they know now, and why that is sure."""

from __future__ import annotations

from portulan.model.scanner import Block, Kind, Outcome, Scanner, Scanners, Tried, Verdict
from portulan.text.clean import clean
from portulan.text.traffic import length_of, origin_lines, span
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FEW = 6
_LONGEST = 80

OUTCOMES: dict[Outcome, str] = {
    Outcome.ANSWERED: mark("answered"),
    Outcome.REFUSED: mark("refused"),
    Outcome.SILENT: mark("no answer"),
    Outcome.UNSEEN: mark("the other direction was not seen"),
}
KINDS: dict[Kind, str] = {
    Kind.VERTICAL: mark("many ports of few hosts"),
    Kind.HORIZONTAL: mark("the same door of many hosts"),
    Kind.BOTH: mark("many ports of many hosts"),
    Kind.DISTRIBUTED: mark("several sources together"),
    Kind.BACKSCATTER: mark("answers to packets that were sent in this address's name"),
}
NO_OWN = mark("What this host has open could not be asked: contacts are judged by the answers they get.")


def headline(voice: Voice, answer: Scanners) -> str:
    """The answer in one sentence."""
    found = sum(one.verdict is Verdict.SCANNER for one in answer.rows)
    if found:
        return voice.count("{n} source was trying the doors.", "{n} sources were trying the doors.", found)
    if answer.judged or not answer.cannot_judge:
        return voice.say("Nobody was seen trying the doors.")
    return voice.say("That cannot be judged: only one direction of the traffic was captured.")


def counts(voice: Voice, answer: Scanners) -> str | None:
    """`14 sources were seen · 12 are harmless`; None where that says nothing new."""
    if answer.judged <= sum(one.verdict is Verdict.SCANNER for one in answer.rows):
        return None
    seen = [voice.count("{n} source was seen", "{n} sources were seen", answer.judged)]
    if answer.benign:
        seen.append(voice.count("{n} is harmless", "{n} are harmless", answer.benign))
    if answer.undecided:
        seen.append(voice.count("{n} made too few contacts to tell", "{n} made too few contacts to tell", answer.undecided))
    return " · ".join(seen)


def doubts(voice: Voice, answer: Scanners) -> list[str]:
    """What could not be read or judged, a sentence each."""
    lines = origin_lines(voice, answer.origins)
    if answer.cannot_judge and (answer.judged or answer.rows):
        lines.append(
            voice.count(
                "{n} source was seen in one direction only: whether doors opened to it cannot be judged.",
                "{n} sources were seen in one direction only: whether doors opened to them cannot be judged.",
                answer.cannot_judge,
            )
        )
    if answer.forgotten:
        lines.append(
            voice.count(
                "! {n} source with few contacts was let go to bound memory: a very slow scan among so many may be missed.",
                "! {n} sources with few contacts were let go to bound memory: a very slow scan among so many may be missed.",
                answer.forgotten,
            )
        )
    return lines


def source(voice: Voice, one: Scanner) -> str:
    """The address; of a distributed scan the first ones and how many."""
    shown = [clean(each, _LONGEST) for each in one.sources[:_FEW]]
    if len(one.sources) > _FEW:
        shown.append(voice.count("{n} more", "{n} more", len(one.sources) - _FEW))
    return ", ".join(shown)


def what_it_did(voice: Voice, one: Scanner) -> str:
    """`tried 212 ports in 9 s, found 22 and 443`."""
    ports = len(one.ports) + one.more_ports
    time = span(voice, length_of(one.since, one.until))
    if one.verdict is Verdict.BACKSCATTER:
        return voice.count(
            "{n} answer that nobody asked for, in {time}: its address is being misused",
            "{n} answers that nobody asked for, in {time}: its address is being misused",
            one.first_contacts, time=time,
        )  # fmt: skip
    if one.kind is Kind.HORIZONTAL or (one.hosts > 1 and ports <= 2):
        hosts = voice.count("{n} host", "{n} hosts", one.hosts)
        tried = voice.count(
            "tried port {ports} of {hosts} in {time}",
            "tried ports {ports} of {hosts} in {time}",
            ports,
            ports=_listed(voice, one.ports, one.more_ports),
            hosts=hosts,
            time=time,
        )
    elif one.hosts > 1:
        hosts = voice.count("{n} host", "{n} hosts", one.hosts)
        tried = voice.count("tried {n} port of {hosts} in {time}", "tried {n} ports of {hosts} in {time}", ports, hosts=hosts, time=time)
    else:
        tried = voice.count("tried {n} port in {time}", "tried {n} ports in {time}", ports, time=time)
    if one.learnt:
        return voice.say("{tried}, found {ports}", tried=tried, ports=_listed(voice, one.learnt, 0))
    return voice.say("{tried}, found none", tried=tried)


def sureness(voice: Voice, one: Scanner) -> str:
    """`sure after 5 contacts`; empty where no verdict fell."""
    return "" if one.sure_after is None else voice.count("sure after {n} contact", "sure after {n} contacts", one.sure_after)


def knows(voice: Voice, one: Scanner) -> str | None:
    """`it now knows 22 and 443`; None where it learnt nothing."""
    return voice.say("it now knows {ports}", ports=_listed(voice, one.learnt, 0)) if one.learnt else None


def evidence(voice: Voice, one: Tried) -> str:
    """`12:00:01.250  198.18.0.2:23/tcp  refused`."""
    address = f"[{one.address}]" if ":" in one.address else one.address
    return f"{one.at:%H:%M:%S}.{one.at.microsecond // 1000:03}  {address}:{one.port}/{one.transport}  {voice.say(OUTCOMES[one.outcome])}"


def kind(voice: Voice, one: Scanner) -> str:
    """How it goes about it."""
    return voice.say(KINDS[one.kind]) if one.kind is not None else ""


def missing(voice: Voice, answer: Scanners) -> list[str]:
    """What keeps the answer from being whole, for the envelope."""
    return doubts(voice, answer)


def _listed(voice: Voice, ports: Sequence[str], more: int) -> str:
    """`22 and 443`, `22, 80, 443 and 209 more`; TCP goes without saying."""
    shown = [clean(each, _LONGEST).removesuffix("/tcp") for each in ports]
    if len(shown) + more > _FEW:
        more += max(0, len(shown) - _FEW)
        shown = shown[:_FEW]
        return voice.say("{ports} and {more}", ports=", ".join(shown), more=voice.count("{n} more", "{n} more", more))
    if len(shown) < 2:
        return "".join(shown)
    return voice.say("{first} and {last}", first=", ".join(shown[:-1]), last=shown[-1])


SPARED: dict[str, str] = {
    "person": mark("somebody is logged in from there"),
    "own": mark("it is an address of this host"),
    "near": mark("this host uses it as its router or name server"),
    "never": mark("it is on the list of those that are never blocked"),
    "full": mark("there is no room for more blocked addresses"),
}
"""Why a source was not blocked, by its code."""

SENTENCES: dict[str, str] = {
    "blocks.time": mark(
        "{text} is not a time to block somebody for: from {least} seconds to {most}, as in 90s, 10m, 2h or 1d, was expected."
    ),
    "blocks.never": mark("{text} is neither an address nor a network."),
    "blocks.live": mark("{option} is for what happens now: a capture tells of the past, and addresses change hands."),
    "blocks.alone": mark("--never says who is not blocked: without --block nobody is."),
    "blocks.refused": mark("the kernel refused the set of blocked addresses: {reason}."),
    "blocks.persons": mark("nobody is blocked, since who is logged in cannot be told: {reason}."),
}
WAYS_OUT: dict[str, str] = {}


def blocked(voice: Voice, one: Block) -> str:
    """`198.18.0.66 is blocked until 21:45:10`."""
    address = clean(one.address, _LONGEST)
    if one.until is not None:
        return voice.say("{address} is blocked until {time}.", address=address, time=f"{one.until.astimezone():%Y-%m-%d %H:%M:%S}")
    return voice.say("{address} is not blocked: {why}.", address=address, why=voice.say(SPARED.get(one.spared or "", one.spared or "?")))
