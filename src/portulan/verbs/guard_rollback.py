"""Back to rules that were in force before, or to none of ours."""

from __future__ import annotations

from portulan.errors import BadInput, MachineFailed, Refused
from portulan.guard.life import choose_past
from portulan.guard.policy.compile_text import permanent
from portulan.model.guard_life import Applied, Concern, Phase, RolledBack
from portulan.system.firewall.scratch import rules_of
from portulan.system.firewall.warm import SEEN_S
from portulan.system.linux.network import read_network
from portulan.verbs.guard_apply import LONGEST_S, SHORTEST_S, TOLD_TWICE
from portulan.verbs.guard_trial import SECONDS, Life
from portulan.verbs.guard_ways_in import find_shut


def guard_rollback(
    number: int | None = None, *, seconds: int = SECONDS, shut_me_out: int = 0, root: str = "", warm_s: float = SEEN_S
) -> RolledBack | Applied:
    """End a trial at once; without one (or with a `number` of the history), put earlier rules on trial, as `guard_apply` does.

    Raises Refused (nothing to go back to), CannotTell, NotPermitted, MachineFailed.
    """
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise BadInput("guard.seconds", text=seconds, least=SHORTEST_S, most=LONGEST_S)
    life = Life(root)
    with life.locked():
        phase, running, notes = life.make_up()
        if phase is Phase.STRANGE:
            raise Refused("guard.strange-table")
        if phase is Phase.TRIAL and number is not None:
            raise Refused("guard.trial-running", seconds=round(running.left_s or 0))
        if phase is Phase.TRIAL or (phase is Phase.OVER and number is None):
            life.end(running)
            notes = notes._replace(trial=None)
            life.write(notes)
            life.tidy(notes, running._replace(hash=running.over, over=None))
            return RolledBack("back", running.over)
        past = choose_past(notes, running.effective, number)
        rules = life.rules(past.hash)
        assert rules is not None
        shut = find_shut(rules_of(permanent(rules)), read_network())
        if shut and shut_me_out < TOLD_TWICE:
            return Applied("refused", past.hash, shut=shut)
        return life.begin(rules, seconds, warm_s=warm_s)._replace(shut=shut, number=past.number)


def guard_off(*, root: str = "") -> RolledBack:
    """No rules of ours, at once and after the next boot. Raises CannotTell, NotPermitted, MachineFailed."""
    life = Life(root)
    with life.locked():
        _, running, notes = life.look()
        life.off()
        concerns = []
        try:
            life.write(notes._replace(confirmed=None, trial=None))
            life.store.write_boot(None)
        except MachineFailed as error:
            concerns.append(Concern("guard.not-written", str(error.facts["subject"]), str(error.facts["reason"])))
    return RolledBack("off" if running.present else "nothing", None, tuple(concerns))
