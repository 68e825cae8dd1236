"""What may have been meant by a word that nobody knows: names within a few slips of the finger, the likeliest first."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 3


def distance(left: str, right: str, limit: int) -> int:
    """Slips between two words: letters missing, added, wrong, or two neighbours swapped; `limit + 1` stands for anything beyond."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            best = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other:
                best = min(best, before_last[column - 2] + 1)
            current.append(best)
        if min(current) > limit:
            return limit + 1
        before_last, last = last, current
    return min(last[-1], limit + 1)


def tolerance(word: str) -> int:
    """How many slips we believe a word of this length to have."""
    return 1 if len(word) <= 4 else 2 if len(word) <= 9 else 3


def suggest(word: str, ours: Iterable[str], names: Iterable[tuple[str, int | None]]) -> tuple[str, ...]:
    """The nearest words: fewest slips first, then the same letters, people's words, lower ports. At most `MOST`."""
    word = word.lower()
    if not 2 <= len(word) <= 60:
        return ()
    limit = tolerance(word)
    letters = _letters(word)
    found: dict[str, tuple[int, int, int, str]] = {}
    for candidate, place in _candidates(ours, names):
        small = candidate.lower()
        # Each slip changes at most two letters of the set; this spares most of the words the full comparison.
        strange = (_letters(small) ^ letters).bit_count()
        if abs(len(small) - len(word)) > limit or strange > 2 * limit:
            continue
        slips = distance(word, small, limit)
        # A word of which nothing is left but its length is no slip of the finger.
        if slips <= limit and slips < len(word) - 1:
            order = (slips, strange, place, small)
            found[small] = min(found.get(small, order), order)
    return tuple(sorted(found, key=found.__getitem__)[:MOST])


def _candidates(ours: Iterable[str], names: Iterable[tuple[str, int | None]]) -> Iterable[tuple[str, int]]:
    for word in ours:
        yield word, -1
    for name, port in names:
        yield name, 65_536 if port is None else port


def _letters(word: str) -> int:
    """The set of its letters, as bits."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) & 31)
    return bits
