"""Topics of `explain`: who gets in, who tries to, and how to keep the doors shut."""

from __future__ import annotations

from portulan.text.explain_page import Page
from portulan.text.voice import mark

PAGES: dict[str, Page] = {
    "firewall": Page(
        title=mark("Firewall and default deny"),
        short=mark("shut everything, then open the few doors that are needed"),
        body=(
            mark(
                "A firewall looks at every packet before a program gets it, and lets it pass or not, by rules: from which address, to which port. It stands between a network that you trust and one that you do not."
            ),
            mark(
                "The safe way round is default deny: everything is shut, and only what is needed is opened, say 25, 80 and 443. Then a service that somebody starts by accident is not reached from outside. Whoever shuts only what is known to be bad forgets a door sooner or later."
            ),
        ),
        like=mark("A doorkeeper with a guest list: who is not on it stays outside. One with a list of burglars lets the new burglar in."),
    ),
    "who-gets-in": Page(
        title=mark("Open to everyone, or to named machines"),
        short=mark("whom a port should be open to: the world, one office, this machine alone"),
        body=(
            mark(
                "A port need not be open to all or to none. A web shop is for everyone; ssh and a database are for a few: the office's network, one other server. What only programs of this machine use belongs on 127.0.0.1, where no firewall has to guard it."
            ),
            mark(
                "Three things decide together: the address at which the server listens, the rules of the firewall, and the routes. The narrowest of them wins. Passwords come after that and should not be the first wall."
            ),
        ),
        like=mark("The shop door is open to all, the store-room to who has a key, and the safe is reached from the office only."),
    ),
    "attacker": Page(
        title=mark("What an attacker sees"),
        short=mark("the doors that answer, tried by programs day and night"),
        body=(
            mark(
                "Whoever wants to get in first asks which ports answer: a port scan. It takes seconds and no right at all. Every public IPv4 address is tried like that, day after day, by programs that do not care who you are."
            ),
            mark(
                "An open port tells more than that it is open: which program answers, often in which version. Then known holes and stolen passwords are tried. A closed port gives nothing away, and one that a firewall drops not even that a machine is there."
            ),
        ),
        like=mark("A thief who walks along a row of parked cars and tries every door: he takes what is open."),
    ),
    "moving-ssh": Page(
        title=mark("Moving ssh to a private port"),
        short=mark("less noise at the door, without locking yourself out"),
        body=(
            mark(
                "On port 22 strangers try passwords all day. On a number of the private range most of that noise is gone. It is no safety in itself: a scan of all ports finds it. Keys instead of passwords are, so see to them first."
            ),
            mark("So that you do not lock yourself out, keep the first session open until the end, and go step by step."),
            mark("1. Open the new port in the firewall."),
            mark(
                "2. Let sshd listen on both (two lines Port in sshd_config; with SELinux the new number has to be allowed, too), and reload it."
            ),
            mark("3. From another window log in by the new port."),
            mark("4. Only then take out Port 22, and shut 22 in the firewall."),
        ),
        like=mark("Moving the front door round the corner: fewer people rattle at it, but you still want a good lock."),
    ),
    "containers": Page(
        title=mark("Containers and published ports"),
        short=mark("ports behind ports: a container has a network of its own"),
        body=(
            mark(
                "A container mostly has a network of its own: its own addresses and its own 65,536 ports. Two containers may both listen on 80 without a conflict. From outside they are reached only by a port of the machine that is published: what comes for 8080 here is passed on to 80 in there."
            ),
            mark(
                "That passing on comes before the rules for the machine's own ports are asked. So a firewall that seems to shut 8080 may not shut a published one. To keep it to this machine, publish it at the loopback only: -p 127.0.0.1:8080:80."
            ),
        ),
        like=mark(
            "A letterbox at the gate whose letters are carried to a hut in the garden: whoever guards the house door never sees them."
        ),
    ),
}
