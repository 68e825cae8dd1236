"""The manual's pages that the code makes, commands and reference, and what others quote of the proof: `docs/en/` and `docs/ja/`. With --check, whether the committed pages are up to date.

python tools/make_docs.py [--check]
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

from portulan.cli.commands import COMMANDS
from portulan.cli.main import teach_argparse
from portulan.cli.parser import build_parser, overview, parts_of
from portulan.text.voice import LANGUAGES, Voice
from proof_quotes import PROOF, quoted
from reference_pages import reference

FOLDER = Path(__file__).resolve().parent.parent / "docs"


def pages(language: str) -> dict[str, str]:
    """File name -> text, of one language."""
    teach_argparse(language)
    voice = Voice(language)
    made = {"README.md": _page("portulan", overview(voice), voice, links=True)}
    for name, command in COMMANDS.items():
        made[f"{name}.md"] = _command(f"portulan {name}", build_parser(command, voice, 90), voice)
    proof = PROOF.read_text("utf-8")
    how = {
        f"how/{path.name}": quoted(path.read_text("utf-8"), language, proof) for path in sorted((FOLDER / language / "how").glob("*.md"))
    }
    return made | how | {f"reference/{name}": text for name, text in reference(language).items()}


def _command(title: str, parser: ArgumentParser, voice: Voice) -> str:
    """A command's page: its help, and that of each of its parts."""
    whole = _page(title, parser.format_help(), voice, links=False)
    parts = [_page(f"{title} {name}", part.format_help(), voice, links=False) for name, part in parts_of(parser).items()]
    return whole + "".join(f"\n#{part}" for part in parts)


def _page(title: str, text: str, voice: Voice, *, links: bool) -> str:
    lines = [f"# {title}", "", "```", *text.rstrip("\n").split("\n"), "```", ""]
    if links:
        lines += [f"- [{name}]({name}.md): {voice.say(command.summary)}" for name, command in COMMANDS.items()]
        lines.append("")
    return "\n".join(line.rstrip() for line in lines)


def main() -> int:
    """Write the pages, or compare."""
    stale = []
    for language in LANGUAGES:
        for name, text in pages(language).items():
            path = FOLDER / language / name
            if "--check" not in sys.argv:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
            elif not path.exists() or path.read_text("utf-8") != text:
                stale.append(f"{language}/{name}")
    if stale:
        print("out of date: " + ", ".join(stale) + "; run make docs", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
