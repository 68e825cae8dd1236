"""The table of connections that a kernel keeps for its packet filter."""

from __future__ import annotations

from portulan.model.record import Record


class Tracking(Record):
    """The table of this network namespace."""

    most: int
    """Entries it may have (nf_conntrack_max, of the machine as a whole)."""
    held: int
    """Entries of this namespace now."""
    syn_sent_s: float
    """How long a SYN stays that nobody answers."""
    close_s: float
    """How long a connection stays that was refused."""
    udp_s: float
    """How long a datagram stays that nobody answers."""

    @property
    def free(self) -> int:
        """Entries that may still be made."""
        return max(0, self.most - self.held)
