"""Fuzz netlink: messages, attributes, errors, and the shortcut that looks at the end of a buffer."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """Every message is walked, and its payload as attributes and as an error."""
    from portulan.errors import ParseError
    from portulan.wire.netlink import ends_with_answer, iterate_messages, parse_attributes, parse_error

    def target(data: bytes) -> None:
        assert isinstance(ends_with_answer(data), bool)
        end = 0
        try:
            for kind, _, start, stop in iterate_messages(data):
                assert end <= start <= stop <= len(data)
                assert 0 <= kind < 65_536
                end = stop
                for read in (parse_attributes, parse_error):
                    try:
                        read(data, start, stop)
                    except ParseError:
                        continue
        except ParseError:
            return

    return target


def seeds() -> list[bytes]:
    """Dumps that end well, badly and not at all."""
    from builders import attribute, diag, done, error_message, memory_info, message, v6_only  # type: ignore[import-not-found, unused-ignore]

    answers = [message(diag(attributes=memory_info(at) + v6_only(1))) for at in range(3)]
    nested = message(attribute(0x8001, attribute(1, b"name\0") + attribute(2, b"")))
    return [b"".join(answers), b"".join(answers) + done(), error_message(2), nested + done(5), message(b"x")]


if __name__ == "__main__":
    sys.exit(fuzz(load, seeds, [b"\x14\0\0\0\3\0", b"\x58\0\0\0\x14\0", b"\4\0\1\0", b"\0\0\0\0"]))
