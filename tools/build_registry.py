"""Build the packaged registry from IANA's published file (XML or CSV).

python tools/build_registry.py FILE [TABLE]

FILE is https://www.iana.org/assignments/service-names-port-numbers/service-names-port-numbers.xml, fetched beforehand; TABLE defaults to
the packaged one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from portulan.errors import PortulanError
from portulan.registry.build import build_table
from portulan.registry.source import parse_source
from portulan.registry.table import Table

PACKAGED = Path(__file__).resolve().parent.parent / "src/portulan/registry/data/iana-ports.txt"


def main() -> int:
    """Read, build, read back, write by a rename."""
    if not 2 <= len(sys.argv) <= 3:
        print(__doc__)
        return 2
    path = Path(sys.argv[2]) if len(sys.argv) == 3 else PACKAGED
    try:
        source = parse_source(Path(sys.argv[1]).read_bytes())
        data = build_table(source.records, source.date)
        table = Table(data)
    except (OSError, PortulanError) as error:
        print(error, file=sys.stderr)
        return 1
    assert table.intact()
    assert sorted(map(repr, set(source.records))) == sorted(map(repr, table.everything())), "the table does not say what the source says"
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(path)
    print(f"{path}: {len(data):,} bytes, {table.about()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
