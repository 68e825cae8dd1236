"""The ways out of a finding, as commands to type: in the words of whatever made the firewall's rules."""

from __future__ import annotations

from portulan.host.remedies import find_remedies, quote
from portulan.model.finding import Fix
from portulan.wire.nft_authors import author_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.audit.facts import Door, Facts
    from portulan.model.ruleset import Chain, Ruleset

OURS = "portulan"
"""Who made the rules of a policy: what is changed in the kernel alone is gone when the policy is applied again."""
_SHOWN = ("ufw", "firewalld")
"""Whose own commands are told: to change their rules behind their back would not last."""


def authors(ruleset: Ruleset | None) -> tuple[str, ...]:
    """Who made the rules, as far as names tell; tables of iptables-legacy are named so."""
    if ruleset is None:
        return ()
    found: dict[str, None] = {}
    for chain in ruleset.chains:
        name = author_of(chain.table, chain.name) or ("iptables-legacy" if chain.table.startswith("legacy:") else None)
        if name:
            found[name] = None
    return tuple(found)


def input_chain(ruleset: Ruleset | None) -> Chain | None:
    """The first chain that filters what comes to this host, IPv4's or both's before IPv6's."""
    chains = [
        chain for chain in (ruleset.chains if ruleset else ()) if chain.base and chain.base.hook == "input" and chain.base.type == "filter"
    ]
    known = [chain for chain in chains if chain.family in ("inet", "ip", "ip6")]
    return min(known, key=lambda chain: ("inet", "ip", "ip6").index(chain.family), default=None)


def close_door(door: Door, facts: Facts) -> tuple[Fix, ...]:
    """Shut a port to strangers, or end who listens there. A container's port is shut where it is published: the firewall may never be asked for it."""
    port = f"{door.port}/{door.transport.value}"
    found = []
    if any(owner.container or owner.name == "docker-proxy" for owner in door.owners) or not door.items:
        found.append(Fix("publish-here", f"docker run -p 127.0.0.1:{door.port}:…"))
    else:
        found += _in_the_firewall(door, facts)
    stops = find_remedies(door.items)
    found += [Fix("stop", one.command) for one in stops if one.code in ("unit", "user-unit", "socket-unit", "container", "kernel")]
    if not found and stops:
        found.append(Fix("stop", f"portulan stop {port}"))
    return tuple(found)


def _in_the_firewall(door: Door, facts: Facts) -> list[Fix]:
    kind, number = door.transport.value, door.port
    made_by = authors(facts.ruleset)
    if OURS in made_by:
        return [Fix("shut", f"portulan guard close {number}/{kind} && portulan guard apply")]
    if "ufw" in made_by:
        return [Fix("shut", f"ufw deny {number}/{kind}")]
    if "firewalld" in made_by:
        command = f"--permanent --add-rich-rule='rule priority=-100 port port={number} protocol={kind} drop' && firewall-cmd --reload"
        return [Fix("shut", f"firewall-cmd {command}")]
    chain = input_chain(facts.ruleset)
    if chain is None or kind not in ("tcp", "udp"):
        return []
    if chain.table.startswith("legacy:") or (chain.table == "filter" and chain.name == "INPUT"):
        suffix = "-legacy" if chain.table.startswith("legacy:") else ""
        both = " && ".join(f"{name}{suffix} -I INPUT ! -i lo -p {kind} --dport {number} -j DROP" for name in ("iptables", "ip6tables"))
        return [Fix("shut", both)]
    place = f"{chain.family} {quote(chain.table)} {quote(chain.name)}"
    return [Fix("shut", f"nft insert rule {place} iifname != lo {kind} dport {number} drop")]


def first_firewall(wide: tuple[str, ...]) -> tuple[Fix, ...]:
    """A firewall where there is none, that lets in what is in use (`22/tcp`): a machine reached by ssh must stay so."""
    allowed = "".join(f"ufw allow {port} && " for port in wide)
    return (Fix("first-firewall", f"apt install ufw && {allowed}ufw enable"),)


def refuse_by_default(chain: Chain | None, made_by: tuple[str, ...], wide: tuple[str, ...]) -> tuple[Fix, ...]:
    """Shut what no rule names, and before that let in what must go on."""
    if "ufw" in made_by:
        return (Fix("refuse-by-default", "ufw default deny incoming"),)
    if "firewalld" in made_by:
        return (Fix("refuse-by-default", "firewall-cmd --set-default-zone=public"),)
    if chain is None:
        return first_firewall(wide)
    if chain.table.startswith("legacy:") or (chain.table == "filter" and chain.name == "INPUT"):
        program = ("ip6tables" if chain.family == "ip6" else "iptables") + ("-legacy" if chain.table.startswith("legacy:") else "")
        icmp = "ipv6-icmp" if chain.family == "ip6" else "icmp"
        keep = ["-m conntrack --ctstate ESTABLISHED,RELATED", "-i lo", f"-p {icmp}", *_ports_for_iptables(wide)]
        commands = [f"{program} -A INPUT {what} -j ACCEPT" for what in keep] + [f"{program} -P INPUT DROP"]
    else:
        place = f"{chain.family} {quote(chain.table)} {quote(chain.name)}"
        keep = ["ct state established,related", "iifname lo", "meta l4proto { icmp, ipv6-icmp }", *_ports_for_nft(wide)]
        commands = [f"nft add rule {place} {quote(what) if '{' in what else what} accept" for what in keep]
        commands.append(f"nft chain {place} '{{ policy drop; }}'")
    return (Fix("refuse-by-default", " && ".join(commands)),)


def _ports_for_iptables(wide: tuple[str, ...]) -> list[str]:
    found = []
    for kind in ("tcp", "udp"):
        numbers = [port.partition("/")[0] for port in wide if port.endswith("/" + kind)]
        found += [f"-p {kind} -m multiport --dports {','.join(numbers[at : at + 15])}" for at in range(0, len(numbers), 15)]
    return found


def _ports_for_nft(wide: tuple[str, ...]) -> list[str]:
    found = []
    for kind in ("tcp", "udp"):
        numbers = [port.partition("/")[0] for port in wide if port.endswith("/" + kind)]
        if numbers:
            found.append(f"{kind} dport {{ {', '.join(numbers)} }}")
    return found
