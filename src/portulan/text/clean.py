"""Text from other programs and from the network, made harmless for a terminal.

Control characters could move the cursor or retitle the window; bidirectional marks could show one command and mean another (CVE-2021-42574);
a lone surrogate cannot be encoded. All become visible escapes, so that nothing is hidden and nothing acts.
"""

from __future__ import annotations

# C0, DEL, C1; soft hyphen, zero-width and bidirectional formatting, line and paragraph separators, byte-order mark, interlinear marks, shorthand and
# musical formatting, fillers that show nothing, tags. Surrogates are left to the encoder.
_HARMFUL = (
    *range(0x20), *range(0x7F, 0xA0), 0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, *range(0x200B, 0x2010), *range(0x2028, 0x202F),
    *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0, *range(0xFFF9, 0xFFFC), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE0080),
)  # fmt: skip
_ESCAPES = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}" for code in _HARMFUL}

LONGEST = 4096
"""Characters kept of one foreign text unless the caller says otherwise."""


def clean(text: str, longest: int = LONGEST) -> str:
    """`text` without anything that acts on a terminal, at most `longest` characters (then an ellipsis ends it)."""
    kept = text[: longest + 1]  # an escape is longer than what it stands for
    if not (kept.isascii() and kept.isprintable()):
        kept = kept.translate(_ESCAPES).encode("utf-8", "backslashreplace").decode()
    return kept if len(kept) <= longest else kept[: max(longest - 1, 0)] + "…"
