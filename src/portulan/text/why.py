"""Why a port cannot be bound, told as a colleague would: yes or no first, who is in the way, what to type now and what helps for good."""

from __future__ import annotations

from portulan.model.binding import Answer, Overlap
from portulan.model.chart import Endpoint, Owner, State
from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.model.why import Cause, Caution, Holder, Suspect, Way, Why
from portulan.text.chart import duration, plain_address
from portulan.text.clean import clean
from portulan.text.voice import Voice, mark
from portulan.text.who import bound_where, join_names, process_rows, story_facts

_LONGEST = 200
_MOST_CONNECTIONS = 4

SENTENCES: dict[str, str] = {
    "why.one-port": mark("{text} means several ports ({ports}): why answers for one at a time."),
    "why.transport": mark("{text} is not a transport that why can judge: TCP and UDP are."),
    "why.any-port": mark("0 is no port of its own: whoever binds it gets a free one, chosen by the kernel."),
    "why.uid": mark("{text} is not the number of a user."),
    "why.device": mark("{text} is no interface of this network namespace."),
    "why.other-user": mark("only root can try as another user."),
    "address.invalid": mark("{text} is not an address: one like 127.0.0.1 or ::1 was expected, not a name."),
}
WAYS_OUT: dict[str, str] = {
    "why.one-port": mark("the chart of several ports:  portulan ls {text}"),
    "why.any-port": mark("a free port:  portulan free"),
}


class Story(Record):
    """An answer ready for a face."""

    lead: str
    body: tuple[str, ...]
    """Sentences below the lead, one a line."""
    processes: tuple[tuple[str, str, str, str], ...]
    """Rows (name, pid, user, command) of who is in the way."""
    facts: tuple[tuple[str, str], ...]
    """(label, text)."""
    ways: tuple[tuple[str, str, str], ...]
    """(when, command, meaning); a way without a command has its meaning alone."""


def tell(voice: Voice, answer: Why) -> Story:
    """The whole answer."""
    blocking = [one for one in answer.holders if not one.shares]
    owners: dict[int, Owner] = {owner.pid: owner for one in blocking for owner in one.endpoint.owners or ()}
    facts = [*_connections(voice, blocking), *_story(voice, answer, blocking, owners), _asked(voice, answer)]
    return Story(
        lead=_lead(voice, answer, blocking),
        body=tuple(_body(voice, answer, blocking)),
        processes=process_rows(voice, owners),
        facts=tuple(facts),
        ways=tuple(_ways(voice, answer)),
    )


def named_port(answer: Why) -> str:
    """`80/tcp (http)`."""
    return f"{answer.port} ({clean(answer.service, _LONGEST)})" if answer.service else str(answer.port)


# The first sentence


def _lead(voice: Voice, answer: Why, blocking: list[Holder]) -> str:
    port = named_port(answer)
    if answer.answer is Answer.YES:
        return voice.say("Yes. {port} can be bound on {where}.", port=port, where=_where(voice, answer, Answer.YES))
    if answer.answer is Answer.MAYBE:
        return voice.say(
            "Perhaps. Whether {port} can be bound on {where} could not be found out.", port=port, where=_where(voice, answer, None)
        )
    reason = _reason(voice, answer, blocking)
    if all(one.answer is Answer.NO for one in answer.items) and len(answer.items) > 1:
        return voice.say("No. {port} cannot be bound: {reason}.", port=port, reason=reason)
    return voice.say("No. {port} cannot be bound on {where}: {reason}.", port=port, where=_where(voice, answer, Answer.NO), reason=reason)


def _where(voice: Voice, answer: Why, wanted: Answer | None) -> str:
    """The addresses with that answer, None: with any."""
    found = [one.address for one in answer.items if wanted is None or one.answer is wanted]
    if {"0.0.0.0", "::"} <= set(found):  # noqa: S104 - compared, not bound
        return voice.say("all addresses")
    return ", ".join(found)


def _reason(voice: Voice, answer: Why, blocking: list[Holder]) -> str:  # noqa: C901, PLR0911, PLR0912 - a table of sentences
    first = blocking[0] if blocking else None
    names = _names(voice, first)
    where = bound_where(voice, _same_holder(blocking)) if first else ""
    match answer.cause:
        case Cause.LISTENER:
            return voice.say("{names} listens on {where}", names=names, where=where)
        case Cause.MPTCP:
            return voice.say("{names} listens on {where} by MPTCP, which takes TCP's ports", names=names, where=where)
        case Cause.BOUND:
            return voice.say("{names} holds it on {where} without listening", names=names, where=where)
        case Cause.CONNECTION:
            return voice.say("an outgoing connection is using it")
        case Cause.LEFT_OVER:
            return voice.say("the server is gone, but connections that it accepted are still open")
        case Cause.TIME_WAIT:
            return voice.say("the last connections are still closing (TIME_WAIT, {seconds} s left)", seconds=_seconds_left(blocking))
        case Cause.UDP:
            return voice.say("{names} is bound to it on {where}", names=names, where=where)
        case Cause.KERNEL:
            return voice.say("the kernel itself holds it, for {what}", what=(first and first.endpoint.held_by_kernel) or "?")
        case Cause.IN_FLIGHT:
            return voice.say("a socket that no process is seen to have holds it: on its way between two processes, or hidden")
        case Cause.REUSE_PORT_USER:
            return voice.say("{names} shares it by SO_REUSEPORT, but only with sockets of the same user", names=names)
        case Cause.PRIVILEGED:
            return voice.say("a port this low takes a right that user {user} does not have (CAP_NET_BIND_SERVICE)", user=_user(answer))
        case Cause.POLICY:
            return voice.say("a security policy refuses it ({error})", error=_error(answer))
        case Cause.NOT_LOCAL:
            return voice.say("that is no address of this network namespace")
        case Cause.TENTATIVE:
            return voice.say("the address is so new that IPv6 still asks whether another machine has it")
        case Cause.NO_FAMILY:
            return voice.say("this kernel does not have that kind of socket ({error})", error=_error(answer))
        case Cause.IMPOSSIBLE:
            return voice.say("no socket can be bound like that: the address and the options contradict each other")
        case Cause.UNSEEN | Cause.FREE:
            return voice.say("the kernel says that it is in use, and lists nothing that uses it")
    return voice.say("the kernel refuses it ({error})", error=_error(answer))


def _same_holder(blocking: list[Holder]) -> list[Endpoint]:
    """The endpoints of the first holder: a server on both families has two."""
    first = blocking[0]
    pids = {owner.pid for owner in first.endpoint.owners or ()}
    return [
        one.endpoint
        for one in blocking
        if one.cause is first.cause
        and {owner.pid for owner in one.endpoint.owners or ()} == pids
        and one.endpoint.uid == first.endpoint.uid
    ]


def _names(voice: Voice, holder: Holder | None) -> str:
    """Who holds it, as far as it may be seen."""
    if holder is None:
        return "?"
    owners: dict[int, Owner] = {owner.pid: owner for owner in holder.endpoint.owners or ()}
    if owners:
        return join_names(voice, owners)
    user = holder.endpoint.user or (None if holder.endpoint.uid is None else str(holder.endpoint.uid))
    if user is not None:
        return voice.say("a program of user {user} that may not be looked into", user=user)
    return voice.say("a program that may not be looked into")


def _user(answer: Why) -> str:
    return answer.user or str(answer.uid)


def _error(answer: Why) -> str:
    return next((one.error for one in answer.items if one.error), "?")


def _seconds_left(blocking: list[Holder]) -> int:
    left_ms = max((socket.expires_ms or 0 for one in blocking for socket in one.endpoint.sockets), default=0)
    return -(-left_ms // 1000)


# What stands below it


_OVERLAPS = {
    Overlap.HELD_WILDCARD: mark("It holds all addresses of that family: {held} includes {asked}."),
    Overlap.ASKED_WILDCARD: mark("All addresses were asked for ({asked}), and {held} is one of them."),
    Overlap.HELD_DUAL_STACK: mark("Its IPv6 wildcard takes IPv4 too (not v6-only): {held} includes {asked}."),
    Overlap.ASKED_DUAL_STACK: mark("An IPv6 wildcard takes IPv4 too unless it is v6-only: {asked} includes {held}."),
    Overlap.PLACEHOLDER: mark("It is an IPv6 connection, but to the kernel it has an IPv4 side as well, which {asked} meets."),
}


def _body(voice: Voice, answer: Why, blocking: list[Holder]) -> list[str]:
    lines = []
    refused = next((one for one in answer.items if one.overlap is not None), None)
    shown = {one.address for one in answer.items if one.overlap is Overlap.SAME}
    if refused is not None and refused.overlap in _OVERLAPS and not shown and blocking:
        held = plain_address(blocking[0].endpoint.address)
        lines.append(voice.say(_OVERLAPS[refused.overlap], held=held, asked=refused.address))
    lines += [_suspect(voice, one) for one in answer.suspects]
    lines += _options(voice, answer, blocking)
    if blocking and answer.cause not in {one.cause for one in blocking}:
        names = _names(voice, blocking[0])
        lines.append(voice.say("Besides, {names} holds it.", names=names))
    lines += [_caution(voice, answer, one) for one in answer.warnings]
    lines += _doubts(voice, answer)
    return lines


def _options(voice: Voice, answer: Why, blocking: list[Holder]) -> list[str]:
    """What the options would have changed."""
    codes = {way.code for way in answer.remedies}
    if "set-reuse-address" in codes:
        return [voice.say("With SO_REUSEADDR it could be bound now.")]
    if answer.cause is Cause.CONNECTION and answer.reuse_address:
        return [voice.say("The connection was made without SO_REUSEADDR, so setting it in the server does not help.")]
    if "holder-reuse-address" not in codes:
        return []
    if any(one.cause is Cause.BOUND for one in blocking):
        return [voice.say("The holder did not set SO_REUSEADDR, so setting it in the server does not help.")]
    return [voice.say("The old server did not set SO_REUSEADDR, so setting it now does not help.")]


def _suspect(voice: Voice, one: Suspect) -> str:  # noqa: PLR0911 - a table of sentences
    match one.code, one.certain:
        case "landlock", True:
            return voice.say("Landlock refuses it: this process, or one that started it, has confined itself to certain TCP ports.")
        case "landlock", False:
            return voice.say("It may be Landlock: this process, or one that started it, may have confined itself to certain TCP ports.")
        case "cgroup-bpf", True:
            return voice.say("A BPF program of this process's control group refuses it: {detail}.", detail=one.detail)
        case "cgroup-bpf", False:
            return voice.say("That error mostly comes from a BPF program of the control group; listing those takes root.")
        case "systemd", True:
            return voice.say("systemd refuses it for this unit: {detail}.", detail=one.detail)
        case "systemd", False:
            return voice.say("It may be systemd, for this unit: {detail}.", detail=one.detail)
        case "selinux", True:
            return voice.say("SELinux refuses it (name_bind): processes labelled {detail} may not bind this port.", detail=one.detail)
        case "apparmor", True:
            return voice.say("AppArmor refuses it, by the profile {detail}.", detail=one.detail)
        case "unknown", _:
            return voice.say("Which policy that is, this machine does not show.")
    return voice.say("It may be {name}.", name=f"{one.code} ({one.detail})" if one.detail else one.code)


def _caution(voice: Voice, answer: Why, one: Caution) -> str:  # noqa: C901, PLR0911 - a table of sentences
    facts = {**one.facts, "port": answer.port.number}
    match one.code:
        case "ephemeral":
            return voice.say(
                "{port} lies in the range that the kernel hands to clients ({first}-{last}): any program may get it for a while.", **facts
            )
        case "reserved":
            return voice.say("{port} lies in the clients' range ({first}-{last}), but is reserved: the kernel hands it to nobody.", **facts)
        case "privileged":
            return voice.say("It is also a privileged port (below {start}): binding it takes CAP_NET_BIND_SERVICE.", **facts)
        case "needs-privilege":
            return voice.say("It is a privileged port (below {start}): an ordinary user needs CAP_NET_BIND_SERVICE for it.", **facts)
        case "moved":
            return voice.say("Something changes where sockets are bound on their way into the kernel: it was bound to {address}.", **facts)
        case "shared":
            return voice.say("It would be shared with who listens there already: the kernel deals connections out to both.")
        case "takes-datagrams":
            return voice.say("It would be shared with who is bound there already: the newest socket gets all datagrams.")
        case "other-address":
            return voice.say("On {address} alone it can be bound.", **facts)
        case "published":
            return voice.say("Connections from outside do not reach it: {where} sends them on to {target} before.", **facts)
        case "published-unknown":
            return voice.say("Whether a container's published port takes its connections away is not known: that takes root to see.")
    return one.code


def _doubts(voice: Voice, answer: Why) -> list[str]:
    """What could not be tried, and where the rule and the kernel do not agree."""
    lines = []
    if not answer.exact:
        lines.append(voice.say("This system's own rule for sharing ports is not applied: holders are named, and binding was tried."))
    if any(one.untried == "other-user" for one in answer.items):
        lines.append(voice.say("Not tried: only root can try as another user. The answer is the rule's."))
    if any(one.untried == "takes-datagrams" for one in answer.items):
        lines.append(voice.say("Not tried: a bound UDP socket would take datagrams from who is there. The answer is the rule's."))
    odd = {one.disagreement for one in answer.items}
    if "kernel-lenient" in odd:
        lines.append(voice.say("By the rule it should not be possible, but the kernel has just allowed it."))
    if "kernel-stricter" in odd:
        lines.append(voice.say("By the rule it should be possible, but the kernel has just refused it."))
    return lines


# Facts


def _connections(voice: Voice, blocking: list[Holder]) -> list[tuple[str, str]]:
    """The connections in the way, with both ends."""
    label = voice.say("connection")
    lines = []
    for one in blocking:
        if one.endpoint.peer is None or one.endpoint.state is State.LISTENING:
            continue
        near = plain_address(one.endpoint.address)
        near = f"[{near}]" if ":" in near else near
        lines.append(
            f"{near}:{one.endpoint.port} -> {clean(plain_address(one.endpoint.peer), _LONGEST)}  {one.endpoint.state.value}{_by(one.endpoint)}"
        )
    more = len(lines) - _MOST_CONNECTIONS
    if more > 0:
        lines = [*lines[:_MOST_CONNECTIONS], voice.count("{n} more", "{n} more", more)]
    return [(label if not at else "", line) for at, line in enumerate(lines)]


def _by(endpoint: Endpoint) -> str:
    names = [f"{clean(owner.name, _LONGEST)} (pid {owner.pid})" for owner in (endpoint.owners or ())[:1]]
    return f"  {names[0]}" if names else ""


def _story(voice: Voice, answer: Why, blocking: list[Holder], owners: dict[int, Owner]) -> list[tuple[str, str]]:
    """Why the holder runs, since when, and what the socket is."""
    if not blocking:
        return []
    facts = story_facts(voice, [blocking[0].endpoint], owners)
    started = [owner.started_at for owner in owners.values() if owner.started_at]
    if started:
        facts.append((voice.say("running for"), duration(voice, (answer.taken_at - min(started)).total_seconds())))
    return facts


def _asked(voice: Voice, answer: Why) -> tuple[str, str]:
    """What the question was taken to be."""
    words = [", ".join(one.address + ("" if not one.v6_only else " v6only") for one in answer.items)]
    options = [name for name, wanted in (("SO_REUSEADDR", answer.reuse_address), ("SO_REUSEPORT", answer.reuse_port)) if wanted]
    words.append(" ".join(options) or voice.say("no sharing options"))
    if answer.device:
        words.append(clean(answer.device, _LONGEST))
    if answer.uid is not None:
        words.append(voice.say("user {user}", user=_user(answer)))
    if all(one.tried for one in answer.items):
        heard = answer.port.transport is Transport.TCP and all(one.listened for one in answer.items)
        words.append(voice.say("tried just now, listening too") if heard else voice.say("tried just now"))
    return voice.say("asked for"), " · ".join(words)


# Ways out


def _ways(voice: Voice, answer: Why) -> list[tuple[str, str, str]]:
    now, good = voice.say("now"), voice.say("for good")
    return [
        (good if way.lasting else now, clean(way.command or "", _LONGEST), _meaning(voice, way))
        for way in sorted(answer.remedies, key=lambda one: one.lasting)
    ]


def _meaning(voice: Voice, way: Way) -> str:  # noqa: C901, PLR0911, PLR0912 - a table of sentences
    facts = way.facts
    match way.code:
        case "stop":
            return ""
        case "other-port":
            return voice.say("a port that is really free")
        case "wait":
            return voice.say("wait {seconds} s", **facts)
        case "reserve":
            return voice.say("keeps it from clients; in /etc/sysctl.d/ it stays so")
        case "set-reuse-address":
            return voice.say("set SO_REUSEADDR before bind in the server (most frameworks: reuse_address=True)")
        case "holder-reuse-address":
            return voice.say("let whoever had the port set SO_REUSEADDR before bind (most frameworks: reuse_address=True)")
        case "same-user":
            return voice.say("let the server run as user {user}, with SO_REUSEPORT", **facts)
        case "v6-only":
            if facts.get("whose") == "ours":
                return voice.say("make the server's IPv6 socket v6-only (IPV6_V6ONLY), and leave IPv4 to who has it")
            return voice.say("make the holder's IPv6 socket v6-only (IPV6_V6ONLY)")
        case "unit-capability":
            return voice.say("in the service's unit, if systemd runs it")
        case "file-capability":
            return voice.say("for one program, whoever runs it")
        case "sysctl":
            return voice.say("for everybody, until the next boot; in {file} it stays so", **facts)
        case "systemd":
            return voice.say("allow it in the unit: {setting}", **facts)
        case "selinux":
            return voice.say("give the port the type that the server may bind; semanage port -l lists them")
        case "apparmor":
            return voice.say("look at what was denied, and allow it")
        case "cgroup-bpf":
            return voice.say("shows which control group the program is attached to")
        case "landlock":
            return voice.say("start the server from a process that is not confined, or let that one allow the port")
        case "addresses":
            return voice.say("shows this machine's addresses")
        case "nonlocal":
            return voice.say("lets servers bind addresses that are not there (yet)")
        case "wait-address":
            return voice.say("wait a second or two")
    return ""
