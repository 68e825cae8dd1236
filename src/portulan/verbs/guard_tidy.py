"""The tidier of docs/guard-life.md: a process of its own that waits until a trial must be over and then leaves the old rules alone in the table.

It cannot end a trial that goes on: its transaction fails as long as the kernel holds it.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from portulan.errors import PortulanError
from portulan.model.guard_life import Phase
from portulan.system.firewall.load import load_script
from portulan.system.firewall.warm import REMOVAL
from portulan.verbs.guard_trial import IS_OVER, Life, back

_A_LITTLE_S = 0.2
_LONGEST_S = 3600.0


def tidy(root: str, token: str, seconds: float) -> bool:
    """Wait for the end of the trial that is noted under a token, and tidy up. Returns whether there was something to do."""
    life = Life(root)
    wait_s = seconds
    while True:
        time.sleep(min(wait_s, _LONGEST_S) + _A_LITTLE_S)
        with life.locked():
            phase, running, notes = life.look()
            if notes.trial is None or notes.trial.token != token:
                return False
            if phase is Phase.OVER:
                load_script(IS_OVER + back(life.rules(running.over)) + REMOVAL)
                notes = notes._replace(trial=None)
                life.write(notes)
                life.tidy(notes, running._replace(hash=running.over, over=None))
                return True
            if phase is not Phase.TRIAL:
                return False
        wait_s = running.left_s or 0.0


def main() -> None:
    """Its whole life. Nobody hears it: what fails is left to the next command."""
    with suppress(PortulanError, OSError):
        tidy(sys.argv[1], sys.argv[2], float(sys.argv[3]))


if __name__ == "__main__":
    main()
