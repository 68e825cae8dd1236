"""Manual pages (man 1) made from the parsers, in English and in Japanese: for the wheel, which installs them under share/man.

python tools/make_man.py FOLDER     write FOLDER/man1/portulan.1, FOLDER/man1/portulan-ls.1, …, FOLDER/ja/man1/portulan.1, …
"""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module
from pathlib import Path

from portulan import __version__
from portulan.cli.commands import COMMANDS
from portulan.cli.main import teach_argparse
from portulan.cli.parser import OVERVIEW_EXAMPLES, build_parser, module_of, overview, parts_of
from portulan.text.voice import LANGUAGES, Voice

HEADINGS: dict[str, tuple[str, str]] = {
    "name": ("NAME", "名前"),
    "synopsis": ("SYNOPSIS", "書式"),
    "description": ("DESCRIPTION", "説明"),
    "commands": ("COMMANDS", "コマンド"),
    "options": ("OPTIONS", "オプション"),
    "examples": ("EXAMPLES", "例"),
    "status": ("EXIT STATUS", "終了コード"),
    "also": ("SEE ALSO", "関連項目"),
}


def man_pages(language: str) -> dict[str, str]:
    """File name -> roff text of each page of a language."""
    teach_argparse(language)
    voice = Voice(language)
    return {"portulan.1": _whole(voice), **{f"portulan-{name}.1": _command(name, voice) for name in COMMANDS}}


def escaped(text: str) -> str:
    """Text that roff takes as it is: no requests, no escapes, and hyphens that can be copied into a shell."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def _head(name: str) -> list[str]:
    # Ragged and not hyphenated: an option that is broken in two cannot be copied.
    return [f'.TH "{name.upper()}" 1 "" "portulan {__version__}" "Portulan"', ".ad l", ".nh"]


def _section(key: str, voice: Voice) -> str:
    return f'.SH "{HEADINGS[key][voice.language == "ja"]}"'


def _whole(voice: Voice) -> str:
    usage = next(line for line in overview(voice).splitlines() if "[" in line)
    lines = [
        *_head("portulan"), _section("name", voice), escaped(f"portulan - {voice.say('portulan: the chart of every network port').partition(': ')[2]}"),
        _section("synopsis", voice), ".B portulan", escaped(re.sub(r"^.*?portulan ", "", usage)), _section("commands", voice),
    ]  # fmt: skip
    for name, command in COMMANDS.items():
        lines += [".TP", f".BR portulan\\-{name} (1)", escaped(voice.say(command.summary))]
    lines += [_section("examples", voice), *_examples(OVERVIEW_EXAMPLES, voice)]
    return "\n".join(lines) + "\n"


def _command(name: str, voice: Voice) -> str:
    command = COMMANDS[name]
    parser = build_parser(command, voice, 78)
    summary = voice.say(command.summary)
    usage = re.sub(r"\s+", " ", parser.format_usage()).partition(f"portulan {name}")[2].strip()
    lines = [
        *_head(f"portulan-{name}"), _section("name", voice), escaped(f"portulan-{name} - {summary}"), _section("synopsis", voice),
        f'.B "portulan {name}"', escaped(usage), _section("description", voice), escaped(parser.description or summary), _section("options", voice),
    ]  # fmt: skip
    lines += _options(parser)
    for part_name, part in parts_of(parser).items():
        lines += [f'.SS "{escaped(f"portulan {name} {part_name}")}"', escaped(part.description or ""), *_options(part)]
        module = import_module(f"{command.module}_{part_name}")
        lines += _examples(getattr(module, "EXAMPLES", ()), voice)
        if no := getattr(module, "NO", ""):
            lines += [".PP", escaped(voice.say("1 the answer is no: {what}", what=voice.say(no)))]
    lines += [_section("examples", voice), *_examples(getattr(module_of(command), "EXAMPLES", ()), voice), _section("status", voice)]
    lines += _status(parser.epilog or "", voice)
    lines += [_section("also", voice), ".BR portulan (1)"]
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser) -> list[str]:
    lines = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list of them
        if action.help is not argparse.SUPPRESS:
            lines += [".TP", _term(action), escaped(_help(action, parser))]
    return lines


def _status(epilog: str, voice: Voice) -> list[str]:
    """The lines about the exit status, which stand last in a command's help."""
    lines = [line.strip() for line in epilog.splitlines()]
    begin = lines.index(voice.say("exit status: 0 yes or done; 2 bad input; 3 could not find out, or not permitted; 4 the machine failed"))
    first, *rest = lines[begin:]
    return [part for line in (first.partition(": ")[2], *rest) for part in (escaped(line), ".br")][:-1]


def _term(action: argparse.Action) -> str:
    """`-o, --output FILE`, in bold and italics."""
    value = "" if action.nargs == 0 else _value(action)
    if not action.option_strings:
        return f".I {escaped(value)}"
    names = ", ".join(f"\\fB{escaped(name)}\\fR" for name in action.option_strings)
    return names + (f" \\fI{escaped(value)}\\fR" if value else "")


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper() if action.option_strings else action.dest


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return (action.help or "") % {"prog": parser.prog, "default": action.default} if action.help else ""


def _examples(examples: tuple[tuple[str, str], ...], voice: Voice) -> list[str]:
    return [line for shown, meaning in examples for line in (".TP", f"\\fB{escaped(shown)}\\fR", escaped(voice.say(meaning)))]


def write_all(folder: Path) -> list[Path]:
    """Write every page, and say where."""
    written = []
    for language in LANGUAGES:
        place = folder / "man1" if language == "en" else folder / language / "man1"
        place.mkdir(parents=True, exist_ok=True)
        for name, text in man_pages(language).items():
            (place / name).write_text(text, "utf-8")
            written.append(place / name)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{len(write_all(Path(sys.argv[1])))} pages in {sys.argv[1]}")
