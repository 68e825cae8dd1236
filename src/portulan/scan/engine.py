"""The engine of a scan: which pairs to ask next, when to wait, when to stop. Pure: clock and dice come in, probes and answers go through whoever drives it.

Round after round, what has not answered is asked again, each time from another source port: asked twice from the same one, a target whose SYN-ACK was lost
answers with a reset, and an open port reads as closed. A block ends when the expected number of open ports missed is below the goal (`scan.estimate`).
"""

from __future__ import annotations

from enum import Enum

import numpy as np

from portulan.model.scan import Answers, Basis, Certainty, Decided, Doubt, Loss, Verdict
from portulan.scan.asking import Ask, Counts, Rest, select
from portulan.scan.block import MOST_ROWS, Block
from portulan.scan.controls import Controls
from portulan.scan.dice import Dice
from portulan.scan.estimate import Tally, missed_at_most
from portulan.scan.evidence import missed_of
from portulan.scan.icmp_pace import IcmpPace
from portulan.scan.judge import final_states
from portulan.scan.merge import WEAKNESS
from portulan.scan.order import Permutation
from portulan.scan.pace import Pace, RoundTrip
from portulan.scan.standing import Answered, Standing, as_one, in_order, recall_pace
from portulan.scan.stopping import Evidence, GoOn, Stop, decide

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.scan.order import Key
    from portulan.scan.space import Space
    from portulan.scan.stopping import Rules

    Rows = NDArray[np.int64]

_CONTROL_GOAL = 160
"""Questions to known responders before anything is said of loss."""
_ENOUGH_CONTROLS = 4_000
_BATCHES_AT_ONCE = 16
_LIMIT_SHOWS = 100
_LIMIT_GAP, _LIMIT_PLAIN, _MANY_MORE = 0.1, 0.55, 10
_PAUSE_S = 0.001
_LEAST_PORTION, _SUSPICION_ASKS = 8, 64


class _Phase(Enum):
    ROUND, CONTROLS, DRAIN, DONE = range(4)


class Engine:
    """One scan of one space by one prober."""

    def __init__(
        self, space: Space, key: Key, rules: Rules, *, tags: tuple[int, int], shard: tuple[int, int] = (0, 1), begin: int = 0
    ) -> None:
        """`tags`: how many for rounds and how many for controls. `begin`: the first place of the shard that is still to be asked."""
        self.space, self.rules, self.shard = space, rules, shard
        self.counts = Counts()
        self.left = 0
        """Pairs of which nothing is known, because the scan was abandoned."""
        self.trip = RoundTrip(rules.longest_wait_s)
        self.pace = Pace(self.trip, rules.most_rate, first=rules.first_rate, limits=rules.datagrams)
        self._key, self._order = key, Permutation(space.pairs, key)
        self._refusals = IcmpPace()
        self._dice = Dice(key)
        self._rounds, self._controls_count = tags
        self.pairs = -(-(space.pairs - shard[0]) // shard[1]) if space.pairs > shard[0] else 0
        """How many are this shard's."""
        self._place = begin
        self._before = {verdict: Tally() for verdict in (Verdict.OPEN, Verdict.CLOSED)}
        self._total = dict(self._before)
        self._second_began = self._round_began = 0.0
        self._patience_s = rules.patience_s
        self._stops: list[Stop] = []
        self._undecided = 0
        self._doubts: set[Doubt] = set()
        self._finished: Decided | None = None
        self._phase = _Phase.DONE
        self._asked_first = False
        self._batches = 0
        self._portion = _LEAST_PORTION
        self._held_since: int | None = None
        self._suspicion: list[int] | None = None
        self._suspicion_asks, self._suspicion_sent = 0, 0.0
        self._pending: tuple[Rows, int] | None = None
        self._now = 0.0
        self._next_block()

    # --- what to do next ---

    def next(self, now: float, room: int) -> Ask | Rest | None:
        """What to do: send, rest, or None when the scan is over. `finished` may hold a block after any call."""
        self._now, self._round_began = now, self._round_began or now
        while self._phase is not _Phase.DONE:
            if self._finished is not None:
                return Rest(now)
            self.pace.adapt(now)
            self._settle_doubt(now)
            step = {_Phase.ROUND: self._round_step, _Phase.CONTROLS: self._control_step, _Phase.DRAIN: self._drain_step}[self._phase](
                now, room
            )
            if step is not None:
                return step
        return None

    def finished(self) -> Decided | None:
        """The block that was decided last; it is handed over once, and the next begins."""
        done, self._finished = self._finished, None
        if done is not None:
            self._next_block()
        return done

    def abandon(self) -> Decided | None:
        """End now. Pairs of the current block that have answered are decided; returns them."""
        if self._phase is _Phase.DONE:
            return None
        self._phase = _Phase.DONE
        if self._finished is not None:
            return self._finished
        block = self._block
        known = np.flatnonzero(block.verdict != Verdict.NONE)
        states = final_states(self.space, block, datagrams=self.rules.datagrams, limited=self.pace.limited, undecided=True)
        self._doubts |= states.doubts | {Doubt.INTERRUPTED}
        for verdict in self._total:
            self._total[verdict] += self._mine(verdict)
        self.left = self.pairs - self._place - len(known)
        self.counts.done += len(known)
        return Decided(block.pairs[known], states.state[known], states.reason[known], block.ttl[known], block.rtt_s[known], block.by[known])

    @property
    def answered(self) -> int:
        """Pairs that are decided, or have answered."""
        return self.counts.done + (0 if self._phase is _Phase.DONE else int((self._block.verdict != Verdict.NONE).sum()))

    @property
    def asked(self) -> int:
        """Pairs that were asked at least once."""
        if self._phase is _Phase.DONE:
            return self.counts.done
        return self.counts.done + (self._block.size if self.round else self._cursor)

    def _round_step(self, now: float, room: int) -> Ask | Rest | None:
        while self._cursor < len(self._todo):
            if self._turn and room and (control := self._control(min(room, self._portion))) is not None:
                return control  # at once behind the others, so that controls meet the path as those do, queues included
            count, due = self.pace.allowance(now)
            if not count or not room:
                return Rest(due if not count else now + _PAUSE_S)
            rows = self._todo[self._cursor : self._cursor + min(count, room)]
            if self.round:  # a late answer may have come meanwhile
                silent = rows[self._block.verdict[rows] == Verdict.NONE]
                if not len(silent):
                    self._cursor += len(rows)
                    continue
                if len(silent) < len(rows):
                    self._todo[self._cursor : self._cursor + len(rows)] = np.concatenate(
                        (rows[self._block.verdict[rows] != Verdict.NONE], silent)
                    )
                    self._cursor += len(rows) - len(silent)
                    rows = silent
            return Ask(self._block.pairs[rows], self.round, rows)
        self._round_took_s = max(now - self._round_began, 1e-3)
        self._phase = _Phase.CONTROLS
        return None

    def _plan_controls(self) -> int:
        """How many batches of controls are wanted now: enough questions to each class that answers."""
        plan = 0
        for verdict in (Verdict.OPEN, Verdict.CLOSED):
            known = int((self._block.verdict == verdict).sum())
            if known and self._tally(verdict).asked < _ENOUGH_CONTROLS:
                plan = max(plan, min(_BATCHES_AT_ONCE, -(-_CONTROL_GOAL // min(known, _CONTROL_GOAL))))
        return plan

    def _control_step(self, now: float, room: int) -> Ask | Rest | None:
        while self._pending is not None or self._batches:
            count, due = self.pace.allowance(now)
            if not count or not room:
                return Rest(due if not count else now + _PAUSE_S)
            control = self._control(min(count, room))
            if control is not None:
                return control
        self._phase = _Phase.DRAIN
        self._drain_began = now
        return None

    def _control(self, most: int) -> Ask | None:
        """Up to so many controls that wait to be sent, or of a new batch; None when none is wanted."""
        if (
            self._pending is None
            and self._suspicion is not None
            and len(self._suspicion) < _BATCHES_AT_ONCE
            and self._suspicion_asks < _SUSPICION_ASKS
        ):
            if self._draw((Verdict.OPEN,)):
                self._suspicion.append(self._round_tags[-1])
            else:
                self._suspicion_asks = _SUSPICION_ASKS
        elif self._pending is None and self._batches:
            self._batches -= 1
            self._draw((Verdict.OPEN, Verdict.CLOSED))
        if self._pending is None:
            return None
        rows, tag = self._pending
        rows = rows[:most]
        return Ask(self._block.pairs[rows], tag, rows, control=True)

    def _draw(self, verdicts: tuple[int, ...]) -> bool:
        """Choose a batch of controls of some classes; returns whether there is one."""
        classes = [(verdict, np.flatnonzero(self._block.verdict == verdict)) for verdict in verdicts]
        self._pending = self._controls.draw(classes, self._dice)
        if self._pending is not None:
            self._round_tags.append(self._pending[1])
        return self._pending is not None

    def _drain_step(self, now: float, room: int) -> Ask | Rest | None:  # noqa: ARG002 - one shape for all phases
        silent = self._block.silent()
        until = self._drain_began + self.trip.wait_s
        if len(silent) and now < until:
            return Rest(until)
        if len(silent) and not self.round and not self._asked_first and (plan := self._plan_controls()):
            # After the first round: without controls a handful of answers says nothing of loss.
            self._asked_first, self._batches, self._phase, self.pace.quiet = True, plan, _Phase.CONTROLS, True
            return None
        self._decide(silent, now)
        return None

    def _settle_doubt(self, now: float) -> None:
        """Have open ports asked again, to tell a target that limits refusals from a path that loses our packets."""
        if not self.pace.wants_controls:
            return
        if self._suspicion is None:
            self._suspicion, self._suspicion_asks, self._suspicion_sent = [], 0, now
        waiting = self._pending is not None or (len(self._suspicion) < _BATCHES_AT_ONCE and self._suspicion_asks < _SUSPICION_ASKS)
        if (waiting and self._phase is _Phase.ROUND) or now < self._suspicion_sent + self.trip.wait_s:
            return
        asked = self._controls.tally(Verdict.OPEN, self._suspicion)
        self.pace.controlled(asked.asked, asked.answered)
        self._suspicion = None

    # --- what came of it ---

    def sent(self, ask: Ask, count: int, began: float, ended: float) -> None:
        """The first `count` of what was asked for have left between these times."""
        self.counts.sent += count
        self._refusals.asked(count)
        if ask.control:
            assert self._pending is not None
            rows = self._pending[0][count:]
            self._pending = (rows, ask.tag) if len(rows) else None
            self._turn = False
            self._suspicion_asks += count
            self._suspicion_sent = ended
            self._controls.sent(ask.tag, ask.rows[:count], ended)
            self.pace.sent(count, began, ended, judged=False)
            return
        self._block.sent(ask.rows[:count], self.pace.slice, began, ended)
        self.pace.sent(count, began, ended)
        self._cursor += count
        self._turn, self._portion = True, max(_LEAST_PORTION, count // 8)

    def take(self, answers: Answers) -> None:
        """Answers, in any order and number."""
        self.counts.answers += len(answers.pair)
        rows = self._block.rows(answers.pair)
        here = rows >= 0
        self.counts.late += int((~here).sum())
        if not here.all():
            rows, answers = rows[here], select(answers, here)
        control = answers.tag >= self._rounds
        if control.any():
            self.counts.duplicates += self._controls.take(rows[control], answers.tag[control])
            rows, answers = rows[~control], select(answers, ~control)
        if not len(rows):
            return
        taken = self._block.take(rows, answers, self.round)
        self.counts.duplicates += taken.duplicates
        self.counts.late += taken.late
        self.trip.add(taken.trips_s)
        if self.rules.datagrams:
            self._refusals.answered(answers.at[answers.verdict == Verdict.CLOSED].tolist())
        current = taken.fresh[taken.current]
        opened = self._block.verdict[taken.fresh] >= Verdict.PROXIED
        self.counts.found += int((self._block.verdict[taken.fresh] == Verdict.OPEN).sum())
        self.pace.answered(self._block.slice[current].astype(np.int64), opened[taken.current])

    # --- when to stop ---

    def _next_block(self) -> None:
        left = self.pairs - self._place
        if left <= 0:
            self._phase = _Phase.DONE
            return
        self._block = Block(self._order, self._place, min(MOST_ROWS, left), self.shard)
        self._controls = Controls(self._rounds, self._controls_count)
        self._asked_first, self._held_since = False, None
        self.pace.release()
        self._begin_round(0, np.arange(self._block.size))

    def _begin_round(self, number: int, todo: Rows) -> None:
        self.round = number
        self._todo = in_order(todo, self._key, self._block.begin, number)
        self._cursor = 0
        self._phase = _Phase.ROUND
        self._round_began = self._now
        self._closed_before, self._found_before = int((self._block.verdict == Verdict.CLOSED).sum()), self.counts.found
        self._suspicion, self._pending, self._turn = None, None, False
        self._round_tags: list[int] = []
        self._batches = self._plan_controls() if number else 0
        self.pace.begin()
        self.counts.rounds = max(self.counts.rounds, number + 1)

    def _tally(self, verdict: int) -> Tally:
        """What is known of the loss of one class: this block's answers and controls, and the blocks before."""
        mine = self._mine(verdict)
        return Tally(mine.answering, mine.asked + self._before[verdict].asked, mine.answered + self._before[verdict].answered)

    def _mine(self, verdict: int) -> Tally:
        verdicts = (Verdict.OPEN, Verdict.PROXIED) if verdict == Verdict.OPEN else (verdict,)
        return self._block.tally(*verdicts) + self._controls.tally(verdict)

    def _decide(self, silent: Rows, now: float) -> None:
        """At the end of a round: go on, or let the block go."""
        if not self.round:
            self._second_began = now
        asked = self._controls.tally(Verdict.OPEN, self._round_tags)
        if not self.pace.limited:
            asked += self._controls.tally(Verdict.CLOSED, self._round_tags)
        self.pace.judge_round(asked.asked, asked.answered)
        if self.round == 1 and not self.pace.limited:
            self.pace.judge_first(*self._block.first_two())
        stop = decide(self._evidence(len(silent), now))
        if isinstance(stop, GoOn):
            if stop.rate is not None:
                self._hold(stop.rate)
            self._begin_round(self.round + 1, silent)
            return
        self._stops.append(stop)
        if stop.doubt:
            self._patience_s -= self._spent_s(now)
        undecided = stop.undecided and not self.rules.datagrams
        states = final_states(self.space, self._block, datagrams=self.rules.datagrams, limited=self.pace.limited, undecided=undecided)
        self._undecided += len(silent) if stop.undecided else 0
        self._doubts |= (
            states.doubts | ({stop.doubt} if stop.doubt else set()) | ({Doubt.ASSUMED} if stop.basis is Basis.ASSUMED else set())
        )
        block = self._block
        self._finished = Decided(block.pairs, states.state, states.reason, block.ttl, block.rtt_s, block.by)
        for verdict in self._before:
            kept, mine = self._tally(verdict), self._mine(verdict)
            self._before[verdict] = Tally(0, kept.asked // 2, kept.answered // 2)  # loss changes: what is older counts less
            self._total[verdict] += mine
        self.counts.done += block.size
        self._place += block.size

    def _hold(self, rate: float) -> None:
        """From now on at the target's pace: what refusals were lost before, by asking faster, says nothing of those to come."""
        self.pace.hold(rate)
        if self._held_since is None:
            self._held_since = self.round + 1

    def _evidence(self, silent: int, now: float) -> Evidence:
        opened, closed, times = self._tally(Verdict.OPEN), self._tally(Verdict.CLOSED), self.round + 1
        times_closed = times
        if self._held_since is not None:
            mine = self._block.tally(Verdict.CLOSED, since=self._held_since)
            closed, times_closed = mine + self._controls.tally(Verdict.CLOSED, self._round_tags), times - self._held_since
        came = int((self._block.verdict == Verdict.CLOSED).sum()) - self._closed_before
        loss_closed = self._closed_loss(opened, closed, came)
        basis, loss = (
            (Basis.OPEN, opened.upper)
            if opened.known
            else (Basis.CLOSED, loss_closed)
            if closed.known and not (self.pace.limited and self.rules.datagrams)
            else (Basis.ASSUMED, self.rules.assume_loss)
        )
        return Evidence(
            silent=silent,
            times=times,
            most_times=self._rounds,
            goal=self.rules.goal * self._block.size / max(1, self.pairs),
            basis=basis,
            missed=missed_of(
                self.space, self._block, (Verdict.OPEN, Verdict.PROXIED), opened, loss, times, self.counts.found - self._found_before
            ),
            missed_closed=missed_of(self.space, self._block, (Verdict.CLOSED,), closed, loss_closed, times_closed, came)
            if closed.known or self._held_since
            else 0.0,
            refusing=closed.answering, loss_closed=loss_closed, limited=self.pace.limited, left_s=self._left_s(silent, came, now), round_s=self._round_took_s,
            spent_s=self._spent_s(now), patience_s=self._patience_s,
        )  # fmt: skip

    def _left_s(self, silent: int, came: int, now: float) -> float | None:
        """How long the silent ones would take at the pace at which refusals come: the one that was learnt, or that of this round."""
        learnt = self._refusals.limit(now) if self.rules.datagrams else None
        if learnt is not None:
            return silent / learnt.per_s
        return silent * self._round_took_s / came if came else None

    def _closed_loss(self, opened: Tally, closed: Tally, came: int) -> float:
        """The loss of refusals; notices a target that limits them, by closed ports that no longer answer while open ones do, or that keep dribbling in."""
        if self._held_since is not None:
            return closed.upper
        self.pace.limited |= closed.known and came > _MANY_MORE * (1 + missed_at_most(closed.answering, closed.upper, self.round))
        refused, accepted = self._controls.tally(Verdict.CLOSED), self._controls.tally(Verdict.OPEN)
        likely = accepted.upper if accepted.asked >= _LIMIT_SHOWS else opened.upper
        if self.rules.datagrams:  # few services answer, so their loss is hardly known; a limit shows plainly
            likely = max(likely if opened.known else 0.0, _LIMIT_PLAIN)
        if refused.asked >= _LIMIT_SHOWS and refused.lost / refused.asked > likely + _LIMIT_GAP:
            self.pace.limited = True
            return max(closed.upper, refused.upper)
        return closed.upper

    def _spent_s(self, now: float) -> float:
        return now - self._second_began if self.round else 0.0  # since the first round of this block ended

    # --- to be gone on with elsewhere ---

    def standing(self, now: float) -> Standing:
        """Where it stands; with `changes` enough to go on elsewhere."""
        over = self._phase is _Phase.DONE
        controls = [] if over else [self._controls.settled(verdict, now - self.trip.wait_s) for verdict in self._before]
        return Standing(
            begin=self._place,
            round=0 if over else self.round,
            next=-1 if over else self._next_row(now),
            spent_s=0.0 if over else self._spent_s(now),
            patience_s=self._patience_s,
            held_since=self._held_since,
            asked_first=self._asked_first,
            controls=tuple((each.asked, each.answered) for each in controls),
            before=tuple((each.asked, each.answered) for each in self._before.values()),
            total=tuple((each.answering, each.asked, each.answered) for each in self._total.values()),
            counts=dict(vars(self.counts)),
            undecided=self._undecided,
            doubts=tuple(self._doubts),
            stop=as_one(self._stops),
            rate=self.pace.rate,
            limited=self.pace.limited,
            slowed=self.pace.slowed,
            trip=(self.trip.smooth_s, self.trip.spread_s, self.trip.tail_s, self.trip.least_s, self.trip.count),
        )

    def _next_row(self, now: float) -> int:
        asked = self._todo[: self._cursor]
        waiting = np.flatnonzero((self._block.sent_at[asked] > now - self.trip.wait_s) & (self._block.verdict[asked] == Verdict.NONE))
        rest = self._todo[waiting[0] if len(waiting) else self._cursor :]
        silent = rest[self._block.verdict[rest] == Verdict.NONE]
        return int(silent[0]) if len(silent) else -1

    def changes(self, *, every: bool = False) -> Answered:
        """Rows of the block that have answered, or answered better, since this was asked last; or every one that ever has."""
        return self._block.changes(every=every)

    def resume(self, standing: Standing, answered: Answered, now: float) -> None:
        """Go on where another engine, of the same arguments and with `begin` as told there, stood. Source ports must be new ones."""
        vars(self.counts).update(standing.counts)
        recall_pace(standing, self.pace, self.trip)
        for place, verdict in enumerate(self._before):
            self._before[verdict] = Tally(0, *standing.before[place])
            self._total[verdict] = Tally(*standing.total[place])
        self._stops = [] if standing.stop is None else [standing.stop]
        self._undecided, self._doubts, self._patience_s = standing.undecided, set(standing.doubts), standing.patience_s
        if self._phase is _Phase.DONE:
            return
        self._block.restore(answered)
        self._controls.carried = {verdict: Tally(0, *each) for verdict, each in zip(self._before, standing.controls, strict=False)}
        self._asked_first, self._held_since = standing.asked_first, standing.held_since
        self._now, self._second_began = now, now - standing.spent_s
        self._begin_round(standing.round, self._block.silent() if standing.round else np.arange(self._block.size))
        at = np.flatnonzero(self._todo == standing.next)
        self._cursor = int(at[0]) if len(at) else len(self._todo)

    # --- what to tell ---

    def certainty(self) -> Certainty:
        """How sure all finished blocks are."""
        missed = sum(stop.missed for stop in self._stops)
        opened, closed = self._total[Verdict.OPEN], self._total[Verdict.CLOSED]
        weakest = max(self._stops, key=lambda stop: WEAKNESS.index(stop.basis), default=Stop(Basis.ANSWERED, 0.0))
        times = [stop.undecided_s for stop in self._stops if stop.undecided_s is not None]
        doubts = self._doubts | ({Doubt.CONGESTED} if self.pace.slowed else set())
        return Certainty(
            exact=missed < self.rules.goal and not self._undecided and not self.left and weakest.basis is not Basis.ASSUMED,
            goal=self.rules.goal,
            missed=missed,
            basis=weakest.basis,
            loss_open=Loss(opened.lost, opened.asked, opened.upper),
            loss_closed=Loss(closed.lost, closed.asked, closed.upper),
            assumed_loss=self.rules.assume_loss if weakest.basis is Basis.ASSUMED else None,
            undecided=self._undecided,
            undecided_s=sum(times) if times else None,
            doubts=tuple(doubt for doubt in Doubt if doubt in doubts),
        )
