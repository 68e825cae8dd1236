"""Install Debian packages into a private root, or find that it is there already. The machine itself is not touched.

.venv/bin/python tools/private_root.py --into .cache/roots/peers iproute2 lsof procps nginx-light

Ends with 0 also where it cannot be done (no root, no apt-get, no network), so that the tests that need none of it still run; it says so on stderr.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from portulan.errors import CannotTell, PortulanError
from portulan.system.sandbox.root import default_folder, ensure_root
from portulan.text.errors import sentences
from portulan.text.voice import Voice


def main() -> int:
    """Build or reuse, and say which in one line."""
    parser = argparse.ArgumentParser(description="Install Debian packages into a private root, for tests.")
    parser.add_argument(
        "--into", metavar="FOLDER", type=Path, default=default_folder("peers"), help="where to keep it (default: %(default)s)"
    )
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    options = parser.parse_args()
    begin = time.monotonic()
    try:
        root, installed = ensure_root(options.into, options.packages)
    except CannotTell as error:
        print(
            "!!! NO PRIVATE ROOT: tests that need these programs will be skipped.",
            *sentences(Voice(), error),
            sep="\n!!! ",
            file=sys.stderr,
        )
        return 0
    except PortulanError as error:
        print(*sentences(Voice(), error), sep="\n", file=sys.stderr)
        return error.exit_status
    state = f"installed in {time.monotonic() - begin:.1f} s" if installed else "ready"
    print(f"private root {root.folder}: {state}, {', '.join(root.packages)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
