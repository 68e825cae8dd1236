"""Put a policy on trial: in force at once, and gone by itself unless somebody who came in afterwards confirms it."""

from __future__ import annotations

from datetime import datetime

from portulan.errors import BadInput, Refused
from portulan.guard.policy.compile import compile_policy, compiled_rules, terrain_of
from portulan.model.guard_life import Applied
from portulan.system.firewall.nft import find_nft
from portulan.system.firewall.warm import SEEN_S
from portulan.system.linux.network import read_network
from portulan.verbs.guard_policy import load_policy, loose_files
from portulan.verbs.guard_trial import SECONDS, Life
from portulan.verbs.guard_ways_in import find_shut, read_others, through_tunnel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.guard_check import Loose

SHORTEST_S, LONGEST_S = 5, 3600
TOLD_TWICE = 2


def guard_apply(
    policy: str | None = None, *, seconds: int = SECONDS, shut_me_out: int = 0, trust_file: bool = False, root: str = "", warm_s: float = SEEN_S
) -> Applied:  # fmt: skip
    """Put the policy of a file (`guard_policy.find_policy`) on trial for so many seconds, in this thread's network namespace; `guard_confirm` makes it last.

    Refused, with nothing changed, where it would shut out the ssh login we are in or the last way in, unless told twice (`shut_me_out`). `trust_file`: though we are
    root, and others may change the file. `root`: below which
    our files lie; empty: this machine's. `warm_s`: how long flows are given to be seen where connections were not tracked before.

    Raises BadInput (the policy, the seconds), Refused (others may change the file, a trial runs, a table that we do not know, rules that this kernel cannot load), CannotTell (no nft),
    NotPermitted, MachineFailed. In each case the old rules are in force.
    """
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise BadInput("guard.seconds", text=seconds, least=SHORTEST_S, most=LONGEST_S)
    wanted = load_policy(policy)
    if not trust_file and (loose := loose_files(wanted)):
        raise _refusal(loose[0])
    find_nft()
    network, today = read_network(), datetime.now().astimezone().date()
    terrain = terrain_of(network)
    new = compile_policy(wanted, today, terrain)
    shut = find_shut(compiled_rules(wanted, today, terrain), network)
    concerns = (*read_others(), *through_tunnel(network))
    if shut and shut_me_out < TOLD_TWICE:
        return Applied("refused", new.hash, shut=shut, concerns=concerns)
    life = Life(root)
    with life.locked():
        applied = life.begin(new, seconds, warm_s=warm_s)
    return applied._replace(shut=shut, concerns=concerns)


def _refusal(loose: Loose) -> Refused:
    """Of a file, or a folder above it, that others may change."""
    if loose.why == "owner":
        return Refused("guard.file-owner", path=loose.path, who=loose.who)
    if loose.why == "group":
        return Refused("guard.file-group", path=loose.path, who=loose.who)
    return Refused("guard.file-others", path=loose.path)
