"""Argument parsers. One command's parser is built when it is needed: building them all would cost more than most answers do."""

from __future__ import annotations

import argparse
from functools import partial
from importlib import import_module

from portulan import __version__
from portulan.cli.commands import COMMANDS, Command
from portulan.errors import BadInput
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, NoReturn

    from portulan.text.voice import Voice


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        """Raises BadInput instead of printing the usage and leaving."""
        raise BadInput("usage", message=message, command=self.prog)


def add_common(parser: argparse.ArgumentParser, voice: Voice, *, below: bool = False) -> None:
    """What every command understands. `below`: of a part of a command, which leaves what stood before it as it is."""
    unsaid: Any = argparse.SUPPRESS if below else None
    group = parser.add_argument_group(voice.say("output"))
    group.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS if below else False, help=voice.say("print the answer as JSON")
    )
    group.add_argument(
        "--lang", metavar="LANG", default=unsaid, help=voice.say("speak English (en) or Japanese (ja); by default as LANG says")
    )
    group.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default=unsaid or "auto",
        help=voice.say("colour the output; auto: on a terminal only"),
    )


def module_of(command: Command) -> ModuleType:
    """The module that serves a command."""
    return import_module(command.module)


def build_parser(command: Command, voice: Voice, width: int = 80) -> argparse.ArgumentParser:
    """The parser of one command, its help for a window of `width` columns."""
    module = module_of(command)
    parser = Parser(
        prog=f"portulan {command.name}",
        description=voice.say(command.summary)[:1].upper() + voice.say(command.summary)[1:] + voice.say("."),
        epilog=examples_text(module, voice),
        # The width is given because argparse would import shutil, and with it three compressors, to find it.
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=min(width, 100) - 2),
    )
    module.arguments(parser, voice)
    add_common(parser, voice)
    return parser


def parts_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of what a command's first word chooses, by that word; most commands have none."""
    return {name: part for action in parser._actions if isinstance(action.choices, dict) for name, part in action.choices.items()}  # noqa: SLF001 - argparse has no other list


def examples_text(module: ModuleType, voice: Voice) -> str:
    """The examples below a command's help."""
    examples: tuple[tuple[str, str], ...] = getattr(module, "EXAMPLES", ())
    no: str = getattr(module, "NO", "")
    size = max((len(command) for command, _ in examples), default=0)
    lines = [voice.say("examples:"), *(f"  {command:<{size}}   {voice.say(meaning)}" for command, meaning in examples), ""]
    lines.append(voice.say("exit status: 0 yes or done; 2 bad input; 3 could not find out, or not permitted; 4 the machine failed"))
    if no:
        lines.append("  " + voice.say("1 the answer is no: {what}", what=voice.say(no)))
    return "\n".join(lines)


OVERVIEW_EXAMPLES = (
    ("portulan", mark("the chart of this machine")),
    ("portulan 80", mark("who holds port 80, why, and how to stop it")),
    ("portulan lookup 5432", mark("what port 5432 is for")),
    ("sudo portulan", mark("the same chart with nothing hidden")),
)


def overview(voice: Voice) -> str:
    """What `portulan --help` prints."""
    names = [(name, voice.say(command.summary)) for name, command in COMMANDS.items()]
    size = max(len(name) for name, _ in names)
    width = max(len(text) for text, _ in OVERVIEW_EXAMPLES)
    lines = [
        voice.say("portulan: the chart of every network port"),
        "",
        voice.say("usage: portulan [COMMAND] [ARGUMENTS]      a port number alone means who"),
        "",
        *(f"  {name:<{size}}   {summary}" for name, summary in names),
        "",
        *(f"  {text:<{width}}   {voice.say(meaning)}" for text, meaning in OVERVIEW_EXAMPLES),
        "",
        voice.say("More of one command: portulan COMMAND --help      version: portulan --version"),
    ]
    return "\n".join(lines)


def build_whole_parser(voice: Voice) -> argparse.ArgumentParser:
    """All commands in one parser: what completions and the manual are made of."""
    parser = Parser(prog="portulan", description=voice.say("portulan: the chart of every network port"))
    parser.add_argument("--version", action="version", version=f"portulan {__version__}", help=voice.say("print the version"))
    chosen = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        module = module_of(command)
        part = chosen.add_parser(
            name,
            help=voice.say(command.summary),
            description=voice.say(command.summary),
            epilog=examples_text(module, voice),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(part, voice)
        add_common(part, voice)
    return parser
