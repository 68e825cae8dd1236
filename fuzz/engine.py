"""The engine of the fuzz targets: any bytes must be a value or a ParseError, in bounded time.

Guided by coverage: with atheris where it can be imported (libFuzzer knows more ways to change an input), else by a loop of our own, which keeps
what reaches a new step from line to line. Each target says which bytes it begins with and which words its format has.

    python fuzz/fuzz_btf.py [--seconds 10] [--seed N] [FILE…]

With files, those inputs are run once and nothing else: an input that failed is kept below `.cache/fuzz/`.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import Any

    Target = Callable[[bytes], object]

ROOT = Path(__file__).resolve().parent.parent
FAILED = ROOT / ".cache" / "fuzz"
LIMIT_S = 5.0
"""Processor time that one input may take: far more than any, far less than for ever."""
LARGEST = 4096
_NUMBERS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 20, 72, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


class TooSlowError(BaseException):
    """An input took longer than any may. Not an Exception: no parser may take it for a damaged input."""


class Tracer:
    """Which steps from line to line were taken in the files under test."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.steps: set[tuple[object, int, int]] = set()
        self.fresh = False

    def __call__(self, frame: FrameType, _: str, __: object) -> Callable[..., Any] | None:
        """The trace function of a call: none for code of others."""
        code = frame.f_code
        if not code.co_filename.startswith(self.folder):
            return None
        last = 0

        def line(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
            nonlocal last
            step = (code, last, frame.f_lineno if event == "line" else -1)
            last = frame.f_lineno
            if step not in self.steps:
                self.steps.add(step)
                self.fresh = True
            return line

        return line


class Dice:
    """Changes inputs, by chance that a seed decides."""

    def __init__(self, seed: int, words: Sequence[bytes]) -> None:
        self.random = random.Random(seed)
        self.words = words

    def change(self, data: bytes, others: Sequence[bytes]) -> bytes:
        """One to six changes of an input; `others` are inputs to take parts from."""
        changed = bytearray(data)
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 3, 6))):
            self.random.choice((self._flip, self._number, self._remove, self._repeat, self._insert, self._word, self._splice, self._cut))(
                changed, others
            )
        return bytes(changed[:LARGEST])

    def _at(self, data: bytearray, room: int = 0) -> int:
        return self.random.randint(0, max(len(data) - room, 0))

    def _flip(self, data: bytearray, _: Sequence[bytes]) -> None:
        if data:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)

    def _number(self, data: bytearray, _: Sequence[bytes]) -> None:
        size = self.random.choice((1, 2, 4, 8))
        value = self.random.choice((*_NUMBERS, len(data), len(data) + 4)) & (1 << 8 * size) - 1
        at = self._at(data, size) // size * size if self.random.random() < 0.8 else self._at(data, size)
        data[at : at + size] = value.to_bytes(size, self.random.choice(("little", "big")))

    def _remove(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        del data[at : at + self.random.choice((1, 2, 4, 8, 16, 64))]

    def _repeat(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        part = data[at : at + self.random.choice((1, 4, 12, 24, 100))]
        data[at:at] = part * self.random.choice((1, 2, 30))

    def _insert(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        data[at:at] = self.random.randbytes(self.random.choice((1, 2, 4, 16)))

    def _word(self, data: bytearray, _: Sequence[bytes]) -> None:
        if self.words:
            word, at = self.random.choice(self.words), self._at(data)
            data[at : at + (len(word) if self.random.random() < 0.5 else 0)] = word

    def _splice(self, data: bytearray, others: Sequence[bytes]) -> None:
        other = self.random.choice(others)
        start = self.random.randint(0, len(other))
        data[self._at(data) :] = other[start : start + LARGEST]

    def _cut(self, data: bytearray, _: Sequence[bytes]) -> None:
        del data[self._at(data) :]


def fuzz(load: Callable[[], Target], seeds: Callable[[], list[bytes]], words: Sequence[bytes] = ()) -> int:
    """Run one target as its command line says; returns the exit status: 1 when an input failed.

    `load` imports the parsers and returns the target, which raises for what must not happen; `seeds` makes the inputs to begin with.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="of our own loop; by default another one each time")
    parser.add_argument("--own", action="store_true", help="our own loop even where atheris is installed")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="only run these inputs")
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
    name = Path(sys.argv[0]).stem
    inputs = [path.read_bytes() for path in options.files]
    if not inputs and not options.own and find_spec("atheris") is not None:
        return _with_atheris(name, load, seeds, options.seconds)
    target = load()
    if inputs:
        return max(_attempt(name, target, data) for data in inputs)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    return _loop(name, target, seeds(), Dice(seed, words), options.seconds, seed)


def _loop(name: str, target: Target, seeds: list[bytes], dice: Dice, seconds: float, seed: int) -> int:
    """Our own loop: change what is in the corpus, keep what goes a new way."""
    tracer = Tracer(str(ROOT / "src" / "portulan"))
    corpus: list[bytes] = []
    runs = 0

    def run(data: bytes) -> bool:
        tracer.fresh = False
        sys.settrace(tracer)
        try:
            return _attempt(name, target, data) == 0
        finally:
            sys.settrace(None)

    for data in [b"", *seeds]:
        if not run(data):
            return 1
        corpus.append(data)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # What was found last leads on: half of the tries start there.
        start = corpus[-min(dice.random.randrange(1, 9), len(corpus))] if dice.random.random() < 0.5 else dice.random.choice(corpus)
        data = dice.change(start, corpus)
        runs += 1
        if not run(data):
            print(f"{name}: failed after {runs:,} inputs, --seed {seed}", file=sys.stderr)
            return 1
        if tracer.fresh:
            corpus.append(data)
    print(f"{name}: {runs:,} inputs, {len(tracer.steps):,} steps, {len(corpus)} kept, nothing failed (--seed {seed})")
    return 0


def _attempt(name: str, target: Target, data: bytes) -> int:
    """Run the target once; keep the input and tell of it when it failed."""
    signal.signal(signal.SIGVTALRM, _too_slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
    try:
        target(data)
    except (Exception, TooSlowError) as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        sys.settrace(None)
        FAILED.mkdir(parents=True, exist_ok=True)
        path = FAILED / f"{name}-{sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        import traceback

        traceback.print_exception(error)
        print(
            f"{name}: {type(error).__name__} for {data[:200]!r}\n once more:  python fuzz/{name}.py {path}",
            file=sys.stderr,
        )
        return 1
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return 0


def _too_slow(*_: object) -> None:
    message = f"more than {LIMIT_S} s of processor time"
    raise TooSlowError(message)


def _with_atheris(name: str, load: Callable[[], Target], seeds: Callable[[], list[bytes]], seconds: float) -> int:
    """Hand over to libFuzzer, which ends the process itself: with 0, or with another status for an input that failed."""
    import tempfile

    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=["portulan"]):
        target = load()
    with tempfile.TemporaryDirectory(prefix="portulan-fuzz-") as corpus:
        for at, data in enumerate(seeds()):
            Path(corpus, str(at)).write_bytes(data)
        FAILED.mkdir(parents=True, exist_ok=True)
        arguments = [
            sys.argv[0], f"-max_total_time={int(seconds)}", f"-max_len={LARGEST}", f"-timeout={int(LIMIT_S)}", f"-artifact_prefix={FAILED}/{name}-",
            "-print_final_stats=1", corpus,
        ]  # fmt: skip
        atheris.Setup(arguments, target)
        atheris.Fuzz()
    return 0
