"""Exports told: what a target has no words for, and what it says in its own way."""

from __future__ import annotations

from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.guard_export import Export
    from portulan.text.voice import Voice

SENTENCES: dict[str, str] = {
    "export.target": mark("{text} is no target: one of {known} was expected."),
    "export.too-many": mark("{file} would become more than {most} rules there, one for each network and door."),
    "export.rate": mark("the line of {text} has a rate for each sender, which cannot be said there."),
    "export.rate-bounds": mark(
        "the line of {text} lets in more at once than iptables can count: {most} at most, and no more than its rate lets in within a day."
    ),
    "export.helper": mark("the line of {text} needs a helper, which cannot be said there."),
    "export.transport": mark("the line of {text} has a transport that cannot be said there."),
    "export.pattern": mark("the line of {text} means all interfaces that begin so, which cannot be said there."),
    "export.masquerade": mark("the line of {text} masquerades, which cannot be said there."),
    "export.log": mark("the line of {text} logs what it lets through, which cannot be said there."),
    "export.beyond-zone": mark("the line of {text} is about more than what comes in, which one zone cannot say."),
    "export.by-interface": mark("the line of {text} means senders by their interface, which one zone cannot say."),
    "export.ping-out": mark("ufw has no commands for ICMP: the line of {text} in [outgoing] cannot be said there."),
    "export.ping": mark("{file}: ping is for senders by their interface, which one zone cannot say."),
}
WAYS_OUT: dict[str, str] = {
    "export.rate": mark("iptables can, or leave limit out of the line:  portulan guard export --to iptables"),
    "export.rate-bounds": mark('give it a burst or a faster rate, as in  limit = "10/hour burst 20"'),
    "export.helper": mark("iptables can:  portulan guard export --to iptables"),
    "export.pattern": mark("name each interface, or:  portulan guard export --to iptables"),
    "export.beyond-zone": mark("iptables can:  portulan guard export --to iptables"),
    "export.ping-out": mark("iptables can:  portulan guard export --to iptables"),
    "export.by-interface": mark("iptables can:  portulan guard export --to iptables"),
    "export.too-many": mark("nftables keeps them as sets:  portulan guard apply"),
}
_REMARKS: dict[str, str] = {
    "ping": mark(
        "ufw answers an IPv4 ping of everyone, whatever the policy says: that is not in its commands but in /etc/ufw/before.rules."
    ),
    "published": mark("Ports of containers are not judged by it: what publishes them (Docker, say) lets them in beside it."),
    "log-rate": mark("What is refused is logged at its own rate, not the policy's."),
    "neighbours": mark(
        "Beyond ports it keeps to its own list of what is always let in (multicast names, DHCP), which is not quite the policy's."
    ),
}


def remark_lines(voice: Voice, export: Export) -> list[str]:
    """What it says in its own way."""
    return [voice.say(_REMARKS[code]) for code in export.remarks]
