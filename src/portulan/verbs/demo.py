"""A demonstration: machines in a closed network, and this program run on them for real."""

from __future__ import annotations

import sys
from functools import partial

from portulan.errors import BadInput, CannotTell
from portulan.model.demo import SCENES, Manner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from portulan.model.demo import DemoEvent


def demo(scenes: Sequence[str] = (), *, manner: Manner | None = None) -> Generator[DemoEvent]:
    """Play these scenes (none: all of `model.demo.SCENES`), each event when it is asked for; close the iterator to end it early.

    Nothing is left behind, however it ends: all processes, networks and files of it are in namespaces of a process that ends with this one. Without root it takes a kernel that
    lets ordinary users make user namespaces. Raises BadInput for a scene that is none, NotPermitted, CannotTell, MachineFailed.
    """
    for scene in scenes:
        if scene not in SCENES:
            raise BadInput("demo.no-scene", text=scene, known=", ".join(SCENES))
    if sys.platform != "linux":
        raise CannotTell("sandbox.not-linux", platform=sys.platform)
    return _demo([scene for scene in SCENES if scene in (scenes or SCENES)], manner or Manner())


def _demo(scenes: Sequence[str], manner: Manner) -> Generator[DemoEvent]:
    from portulan.system.sandbox.stage import Stage
    from portulan.verbs.demo_cast import FRESH
    from portulan.verbs.demo_story import play

    with Stage(partial(play, scenes, manner), fresh=FRESH) as stage:
        yield from stage
