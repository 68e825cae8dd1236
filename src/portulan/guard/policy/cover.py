"""Who is meant by lines, compared: whether all senders of one are among those of others."""

from __future__ import annotations

from portulan.guard.routes import merge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.model.policy import Part, Source

_ALL = {4: ((0, (1 << 32) - 1),), 6: ((0, (1 << 128) - 1),)}


def parts_of(sources: Iterable[Source]) -> tuple[Part, ...]:
    """All parts of some senders, each object once: to compare their addresses would take as long as there are."""
    return tuple({id(part): part for source in sources for part in source.parts}.values())


def covered(inner: Sequence[Part], outer: Sequence[Part]) -> bool:
    """Whether all senders of the first are among those of the second. Never true where it is not; two patterns of interfaces are compared as words."""
    return Cover().covered(inner, outer)


class Cover:
    """Comparisons of parts of one policy, each made once: a source may have 100,000 networks and stand in every line."""

    def __init__(self) -> None:
        """Nothing is compared yet. The parts must stay alive as long as this does: they are known by what they are, not by what they hold."""
        self._known: dict[tuple[int, ...], bool] = {}

    def covered(self, inner: Sequence[Part], outer: Sequence[Part]) -> bool:
        """As the function of this name."""
        return all(self._part(part, outer) for part in inner)

    def _part(self, part: Part, outer: Sequence[Part]) -> bool:
        if any(each is part or (each.addresses is None and not each.links) for each in outer):
            return True
        key = id(part), *map(id, outer)
        if key not in self._known:
            self._known[key] = _is_covered(part, outer)
        return self._known[key]


def _is_covered(part: Part, outer: Sequence[Part]) -> bool:
    for link in part.links or (None,):
        by = [each for each in outer if not each.links or (link is not None and any(_includes(pattern, link) for pattern in each.links))]
        for version in (4, 6):
            held = merge(span for each in by for span in _spans(each, version))
            if not _inside(_spans(part, version), held):
                return False
    return True


def _includes(pattern: str, link: str) -> bool:
    """Whether a pattern means all that another one means."""
    if pattern.endswith("*"):
        return link.removesuffix("*").startswith(pattern[:-1])
    return pattern == link


def _spans(part: Part, version: int) -> tuple[tuple[int, int], ...]:
    if part.addresses is None:
        return _ALL[version]
    return part.addresses.v4 if version == 4 else part.addresses.v6


def _inside(inner: Sequence[tuple[int, int]], outer: Sequence[tuple[int, int]]) -> bool:
    """Whether sorted, disjoint spans lie in others that never touch."""
    at = 0
    for first, last in inner:
        while at < len(outer) and outer[at][1] < first:
            at += 1
        if at == len(outer) or outer[at][0] > first or outer[at][1] < last:
            return False
    return True
