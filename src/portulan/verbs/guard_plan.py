"""What applying a policy would change: who gets to which port, now and then, and which connections run that could not be made anew."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime

from portulan.errors import CannotTell, PortulanError
from portulan.guard.policy.compile import compile_policy, compiled_rules, terrain_of
from portulan.guard.policy.compile_text import seals
from portulan.guard.policy.plan import Simulations, plan_rows
from portulan.guard.policy.plan_ways import forwards, sends_matter, way_rows
from portulan.guard.policy.supposed import only_ours, with_ours, without_ours
from portulan.guard.published import translated_ports
from portulan.guard.reach import simulate, transports_of
from portulan.model.chart import Gap
from portulan.model.guard_plan import Plan, PlanRemark
from portulan.model.port import Transport
from portulan.system.registry_file import open_table
from portulan.system.source import open_source
from portulan.verbs.guard_policy import load_policy, loose_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from portulan.model.guard_compiled import Terrain
    from portulan.model.guard_life import Session
    from portulan.model.network import Network
    from portulan.model.policy import Policy
    from portulan.model.ruleset import Ruleset
    from portulan.verbs.guard_cut import Led
    from portulan.wire.ctnetlink import Tuple

    Doors = Collection[tuple[Transport, int]]


def guard_plan(policy: str | None = None) -> Plan:
    """What applying the policy of a file (`guard_policy.find_policy`) would change here, in this network namespace. Nothing is changed.

    Raises BadInput and ParseError for mistakes in the policy, NotPermitted and CannotTell where rules or sockets cannot be read, MachineFailed.
    """
    if not sys.platform.startswith("linux"):
        raise CannotTell("reach.no-linux")
    from portulan.system.firewall.read import read_ruleset
    from portulan.system.linux.login import read_peer
    from portulan.system.linux.network import read_network
    from portulan.verbs.guard_surroundings import listeners
    from portulan.verbs.guard_ways_in import other_tables

    wanted = load_policy(policy)
    now = datetime.now(UTC)
    today = now.astimezone().date()
    ruleset, network = read_ruleset(), read_network()
    terrain = terrain_of(network)
    new = compile_policy(wanted, today, terrain)
    ours = compiled_rules(wanted, today, terrain)
    then = with_ours(ruleset, ours)
    heard = {(item.transport, item.port) for item in listeners()}
    published = {(transport, port) for port in translated_ports(ruleset) for transport in (Transport.TCP, Transport.UDP)}
    running, trial = seals(ruleset)
    by_hand = running == new.hash and trial is None and _changed_by_hand()
    same = running == new.hash and trial is None and not by_hand
    ports = transports_of(ruleset, ours)
    transports = tuple(ports)
    after = simulate(then, network, ports=ports)
    before = after if same else simulate(ruleset, network, ports=ports)
    alone = after if not without_ours(ruleset).chains else simulate(ours, network, ports=ports)
    simulations = Simulations(before, after, alone, transports)
    usual = open_table().usual
    ways, whole = ((), True) if same else way_rows(
        ruleset, then, network, transports, usual, out=sends_matter((only_ours(ruleset), ours)), through=forwards(network)
    )  # fmt: skip
    return Plan(
        open_source("auto").host_name(),
        now,
        wanted.file,
        new.hash,
        running,
        plan_rows(simulations, wanted, today, heard | published, usual),
        tuple(_sessions(ours, network, heard)),
        (
            *(PlanRemark("loose", one.path) for one in loose_files(wanted)),
            *_remarks(wanted, terrain, network),
            *(PlanRemark("others", concern.subject) for concern in other_tables(ruleset)),
        ),
        read_peer(),
        trial is not None,
        (
            *(Gap("reach.incomplete", {"why": code, "text": text}) for code, text in ruleset.incomplete),
            *(() if whole else (Gap("plan.many-receivers"),)),
        ),
        ways,
        by_hand,
    )


def _changed_by_hand() -> bool:
    """Whether our table holds something else than what its comment names, as far as that can be told."""
    from portulan.verbs.guard_trial import Life

    try:
        life = Life()
        phase, running, _ = life.look()
        return life.changed_by_hand(phase, running)
    except PortulanError:
        return False


def _remarks(policy: Policy, terrain: Terrain, network: Network) -> Iterator[PlanRemark]:
    """What the rules do beside letting in."""
    if policy.zones:
        yield PlanRemark("zones", ", ".join(crossing.text for crossing in policy.crossings))
    elif terrain.uplinks and any(link.forwards4 or link.forwards6 for link in network.links):
        yield PlanRemark("strangers", ", ".join(terrain.uplinks))
    if policy.outgoing is not None:
        yield PlanRemark("outgoing", ", ".join((*(line.text for line in policy.outgoing), *(["ping"] if policy.ping_out else []))))


def _sessions(rules: Ruleset, network: Network, heard: Doors) -> Iterator[Session]:
    """Connections that run, and that these rules of ours would not let begin: those that `confirm --cut` ends."""
    from portulan.verbs.guard_cut import own_addresses, session_of, shut_firsts, way_of

    own = own_addresses(network)
    for first in sorted(shut_firsts(_running(heard), rules, network)):
        yield session_of(first, way_of(first, own))


def _running(heard: Doors) -> set[tuple[Tuple, Led | None]]:
    """All connections by their first packets: those that the kernel's table knows, and those of sockets, since a kernel that no rule has asked knows none."""
    from portulan.system.linux.tracked import own_connections, read_tracked
    from portulan.verbs.guard_cut import answers_of, led_to, opened

    listening = {port for transport, port in heard if transport is Transport.TCP}
    found: set[tuple[Tuple, Led | None]] = set()
    tracked: set[Tuple] = set()
    with suppress(CannotTell):
        for entry in read_tracked():
            first = opened(entry, listening)
            tracked.update((first, answers_of(entry, first)))
            if entry.established:
                found.add((first, led_to(entry, first)))
    for connection, row in own_connections():
        if connection not in tracked:
            found.add((connection.turned if (row.transport, row.port) in heard else connection, None))
    return found
