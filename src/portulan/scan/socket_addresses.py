"""Pairs as socket addresses, as the library takes them."""

from __future__ import annotations

from itertools import repeat

import numpy as np

from portulan.model.address import format_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from portulan.scan.space import Space
    from portulan.system.connecting import Target


def socket_addresses(space: Space, host: NDArray[np.int64], port: NDArray[np.uint16], scope: int = 0) -> Iterator[Target]:
    """One for each (place, port), in their order; `scope` is the interface of link-local addresses. An address is written once, however many ports it has."""
    first = int(host[0]) if len(host) else 0
    names: Iterator[str] = repeat(space.address(first))
    if (host != first).any():
        places, which = np.unique(host, return_inverse=True)
        texts = [format_address(row.tobytes()) for row in space.packed(places)]
        names = (texts[each] for each in which.tolist())
    if space.version == 4:
        return zip(names, port.tolist(), strict=False)
    return zip(names, port.tolist(), repeat(0), repeat(scope), strict=False)
