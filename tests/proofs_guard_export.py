"""Exports of policies drawn by lot: taken by the programs they are for, read back from the kernel, and proved by the same packets as the policy itself."""

from collections import Counter

from firewalls import run_all, start_firewalld
from portulan.errors import BadInput
from portulan.model.guard_export import Target
from portulan.model.guard_proof import Road, difference_row, message_difference_row
from proofs_guard_prove import TODAY, drawn, there

MOST_TOLD = 5
MOST_UFW = 40
"""Commands: each takes ufw a third of a second, and twice that with its --dry-run."""
ROADS = {
    Target.IPTABLES: tuple(Road),
    Target.UFW: (Road.INPUT, Road.LOCAL, Road.OUTPUT),
    Target.FIREWALLD: (Road.INPUT, Road.LOCAL),
}
"""What each target judges; ports of containers are judged by none but iptables."""


def iptables(seed):
    return to("iptables", seed)


def ufw(seed):
    return to("ufw", seed)


def firewalld(seed):
    return to("firewalld", seed)


def to(target, seed, whole=True):
    """One policy, without the lines that the target has no words for."""
    found, figures = there("call", "proofs_guard_export", "prove_exported", target, seed, whole)
    return found, Counter(figures)


def expressible(target, policy):
    """(the policy without what the target cannot say, how many lines that left out)"""
    from portulan.verbs.guard_export import exported

    left_out = 0
    while True:
        try:
            export = exported(target, policy, TODAY, uplinks=("eth0",))
        except BadInput as error:
            left_out += 1
            if "line" not in error.facts:
                policy = policy._replace(ping=())
                continue
            gone = error.facts["line"]
            if policy.ping_out_spot is not None and gone == policy.ping_out_spot.line:
                policy = policy._replace(ping_out=(), ping_out_spot=None)
            policy = policy._replace(
                doors=tuple(line for line in policy.doors if line.spot.line != gone),
                crossings=tuple(line for line in policy.crossings if line.spot.line != gone),
                outgoing=None if policy.outgoing is None else tuple(line for line in policy.outgoing if line.spot.line != gone) or None,
            )
        else:
            if target is Target.UFW and export.text.count("\n") > MOST_UFW:
                policy = policy._replace(doors=policy.doors[: len(policy.doors) // 2], outgoing=None, crossings=())
                continue
            return policy, left_out


def prove_exported(target, seed, whole):
    from portulan.guard.proof.plan import NO_CLASS
    from portulan.model.guard_compiled import Terrain
    from portulan.system.firewall.nft import find_nft
    from portulan.system.sandbox import Sandbox
    from portulan.verbs.guard_prove import supposed
    from portulan.verbs.proving import carry_out

    target = Target(target)
    text, policy, dice = drawn(f"export {seed}")
    policy, left_out = expressible(target, policy)
    asked = supposed(policy, TODAY, find_nft(), Terrain(("eth0",)))
    roads = (*ROADS[target], Road.FORWARD) if target is Target.UFW and policy.zones else ROADS[target]
    asked = asked._replace(load=LOADERS[target](policy), pick=dice.randrange(1000) if whole else NO_CLASS, roads=roads)
    with Sandbox() as sandbox:
        proved = carry_out(asked, sandbox)
    figures = Counter(
        {"policies": 1, "lines": len(policy.doors) + len(policy.outgoing or ()) + len(policy.crossings), "lines left out": left_out}
    )
    for tally in proved.tallies:
        figures["packets"] += tally.sent
        figures["came through"] += tally.through
    figures["behind a rate, not tried again"] += proved.untried
    found = [repr(difference_row(each)) for each in proved.differences[:MOST_TOLD]]
    if target is Target.IPTABLES:  # the others keep to lists of their own
        found += [repr(message_difference_row(each)) for each in proved.message_differences[:MOST_TOLD]]
        figures["ICMP messages"] += sum(each.sent for each in proved.messages)
    if found:
        found.append(f"{len(proved.differences) + proved.more_differences} differences, as {target}, with this policy:\n{text}")
    return found, figures


def text_of(target, policy, version=4):
    from portulan.verbs.guard_export import exported

    return exported(target, policy, TODAY, version=version, uplinks=("eth0",)).text


def by_iptables(policy):
    def forget(host):
        """hashlimit remembers senders as long as a rule names its table."""
        for program, version in (("iptables-restore", 4), ("ip6tables-restore", 6)):
            for text in ("*filter\nCOMMIT\n", text_of(Target.IPTABLES, policy, version)):
                assert host.run([program], text=text).returncode == 0

    def load(bench, host):
        if any(line.limit is not None for line in (*policy.doors, *(policy.outgoing or ()), *policy.crossings)):
            bench.forget = lambda: forget(host)
        for program, version in (("iptables-restore", 4), ("ip6tables-restore", 6)):
            for words in ([program, "--test"], [program]):
                done = host.run(words, text=text_of(Target.IPTABLES, policy, version))
                assert done.returncode == 0, done.stderr + text_of(Target.IPTABLES, policy, version)
            saved = host.run([program.replace("restore", "save")]).stdout
            again = host.run([program], text=saved)  # what it says of itself it takes again
            assert again.returncode == 0, again.stderr

    return load


def by_ufw(policy):
    def load(_, host):
        text = text_of(Target.UFW, policy)
        for line in text.splitlines():
            if line.startswith("ufw ") and "--force" not in line:
                done = host.run(["sh", "-c", line.replace("ufw ", "ufw --dry-run ", 1)])
                assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        done = host.run(["sh"], text=text)
        assert done.returncode == 0, done.stdout + done.stderr + text

    return load


def by_firewalld(policy):
    def load(_, host):
        text = text_of(Target.FIREWALLD, policy)
        done = host.run(["sh", "-c", "mkdir -p /etc/firewalld/zones && cat > /etc/firewalld/zones/portulan.xml"], text=text)
        assert done.returncode == 0, done.stderr
        run_all(host, "sed -i s/^DefaultZone=.*/DefaultZone=portulan/ /etc/firewalld/firewalld.conf\nfirewall-offline-cmd --check-config")
        # Who is routed elsewhere than where he comes from is refused beforehand unless this is off; the proof has him come everywhere.
        run_all(host, "sed -i s/^IPv6_rpfilter=.*/IPv6_rpfilter=no/ /etc/firewalld/firewalld.conf")
        start_firewalld(host, "nftables")

    return load


LOADERS = {Target.IPTABLES: by_iptables, Target.UFW: by_ufw, Target.FIREWALLD: by_firewalld}
