"""Topics of `explain`: which number is whose, and what happens when two want one."""

from __future__ import annotations

from portulan.text.explain_page import Page
from portulan.text.voice import mark

PAGES: dict[str, Page] = {
    "iana": Page(
        title=mark("Who gives out the numbers"),
        short=mark("the registry of names and numbers, and what it cannot promise"),
        body=(
            mark(
                "So that a browser finds any web server without asking, all must agree on the numbers. IANA, the Internet Assigned Numbers Authority, keeps the list by the rules of RFC 6335: whoever needs a number applies for it, and everybody may read the list."
            ),
            mark(
                "The registry says what a number is meant for, not what runs there. Many programs use a number that they never asked for, or that belongs to another. What is really behind a port, only the machine itself can tell."
            ),
        ),
        like=mark("The phone book: it says who should answer at a number. Who really does, you learn by calling."),
    ),
    "common": Page(
        title=mark("The numbers everyone should know"),
        short=mark("fifteen numbers that you meet every week"),
        body=(
            mark(
                "By heart: 22 ssh, 25 mail between servers, 53 names, 80 and 443 the web, 123 clocks, 143 and 993 reading mail, 465 and 587 handing in mail, 445 Windows file sharing, 3306 MySQL, 3389 Remote Desktop, 5432 PostgreSQL, 8080 one more web server."
            ),
            mark(
                "Where one service has two numbers, the second is mostly the encrypted one: 80 and 443, 143 and 993. Prefer it. And the better known a number, the more often strangers try it."
            ),
        ),
        like=mark("Emergency numbers: a few that everyone knows by heart, and a book for all the others."),
    ),
    "conflict": Page(
        title=mark("Port conflict"),
        short=mark("two programs want one number: here it really happens"),
        body=(
            mark(
                "For one address, transport and port there is as a rule one listener. Whoever comes second is refused by the kernel: the address is already in use (EADDRINUSE). Web servers meet on 80 and 8080, development servers on 3000, 5000 and 8000."
            ),
            mark(
                "The second program just does not start, and its message seldom says who was first. The way out: find the holder, then stop it, or give one of the two another number. At times nobody holds the port any more and only old connections are still closing (TIME_WAIT): that passes within a minute."
            ),
        ),
        like=mark("Two shops cannot have the same shop front: the second one finds another's name over the door."),
    ),
    "private": Page(
        title=mark("The private range, and choosing a port"),
        short=mark("which number to take for a service of your own"),
        body=(
            mark(
                "For a service of your own take a number of the private range, 49152 to 65535: nobody owns one, so nobody is robbed of it. Write it down where others look: a number that only you remember is soon used twice."
            ),
            mark(
                "One trap: the kernel takes numbers from there as well, for outgoing connections (the ephemeral range), and may have yours just when your server starts. Choose beside that range, reserve the number, or have it kept for you."
            ),
        ),
        like=mark("A parking space without a name: free to use, but put up a sign if you want it tomorrow, too."),
    ),
}
