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
        raise ParseError("yaml.syntax", line=min(mark.line, text.count("\n")) + 1 if mark else 1, reason=error.problem or "") from error
    except (yaml.YAMLError, ValueError) as error:  # a character that YAML does not know
        raise ParseError("yaml.syntax", line=1, reason=getattr(error, "reason", "") or type(error).__name__) from error


_OPENING = ("SequenceStartEvent", "MappingStartEvent")
_CLOSING = ("SequenceEndEvent", "MappingEndEvent")


def _build(events: Iterator[Any]) -> Node | None:
    """The tree, without recursion: open collections stand on a stack."""
    stack: list[tuple[Node, list[Node]]] = []
    anchors: dict[str, Node] = {}
    count = 0
    for event in events:
        kind = type(event).__name__
        if kind in _CLOSING:
            node, parts = stack.pop()
            (node.items if node.items is not None else []).extend(parts)
            (node.pairs if node.pairs is not None else []).extend(zip(parts[::2], parts[1::2], strict=False))
        elif kind in ("ScalarEvent", "AliasEvent", *_OPENING):
            count += 1
            node = _node(event, kind, anchors)
            if count > _MOST_NODES or len(stack) >= _DEEPEST:
                raise ParseError("yaml.syntax", line=node.line, reason=f"more than {_MOST_NODES} values or {_DEEPEST} levels")
            if stack:
                stack[-1][1].append(node)
            if kind in _OPENING:
                stack.append((node, []))
        elif kind == "DocumentEndEvent":
            return None
        else:
            continue
        if not stack:
            return node
    return None


def _node(event: Any, kind: str, anchors: dict[str, Node]) -> Node:
    line, column = event.start_mark.line + 1, event.start_mark.column + 1
    if kind == "AliasEvent":
        return anchors.get(event.anchor) or Node(line, column, text="")
    if kind == "ScalarEvent":
        node = Node(line, column, event.tag, text=event.value)
    else:
        node = Node(line, column, event.tag, pairs=[]) if kind == "MappingStartEvent" else Node(line, column, event.tag, items=[])
    if event.anchor:
        anchors[event.anchor] = node
    return node
