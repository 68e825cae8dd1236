"""Firewall rules that send a port's connections elsewhere before any local socket is asked: what container runtimes publish ports by.

Read from what the firewall's own programs print: iptables-save(8), and nft's JSON (libnftables-json(5)). Only rules that translate destinations are looked at,
and of what else they ask for (source, interface) only that they do.
"""

from __future__ import annotations

from itertools import pairwise

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Redirect(Record):
    """One rule that sends connections to a port somewhere else."""

    where: str
    """Which rule: `nat DOCKER`."""
    transport: str
    first: int
    last: int
    target: str
    """`172.17.0.2:80`."""


def parse_iptables_save(text: str) -> tuple[Redirect, ...]:
    """`-A DOCKER … -p tcp … --dport 8080 -j DNAT --to-destination 172.17.0.2:80` of each such line; other lines say nothing of ports."""
    found = []
    for line in text.split("\n"):
        words = line.split()
        if words[:1] != ["-A"] or len(words) < 2:
            continue
        options = dict(pairwise(words))
        ports = _range(options.get("--dport") or options.get("--dports") or "")
        target = options.get("--to-destination") or (f"port {options['--to-ports']}" if "--to-ports" in options else None)
        if options.get("-j") in ("DNAT", "REDIRECT") and ports is not None and target:
            found.append(Redirect(f"nat {words[1]}", options.get("-p", "tcp"), *ports, target))
    return tuple(found)


def parse_nft(text: str) -> tuple[Redirect, ...]:
    """nft -j list ruleset -> the rules with a port and a `dnat` or `redirect` in them; none for text that is no such thing."""
    import json

    try:
        listed = json.loads(text)["nftables"]
        rules = [item["rule"] for item in listed if isinstance(item, dict) and "rule" in item]
    except (ValueError, RecursionError, TypeError, KeyError):
        return ()
    found: list[Redirect] = []
    for rule in rules:
        if isinstance(rule, dict) and isinstance(rule.get("expr"), list):
            found += _redirects(rule)
    return tuple(found)


def _redirects(rule: dict[str, Any]) -> list[Redirect]:
    """What one rule redirects."""
    wanted: list[tuple[str, int, int]] = []
    target = None
    for part in rule["expr"]:
        if not isinstance(part, dict):
            continue
        match = part.get("match")
        if isinstance(match, dict) and match.get("op") == "==":
            wanted += _ports(match.get("left"), match.get("right"))
        for kind in ("dnat", "redirect"):
            if kind in part:
                target = _target(part[kind])
    if target is None:
        return []
    return [Redirect(f"{rule.get('table')} {rule.get('chain')}", transport, first, last, target) for transport, first, last in wanted]


def _ports(left: Any, right: Any) -> list[tuple[str, int, int]]:
    """`tcp dport 80`, `tcp dport 80-90`, `tcp dport { 80, 443 }` -> transport, first, last."""
    payload = left.get("payload") if isinstance(left, dict) else None
    if not isinstance(payload, dict) or payload.get("field") != "dport":
        return []
    values = right["set"] if isinstance(right, dict) and isinstance(right.get("set"), list) else [right]
    found = []
    for value in values:
        if isinstance(value, int):
            found.append((str(payload.get("protocol")), value, value))
        elif isinstance(value, dict) and isinstance(value.get("range"), list) and all(isinstance(one, int) for one in value["range"]):
            found.append((str(payload.get("protocol")), value["range"][0], value["range"][-1]))
    return found


def _target(value: Any) -> str:
    """`172.17.0.2:80`, as far as it is plain."""
    if not isinstance(value, dict):
        return "?"
    address, port = value.get("addr"), value.get("port")
    text = address if isinstance(address, str) else ""
    return (f"[{text}]" if ":" in text else text) + (f":{port}" if isinstance(port, int) else "") or "?"


def _range(text: str) -> tuple[int, int] | None:
    """`8080`, `8000:8010`."""
    first, colon, last = text.partition(":")
    if not first.isdigit() or (colon and not last.isdigit()):
        return None
    return int(first), int(last) if colon else int(first)
