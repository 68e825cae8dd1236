"""Lists that people hand over as files, pipes or standard input."""

from __future__ import annotations

import os
import sys

from portulan.errors import BadInput

STDIN = "-"
LARGEST = 256 << 20
_PIECE = 1 << 20


def read_words(name: str) -> str:
    """The text of a file or of a pipe (`-`: standard input), read to its end. Raises BadInput where it cannot be, or is no text."""
    data = read_data(name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("list.no-text", file=name, line=data.count(b"\n", 0, error.start) + 1) from None


def read_data(name: str) -> bytes:
    """The bytes of a file or of a pipe (`-`: standard input), read to its end. Raises BadInput where they cannot be."""
    try:
        if name == STDIN:
            if sys.stdin is None:
                raise BadInput("list.unreadable", file=name, reason="closed")
            return _read(sys.stdin.fileno(), name)
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _read(descriptor, name)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise BadInput("list.unreadable", file=name, reason=getattr(error, "strerror", None) or str(error)) from error


def _read(descriptor: int, name: str) -> bytes:
    data = bytearray()
    while piece := os.read(descriptor, _PIECE):
        data += piece
        if len(data) > LARGEST:
            raise BadInput("list.too-large", file=name, most=LARGEST >> 20)
    return bytes(data)
