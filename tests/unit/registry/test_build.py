"""The tool that builds the packaged table."""

import subprocess
import sys
from pathlib import Path

from portulan.registry.build import build_table
from portulan.registry.source import parse_source
from portulan.registry.table import Table
from registry_samples import ODDITIES, as_csv, as_xml

TOOL = Path(__file__).resolve().parents[3] / "tools/build_registry.py"


def build(*words):
    return subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True, check=False)


def test_it_writes_the_table_of_either_form(tmp_path):
    for form in (as_xml, as_csv):
        source, target = tmp_path / "source", tmp_path / "table"
        source.write_bytes(form(ODDITIES))
        done = build(source, target)
        assert (done.returncode, done.stderr) == (0, "")
        assert set(Table(target.read_bytes()).everything()) == set(parse_source(form(ODDITIES)).records)


def test_a_bad_file_leaves_the_old_table(tmp_path):
    source, target = tmp_path / "source", tmp_path / "table"
    source.write_bytes(b"<html>")
    target.write_bytes(b"old")
    done = build(source, target)
    assert done.returncode == 1
    assert "registry." in done.stderr
    assert target.read_bytes() == b"old"
    assert build(tmp_path / "missing", target).returncode == 1
    assert build().returncode == 2


def test_the_same_records_are_the_same_bytes():
    records = parse_source(as_xml(ODDITIES)).records
    assert build_table(records, "2026-08-17") == build_table(list(records), "2026-08-17")


def test_records_that_differ_in_the_transport_only_share_a_line():
    both = [{"name": "http", "number": "80", "protocol": transport} for transport in ("udp", "tcp")]
    table = build_table(parse_source(as_xml(both)).records, "2026-08-17")
    assert b"\n80\ttcp udp\thttp\n" in table
    everywhere = [*both, {"name": "http", "number": "80"}]
    assert b"\n80\t\thttp\n" in build_table(parse_source(as_xml(everywhere)).records, "2026-08-17")
