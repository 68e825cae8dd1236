"""Ending whoever holds a port: who asks, who would be ended and in which order, what stands against it, and what came of it."""

from __future__ import annotations

from enum import StrEnum

from portulan.model.chart import Endpoint, Owner
from portulan.model.record import Record
from portulan.model.who import Who


class Me(Record):
    """Who asks: what of this machine must outlive the answer."""

    pid: int
    uid: int
    ancestors: tuple[int, ...] = ()
    """The parent, its parent, … up to the first process."""
    ssh_ports: tuple[int, ...] = ()
    """Local ports that this session's ssh connection came in by, as the processes above say (SSH_CONNECTION)."""
    unit: str | None = None
    """The systemd unit we run in."""
    container: str | None = None


class Verdict(StrEnum):
    """What came of it."""

    PLANNED = "planned"
    """Nothing stands against it, and nothing was done yet."""
    FREED = "freed"
    """Nobody listens on the port any more."""
    NOBODY = "nobody"
    """Nobody held it."""
    ELSEWHERE = "elsewhere"
    """Held in other network namespaces only."""
    CONNECTIONS = "connections"
    """Nobody serves it; a connection uses it."""
    REFUSED = "refused"
    """`refusals` say why."""
    NOT_PERMITTED = "not-permitted"
    UNSEEN = "unseen"
    """Held, but no process is seen to hold it."""
    NO_TERMINAL = "no-terminal"
    """There was nobody to ask."""
    DECLINED = "declined"
    """The answer was no."""
    CHANGED = "changed"
    """Other processes held the port when it was to be done than when it was asked."""
    FAILED = "failed"
    """A command did not do what it should."""
    STILL_HELD = "still-held"
    CAME_BACK = "came-back"
    """The holders ended, and somebody holds the port anew."""

    __hash__ = str.__hash__


class Outcome(StrEnum):
    """What became of one process."""

    ENDED = "ended"
    KILLED = "killed"
    """It ended when it was given no choice (SIGKILL)."""
    ALIVE = "alive"
    LET_GO = "let-go"
    """It does not hold the port any more; it was left alone, or is still ending its work."""

    __hash__ = str.__hash__


class Target(Record):
    """One process that holds the port."""

    owner: Owner
    master: int | None = None
    """The pid of the holder that started it, or started who did; None for one that no other holder started."""
    command: str | None = None
    """The command that ends it, of its unit or its container; None where it is sent signals."""
    also_holds: tuple[str, ...] = ()
    """What else ends with it: `443/tcp`."""
    outcome: Outcome | None = None


class Refusal(Record):
    """Why a holder is not ended: a code and what its sentence needs. `portulan.text.stop` makes the sentence."""

    code: str
    """`stop.first-process`, `stop.itself`, `stop.session`, `stop.ancestor`, `stop.own-unit`, `stop.kernel`."""
    subject: str
    """The process, unit or interface it is about."""
    pid: int | None = None
    command: str | None = None
    """The command for who wants it all the same, from where it can be done."""


class StepKind(StrEnum):
    """What a step does."""

    COMMAND = "command"
    TERM = "term"
    KILL = "kill"

    __hash__ = str.__hash__


class When(StrEnum):
    """What a step waits for."""

    FIRST = "first"
    LEFT_OVER = "left-over"
    """The process that started these has ended, and they hold the port still."""
    LATE = "late"
    """The wait is over, and the port is held still."""

    __hash__ = str.__hash__


class Step(Record):
    """One thing that is done, in this order; a step whose time does not come is left out."""

    kind: StepKind
    command: str
    """What does the same when typed."""
    pids: tuple[int, ...]
    when: When
    status: int | None = None
    """Exit status of a command that was run; 0 for signals that were sent; None for what was not done."""
    detail: str | None = None
    """What a command that failed said."""


class Stop(Record):
    """The plan, and later what came of it."""

    who: Who
    """The port and its endpoints in one network namespace: those to be freed, or what else sits on the port where nobody serves it."""
    verdict: Verdict
    targets: tuple[Target, ...] = ()
    """In the order in which they are ended."""
    refusals: tuple[Refusal, ...] = ()
    steps: tuple[Step, ...] = ()
    """Of a plan what would be done; afterwards what was done."""
    wait_s: float = 0.0
    connections: int = 0
    """Established connections on the port that the plan cuts, or may cut."""
    elsewhere: tuple[str, ...] = ()
    """Other network namespaces where the port is held."""
    left: tuple[Endpoint, ...] = ()
    """What sits on the port afterwards."""
    took_s: float | None = None
