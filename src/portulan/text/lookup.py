"""What `lookup` and `registry` say: the answer in one sentence, what belongs to it, what can go wrong."""

from __future__ import annotations

from portulan.model.assignment import Kind, Status
from portulan.model.port import LAST_SYSTEM, LAST_USER, PORTS, PortClass, port_class
from portulan.text.voice import mark
from portulan.text.well_known import WELL_KNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.model.assignment import Answer, Entry, InUse, Update
    from portulan.model.port import Transport
    from portulan.model.portset import PortRange
    from portulan.text.voice import Voice

SENTENCES: dict[str, str] = {
    "lookup.empty": mark("nothing was asked: a number, a range, a name or words were expected."),
    "lookup.too-long": mark("the question is too long: at most {limit} characters were expected."),
    "registry.not-a-table": mark("this is not a registry table of Portulan."),
    "registry.damaged": mark("the registry table is damaged."),
    "registry.not-a-source": mark("this is neither the XML nor the CSV of IANA's registry of service names and port numbers."),
    "registry.too-large": mark("the file is too large: at most {limit} MiB were expected."),
    "registry.empty": mark("the file has no record of a port or a service."),
    "registry.bad-record": mark("record {where}: {text} is not what a {field} looks like."),
    "registry.bad-xml": mark("the XML cannot be read: {reason}."),
    "registry.bad-csv": mark("line {where} of the CSV cannot be read: {reason}."),
    "registry.no-file": mark("there is no file {path}."),
    "registry.not-a-file": mark("{path} is not a regular file."),
    "registry.bad-address": mark("{url} is not an address to fetch from: https://… or http://… was expected."),
    "registry.not-fetched": mark("{url} could not be fetched: {reason}."),
    "registry.cut-short": mark("{url} ended too early: {missing} bytes are missing."),
    "registry.too-few": mark("the file has {records} records; IANA's registry has more than {fewest}. Nothing was changed."),
    "registry.no-landmark": mark("the file lacks {port} {name}, which IANA's registry has. Nothing was changed."),
    "registry.reset-alone": mark("reset goes back to the packaged table: it takes neither --from nor --force."),
    "registry.older": mark("the file is of {date}, older than the table in use ({in_use}). Nothing was changed."),
}
"""What can go wrong, for the table of errors."""

WAYS_OUT: dict[str, str] = {
    "registry.damaged": mark("back to the packaged table:  portulan registry reset"),
    "registry.not-fetched": mark("from a file that you fetched yourself:  portulan registry update --from FILE"),
    "registry.cut-short": mark("try again, or from a file:  portulan registry update --from FILE"),
    "registry.too-few": mark("to take it all the same:  --force"),
    "registry.no-landmark": mark("to take it all the same:  --force"),
    "registry.older": mark("to take it all the same:  --force"),
}

CLASSES: dict[PortClass, str] = {
    PortClass.SYSTEM: mark("system port ({range}): listening there usually takes root"),
    PortClass.USER: mark("user port ({range}): assigned on request, open to any program"),
    PortClass.DYNAMIC: mark("dynamic port ({range}): never assigned, for private use"),
}
"""RFC 6335, section 6."""
RANGES = {
    PortClass.SYSTEM: f"0-{LAST_SYSTEM}",
    PortClass.USER: f"{LAST_SYSTEM + 1}-{LAST_USER}",
    PortClass.DYNAMIC: f"{LAST_USER + 1}-{PORTS - 1}",
}


def headline(answer: Answer, voice: Voice) -> str:
    """The answer in one sentence."""
    if answer.kind is Kind.PORT:
        return _port_headline(answer, voice)
    if answer.kind is Kind.RANGE:
        names = {entry.service for entry in answer.entries if entry.service}
        return voice.count("{ports}: {n} service.", "{ports}: {n} services.", len(names), ports=asked(answer))
    if answer.kind is Kind.NAME:
        return _name_headline(answer, voice)
    if not answer.entries:
        return unknown(answer, voice)
    services = {(entry.first, entry.service) for entry in answer.entries}
    return voice.count("{n} service mentions “{words}”.", "{n} services mention “{words}”.", len(services), words=answer.query)


def unknown(answer: Answer, voice: Voice) -> str:
    """That nothing was found, and what may have been meant."""
    text = voice.say("Nobody knows “{words}”: no service name, no word of a description.", words=answer.query)
    if answer.suggestions:
        text = voice.together(text, voice.say("Did you mean {near}?", near=", ".join(answer.suggestions)))
    return text


def asked(answer: Answer) -> str:
    """The numbers asked for, as we write them: `80`, `443/tcp`, `6000-6063/udp`."""
    return f"{answer.ports}/{answer.transport}" if answer.transport else str(answer.ports)


def _port_headline(answer: Answer, voice: Voice) -> str:
    port = asked(answer)
    named = _services(entry for entry in answer.entries if entry.service and not entry.ours)
    found = ", ".join(dict.fromkeys(entry.service or "" for entry in answer.entries if entry.ours))
    if named and found:
        return voice.say("{port} is {services}, says IANA; often found there: {found} (our word).", port=port, services=named, found=found)
    if named:
        return voice.say("{port} is {services}.", port=port, services=named)
    if found:
        return voice.say("{port} is nobody's, says IANA; often found there: {found} (our word).", port=port, found=found)
    return _nameless_headline(port, answer.entries[0], voice)


def _nameless_headline(port: str, entry: Entry, voice: Voice) -> str:
    """A number that nobody has a name for."""
    if entry.port == 0:
        return voice.say("{port} is reserved: no service can be reached there.", port=port)
    if entry.status is Status.RESERVED:
        return voice.say("{port} is reserved: IANA gives it to nobody.", port=port)
    if entry.status is Status.ASSIGNED:
        return voice.say("{port} has no service name; IANA says: {description}.", port=port, description=entry.description or "-")
    if entry.port_class is PortClass.DYNAMIC:
        return voice.say("{port} is a dynamic port: nobody owns it, any program may use it for a while.", port=port)
    return voice.say("{port} is unassigned: IANA has given it to nobody.", port=port)


def _services(entries: Iterable[Entry]) -> str:
    """`http`, or `shell (tcp), syslog (udp)` where the transports differ: the usual name of each."""
    usual: dict[Transport | None, str] = {}
    for entry in entries:
        usual.setdefault(entry.transport, entry.service or "")
    if len(set(usual.values())) == 1:
        return next(iter(usual.values()))
    names = {name: [str(transport) for transport, known in usual.items() if known == name and transport] for name in usual.values()}
    return ", ".join(f"{name} ({' '.join(transports)})" if transports else name for name, transports in names.items())


def _name_headline(answer: Answer, voice: Voice) -> str:
    placed = [entry for entry in answer.entries if entry.port is not None]
    services = list(dict.fromkeys(entry.service or "" for entry in placed))
    places = list(dict.fromkeys(map(span, placed)))
    name, ports, n = answer.query, ", ".join(places), len(places)
    if not services:
        return voice.say("{name} is a service name without a port of its own.", name=name)
    if all(entry.ours for entry in placed):
        return voice.count(
            "{name} is often found on port {ports}: our word, not IANA's.",
            "{name} is often found on ports {ports}: our word, not IANA's.",
            n,
            name=name,
            ports=ports,
        )
    if not answer.words:
        return voice.count("{name} is on port {ports}.", "{name} is on ports {ports}.", n, name=name, ports=ports)
    if len(services) > 1:
        return voice.say("{word} is our word for several services: ports {ports}.", word=name, ports=ports)
    return voice.count(
        "{word} is our word for {service}: port {ports}.",
        "{word} is our word for {service}: ports {ports}.",
        n,
        word=name,
        service=services[0],
        ports=ports,
    )


def span(entry: Entry) -> str:
    """`80`, `6000-6063`, or `-` for a name without a port."""
    if entry.first is None:
        return "-"
    return str(entry.first) if entry.first == entry.last else f"{entry.first}-{entry.last}"


def place(ports: str, transports: Sequence[Transport]) -> str:
    """`443/tcp`; a number alone stands for TCP and UDP."""
    return f"{ports}/{transports[0]}" if len(transports) == 1 else ports


def plain_sentences(answer: Answer, voice: Voice) -> list[tuple[str, str]]:
    """What a beginner should know of the ports in the answer: of each the word people say, and a sentence."""
    if answer.ports is not None and answer.ports.last == 0:
        return [("0", _port_zero(answer.ephemeral, voice))]
    return [(known.service, voice.say(WELL_KNOWN[known.key])) for known in answer.well_known]


def _port_zero(ephemeral: PortRange | None, voice: Voice) -> str:
    if ephemeral is None:
        return voice.say("A program that asks for port 0 asks for any free one: the kernel picks it.")
    return voice.say("A program that asks for port 0 asks for any free one: the kernel picks it (here from {range}).", range=str(ephemeral))


def people_words(entries: Iterable[Entry], voice: Voice) -> str:
    """The words of ours that lead to these rows; Japanese ones for Japanese readers."""
    words = dict.fromkeys(word for entry in entries for word in entry.aliases)
    return ", ".join(word for word in words if word.isascii() or voice.language == "ja")


def class_line(number: int, voice: Voice) -> str:
    """The range of RFC 6335 that a port lies in."""
    kind = port_class(number)
    return voice.say(CLASSES[kind], range=RANGES[kind])


def class_lines(voice: Voice) -> list[str]:
    """All three ranges."""
    return [voice.say(CLASSES[kind], range=RANGES[kind]) for kind in PortClass]


def kernel_line(number: int | None, ephemeral: PortRange | None, voice: Voice) -> str:
    """What this host's kernel does with a port by itself; empty where that is not known."""
    if ephemeral is None:
        return ""
    if number is None:
        return voice.say("hands {range} to clients", range=str(ephemeral))
    if number in ephemeral:
        return voice.say("hands {range} to clients: {number} may be taken for a while", range=str(ephemeral), number=number)
    return voice.say("hands {range} to clients: never {number}", range=str(ephemeral), number=number)


def about_lines(used: InUse, voice: Voice) -> list[tuple[str, str]]:
    """The table in use, as label and text."""
    counts = used.about.counts
    figures = [
        voice.count("{n} record", "{n} records", counts.records),
        voice.count("{n} service name", "{n} service names", counts.names),
        voice.count("{n} name without a port", "{n} names without a port", counts.portless),
        voice.count("{n} port without a transport", "{n} ports without a transport", counts.transportless),
        voice.count("{n} row without a name (reserved, unassigned)", "{n} rows without a name (reserved, unassigned)", counts.nameless),
        voice.count("{n} range", "{n} ranges", counts.ranges),
        voice.count("{n} record that repeats another", "{n} records that repeat another", counts.repeated),
    ]
    return [
        (voice.say("date"), used.about.date),
        (voice.say("source"), used.about.source),
        (voice.say("licence"), used.about.licence),
        (voice.say("holds"), ", ".join(figures)),
        (voice.say("in use"), voice.say("the packaged table") if used.packaged else voice.say("your own table")),
        (voice.say("file"), used.path),
    ]


def fault_line(used: InUse, voice: Voice) -> str:
    """That the user's own table had to be set aside."""
    return voice.say(
        "{path} is damaged or cannot be read: the packaged table is used. Put it right:  portulan registry update", path=used.own
    )


def update_line(update: Update, voice: Voice) -> str:
    """What a registry update brought."""
    if update.before == update.after:
        return voice.say("The registry is that of {date}, as before.", date=update.after.date)
    return voice.say(
        "The registry is now that of {date} (before: {before}): {added} rows came, {removed} went.",
        date=update.after.date,
        before=update.before.date,
        added=f"{update.added:,}",
        removed=f"{update.removed:,}",
    )
