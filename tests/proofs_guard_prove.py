"""Policies drawn by lot, compiled, loaded and proved: real packets against the plain meaning of each policy and against the simulation of its rules."""

import json
import random
import sys
from collections import Counter
from datetime import date
from importlib import import_module
from pathlib import Path

from portulan.errors import BadInput

TODAY = date(2026, 6, 15)
TESTS = Path(__file__).resolve().parent
INSIDE = "import json, sys; sys.path.insert(0, sys.argv[1]); import proofs_guard_prove as here; print(json.dumps(getattr(here, sys.argv[2])(*map(json.loads, sys.argv[3:]))))"
MOST_TOLD = 5


def policies(seed):
    """One policy: every class of senders and every way through the host; one class of each interface sends to all ports."""
    found, figures = there("prove_drawn", seed)
    return found, Counter(figures)


def there(function, *arguments):
    """Call a function of this file where nft is: on a host of a sandbox whose private root has it, which has a default route."""
    from portulan.system.sandbox import Sandbox
    from portulan.system.sandbox.root import open_root
    from proofs import find_peers

    with Sandbox() as sandbox:
        host = sandbox.host("tester", root=find_peers() or open_root("no private root with peer programs"))
        host.patience_s = 900
        done = host.run([sys.executable, "-c", INSIDE, str(TESTS), function, *map(json.dumps, arguments)])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def call(module, function, *arguments):
    """A function of another file, there."""
    return getattr(import_module(module), function)(*arguments)


def drawn(seed):
    """(the text, the policy): what the reader refuses is drawn again."""
    from policy_samples import draw_policy
    from portulan.guard.policy.read import parse_policy
    from portulan.system.registry_file import open_packaged

    dice = random.Random(f"guard policies {seed}")
    while True:
        text, files = draw_policy(dice)
        try:
            return text, parse_policy(text, "portulan.toml", open_packaged(), files.__getitem__), dice
        except BadInput:
            continue


def prove_flawed(text, flaws):
    """For each flaw (a text in the rules, and what stands there instead) the ports that a proof finds to fare otherwise."""
    found = []
    for before, after in flaws:
        proved = prove_rules(text, before, after)
        ports = [(each.port, each.transport) for each in proved.differences]
        found.append([*ports, *((each.kind, "icmp") for each in proved.message_differences)])
    return found


def prove_tallies(text, whole):
    from portulan.model.guard_proof import tally_row

    return [tally_row(each)._asdict() for each in prove_rules(text, whole=whole).tallies]


def prove_rules(text, before="", after="", *, whole=False):
    from portulan.guard.policy.compile import compile_policy
    from portulan.guard.policy.compile_text import permanent
    from portulan.guard.policy.read import parse_policy
    from portulan.guard.proof.plan import NO_CLASS
    from portulan.model.guard_compiled import Terrain
    from portulan.system.firewall.nft import find_nft
    from portulan.system.registry_file import open_packaged
    from portulan.system.sandbox import Sandbox
    from portulan.verbs.guard_prove import supposed
    from portulan.verbs.proving import carry_out

    policy, terrain = parse_policy(text, "portulan.toml", open_packaged(), {}.__getitem__), Terrain(("eth0",))
    rules = permanent(compile_policy(policy, TODAY, terrain))
    assert before in rules
    asked = supposed(policy, TODAY, find_nft(), terrain)
    asked = asked._replace(
        pick=None if whole else NO_CLASS, load=lambda bench, _: bench.load(rules.replace(before, after) if before else rules)
    )
    with Sandbox() as sandbox:
        return carry_out(asked, sandbox)


def prove_drawn(seed, whole=True):
    from portulan.guard.proof.plan import NO_CLASS
    from portulan.model.guard_compiled import Terrain
    from portulan.model.guard_proof import difference_row, message_difference_row
    from portulan.system.firewall.nft import find_nft
    from portulan.system.sandbox import Sandbox
    from portulan.verbs.guard_prove import supposed
    from portulan.verbs.proving import carry_out

    text, policy, dice = drawn(seed)
    uplinks = dice.choice(((), ("eth0",), ("ppp0",), ("eth1", "wg0")))
    asked = supposed(policy, TODAY, find_nft(), Terrain(uplinks))._replace(pick=dice.randrange(1000) if whole else NO_CLASS)
    with Sandbox() as sandbox:
        proved = carry_out(asked, sandbox)
    figures = Counter({"policies": 1, "lines": len(policy.doors) + len(policy.outgoing or ()) + len(policy.crossings)})
    for tally in proved.tallies:
        figures["packets"] += tally.sent
        figures["came through"] += tally.through
        figures[f"packets, {tally.team.road}"] += tally.sent
        figures["IPv6 packets"] += tally.sent if tally.team.version == 6 else 0
        figures["classes and edges of senders"] += tally.transport == "tcp"
    figures["behind a rate, not tried again"] += proved.untried
    figures["ICMP messages"] += sum(each.sent for each in proved.messages)
    found = [repr(difference_row(each)) for each in proved.differences[:MOST_TOLD]]
    found += [repr(message_difference_row(each)) for each in proved.message_differences[:MOST_TOLD]]
    if found:
        found.append(f"{len(proved.differences) + proved.more_differences} differences, uplinks {uplinks}, with this policy:\n{text}")
    return found, figures
