"""`portulan`: finds the command, runs it, and turns whatever happens into one sentence and an exit status.

0 yes or done · 1 the answer is no · 2 bad input · 3 could not find out or not permitted · 4 the machine failed · 130 interrupted.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from types import SimpleNamespace

from portulan.cli.commands import COMMANDS
from portulan.cli.face import Face, wants_colour, window_width
from portulan.errors import BadInput, PortulanError
from portulan.text.voice import DOMAIN, LANGUAGES, LOCALE_FOLDER, Voice, choose_language

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any, NoReturn

INTERRUPTED, MACHINE_FAILED = 130, 4
_SWITCH_S = 0.0005


def run() -> NoReturn:
    """The entry point of the installed program."""
    # A short run makes many values and frees them all at its end: collecting between is lost time. The thread that reads holders from the
    # kernel hands over every few microseconds: waiting the usual 5 ms for it would cost more than the work.
    gc.disable()
    sys.setswitchinterval(_SWITCH_S)
    status = main(sys.argv[1:])
    leave(status)


def leave(status: int) -> NoReturn:
    """End at once: what a short run has made need not be taken apart piece by piece."""
    for stream, matters in ((sys.stderr, False), (sys.stdout, True)):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            continue
        except (OSError, ValueError):
            status = status or (MACHINE_FAILED if matters else 0)
    os._exit(status)


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status; every error of ours becomes one sentence on stderr."""
    words = list(arguments)
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us: there is nobody to talk to on it
        sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the program runs
        if sys.stdout is None:
            return MACHINE_FAILED
    face = Face(Voice("en"), sys.stdout, sys.stderr)
    try:
        face = _face(words)
        status = _dispatch(words, face)
        sys.stdout.flush()  # here a full disk is still told
    except PortulanError as error:
        return _explain(error, face)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us (head, less) has had enough: that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _explain(
            PortulanError(
                "machine.failed",
                operation="write" if error.filename is None else "open",
                subject=str(error.filename or "stdout"),
                reason=error.strerror or str(error),
            ),
            face,
        )
    return status


def _explain(error: PortulanError, face: Face) -> int:
    from portulan.text.errors import sentences

    for text in sentences(face.voice, error):
        face.note(text)
    return error.exit_status


def _face(words: Sequence[str]) -> Face:
    """The reader's language, window and taste, from the words and the environment."""
    asked = _option(words, "--lang")
    environment = os.environ
    language = choose_language(asked, environment)
    if language not in LANGUAGES:
        raise BadInput("language.unknown", text=language, known=", ".join(LANGUAGES))
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", "backslashreplace") != "backslashreplace" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    colour = wants_colour(_option(words, "--color") or "auto", sys.stdout, environment)
    return Face(Voice(language), sys.stdout, sys.stderr, width=window_width(environment), colour=colour)


def _option(words: Sequence[str], name: str) -> str | None:
    """The value of an option that must be known before the words are parsed."""
    for at, word in enumerate(words):
        if word == "--":
            return None
        if word == name and at + 1 < len(words):
            return words[at + 1]
        if word.startswith(name + "="):
            return word[len(name) + 1 :]
    return None


def teach_argparse(language: str) -> None:
    """argparse speaks through the process's own gettext domain: ours, in the chosen language. `C` spares it a search through locales."""
    os.environ["LANGUAGE"] = "C" if language == "en" else language
    if language != "en":
        import gettext

        gettext.bindtextdomain(DOMAIN, LOCALE_FOLDER)
        gettext.textdomain(DOMAIN)


def _dispatch(words: list[str], face: Face) -> int:
    name, rest = _command(words)
    if name in ("--help", "-h", "help"):
        from portulan.cli.parser import overview

        face.line(overview(face.voice))
        return 0
    if name in ("--version", "-V"):
        from portulan import __version__

        face.line(f"portulan {__version__}")
        return 0
    module = import_module(COMMANDS[name].module)
    rest, behind = _split(module, rest)
    options = None if behind else _plain(module, rest)
    if options is None:
        from portulan.cli.parser import build_parser

        teach_argparse(face.voice.language)
        try:
            options = build_parser(COMMANDS[name], face.voice, face.width).parse_args(rest)
        except SystemExit as leaving:  # --help has printed itself
            return leaving.code if isinstance(leaving.code, int) else 0
        if behind:
            options.command = behind
    status: int = module.run(options, face)
    return status


def _split(module: ModuleType, words: list[str]) -> tuple[list[str], list[str]]:
    """Where a command takes another one behind `--`, its words are that one's own: they are no matter of ours."""
    if not getattr(module, "TAKES_COMMAND", False) or "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _plain(module: ModuleType, words: list[str]) -> Any:
    """The options of the commonest lines, which hold none but `--json` and what the command takes so: argparse and what it brings take 10 ms, an eighth of such an answer."""
    bare = [word for word in words if word != "--json"]
    if not hasattr(module, "plain") or any(word.startswith("-") and word not in getattr(module, "PLAIN", ()) for word in bare):
        return None
    options = module.plain(bare)
    return None if options is None else SimpleNamespace(**options, json=len(bare) < len(words), lang=None, color="auto")


def _command(words: list[str]) -> tuple[str, list[str]]:
    """The command's name and its arguments: none means `ls`, a port or a service name means `who`."""
    if not words:
        return "ls", []
    first = words[0]
    if not first.strip():
        raise BadInput("port.not-a-number", text=first)
    if first in COMMANDS or first in ("--help", "-h", "help", "--version", "-V"):
        if first == "help" and words[1:2] and words[1] in COMMANDS:
            return words[1], ["--help"]
        return first, words[1:]
    if first.startswith("-"):
        return _behind_options(words)
    return _by_ports(words)


def _behind_options(words: list[str]) -> tuple[str, list[str]]:
    """Options before the command belong to it: `portulan --lang ja who 80`."""
    values = (
        "--lang", "--color", "--user", "--name", "--service", "--netns", "--source", "--pid", "--watch", "--address", "--uid", "--device", "--kind", "--transport",
        "--port", "--range", "--for", "--except", "--wait", "-n", "-c", "--count", "-i", "--interval", "-w", "--patience", "-m", "--max-hops",
        "--compare", "--as-file", "--read", "-r", "--interface", "--filter", "-f", "--write", "--duration", "--sample", "--by", "--top", "--bucket", "--cap", "--plot",
        "--workers", "--cluster", "--packet",
    )  # fmt: skip
    common = ("--lang", "--color", "--json")
    before: list[str] = []
    for at, word in enumerate(words):
        if word in ("--help", "-h"):
            return "--help", []
        if at and words[at - 1] in values:
            before.append(word)
        elif word in COMMANDS:
            return word, words[:at] + words[at + 1 :]
        elif word.startswith("-"):
            before.append(word)
        elif all(one.split("=")[0] in common for one in before if one.startswith("-")):
            # Only what every command understands stands before the port: it is asked as if it stood behind it.
            name, rest = _by_ports(words[at:])
            return name, [*rest, *before]
    return "ls", words


def _by_ports(words: list[str]) -> tuple[str, list[str]]:
    """One port or service name means `who`, several mean `ls`."""
    first = words[0]
    if not (first[0].isdigit() and ":" not in first) and not _names_a_port(first):
        raise BadInput("command.unknown", text=first, near=_nearest(first))
    several = len(words) > 1 and all(not word.startswith("-") for word in words)
    return ("ls" if several else "who"), words


def _names_a_port(text: str) -> bool:
    """Whether the word is a service the registry knows (`portulan ssh`), with or without a transport."""
    from portulan.verbs.ports import resolve_ports

    try:
        return bool(resolve_ports(text))
    except BadInput:
        return False


def _nearest(text: str) -> str:
    """A command, a port or a service that may have been meant; empty for none."""
    from difflib import get_close_matches

    place, _, port = text.rstrip("/").rpartition(":")
    if port.isdigit() and (place or text.startswith(":")):  # an address with a port, or a URL
        return port
    near = get_close_matches(text, COMMANDS, 1)
    if not near:
        from portulan.verbs.lookup import lookup

        near = list(lookup(text).suggestions[:1])
    return "".join(near)
