"""What is wrong in a policy file, gathered, so that a person sees all of it at once."""

from __future__ import annotations

from portulan.errors import BadInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.guard.policy.toml import Toml
    from portulan.model.policy import Spot

MOST = 50
"""Problems that are told of one file."""
_LONGEST = 100


class Problems:
    """The problems of one file; each is an error as it would be raised, with its place and the line it stands on."""

    def __init__(self, file: Toml) -> None:
        """None so far."""
        self.file = file
        self.found: list[BadInput] = []

    def note(self, error: BadInput, spot: Spot) -> None:
        """Keep a problem, with the place where it stands unless it names one (in a file of networks)."""
        if len(self.found) < MOST:
            for name, fact in error.facts.items():
                if isinstance(fact, str) and len(fact) > _LONGEST and name != "quote":
                    error.facts[name] = fact[: _LONGEST - 1] + "…"
            if "line" not in error.facts:
                error.facts.update(file=spot.file, line=spot.line, column=spot.column, quote=self.file.quoted(spot.line))
            self.found.append(error)

    def at(self, *path: str | int, value: bool = False) -> _At:
        """Whatever is raised inside stands at this key, or at its value, and what comes after it is read all the same."""
        return _At(self, path, value=value)


class _At:
    """A place in the file, while it is being read."""

    def __init__(self, problems: Problems, path: tuple[str | int, ...], *, value: bool) -> None:
        self._problems = problems
        self._path = path
        self._value = value

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, BadInput):
            return False
        self._problems.note(error, self._problems.file.spot(*self._path, value=self._value))
        return True


def nearest(text: str, known: Iterable[str]) -> str:
    """The known word that may have been meant; empty for none."""
    from difflib import get_close_matches

    return "".join(get_close_matches(text.lower(), list(known), 1))
