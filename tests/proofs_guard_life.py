"""Proofs of `guard apply`, `confirm` and `rollback`: killed at any moment, nobody is locked out, and the old rules come back by themselves."""

import random
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from guard_life_lab import MANAGEMENT, OPEN, Lab
from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.root import open_root

PEERS = Path(__file__).resolve().parent.parent / ".cache/roots/peers"
KILLS = 10
TRIAL_S = 5
LATE_S = 0.2
LONGEST_S = 1.7


def kills(seed, count=KILLS):
    """Commands drawn by lot, each with its processes killed at a moment drawn by lot; a new connection after each. Returns (differences, figures)."""
    dice = random.Random(f"guard kills {seed}")
    found, figures = [], Counter()
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox, Lab(sandbox, open_root(PEERS), folder) as lab:
        names = lab.names()
        for number in range(count):
            action, words = _draw(dice, lab)
            case = f"{' '.join(map(str, words))}, number {number} of seed {seed}"
            before = lab.running(names)
            allowed = {before, lab.over(names)}
            if action == "apply":
                allowed.add(words[2].removesuffix(".toml"))
            elif action == "rollback" and lab.left_s() is None:
                allowed |= {"a", "b"}  # earlier rules, on trial
            process = lab.host.start(lab.command(*words), folder=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.uniform(0, LONGEST_S))
            figures["killed while it worked" if process.poll() is None else "killed when it had ended"] += 1
            victims = _victims(dice, lab, process)
            lab.kill(victims)
            process.wait()
            # The very next thing is a new connection.
            if not lab.knock(MANAGEMENT, family=dice.choice((4, 6)), timeout_s=2.0):
                found.append(f"locked out: {case}")
            now = lab.in_force(dice.choice((4, 6)))
            if now not in allowed:
                told = f"{sorted(now)} are open" if isinstance(now, frozenset) else f"{now} is in force"
                found.append(f"{told}, allowed were {sorted(map(str, allowed))}: {case}")
            figures[action] += 1
            figures["processes killed"] += len(victims)
            found += [f"{each}: {case}" for each in _reverts(dice, lab, figures, names)]
        found += [f"{each}, seed {seed}" for each in _tidies(lab)]
    return found, figures


def _draw(dice, lab):
    action = dice.choice(("apply", "apply", "apply", "confirm", "rollback"))
    if action != "apply" and lab.left_s() is None and dice.random() < 0.8:
        action = "apply"  # the others have little to do without a trial
    if action == "apply":
        return action, ("apply", *lab.policy(dice.choice("ab")), "--seconds", TRIAL_S)
    return action, ("confirm", "--vouch") if action == "confirm" else ("rollback", "--seconds", TRIAL_S)


def _victims(dice, lab, process):
    """All that runs there, or only one kind: we, nft, the tidier."""
    running = lab.processes()
    kind = dice.choice(("all", "all", "all", "ours", "nft", "tidier"))
    if kind == "all":
        return list(running)
    wanted = {"nft": "nft ", "tidier": "guard_tidy"}.get(kind)
    if wanted is None:
        return [process.pid]
    return [*(pid for pid, line in running.items() if wanted in line), *([process.pid] if dice.random() < 0.5 else [])]


def _reverts(dice, lab, figures, names):
    """Where a trial goes on and lot has it so, nobody touches anything until it ends by itself: no later than the kernel's timer and a fifth of a second."""
    if lab.left_s() is None or dice.random() < 0.6:
        return []
    lab.kill(lab.processes())  # no process of ours is alive: the kernel alone goes back
    tried, old = lab.running(names), lab.over(names)
    asked, left_s = time.monotonic(), lab.left_s()
    if left_s is None or tried == old:
        return []
    figures["trials that ended by themselves"] += 1
    probe = next(iter(OPEN[tried] ^ OPEN[old]))
    while (passed := time.monotonic() - asked) < left_s + 2:
        if lab.knock(probe) is (probe in OPEN[old]):
            break
        time.sleep(0.01)
    found = []
    if not -LATE_S <= passed - left_s <= LATE_S:
        found.append(f"the trial ended {passed - left_s:+.3f} s from its time")
    if lab.in_force() != old or lab.left_s() is not None:
        found.append(f"it did not go back to {old}")
    return found


def _tidies(lab):
    """Whatever was left behind, one command makes an end of it, and nothing of ours runs on."""
    lab.kill(lab.processes())
    done = lab.guard("rollback", "--off")
    if done.returncode:
        return [f"rollback --off says {done.stderr.strip()}"]
    found = [] if lab.in_force() is None else ["not everything is open after --off"]
    rules = lab.nft("list", "ruleset").stdout
    return found + ([f"left behind: {rules[:200]}"] if "portulan" in rules else [])
