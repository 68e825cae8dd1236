"""Whether a port is free, asked of the kernel alone: who holds it takes longer to find out."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext

from portulan.errors import failed
from portulan.system.linux.dumps import parse_dumps, read_dumps
from portulan.system.linux.namespaces import OWN, Place, inside, list_places, open_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portulan.model.survey import Row, Selection


@contextmanager
def occupants(netns: int | None, selection: Selection) -> Iterator[Callable[[], list[Row]]]:
    """A question that can be asked again and again in the block: the sockets in one network namespace (None: our own).

    The namespace is kept open meanwhile: it may be that only those who hold the port live in it. Raises MachineFailed, and so does the question.
    """
    if netns is None:
        yield lambda: _ask(None, None, selection)
        return
    found = next((one for one in list_places()[0] if one.inode == netns), Place(netns, OWN))
    try:
        descriptor = open_place(found)
    except OSError as error:
        raise failed("open", f"net:[{netns}]", error) from error
    try:
        yield lambda: _ask(netns, Place(netns, f"/proc/self/fd/{descriptor}"), selection)
    finally:
        os.close(descriptor)


def _ask(netns: int | None, place: Place | None, selection: Selection) -> list[Row]:
    try:
        with nullcontext() if place is None else inside(place):
            dumps, _ = read_dumps(netns, selection)
    except OSError as error:
        raise failed("sock_diag", f"net:[{netns}]", error) from error
    return parse_dumps(dumps, selection.ports)
