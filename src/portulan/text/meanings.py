"""What each code means that an answer can name: one plain sentence each. The manual's reference is made from it."""

from __future__ import annotations

from portulan.text.voice import mark

CAUSES: dict[str, str] = {
    "free": mark("It can be bound."),
    "listener": mark("A server listens there."),
    "mptcp": mark("A server listens there by MPTCP, which takes TCP's ports."),
    "bound": mark("A TCP socket holds the port without listening."),
    "connection": mark("An outgoing connection uses the port as its own end."),
    "left-over": mark("Connections that a server has accepted live on; the server itself no longer listens."),
    "time-wait": mark("Connections of the last server are still closing."),
    "udp": mark("A UDP socket is bound there."),
    "kernel": mark("The kernel itself holds the port."),
    "in-flight": mark("The socket is in no process's file table: on its way between two processes, or hidden."),
    "reuse-port-user": mark("A group shares the port by SO_REUSEPORT, and belongs to another user."),
    "unseen": mark("The kernel says that the port is in use, and lists nothing that uses it."),
    "privileged": mark("Ports this low take CAP_NET_BIND_SERVICE."),
    "policy": mark("A security policy refuses; the suspects say which, as far as the machine shows."),
    "not-local": mark("The address is none of this machine's."),
    "tentative": mark("The IPv6 address is new: whether another machine has it is still being found out."),
    "no-family": mark("This machine has no IPv6, or no such transport."),
    "impossible": mark("No socket can be bound like that: the options or the address contradict each other."),
    "refused": mark("The kernel refused for another reason, which it names."),
}
PORT_STATES: dict[str, str] = {
    "open": mark("A service answers."),
    "closed": mark("The host answers that nobody listens there."),
    "filtered": mark("Something between us and the host keeps the port from answering."),
    "unfiltered": mark("Packets get through, but whether a service is there cannot be told: somebody else answers in its place."),
    "open|filtered": mark("No answer, where a service is free not to answer (UDP)."),
    "closed|filtered": mark("Not open; the target answers too slowly to tell which of the two."),
}
REASONS: dict[str, str] = {
    "no-response": mark("Nothing came back, however often it was asked."),
    "syn-ack": mark("The connection was accepted."),
    "reset": mark("The connection was refused: a TCP reset came back."),
    "conn-refused": mark("The connection was refused, as this host's kernel told."),
    "udp-response": mark("The service answered a datagram."),
    "port-unreach": mark("By ICMP: nobody has this port, or a firewall says so."),
    "host-unreach": mark("By ICMP: a router cannot reach the host, or a firewall says so."),
    "net-unreach": mark("By ICMP: a router knows no way to the network."),
    "proto-unreach": mark("By ICMP: the host does not speak this transport."),
    "admin-prohibited": mark("By ICMP: a firewall forbids it."),
    "host-prohibited": mark("By ICMP: this host may not be reached."),
    "net-prohibited": mark("By ICMP: this network may not be reached."),
    "time-exceeded": mark("The packet passed too many routers: it goes in a circle, or the way is longer than was allowed."),
    "no-route": mark("This host knows no way to the address."),
    "host-down": mark("Its link-layer address was asked for, and nobody answered."),
    "forged-reset": mark("A reset came from another distance than the host's own answers: a box on the way made it."),
    "syn-proxy": mark("A SYN-ACK without a window: a box answers before it knows whether the service is there."),
    "tarpit": mark("A SYN-ACK with a window of a few bytes: it wastes the time of whoever connects."),
    "rate-limited": mark("The target limits how many refusals it sends: this one did not come yet."),
    "kernel": mark("The kernel of this host said so; no packet was sent."),
    "not-asked": mark("The scan was ended before."),
    "echo-reply": mark("The ICMP echo came back."),
    "too-big": mark("The packet is larger than a link on the way takes."),
    "local-firewall": mark("This host's own firewall keeps the probe in."),
    "link-down": mark("The interface is down."),
    "arp-response": mark("The host answered ARP: it is there, on this link."),
    "nd-response": mark("The host answered neighbour discovery: it is there, on this link."),
}
SOCKET_STATES: dict[str, str] = {
    "listening": mark("A TCP server that takes connections."),
    "bound": mark("The socket has the port and does not listen; a UDP socket that takes datagrams from everybody."),
    "connected": mark("A UDP socket that speaks with one address only."),
    "established": mark("A connection over which both sides can send."),
    "syn-sent": mark("A connection was asked for, and not answered yet."),
    "syn-received": mark("A connection was asked for from outside, and is being made."),
    "fin-wait-1": mark("This side has closed; the other one has not confirmed it yet."),
    "fin-wait-2": mark("This side has closed, the other one may still send."),
    "time-wait": mark("Both sides have closed; the port pair is kept for a minute, lest late packets disturb the next connection."),
    "close-wait": mark("The other side has closed; the program here has not closed yet."),
    "last-ack": mark("Both sides have closed; the last confirmation is awaited."),
    "closing": mark("Both sides closed at the same time."),
}
OWNERSHIPS: dict[str, str] = {
    "process": mark("One or more processes, which are named."),
    "kernel": mark("The kernel itself, for what is named beside it."),
    "forbidden": mark("A process that may not be looked into with the rights at hand."),
    "hidden": mark("Nobody that can be seen, although everything could be looked into."),
    "gone": mark("The socket was closed while the machine was being looked at."),
    "none": mark("Nobody any more: a connection that the kernel is still closing."),
    "unknown": mark("It cannot be told on this system."),
}
REACHES: dict[str, str] = {
    "everyone": mark("Any sender that can send packets to this machine."),
    "networks": mark("Only senders of the networks that are named."),
    "this-host": mark("This machine only."),
    "nobody": mark("Nobody: a rule turns everybody away."),
    "maybe": mark("It depends on what cannot be known beforehand, a rate or a clock; the rule is quoted."),
}
OUTCOMES: dict[str, str] = {
    "accept": mark("It gets in."),
    "drop": mark("It vanishes: the sender hears nothing."),
    "reject": mark("It is turned away, and the sender is told."),
    "maybe": mark("It depends on what cannot be known beforehand."),
}
PATHS: dict[str, str] = {
    "open": mark("The service answers."),
    "closed": mark("The host itself refuses."),
    "forged-reset": mark("A box on the way refuses in the host's name."),
    "rejected": mark("A router, or the host's own firewall, rejects it and says so."),
    "unreachable": mark("A router says that it cannot reach the host."),
    "silent": mark("Packets vanish behind a hop, whatever the port."),
    "port-filtered": mark("Packets to this port vanish; another port of the same host answers."),
    "loop": mark("Routers send the packets in a circle."),
    "no-reply": mark("Not even the first hop answers."),
    "open-or-filtered": mark("Datagrams arrive as far as they can be followed, and nothing answers."),
    "not-sent": mark("The probe never left this host."),
}
DECLARED: dict[str, str] = {
    "declared.collision": mark("Two servers that run together declare the same port."),
    "declared.perhaps": mark("They collide if both run at once, or if an address that is not told is the same."),
    "declared.alternative": mark("They declare the same port, but one of them is disabled."),
    "declared.own": mark("Lines of one server contradict each other."),
    "running.taken": mark("Somebody else holds the port now: the server will not start."),
    "running.unseen": mark("The port is held now, by whom may not be seen."),
    "running.elsewhere": mark("The server runs, but not on the port that its file says: it needs a restart."),
    "port.ephemeral": mark("The port lies in the range that the kernel hands to clients."),
    "port.privileged": mark("The port takes a right that the server's user does not have."),
}
GUARANTEES: dict[str, str] = {
    "absolute": mark("The socket is open before the program starts, and handed over: nobody else can have the port."),
    "cooperative": mark("The port is held bound, and the server binds over it: nobody is given it by chance."),
    "noted": mark("Other leases keep off it; other programs do not know of it."),
}
STOPS: dict[str, str] = {
    "planned": mark("It was only shown what would be done."),
    "freed": mark("The port is free."),
    "nobody": mark("Nobody held it."),
    "elsewhere": mark("It is held in another network namespace only."),
    "connections": mark("Nobody listens; only connections use it."),
    "refused": mark(
        "The holder is one that is not stopped: the first process, this program, your session, or the ssh server that you came by."
    ),
    "not-permitted": mark("The holder belongs to somebody else."),
    "unseen": mark("Who holds it may not be seen."),
    "no-terminal": mark("There is no terminal to ask on, and -y was not given."),
    "declined": mark("The person who was asked said no."),
    "changed": mark("The holder changed while it was being asked."),
    "failed": mark("A command that should stop it failed."),
    "still-held": mark("It was asked to end, and still holds the port."),
    "came-back": mark("It ended, and something started it again."),
}
SCANNERS: dict[str, str] = {
    "scanner": mark("It tries the doors."),
    "benign": mark("It comes to visit: what it asks for is there."),
    "undecided": mark("It made too few contacts to tell."),
    "cannot-judge": mark("Only one direction of its traffic was captured."),
    "backscatter": mark("It answers packets that somebody forged in our name."),
}
KINDS: dict[str, str] = {
    "vertical": mark("Many ports of few hosts."),
    "horizontal": mark("The same port of many hosts."),
    "both": mark("Many ports of many hosts."),
    "distributed": mark("Several sources share the work."),
    "backscatter": mark("Answers to forged packets, not a scan."),
}
CLASSES: dict[str, str] = {
    "system": mark("0-1023, the well-known ports: listening there usually takes root."),
    "user": mark("1024-49151, the registered ports: assigned on request, open to any program."),
    "dynamic": mark("49152-65535, the dynamic or private ports: never assigned."),
}
PHASES: dict[str, str] = {
    "nothing": mark("No rules of ours, and none confirmed."),
    "in-force": mark("Confirmed rules are in force."),
    "trial": mark("Rules are on trial: unless they are confirmed, the kernel goes back to those before."),
    "over": mark("A trial has ended by itself: the rules before it are in force."),
    "settled": mark("Confirmed in the kernel, and not written down yet: the next command that changes something does it."),
    "wiped": mark("Rules were confirmed, and the kernel has none of ours."),
    "strange": mark("The kernel has a table of our name that is not known here."),
}
ROADS: dict[str, str] = {
    "input": mark("In to the host itself."),
    "published": mark("In to a port that the host publishes, and on to a container."),
    "forward": mark("In by one interface, out by another."),
    "local": mark("From the host to itself."),
    "output": mark("Out of the host."),
}
TITLES: dict[str, str] = {
    "CAUSES": mark("Why a port cannot be bound: the causes that `portulan why` names."),
    "PORT_STATES": mark("The states of a port, seen from outside: `portulan scan`, `ping` and `trace`."),
    "REASONS": mark("Why a port has its state: no state is told without its reason."),
    "SOCKET_STATES": mark("The states of a socket in the chart (`portulan ls --all`)."),
    "OWNERSHIPS": mark("Who holds a socket."),
    "REACHES": mark("Who can get to a port: the words of the column REACHED BY and of `reach` in JSON."),
    "OUTCOMES": mark("What happens to one packet: `portulan reach PORT --from SENDER`."),
    "PATHS": mark("Where the way to a port ends: the verdicts of `portulan trace`."),
    "DECLARED": mark("What files declare: the codes of `portulan conflicts`."),
    "GUARANTEES": mark("How far a lease can be relied on: `portulan lease`."),
    "STOPS": mark("How `portulan stop` ended."),
    "SCANNERS": mark("What a source of packets is: the verdicts of `portulan scanners`."),
    "KINDS": mark("How somebody goes about it who tries the doors."),
    "CLASSES": mark("The three ranges of port numbers (RFC 6335)."),
    "PHASES": mark("Where a policy stands: `portulan guard`."),
    "ROADS": mark("The ways that packets of a proof go: `portulan guard prove`."),
}
"""Name of a table above -> what it lists."""
