"""A scan's answer in every form that was asked for, to standard output and to files that were opened before the scan began."""

from __future__ import annotations

import io
import sys
from contextlib import ExitStack

from portulan import __version__
from portulan.cli.face import Face
from portulan.system.output_file import OutputFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from portulan.cli.scan_options import Output
    from portulan.model.scan import PortSeen, ScanReport

_FILE_WIDTH = 100
_AT_ONCE = 1 << 16


class Outputs:
    """All outputs of one scan. As a context: files that were not finished when it ends are given up, and what stood there before stays."""

    def __init__(self, wanted: Sequence[Output], face: Face, table: Callable[[Face, ScanReport], None]) -> None:
        """Raises BadInput where a file cannot be written. `table` writes the answer for people."""
        self.face, self._table = face, table
        self._wanted: list[tuple[str, OutputFile | None]] = []
        self._stack = ExitStack()
        try:
            for each in wanted:
                file = None if each.path is None else OutputFile(each.path)
                if file is not None:
                    self._stack.callback(file.close)
                self._wanted.append((each.form, file))
        except BaseException:
            self._stack.close()
            raise
        self.streamed = 0
        """Rows that went out as they were found."""

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def take(self, rows: Sequence[PortSeen]) -> None:
        """Rows as they are found, to those forms that are lists of them."""
        from portulan.cli.envelope import as_rows

        self.streamed += len(rows)
        data = _lines(as_rows(rows))
        for form, file in self._wanted:
            if form == "jsonl":
                self._write(file, data)

    def finish(self, report: ScanReport, missing: list[str]) -> None:
        """Everything else. Files first: a reader of standard output that has had enough does not keep them back."""
        for form, file in sorted(self._wanted, key=lambda each: each[1] is None):
            if form == "text":
                self._text(file, report)
            else:
                for piece in _pieces(self._form(form, report, missing)):
                    self._write(file, piece)
            if file is not None:
                file.finish()

    def _write(self, file: OutputFile | None, data: bytes | bytearray) -> None:
        if file is None:
            self.face.bytes(data)
        else:
            file.write(data)

    def _text(self, file: OutputFile | None, report: ScanReport) -> None:
        if file is None:
            self._table(self.face, report)
            return
        page = io.StringIO()
        self._table(Face(self.face.voice, page, page, width=_FILE_WIDTH), report)
        file.write(page.getvalue().encode("utf-8", "backslashreplace"))

    def _form(self, form: str, report: ScanReport, missing: list[str]) -> Iterable[bytes | bytearray | str]:
        from portulan.cli.envelope import as_rows, encode, envelope

        facts = facts_of(report)
        if form == "json":
            return [envelope("scan", report.rows, taken_at=report.begun_at, missing=missing, extra=facts)]
        if form == "jsonl":
            import msgspec

            last = msgspec.json.decode(bytes(envelope("scan", (), taken_at=report.begun_at, missing=missing, extra=facts)))
            del last["items"]
            return [_lines(as_rows(report.rows)), encode(last)]
        arguments = " ".join(["portulan", *sys.argv[1:]])
        if form == "xml":
            from portulan.scan.reports.nmap_xml import nmap_xml

            return nmap_xml(report, arguments, __version__)
        if form == "grepable":
            from portulan.scan.reports.grepable import grepable

            return grepable(report, arguments, __version__)
        from portulan.scan.reports.columns import HEADERS, cells

        page = io.StringIO()
        Face(self.face.voice, page, page).csv(HEADERS, cells(report))
        return [page.getvalue()]


def facts_of(report: ScanReport) -> dict[str, object]:
    """What the envelope tells beside the rows."""
    return {
        "targets": report.targets,
        "addresses": report.addresses,
        "took_s": report.took_s,
        "states": report.states,
        "passes": report.passes,
        "hosts": report.hosts,
        "left_out": report.left_out,
        "shard": report.shard,
    }


def _lines(rows: list[object]) -> bytes:
    """Rows as JSON, one a line."""
    import msgspec

    encoder = msgspec.json.Encoder()
    try:
        return encoder.encode_lines(rows)
    except UnicodeEncodeError:
        from portulan.cli.envelope import encode

        return b"".join(map(encode, rows))


def _pieces(parts: Iterable[bytes | bytearray | str]) -> Iterable[bytes]:
    """The same in pieces of some size: a write for each line of a million would take longer than the scan."""
    held = bytearray()
    for part in parts:
        held += part.encode("utf-8", "backslashreplace") if isinstance(part, str) else part
        if len(held) >= _AT_ONCE:
            yield bytes(held)
            held.clear()
    yield bytes(held)
