"""A proof by packets told: what was proved, for whom, and every packet that fared otherwise."""

from __future__ import annotations

from collections import defaultdict

from portulan.model.guard_proof import Road, address_text, span_text
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.guard_proof import Certificate, Difference, MessageDifference, Tally, Team
    from portulan.text.voice import Voice

SENTENCES: dict[str, str] = {
    "proof.no-linux": mark("a proof by packets needs Linux."),
    "proof.refused": mark("the rules could not be loaded in the closed network: {reason}"),
    "proof.lost": mark("packets got lost on their way to the rules, again and again: nothing can be said of them."),
    "proof.restless": mark("what the kernel recorded never kept still while it was read."),
    "proof.no-rules": mark("this machine has no rules that could be proved."),
    "proof.no-links": mark("this machine has no interface but its loopback: nobody can send it anything."),
    "proof.no-copy": mark("the table {table} cannot be copied: {reason}."),
}
WAYS_OUT: dict[str, str] = {
    "proof.lost": mark("try it again when the machine has less to do"),
    "proof.no-rules": mark("a policy's own rules:  portulan guard prove"),
}
_LEFT_OUT: dict[str, str] = {
    "no-ipv6": mark("This kernel runs without IPv6: nothing is proved of it."),
    "senders": mark("A class of senders has no address that can send: nothing is proved of it."),
    "too-many": mark("There are more classes of senders than a proof has room for: the last ones were left out."),
    "addresses": mark("An interface without an address of its own was given one for the proof."),
    "links": mark("There are more interfaces than a proof has room for: the last ones were left out."),
}
_ROADS: dict[Road, str] = {
    Road.INPUT: mark("in by {link}"),
    Road.PUBLISHED: mark("in by {link}, published"),
    Road.FORWARD: mark("{link} to {beyond}"),
    Road.LOCAL: mark("this host itself"),
    Road.OUTPUT: mark("out by {link}"),
}
_ORDER = (Road.INPUT, Road.PUBLISHED, Road.FORWARD, Road.OUTPUT, Road.LOCAL)
_PARTLY = "*"
_HASH = 12
"""Digits of a hash that are shown: the certificate as JSON has them all."""


def left_out_sentence(voice: Voice, code: str) -> str:
    """What could not be proved."""
    return voice.say(_LEFT_OUT[code])


def headline(voice: Voice, certificate: Certificate) -> str:
    """The result in one sentence."""
    n = certificate.packets
    if not certificate.proved:
        wrong = len(certificate.differences) + certificate.more_differences + len(certificate.message_differences)
        return voice.count(
            "Not proved: {wrong} of {n} packet fared otherwise.",
            "Not proved: {wrong} of {n} packets fared otherwise.",
            n,
            wrong=f"{wrong:,}",
        )
    if certificate.policy is None:
        return voice.count(
            "Proved: {n} packet, and it fared as the simulation says.", "Proved: {n} packets, and each fared as the simulation says.", n
        )
    return voice.count("Proved: {n} packet, and it fared as the policy says.", "Proved: {n} packets, and each fared as the policy says.", n)


def difference_lines(voice: Voice, certificate: Certificate) -> list[str]:
    """Each packet that fared otherwise."""
    lines = [_difference(voice, each) for each in certificate.differences]
    lines += [_message_difference(voice, each) for each in certificate.message_differences]
    if certificate.more_differences:
        lines.append(voice.count("and {n} more", "and {n} more", certificate.more_differences))
    return lines


def _difference(voice: Voice, one: Difference) -> str:
    team = one.team
    return voice.say(
        "{port}/{transport} from {sender}, {way}: kernel {kernel}, policy {policy}, simulation {simulation}",
        port=one.port, transport=one.transport.value, sender=address_text(team.sender), way=_way(voice, team), kernel=_word(voice, said=one.kernel),
        policy=_word(voice, said=one.policy), simulation=_word(voice, said=one.simulation),
    )  # fmt: skip


def _message_difference(voice: Voice, one: MessageDifference) -> str:
    if one.team.road is Road.OUTPUT:
        return voice.say(
            "ICMP type {kind} (IPv{version}, hop limit {hops}) to {target}, {way}: kernel {kernel}, policy {policy}",
            kind=one.kind, version=one.team.version, hops=one.hop_limit, target=address_text(one.team.target), way=_way(voice, one.team),
            kernel=_word(voice, said=one.kernel), policy=_word(voice, said=one.policy),
        )  # fmt: skip
    return voice.say(
        "ICMP type {kind} (IPv{version}, hop limit {hops}) from {sender}, {way}: kernel {kernel}, policy {policy}",
        kind=one.kind, version=one.team.version, hops=one.hop_limit, sender=address_text(one.team.sender), way=_way(voice, one.team), kernel=_word(voice, said=one.kernel),
        policy=_word(voice, said=one.policy),
    )  # fmt: skip


def _word(voice: Voice, *, said: bool | None) -> str:
    if said is None:
        return voice.say("has no say")
    return voice.say("lets it through") if said else voice.say("refuses it")


def _way(voice: Voice, team: Team) -> str:
    return voice.say(_ROADS[team.road], link=team.link, beyond=team.beyond)


def rows(voice: Voice, certificate: Certificate) -> list[list[str]]:
    """A line for each class of senders on each way, both transports and IP versions together where they fare alike; those at edges have none."""
    found: dict[tuple[Road, str, str, tuple[str, ...]], dict[int, list[Tally]]] = defaultdict(lambda: defaultdict(list))
    for tally in certificate.tallies:
        team = tally.team
        if not team.edge:
            found[team.road, team.link, team.beyond, team.names][team.version].append(tally)
    lines = []
    for (road, _, _, names), by_version in sorted(found.items(), key=lambda one: _ORDER.index(one[0][0])):
        told = {version: _let_through(voice, tallies) for version, tallies in by_version.items()}
        for text in dict.fromkeys(told.values()):
            versions = [version for version, each in told.items() if each == text]
            team = by_version[versions[0]][0].team
            example = team.target if team.road is Road.OUTPUT else team.sender
            who = (
                voice.say("anybody")
                if road is Road.FORWARD or (road is Road.OUTPUT and not names)
                else ", ".join(_senders(voice, names, certificate))
            )
            lines.append(
                [_way(voice, team), who, address_text(example), text if len(versions) == len(told) else f"IPv{versions[0]}: {text}"]
            )
    return lines


def _senders(voice: Voice, names: tuple[str, ...], certificate: Certificate) -> list[str]:
    """The narrowest names: who is in another one too is not told that everyone is."""
    if certificate.policy is None or not names:
        return [voice.say("others")]
    narrow = [name for name in names if name != "everyone" and not name.startswith("#")]
    return narrow or ([voice.say("everyone else")] if "everyone" in names else [voice.say("others")])


def _let_through(voice: Voice, tallies: list[Tally]) -> str:
    parts = []
    for tally in tallies:
        if tally.through == tally.sent:
            parts.append(voice.say("all {transport}", transport=tally.transport.value))
        elif tally.ports:
            parts.append(f"{span_text(tally.ports)}/{tally.transport.value}")
    told = " ".join(parts) or voice.say("nothing")
    return told if all(tally.team.whole for tally in tallies) else f"{told} {_PARTLY}"


def facts(voice: Voice, certificate: Certificate) -> list[str]:
    """What else there is to know."""
    teams = {(tally.team.road, tally.team.number): tally.team for tally in certificate.tallies}
    edges = sum(team.edge for team in teams.values())
    lines = []
    if any(not team.whole and not team.edge for team in teams.values()):
        lines.append(f"{_PARTLY} " + voice.say("asked only at the ports where something changes"))
    if edges:
        lines.append(
            voice.count(
                "{n} more sender, at the edge of a network, asked at each port where something changes.",
                "{n} more senders, at the edges of networks, asked at each port where something changes.",
                edges,
            )
        )
    if certificate.messages:
        sent = sum(each.sent for each in certificate.messages)
        lines.append(voice.count("{n} ICMP message, of every type, among them.", "{n} ICMP messages, of every type, among them.", sent))
    if certificate.limited:
        lines.append(
            voice.count(
                "{n} packet was let through behind a rate, in a portion that it allows.",
                "{n} packets were let through behind a rate, in portions that it allows.",
                certificate.limited - certificate.untried,
            )
        )
    if certificate.untried:
        lines.append(
            voice.count(
                "{n} port behind a rate was not tried again: the first and last ones, and some between, were.",
                "{n} ports behind a rate were not tried again: the first and last ones, and some between, were.",
                certificate.untried,
            )
        )
    if certificate.policy is not None:
        lines.append(
            voice.say(
                "policy  {file}  (SHA-256 of its text: {hash})", file=certificate.policy, hash=(certificate.policy_hash or "")[:_HASH]
            )
        )
    rules = certificate.rules_hash[:_HASH]
    lines.append(
        voice.say("rules   a copy of this machine's  {hash}", hash=rules)
        if certificate.live
        else voice.say("rules   the policy's  {hash}", hash=rules)
    )
    lines.append(
        voice.say(
            "kernel  {kernel}, nft {nft}, in {seconds} s",
            kernel=certificate.kernel,
            nft=certificate.nft,
            seconds=f"{certificate.took_s:.1f}",
        )
    )
    return lines
