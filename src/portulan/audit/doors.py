"""Findings about who gets to a port: what is open to everyone and should not be."""

from __future__ import annotations

from portulan.audit.facts import EVERYONE, NOBODY, THIS_HOST, door_finding, openness
from portulan.audit.fixes import close_door
from portulan.audit.risks import program_names, risk_of
from portulan.model.address import Exposure
from portulan.model.finding import Evidence, Fix, Level
from portulan.model.port import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Door, Facts
    from portulan.model.finding import Finding

_FAMOUS_SSH = 22


def find_open(facts: Facts) -> Iterator[Finding]:
    """What everyone gets to: with a list of wanted ports all that is not on it, else what is dangerous by our own table."""
    for door in facts.doors:
        wide, doubt = openness(door)
        if wide in (THIS_HOST, NOBODY):
            continue
        risk = risk_of(door)
        if facts.wanted is None:
            if wide == EVERYONE and risk is not None:
                more = {"what": risk.name, "risk": risk.key}
                yield door_finding(risk.id, risk.level, door, facts, doubt=doubt, fixes=close_door(door, facts), more=more)
            continue
        wish = facts.wanted.of(door.transport, door.port)
        if wish is None and wide == EVERYONE:
            if risk is not None:
                more = {"what": risk.name, "risk": risk.key}
                yield door_finding(
                    risk.id, risk.level, door, facts, doubt=doubt, fixes=_close(door, facts), more=more, evidence=(_not_on_the_list(facts),)
                )
            else:
                yield door_finding(
                    "open.unwanted", Level.WARNING, door, facts, doubt=doubt, fixes=_close(door, facts), evidence=(_not_on_the_list(facts),)
                )
        elif wish is not None and wish.everyone is False and wide == EVERYONE:
            evidence = Evidence("wanted.for", {"line": wish.line or 0, "path": facts.wanted.path, "sources": wish.sources})
            more = {"sources": wish.sources}
            yield door_finding(
                "open.wider", Level.WARNING, door, facts, doubt=doubt, fixes=close_door(door, facts), evidence=(evidence,), more=more
            )


def _not_on_the_list(facts: Facts) -> Evidence:
    return Evidence("not-wanted", {"path": facts.wanted.path if facts.wanted else ""})


def _close(door: Door, facts: Facts) -> tuple[Fix, ...]:
    """As `close_door`, and the line that would make it wanted."""
    return (*close_door(door, facts), Fix("want", f'"{door.port}/{door.transport.value}" = "everyone"'))


def find_ssh(facts: Facts) -> Iterator[Finding]:
    """ssh where every scanner looks for it first: no fault, but the noise and half of the guesses end elsewhere. The way there never locks anybody out."""
    for door in facts.doors:
        if (door.transport, door.port) != (Transport.TCP, _FAMOUS_SSH):
            continue
        wide, doubt = openness(door)
        if wide == EVERYONE and (door.service == "ssh" or program_names(door) & {"sshd", "dropbear"}):
            yield door_finding("ssh.famous-port", Level.INFO, door, facts, doubt=doubt, fixes=_move(facts))


def _move(facts: Facts) -> tuple[Fix, ...]:
    """Free port, configuration, open, test the new one, close the old one: in this order."""
    from portulan.audit.fixes import OURS, authors, input_chain

    made_by, chain = authors(facts.ruleset), input_chain(facts.ruleset)
    if OURS in made_by:
        opened, closed = (f"portulan guard {what}/tcp && portulan guard apply" for what in ("open $PORT", "close 22"))
    elif "ufw" in made_by:
        opened, closed = "ufw allow $PORT/tcp", "ufw delete allow 22/tcp; ufw deny 22/tcp"
    elif "firewalld" in made_by:
        opened = "firewall-cmd --permanent --add-port=$PORT/tcp && firewall-cmd --reload"
        closed = "firewall-cmd --permanent --remove-service=ssh && firewall-cmd --reload"
    elif chain is not None and not chain.table.startswith("legacy:") and chain.name != "INPUT":
        place = f"{chain.family} {chain.table} {chain.name}"
        opened, closed = f"nft insert rule {place} tcp dport $PORT accept", f"nft insert rule {place} iifname != lo tcp dport 22 drop"
    elif chain is not None:
        suffix = "-legacy" if chain.table.startswith("legacy:") else ""
        programs = [f"{name}{suffix}" for name in ("iptables", "ip6tables")]
        opened = " && ".join(f"{program} -I INPUT -p tcp --dport $PORT -j ACCEPT" for program in programs)
        closed = " && ".join(f"{program} -I INPUT ! -i lo -p tcp --dport 22 -j DROP" for program in programs)
    else:
        opened = closed = ""
    drop_in = "/etc/ssh/sshd_config.d/port.conf"
    return (
        Fix("ssh.choose", "PORT=$(portulan free --range dynamic)"),
        Fix("ssh.configure", f"printf 'Port 22\\nPort %s\\n' $PORT > {drop_in} && sshd -t && systemctl reload ssh"),
        *((Fix("ssh.open", opened),) if opened else ()),
        Fix("ssh.test", "ssh -p $PORT $USER@$(hostname)"),
        Fix("ssh.leave", f"sed -i '/^Port 22$/d' {drop_in} && sshd -t && systemctl reload ssh"),
        *((Fix("ssh.close", closed),) if closed else ()),
    )


def find_unreached(facts: Facts) -> Iterator[Finding]:
    """Listeners on addresses of the network that nobody from there gets to: the firewall does what their address could."""
    for door in facts.doors:
        if door.items and door.exposure is not Exposure.LOOPBACK and door.reached is not None and door.reached.wide in (NOBODY, THIS_HOST):
            yield door_finding(
                "door.unreached",
                Level.INFO,
                door,
                facts,
                fixes=(Fix("find-config", "portulan conflicts --all"),),
                more={"wide": door.reached.wide},
            )
