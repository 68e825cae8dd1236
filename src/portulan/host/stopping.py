"""How the holders of a port are ended: who is never ended, who goes first, and what is done when. Pure.

The order. A master goes before its workers: it ends them itself, and would otherwise start new ones. A worker is asked only when its master has
ended and it holds the port still. What a unit or a container runs is ended by the command of that, since whatever runs it would start it again.
Nobody is ended while one holder may not be: the port would be held all the same.
"""

from __future__ import annotations

from portulan.host.remedies import find_remedies, quote
from portulan.model.chart import Endpoint, Owner, Ownership, State
from portulan.model.port import Transport
from portulan.model.stop import Me, Refusal, Step, StepKind, Stop, Target, Verdict, When

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from portulan.model.who import Remedy, Who

SERVING = (State.LISTENING, State.BOUND)
_FIRST_PROCESS = 1
_SSH_SERVERS = ("sshd", "dropbear")


def plan_stop(
    who: Who,
    me: Me,
    *,
    wait_s: float,
    kill: bool = True,
    direct: bool = False,
    connections: bool = False,
    also_holds: Mapping[int, tuple[str, ...]] | None = None,
    elsewhere: tuple[str, ...] = (),
) -> Stop:
    """The plan for one port in one network namespace; its verdict is PLANNED when it can be carried out.

    `who.items` are all sockets on the port there, in every state, their owners with parents. `direct`: signals even where a unit or a container
    runs it. `connections`: also what only has a connection there. `also_holds`: pid -> the other ports that a process holds.
    """
    serving = tuple(item for item in who.items if item.state in SERVING)
    open_now = sum(item.state is State.ESTABLISHED for item in who.items)
    plan = Stop(who, Verdict.NOBODY, wait_s=wait_s, connections=open_now, elsewhere=elsewhere)
    if serving:
        plan = plan._replace(who=who._replace(items=serving))
    else:
        used = tuple(item for item in who.items if item.ownership is not Ownership.NONE)
        if not used:
            return plan._replace(verdict=Verdict.ELSEWHERE if elsewhere and not who.items else Verdict.NOBODY)
        plan = plan._replace(who=who._replace(items=used))
        if not connections:
            return plan._replace(verdict=Verdict.CONNECTIONS)
    items = plan.who.items
    remedies = find_remedies(items)
    plan = plan._replace(who=plan.who._replace(remedies=remedies))
    kernel = tuple(_kernel_refusals(items, remedies))
    if kernel:
        return plan._replace(verdict=Verdict.REFUSED, refusals=kernel)
    targets = order_targets(items, () if direct else commands_of(remedies, items, me), also_holds or {})
    refusals = tuple(_refusals(items, targets, me))
    plan = plan._replace(targets=targets, refusals=refusals, steps=plan_steps(targets, kill=kill))
    if refusals:
        return plan._replace(verdict=Verdict.REFUSED)
    return plan._replace(verdict=_unseen(items) or Verdict.PLANNED)


def in_the_way(plan: Stop, state: State, *, nobodys: bool) -> bool:
    """Whether a socket on the port is one that the plan wants closed: one that serves, or where none did any that is somebody's."""
    if any(item.state in SERVING for item in plan.who.items):
        return state in SERVING
    return not nobodys


def _unseen(items: Iterable[Endpoint]) -> Verdict | None:
    """What is to be said when somebody holds the port whom we do not see."""
    blind = {item.ownership for item in items if not item.owners}
    if Ownership.FORBIDDEN in blind or Ownership.UNKNOWN in blind:
        return Verdict.NOT_PERMITTED
    return Verdict.UNSEEN if blind else None


# Who, and in which order


def commands_of(remedies: Iterable[Remedy], items: Iterable[Endpoint], me: Me) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """(command, pids) of what units and containers run. Socket units first: while one lives, it starts its service again."""
    users = {owner.pid: owner for item in items for owner in item.owners or ()}
    found = []
    for remedy in remedies:
        if remedy.code not in ("unit", "user-unit", "container"):
            continue
        command = remedy.command
        owner = users[remedy.pids[0]]
        if remedy.code == "user-unit" and owner.unit and owner.user and owner.uid != me.uid:
            # Another user's own manager is reached through that user (systemctl(1), --machine).
            command = f"systemctl --user --machine={quote(owner.user)}@ stop {quote(owner.unit)}"
        found.append((command, remedy.pids))
    return tuple(sorted(found, key=lambda one: ".socket" not in one[0]))


def order_targets(
    items: Iterable[Endpoint], commands: Iterable[tuple[str, tuple[int, ...]]], also_holds: Mapping[int, tuple[str, ...]]
) -> tuple[Target, ...]:
    """Every holder once: those that commands end in the order of these, then masters, then what they started."""
    owners: dict[int, Owner] = {}
    for item in items:
        for owner in item.owners or ():
            owners.setdefault(owner.pid, owner)
    ended_by: dict[int, str] = {}
    rank: dict[str | None, int] = {}
    for at, (command, pids) in enumerate(commands):
        rank[command] = at
        for pid in pids:
            ended_by.setdefault(pid, command)
    rank[None] = len(rank)
    targets = [
        Target(owner, master=_master(owner, owners), command=ended_by.get(pid), also_holds=also_holds.get(pid, ()))
        for pid, owner in owners.items()
    ]
    return tuple(sorted(targets, key=lambda one: (rank[one.command], one.master is not None, one.owner.pid)))


def _master(owner: Owner, owners: Collection[int]) -> int | None:
    """The highest of the process's ancestors that holds the port. systemd is nobody's master here: what it starts, its units end."""
    above = [parent.pid for parent in owner.parents or () if parent.pid in owners and parent.pid != _FIRST_PROCESS]
    return above[-1] if above else None


def plan_steps(targets: Collection[Target], *, kill: bool) -> tuple[Step, ...]:
    """What would be done, step by step."""
    steps = []
    by_command: dict[str, tuple[int, ...]] = {}
    for target in targets:
        if target.command:
            by_command[target.command] = (*by_command.get(target.command, ()), target.owner.pid)
    steps += [Step(StepKind.COMMAND, command, pids, When.FIRST) for command, pids in by_command.items()]
    masters, others = (
        tuple(target.owner.pid for target in targets if not target.command and (target.master is None) is leads) for leads in (True, False)
    )
    if masters or others:
        steps.append(signal_step(StepKind.TERM, masters, When.FIRST))
        if others:
            steps.append(signal_step(StepKind.TERM, others, When.LEFT_OVER))
        if kill:
            steps.append(signal_step(StepKind.KILL, (*masters, *others), When.LATE))
    return tuple(steps)


def signal_step(kind: StepKind, pids: tuple[int, ...], when: When, status: int | None = None) -> Step:
    """One signal to some processes, and what does the same when typed."""
    return Step(kind, " ".join(["kill", *(["-KILL"] if kind is StepKind.KILL else []), *map(str, pids)]), pids, when, status)


def due(
    targets: Iterable[Target], *, alive: Collection[int], asked: Collection[int], killed: Collection[int], late: bool
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """What signals are due now: (masters to ask, left-over workers to ask, all to kill), each in order.

    `alive` are those that have not ended, `asked` those that were sent TERM, `killed` those that were sent KILL; `late`: the wait is over, and KILL is allowed.
    """
    masters, workers, last = [], [], []
    for target in targets:
        pid = target.owner.pid
        if target.command or pid not in alive:
            continue
        if late:
            if pid not in killed:
                last.append(pid)
        elif pid not in asked:
            if target.master is None:
                masters.append(pid)
            elif target.master not in alive:
                workers.append(pid)
    return tuple(masters), tuple(workers), tuple(last)


def strangers(plan: Stop, fresh: Stop, alive: Collection[int]) -> tuple[Target, ...]:
    """Who holds the port in a later look and neither was shown before nor was started by one of those shown that are `alive`.

    What a shown master has started since belongs to it.
    """
    shown = {(target.owner.pid, target.owner.started_at) for target in plan.targets}
    ours = {pid for pid, _ in shown if pid in alive}
    return tuple(
        target
        for target in fresh.targets
        if (target.owner.pid, target.owner.started_at) not in shown and not any(parent.pid in ours for parent in target.owner.parents or ())
    )


# Who is never ended


def _kernel_refusals(items: Iterable[Endpoint], remedies: Iterable[Remedy]) -> Iterable[Refusal]:
    commands = [remedy.command for remedy in remedies if remedy.code == "kernel"]
    whats = dict.fromkeys(item.held_by_kernel or "" for item in items if item.ownership is Ownership.KERNEL)
    for at, what in enumerate(whats):
        yield Refusal("stop.kernel", what, command=commands[at] if at < len(commands) else None)


def _refusals(items: Iterable[Endpoint], targets: Iterable[Target], me: Me) -> Iterable[Refusal]:
    """Everything that stands against ending these, each once."""
    through = {
        owner.pid
        for item in items
        if item.transport is Transport.TCP and item.port in me.ssh_ports
        for owner in item.owners or ()
    }  # fmt: skip
    said = set()
    for target in targets:
        refusal = _refusal(target, me, through)
        if refusal is not None and (refusal.code, refusal.subject) not in said:
            said.add((refusal.code, refusal.subject))
            yield refusal


def _refusal(target: Target, me: Me, through: Collection[int]) -> Refusal | None:
    owner = target.owner
    typed = target.command or f"kill {owner.pid}"
    if owner.pid in through or (owner.pid in me.ancestors and owner.name.startswith(_SSH_SERVERS)):
        return Refusal("stop.session", owner.name, owner.pid, typed)
    if owner.pid == _FIRST_PROCESS and (target.command is None or owner.container):
        return Refusal("stop.first-process", owner.name, owner.pid)
    if owner.pid == me.pid:
        return Refusal("stop.itself", owner.name, owner.pid)
    if owner.pid in me.ancestors and owner.pid != _FIRST_PROCESS:
        return Refusal("stop.ancestor", owner.name, owner.pid, typed)
    if target.command and ((owner.unit and owner.unit == me.unit) or (owner.container and owner.container == me.container)):
        return Refusal("stop.own-unit", owner.container or owner.unit or "", owner.pid, target.command)
    return None
