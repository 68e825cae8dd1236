"""What `docs/proof.md` says, quoted in pages that people write: between `<!-- proof NAME… -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from pathlib import Path

PROOF = Path(__file__).resolve().parent.parent / "docs" / "proof.md"
_PLACE = re.compile(r"<!-- proof ([a-z -]+) -->\n.*?<!-- end -->", re.DOTALL)
_WORDS = {
    "en": ("{seeds}; differences: **{differences}** (version {version}).", "Not run yet."),
    "ja": ("シード {seeds}、相違: **{differences}**（版 {version}）。以下は証明の原文です。", "まだ実行していません。"),
}


def quoted(text: str, language: str, proof: str) -> str:
    """The page with what the proof says now. Raises KeyError for a proof that there is not."""
    rows = {
        row[0]: row
        for line in proof.splitlines()
        if line.startswith("| ") and (row := [cell.strip() for cell in line.strip("| \n").split(" | ")])
    }
    texts: dict[str, str] = dict(re.findall(r"^## ([a-z-]+)\n\n(.*?)(?=^## |\Z)", proof, re.MULTILINE | re.DOTALL))

    def quote(place: re.Match[str]) -> str:
        parts = []
        for name in place[1].split():
            parts += [f"> **{name}**: {_run(rows[name], language)}", ">"]
            parts += [f"> {line}".rstrip() for line in texts[name].strip().splitlines()]
            parts.append("")
        return f"<!-- proof {place[1]} -->\n" + "\n".join(parts) + "\n<!-- end -->"

    return _PLACE.sub(quote, text)


def _run(row: list[str], language: str) -> str:
    done, not_yet = _WORDS[language]
    if len(row) < 6 or not row[2]:
        return not_yet
    seeds = f"seeds {row[1]}" if language == "en" else row[1].replace(" to ", " ～ ")
    return done.format(seeds=seeds, differences=row[2], version=row[5])
