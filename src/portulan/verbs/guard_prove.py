"""A proof by real packets that a policy, or a copy of this machine's own rules, lets in what it should and nothing else."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, date, datetime
from hashlib import sha256

from portulan.errors import BadInput, CannotTell
from portulan.guard.policy.compile import compile_policy, terrain_of
from portulan.guard.policy.compile_text import permanent
from portulan.guard.proof.expect import Expectation
from portulan.guard.proof.plan import UNNAMED
from portulan.guard.proof.senders import link_names
from portulan.model.guard_compiled import Terrain
from portulan.model.guard_proof import Certificate, Road
from portulan.model.policy import Part, Source
from portulan.system.source import open_source
from portulan.verbs.guard_policy import load_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.model.policy import Crossing, Line, Policy
    from portulan.verbs.proving import Asked

_MOST_GROUPS = 64


def guard_prove(
    policy: str | None = None, *, live_rules: bool = False, quick: bool = False, today: date | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Certificate:  # fmt: skip
    """Send packets to all 65,536 ports of TCP and UDP, by IPv4 and IPv6, as each class of senders, at a host in a closed network that has exactly these rules.

    `policy`: the file (`find_policy`). `live_rules`: the rules are a copy of all that this machine has, of its links and addresses too; the policy, if there is one, is
    what they are held against. `quick`: one class of senders of each interface and IP version sends to all ports, the others only where something changes.

    Raises BadInput and ParseError for the policy, NotPermitted without CAP_SYS_ADMIN and CAP_NET_ADMIN, CannotTell where the kernel or nft cannot do it, MachineFailed.
    """
    if not sys.platform.startswith("linux"):
        raise CannotTell("proof.no-linux")
    from portulan.system.firewall.nft import find_nft
    from portulan.system.linux.spawn import run_program
    from portulan.system.sandbox import Sandbox, check_rights
    from portulan.verbs.proving import carry_out

    check_rights()
    nft, began, taken_at = find_nft(), time.monotonic(), datetime.now(UTC)
    meant = _policy(policy, needed=not live_rules)
    day = today or date.today()  # noqa: DTZ011 - the clock of the machine that applies it
    asked, rules_hash, left_out = _live(meant, day, nft, quick=quick) if live_rules else _supposed(meant, day, nft, quick=quick)
    with Sandbox() as sandbox:
        proved = carry_out(asked, sandbox, on_progress)
    return Certificate(
        host=open_source("auto").host_name(),
        kernel=os.uname().release,
        taken_at=taken_at,
        took_s=round(time.monotonic() - began, 3),
        nft=run_program(nft, ("--version",)).out.decode(errors="replace").strip().removeprefix("nftables "),
        live=live_rules,
        policy=None if meant is None else meant.file,
        policy_hash=None if meant is None else sha256(meant.text.encode()).hexdigest(),
        rules_hash=rules_hash,
        tallies=proved.tallies,
        differences=proved.differences,
        more_differences=proved.more_differences,
        messages=proved.messages,
        message_differences=proved.message_differences,
        limited=proved.limited,
        untried=proved.untried,
        not_simulated=proved.not_simulated,
        left_out=(*left_out, *proved.left_out),
    )


def _policy(path: str | None, *, needed: bool) -> Policy | None:
    """The policy; None where none was named, none is there, and none is needed."""
    try:
        return load_policy(path)
    except BadInput as error:
        if needed or path is not None or error.code != "policy.no-file":
            raise
        return None


def policy_terrain() -> Terrain:
    """What rules depend on beside the policy, on this machine."""
    from portulan.system.linux.network import read_network

    return terrain_of(read_network())


def supposed(policy: Policy, day: date, nft: str, terrain: Terrain, *, quick: bool = False) -> Asked:
    """What is to be proved of a policy's own rules."""
    text = permanent(compile_policy(policy, day, terrain))
    from portulan.system.firewall.bench import DOOR, INNER, wires
    from portulan.system.firewall.recorder import SOURCE_PORT
    from portulan.verbs.proving import Asked

    expected = Expectation(policy, day, terrain.uplinks, inner=INNER, door=DOOR, source_port=SOURCE_PORT)
    links = link_names(policy, terrain.uplinks)
    return Asked(
        policy,
        expected.words,
        wires(links),
        lambda bench, _: bench.load(text),
        nft,
        burst=burst_of(policy),
        pick=0 if quick else None,
        message=expected.message,
    )


def _supposed(policy: Policy | None, day: date, nft: str, *, quick: bool) -> tuple[Asked, str, tuple[str, ...]]:
    assert policy is not None
    terrain = policy_terrain()
    return supposed(policy, day, nft, terrain, quick=quick), compile_policy(policy, day, terrain).hash, ()


def burst_of(policy: Policy) -> int:
    """So many new connections every rate lets through at once."""
    lines: tuple[Line | Crossing, ...] = (*policy.doors, *(policy.outgoing or ()), *policy.crossings)
    return min((line.limit.burst for line in lines if line.limit is not None), default=1)


def _live(policy: Policy | None, day: date, nft: str, *, quick: bool) -> tuple[Asked, str, tuple[str, ...]]:
    """What is to be proved of a copy of this machine's rules."""
    from portulan.guard.reach import simulate
    from portulan.system.firewall.bench import DOOR, INNER, Bench
    from portulan.system.firewall.copied import copy_rules, load_copy
    from portulan.system.firewall.likeness import liken, settle
    from portulan.system.firewall.read import read_ruleset
    from portulan.system.firewall.recorder import SOURCE_PORT
    from portulan.system.linux.network import read_network
    from portulan.system.sandbox import Host
    from portulan.verbs.proving import Asked

    ruleset, network = read_ruleset(), read_network()
    if not ruleset.tables:
        raise CannotTell("proof.no-rules")
    copy = copy_rules(nft, ruleset)
    like = liken(network, ipv6=os.path.exists("/proc/self/net/if_inet6"))
    if not like.wired:
        raise CannotTell("proof.no-links")
    groups, more = simulate(ruleset, network).matrix(_MOST_GROUPS)
    classes = {group.accepted: group.links for group in groups if group.accepted} | {
        group.perhaps: group.links for group in groups if group.perhaps
    }
    senders = tuple(Source(f"{UNNAMED}{number}", (Part(sources, links),)) for number, (sources, links) in enumerate(classes.items(), 1))
    ports = {
        port
        for group in groups
        for _, spans in group.ports
        for first, last in spans
        for port in (first - 1, first, last, last + 1)
        if 0 <= port <= 65_535
    }

    def load(_: Bench, host: Host) -> None:
        settle(network, host)
        load_copy(copy, host)

    uplinks = terrain_of(network).uplinks
    expected = None if policy is None else Expectation(policy, day, uplinks, inner=INNER, door=DOOR, source_port=SOURCE_PORT)
    left_out = [code for code, found in (("addresses", like.bare), ("links", like.more), ("senders", bool(more))) if found]
    asked = Asked(
        policy, None if expected is None else expected.words, like.wired, load, nft, senders, burst=1 if policy is None else burst_of(policy), publish=False,
        pick=0 if quick else None, telling=tuple(sorted(ports)), message=None if expected is None else expected.message,
        roads=(Road.INPUT, Road.LOCAL, *((Road.FORWARD, Road.OUTPUT) if policy is not None else ())),
    )  # fmt: skip
    return asked, sha256(copy.text.encode()).hexdigest(), tuple(left_out)
