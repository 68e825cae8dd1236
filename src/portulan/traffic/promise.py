"""What ports promise. Nothing yet."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def keeps(protocol: str, service_names: Collection[str]) -> bool:  # noqa: ARG001 - the agreed signature
    """Always."""
    return True
