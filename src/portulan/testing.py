"""The pytest plugin: ports for tests, which nobody else is given while the test runs. Loaded by pytest itself (entry point `pytest11`).

    def test_server(free_port):                 one port, held until the test ends; the same number for the same test each time, while it is free
        start(["my-server", "--port", str(free_port)])

    def test_two(portulan_lease):               as many as needed, each by a name of its own
        web, db = portulan_lease("web"), portulan_lease("db", transport="both")
        serve(web.socket()), connect(db.number)

`free_port` is a plain number; `portulan_lease` gives what `portulan.lease` does.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from portulan.verbs.lease import Leased

_LONGEST = 80


@pytest.fixture
def portulan_lease(request: pytest.FixtureRequest) -> Iterator[Callable[..., Leased]]:
    """`portulan_lease(name="port", **options of portulan.lease)`: a port for this test, given back after it."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def take(name: str = "port", **options: Any) -> Leased:
            taken = _take(f"{_tail(request.node.nodeid)} {name}", options)
            stack.enter_context(taken)
            return taken

        yield take


@pytest.fixture
def free_port(portulan_lease: Callable[..., Leased]) -> int:
    """A TCP port for this test, held bound until it ends: a server that sets SO_REUSEADDR binds over it."""
    return portulan_lease().number


def _tail(text: str) -> str:
    """A test's name as a lease may have it."""
    return "".join(character if character.isprintable() else "?" for character in text)[-_LONGEST:].lstrip("- ")


def _take(name: str, options: dict[str, Any]) -> Leased:
    """The name's own port; where the same test runs a second time at this moment, any other."""
    from portulan.errors import Refused
    from portulan.verbs.lease import lease

    try:
        return lease(name, **options)
    except Refused as error:
        if error.code != "lease.held":
            raise
        return lease(**options)
