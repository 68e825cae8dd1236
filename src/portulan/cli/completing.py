"""What shells complete besides commands and options: topics, services, files, and the names in the policy that is read where one is.

Words that never change are written into the script; those of a policy are asked of `portulan completion --words KIND` when somebody types. shtab's own forms are
kept to: an action's `complete` says for each shell what it is to run.
"""

from __future__ import annotations

from portulan.cli.parser import parts_of
from portulan.system.source import SOURCES
from portulan.text.voice import LANGUAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

SHELLS = ("bash", "zsh", "fish", "tcsh")
KINDS = ("topics", "services", "doors", "sources", "targets")
_OF_POLICY = ("doors", "sources")
"""Those that are asked when somebody types."""
_ARGUMENTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("explain", "topic"): ("topics",),
    ("guard open", "door"): ("services", "doors"),
    ("guard open", "to"): ("sources",),
    ("guard close", "door"): ("doors",),
    ("guard close", "to"): ("sources",),
    ("guard export", "to"): ("targets",),
}
"""Command and argument -> the kinds of words that it takes."""
_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("completion", "shell"): SHELLS,
}
_FILES = ("FILE", "FILE:N", "FILE|URL", "PATH", "BEFORE", "AFTER")
"""What stands in the help for a file that is there."""
_IN_TCSH: dict[str, tuple[str, ...]] = {"to": ("sources", "targets")}
"""tcsh completes an option in the same way after whatever command it stands: the kinds of all of them."""
_EVERYWHERE: dict[str, tuple[str, ...]] = {"lang": LANGUAGES, "source": SOURCES}


def words(kind: str) -> tuple[str, ...]:
    """The words of a kind, none of which any shell takes for more than a word."""
    if kind == "topics":
        return (*_topics(), *_other_names())
    if kind == "targets":
        from portulan.model.guard_export import Target

        return tuple(Target)
    from portulan.verbs import guard_words

    return {"services": guard_words.service_words, "doors": guard_words.door_words, "sources": guard_words.sender_words}[kind]()


def _topics() -> tuple[str, ...]:
    from portulan.model.explain import TOPICS

    return tuple(topic.name for topic in TOPICS)


def _other_names() -> tuple[str, ...]:
    """What else topics are called, in both languages, as one word each: `port-conflict` is read as `port conflict`."""
    from portulan.model.explain import TOPICS

    names = dict.fromkeys(alias.replace(" ", "-") for topic in TOPICS for alias in topic.aliases)
    return tuple(name for name in names if name not in _topics())


def teach(parser: argparse.ArgumentParser) -> None:
    """Say for the whole parser what its arguments are completed with."""
    import shtab

    for path, action in _actions(parser, ()):
        command = " ".join(path)
        kinds = _ARGUMENTS.get((command, action.dest))
        fixed = _CHOICES.get((command, action.dest)) or (_EVERYWHERE.get(action.dest) if action.option_strings else None)
        if kinds is not None:
            _attach(action, _asked(kinds, in_tcsh=_IN_TCSH.get(action.dest, kinds)))
        elif fixed is not None:
            _attach(action, _asked((), fixed))
        elif action.metavar in _FILES:
            _attach(action, shtab.FILE)
        elif action.metavar == "FOLDER":
            _attach(action, shtab.DIRECTORY)
        elif not action.option_strings and not action.choices:
            _attach(action, {"zsh": "_default"})  # zsh offers no options where an argument may stand that has no completion of its own
        if isinstance(action.metavar, str):
            action.metavar = action.metavar.replace(":", "\\:")  # zsh alone is told it, and takes a colon for the end of it


def _attach(action: argparse.Action, how: object) -> None:
    action.complete = how  # type: ignore[attr-defined]  # shtab looks for it there


def _actions(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], argparse.Action]]:
    """Every argument of every command, with the command."""
    yield from ((path, action) for action in parser._actions)  # noqa: SLF001 - as shtab does: argparse has no other way to list them
    for name, part in parts_of(parser).items():
        yield from _actions(part, (*path, name))


def _asked(kinds: tuple[str, ...], fixed: Iterable[str] = (), *, in_tcsh: tuple[str, ...] = ()) -> dict[str, object]:
    """How each shell comes by the words: those at once that do not change, others where something of them is typed already, the policy's from us."""
    at_once = [*fixed, *(word for kind in kinds if kind not in _OF_POLICY for word in (_topics() if kind == "topics" else words(kind)))]
    later = [*(_other_names() if "topics" in kinds else ())]
    asked = [kind for kind in kinds if kind in _OF_POLICY]
    name = "_portulan_" + "_".join(word.replace("-", "_") for word in kinds or at_once)
    commands = [f"portulan completion --words {kind} 2>/dev/null" for kind in asked]
    return {
        "bash": name,
        "zsh": name,
        "fish": f"({name})",
        "tcsh": _in_tcsh([*at_once, *later], in_tcsh),
        "preamble": {"bash": _in_bash(name, at_once, later, commands), "zsh": _in_zsh(name, at_once, later, commands), "fish": _in_fish(name, at_once, later, commands)},
    }  # fmt: skip


def _in_bash(name: str, at_once: list[str], later: list[str], commands: list[str]) -> str:
    lines = [f'compgen -W "{" ".join(at_once)}" -- "$1"'] if at_once else []
    lines += [f'[ -n "$1" ] && compgen -W "{" ".join(later)}" -- "$1"'] if later else []
    lines += [f'compgen -W "$({command})" -- "$1"' for command in commands]
    return _function(f"{name}() {{", lines, "}")


def _in_zsh(name: str, at_once: list[str], later: list[str], commands: list[str]) -> str:
    lines = [f'compadd "$@" -- {" ".join(at_once)}'] if at_once else []
    lines += [f'[[ -n $PREFIX ]] && compadd "$@" -- {" ".join(later)}'] if later else []
    lines += [f'compadd "$@" -- ${{(f)"$({command})"}}' for command in commands]
    return _function(f"{name}() {{", lines, "}")


def _in_fish(name: str, at_once: list[str], later: list[str], commands: list[str]) -> str:
    lines = [f"string split ' ' -- '{' '.join(at_once)}'"] if at_once else []
    lines += [f"test -n (commandline -ct); and string split ' ' -- '{' '.join(later)}'"] if later else []
    return _function(f"function {name}", lines + commands, "end")


def _function(head: str, lines: list[str], end: str) -> str:
    return "\n".join([head, *(f"  {line}" for line in lines), end])


def _in_tcsh(words_now: list[str], kinds: tuple[str, ...]) -> str:
    """A list, or a command where something is asked: tcsh takes one or the other, and `/` ends a list."""
    if set(kinds) & set(_OF_POLICY):
        return "`portulan completion " + " ".join(f"--words {kind}" for kind in kinds) + "`"
    return "(" + " ".join(word for word in words_now if "/" not in word) + ")"
