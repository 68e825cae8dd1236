"""What a person can ask: the public Python API. Each name is one function in a file of its own, loaded when it is first used.

from portulan import verbs
for endpoint in verbs.chart().items: ...
verbs.who(80)
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.verbs.audit import audit as audit
    from portulan.verbs.chart import chart as chart
    from portulan.verbs.conflicts import conflicts as conflicts
    from portulan.verbs.demo import demo as demo
    from portulan.verbs.diff import compare_host as compare_host
    from portulan.verbs.diff import diff as diff
    from portulan.verbs.explain import explain as explain
    from portulan.verbs.explain import explain_packet as explain_packet
    from portulan.verbs.free import free as free
    from portulan.verbs.guard_apply import guard_apply as guard_apply
    from portulan.verbs.guard_check import guard_check as guard_check
    from portulan.verbs.guard_confirm import guard_confirm as guard_confirm
    from portulan.verbs.guard_edit import guard_close as guard_close
    from portulan.verbs.guard_edit import guard_open as guard_open
    from portulan.verbs.guard_export import guard_export as guard_export
    from portulan.verbs.guard_init import guard_draft as guard_draft
    from portulan.verbs.guard_plan import guard_plan as guard_plan
    from portulan.verbs.guard_prove import guard_prove as guard_prove
    from portulan.verbs.guard_rollback import guard_off as guard_off
    from portulan.verbs.guard_rollback import guard_rollback as guard_rollback
    from portulan.verbs.guard_status import guard_boot as guard_boot
    from portulan.verbs.guard_status import guard_history as guard_history
    from portulan.verbs.guard_status import guard_status as guard_status
    from portulan.verbs.lease import hold as hold
    from portulan.verbs.lease import lease as lease
    from portulan.verbs.lease import lease_for as lease_for
    from portulan.verbs.lease import leases as leases
    from portulan.verbs.lease import note as note
    from portulan.verbs.lease import release as release
    from portulan.verbs.lookup import common as common
    from portulan.verbs.lookup import lookup as lookup
    from portulan.verbs.map import port_map as port_map
    from portulan.verbs.ping import ping as ping
    from portulan.verbs.ping import wait_open as wait_open
    from portulan.verbs.reach import matrix as matrix
    from portulan.verbs.reach import passage as passage
    from portulan.verbs.reach import reach as reach
    from portulan.verbs.registry import update_registry as update_registry
    from portulan.verbs.scanners import scanners as scanners
    from portulan.verbs.stop import stop as stop
    from portulan.verbs.trace import trace as trace
    from portulan.verbs.traffic import read_flows as read_flows
    from portulan.verbs.traffic import traffic as traffic
    from portulan.verbs.traffic import traffic_of as traffic_of
    from portulan.verbs.who import who as who
    from portulan.verbs.why import why as why

_HOMES = {
    "audit": "audit",
    "chart": "chart",
    "common": "lookup",
    "compare_host": "diff",
    "conflicts": "conflicts",
    "demo": "demo",
    "diff": "diff",
    "explain": "explain",
    "explain_packet": "explain",
    "free": "free",
    "guard_check": "guard_check",
    "guard_close": "guard_edit",
    "guard_draft": "guard_init",
    "guard_open": "guard_edit",
    "guard_apply": "guard_apply",
    "guard_boot": "guard_status",
    "guard_confirm": "guard_confirm",
    "guard_history": "guard_status",
    "guard_off": "guard_rollback",
    "guard_rollback": "guard_rollback",
    "guard_status": "guard_status",
    "guard_plan": "guard_plan",
    "guard_export": "guard_export",
    "guard_prove": "guard_prove",
    "hold": "lease",
    "lease": "lease",
    "lease_for": "lease",
    "leases": "lease",
    "lookup": "lookup",
    "note": "lease",
    "ping": "ping",
    "port_map": "map",
    "matrix": "reach",
    "passage": "reach",
    "reach": "reach",
    "release": "lease",
    "update_registry": "registry",
    "scanners": "scanners",
    "stop": "stop",
    "read_flows": "traffic",
    "trace": "trace",
    "traffic": "traffic",
    "traffic_of": "traffic",
    "wait_open": "ping",
    "who": "who",
    "why": "why",
}
__all__ = [
    "audit", "chart", "common", "compare_host", "conflicts", "demo", "diff", "explain", "explain_packet", "free", "guard_apply", "guard_boot", "guard_check", "guard_close", "guard_confirm",
    "guard_draft", "guard_export", "guard_history", "guard_off", "guard_open", "guard_plan", "guard_prove", "guard_rollback", "guard_status", "hold", "lease",
    "lease_for", "leases", "lookup", "matrix", "note", "passage", "ping", "port_map", "reach", "read_flows", "release", "scanners", "stop", "trace", "traffic",
    "traffic_of", "update_registry", "wait_open", "who", "why",
]  # fmt: skip


class _Verbs(ModuleType):
    """This package. The import system sets each submodule as an attribute; where a verb has the same name, the verb stays."""

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and name in _HOMES:
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> object:
        if name not in _HOMES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module

        verb = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        super().__setattr__(name, verb)
        return verb

    def __dir__(self) -> list[str]:
        return sorted(__all__)


sys.modules[__name__].__class__ = _Verbs
