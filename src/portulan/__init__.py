"""Portulan: the chart of every network port. The public API is `portulan.verbs`; `portulan.lease` is here too, for test suites."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.verbs.lease import lease as lease


def __getattr__(name: str) -> object:
    if name != "lease":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from portulan.verbs.lease import lease

    globals()["lease"] = lease
    return lease
