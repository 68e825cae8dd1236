"""Findings as SARIF 2.1.0, the form in which programs gather them (OASIS, Static Analysis Results Interchange Format)."""

from __future__ import annotations

from portulan import __version__
from portulan.audit.catalogue import IDS
from portulan.model.finding import Audit, Doubt, Finding, Level
from portulan.text import audit as text
from portulan.text.findings import ABOUT
from portulan.text.voice import Voice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}


def sarif_log(voice: Voice, answer: Audit, missing: list[str]) -> dict[str, Any]:
    """One run. A port is a logical location (section 3.33): there is no file to point to."""
    used = sorted({one.id for one in answer.items}, key=IDS.index)
    rules = [{"id": id_, "shortDescription": {"text": voice.say(ABOUT[id_])}} for id_ in used]
    when = answer.taken_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    invocation: dict[str, Any] = {"executionSuccessful": True, "startTimeUtc": when}
    if missing:
        invocation["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": sentence}} for sentence in missing]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Portulan", "version": __version__, "rules": rules}},
                "language": {"en": "en-US", "ja": "ja-JP"}[voice.language],
                "invocations": [invocation],
                "results": [_result(voice, answer, one, used.index(one.id)) for one in answer.items],
            }
        ],
    }  # fmt: skip


def _result(voice: Voice, answer: Audit, finding: Finding, rule: int) -> dict[str, Any]:
    told = text.block(voice, finding)
    lines = [told.title, told.why, *told.evidence, *(f"{what}:  {command}" for what, command in told.fixes)]
    about = finding.subject
    place = f"{about.port}/{about.transport.value}" if about.port is not None and about.transport is not None else "firewall"
    # Section 3.27.9: what could not be found out is open, and then (3.27.10) has no level.
    unread = finding.doubt is Doubt.UNREAD
    result: dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "kind": "open" if unread else "fail",
        "level": "none" if unread else LEVELS[finding.level],
        "message": {"text": "\n".join(line for line in lines if line)},
        "locations": [{"logicalLocations": [{"name": place, "fullyQualifiedName": f"{answer.host}:{place}", "kind": "resource"}]}],
        "partialFingerprints": {"portulan/v1": finding.key},
        "properties": {"level": finding.level.value, "fixes": [one.command for one in finding.fixes]},
    }
    if finding.ignored is not None:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.ignored}]
    return result
