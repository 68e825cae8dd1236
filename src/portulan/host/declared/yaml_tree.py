"""YAML as a tree that knows its lines. Built from a parser's events: no tag makes an object, aliases are shared, and depth and size are bounded."""

from __future__ import annotations

from portulan.errors import ParseError
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_DEEPEST = 64
_MOST_NODES = 100_000
LARGEST = 1 << 20
"""Characters of one file; a compose file has thousands."""


class Node(Record):
    """A scalar (`text`), a mapping (`pairs`) or a sequence (`items`); the others are None. Where it begins: line and column from 1."""

    line: int
    column: int
    tag: str | None = None
    text: str | None = None
    pairs: list[tuple[Node, Node]] | None = None
    items: list[Node] | None = None

    def get(self, name: str) -> Node | None:
        """The value of a key; that of a merged mapping (`<<`) where the own ones lack it."""
        return _get(self, name, 0)

    def entries(self) -> list[tuple[str, Node]]:
        """(key, value) of a mapping, without what merges bring; empty for anything else."""
        return [(key.text, value) for key, value in self.pairs or () if key.text is not None and key.text != "<<"]


def _get(node: Node, name: str, depth: int) -> Node | None:
    merged: Node | None = None
    for key, value in node.pairs or ():
        if key.text == name:
            return value
        if key.text == "<<" and depth < 8:
            for each in value.items[:8] if value.items is not None else [value]:
                merged = merged or _get(each, name, depth + 1)
    return merged


def parse_yaml(text: str) -> Node | None:
    """The first document; None for an empty one. Raises ParseError: `yaml.syntax` (line, reason)."""
    import yaml

    if len(text) > LARGEST:
        raise ParseError("yaml.syntax", line=1, reason=f"more than {LARGEST} characters")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ParseError("yaml.syntax", line=mark.line + 1 if mark else 1, reason=error.problem or "") from error
    except (yaml.YAMLError, ValueError) as error:  # a character that YAML does not know
        raise ParseError("yaml.syntax", line=1, reason=getattr(error, "reason", "") or type(error).__name__) from error


def _build(events: Iterator[Any]) -> Node | None:
    """The tree, without recursion: open collections stand on a stack."""
    stack: list[tuple[Node, list[Node]]] = []
    anchors: dict[str, Node] = {}
    count = 0
    for event in events:
        kind = type(event).__name__
        if kind == "DocumentEndEvent":
            return None
        if kind in ("SequenceEndEvent", "MappingEndEvent"):
            node, parts = stack.pop()
            if node.pairs is not None:
                node.pairs.extend(zip(parts[::2], parts[1::2], strict=False))
            if not stack:
                return node
            continue
        if kind not in ("ScalarEvent", "AliasEvent", "SequenceStartEvent", "MappingStartEvent"):
            continue
        count += 1
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if count > _MOST_NODES or len(stack) >= _DEEPEST:
            raise ParseError("yaml.syntax", line=line, reason=f"more than {_MOST_NODES} values or {_DEEPEST} levels")
        node = _node(event, kind, line, column, anchors)
        if kind != "AliasEvent" and event.anchor:
            anchors[event.anchor] = node
        if stack:
            target, parts = stack[-1]
            (target.items if target.items is not None else parts).append(node)
        elif kind in ("ScalarEvent", "AliasEvent"):
            return node
        if kind in ("SequenceStartEvent", "MappingStartEvent"):
            stack.append((node, []))
    return None


def _node(event: Any, kind: str, line: int, column: int, anchors: dict[str, Node]) -> Node:
    if kind == "AliasEvent":
        return anchors.get(event.anchor) or Node(line, column, text="")
    if kind == "ScalarEvent":
        return Node(line, column, event.tag, text=event.value)
    return Node(line, column, event.tag, items=[]) if kind == "SequenceStartEvent" else Node(line, column, event.tag, pairs=[])
