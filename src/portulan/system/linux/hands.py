"""What ends processes on Linux: pidfds, and the commands of units and containers."""

from __future__ import annotations

from portulan.system.linux.grip import Grip
from portulan.system.linux.occupied import occupants
from portulan.system.linux.standing import read_me

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from portulan.model.stop import Me
    from portulan.model.survey import Row, Selection

_LAST_WORDS = 500
"""Characters kept of what a failed command said."""


class LinuxHands:
    """Ends what it is told to, and nothing else."""

    def me(self) -> Me:
        """Who asks."""
        return read_me()

    def grip(self) -> Grip:
        """A grip on processes, empty yet."""
        return Grip()

    def occupants(self, netns: int | None, selection: Selection) -> AbstractContextManager[Callable[[], list[Row]]]:
        """A question to the kernel: what sockets are there."""
        return occupants(netns, selection)

    def run(self, command: str) -> tuple[int, str]:
        """Run a command as a shell would; (exit status, the end of what it said)."""
        import subprocess

        done = subprocess.run(
            ["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return done.returncode, done.stdout.decode("utf-8", "backslashreplace").strip()[-_LAST_WORDS:]
