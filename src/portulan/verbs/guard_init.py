"""A first policy for this machine: what is open today, to those who get there today."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from portulan.errors import BadInput
from portulan.guard.policy.draft import draft
from portulan.guard.policy.read import parse_policy
from portulan.model.guard_draft import Drafted
from portulan.system.ephemeral import read_ephemeral_range
from portulan.system.output_file import OutputFile
from portulan.system.registry_file import open_table
from portulan.verbs.guard_policy import find_policy, reader_beside
from portulan.verbs.reach import reach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.chart import Gap


def guard_draft(*, source: str = "auto") -> tuple[Drafted, tuple[Gap, ...]]:
    """The draft, and what could not be seen. Raises CannotTell where the kernel cannot be asked, MachineFailed."""
    answer = reach(namespaces=("this",), source=source)
    made = draft(answer.doors, open_table(), read_ephemeral_range())
    drafted = Drafted(
        answer.host, datetime.now(UTC), made.sources, made.doors, made.left_out, ping=not _has_rules(), routes=_routes(),
    )  # fmt: skip
    return drafted, answer.gaps


def write_draft(text: str, policy: str | None = None) -> str:
    """Put a draft's text in its place (`find_policy`), which must be empty; its path. Raises BadInput where there is a file already, or nothing can be written."""
    file = find_policy(policy)
    parse_policy(text, file, open_table(), reader_beside(file))
    if os.path.lexists(file):
        raise BadInput("guard.exists", file=file)
    folder = os.path.dirname(file)
    if policy is None and folder and not os.path.isdir(folder):
        try:
            os.mkdir(folder, 0o755)
        except OSError as error:
            raise BadInput("output.cannot-write", path=file, reason=error.strerror or str(error)) from error
    output = OutputFile(file)
    output.write(text.encode())
    output.finish()
    return file


def _has_rules() -> bool:
    """Whether any firewall rule is there, or may be."""
    if not sys.platform.startswith("linux"):
        return True
    from portulan.errors import PortulanError
    from portulan.system.firewall.present import has_rules

    try:
        return has_rules(None)
    except PortulanError:
        return True


def _routes() -> bool:
    """Whether it forwards between networks of its own: two interfaces at least that forward and are no container's."""
    if not sys.platform.startswith("linux"):
        return False
    from portulan.errors import PortulanError
    from portulan.system.linux.network import read_network

    try:
        links = read_network().links
    except PortulanError:
        return False
    outer = [
        link
        for link in links
        if link.type == 1 and link.kind not in ("veth", "bridge", "dummy", "ifb") and link.master is None and link.addresses
    ]
    return sum(link.forwards4 or link.forwards6 for link in outer) > 1
