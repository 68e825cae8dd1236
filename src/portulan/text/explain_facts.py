"""What `explain` found on this machine, a sentence for each code."""

from __future__ import annotations

from portulan.model.explain import Fact, Lesson
from portulan.model.port import PortClass
from portulan.text.lookup import CLASSES, RANGES
from portulan.text.risks import REASONS
from portulan.text.voice import Voice, mark
from portulan.text.well_known import WELL_KNOWN

FACTS: dict[str, str] = {
    "port.count": mark("Ports open here: {tcp} of TCP, {udp} of UDP."),
    "port.example": mark("One of them: {door}, held by {holder}."),
    "address.own": mark("Addresses of this machine besides the loopback: {count}, one of them {example}."),
    "address.loopback-only": mark("This machine has no addresses but those of the loopback."),
    "address.every": mark("{door} is open at all addresses ({addresses})."),
    "address.inner": mark("{door} is open at {addresses} only: no other machine gets there."),
    "listening.none": mark("Nobody listens here now, as far as may be seen."),
    "apart.pair": mark(
        "Just now two clients spoke with one server of this machine, on port {server}: the one from port {first}, the other from {second}. The clients' ports were all that told the two apart."
    ),
    "apart.connections": mark("TCP connections that this machine has now: {count}."),
    "apart.traffic": mark("To watch how passing traffic is told apart (Ctrl-C ends it):"),
    "apart.demo": mark("To watch it happen, on three machines in a closed network:"),
    "ranges.open": mark("Open here: system ports {system}, user ports {user}, dynamic ports {dynamic}."),
    "ranges.privileged": mark("To listen below {start} takes a right on this machine (CAP_NET_BIND_SERVICE)."),
    "ranges.unprivileged": mark("On this machine every user may listen on any number, the system ports too."),
    "ranges.kernel": mark("The kernel lends {first} to {last} to clients: a range of its own, none of the three."),
    "listening.door": mark("{door}: {holder}; reached by {who}."),
    "listening.more": mark("And more of them: {count}."),
    "kinds.twice": mark(
        "Just now the number {number} was bound twice on this machine, once for TCP and once for UDP, and the kernel did not mind."
    ),
    "layers.captured": mark(
        "These packets went over this machine's loopback a moment ago; no network card is needed there, so its link addresses are all zeros. To see one of a capture:"
    ),
    "layers.forbidden": mark(
        "The UDP and the TCP packet were really sent, but to capture them takes root (CAP_NET_RAW): the bytes above were put together here, for the same exchange. To see the real ones:"
    ),
    "layers.linux-only": mark(
        "The UDP and the TCP packet were really sent, but capturing them is known on Linux only: the bytes above were put together here, for the same exchange. To see one of a capture:"
    ),
    "layers.nothing-came": mark("Not every packet could be seen on the loopback: what was not is put together here, and marked so."),
    "layers.ports": mark("{transport}: the four bytes from {first} ({hex}) on are the ports, {source} and {destination}."),
    "layers.no-ports": mark("ICMP: no byte of it is a port."),
    "ping.open": mark("Just now a knock at {port} of this machine, where somebody listened, was answered by SYN-ACK in {ms} ms: open."),
    "ping.closed": mark("A knock at {port}, where nobody listened, was answered by RST in {ms} ms: closed."),
    "ping.other": mark("A knock at {port} of this machine was not answered as it should be: something stands in between."),
    "ping.echo": mark("An ICMP echo to the same machine was answered in {ms} ms, by the kernel: no port, no program."),
    "ping.silent": mark("An ICMP echo to the same machine was not answered: that says nothing of its ports."),
    "ping.echo-forbidden": mark("An ICMP echo may not be sent by this user; a knock at a port takes no right."),
    "ping.way": mark("The way to a port, from router to router:"),
    "iana.table": mark("The registry in use here is of {date} and knows {names:,} service names."),
    "iana.share": mark("Of {all:,} numbers IANA has given away {tcp:,} for TCP and {udp:,} for UDP."),
    "common.door": mark("{door} is open here, held by {holder}."),
    "common.none": mark("None of the well-known ones is open here now."),
    "common.all": mark("More that are worth knowing ({count}), a sentence about each:"),
    "conflict.closed": mark(
        "Just now, in a sandbox (a small closed network made for this, and gone again), a web server was started on {port}, then a second one: the kernel refused it ({error}). Who holds that number here:"
    ),
    "conflict.made": mark("Just now a server was started on {port} of the loopback, then a second one: the kernel refused it ({error})."),
    "conflict.none": mark("Just now two servers were started on {port} of the loopback, and this system let both have it."),
    "conflict.cause": mark("Asked why, Portulan said: “{lead}” Ask it of any port:"),
    "conflict.before": mark("Conflicts to come, from what files declare, before anything starts:"),
    "private.free": mark("Free just now, owned by nobody and not lent to clients: {numbers}."),
    "private.shared": mark(
        "The kernel lends {first} to {last} to clients here, so {next} to {end} is the quiet part of the private range."
    ),
    "private.all-shared": mark(
        "The kernel lends {first} to {last} to clients here: to be safe from that, a number has to be reserved (net.ipv4.ip_local_reserved_ports)."
    ),
    "private.lease": mark("A number that is kept for a name, the same each day:"),
    "firewall.some": mark("This machine has firewall rules."),
    "firewall.none": mark("This machine has no firewall rules: whatever listens is reached by whoever gets a packet this far."),
    "firewall.forbidden": mark("Whether this machine has firewall rules may not be seen by this user."),
    "firewall.unknown": mark("Whether this machine has firewall rules could not be read."),
    "firewall.doors": mark("Open ports: {count}; reached by everyone, with all rules: {everyone}."),
    "firewall.doors-unseen": mark("Open ports: {count}; who gets to them may not be seen."),
    "firewall.begin": mark("A policy, begun from what is open now:"),
    "firewall.look": mark("What it would change, before anything is changed:"),
    "firewall.try": mark("On trial: unless you confirm, the old rules come back:"),
    "firewall.confirm": mark("If you still get in, keep them:"),
    "access.everyone": mark("Open to everyone: {ports}."),
    "access.maybe": mark("Open to some, as it happens (a rate, the clock, an unknown rule): {ports}."),
    "access.networks": mark("Open to certain networks: {ports}."),
    "access.unknown": mark("Who gets to these may not be seen: {ports}."),
    "access.this-host": mark("For programs of this machine only: {ports}."),
    "access.nobody": mark("Listening, but reached by nobody: {ports}."),
    "access.ask": mark("Would this one stranger get in, and by which rule:"),
    "attacker.sees": mark("From outside these could be seen to be open: {ports}."),
    "attacker.nothing": mark("From outside no open port of this machine is to be seen."),
    "attacker.risk": mark("{port}, {name}: {reason}"),
    "attacker.scan": mark("To see it with an attacker's eyes, from another machine of yours:"),
    "attacker.audit": mark("What is open and should not be, with the way out:"),
    "attacker.scanners": mark("Who is trying the doors right now (Ctrl-C ends it):"),
    "ssh.moved": mark("An ssh server listens on {door} already; reached by {who}."),
    "ssh.none": mark("No ssh server listens on 22 here, as far as may be seen."),
    "ssh.number": mark("A number for it, the same each time while it is free: {port}."),
    "ssh.open": mark("Step 1, the new door in the policy:"),
    "ssh.apply": mark("And in the firewall: it is on trial until you confirm, which it tells you how to do:"),
    "ssh.check": mark("Step 3, from another machine, before you log in:"),
    "ssh.close": mark("Step 4, when the new way works; then apply and confirm once more:"),
    "ephemeral.given": mark(
        "Just now three clients asked the kernel for any port, to speak with a server on {server}. They got {numbers}."
    ),
    "ephemeral.range": mark("Lent out here: {first} to {last}, {count:,} numbers."),
    "ephemeral.used": mark("Of these in use by connections now: {count}."),
    "containers.spaces": mark("Other network namespaces with open ports, seen from here: {spaces}; ports in them: {doors}."),
    "containers.none": mark("No other network namespace with open ports is seen from here."),
    "containers.published": mark("{port} is published: what comes for it goes on to {target}."),
    "containers.unseen": mark("Whether ports are published here could not be seen."),
    "containers.unpublished": mark("No published port is found here."),
    "map.cells": mark("Open: {open}; used by connections: {in_use}; given away by IANA: {assigned:,}."),
    "map.file": mark("As a file, larger and in colour:"),
    "number.named": mark("By the registry: {named}."),
    "number.usual": mark("Often found there, by our word and not IANA's: {services}."),
    "number.zero": mark("0 is no port that can be reached: who asks for it gets any free one."),
    "number.reserved": mark("IANA keeps {port} back: nobody gets it."),
    "number.nameless": mark("{port} has no name in the registry."),
    "number.plain": mark("{service}: {sentence}"),
    "number.class": mark("{port}: {class_line}."),
    "number.risk": mark("Why {name} is attacked: {reason}"),
    "number.login": mark("On 22 strangers try passwords all day. What helps, and how to move it without locking yourself out:"),
    "number.clear": mark("{name} can be read on the way; {twin_name} on {twin} does the same work encrypted."),
    "number.open": mark("Open here: {door}, held by {holder}, at {addresses}; reached by {who}."),
    "number.published": mark("Published here: what comes for {door} goes on to {published}; reached by {who}."),
    "number.unsure": mark("Nobody is seen to listen on {port} here; whether a rule sends what comes for it elsewhere may not be seen."),
    "number.closed": mark("Closed here: nobody listens on {port}, as far as may be seen."),
    "number.elsewhere": mark("In other network namespaces of this machine (containers and the like) it is held: {count}."),
    "number.ephemeral": mark("It lies in what the kernel lends to clients here ({first}-{last}): any program may have it for a while."),
    "type.free": mark("A free number:"),
    "type.reach": mark("Who gets in, by which rule:"),
    "type.close": mark("Shut it in the firewall:"),
    "type.stop": mark("End whoever holds it, politely:"),
    "type.ping": mark("Is it open on another machine, and how fast does it answer:"),
}
SAME = {
    "conflict.demo": "apart.demo",
    "firewall.demo": "apart.demo",
    "attacker.demo": "apart.demo",
    "kinds.count": "port.count",
    "ssh.here": "listening.door",
}
"""Codes that say what another one says."""
_WHO = {
    "everyone": mark("everyone"),
    "maybe": mark("some, as it happens"),
    "networks": mark("certain networks"),
    "unknown": mark("whom, may not be seen"),
    "this-host": mark("this host"),
    "nobody": mark("nobody"),
}


def sentence(voice: Voice, fact: Fact, lesson: Lesson) -> str:
    """The fact in one sentence; one that ends in a colon leads to its command."""
    return voice.say(FACTS[SAME.get(fact.code, fact.code)], **_words(voice, fact, lesson))


def _words(voice: Voice, fact: Fact, lesson: Lesson) -> dict[str, object]:
    """The facts, and what of them has to be said in the reader's language."""
    words: dict[str, object] = dict(fact.facts)
    if "holder" in words:
        words["holder"] = words["holder"] or voice.say("a program that may not be looked into")
    if "service" in words:
        words["door"] = f"{words.get('port')} ({words['service']})" if words["service"] else words.get("port")
    if "description" in words:
        words["named"] = f"{words['service']} ({words['description']})" if words["description"] else words["service"]
    if "wide" in words:
        wide = str(words["wide"])
        words["who"] = words["networks"] if wide == "networks" and words["networks"] else voice.say(_WHO[wide])
    if fact.code in ("number.risk", "attacker.risk"):
        words["name"], words["reason"] = voice.say(str(words["name"])), voice.say(REASONS[str(words["key"])])
    elif fact.code == "number.plain":
        words["sentence"] = voice.say(WELL_KNOWN[str(words["key"])])
    elif fact.code == "number.class":
        kind = PortClass(str(words["class"]))
        words["class_line"] = voice.say(CLASSES[kind], range=RANGES[kind])
    elif fact.code == "conflict.cause":
        from portulan.text.why import tell

        words["lead"] = "" if lesson.why is None else tell(voice, lesson.why).lead
    return words
