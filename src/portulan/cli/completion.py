"""`portulan completion SHELL`: completions, written by shtab from the same parser that reads the line."""

from __future__ import annotations

import argparse

from portulan.cli.face import Face
from portulan.errors import BadInput
from portulan.text.voice import Voice, mark

SHELLS = ("bash", "zsh", "fish", "tcsh")
EXAMPLES = (
    ('eval "$(portulan completion bash)"', mark("completions in this bash, now")),
    ("portulan completion zsh > ~/.zfunc/_portulan", mark("for every zsh to come")),
    ("portulan completion fish > ~/.config/fish/completions/portulan.fish", mark("for every fish to come")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("shell", metavar="SHELL", help=voice.say("bash, zsh, fish or tcsh"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Print the completion script."""
    if options.shell not in SHELLS:
        raise BadInput("completion.shell", text=options.shell, known=", ".join(SHELLS))
    import shtab

    from portulan.cli.parser import build_whole_parser

    script = shtab.complete(build_whole_parser(face.voice), shell=options.shell)
    if options.json:
        face.envelope("completion", [{"shell": options.shell, "script": script}])
    else:
        face.line(script)
    return 0
