"""`portulan scanners` as it happens: a real scan of a sandbox host, noticed by it."""

import msgspec
import pytest

from onlooking import SERVE, listening, scan

pytestmark = [pytest.mark.lab, pytest.mark.peer]


def test_a_scan_is_noticed_while_it_runs(sandbox, peers):
    there, here = sandbox.host("there", root=peers), sandbox.host("web-01", root=peers)
    sandbox.link(there, here)
    here.start(["/usr/bin/python3", "-c", SERVE])
    here.wait_for_port(443)
    with listening(here, "--all", "--lang", "en") as ears:
        scan(there, here, "-r")
    assert ears.status == 1, ears.said
    assert f" {there.address}   tried 100 ports in " in ears.told  # however many it were when it was noticed
    assert "it now knows 22 and 443" in ears.told
    assert "1 source was trying the doors." in ears.told


def test_as_json_lines(sandbox, peers):
    there, here = sandbox.host("there", root=peers), sandbox.host("web-01", root=peers)
    sandbox.link(there, here)
    with listening(here, "--jsonl") as ears:
        scan(there, here)
    assert ears.status == 1, ears.said
    *rows, last = map(msgspec.json.decode, ears.told.splitlines())
    assert {tuple(row["sources"]) for row in rows} == {(there.address,)}
    assert {row["sure_after"] <= 6 for row in rows} == {True}
    assert rows[-1]["first_contacts"] == 100
    assert last["schema"] == "portulan.scanners/1"
