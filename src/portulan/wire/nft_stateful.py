"""Statements that count: limit, quota, ct count, counter. They stand in rules, in sets and in single elements of sets alike (libnftables-json(5))."""

from __future__ import annotations

from portulan.model.rule import ConnectionLimit, Counter, Limit, Quota

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.rule import Statement

DECIDING = ("limit", "quota", "ct count")
"""Those that end a rule, or keep a packet out of a set; a counter does not."""
_COUNTED = {"packets", "bytes"}
_UNITS = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20, "gbytes": 1 << 30}


def parse_stateful(name: str, inner: object) -> Statement | None:
    """One of them from its JSON; None where it is another statement, or has something that is not known."""
    if not isinstance(inner, dict):
        return Counter() if name == "counter" and inner is None else None
    if name == "limit":
        return _limit(inner)
    if name == "quota":
        return _quota(inner)
    if name == "ct count":
        return _connection_limit(inner)
    return _counter(inner) if name == "counter" else None


def _counter(inner: dict[str, object]) -> Counter | None:
    if inner.keys() != _COUNTED:
        return None
    packets, count = _number(inner["packets"]), _number(inner["bytes"])
    return Counter(packets, count) if packets is not None and count is not None else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _limit(inner: dict[str, object]) -> Limit | None:
    rate, burst = _number(inner.get("rate")), _number(inner.get("burst", 0))
    per, unit, burst_unit = inner.get("per"), inner.get("rate_unit", "packets"), inner.get("burst_unit", "packets")
    known = {"rate", "per", "burst", "rate_unit", "burst_unit", "inv"}
    if (
        rate is None
        or burst is None
        or not isinstance(per, str)
        or not isinstance(unit, str)
        or not isinstance(burst_unit, str)
        or set(inner) - known
    ):
        return None
    return Limit(rate, per, burst, unit, burst_unit, over=inner.get("inv") is True)


def _quota(inner: dict[str, object]) -> Quota | None:
    value, used = _number(inner.get("val")), _number(inner.get("used", 0))
    unit, used_unit = inner.get("val_unit", "bytes"), inner.get("used_unit", "bytes")
    if value is None or used is None or unit not in _UNITS or used_unit not in _UNITS:
        return None
    if set(inner) - {"val", "val_unit", "used", "used_unit", "inv"}:
        return None
    assert isinstance(unit, str)
    return Quota(value, unit, used, str(used_unit), over=inner.get("inv") is True)


def _connection_limit(inner: dict[str, object]) -> ConnectionLimit | None:
    most = _number(inner.get("val"))
    return None if most is None or set(inner) - {"val", "inv"} else ConnectionLimit(most, over=inner.get("inv") is True)
