"""Addresses and ports as text, in bulk."""

from __future__ import annotations

import numpy as np

from portulan.model.address import format_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.scan.space import Space

_OCTETS = tuple(map(str, range(256)))


def addresses(space: Space, host: NDArray[np.int64]) -> list[str]:
    """The written addresses at these places."""
    if not len(host):
        return []
    if (host == host[0]).all():
        return [space.address(int(host[0]))] * len(host)
    unique, where = np.unique(host, return_inverse=True)
    if space.version == 4:
        text = [f"{_OCTETS[a]}.{_OCTETS[b]}.{_OCTETS[c]}.{_OCTETS[d]}" for a, b, c, d in space.packed(unique).tolist()]
    else:
        text = [format_address(row.tobytes()) for row in space.packed(unique)]
    if len(unique) == len(host) and (unique == host).all():
        return text
    return [text[at] for at in where.tolist()]


def port_text(ports: NDArray[np.uint16]) -> str:
    """Sorted ports as a set of ranges: `1-21,23-79`."""
    if not len(ports):
        return ""
    breaks = np.flatnonzero(np.diff(ports) != 1)
    firsts, lasts = ports[np.r_[0, breaks + 1]].tolist(), ports[np.r_[breaks, len(ports) - 1]].tolist()
    return ",".join([str(first) if first == last else f"{first}-{last}" for first, last in zip(firsts, lasts, strict=True)])
