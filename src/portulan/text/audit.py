"""Findings told: what is the matter, why it matters in one plain sentence, what it rests on, and the way out."""

from __future__ import annotations

from portulan.model.finding import LEVELS, Audit, Doubt, Evidence, Finding, Fix, Level, Unjudged
from portulan.model.reach import Place
from portulan.model.record import Record
from portulan.text.clean import clean
from portulan.text.firewall import SENTENCES as OF_FIREWALLS
from portulan.text.firewall import incomplete_sentence
from portulan.text.reach import place
from portulan.text.risks import REASONS
from portulan.text.voice import Voice, mark

SENTENCES: dict[str, str] = {
    "ignores.shape": mark("{file}, line {line}: only tables [[ignore]] were expected, not {text}."),
    "ignores.key": mark("{file}, line {line}: {text} is not known here: one of {known} was expected."),
    "ignores.no-id": mark("{file}, line {line}: this ignore has no id: which finding is meant?"),
    "ignores.no-reason": mark('{file}, line {line}: the ignore of {id} has no reason: a reason = "…" was expected.'),
    "ignores.unknown": mark("{file}, line {line}: no finding is called {text}."),
    "ignores.until": mark("{file}, line {line}: {text} is no day: one like 2026-05-31 was expected."),
    "ignore.unknown": mark("no finding is called {text}."),
    "audit.no-file": mark("there is no file {file}."),
    "audit.unreadable": mark("{file} may not be read: {reason}."),
    "audit.level": mark("{text} is no level: one of {known} was expected."),
}
WAYS_OUT: dict[str, str] = {
    "ignore.unknown": mark("all ids:  portulan audit --list"),
    "ignores.unknown": mark("all ids:  portulan audit --list"),
}

_OPEN = mark("Everyone can reach {port}: {what}.")
TITLES: dict[str, str] = {
    "open": _OPEN,
    "open.unwanted": mark("Everyone can reach {port}, which is not on the list of wanted ports."),
    "open.wider": mark("Everyone can reach {port}, which is wanted only for {sources}."),
    "published.past-firewall": mark("Everyone can reach {port} past the firewall: it is published by a container ({target})."),
    "ipv6.open": mark("{port} is shut for IPv4, but everyone can reach it by IPv6."),
    "ipv6.default-accept": mark("The firewall turns away by IPv4 what no rule names, and lets it in by IPv6."),
    "cleartext.telnet": mark("{port}: telnet sends passwords in the clear."),
    "cleartext.login": mark("{port}: {name} sends passwords and commands in the clear."),
    "cleartext.ftp": mark("{port}: ftp sends passwords and files in the clear."),
    "cleartext.http": mark("{port}: web pages in the clear, and no https (443) beside it."),
    "cleartext.mqtt": mark("{port}: messages in the clear, and no encrypted twin ({twin}) beside it."),
    "cleartext": mark("{port}: {name} begins in the clear, and no encrypted twin ({twin}, {twin_name}) is beside it."),
    "firewall.none": mark("There is no firewall: whatever listens here is open to all who can reach this machine."),
    "firewall.default-accept": mark("The firewall lets in what no rule names ({versions})."),
    "firewall.two": mark("Two firewalls speak at once: rules of iptables-legacy and of nftables."),
    "icmp6.blocked": mark("The firewall drops messages that IPv6 needs: {types}."),
    "process.by-hand": mark("{name} holds {port} with root's rights, and somebody started it by hand."),
    "process.old-program": mark("{name} holds {port}, and still runs a program whose file was deleted or replaced."),
    "process.no-file": mark("{name} holds {port}, and runs a program that never was a file."),
    "port.foreign": mark("{name} listens on {port}, which the registry gives to {names}."),
    "ssh.famous-port": mark("ssh is open to everyone on its famous port."),
    "door.unreached": mark("{port} listens to the network, but nobody from there can reach it."),
    "rule.nobody-listens": mark("A rule opens {ports}, and nobody listens there."),
    "rule.shadowed": mark("A rule can never match: {text}"),
    "rule.redundant": mark("A rule changes nothing: {text}"),
}
"""What is the matter, by id, or by what stands before its dot."""
MAYBE: dict[str, str] = {
    "open": mark("Everyone may be able to reach {port}: {what}."),
    "open.unwanted": mark("Everyone may be able to reach {port}, which is not on the list of wanted ports."),
    "open.wider": mark("Everyone may be able to reach {port}, which is wanted only for {sources}."),
    "ssh.famous-port": mark("ssh may be open to everyone on its famous port."),
    "firewall.default-accept": mark("The firewall may let in what no rule names ({versions})."),
    "ipv6.default-accept": mark("The firewall may let in by IPv6 what no rule names and IPv4 turns away."),
    "icmp6.blocked": mark("The firewall may drop messages that IPv6 needs: {types}."),
}
"""The same where it is not certain; others stay as they are."""
WHY: dict[str, str] = {
    "open.unwanted": mark("Every open port that nobody needs is one more way in."),
    "open.wider": mark("The list says who may come, and more than those can."),
    "published.past-firewall": mark("Packets for a container are sent on before the rules that seem to shut this port are asked."),
    "ipv6.open": mark("Who is turned away by IPv4 comes in by IPv6: the rules were written for one half of the internet only."),
    "ipv6.default-accept": mark("Whatever is started here is open to the whole internet by IPv6, though the firewall seems to be shut."),
    "cleartext.telnet": mark("Anyone on the way reads the password; ssh does the same work encrypted."),
    "cleartext.login": mark(
        "Anyone on the way reads along, and a forged sender may need no password at all; ssh does the same work encrypted."
    ),
    "cleartext.ftp": mark("Anyone on the way may read the password; sftp (ssh) does the same work encrypted."),
    "cleartext.http": mark("Anyone on the way reads and changes the pages, and what visitors type."),
    "cleartext.mqtt": mark("Anyone on the way reads and forges the messages, passwords among them."),
    "cleartext": mark("If a client does not insist on encryption, anyone on the way reads the password."),
    "firewall.none": mark(
        "A program that is started without a thought is open to everyone at once; with a firewall it would have to be let in first."
    ),
    "firewall.default-accept": mark(
        "A program that is started without a thought is open to everyone at once, as if there were no firewall."
    ),
    "firewall.two": mark("Each program shows its own half only, and a packet must pass both: what one seems to allow the other may drop."),
    "icmp6.blocked.path-mtu": mark(
        "Without packet-too-big large answers are lost on the way: connections begin, and then hang (RFC 4890)."
    ),
    "icmp6.blocked.errors": mark("Without these errors programs wait for a time-out instead of trying another address at once (RFC 4890)."),
    "icmp6.blocked.neighbours": mark(
        "Without neighbour discovery nobody on the link finds this machine, nor it them: IPv6 stops working (RFC 4890)."
    ),
    "icmp6.blocked.routers": mark(
        "Without router advertisements addresses and the default route run out, unless both were set by hand (RFC 4890)."
    ),
    "process.by-hand": mark(
        "Nobody starts it anew after a crash or a boot, nobody limits its rights, and one hole in it is a hole into root."
    ),
    "process.old-program": mark("Holes that the new file has mended are still open in what runs."),
    "process.no-file": mark(
        "Programs that run from memory alone leave no trace on disk: some tools do so on purpose, and so do intruders."
    ),
    "port.foreign": mark("Who reads the number expects another service, and so do rules that were written for it."),
    "ssh.famous-port": mark(
        "Robots guess passwords there all day. A private port ends most of the noise; it does not replace keys instead of passwords."
    ),
    "door.unreached": mark("If only this host needs it, an address like 127.0.0.1 says so and does not depend on the firewall."),
    "rule.nobody-listens": mark("Whoever starts a program on that port is open to those whom the rule lets in, at once and unasked."),
    "rule.shadowed": mark("It seems to do something and does not: who trusts it is mistaken."),
    "rule.redundant": mark("It can go: what it does is done without it."),
}
EVIDENCE: dict[str, str] = {
    "listens": mark("{name} (pid {pids}) listens on {addresses}"),
    "listens.kernel": mark("the kernel ({what}) listens on {addresses}"),
    "listens.unseen": mark("it listens on {addresses}; who holds it may not be seen"),
    "reach.unread": mark("whom the firewall lets in is not known: this is what its address allows"),
    "reach.depends": mark("it depends on a rule:  {rule}"),
    "reach.depends-unknown": mark("it depends on something that cannot be known beforehand"),
    "sent-on": mark("it is sent on to {target}"),
    "let-in": mark("let in by  {rule}"),
    "let-in.no-rule": mark("no firewall rule has a say"),
    "not-wanted": mark("no line of {path} names it"),
    "wanted.for": mark("{path}, line {line}: {sources}"),
    "twin.none": mark("nobody whom strangers can reach listens on {twin} ({name})"),
    "twin.upgrades": mark("it can turn encryption on after the first words; whether it insists on that is not seen from here"),
    "published.by": mark("published by  {rule}"),
    "published.input-denies": mark("the rules for this machine itself would turn it away ({versions}), and are not asked"),
    "firewall.no-table": mark("no table holds any rule"),
    "firewall.other-tables": mark("no rule on the way in can turn a packet away (tables: {tables})"),
    "firewall.two": mark("iptables-legacy: {legacy}; nftables: {nft}"),
    "chain.policy": mark("its last word:  {rule}"),
    "chain.example": mark("tried with a packet from the internet to {port}/tcp, which no rule names"),
    "icmp6.dropped": mark("coming in by {links}: {types}"),
    "icmp6.by": mark("dropped in  {rule}"),
    "by-hand.chain": mark("started from {above}"),
    "by-hand.session": mark("started in the login session {unit}"),
    "program.replaced": mark("{path} is another file now (pid {pids} runs the old one)"),
    "program.deleted": mark("{path} is there no more (pid {pids} runs it still)"),
    "program.gone": mark("the file that was {path} is gone (pid {pids} runs it still)"),
    "program.memory": mark("{path} (pid {pids})"),
    "registry.other": mark("{port} is {names} in IANA's registry"),
    "opened-by": mark("opened by  {rule}"),
    "nobody-listens": mark("nobody listens on {ports}"),
    "useless.rule": mark("{rule}"),
    "useless.shadowed": mark("what it would match is decided before by  {by}"),
    "useless.impossible": mark("no packet that comes there can meet its conditions: nothing is left for {field}"),
    "useless.more": mark("and {count} more rules of this chain, for the same reason (handles {handles})"),
    "useless.redundant": mark("without it the same is decided by  {by}"),
}
FIXES: dict[str, str] = {
    "shut": mark("shut the port"),
    "stop": mark("stop it"),
    "publish-here": mark("publish it for this host only"),
    "publish-shut": mark("shut it before docker's rules"),
    "want": mark("if it is wanted, a line for [doors]"),
    "first-firewall": mark("a first firewall that lets in what is in use"),
    "refuse-by-default": mark("refuse what no rule names"),
    "move-legacy": mark("move the old rules over"),
    "empty-legacy": mark("then empty the old tables"),
    "let-in": mark("let them in"),
    "as-a-unit": mark("let systemd run it, as a user of its own"),
    "restart": mark("start it anew"),
    "stop-and-start": mark("stop it, and start it as before"),
    "undo": mark("take the rule away"),
    "find-config": mark("find the file and line that its port stands in"),
    "certificate": mark("get a certificate, and serve https"),
    "ssh.choose": mark("1 choose a free port"),
    "ssh.configure": mark("2 let sshd listen on both"),
    "ssh.open": mark("3 open the new one"),
    "ssh.test": mark("4 from elsewhere, try it before you go on"),
    "ssh.leave": mark("5 only then leave the old one"),
    "ssh.close": mark("6 and shut it"),
}
LEVEL_NAMES: dict[Level, str] = {Level.ERROR: mark("error"), Level.WARNING: mark("warning"), Level.INFO: mark("info")}
_LONGEST = 400


class Block(Record):
    """One finding's story."""

    level: Level
    title: str
    why: str
    evidence: tuple[str, ...]
    fixes: tuple[tuple[str, str], ...]
    """(what it does, the command)."""
    key: str
    ignored: str | None


def levels(voice: Voice, counts: dict[Level, int]) -> list[str]:
    """`1 error`, `2 warnings`, …: of each level that there is something of."""
    parts = []
    if counts[Level.ERROR]:
        parts.append(voice.count("{n} error", "{n} errors", counts[Level.ERROR]))
    if counts[Level.WARNING]:
        parts.append(voice.count("{n} warning", "{n} warnings", counts[Level.WARNING]))
    if counts[Level.INFO]:
        parts.append(voice.count("{n} for your information", "{n} for your information", counts[Level.INFO]))
    return parts


def headline(voice: Voice, answer: Audit) -> str:
    """`web-01   1 error · 2 warnings   (14 ports, rules of ufw)`, or that nothing was found."""
    counts = {level: sum(one.level is level and one.ignored is None for one in answer.items) for level in LEVELS}
    parts = levels(voice, counts)
    ignored = sum(one.ignored is not None for one in answer.items)
    if ignored:
        parts.append(voice.count("{n} ignored", "{n} ignored", ignored))
    what = " · ".join(parts) or (voice.say("nothing found") if answer.complete else voice.say("nothing found in what could be judged"))
    ports = voice.count("{n} port", "{n} ports", answer.doors)
    about = f"{ports}, {voice.say('rules of {names}', names=', '.join(answer.authors))}" if answer.authors else ports
    return f"{clean(answer.host, 60)}   {what}   ({about})"


def worth_of_everyone(voice: Voice, answer: Audit) -> str:
    """What the word everyone means on a machine that the internet has no address of; empty where it means what it says."""
    if not answer.private:
        return ""
    return voice.say("This machine has no public address: everyone is whoever is in its networks, or behind what forwards to it.")


def blocks(voice: Voice, answer: Audit, *, ignored: bool = False) -> list[Block]:
    """One for each finding, those to be ignored only if asked for."""
    return [block(voice, one) for one in answer.items if ignored or one.ignored is None]


def block(voice: Voice, finding: Finding) -> Block:
    """One finding in words."""
    return Block(
        finding.level, title(voice, finding), reason(voice, finding), tuple(evidence(voice, one) for one in finding.evidence),
        tuple(fix(voice, one) for one in finding.fixes), clean(finding.key, _LONGEST), clean(finding.ignored, _LONGEST) if finding.ignored else None,
    )  # fmt: skip


def title(voice: Voice, finding: Finding) -> str:
    """What is the matter."""
    message = _of(MAYBE, finding.id) if finding.doubt is not None else None
    facts = {"id": finding.id, **finding.facts}
    if "what" in facts:  # the name of a kind of service is a word of its own
        facts["what"] = voice.say(str(facts["what"]))
    return voice.say(message or _of(TITLES, finding.id) or "{id}", **facts)


def reason(voice: Voice, finding: Finding) -> str:
    """Why it matters, in one plain sentence."""
    risk = finding.facts.get("risk")
    if isinstance(risk, str) and risk in REASONS:
        return voice.say(REASONS[risk])
    told = WHY.get(f"{finding.id}.{finding.facts.get('why')}") or _of(WHY, finding.id)
    return voice.say(told) if told else ""


def _of(table: dict[str, str], id_: str) -> str | None:
    return table.get(id_) or table.get(id_.partition(".")[0])


def evidence(voice: Voice, one: Evidence) -> str:
    """One fact."""
    facts = dict(one.facts)
    facts["rule"] = rule_words(voice, facts)
    return voice.say(EVIDENCE[one.code], **facts)


def rule_words(voice: Voice, facts: dict[str, str | int]) -> str:
    """`inet filter input, handle 12:  tcp dport 22 accept`."""
    if "family" not in facts:
        return ""
    handle, author = facts.get("handle"), facts.get("author")
    where = Place(
        str(facts["family"]), str(facts["table"]), str(facts["chain"]), handle if isinstance(handle, int) else None, str(facts["text"]),
        author=str(author) if author else None,
    )  # fmt: skip
    return place(voice, where).removesuffix(":  ")


def fix(voice: Voice, one: Fix) -> tuple[str, str]:
    """What it does, and the command, safe for a terminal."""
    return voice.say(FIXES[one.code]), clean(one.command, 4 * _LONGEST)


def doubt_words(voice: Voice, doubt: Doubt) -> str:
    """Why it is not certain."""
    if doubt is Doubt.DEPENDS:
        return voice.say("not certain: it depends on a rule whose answer cannot be known beforehand")
    return voice.say("not certain: what decides could not be read")


def missing(voice: Voice, answer: Audit) -> list[str]:
    """What could not be seen or judged, as sentences."""
    from portulan.text.gaps import gap_sentence

    said = [gap_sentence(voice, gap) for gap in answer.gaps]
    return [*dict.fromkeys((*(unjudged_sentence(voice, one) for one in answer.unjudged), *said))]


def unjudged_sentence(voice: Voice, one: Unjudged) -> str:  # noqa: PLR0911 - a table of sentences
    """One thing that was not judged."""
    facts = dict(one.facts)
    if one.code == "rules.incomplete":
        return incomplete_sentence(voice, str(facts["code"]), str(facts["text"]))
    if one.code == "rules.unread":
        code = str(facts.pop("code"))
        message = OF_FIREWALLS.get(code)
        told = voice.say(message, **facts) if message else code
        return voice.say("Whom the firewall lets in was not judged: {reason}", reason=told)
    count = int(facts.get("count", 0))
    match one.code:
        case "rules.linux-only":
            return voice.say("The firewall's rules are read on Linux only: whom they let in was not judged.")
        case "rules.opaque":
            return voice.say(
                "The firewall holds things beside rules that Portulan does not know ({count}): what they do was not judged.", **facts
            )
        case "reach.unknown":
            return voice.count(
                "Who can reach {n} port could not be told: it is taken to be as open as its address.",
                "Who can reach {n} ports could not be told: they are taken to be as open as their addresses.",
                count,
            )
        case "holders.unseen":
            return voice.count(
                "Who holds {n} port may not be seen: how that program was started, and from which file, was not judged.",
                "Who holds {n} ports may not be seen: how those programs were started, and from which files, was not judged.",
                count,
            )
        case "network.unread":
            return voice.say("This machine's addresses and routes could not be read: what depends on them was not judged.")
    return f"{one.code} {facts}"


def unused_sentences(voice: Voice, answer: Audit) -> list[str]:
    """The ignores that match nothing."""
    found = []
    for one in answer.unused:
        place = f"{one.path}:{one.line}" if one.path else "--ignore"
        if one.until is not None and one.until < answer.taken_at.astimezone().date().isoformat():
            found.append(voice.say("{place}: the ignore of {id} ended on {day}.", place=place, id=one.id, day=one.until))
        else:
            found.append(voice.say("{place}: the ignore of {id} matches no finding: it can go.", place=place, id=one.id))
    return found
