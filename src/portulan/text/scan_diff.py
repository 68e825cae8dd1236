"""What changed between two scans, and what only one side of a firewall knows, in words."""

from __future__ import annotations

from portulan.model.scan_diff import Side
from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.scan import State
    from portulan.model.scan_diff import DiffAnswer, Difference, HostCompared, OneSided

_LONGEST = 200
_FEW = 4
MEANINGS = {
    Side.OUTSIDE: mark(
        "Open from outside, and nobody here listens: a rule sends it elsewhere, another machine answers for the address, or something hides."
    ),
    Side.INSIDE: mark("Somebody listens here, and from outside it is not open: a firewall is in between, or there is no way back."),
}
WAYS = {
    Side.OUTSIDE: mark("which rule sends it elsewhere:  portulan reach {port}"),
    Side.INSIDE: mark("which rule shuts it:  portulan reach {port}"),
}


def headline(voice: Voice, answer: DiffAnswer) -> str:
    """`2 differences between a.xml and b.xml · 12 addresses`."""
    count = sum(each.amount for each in answer.items)
    what = voice.count("{n} port differs", "{n} ports differ", count) if count else voice.say("no difference")
    named = voice.say(
        "{what} between {before} and {after}", what=what, before=clean(answer.before, _LONGEST), after=clean(answer.after, _LONGEST)
    )
    return f"{named} · {voice.count('{n} address', '{n} addresses', answer.addresses)}"


def row_of(voice: Voice, each: Difference) -> tuple[str, str, str, str, str]:
    """(address, port, service, before, after)."""
    name = each.address if each.name is None else f"{each.address} ({clean(each.name, _LONGEST)})"
    ports = f"{each.ports}/{each.transport.value}"
    if each.amount > 1:
        ports = f"{voice.count('{n} port', '{n} ports', each.amount)}: {ports}"
    return name, ports, clean(each.service or "-", _LONGEST), state(voice, each.before), state(voice, each.after)


def state(voice: Voice, one: State | None) -> str:
    """A state by its name; `not asked`."""
    return voice.say("not asked") if one is None else one.value


def skipped_line(voice: Voice, addresses: tuple[str, ...]) -> str | None:
    """Addresses that are not this machine's own."""
    if not addresses:
        return None
    named = list(addresses[:_FEW])
    if len(addresses) > _FEW:
        named.append(voice.count("{n} more address", "{n} more addresses", len(addresses) - _FEW))
    return voice.say(
        "not compared, because no network namespace of this machine has them, or several do: {addresses}", addresses=", ".join(named)
    )


def host_headline(voice: Voice, answer: HostCompared) -> str:
    """`web-01   4 open ports are known on both sides · 2 on one only`."""
    both = voice.count("{n} open port is known on both sides", "{n} open ports are known on both sides", answer.agreed)
    one = voice.count("{n} on one side only", "{n} on one side only", len(answer.items)) if answer.items else voice.say("no difference")
    return f"{clean(answer.host, _LONGEST)}   {both} · {one}"


def host_row(voice: Voice, each: OneSided) -> tuple[str, str, str, str, str]:
    """(address, port, service, outside, inside)."""
    inside = voice.say("nobody listens")
    if each.side is Side.INSIDE:
        bound = " ".join(each.bound_to)
        holder = clean(each.holder, _LONGEST) if each.holder is not None else voice.say("somebody")
        inside = voice.say("{holder} on {address}", holder=holder, address=bound)
    return each.address, f"{each.port}/{each.transport.value}", clean(each.service or "-", _LONGEST), state(voice, each.outside), inside


def host_meanings(voice: Voice, answer: HostCompared) -> list[str]:
    """What each kind of difference means, and the command that says more."""
    found = []
    for side in Side:
        first = next((each for each in answer.items if each.side is side), None)
        if first is not None:
            found += [voice.say(MEANINGS[side]), voice.say(WAYS[side], port=f"{first.port}/{first.transport.value}")]
    return found
