"""The JSON Schema of every envelope, made from the model: `docs/schema/NAME.json`. With --check, whether the committed ones are up to date.

python tools/make_schemas.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from portulan.cli.envelope import ENVELOPES, VERSIONS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schema"


def schema_of(command: str) -> dict[str, Any]:
    """The schema of one command's envelope."""
    rows, facts = ENVELOPES[command]
    (items,), components = msgspec.json.schema_components([rows], ref_template="#/$defs/{name}")
    properties: dict[str, Any] = {
        "schema": {"const": f"portulan.{command}/{VERSIONS.get(command, 1)}"},
        "taken_at": {"type": "string", "format": "date-time"},
        "complete": {"type": "boolean"},
        "missing": {"type": "array", "items": {"type": "string"}},
    }
    for name, kind in facts.items():
        (properties[name],), more = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
        components |= more
    properties["items"] = {"type": "array", "items": items}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"portulan.{command}/{VERSIONS.get(command, 1)}",
        "title": f"portulan {command} --json",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "$defs": components,
    }


def main() -> int:
    """Write the schemas, or compare."""
    stale = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for command in ENVELOPES:
        path = FOLDER / f"{command}.json"
        text = json.dumps(schema_of(command), indent=1, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
    if stale:
        print("out of date: " + ", ".join(stale) + "; run make docs", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
