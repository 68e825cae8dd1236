"""What a person can ask: the public Python API. Each name is one function in a file of its own, loaded when it is first used.

from portulan import verbs
for endpoint in verbs.chart().items: ...
verbs.who(80)
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.verbs.chart import chart as chart
    from portulan.verbs.lookup import common as common
    from portulan.verbs.lookup import lookup as lookup
    from portulan.verbs.map import port_map as port_map
    from portulan.verbs.registry import update_registry as update_registry
    from portulan.verbs.who import who as who

_HOMES = {
    "chart": "chart",
    "common": "lookup",
    "lookup": "lookup",
    "port_map": "map",
    "update_registry": "registry",
    "who": "who",
}
__all__ = ["chart", "common", "lookup", "port_map", "update_registry", "who"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    verb = getattr(import_module(f"portulan.verbs.{_HOMES[name]}"), name)
    globals()[name] = verb  # the submodule of the same name would hide the function
    return verb


def __dir__() -> list[str]:
    return sorted(__all__)
