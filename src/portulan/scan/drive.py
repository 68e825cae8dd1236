"""Engine and prober, joined: the loop that sends what is to be sent, waits where it must, and hands on what is decided."""

from __future__ import annotations

from portulan.scan.asking import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portulan.model.scan import Decided
    from portulan.scan.engine import Engine
    from portulan.scan.prober import Prober

_LONGEST_REST_S = 0.05


def drive(engine: Engine, prober: Prober, clock: Callable[[], float], *, tick: Callable[[float], None] | None = None) -> Iterator[Decided]:
    """Run a scan; yields each block once it is decided.

    `clock` gives seconds since the epoch, as packets are stamped; `tick` is called with it now and then, several times a second, for progress and for what
    must be written down. Raises what the prober raises.
    """
    told = clock()
    while (step := engine.next(now := clock(), prober.room())) is not None:
        if (done := engine.finished()) is not None:
            yield done
            continue
        if isinstance(step, Ask):
            engine.sent(step, *prober.send(step.pairs, step.tag))
            answers = prober.receive(0)
        else:
            wait = min(step.until - now, _LONGEST_REST_S)
            answers = prober.receive(max(0.0, wait))
        if answers is not None:
            engine.take(answers)
        prober.forget(now - engine.trip.wait_s)
        if tick is not None and now - told > _LONGEST_REST_S:
            told = now
            tick(now)
