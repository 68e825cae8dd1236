"""End whoever holds a port, politely, and wait until the kernel says that it is free."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from signal import SIGCONT, SIGKILL, SIGTERM

from portulan.errors import BadInput
from portulan.host.stopping import SERVING, due, in_the_way, plan_steps, plan_stop, signal_step, strangers
from portulan.model.chart import Ownership
from portulan.model.port import Port
from portulan.model.stop import Outcome, Refusal, Step, StepKind, Stop, Target, Verdict, When
from portulan.model.survey import Selection
from portulan.model.who import Who
from portulan.system.hands import open_hands
from portulan.system.source import open_source
from portulan.verbs.chart import check_places, look
from portulan.verbs.ports import resolve_ports
from portulan.verbs.who import service_name, with_parents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.model.chart import Endpoint
    from portulan.model.survey import Row
    from portulan.system.hands import Grip

WAIT_S = 10.0
_AFTER_KILL_S = 2.0
"""What the kernel takes to tidy up after a process that had no choice."""
_AFTER_COMMAND_S = 5.0
_ATTEMPTS = 3
"""Looks at holders that come and go, before those that stay are taken as they are."""
_SHORTEST_S, _LONGEST_S = 0.005, 0.1


def stop(
    port: str | int,
    *,
    netns: str | None = None,
    wait_s: float = WAIT_S,
    kill: bool = True,
    direct: bool = False,
    connections: bool = False,
    dry_run: bool = False,
    confirm: Callable[[Stop], bool] | None = None,
    told: Callable[[Step], None] | None = None,
    source: str = "auto",
) -> Stop:
    """End the holders of one port (`80`, `53/udp`, `ssh`) in one network namespace: our own, or `netns` by name or inode.

    The command of their unit or container if they have one (with `direct` not), else SIGTERM, to masters first, and after `wait_s` seconds SIGKILL (with
    `kill`). `connections`: also what only has a connection on the port. `confirm` is shown the plan and says whether it is done; without one
    it is. `told` hears of each step when it is done. `dry_run` gives the plan. Processes are held by pidfd: a number that was given to
    another process meanwhile is never hit.

    Raises BadInput for a word that means no single port, CannotTell and MachineFailed as `chart` does, and CannotTell where the system has no pidfd.
    """
    work = _Work(str(port), netns, source, {"wait_s": wait_s, "kill": kill, "direct": direct, "connections": connections})
    with work.hands.grip() as grip:
        plan = work.plan_and_hold(grip)
        if plan.verdict is not Verdict.PLANNED or dry_run:
            return plan
        if confirm is not None:
            if not confirm(plan):
                return plan._replace(verdict=Verdict.DECLINED)
            fresh = work.plan_and_hold(grip)  # a person has thought meanwhile
            if fresh.verdict is not Verdict.PLANNED:
                return fresh
            unknown = strangers(plan, fresh, grip.alive())
            if unknown:
                return fresh._replace(verdict=Verdict.CHANGED, targets=unknown)
            plan = fresh
        begin = time.monotonic()
        ending = _Ending(work, plan, grip, told or (lambda _: None))
        with work.hands.occupants(work.inode, work.selection) as ask:
            ending.carry_out(ask)
        return work.finish(plan._replace(targets=ending.targets, steps=tuple(ending.done)), time.monotonic() - begin, grip)


class _Work:
    """One question: what was asked, and how to look again."""

    def __init__(self, port: str, netns: str | None, source: str, how: dict[str, float | bool]) -> None:
        ports, transports = resolve_ports(port)
        if len(ports) != 1:
            raise BadInput("stop.one-port", text=port, ports=str(ports))
        self.asked = Port(next(iter(ports)), transports[0] if len(transports) == 1 else None)
        self.hands = open_hands(port)
        self.machine = open_source(source)
        self.netns = netns
        self.how = how
        self.me = self.hands.me()
        self.selection = Selection(ports=ports, transports=transports, every_state=True)
        self.inode: int | None = None
        """Of the namespace that is asked about; None for our own."""

    def look(self) -> tuple[Who, tuple[str, ...]]:
        """Everything on the port in the namespace that was asked for, and the names of others where it is held."""
        taken_at = datetime.now(UTC)
        items, survey = look(self.machine, self.selection)
        own: set[int | None] = {space.inode for space in survey.namespaces if space.own} or {None}
        if self.netns is None or self.netns == "this":
            here = own
        else:
            check_places([self.netns], survey)
            here = {space.inode for space in survey.namespaces if self.netns in (space.name, str(space.inode), f"net:[{space.inode}]")}
            self.inode = next(iter(here - own), None)
        elsewhere = dict.fromkeys(item.netns_name or "this" for item in items if item.netns not in here and item.state in SERVING)
        mine = tuple(with_parents(item, self.machine) for item in items if item.netns in here)
        found = Who(
            port=self.asked, host=self.machine.host_name(), taken_at=taken_at, service=service_name(self.asked, mine), items=mine,
            gaps=survey.gaps, source=survey.source, ephemeral=survey.ephemeral,
        )  # fmt: skip
        return found, tuple(elsewhere)

    def plan(self) -> Stop:
        """The plan as of now."""
        found, elsewhere = self.look()
        return plan_stop(found, self.me, also_holds=self.also_holds(found.items), elsewhere=elsewhere, **self.how)  # type: ignore[arg-type]

    def also_holds(self, items: tuple[Endpoint, ...]) -> dict[int, tuple[str, ...]]:
        """What else the holders serve: pid -> ports."""
        pids = {owner.pid for item in items for owner in item.owners or ()}
        if not pids:
            return {}
        found: dict[int, dict[str, None]] = {}
        known = {(item.netns, item.transport, item.port) for item in items}
        for item in look(self.machine, Selection())[0]:
            if (item.netns, item.transport, item.port) not in known:
                for owner in item.owners or ():
                    if owner.pid in pids:
                        found.setdefault(owner.pid, {})[f"{item.port}/{item.transport.value}"] = None
        return {pid: tuple(ports) for pid, ports in found.items()}

    def plan_and_hold(self, grip: Grip) -> Stop:
        """The plan, with a grip on every process in it, and what of it is not permitted."""
        for _ in range(_ATTEMPTS):
            plan = self.plan()
            if plan.verdict is not Verdict.PLANNED:
                return plan
            held = tuple(target for target in plan.targets if target.command or _take(grip, plan, target))
            if len(held) == len(plan.targets):
                break
        else:
            plan = plan._replace(targets=held, steps=plan_steps(held, kill=bool(self.how["kill"])))
        for target in plan.targets:
            if target.command and target.owner.pid != 1:
                _take(grip, plan, target)  # only to see it end
        closed = tuple(
            Refusal("stop.not-permitted", target.owner.name, target.owner.pid)
            for target in plan.targets
            if not target.command and not grip.may_signal(target.owner.pid)
        )
        return plan._replace(verdict=Verdict.NOT_PERMITTED, refusals=closed) if closed else plan

    def finish(self, plan: Stop, took_s: float, grip: Grip) -> Stop:
        """What came of it, by a last look; the plan's steps are those that were done."""
        found, elsewhere = self.look()
        alive = grip.alive()
        killed = {pid for step in plan.steps if step.kind is StepKind.KILL for pid in step.pids}
        serving = [item for item in found.items if in_the_way(plan, item.state, nobodys=item.ownership is Ownership.NONE)]
        holding = {owner.pid for item in serving for owner in item.owners or ()}
        targets = tuple(target._replace(outcome=_outcome(target.owner.pid, grip.taken - alive, holding, killed)) for target in plan.targets)
        if not serving:
            verdict = Verdict.FREED
        elif any(step.status for step in plan.steps):
            verdict = Verdict.FAILED
        elif _same_sockets(serving, plan) or any(pid in alive for pid in holding):
            verdict = Verdict.STILL_HELD
        else:
            verdict = Verdict.CAME_BACK
        return plan._replace(verdict=verdict, targets=targets, left=found.items, took_s=round(took_s, 3), elsewhere=elsewhere)


class _Ending:
    """A plan being carried out. It ends when the port is free, when nothing more can be done, or when all time is over."""

    def __init__(self, work: _Work, plan: Stop, grip: Grip, told: Callable[[Step], None]) -> None:
        self.work = work
        self.plan = plan
        self.grip = grip
        self.told = told
        self.done: list[Step] = []
        self.targets = plan.targets
        self.asked: set[int] = set()
        self.killed: set[int] = set()
        self.signals = any(not target.command for target in plan.targets)
        self.kills = bool(work.how["kill"]) and self.signals

    def carry_out(self, ask: Callable[[], list[Row]]) -> None:
        """Commands first, then signals; `ask` tells the sockets on the port."""
        if not self.run_commands():
            return
        begin = time.monotonic()
        allowed_s = max(self.plan.wait_s if self.signals else 0.0, _AFTER_COMMAND_S if self.done else 0.0)
        patience_s = _LONGEST_S if self.signals else _AFTER_COMMAND_S
        pause_s, deserted_s = _SHORTEST_S, None
        while any(in_the_way(self.plan, row.state, nobodys=not row.inode) for row in ask()):
            elapsed_s = time.monotonic() - begin
            self.signal_due(late=self.kills and bool(self.asked) and elapsed_s >= self.plan.wait_s)
            if elapsed_s > allowed_s + (_AFTER_KILL_S if self.kills else 0.0):
                return
            if not self.grip.alive():  # all have ended, and somebody listens all the same
                deserted_s = elapsed_s if deserted_s is None else deserted_s
                if elapsed_s - deserted_s > patience_s:
                    return
            self.grip.wait(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_S)

    def run_commands(self) -> bool:
        """What units and containers are ended by; False when one failed."""
        for step in self.plan.steps:
            if step.kind is StepKind.COMMAND:
                self.told(step)
                status, detail = self.work.hands.run(step.command)
                self.done.append(step._replace(status=status, detail=detail if status else None))
                if status:
                    return False
        return True

    def signal_due(self, *, late: bool) -> None:
        """Send what is due now."""
        alive = self.grip.alive()
        if late and not self.killed:
            self.targets = (*self.targets, *_newborn(self.work, self.plan, self.grip, alive))
            alive = self.grip.alive()
        masters, workers, last = due(self.targets, alive=alive, asked=self.asked, killed=self.killed, late=late)
        self.send(StepKind.TERM, masters, When.FIRST)
        self.send(StepKind.TERM, workers, When.LEFT_OVER)
        self.send(StepKind.KILL, last, When.LATE)

    def send(self, kind: StepKind, pids: tuple[int, ...], when: When) -> None:
        """One signal to some processes."""
        if not pids:
            return
        for pid in pids:
            self.grip.signal(pid, SIGKILL if kind is StepKind.KILL else SIGTERM)
            if kind is StepKind.TERM:
                self.grip.signal(pid, SIGCONT)  # one that was stopped takes the other signal only now
        (self.killed if kind is StepKind.KILL else self.asked).update(pids)
        step = signal_step(kind, pids, when, 0)
        self.done.append(step)
        self.told(step)


def _newborn(work: _Work, plan: Stop, grip: Grip, alive: frozenset[int]) -> tuple[Target, ...]:
    """Workers that a master has started since: they would keep the port."""
    fresh = work.plan()
    known = {target.owner.pid for target in plan.targets}
    unknown = {target.owner.pid for target in strangers(plan, fresh, alive)}
    return tuple(
        target
        for target in fresh.targets
        if target.owner.pid not in known and target.owner.pid not in unknown and not target.command and _take(grip, fresh, target)
    )


def _take(grip: Grip, plan: Stop, target: Target) -> bool:
    """Hold on to one process of the plan, by a socket of the port that it holds."""
    sockets, descriptors = set(), set()
    for item in plan.who.items:
        for owner in item.owners or ():
            if owner.pid == target.owner.pid:
                sockets |= {socket.inode for socket in item.sockets}
                if owner.fd is not None:
                    descriptors.add(owner.fd)
    return grip.take(target.owner, sockets, descriptors)


def _outcome(pid: int, ended: frozenset[int], holding: set[int], killed: set[int]) -> Outcome:
    """Of one that we had no grip on only its hold of the port is known."""
    if pid in ended:
        return Outcome.KILLED if pid in killed else Outcome.ENDED
    return Outcome.ALIVE if pid in holding else Outcome.LET_GO


def _same_sockets(serving: list[Endpoint], plan: Stop) -> bool:
    """Whether one of the sockets that were to be closed is open still: whoever has it had it before, or was given it."""
    cookies = {socket.cookie for item in plan.who.items for socket in item.sockets}
    return any(socket.cookie in cookies for item in serving for socket in item.sockets)
