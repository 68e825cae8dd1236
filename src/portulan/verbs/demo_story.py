"""The scenes of the demo, one after another. Played on the stage (`system.sandbox.stage`), in which the folders of `demo_cast.FRESH` are its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

from portulan.errors import CannotTell
from portulan.model.demo import DemoStep, Drawn, Opened, SceneBegins, Typed
from portulan.system.demo.running import Running, await_ears
from portulan.system.demo.song import song
from portulan.system.sandbox import Sandbox
from portulan.verbs.demo_cast import DOORS, FOLDER, POLICY, Cast, knock, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from portulan.model.demo import DemoEvent, Manner

_VISIT = "portulan.system.demo.visit"
_VISIT_S = 5
"""How long the song takes when somebody watches."""
_FRAME_S = 0.25
_SETTLE_S = 0.4
"""So long after the last packet the ears have it."""
_LAST_LOOK_S = 1.5
"""And so long somebody who watches may look at the page that has all of it."""
_HELD_PATIENCE_S = 15.0
_WANTED = {21: "silent", 25: "open", 80: "open", 443: "refused"}
"""What a stranger should hear when the policy is in force."""


def play(scenes: Sequence[str], manner: Manner) -> Iterator[DemoEvent]:
    """All of it. Raises NotPermitted, CannotTell, MachineFailed."""
    rights = "root" if _is_first_user_namespace() else "user"
    with Sandbox() as sandbox:
        cast = Cast(sandbox, manner)
        yield Opened(cast.hosts, rights)
        for number, scene in enumerate(scenes, 1):
            yield SceneBegins(scene, number, len(scenes))
            yield from _PLAYS[scene](cast)


def _is_first_user_namespace() -> bool:
    """Whether users are here who they are on the machine (user_namespaces(7): the first namespace maps all to themselves)."""
    return Path("/proc/self/uid_map").read_text("ascii").split() == ["0", "0", "4294967295"]


def _traffic(cast: Cast) -> Iterator[DemoEvent]:
    """A song, a page and a mail over one cable."""
    scene, code, live = "traffic", "traffic.apart", cast.manner.live
    line = cast.words("traffic", "--interface", "eth0", "--no-processes")
    yield Typed(scene, code, "server", written(line))
    knock(cast.laptop, cast.server.address, (80,))  # the two have met: none of what is heard is about who has which address
    running = cast.begin(cast.server, line, keyboard=live)
    await_ears(cast.server)
    seconds = _VISIT_S if cast.manner.slow else 0
    command = [cast.python, "-P", "-m", _VISIT, "server", str(seconds)]
    shown = " ".join(command)
    yield Typed(scene, "traffic.visit", "laptop", shown, beside=True)
    visitor = Running(cast.laptop, command, folder=FOLDER)
    while visitor.gather(_FRAME_S):
        if live:
            running.gather(0)
            yield Drawn(running.text)
    status = visitor.end()
    if status:
        raise CannotTell("demo.failed", command=shown, reason=visitor.text.strip().rpartition("\n")[2])
    sent: Mapping[str, int] = json.loads(visitor.text)
    yield DemoStep(scene, "traffic.visit", "laptop", shown, status, None, sent, sent, beside=True)
    for _ in range(round(_LAST_LOOK_S / _FRAME_S) if live else 0):
        running.gather(_FRAME_S)
        yield Drawn(running.text)
    running.gather(_SETTLE_S)
    running.stop()
    arrived = Path(FOLDER, "ftp/song.wav").read_bytes() == song() and len(os.listdir(f"{FOLDER}/mail")) == 1
    yield cast.step(scene, code, cast.server, line, running, tell=lambda: (code if arrived else "traffic.lost", sent))


def _conflict(cast: Cast) -> Iterator[DemoEvent]:
    """A second web server."""
    scene, code = "conflict", "conflict.second"
    command = [cast.python, "-m", "http.server", "80"]
    yield Typed(scene, code, "server", " ".join(command))
    second = Running(cast.server, command, folder=FOLDER)
    yield DemoStep(scene, code, "server", " ".join(command), second.end(_HELD_PATIENCE_S), second.text)
    yield from cast.do(scene, "conflict.why", cast.server, "why", "80", wanted=1)


def _firewall(cast: Cast) -> Iterator[DemoEvent]:
    """Everything shut but mail and web."""
    scene, server, stranger = "firewall", cast.server, cast.stranger
    scan = ("scan", "server", "-p", "1-1023")
    yield from cast.do(scene, "firewall.scan-before", stranger, *scan, tell=_heard(cast, "firewall.scan-before"))
    yield from cast.do(scene, "firewall.reach-before", server, "reach")
    yield from cast.do(scene, "firewall.check", server, "guard", "check")
    yield from cast.do(scene, "firewall.plan", server, "guard", "plan", wanted=1)
    if not cast.has_nft:
        yield from cast.do(scene, "firewall.would", server, "reach", "--policy", POLICY)
        yield DemoStep(scene, "firewall.no-nft")
        return
    for code, *words in (("firewall.apply", "apply"), ("firewall.confirm", "confirm", "--console")):
        for event in cast.do(scene, code, server, "guard", *words, otherwise="firewall.not-applied"):
            yield event
            if isinstance(event, DemoStep) and event.exit_status:
                return
    yield from cast.do(scene, "firewall.scan-after", stranger, *scan, tell=_heard(cast, "firewall.scan-after", _WANTED))
    yield from cast.do(scene, "firewall.reach-after", server, "reach")


def _heard(cast: Cast, code: str, wanted: Mapping[int, str] | None = None) -> Callable[[], tuple[str, Mapping[str, str | int]]]:
    """What the stranger heard at the doors, by knocks of our own; said otherwise where that is not what was `wanted`."""

    def tell() -> tuple[str, Mapping[str, str | int]]:
        heard = knock(cast.stranger, cast.server.address, DOORS)
        facts = {word: ", ".join(str(port) for port in DOORS if heard[port] == word) for word in ("open", "refused", "silent")}
        return (code if wanted is None or heard == wanted else f"{code}-otherwise"), facts

    return tell


def _scanners(cast: Cast) -> Iterator[DemoEvent]:
    """Somebody tries the doors, and is noticed."""
    scene, code = "scanners", "scanners.found"
    line = cast.words("scanners", "--interface", "eth1")
    yield Typed(scene, code, "server", written(line))
    running = cast.begin(cast.server, line)
    await_ears(cast.server)
    attack = cast.words("scan", "server", "--top", "100")
    yield Typed(scene, "scanners.tries", "stranger", written(attack), beside=True)
    attacker = cast.begin(cast.stranger, attack)
    yield cast.step(scene, "scanners.tries", cast.stranger, attack, attacker, beside=True)
    running.gather(_SETTLE_S)
    running.stop()
    yield cast.step(scene, code, cast.server, line, running, wanted=1, otherwise="scanners.nobody")


_PLAYS: dict[str, Callable[[Cast], Iterator[DemoEvent]]] = {
    "traffic": _traffic,
    "conflict": _conflict,
    "firewall": _firewall,
    "scanners": _scanners,
}
