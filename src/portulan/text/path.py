"""Words for the way to a port: reasons, times, and the verdict of a trace with its evidence."""

from __future__ import annotations

from portulan.model.address import format_endpoint
from portulan.model.path import Clock, Evidence, Finding, Flow, Kind, PathMtu, Sure, Target, Trace, Verdict
from portulan.model.scan import Reason, State
from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

_LONGEST = 80

STATES: dict[str, str] = {
    "open": mark("open"),
    "closed": mark("closed"),
    "filtered": mark("filtered"),
    "open|filtered": mark("open or filtered"),
}
REASONS: dict[str, str] = {
    "no-response": mark("no response"),
    "syn-ack": mark("the connection was accepted"),
    "reset": mark("the connection was refused"),
    "udp-response": mark("the service answered"),
    "echo-reply": mark("the echo came back"),
    "port-unreach": mark("port unreachable"),
    "host-unreach": mark("host unreachable"),
    "net-unreach": mark("no way to the network"),
    "proto-unreach": mark("protocol unreachable"),
    "admin-prohibited": mark("administratively prohibited"),
    "host-prohibited": mark("host prohibited"),
    "net-prohibited": mark("network prohibited"),
    "time-exceeded": mark("too many hops"),
    "no-route": mark("no route from here"),
    "forged-reset": mark("refused by a box in the host's name"),
    "too-big": mark("packet too big"),
    "local-firewall": mark("this host's own firewall keeps it in"),
    "link-down": mark("the interface is down"),
}
# Evidence, a sentence each.
EVIDENCE: dict[str, str] = {
    "answered": mark("The probe with a time to live of {hop}, and none with less, was answered by {by}: {reason}."),
    "every-hop": mark("Every hop before it answered."),
    "silent-hops": mark("Of the {hops} before it {known} answered; silent: {silent}."),
    "reset-from": mark("Refusals in the name of {host} begin at hop {hop}."),
    "next-to-us": mark("No router lies between."),
    "distance-unknown": mark("How far away the host itself is could not be found out: no other port says anything that only it can say."),
    "compared": mark("{port} of the same host answers at hop {hop} ({reason})."),
    "others-silent": mark("Nothing else of the host that was asked answers: {ports}."),
    "too-near": mark("The host is {distance} hops away: these refusals come from hop {hop}, or from a box right behind it."),
    "or-gateway": mark("The last gateway (hop {hop}) would look exactly like the host: from here the two cannot be told apart."),
    "icmp": mark("{by} says so by ICMP, type {type}, code {code}: {reason}."),
    "nothing": mark("Of {probes} probes none was answered, by any hop."),
    "silence": mark("Of {probes} probes that went farther than hop {hop} none was answered."),
    "next-hop": mark("For {port}, hop {hop} answers."),
    "at-the-host": mark(
        "What drops them is the host's own firewall, the last gateway (hop {hop}), or a server that takes no more connections."
    ),
    "loop": mark("Hop {first} comes again at hop {second}: {addresses}."),
    "not-sent": mark("No probe left this host."),
}
SURE: dict[str, str] = {
    "certain": mark("certain"),
    "likely": mark("likely"),
    "undecidable": mark("two causes look the same from here"),
}
# Whose matter it is: the question people come with.
BLAME: dict[str, str] = {
    "open": mark("Network, firewalls and server let you in."),
    "closed": mark("The network is fine: nobody listens there, or it is refused."),
    "forged-reset": mark("It is a firewall on the way."),
    "rejected": mark("It is a firewall on the way."),
    "rejected-by-host": mark("It is the host's own firewall."),
    "unreachable": mark("It is the network: routing, or the host is off."),
    "silent": mark("It is the network, or a filter for the whole host, or the host is off."),
    "port-filtered": mark("It is a firewall: the network is fine, since another port answers."),
    "port-filtered-at-host": mark(
        "The network is fine, since another port answers: it is a firewall at the host, or the server is too busy to answer."
    ),
    "loop": mark("It is the network: routers send packets to each other for ever."),
    "no-reply": mark("It is right here: not even the first hop answers."),
    "open-or-filtered": mark("The network is fine: the service keeps silent, or a firewall at the host does."),
    "not-sent": mark("It is this host."),
}


def address_of(target: Target) -> str:
    """`web-01:443/tcp`, by the name that was asked for."""
    host = clean(target.host, _LONGEST)
    return host if target.port is None else format_endpoint(host, f"{target.port}/{target.kind.value}")


def milliseconds(value: float | None) -> str:
    """`0.31`, `12.4`, `147`: three digits that matter; `-` for none."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def with_doubt(voice: Voice, value: float, uncertain: float | None, clock: Clock | None) -> str:
    """A time and how far off it may be: `0.31 ms`, `0.31 ± 0.02 ms`, `at most 0.31 ms`."""
    shown = milliseconds(value)
    if clock is Clock.PROCESS:
        return voice.say("at most {time} ms", time=shown)
    if clock is Clock.HALF and uncertain is not None and uncertain >= 0.005:
        return voice.say("{time} ± {doubt} ms", time=shown, doubt=milliseconds(uncertain))
    return voice.say("{time} ms", time=shown)


def reason(voice: Voice, value: Reason | str) -> str:
    """Why, in words."""
    return voice.say(REASONS.get(str(value), str(value)))


def state(voice: Voice, value: State | str) -> str:
    """A state in words."""
    return voice.say(STATES.get(str(value), str(value)))


def headline(voice: Voice, trace: Trace) -> str:
    """The answer in one sentence."""
    verdict = trace.verdict
    facts: dict[str, object] = {
        "target": address_of(trace.target), "hop": verdict.hop, "by": _name_of(trace, verdict.by), "reason": reason(voice, verdict.reason), "port": trace.target.name,
    }  # fmt: skip
    if verdict.finding is Finding.PORT_FILTERED:
        return _port_filtered(voice, trace, facts)
    return voice.say(HEADLINES[_case(trace)], **facts)


def _case(trace: Trace) -> str:
    """The finding, and what of it needs a sentence of its own."""
    verdict = trace.verdict
    if verdict.finding is Finding.OPEN and trace.target.kind is Kind.ICMP:
        return "echo"
    if verdict.finding is Finding.CLOSED and verdict.sure is Sure.UNDECIDABLE:
        return "closed-or-gateway"
    if verdict.finding is Finding.REJECTED and verdict.by == trace.target.address:
        return "rejected-by-host"
    return verdict.finding.value


HEADLINES: dict[str, str] = {
    "open": mark("{target} is open: it answers at hop {hop}."),
    "echo": mark("{target} answers at hop {hop}."),
    "closed": mark("{target} is closed: the host itself refuses, at hop {hop}."),
    "closed-or-gateway": mark("{target} is closed: refused at hop {hop}, by the host or by the gateway right before it."),
    "rejected": mark("{target} is filtered: router {by} at hop {hop} rejects it ({reason})."),
    "rejected-by-host": mark("{target} is filtered: the host's own firewall rejects it, at hop {hop} ({reason})."),
    "forged-reset": mark("{target} is filtered: a box at hop {hop} ({by}) refuses connections in the host's name."),
    "unreachable": mark("{target} cannot be reached: router {by} at hop {hop} says so ({reason})."),
    "silent": mark("{target} is filtered or down: packets vanish after hop {hop} ({by}), to other ports too."),
    "loop": mark("{target} cannot be reached: packets go in a circle from hop {hop} ({by}) on."),
    "no-reply": mark("{target}: no reply from any hop."),
    "open-or-filtered": mark(
        "{target} is open or filtered: datagrams get as far as hop {hop} ({by}), the last before the host, and nobody answers."
    ),
    "not-sent": mark("{target} was not asked: {reason}."),
}


def _port_filtered(voice: Voice, trace: Trace, facts: dict[str, object]) -> str:
    if trace.verdict.hop:
        first = voice.say("{target} is filtered: packets to {port} vanish after hop {hop} ({by}).", **facts)
    else:
        first = voice.say("{target} is filtered: packets to {port} vanish before the first hop.", **facts)
    other = next((each for each in trace.compared if each.hop is not None), None)
    if other is None:
        return first
    name = other.transport.value if other.port is None else f"{other.port}/{other.transport.value}"
    return voice.together(first, voice.say("{port} of the same host answers at hop {hop}.", port=name, hop=other.hop))


def blame(voice: Voice, trace: Trace) -> str:
    """Whose matter it is: the server's, the firewall's or the network's."""
    case = _case(trace)
    if any(one.code == "at-the-host" for one in trace.verdict.evidence) and case == "port-filtered":
        return voice.say(BLAME["port-filtered-at-host"])
    return voice.say(BLAME[case if case in BLAME else trace.verdict.finding.value])


def next_step(voice: Voice, trace: Trace) -> str | None:
    """What to type next, and where; None where nothing more can be asked so."""
    target, case = trace.target, _case(trace)
    if target.port is None:
        return None
    facts = {"host": clean(target.host, _LONGEST), "port": target.name}
    at_host = any(one.code == "at-the-host" for one in trace.verdict.evidence)
    if case in ("closed", "closed-or-gateway", "open-or-filtered"):
        return voice.say("on {host}, who holds the port:  portulan {port}", **facts)
    if at_host or case == "rejected-by-host":
        return voice.say("on {host}, which rule drops it:  portulan reach {port}", **facts)
    return None


def evidence(voice: Voice, one: Evidence) -> str:
    """One observation as a sentence."""
    facts: dict[str, object] = dict(one.facts)
    if "reason" in facts:
        facts["reason"] = reason(voice, str(facts["reason"]))
    if one.code == "next-hop" and facts.get("by"):
        return voice.say("For {port}, hop {hop} answers: {by}.", **facts)
    if one.code == "next-hop":
        return voice.say("For {port}, the way goes on beyond it.", **facts)
    return voice.say(EVIDENCE[one.code], **facts)


def sureness(voice: Voice, verdict: Verdict) -> str:
    """How sure it is: `likely: the chance that losses make it look so is below 1 in 1,300`."""
    said = voice.say(SURE[verdict.sure.value])
    if not verdict.chance:
        return said
    if verdict.chance > 0.1:
        return voice.say("{sure}: lost packets alone may make it look so", sure=said)
    return voice.say(
        "{sure}: the chance that lost packets make it look so is below 1 in {odds}", sure=said, odds=f"{int(1 / verdict.chance):,}"
    )


def flow(voice: Voice, value: Flow) -> str:
    """What the source ports mean."""
    if value is Flow.ONE:
        return voice.say("one flow: all probes have the same ports")
    return voice.say("a source port for each probe: routers that share load may send them different ways (one flow needs CAP_NET_RAW)")


def path_mtu(voice: Voice, value: PathMtu) -> str:
    """How big packets may be."""
    facts = {"bytes": value.bytes, "by": value.hop_address or ""}
    if value.hop_address is not None:
        said = voice.say("{bytes} bytes: {by} cannot send on more", **facts)
    else:
        said = voice.say("{bytes} bytes", **facts)
    return said if value.sure else voice.say("{what}, as far as routers say: the host did not answer to that", what=said)


def _name_of(trace: Trace, address: str | None) -> str:
    if address is None:
        return "?"
    name = next((seen.name for hop in trace.hops for seen in hop.seen if seen.address == address and seen.name), None)
    return f"{clean(name, _LONGEST)}, {address}" if name else address


SENTENCES: dict[str, str] = {
    "path.linux-only": mark("ports are pinged and traced on Linux only."),
    "path.no-route": mark("there is no IPv{version} route from this host to {target} ({address})."),
    "path.destination": mark("{text} is no port of a host: HOST:PORT was expected, as in web-01:443 or 192.0.2.1:53/udp."),
    "path.brackets": mark("{text}: an IPv6 address stands in brackets, as in [2001:db8::1]:443."),
    "path.transport": mark("{text}: {transport} cannot be asked: tcp or udp was expected."),
    "path.port-zero": mark("{text}: no service can be on port 0."),
    "path.several-ports": mark("{text} means several ports ({ports}): name one."),
    "path.tls": mark("{text}: TLS is spoken on TCP ports only."),
    "path.hops": mark("{text} is no number of hops: 1 to 255 was expected."),
    "path.wait": mark("{text} is no time to wait for an answer: up to 60 seconds was expected."),
    "path.as-file": mark("{path} cannot be read: {reason}."),
    "path.as-format": mark("{path} has no line of the form NETWORK NUMBER NAME, as in 192.0.2.0/24 AS64500 EXAMPLE."),
    "name.unknown": mark("{host} is no address, and no host of that name is known."),
    "name.no-version": mark("{host} has no IPv{version} address."),
    "name.no-answer": mark("the name servers do not answer, so {host} could not be looked up."),
    "certificate.damaged": mark("a certificate cannot be read."),
    "live.terminal": mark("--live needs a terminal."),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {
    "path.no-route": mark("see the routes:  ip -{version} route"),
    "name.no-answer": mark("give its address, or see:  cat /etc/resolv.conf"),
    "live.terminal": mark("without one:  -c 10 for a report of ten rounds"),
}
