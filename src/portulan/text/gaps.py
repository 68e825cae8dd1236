"""What could not be seen, said aloud, with the command that would show it."""

from __future__ import annotations

from portulan.model.chart import Gap
from portulan.text.voice import Voice


def gap_sentence(voice: Voice, gap: Gap) -> str:  # noqa: C901, PLR0911, PLR0912 - a table of sentences
    """One gap as one sentence, without a way out."""
    facts = gap.facts
    count = int(facts.get("count", 0))
    match gap.code:
        case "owners.forbidden":
            return voice.count(
                "{n} port is held by a process that may not be looked into: its program is not shown.",
                "{n} ports are held by processes that may not be looked into: their programs are not shown.",
                count,
            )
        case "owners.hidden":
            return voice.count(
                "{n} port is open but no process is seen to hold it: its socket may be on its way between two processes, or hidden.",
                "{n} ports are open but no process is seen to hold them: their sockets may be on their way between processes, or hidden.",
                count,
            )
        case "namespace.forbidden":
            return voice.say("The network namespace {name} may not be entered: its ports are not shown.", **facts)
        case "namespace.unreachable":
            return voice.say("The network namespace {name}, which only a socket of process {pid} keeps, could not be entered.", **facts)
        case "namespaces.unknown":
            return voice.count(
                "{n} process does not tell its network namespace: if that is another one, its ports are not shown.",
                "{n} processes do not tell their network namespaces: the ports of other ones are not shown.",
                count,
            )
        case "processes.closed":
            return voice.count(
                "{n} process may not be looked into: it may share these ports, or hold others in a network namespace of its own.",
                "{n} processes may not be looked into: they may share these ports, or hold others in network namespaces of their own.",
                count,
            )
        case "explain.failed":
            return voice.say("Not all of it could be shown: could not {operation} {subject}: {reason}.", **facts)
        case "proc.unreadable":
            return voice.say("/proc cannot be read: nothing is known of processes.")
        case "proc.hidepid":
            return voice.say("/proc hides the processes of other users (hidepid): their names are not shown.")
        case "reach.forbidden":
            return voice.say("Who can reach these ports is not shown: reading the firewall rules needs {needs}.", **facts)
        case "reach.supposed-alone":
            return voice.say(
                "Only the policy's own rules are told: reading those of other programs, which may refuse more, needs {needs}.", **facts
            )
        case "reach.linux-only":
            return voice.say("Who can reach these ports is not shown: the rules are read on Linux only, and not with the source psutil.")
        case "reach.group":
            return voice.say("Who can reach ports that are bound to a group's address (multicast) is not told.")
        case "reach.unreadable":
            return _unreadable(voice, gap)
        case "plan.many-receivers":
            return voice.say("The rules tell so many receivers apart that not all of what goes out or through was compared.")
        case "reach.incomplete":
            from portulan.text.firewall import incomplete_sentence

            return incomplete_sentence(voice, str(facts["why"]), str(facts["text"]))
        case "psutil.limited":
            return voice.say("Read through psutil: one holder a socket, no queues, no sharing options, this network namespace only.")
        case "psutil.forbidden":
            return voice.say("psutil may list the sockets of your own processes only.")
    return f"{gap.code} {facts}"


def _unreadable(voice: Voice, gap: Gap) -> str:
    """Why the rules could not be read, in the error's own words."""
    from portulan.text.firewall import SENTENCES

    message = SENTENCES.get(str(gap.facts["why"]), "")
    why = voice.say(message, **gap.facts) if message else str(gap.facts["why"])
    if gap.facts["name"]:
        return voice.say("Who can reach the ports of the network namespace {name} is not shown: {why}", name=gap.facts["name"], why=why)
    return voice.say("Who can reach these ports is not shown: {why}", why=why)


def way_out(voice: Voice, gaps: tuple[Gap, ...], *, root: bool, command: str) -> str | None:
    """The one command that would show more, or None when more rights would not help: they are all there."""
    helped = (
        "owners.forbidden",
        "namespace.forbidden",
        "namespace.unreachable",
        "namespaces.unknown",
        "processes.closed",
        "proc.hidepid",
        "psutil.forbidden",
        "reach.forbidden",
        "reach.supposed-alone",
    )
    if root or not any(gap.code in helped for gap in gaps):
        return None
    return voice.say("See all:  sudo {command}", command=command)
