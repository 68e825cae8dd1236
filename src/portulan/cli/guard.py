"""`portulan guard`: a default-deny policy in a few lines. Each thing it does is a module of its own, `cli/guard_NAME.py`, with `SUMMARY`, `arguments`, `run` and `EXAMPLES`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from types import ModuleType

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

NO = mark("each part says when; without a part, as status does")
EXAMPLES: tuple[tuple[str, str], ...] = (
    ("portulan guard init", mark("a first policy, from what listens here and who gets to it")),
    ("portulan guard check", mark("read it: mistakes, doubtful lines, what is always kept")),
    ("portulan guard open https", mark("a line more")),
)
STATUS, CHECK = "status", "check"
"""What a bare `portulan guard` does."""
ORDER = ("status", "init", "check", "open", "close", "plan", "apply", "confirm", "rollback", "history", "boot", "prove", "export")


def parts() -> dict[str, ModuleType]:
    """The module of each thing it does, in the order of the help."""
    return {name: import_module(_home(name)) for name in ORDER if find_spec(_home(name)) is not None}


def _home(name: str) -> str:
    return f"portulan.cli.guard_{name}"


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments: one parser for each thing it does."""
    from argparse import RawDescriptionHelpFormatter

    from portulan.cli.parser import add_common, examples_text

    chosen = parser.add_subparsers(
        dest="action", metavar="ACTION", title=voice.say("actions"), help=voice.say("what to do; by itself: status")
    )
    for name, module in parts().items():
        summary = voice.say(module.SUMMARY)
        part = chosen.add_parser(
            name,
            help=summary,
            description=summary[:1].upper() + summary[1:] + voice.say("."),
            epilog=examples_text(module, voice),
            formatter_class=parser.formatter_class if parser.epilog else RawDescriptionHelpFormatter,
        )
        module.arguments(part, voice)
        add_common(part, voice, below=True)


def run(options: argparse.Namespace, face: Face) -> int:
    """Do it."""
    name = options.action
    if name is None:
        name = STATUS if find_spec(_home(STATUS)) is not None else CHECK
        _add_defaults(options, import_module(_home(name)), face.voice)
    status: int = import_module(_home(name)).run(options, face)
    return status


def _add_defaults(options: argparse.Namespace, module: ModuleType, voice: Voice) -> None:
    """What the part's own parser would have made of no words at all."""
    from portulan.cli.parser import Parser

    parser = Parser(prog="portulan guard")
    module.arguments(parser, voice)
    for name, value in vars(parser.parse_args([])).items():
        setattr(options, name, value)


def add_policy(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """`--policy FILE`, of every part that reads one."""
    parser.add_argument(
        "--policy", metavar="FILE", help=voice.say("the policy; by default portulan.toml here, else /etc/portulan/portulan.toml")
    )
