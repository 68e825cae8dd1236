"""What ports are for, and whether what goes through them is that."""

from __future__ import annotations

from functools import cache

from portulan.model.port import Transport
from portulan.model.traffic import PROTOCOLS
from portulan.registry.ours import uses_of
from portulan.system.registry_file import open_registry


class Services:
    """The registry, for one answer: each port is looked up once."""

    def __init__(self) -> None:
        """Raises MachineFailed where the packaged table cannot be read."""
        self._table = open_registry().table
        self.name = cache(self._name)
        self._names = cache(self._all_names)

    def _name(self, transport: Transport, port: int) -> str | None:
        return self._table.usual(port, transport)

    def _all_names(self, transport: Transport, port: int) -> frozenset[str]:
        """The registered names of a port, and of what is often found there."""
        registered = (one.name for one in self._table.assignments(port, transport, named=True) if one.name)
        found = (use.service for use in uses_of(port, port) if transport in use.transports)
        return frozenset((*registered, *found))

    def keeps(self, protocol: str, transport: Transport, port: int) -> bool:
        """Whether a port promises this protocol, or nothing."""
        from portulan.traffic.promise import keeps

        return keeps(protocol, self._names(transport, port))

    def server_name(self, said: tuple[int, bytes] | None) -> str | None:
        """The name in a client's first payload."""
        if said is None:
            return None
        from portulan.traffic.recognise import name_of

        code, payload = said
        return name_of(payload, code) if code < len(PROTOCOLS) else None
