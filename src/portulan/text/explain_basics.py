"""Topics of `explain`: what a port is, how numbers are shared out, who listens."""

from __future__ import annotations

from portulan.text.explain_page import Page
from portulan.text.voice import mark

PAGES: dict[str, Page] = {
    "port": Page(
        title=mark("What a port is"),
        short=mark("a numbered door of a machine, with one program behind it"),
        body=(
            mark(
                "A network port is a number from 0 to 65535 by which the system hands what arrives to the right program. It is nothing that you could plug a cable into: only a number, written into each packet and looked up in a table in memory."
            ),
            mark(
                "A server asks the system for a port and waits there: it listens. A client sends to that number. While nobody listens on a number, there is nobody to talk to: the port is closed."
            ),
        ),
        like=mark(
            "A house with 65,536 numbered doors. Behind nearly all of them is bare wall; a door opens only when somebody moves in behind it."
        ),
    ),
    "address": Page(
        title=mark("Port and IP address"),
        short=mark("the address finds the machine, the port finds the program"),
        body=(
            mark(
                "An IP address leads a packet to one machine, or more exactly to one network card of it. But many programs run there: the port number says which of them the packet is for. Both together, as in 192.0.2.7:443 or [2001:db8::7]:443, name one place in the whole network."
            ),
            mark(
                "A server may open its port at every address of the machine, or at one of them only. At 127.0.0.1 and ::1, the loopback, only programs of the same machine can reach it."
            ),
        ),
        like=mark(
            "The address is the building, the port is the flat number. A letter without a flat number reaches the house and then lies in the hall."
        ),
    ),
    "telling-apart": Page(
        title=mark("How traffic is told apart"),
        short=mark("many conversations over one wire, and none is mixed up with another"),
        body=(
            mark(
                "Mail, a web page and a download may come in over one wire at the same time, cut into packets and shuffled together. The destination port tells the system which program each packet is for: 25 goes to the mail server, 80 and 443 to the web server."
            ),
            mark(
                "Two visitors of one page both send to port 443. They are told apart by their own ends: a connection is known by five things together, the transport, both addresses and both ports. If one of the five differs, it is another connection."
            ),
        ),
        like=mark(
            "One post van brings the letters of the whole house. The flat number on each says whose letterbox it goes into, the sender's says whom to answer."
        ),
    ),
    "ranges": Page(
        title=mark("The three ranges"),
        short=mark("well-known 0-1023, registered 1024-49151, private 49152-65535"),
        body=(
            mark(
                "System ports, also called well-known, are 0 to 1023: web, mail, names and other services that everyone must find without asking. On most Unix systems it takes root to listen there, so that no ordinary user can pose as the web server."
            ),
            mark(
                "User ports, also called registered, are 1024 to 49151: IANA gives them out on request, 5432 for instance to PostgreSQL. Dynamic ports, also called private, are 49152 to 65535: nobody gets one of them for good, so they are free for your own use."
            ),
            mark("The ranges are an agreement, not a lock: a program may listen on any free number that its user may bind."),
        ),
        like=mark(
            "In a town the low house numbers on the square belong to the town hall and the post office, the streets to registered firms, and the meadow to whoever puts up a stall for a day."
        ),
    ),
    "listening": Page(
        title=mark("What is listening here"),
        short=mark("which doors of this machine are open, and who stands behind them"),
        body=(
            mark(
                "A server that listens has told the system: whatever comes for this number, give it to me. It costs nothing while nobody comes, and so it is easily forgotten: a test server of last week, a database that came along with something else."
            ),
            mark(
                "Every open port is a way in for whoever can reach it. So know each one on the list: what it is for, which program holds it, who can get to it. Look into what you cannot explain, and stop what you do not need."
            ),
        ),
        like=mark("Walking round your house in the evening and trying each door from the inside."),
    ),
    "map": Page(
        title=mark("All ports as one picture"),
        short=mark("all 65,536 numbers at once"),
        body=(
            mark(
                "There are so many port numbers that a list shows little. In 256 rows of 256 numbers they fit into one picture: the first four rows are the system ports, the last quarter is the private range."
            ),
            mark(
                "What IANA has given away is told from what is free, and what is open on this machine stands out, with its number beside it."
            ),
        ),
        like=mark("A town at night, seen from a hill: mostly dark, and the few lit windows are the ones to know."),
    ),
}
