"""What is open here, or running, that should not be: the chart, the firewall's rules, the network and who gets to each port, joined and judged."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime

from portulan.audit.facts import Door, Facts, forwarded, only_outgoing, private_only
from portulan.audit.find import find_all, find_unjudged
from portulan.audit.fixes import authors
from portulan.audit.ignores import apply_ignores, named_ignores, parse_ignores
from portulan.audit.processes import DELETED
from portulan.audit.published import published_ports
from portulan.audit.reverse import useless_rules
from portulan.audit.wanted import wanted_of
from portulan.errors import BadInput, CannotTell, NotPermitted, ParseError
from portulan.model.address import MAPPED, Exposure, parse_address
from portulan.model.chart import State
from portulan.model.finding import Audit, Unjudged
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Outcome
from portulan.model.survey import Selection
from portulan.system.config_files import ConfigFiles, whole_path
from portulan.system.programs import is_replaced
from portulan.system.source import open_source
from portulan.verbs.chart import look
from portulan.verbs.guard_policy import load_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from portulan.audit.wanted import Wanted
    from portulan.model.chart import Endpoint
    from portulan.model.finding import Ignore
    from portulan.model.network import Network
    from portulan.model.reach import Access, Reached
    from portulan.model.ruleset import Ruleset
    from portulan.system.source import SocketSource

_SERVERS = (Transport.TCP, Transport.UDP, Transport.UDPLITE)
_ELSEWHERE = ("namespace.", "namespaces.", "owners.")
"""Gaps that do not hide a port of this namespace, or that `find_unjudged` tells in its own words."""
_UNTRUSTED = ("nft.changing", "legacy.forbidden", "legacy.no-program")
"""Of `Ruleset.incomplete`: whole tables may be missing, so that nothing can be said of who gets in."""
_AS_UDP = {Transport.UDPLITE: Transport.UDP}
"""What the rules see of it: `th dport`, and no rule for UDP-Lite is common enough to be followed on its own."""
_SERVING = (State.LISTENING, State.BOUND)


def audit(*, policy: str | None = None, ignore: Iterable[str] = (), ignore_file: str | None = None, source: str = "auto") -> Audit:
    """Findings about this network namespace, the worst first; those that somebody wants to live with carry the reason in `ignored`.

    `policy`: a file whose `[doors]` are the ports that are wanted open; without one our own table of dangerous services is the measure. `ignore`: ids of findings
    (`open.database`) or keys of single ones (`open.database:5432/tcp`); `ignore_file`: a TOML file of them, with a reason each. `source` as for `chart`.

    What could not be judged stands in `unjudged` and `gaps`: without the right to read the firewall's rules a port is taken to be as open as its address.
    Raises BadInput and ParseError for a file or id that is wrong, NotPermitted and CannotTell where a file or the kernel's sockets cannot be read, MachineFailed.
    """
    taken_at = datetime.now(UTC)
    today = taken_at.astimezone().date()
    wanted = read_wanted(policy, today)
    ignores = (*named_ignores(ignore), *(_ignores_of(ignore_file) if ignore_file is not None else ()))
    machine = open_source(source)
    items, survey = look(machine, Selection(transports=_SERVERS))
    own = next((space.inode for space in survey.namespaces if space.own), None)
    here = tuple(item for item in items if item.netns in (None, own) and item.state in _SERVING)
    away = {(item.netns, item.transport, item.port) for item in items if item.netns not in (None, own) and item.state in _SERVING}
    ruleset, network, unread = _read_firewall()
    doors = _doors(here, ruleset, network, machine)
    facts = Facts(doors, ruleset, network, wanted, own, useless=useless_rules(ruleset) if ruleset is not None else ())
    found, unused = apply_ignores(find_all(facts), ignores, today)
    return Audit(
        host=machine.host_name(), taken_at=taken_at, items=found, doors=len(doors), elsewhere=len(away), source=survey.source,
        gaps=tuple(gap for gap in survey.gaps if not gap.code.startswith(_ELSEWHERE)), unjudged=(*unread, *find_unjudged(facts)),
        unused=unused, private=private_only(network), policy=wanted.path if wanted else None, authors=authors(ruleset),
    )  # fmt: skip


def read_wanted(policy: str | None, today: date) -> Wanted | None:
    """The list of wanted ports of a policy file. Raises as `audit`."""
    return None if policy is None else wanted_of(load_policy(policy), today)


def _ignores_of(path: str) -> tuple[Ignore, ...]:
    return parse_ignores(_read(path), path)


def _read(path: str) -> str:
    """A file that was named. Raises BadInput where there is none, NotPermitted, CannotTell."""
    try:
        return ConfigFiles().read(whole_path(path))
    except NotPermitted as error:
        raise NotPermitted("audit.unreadable", file=path, reason=str(error.facts["reason"])) from error
    except CannotTell as error:
        if error.code == "file.missing":
            raise BadInput("audit.no-file", file=path) from None
        raise


def _read_firewall() -> tuple[Ruleset | None, Network | None, tuple[Unjudged, ...]]:
    """The rules and the network of this namespace, as far as they may be read, and why not."""
    if not sys.platform.startswith("linux"):
        return None, None, (Unjudged("rules.linux-only"),)
    from portulan.system.firewall.read import read_ruleset
    from portulan.system.linux.network import read_network

    network = None
    with suppress(CannotTell):
        network = read_network()
    try:
        return read_ruleset(), network, ()
    except (CannotTell, ParseError) as error:
        facts = {name: value if isinstance(value, int) else str(value) for name, value in error.facts.items()}
        return None, network, (Unjudged("rules.unread", {"code": error.code, **facts}),)


def _doors(here: Iterable[Endpoint], ruleset: Ruleset | None, network: Network | None, machine: SocketSource) -> tuple[Door, ...]:
    """The ports of this namespace, each with all that is known of it; ports that rules send on elsewhere among them."""
    grouped: dict[tuple[Transport, int], list[Endpoint]] = {}
    for item in here:
        grouped.setdefault((item.transport, item.port), []).append(item)
    for one in published_ports(ruleset) if ruleset is not None else ():
        grouped.setdefault((one.transport, one.port), [])
    trusted = ruleset is not None and not any(code in _UNTRUSTED for code, _ in ruleset.incomplete)
    engine = _Engine(ruleset, network, grouped) if trusted and ruleset is not None and network is not None and grouped else None
    found = []
    for transport, port in sorted(grouped, key=lambda key: (key[1], key[0])):
        items = tuple(grouped[transport, port])
        reached = engine.reached(transport, port, items) if engine else None
        if items or (reached is not None and forwarded(reached)):
            found.append(_door(transport, port, items, machine, reached, routed=engine is None or engine.routed))
    return tuple(found)


class _Engine:
    """Who gets to the ports of this namespace."""

    def __init__(self, ruleset: Ruleset, network: Network, doors: Iterable[tuple[Transport, int]]) -> None:
        from portulan.guard.reach import NUMBERS, simulate
        from portulan.guard.trace import Tracer

        wanted: dict[Transport, list[PortRange]] = {}
        for transport, port in doors:
            wanted.setdefault(_AS_UDP.get(transport, transport), []).append(PortRange(port, port))
        self._network = network
        self._followed = NUMBERS
        self._tracer = Tracer(ruleset, network)
        self._outgoing = only_outgoing(ruleset)
        self._reach = simulate(
            ruleset, network, ports={transport: PortSet.of(ports) for transport, ports in wanted.items() if transport in NUMBERS}
        )
        self.routed = any(route.prefix == 0 and route.kind == "unicast" for route in network.routes)

    def reached(self, transport: Transport, port: int, items: tuple[Endpoint, ...]) -> Reached | None:
        """None where it cannot be told: another transport than the rules are followed for, or a group of many receivers (multicast)."""
        seen_as = _AS_UDP.get(transport, transport)
        found = self._door(seen_as, port, items) if seen_as in self._followed else None
        return None if found is None else found._replace(transport=transport, accesses=tuple(map(self._let_in, found.accesses)))

    def _let_in(self, access: Access) -> Access:
        """Where the last word was that of a rule for the answer on its way out, the rule that let the question in."""
        rule = access.rule
        if (
            rule is None
            or access.witness is None
            or access.outcome is not Outcome.ACCEPT
            or (rule.family, rule.table, rule.chain) not in self._outgoing
        ):
            return access
        return access._replace(rule=self._tracer.trace(access.witness).rule)

    def _door(self, transport: Transport, port: int, items: tuple[Endpoint, ...]) -> Reached | None:
        if not items:
            return self._reach.door(transport, port)
        v4, v6, addresses = bound_to(items)
        if not (v4 or v6 or addresses):
            return None
        if not addresses:
            return self._reach.door(transport, port, v4=v4, v6=v6)
        own = [
            address
            for link in self._network.links
            for address, _ in link.addresses
            if (v4 and address.version == 4) or (v6 and address.version == 6)
        ]
        return self._reach.door(transport, port, [*own, *addresses])


def bound_to(items: tuple[Endpoint, ...]) -> tuple[bool, bool, list[Address]]:
    """Whether endpoints are open at all IPv4 addresses, at all IPv6 addresses, and the single addresses else; groups of many receivers are left out."""
    v4 = v6 = False
    single = []
    for item in items:
        packed = parse_address(item.address.partition("%")[0])
        if packed[:12] == MAPPED:
            packed = packed[12:]
        if any(packed):
            if not (packed[0] == 0xFF if len(packed) == 16 else 224 <= packed[0] <= 239):
                single.append(Address(4 if len(packed) == 4 else 6, int.from_bytes(packed)))
            continue
        v4 = v4 or len(packed) == 4 or any(socket.v6_only is False for socket in item.sockets)
        v6 = v6 or len(packed) == 16
    return v4, v6, single


def _door(
    transport: Transport, port: int, items: tuple[Endpoint, ...], machine: SocketSource, reached: Reached | None, *, routed: bool
) -> Door:
    from portulan.system.registry_file import open_table

    owners = {owner.pid: owner for item in items for owner in item.owners or ()}
    names = tuple(one.name for one in open_table().assignments(port, transport) if one.name and one.status == "assigned")
    exposed = any(item.exposure is not Exposure.LOOPBACK for item in items)
    return Door(
        transport, port, items, reached, names, routed=routed,
        parents={pid: machine.parents(pid) for pid, owner in owners.items() if owner.uid == 0 and exposed},
        replaced={pid: gone for pid, owner in owners.items() if (gone := _replaced(pid, owner.executable)) is not None},
    )  # fmt: skip


def _replaced(pid: int, executable: str | None) -> bool | None:
    """Of a program whose file is gone: whether another has its place. None for any other."""
    if executable is None or not executable.endswith(DELETED) or not executable.startswith("/"):
        return None
    return is_replaced(pid, executable.removesuffix(DELETED))
