"""A song of a few lines of arithmetic, and a picture for its page: files that nobody has to fetch."""

from __future__ import annotations

import math
from array import array
from struct import pack

RATE = 22_050
_NOTE_S = 0.4
_PITCHES = {"C": 261.63, "D": 293.66, "E": 329.63, "F": 349.23, "G": 392.00}
"""Hertz, equal temperament, from the C in the middle of a piano."""
TUNE = "EEFGGFEDCCDEEDD EEFGGFEDCCDEDCC "
"""Beethoven's Ode to Joy; a blank is a rest."""


def song() -> bytes:
    """The tune as a WAV file: one channel, 16 bits, half a megabyte."""
    count = int(RATE * _NOTE_S)
    rest = array("h", bytes(2 * count))
    notes = {name: _note(hertz, count) for name, hertz in _PITCHES.items()}
    samples = array("h")
    for name in TUNE:
        samples.extend(notes.get(name, rest))
    if samples.itemsize == 2 and array("H", [1]).tobytes() != b"\1\0":  # WAV is little-endian
        samples.byteswap()
    data = samples.tobytes()
    form = pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", len(data))
    return form + data


def _note(hertz: float, count: int) -> array[int]:
    """A string that is plucked: loud, then fading."""
    turn = 2 * math.pi * hertz / RATE
    return array("h", (int(20_000 * math.exp(-5 * at / count) * math.sin(turn * at)) for at in range(count)))


def cover(size: int = 96) -> bytes:
    """Circles as a picture (BMP, 24 bits), for the page about the song."""
    rows = b"".join(bytes(channel for x in range(size) for channel in _colour(math.hypot(x - size / 2, y - size / 2))) for y in range(size))
    return pack("<2sIHHIIiiHHIIiiII", b"BM", 54 + len(rows), 0, 0, 54, 40, size, size, 1, 24, 0, len(rows), 2835, 2835, 0, 0) + rows


def _colour(distance: float) -> tuple[int, int, int]:
    """Blue, green and red at a distance from the middle."""
    wave = 0.5 + 0.5 * math.cos(distance / 3)
    return 160 + int(80 * wave), 80 + int(120 * wave), int(60 * wave)
