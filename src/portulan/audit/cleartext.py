"""Findings about what is sent for all to read though an encrypted twin exists."""

from __future__ import annotations

from portulan.audit.facts import EVERYONE, NOBODY, THIS_HOST, door_finding, openness
from portulan.audit.fixes import close_door
from portulan.audit.risks import program_names
from portulan.model.finding import Evidence, Fix, Level
from portulan.model.port import Transport
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Door, Facts
    from portulan.model.finding import Finding


class Pair(Record):
    """A service that speaks in the clear, and what speaks for it encrypted."""

    key: str
    """The finding is `cleartext.` and this."""
    port: int
    name: str
    twin: int
    twin_name: str
    always: bool
    """Whether the twin beside it makes nothing good: nobody should use the clear one any more."""
    upgrades: bool
    """Whether the clear one can turn encryption on after its first words (STARTTLS, AUTH TLS), so that it is only perhaps clear."""
    level: Level


_TABLE = """
telnet   | 23   | telnet | 22   | ssh   | always |      | error
login    | 512  | rexec  | 22   | ssh   | always |      | error
login    | 513  | rlogin | 22   | ssh   | always |      | error
login    | 514  | rsh    | 22   | ssh   | always |      | error
ftp      | 21   | ftp    | 22   | sftp  | always | upgr | warning
http     | 80   | http   | 443  | https |        |      | warning
mail     | 110  | pop3   | 995  | pop3s |        | upgr | info
mail     | 143  | imap   | 993  | imaps |        | upgr | info
mail     | 587  | submission | 465 | submissions |  | upgr | info
ldap     | 389  | ldap   | 636  | ldaps |        | upgr | info
mqtt     | 1883 | mqtt   | 8883 | mqtts |        |      | warning
amqp     | 5672 | amqp   | 5671 | amqps |        | upgr | info
irc      | 6667 | irc    | 6697 | ircs  |        |      | info
sip      | 5060 | sip    | 5061 | sips  |        | upgr | info
"""


def pairs() -> tuple[Pair, ...]:
    """The whole table."""
    found = []
    for line in _TABLE.strip().splitlines():
        key, port, name, twin, twin_name, always, upgrades, level = (cell.strip() for cell in line.split("|"))
        found.append(Pair(key, int(port), name, int(twin), twin_name, bool(always), bool(upgrades), Level(level)))
    return tuple(found)


def find_cleartext(facts: Facts) -> Iterator[Finding]:
    """Clear services that strangers get to: all of the hopeless ones, of the others those without their twin."""
    by_port = {door.port: door for door in facts.doors if door.transport is Transport.TCP}
    for pair in pairs():
        door = by_port.get(pair.port)
        if door is None:
            continue
        wide, doubt = openness(door)
        if wide in (THIS_HOST, NOBODY) or (not pair.always and _is_there(by_port.get(pair.twin))):
            continue
        level = pair.level if wide == EVERYONE or pair.level is Level.INFO else _less(pair.level)
        told = Evidence("twin.upgrades" if pair.upgrades else "twin.none", {"twin": f"{pair.twin}/tcp", "name": pair.twin_name})
        evidence = () if pair.always and not pair.upgrades else (told,)
        more = {"name": pair.name, "twin": f"{pair.twin}/tcp", "twin_name": pair.twin_name, "wide": wide}
        yield door_finding(
            f"cleartext.{pair.key}",
            level,
            door,
            facts,
            doubt=doubt,
            evidence=evidence,
            fixes=close_door(door, facts) if pair.always else _encrypt(pair, door),
            more=more,
        )


def _encrypt(pair: Pair, door: Door) -> tuple[Fix, ...]:
    """A certificate for a web server, by whichever it is; else the line that its port stands in, to put the encrypted one beside."""
    if pair.key != "http":
        return (Fix("find-config", "portulan conflicts --all"),)
    program = next((name for name in sorted(program_names(door)) if name in _CERTBOT), "")
    return (Fix("certificate", f"apt install certbot && certbot {_CERTBOT.get(program, 'certonly --standalone')}"),)


_CERTBOT = {"nginx": "--nginx", "apache2": "--apache", "httpd": "--apache"}


def _is_there(twin: Door | None) -> bool:
    """Whether the twin serves those who get to the clear one."""
    return twin is not None and openness(twin)[0] not in (THIS_HOST, NOBODY)


def _less(level: Level) -> Level:
    """In the networks beside us it is less bad than in the open."""
    return Level.WARNING if level is Level.ERROR else Level.INFO
