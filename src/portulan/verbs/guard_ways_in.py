"""Whether new rules would shut us out: the ssh login that the command is typed in, and the last way in. And what other tables say against them."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address

from portulan.errors import CannotTell, PortulanError
from portulan.guard.policy.supposed import without_ours
from portulan.guard.policy.together import Together
from portulan.model.guard_compiled import FAMILY, TABLE
from portulan.model.guard_life import Concern, Peer, Shut
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Packet
from portulan.model.rule import Opaque, Reject, Verdict, VerdictKind
from portulan.model.ruleset import Ruleset
from portulan.model.survey import Selection
from portulan.system.firewall import blocks, ended
from portulan.system.firewall.running import WARM
from portulan.system.linux.login import read_peer
from portulan.wire.nft_authors import author_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.model.network import Network
    from portulan.model.ruleset import Chain

SSH = "ssh"
"""Its port by the registry: systemd may hold it in the server's place."""
SSH_SERVERS = ("sshd", "sshd-session", "dropbear", "tinysshd")
_OURS = ((FAMILY, TABLE), (FAMILY, WARM), (blocks.FAMILY, blocks.TABLE), (ended.FAMILY, ended.TABLE))
_TUNNELS = (
    "wireguard",
    "tun",
    "gre",
    "gretap",
    "ip6gre",
    "ipip",
    "sit",
    "ip6tnl",
    "vti",
    "vti6",
    "xfrm",
    "vxlan",
    "geneve",
    "ovpn",
    "l2tp",
    "ppp",
)
_NO_ADDRESSES = 65534
"""ARPHRD_NONE: what a tun device has."""
_FILTERING = ("prerouting", "input", "forward", "ingress")


def find_shut(new: Ruleset, network: Network) -> tuple[Shut, ...]:
    """The ways in that are used, or are the last ones, and that would be shut by new rules of ours together with all others that there are.

    What the others shut already, so that nobody gets in now, our rules do not take from anybody; a login that nobody could make anew could not confirm, though.
    """
    peer = read_peer()
    found = []
    ports = ssh_ports()
    together = Together(new, _rules(), network)
    if peer is not None:
        ports.add(peer.own_port)
        shut = _peer_shut(together, network, peer)
        if shut is not None:
            found.append(shut)
    judged = {port: together.anybody(port) for port in sorted(ports)}
    if judged and not any(lets_in and not table for lets_in, table in judged.values()):
        tables = {port: table for port, (_, table) in judged.items() if table}
        doors = ", ".join(f"{port}/tcp" for port in tables or judged)
        if not tables:
            found.append(Shut("guard.last-way-in", doors))
        elif any(
            together.anybody_yet(port) for port in ports
        ):  # else it was shut before, and not by us: by firewalld while it reloads, say
            found.append(Shut("guard.last-way-shut-by-others", doors, table=next(iter(tables.values()))))
    return tuple(found)


def _rules() -> Ruleset:
    """All rules, without the sets of our own; none where they cannot be read: then ours alone are judged."""
    from portulan.system.firewall.present import has_rules
    from portulan.system.firewall.read import read_ruleset
    from portulan.wire.nft_sets import sets_in_rules

    try:
        return read_ruleset(wanted=lambda ruleset: sets_in_rules(without_ours(ruleset))) if has_rules() else Ruleset()
    except PortulanError:
        return Ruleset()


def _peer_shut(together: Together, network: Network, peer: Peer) -> Shut | None:
    """Whether another connection from where this login comes from would be refused."""
    source, target = _address(peer.address), _address(peer.own_address)
    link = link_to(source, target, network)
    lets_in, table = together.lets_in(Packet(Transport.TCP, source, target, peer.own_port, None, link))
    if lets_in and not table:
        return None
    door = f"{peer.own_port}/tcp"
    if table:
        return Shut("guard.peer-shut-by-others", door, peer.address, link, table)
    return Shut("guard.peer-shut-out", door, peer.address, link)


def through_tunnel(network: Network) -> tuple[Concern, ...]:
    """Where this ssh login comes in through a tunnel: that one runs on although its own port is shut, and cannot be built anew when it ends."""
    peer = read_peer()
    if peer is None:
        return ()
    link = network.link(link_to(_address(peer.address), _address(peer.own_address), network))
    tunnel = link is not None and (link.kind in _TUNNELS or link.type == _NO_ADDRESSES)
    return (Concern("guard.through-tunnel", link.name, link.kind),) if link is not None and tunnel else ()


def _address(text: str) -> Address:
    found = ip_address(text)
    found = getattr(found, "ipv4_mapped", None) or found
    return Address(found.version, int(found))


def link_to(source: Address, target: Address, network: Network) -> str:
    """The interface that packets from an address come in by, as far as the way back tells; `lo` for this host's own."""
    from portulan.system.linux.route import find_way

    own = {address: link for link in network.links for address, _ in link.addresses}
    if source in own:
        return "lo"
    with suppress(PortulanError):
        number = find_way(source.number.to_bytes(4 if source.version == 4 else 16)).link
        found = next((link.name for link in network.links if link.number == number), None)
        if found is not None:
            return found
    return own[target].name if target in own else "lo"


def ssh_ports() -> set[int]:
    """Ports on which an ssh server listens here, as far as we may see."""
    from portulan.model.chart import State
    from portulan.system.source import open_source
    from portulan.verbs.chart import look

    try:
        items, survey = look(open_source("auto"), Selection(transports=(Transport.TCP,)))
    except PortulanError:
        return set()
    here: set[int | None] = {space.inode for space in survey.namespaces if space.own} or {None}
    return {
        item.port
        for item in items
        if item.netns in here and item.state is State.LISTENING and not _only_local(item.address)
        and (item.service == SSH or any(owner.name in SSH_SERVERS for owner in item.owners or ()))
    }  # fmt: skip


def _only_local(address: object) -> bool:
    return ip_address(str(address).partition("%")[0]).is_loopback


# Others


def other_tables(ruleset: Ruleset) -> tuple[Concern, ...]:
    """Tables of others that refuse something on the way in: what ours lets in still has to pass them. The programs that do are named, where names tell."""
    found: dict[tuple[str, str], Concern] = {}
    for chain in ruleset.chains:
        if (chain.family, chain.table) in _OURS or chain.base is None or chain.base.hook not in _FILTERING:
            continue
        inner = _reached(chain, ruleset)
        if chain.base.policy is VerdictKind.DROP or _refuses((chain, *inner)):
            key = chain.family, chain.table
            found.setdefault(key, Concern("guard.other-table", f"{chain.family} {chain.table}", ", ".join(_authors(chain.table, inner))))
    return tuple(found.values())


def _authors(table: str, chains: Sequence[Chain]) -> tuple[str, ...]:
    """Whose chains refuse something; whoever else has some there, where none of them does."""
    named = [(who, chain) for chain in chains if (who := author_of(table, chain.name))]
    refusing = dict.fromkeys(who for who, chain in named if _refuses((chain,)))
    return tuple(refusing or dict.fromkeys(who for who, _ in named)) or tuple(filter(None, (author_of(table),)))


def _reached(base: Chain, ruleset: Ruleset) -> list[Chain]:
    """The chains of the same table: those that it may come to."""
    return [chain for chain in ruleset.chains if (chain.family, chain.table) == (base.family, base.table) and chain.base is None]


def _refuses(chains: Iterable[Chain]) -> bool:
    for chain in chains:
        for rule in chain.rules:
            for each in rule.statements:
                if isinstance(each, Reject | Opaque) or (isinstance(each, Verdict) and each.kind is VerdictKind.DROP):
                    return True
    return False


def read_others() -> tuple[Concern, ...]:
    """The same of the rules that are in force in this namespace now; nothing where they may not be read."""
    from portulan.system.firewall.read import read_ruleset

    try:
        return other_tables(read_ruleset(wanted=lambda _: ()))
    except CannotTell:
        return ()
