"""Who can get to a port, in words: senders, rules, and a packet's way step by step."""

from __future__ import annotations

from portulan.model.doors import Door, MatrixAnswer, ReachAnswer
from portulan.model.reach import Outcome, Passage, Place, Step, Way
from portulan.model.standing import Senders, Standing, UnreadSet
from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 200
_FEW = 3
"""Networks named one by one where there is little room."""

_PRIVATE = frozenset(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_PRIVATE_6 = frozenset(("fc00::/7", "fe80::/10"))

VERDICTS = {
    Outcome.ACCEPT: mark("accepted"),
    Outcome.DROP: mark("dropped"),
    Outcome.REJECT: mark("rejected"),
    Outcome.MAYBE: mark("perhaps accepted"),
}


def who(voice: Voice, standing: Standing | None, most: int = _FEW) -> str:
    """`everyone`, `203.0.113.0/24`, `this host`, `everyone except 10.0.0.0/8`, `nobody`; `?` for unknown. At most so many networks are named."""
    if standing is None:
        return "?"
    parts = [_senders(voice, each, most) for each in standing.sure]
    if standing.perhaps and standing.perhaps[0].kind != "this-host":
        perhaps = ", ".join(_senders(voice, each, most) for each in standing.perhaps)
        if not parts or standing.sure[0].kind == "this-host":
            parts = [voice.say("perhaps {who}", who=perhaps)]
        else:
            parts.append(voice.say("perhaps {who}", who=perhaps))
    elif standing.perhaps and not parts:
        parts = [voice.say("perhaps this host")]
    text = ", ".join(parts) or voice.say("nobody")
    for each in standing.unread:
        text = _with_unread(voice, text, each)
    return text


def _senders(voice: Voice, senders: Senders, most: int) -> str:
    if senders.kind == "this-host":
        return voice.say("this host")
    if senders.kind == "everyone" and senders.but:
        text = voice.say("everyone except {networks}", networks=networks(voice, senders.but, most))
    elif senders.kind == "everyone":
        text = voice.say("everyone")
    else:
        text = networks(voice, senders.networks, most)
    if senders.version is not None:
        text = voice.say("{who} by IPv{version}", who=text, version=senders.version)
    if senders.links:
        text = voice.say("{who} on {links}", who=text, links=", ".join(clean(link, _LONGEST) for link in senders.links))
    return text


def networks(voice: Voice, names: Sequence[str], most: int) -> str:
    """A list of networks, a long one shortened with its count; the private ones by their name."""
    left = list(names)
    words = []
    if set(left) >= _PRIVATE:
        words.append(voice.say("private networks"))
        left = [name for name in left if name not in _PRIVATE and name not in _PRIVATE_6]
    if len(left) > most:
        more = voice.count("{n} more network", "{n} more networks", len(left) - most + 1)
        left = [*left[: most - 1], more]
    return ", ".join((*words, *left))


def _with_unread(voice: Voice, text: str, each: UnreadSet) -> str:
    name = "@" + clean(each.name, _LONGEST)
    if each.element_count is not None:
        name = voice.say("{name} ({n} entries)", name=name, n=f"{each.element_count:,}")
    match each.effect:
        case "shut":
            return voice.say("{who}, except those in {set}", who=text, set=name)
        case "less":
            return voice.say("{who}, except some of those in {set}", who=text, set=name)
        case "more":
            return voice.say("{who}, and those in {set}", who=text, set=name)
    return voice.say("{who}; others for those in {set}", who=text, set=name)


def place(voice: Voice, where: Place) -> str:
    """`inet filter input, handle 12:  tcp dport 22 accept`: which rule."""
    if where.family == "kernel":
        return kernel(voice, where.chain)
    name = clean(f"{where.family} {where.table} {where.chain}", _LONGEST)
    if where.author:
        name = voice.say("{rule} (made by {author})", rule=name, author=where.author)
    if where.handle is not None:
        name = voice.say("{rule}, handle {handle}", rule=name, handle=where.handle)
    return f"{name}:  {clean(_uncounted(where.text), 4 * _LONGEST)}"


def _uncounted(text: str) -> str:
    """A rule without what it counted so far."""
    words = text.split(" ")
    for at in range(len(words) - 5, -1, -1):
        if words[at] == "counter" and words[at + 1] == "packets" and words[at + 3] == "bytes":
            del words[at : at + 5]
    return " ".join(words)


KERNEL: dict[str, str] = {
    "no-way-back": mark("the kernel: there is no route back to the sender"),
    "martian": mark("the kernel: no packet with this sender may come by this interface"),
    "no-route": mark("the kernel: there is no route to where it should go"),
    "reverse-path": mark("the kernel: rp_filter takes no packet by an interface that the way back would not use"),
}


def kernel(voice: Voice, why: str) -> str:
    """What the kernel itself decides."""
    return voice.say(KERNEL[why]) if why in KERNEL else voice.say("the kernel: {why}", why=clean(why, _LONGEST))


def deciding(standing: Standing) -> Place | None:
    """The rule that says who gets in: of the widest group of those who do, else of those who do not."""
    for verdicts in ((Outcome.ACCEPT,), (Outcome.MAYBE,), (Outcome.DROP, Outcome.REJECT)):
        for grant in standing.grants:
            if grant.verdict in verdicts and grant.links != ("lo",) and grant.rule is not None and grant.rule.family != "kernel":
                return grant.rule
    return None


def unhindered(standing: Standing | None) -> bool:
    """Whether no rule keeps anybody outside away: who does not get in has no way here and back."""
    if standing is None:
        return False
    return (
        not standing.unread
        and all(
            grant.verdict is Outcome.ACCEPT or (grant.rule is not None and grant.rule.family == "kernel")
            for grant in standing.grants
            if grant.links != ("lo",)
        )
        and any(grant.links != ("lo",) for grant in standing.grants)
    )


def target(standing: Standing) -> str | None:
    """Where rules send what comes in, if elsewhere."""
    return next((grant.target for grant in standing.grants if grant.target is not None and grant.links != ("lo",)), None)


# --- one packet ---


ACTIONS: dict[str, str] = {
    "accept": mark("accept"),
    "drop": mark("drop"),
    "reject": mark("reject"),
    "return": mark("return"),
    "continue": mark("go on"),
    "policy": mark("policy"),
    "jump": mark("go to {target}"),
    "goto": mark("go to {target}, for good"),
    "dnat": mark("goes to {target}, not to this host"),
    "redirect": mark("goes to port {port} of this host"),
    "snat": mark("its sender becomes {target}"),
    "masquerade": mark("its sender becomes this host"),
    "mark": mark("gets mark {mark}"),
    "notrack": mark("is not tracked"),
    "input": mark("is for this host itself"),
    "forward": mark("goes on by {link}"),
    "local": mark("stays on this host"),
    "rewrite": mark("is rewritten"),
    "fwd": mark("leaves by {link} at once"),
    "martian": mark("refused by the kernel: no packet with this sender may come by this interface"),
    "no-route": mark("refused by the kernel: there is no route for it"),
    "maybe": mark("cannot be known beforehand"),
}
WHYS: dict[str, str] = {
    "sender": mark("it depends on what the sender chooses"),
    "random": mark("chance decides"),
    "time": mark("it depends on the time of day"),
    "limit": mark("it depends on how much came before: a rate limit"),
    "quota": mark("it depends on how much came before: a quota"),
    "connections": mark("it depends on how many connections there are"),
    "set": mark("it depends on a set that packets or time change"),
    "set-room": mark("it depends on whether a set is full"),
    "unread-set": mark("it depends on a set that was not read"),
    "opaque": mark("this rule is not understood"),
    "unknown": mark("this rule is not understood"),
    "choice": mark("one of several is chosen"),
    "queue": mark("a program decides"),
    "socket": mark("it depends on open sockets"),
    "routing": mark("routing rules decide"),
    "paths": mark("several ways share the load"),
    "order": mark("the order of iptables-legacy and other rules is not known"),
    "bridge": mark("rules of a bridge have a say"),
    "incomplete": mark("not all rules could be read"),
    "tracking": mark("it depends on connections that are there already"),
    "devices": mark("it is not known at which interfaces these rules are"),
    "dormant": mark("it is not known whether this table is asleep"),
    "strange-chain": mark("this kind of chain is not understood"),
    "too-much": mark("there are too many possibilities"),
}
_DECIDES = (
    "accept",
    "drop",
    "reject",
    "dnat",
    "redirect",
    "snat",
    "masquerade",
    "maybe",
    "martian",
    "no-route",
    "routed",
    "policy",
    "mark",
    "notrack",
)


def headline(voice: Voice, passage: Passage) -> str:
    """The answer in one line: `8080/tcp from 203.0.113.9: accepted.`."""
    packet = passage.packet
    door = f"{packet.port}/{packet.transport.value}"
    verdict = voice.say(VERDICTS[passage.outcome])
    sender = _address(packet.source.version, packet.source.number)
    if packet.link == "lo":
        return voice.say("{door} from this host ({sender}): {verdict}.", door=door, sender=sender, verdict=verdict)
    return voice.say("{door} from {sender}, coming in by {link}: {verdict}.", door=door, sender=sender, link=packet.link, verdict=verdict)


def rows(voice: Voice, passage: Passage, *, whole: bool = False) -> list[tuple[str, str, str, str]]:
    """(number, hook, rule, what it does) of the steps that matter, or with `whole` of all."""
    found: list[tuple[str, str, str, str]] = []
    doubted = {step.place for step in passage.doubts}
    for step in passage.steps:
        if whole or _matters(step, doubted):
            where = "" if step.place is None else place(voice, step.place)
            hook = "" if step.place is None else step.place.hook or ""
            said = step.sure and step.action in ("accept", "drop", "reject", "policy", "return")  # the rule itself says it
            found.append((str(len(found) + 1), hook, where, "" if said and where else action(voice, step)))
    return found


def _matters(step: Step, doubted: set[Place | None]) -> bool:
    if step.action == "maybe":
        return step.place in doubted
    return step.action in _DECIDES and not (step.action == "policy" and step.facts.get("verdict") == "accept")


def action(voice: Voice, step: Step) -> str:
    """What a step does, in words."""
    facts = {"target": "?", "port": "?", "mark": "?", "link": "?"} | dict(step.facts)
    if step.action in ("dnat", "snat") and "address" in step.facts:
        shown = str(step.facts["address"])
        if "port" in step.facts:
            shown = f"[{shown}]:{step.facts['port']}" if ":" in shown else f"{shown}:{step.facts['port']}"
        facts["target"] = shown
    name = str(facts.get("way", "input")) if step.action == "routed" else step.action
    words = voice.say(ACTIONS[name], **facts) if name in ACTIONS else clean(name, _LONGEST)
    if step.action == "policy" and "verdict" in facts:
        words = voice.say("the chain's policy: {verdict}", verdict=facts["verdict"])
    elif step.action in ("maybe", "martian", "no-route") and str(facts.get("why", "")) in WHYS:
        words = f"{words} ({voice.say(WHYS[str(facts['why'])])})"
    return words if step.sure or step.action == "maybe" else voice.say("perhaps: {what}", what=words)


def _address(version: int, number: int) -> str:
    from portulan.model.address import format_address

    return format_address(number.to_bytes(4 if version == 4 else 16))


def way(voice: Voice, passage: Passage) -> str | None:
    """A sentence on a way that people do not expect."""
    if passage.way is Way.FORWARD and passage.destination is not None:
        return voice.say("(The input rules are never asked: the packet goes on to {target}.)", target=_target(passage))
    return None


def _target(passage: Passage) -> str:
    assert passage.destination is not None
    address = _address(passage.destination.version, passage.destination.number)
    if passage.port is None:
        return address
    return f"[{address}]:{passage.port}" if passage.destination.version == 6 else f"{address}:{passage.port}"


# --- published ports ---


def warning(voice: Voice, door: Door) -> str | None:
    """The Docker case: a rule shuts the port, and is never asked."""
    if door.published is None or door.shut_here is None:
        return None
    author = door.shut_here.author or voice.say("the firewall")
    name = f"{door.port}/{door.transport.value}"
    return voice.say(
        "{door}: {author} denies it, but the port is published to {target} before {author} is asked.",
        door=name,
        author=author,
        target=door.published,
    )


def close_it(voice: Voice, door: Door) -> str | None:
    """How a published port is closed."""
    if door.published is None:
        return None
    _, inner = door.led_to
    return voice.say("publish it on this host only:  -p 127.0.0.1:{port}:{inner}", port=door.port, inner=inner)


# --- doors ---


def headline_of_doors(voice: Voice, answer: ReachAnswer) -> str:
    """`web-01   12 ports · 3 can be reached by everyone`."""
    parts = [voice.count("{n} port", "{n} ports", len(answer.doors))]
    wide = sum(door.standing is not None and door.standing.wide == "everyone" for door in answer.doors)
    shut = sum(door.standing is not None and door.standing.wide in ("this-host", "nobody") for door in answer.doors)
    parts.append(voice.count("{n} can be reached by everyone", "{n} can be reached by everyone", wide))
    if shut:
        parts.append(voice.count("{n} by this host only, or by nobody", "{n} by this host only, or by nobody", shut))
    return f"{clean(answer.host, _LONGEST)}   {' · '.join(parts)}"


def line_of(voice: Voice, door: Door) -> tuple[str, str, str, str, str]:
    """(port, service, holder, who, namespace) of a door, for a table."""
    holder = clean(door.behind or door.holder or "-", _LONGEST)
    if door.published is not None:
        holder = (
            voice.say("{holder} at {target}", holder=holder, target=door.published)
            if holder != "-"
            else voice.say("sent to {target}", target=door.published)
        )
    text = who(voice, door.standing)
    if door.shut_here is not None:
        text += " !"
    namespace = clean(door.netns_name, _LONGEST) if door.netns_name else voice.say("this one")
    return f"{door.port}/{door.transport.value}", clean(door.service or "-", _LONGEST), holder, text, namespace


def reasons(voice: Voice, door: Door, *, whole: bool) -> list[tuple[str, str]]:
    """(who, verdict and rule) of each group of senders; without `whole` only of those that get in from outside."""
    if door.standing is None:
        return []
    told = []
    for grant in door.standing.grants:
        outside = grant.links != ("lo",)
        if not whole and not (outside and grant.verdict in (Outcome.ACCEPT, Outcome.MAYBE)):
            continue
        if not outside:
            label = voice.say("this host")
        elif set(grant.networks) <= {"0.0.0.0/0", "::/0"}:
            label = (
                voice.say("everyone")
                if len(grant.networks) > 1
                else voice.say("{who} by IPv{version}", who=voice.say("everyone"), version=6 if "::/0" in grant.networks else 4)
            )
        else:
            label = networks(voice, grant.networks, _FEW)
        text = voice.say(VERDICTS[grant.verdict])
        if grant.target is not None:
            text += " " + voice.say("and sent to {target}", target=grant.target)
        if grant.rule is not None:
            text += "   " + place(voice, grant.rule)
        elif grant.verdict is Outcome.ACCEPT:
            text += "   " + voice.say("(no rule is against it)")
        told.append((label, text))
        told += [("", voice.say("it depends on:  {rule}", rule=place(voice, doubt))) for doubt in grant.doubts]
    return told


def close_packet(voice: Voice, passage: Passage) -> str | None:
    """How a port is closed that a packet got through by being sent elsewhere."""
    if passage.way is not Way.FORWARD or passage.port is None or passage.outcome not in (Outcome.ACCEPT, Outcome.MAYBE):
        return None
    return voice.say("publish it on this host only:  -p 127.0.0.1:{port}:{inner}", port=passage.packet.port, inner=passage.port)


def matrix_lines(voice: Voice, answer: MatrixAnswer) -> list[tuple[str, str, str]]:
    """(who, interfaces, ports) of each group of ports."""
    return [
        (
            who(voice, Standing("", row.sure, row.perhaps)),
            ", ".join(clean(link, _LONGEST) for link in row.links),
            row.ports.replace(",", ", "),
        )
        for row in answer.rows
        if row.sure or row.perhaps
    ]


SENTENCES: dict[str, str] = {
    "reach.matrix-ports": mark("--matrix shows all ports: name none."),
    "reach.link": mark("there is no interface {text} here: one of {known} was expected."),
    "reach.sender": mark("{text} is no sender: an address, everyone, this-host or the name of an interface was expected."),
    "reach.no-way": mark("no route leads back to {sender}, so it cannot be told by which interface it would come in."),
    "reach.no-address": mark("this host has no IPv{version} address there that a packet could be sent to."),
    "reach.nobody-comes": mark("nobody can send here from outside: no interface is up, or none has an address."),
    "reach.no-linux": mark("firewall rules are read on Linux only."),
    "reach.no-way-in": mark("no packet comes to {address} by {link}: the interface or the address is not of this network."),
    "reach.not-own": mark("{text} is no address of this host, so it cannot speak to itself there."),
    "reach.versions": mark("{sender} and {to} are of two IP versions: no packet goes from one to the other."),
    "reach.transport": mark("{text}: the rules are followed for TCP, UDP and SCTP only."),
    "reach.one": mark("--from is about one packet: name one port, as in  portulan reach 443 --from 203.0.113.9"),
    "reach.policy-elsewhere": mark("a policy is for this network namespace only, not for {text}."),
    "reach.needs-from": mark("{option} is about one packet: say who sends it, with --from."),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {
    "reach.no-way": mark("name the interface:  --via"),
}
