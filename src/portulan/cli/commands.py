"""The commands: name, the module that serves it, and the line the overview shows. A module is imported only when its command runs."""

from __future__ import annotations

from portulan.model.record import Record
from portulan.text.voice import mark


class Command(Record):
    """One command of the line."""

    name: str
    module: str
    summary: str


COMMANDS = {
    command.name: command
    for command in (
        Command("ls", "portulan.cli.ls", mark("the chart: every port of this machine, what it is for and who holds it")),
        Command("who", "portulan.cli.who", mark("who holds a port, why it runs, and how to stop it")),
        Command("reach", "portulan.cli.reach", mark("who can get to each port, and the firewall rule that says so")),
        Command("scan", "portulan.cli.scan", mark("what the outside sees: which ports of a host or a network answer")),
        Command("diff", "portulan.cli.diff", mark("what changed between two scans, or a scan and this machine's own list")),
        Command("why", "portulan.cli.why", mark("can a server bind a port, and if not, why not, and what to do")),
        Command("conflicts", "portulan.cli.conflicts", mark("what will collide before it starts: the ports that files declare")),
        Command("audit", "portulan.cli.audit", mark("what is open, or running, that should not be, and the way out")),
        Command("guard", "portulan.cli.guard", mark("shut every port but those that a policy names, and lock nobody out")),
        Command("free", "portulan.cli.free", mark("a port number that a server can really bind now")),
        Command("lease", "portulan.cli.lease", mark("keep a port for a program or a name: the same number each day")),
        Command("release", "portulan.cli.release", mark("give a leased port back")),
        Command("stop", "portulan.cli.stop", mark("end whoever holds a port, politely")),
        Command("ping", "portulan.cli.ping", mark("is a port open, and how fast does it answer")),
        Command("trace", "portulan.cli.trace", mark("the way to a port, and where it ends")),
        Command("traffic", "portulan.cli.traffic", mark("what goes through each port: how much, whose, and what it really is")),
        Command("scanners", "portulan.cli.scanners", mark("who is trying the doors: in captures, or as it happens")),
        Command("lookup", "portulan.cli.lookup", mark("what a port number or a service name stands for")),
        Command("map", "portulan.cli.map", mark("all 65,536 ports as one picture")),
        Command("explain", "portulan.cli.explain", mark("the ideas behind ports, and one port, on this machine's own facts")),
        Command("demo", "portulan.cli.demo", mark("watch it on three machines in a closed network, in less than a minute")),
        Command("registry", "portulan.cli.registry", mark("bring the registry of port numbers up to date")),
        Command("completion", "portulan.cli.completion", mark("print the completions for your shell")),
    )
}
