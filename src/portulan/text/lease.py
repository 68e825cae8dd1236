"""Leases in words: which port a name has, how surely, and what to do where it cannot have one."""

from __future__ import annotations

from portulan.model.lease import Guarantee, Lease
from portulan.model.port import Transport
from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

SENTENCES: dict[str, str] = {
    "lease.address": mark("{text} is not an address: a numeric IPv4 or IPv6 address was expected."),
    "lease.address-not-here": mark("{text} is not an address of this machine."),
    "lease.address-not-ours": mark("{program} opens its socket itself: the address {address} is for it to choose, not for the lease."),
    "lease.different": mark("{name} keeps {ports} already, which is not what was asked for."),
    "lease.guarantee": mark("{text} is not a guarantee: one of {known} was expected."),
    "lease.held": mark("{name} is in use already: process {pid} has {ports}."),
    "lease.in-use": mark("{name} cannot be released: process {pid} serves {ports}."),
    "lease.json": mark("--json and a command do not go together: the output is the command's."),
    "lease.name": mark(
        "{text} is not a name for a lease: up to {longest} characters that show, not beginning with a hyphen, were expected."
    ),
    "lease.no-name": mark("a name for the lease was expected."),
    "lease.no-socket": mark("{name} has no socket for {port} to give out."),
    "lease.none-left": mark("no port is left in {within}."),
    "lease.not-ended": mark("process {pid}, which holds {name}, could not be ended."),
    "lease.not-started": mark("{program} could not be started: {reason}."),
    "lease.occupied": mark("{port} cannot be leased: it is in use."),
    "lease.port": mark("{text} is not a port that can be leased: a number from 1 to 65535 was expected."),
    "lease.refused": mark("{port} may not be bound: {reason}."),
    "lease.taken": mark("{port} is leased to {name} already."),
    "lease.unknown": mark("nothing is leased to {name}."),
    "leases.damaged": mark("the list of leases is damaged."),
    "leases.locked": mark("the list of leases in {path} has been locked by another process for {seconds} s."),
    "leases.set-aside": mark("the list of leases was damaged: it is kept as {kept}, and a new one was begun."),
}
WAYS_OUT: dict[str, str] = {
    "lease.different": mark("give it back first:  portulan release {name}"),
    "lease.held": mark("all leases:  portulan lease --list"),
    "lease.in-use": mark("end it:  kill {pid}"),
    "lease.no-name": mark("keep a port for a name:  portulan lease NAME, or all leases:  portulan lease --list"),
    "lease.not-ended": mark("end it:  sudo kill {pid}"),
    "lease.occupied": mark("what is in the way:  portulan why {number}"),
    "lease.taken": mark("give it back first:  portulan release {name}"),
    "lease.unknown": mark("all leases:  portulan lease --list"),
}


def guarantee_name(voice: Voice, guarantee: Guarantee) -> str:
    """The guarantee in a word."""
    return {
        Guarantee.ABSOLUTE: voice.say("absolute"),
        Guarantee.COOPERATIVE: voice.say("cooperative"),
        Guarantee.NOTED: voice.say("noted"),
    }[guarantee]


def promise(voice: Voice, lease: Lease) -> list[str]:
    """What the lease is, and how far it can be relied on: the first sentence names it, the others say what they must."""
    facts = {"name": lease.name, "ports": lease.ports, "address": lease.address or ""}
    if lease.guarantee is Guarantee.ABSOLUTE:
        if Transport.TCP not in lease.transports:
            return [voice.say("{name} has {ports} on {address}, absolute: the socket is bound and handed over.", **facts)]
        return [
            voice.say("{name} has {ports} on {address}, absolute: the socket is open and handed over; clients get in already.", **facts)
        ]
    if lease.guarantee is Guarantee.NOTED:
        told = voice.say("{name} has {ports}, noted: other leases keep off it, other programs do not.", **facts)
        held = voice.say("to hold it:  portulan lease {name} --hold", name=_word(lease.name))
        return [told] if lease.keeper else [told, held]
    lines = [voice.say("{name} has {ports}, cooperative: held bound; a server that sets SO_REUSEADDR binds over it.", **facts)]
    if Transport.TCP in lease.transports:
        lines.append(voice.say("Nobody gets it by chance; a program that asks for this number and sets SO_REUSEADDR can take it."))
    if Transport.UDP in lease.transports:
        lines.append(voice.say("UDP: of several programs that bind it so, the newest gets all datagrams."))
    return lines


def kept_by(voice: Voice, lease: Lease) -> str:
    """Who holds it, for the table."""
    if lease.keeper is None:
        return "-"
    who = voice.say("holder, pid {pid}", pid=lease.keeper.pid) if lease.keeper.detached else f"pid {lease.keeper.pid}"
    return voice.say("{who}; noted", who=who) if lease.noted else who


def released(voice: Voice, lease: Lease) -> str:
    """What was given back."""
    return voice.say("{ports} is free again: {name} has given it back.", ports=lease.ports, name=lease.name)


def _word(name: str) -> str:
    """The name as one word of a shell."""
    from portulan.host.remedies import quote

    return quote(clean(name))
