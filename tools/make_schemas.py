"""The JSON Schema of every envelope, made from the model: `docs/schema/NAME.json`. With --check, whether the committed ones are up to date.

python tools/make_schemas.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from portulan.cli.contract import ENVELOPES, schema_of

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schema"


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
