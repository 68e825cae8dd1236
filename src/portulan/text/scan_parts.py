"""What is said of scans in parts: journals to go on from, and workers that share the work."""

from __future__ import annotations

from portulan.text.voice import mark

SENTENCES: dict[str, str] = {
    "journal.cannot-open": mark("the journal {path} can be neither read nor written: {reason}."),
    "journal.strange": mark("{path} is no journal of a scan, or one of another version."),
    "journal.other": mark("{path} is the journal of another scan: it was asked with other {what}."),
    "journal.in-use": mark("the journal {path} is being written by another scan."),
    "fleet.not-installed": mark("sharing the work with a cluster needs the package distributed, which is not installed."),
    "fleet.unreachable": mark("no Dask scheduler answers at {address}."),
    "fleet.no-workers": mark("the Dask scheduler at {address} has no workers."),
    "fleet.version": mark("a worker runs Portulan {theirs}, and this is {ours}: both must be the same."),
    "fleet.failed": mark("a worker failed: {reason}."),
    "fleet.workers-die": mark("a part of the scan was given to workers {times} times, and each of them died."),
    "fleet.unwanted": mark("the scan was ended."),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {
    "journal.other": mark("name another file, or ask as then"),
    "fleet.not-installed": mark("install it:  pip install 'portulan[fleet]'"),
    "fleet.no-workers": mark("start some:  dask worker {address}"),
}
"""What to do about it."""
