"""A policy in another firewall's own language."""

from __future__ import annotations

from enum import StrEnum

from portulan.model.record import Record


class Target(StrEnum):
    """Whose language."""

    IPTABLES = "iptables"
    UFW = "ufw"
    FIREWALLD = "firewalld"

    __hash__ = str.__hash__


class Export(Record):
    """The text, and what it cannot say quite as the policy does."""

    target: Target
    text: str
    version: int | None = None
    """iptables: of IPv4 or IPv6, which are two texts; None: of both."""
    remarks: tuple[str, ...] = ()
    """Codes: `ping` (IPv4 echo is answered for everyone), `published` (ports of containers are judged by others), `log-rate`, `neighbours` (services on the local network that the
    target always lets in)."""
