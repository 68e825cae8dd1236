"""`portulan completion SHELL`: completions, written by shtab from the same parser that reads the line."""

from __future__ import annotations

import argparse

from portulan.cli.completing import KINDS, SHELLS, words
from portulan.cli.face import Face
from portulan.errors import BadInput
from portulan.text.voice import Voice, mark

EXAMPLES = (
    ('eval "$(portulan completion bash)"', mark("completions in this bash, now")),
    ("portulan completion zsh > ~/.zfunc/_portulan", mark("for every zsh to come")),
    ("portulan completion fish > ~/.config/fish/completions/portulan.fish", mark("for every fish to come")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("shell", nargs="?", metavar="SHELL", help=voice.say("bash, zsh, fish or tcsh"))
    parser.add_argument(
        "--words", action="append", choices=KINDS, metavar="KIND",
        help=voice.say("print words instead, as the scripts ask for them: {kinds}; doors and sources are those of the policy", kinds=", ".join(KINDS)),
    )  # fmt: skip


def run(options: argparse.Namespace, face: Face) -> int:
    """Print the completion script, or words."""
    if options.words:
        return _show_words(options, face)
    if options.shell not in SHELLS:
        raise BadInput("completion.shell", text=options.shell or "", known=", ".join(SHELLS))
    import shtab

    from portulan.cli.completing import teach
    from portulan.cli.parser import build_whole_parser
    from portulan.model.completion import Script

    parser = build_whole_parser(face.voice)
    teach(parser)
    script = shtab.complete(parser, shell=options.shell)
    if options.json:
        face.envelope("completion", [Script(options.shell, script)])
    else:
        face.line(script)
    return 0


def _show_words(options: argparse.Namespace, face: Face) -> int:
    from portulan.model.completion import Word

    found = [Word(kind, word) for kind in options.words for word in words(kind)]
    if options.json:
        face.envelope("completion-words", found)
        return 0
    for each in found:
        face.line(each.word)
    return 0
