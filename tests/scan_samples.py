"""Scan reports to show, write and read again, and a stand-in that answers with one in place of the engine."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import SimpleNamespace

from portulan.model.port import Transport
from portulan.model.scan import (
    Basis,
    Certainty,
    Doubt,
    Effort,
    HostSeen,
    Loss,
    Method,
    Others,
    Pass,
    PortSeen,
    Progress,
    Reason,
    ScanReport,
    Shard,
    State,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TCP, UDP = Transport.TCP, Transport.UDP
LOSS = Loss(31, 600, 0.08)
CERTAIN = Certainty(True, 1e-6, 3.2e-7, Basis.OPEN, LOSS, LOSS._replace(lost=30, asked=590))
EFFORT = Effort(78_112, 65_533, 6, 12, 3, 1, 0, 0, 91_000.0, 0.9)
HOSTILE = '<&">\x1b[31m\u202e--\n'


def row(port, state=State.OPEN, reason=Reason.SYN_ACK, service=None, *, address="198.18.0.2", transport=TCP, rtt_ms=0.31, ttl=64, by=None):
    return PortSeen(address, port, transport, state, reason, service, rtt_ms, ttl, by)


ROWS = (
    row(22, service="ssh"),
    row(80, service="http", rtt_ms=12.04),
    row(631, State.FILTERED, Reason.ADMIN_PROHIBITED, "ipp", by="198.18.0.1", ttl=63),
    row(5432, service="postgresql", rtt_ms=0.04),
    row(40000, State.FILTERED, Reason.NONE, rtt_ms=None, ttl=None),
)
OTHERS = (Others(TCP, State.CLOSED, Reason.RESET, 65_531, "0-21,23-79,81-630,632-5431,5433-39999,40001-65535"),)
HOST = HostSeen("198.18.0.2", None, True, {"open": 3, "closed": 65_531, "filtered": 2}, OTHERS)
ONE = ScanReport(
    ("198.18.0.2",),
    1,
    NOW,
    0.93,
    (Pass(TCP, Method.SYN, "0-65535", CERTAIN, EFFORT),),
    (HOST,),
    ROWS,
    {"open": 3, "closed": 65_531, "filtered": 2},
)
DOUBTED = Certainty(
    False, 1e-6, 2.4, Basis.ASSUMED, Loss(0, 0, 1.0), Loss(0, 0, 1.0), 0.3, 4_321, 7_300.0, tuple(Doubt)
)  # fmt: skip
ANSWERED = Certainty(True, 1e-6, 0.0, Basis.ANSWERED, Loss(0, 3, 0.5), Loss(0, 3, 0.5))
SEVERAL = ScanReport(
    ("localhost", "198.18.0.0/29", HOSTILE),
    8,
    NOW,
    123.4,
    (
        Pass(TCP, Method.CONNECT, "22,80", ANSWERED, EFFORT._replace(rounds=1, duplicates=0, late=0, forged=0)),
        Pass(UDP, Method.UDP, "53", DOUBTED, EFFORT._replace(rate=1234.5, overflowed=7, forged=2)),
    ),
    (
        HostSeen("127.0.0.1", HOSTILE, True, {"open": 1, "closed": 1, "open|filtered": 1}),
        HostSeen("198.18.0.3", None, True, {"closed": 2}, (), "02:00:00:00:00:03"),
        HostSeen("198.18.0.4", None, False, {"filtered": 3}),
        HostSeen("198.18.0.5", None, None, {"filtered": 2, "open|filtered": 1}),
        HostSeen("fd00::2", "web", True, {"open": 1, "unfiltered": 30}, (Others(TCP, State.UNFILTERED, Reason.SYN_PROXY, 30, "1-30"),)),
    ),
    (
        row(22, service=HOSTILE, address="127.0.0.1"),
        row(80, State.CLOSED, Reason.RESET, "http", address="127.0.0.1"),
        row(53, State.OPEN_FILTERED, Reason.NONE, "domain", address="127.0.0.1", transport=UDP, rtt_ms=None, ttl=None),
        row(22, State.CLOSED, Reason.RESET, "ssh", address="198.18.0.3"),
        row(80, State.CLOSED, Reason.RESET, "http", address="198.18.0.3"),
        row(22, address="fd00::2", service="ssh", ttl=None),
    ),
    {"open": 2, "closed": 3, "filtered": 5, "unfiltered": 30, "open|filtered": 2},
    (
        ("224.0.0.1", "multicast"),
        ("198.18.0.0", "broadcast"),
        ("198.18.0.6/31", "excluded"),
        ("192.0.2.0/24", "documentation"),
        ("::", "unspecified"),
    ),
    complete=False,
    missing=("syn-needs-root", "interrupted"),
)
MANY = ScanReport(
    ("10.0.0.0/8",),
    16_777_216,
    NOW,
    410.0,
    (Pass(TCP, Method.SYN, "22", CERTAIN, EFFORT),),
    (),
    ROWS[:1],
    {"open": 1, "closed": 5_000, "filtered": 16_772_215},
    shard=Shard(0, 4),
    missing=("rows-not-kept",),
)
LOCAL = ONE._replace(
    passes=(
        Pass(
            TCP,
            Method.LOCAL,
            "0-65535",
            ANSWERED._replace(basis=Basis.KERNEL),
            EFFORT._replace(rounds=0, probes=0, duplicates=0, late=0, forged=0),
        ),
    )
)
PROGRESS = Progress(30_000, 65_536, 41_000, 3, 88_000.0, 0.4, 2)
SAMPLES = {"one": ONE, "several": SEVERAL, "many": MANY, "local": LOCAL}


def stand_in(monkeypatch, report):
    """`verbs.scan` as it looks from outside: what it was asked is returned, and `report` is its answer, in a stream where rows are taken."""
    asked = []

    def scan(targets, **options):
        asked.append({"targets": targets, **options})
        if isinstance(report, BaseException):
            raise report
        if options["on_progress"] is not None:
            options["on_progress"](PROGRESS)
        if options["on_rows"] is None:
            return report
        for at in range(0, len(report.rows), 2):
            options["on_rows"](report.rows[at : at + 2])
        return report._replace(rows=())

    monkeypatch.setitem(sys.modules, "portulan.verbs.scan", SimpleNamespace(scan=scan))
    return asked
