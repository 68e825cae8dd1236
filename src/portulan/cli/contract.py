"""The JSON contract: what the rows and the other facts of each command's envelope are. `docs/schema/` is made from it, and tests hold answers against it."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, get_args, get_type_hints

import msgspec

from portulan.cli.envelope import RENAMED, VERSIONS
from portulan.model.assignment import CommonRow, Entry, InUse, Update
from portulan.model.binding import Answer
from portulan.model.chart import Endpoint, Namespace
from portulan.model.completion import Script, Word
from portulan.model.declared import Declared, Finding, Problem
from portulan.model.demo import DemoHost, DemoStep
from portulan.model.doors import MatrixRow, ReachRow, StepRow
from portulan.model.explain import Dissected, Fact, TopicRow
from portulan.model.finding import Finding as AuditFinding
from portulan.model.finding import Ignore, Unjudged
from portulan.model.free import FreePort
from portulan.model.guard_check import Doubtful, Edited, Kept, Mistake, Understood
from portulan.model.guard_draft import Drafted
from portulan.model.guard_export import Export
from portulan.model.guard_life import Applied, BootState, Confirmed, GuardStatus, Past, Peer, RolledBack, Session
from portulan.model.guard_plan import PlanRemark, PlanRow, WayRow
from portulan.model.guard_proof import DifferenceRow, TallyRow
from portulan.model.lease import Lease
from portulan.model.path import Compared, Flow, Hop, Kind, PathMtu, PingSummary
from portulan.model.path import Verdict as PathVerdict
from portulan.model.picture import Stretch
from portulan.model.port import Port, Transport
from portulan.model.reach import Outcome, Place, Way
from portulan.model.scan import HostSeen, Pass, PortSeen, Shard
from portulan.model.scan_diff import Difference, OneSided
from portulan.model.scanner import Scanner
from portulan.model.stop import Refusal, Step, Target, Verdict
from portulan.model.traffic import Aside, Bucket, FlowRow, HostTraffic, Origin, PortTraffic
from portulan.model.who import Remedy
from portulan.model.why import Attempt, Cause, Caution, Holder, Suspect
from portulan.model.why import Way as WayOut

_TRAFFIC: dict[str, Any] = {
    "origins": tuple[Origin, ...], "packets": int, "bytes": int, "flows": int, "began_at": datetime | None, "ended_at": datetime | None,
    "aside": tuple[Aside, ...], "cap": int,
}  # fmt: skip
ENVELOPES: dict[str, tuple[type, dict[str, Any]]] = {
    "ls": (Endpoint, {"host": str, "source": str, "ephemeral": tuple[int, int] | None, "namespaces": tuple[Namespace, ...]}),
    "who": (
        Endpoint,
        {
            "host": str, "source": str, "port": Port, "service": str | None, "remedies": tuple[Remedy, ...],
            "ephemeral": tuple[int, int] | None,
        },
    ),
    "why": (
        Attempt,
        {
            "port": Port, "host": str, "service": str | None, "answer": Answer, "cause": Cause, "uid": int | None, "user": str | None, "reuse_address": bool,
            "reuse_port": bool, "device": str | None, "holders": tuple[Holder, ...], "remedies": tuple[WayOut, ...], "warnings": tuple[Caution, ...],
            "suspects": tuple[Suspect, ...], "confirmed": bool, "exact": bool, "source": str, "ephemeral": tuple[int, int] | None,
        },
    ),
    "conflicts": (
        Finding,
        {
            "host": str, "declared": tuple[Declared, ...], "files": tuple[str, ...], "problems": tuple[Problem, ...],
            "ephemeral": tuple[int, int] | None,
        },
    ),
    "audit": (
        AuditFinding,
        {
            "host": str, "source": str, "doors": int, "elsewhere": int, "private": bool, "policy": str | None, "authors": tuple[str, ...], "unjudged": tuple[Unjudged, ...],
            "unused": tuple[Ignore, ...],
        },
    ),
    "reach": (ReachRow, {"host": str}),
    "reach-packet": (StepRow, {"host": str, "port": str, "verdict": Outcome, "path": Way, "rule": Place | None, "link": str, "listener": bool | None}),
    "reach-matrix": (MatrixRow, {"host": str}),
    "guard-check": (
        Understood,
        {"file": str, "doubts": tuple[Doubtful, ...], "mistakes": tuple[Mistake, ...], "kept": tuple[Kept, ...]},
    ),
    "guard-edit": (Edited, {}),
    "guard-init": (Drafted, {"file": str | None, "text": str}),
    "guard-apply": (Applied, {}),
    "guard-confirm": (Confirmed, {}),
    "guard-rollback": (RolledBack, {}),
    "guard-status": (GuardStatus, {}),
    "guard-history": (Past, {"in_force": str | None}),
    "guard-boot": (BootState, {}),
    "guard-export": (Export, {}),
    "guard-plan": (
        PlanRow,
        {
            "host": str, "file": str, "hash": str, "running": str | None, "trial": bool, "changes": bool, "ways": tuple[WayRow, ...], "sessions": tuple[Session, ...],
            "remarks": tuple[PlanRemark, ...], "peer": Peer | None,
        },
    ),
    "guard-prove": (
        TallyRow,
        {
            "host": str, "kernel": str, "took_s": float, "nft": str, "live": bool, "policy": str | None, "policy_hash": str | None, "rules_hash": str, "packets": int,
            "proved": bool, "differences": tuple[DifferenceRow, ...], "more_differences": int, "limited": int, "untried": int, "not_simulated": int,
        },
    ),
    "ping": (PingSummary, {}),
    "trace": (
        Hop,
        {
            "target": str, "host": str, "address": str, "port": int | None, "transport": Kind, "verdict": PathVerdict, "reached": int | None, "flow": Flow,
            "mtu": PathMtu | None, "compared": tuple[Compared, ...], "rounds": int, "probes": int, "took_ms": float,
        },
    ),
    "scan": (
        PortSeen,
        {
            "targets": tuple[str, ...], "addresses": int, "took_s": float, "states": dict[str, int], "passes": tuple[Pass, ...], "hosts": tuple[HostSeen, ...],
            "left_out": tuple[tuple[str, str], ...], "shard": Shard | None,
        },
    ),
    "scan-host": (OneSided, {"host": str, "addresses": tuple[str, ...], "foreign": tuple[str, ...], "agreed": int, "passes": tuple[Pass, ...]}),
    "diff": (Difference, {"before": str, "after": str, "addresses": int, "skipped": tuple[str, ...]}),
    "traffic": (PortTraffic, _TRAFFIC),
    "traffic-hosts": (HostTraffic, _TRAFFIC),
    "traffic-flows": (FlowRow, _TRAFFIC),
    "traffic-time": (Bucket, _TRAFFIC),
    "scanners": (
        Scanner,
        {
            "judged": int, "benign": int, "undecided": int, "cannot_judge": int, "forgotten": int, "began_at": datetime | None, "ended_at": datetime | None,
            "origins": tuple[Origin, ...],
        },
    ),
    "explain": (
        Fact,
        {"host": str, "topic": str | None, "port": Port | None, "title": str | None, "words": tuple[str, ...], "packets": tuple[Dissected, ...]},
    ),
    "explain-topics": (TopicRow, {}),
    "demo": (DemoStep, {"hosts": tuple[DemoHost, ...], "rights": str, "took_s": float}),
    "lookup": (Entry, {"unknown": tuple[str, ...]}),
    "lookup-common": (CommonRow, {}),
    "lookup-about": (InUse, {}),
    "map": (Stretch, {"host": str, "transport": Transport | None, "ephemeral": tuple[int, int] | None, "counts": dict[str, int]}),
    "lease": (Lease, {}),
    "release": (Lease, {}),
    "registry": (Update, {}),
    "completion": (Script, {}),
    "completion-words": (Word, {}),
    "free": (FreePort, {"name": str | None}),
    "stop": (
        Target,
        {
            "host": str, "source": str, "port": Port, "service": str | None, "verdict": Verdict, "refusals": tuple[Refusal, ...],
            "steps": tuple[Step, ...], "wait_s": float, "connections": int, "elsewhere": tuple[str, ...], "left": tuple[Endpoint, ...],
            "took_s": float | None,
        },
    ),
}  # fmt: skip
"""Command -> (class of its items, name and type of what else its envelope tells)."""


def as_object(kind: Any) -> Any:
    """A type with every class of rows in it as a msgspec Struct of the same fields: rows are tuples, in JSON they are objects."""
    if isinstance(kind, type) and (hasattr(kind, "_fields") or hasattr(kind, "__dataclass_fields__")):
        return _struct(kind)
    parts = get_args(kind)
    if not parts:
        return kind
    inner = tuple(part if part is ... else as_object(part) for part in parts)
    if isinstance(kind, type(int | None)):
        return reduce(or_, inner)
    return kind.__origin__[inner]


_made: dict[type, type] = {}


def _struct(kind: type) -> type:
    if kind not in _made:
        hints = get_type_hints(kind)
        names = getattr(kind, "_fields", None) or tuple(getattr(kind, "__dataclass_fields__"))  # noqa: B009 - mypy knows no such attribute
        fields = [(name, as_object(hints[name])) for name in names]
        _made[kind] = msgspec.defstruct(
            kind.__name__,
            fields,
            kw_only=True,
            rename={name: RENAMED[name] for name in names if name in RENAMED},
            namespace={"__doc__": kind.__doc__},
        )
    return _made[kind]


def schema_of(command: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one command's envelope."""
    rows, facts = ENVELOPES[command]
    kinds = [as_object(rows), *map(as_object, facts.values())]
    (items, *others), components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    name = f"portulan.{command}/{VERSIONS.get(command, 1)}"
    properties: dict[str, Any] = {
        "schema": {"const": name},
        "taken_at": {"type": "string", "format": "date-time"},
        "complete": {"type": "boolean"},
        "missing": {"type": "array", "items": {"type": "string"}},
        **dict(zip(facts, others, strict=True)),
        "items": {"type": "array", "items": items},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": name,
        "title": f"portulan {command} --json",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "$defs": components,
    }
