"""Names of servers in the flows that are shown: of those whose first payload was not kept, it is read again at its place in the file."""

from __future__ import annotations

import numpy as np

from portulan.errors import PortulanError
from portulan.model.traffic import PROTOCOLS
from portulan.traffic.hearsay import name_key
from portulan.traffic.keys import WIDTHS
from portulan.traffic.reading import open_capture
from portulan.traffic.table import FlowTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.traffic.fold import Rows
    from portulan.traffic.keys import Keys
    from portulan.traffic.reading import Capture

_MOST = 256
"""Records that are read again for one answer: some milliseconds each."""
_MOST_FILES = 64
"""Files that are looked into: all are open at once."""
_WINDOW = 1 << 16
_NAMING = tuple(PROTOCOLS.index(name) for name in ("tls", "http"))


class Words:
    """What clients said first, of a table that is finished: the protocol and the payload, by the key of a direction. A context manager."""

    def __init__(self, table: FlowTable, paths: Sequence[str]) -> None:
        """`paths`: what was read into the table."""
        self._table = table
        self._known = table.first_words()
        self._paths = tuple(path for path in paths if path != "-")[:_MOST_FILES]
        self._opened: list[Capture] | None = None
        self._left = _MOST if self._paths else 0

    def __enter__(self) -> Words:
        return self

    def __exit__(self, *_: object) -> None:
        for capture in self._opened or ():
            capture.close()
        self._opened = []

    def get(self, keys: Keys) -> tuple[int, bytes] | None:
        """What was said there; None where no server was named."""
        key = name_key(keys)
        if key not in self._known and self._left:
            found = self._again(keys, key)
            if found is None:
                return None
            self._known[key] = found
        return self._known.get(key)

    def _again(self, keys: Keys, key: bytes) -> tuple[int, bytes] | None:
        rows: Rows = self._table.rows()[WIDTHS.index(len(keys))]
        at = np.flatnonzero(rows.keys[-1] == keys[-1])
        for mine, word in zip(rows.keys[:-1], keys[:-1], strict=True):
            at = at[mine[at] == word]
        if len(at) != 1 or int(rows.protocol[at[0]]) not in _NAMING:
            return None
        when, place = int(rows.said_ns[at[0]]), int(rows.said_place[at[0]])
        for capture in self._captures():
            found = self._read(capture, when, place).get(key)
            if found is not None:
                return found
        return None

    def _captures(self) -> list[Capture]:
        """Those that can be read at any place."""
        if self._opened is None:
            self._opened = []
            for path in self._paths:
                try:
                    capture = open_capture(path)
                except (PortulanError, OSError):
                    continue
                if capture.size is None:
                    capture.close()
                else:
                    self._opened.append(capture)
        return self._opened

    def _read(self, capture: Capture, when: int, place: int) -> dict[bytes, tuple[int, bytes]]:
        """What one record says, if there is one of that time there: places are those of some file, nobody knows of which."""
        if not self._left or capture.size is None or place >= capture.size:
            return {}
        self._left -= 1
        try:
            for batch in capture.batches(place, place + 1, window=_WINDOW):
                if int(batch.place[0]) != place or int(batch.time_ns[0]) != when:
                    break
                table = FlowTable(8, inner=self._table.inner)
                table.add(batch)
                return table.first_words()
        except (PortulanError, OSError):
            pass
        return {}
