"""The pytest plugin, as pytest loads it by itself."""

import os
import socket
import subprocess
import sys

SUITE = """
import socket
import pytest

def serve(port):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    one.listen()
    return one

def test_one(free_port):
    assert type(free_port) is int
    with serve(free_port), socket.create_connection(("127.0.0.1", free_port), timeout=5):
        pass
    print("PORT", free_port)

def test_some(portulan_lease):
    web, db, other = portulan_lease("web", guarantee="absolute"), portulan_lease("db", transport="both"), portulan_lease()
    assert len({web.number, db.number, other.number}) == 3
    with web.socket() as server, db.socket("udp"):
        assert server.getsockname() == ("127.0.0.1", web.number)
    assert portulan_lease("web").number != web.number, "the name is taken: any other number will do"

@pytest.mark.parametrize("x", ["a\\nb", "-" * 200, "日本"])
def test_names(free_port, x):
    assert free_port
"""


def run(folder, *words):
    environment = {**os.environ, "XDG_STATE_HOME": str(folder), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:randomly", "-W", "error", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_the_fixtures_of_a_suite(tmp_path):
    (tmp_path / "test_suite.py").write_text(SUITE, "utf-8")
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    assert (tmp_path / "portulan" / "leases").read_text("utf-8") == "portulan leases 1\nend 0\n"
    fixtures = run(tmp_path, "--fixtures").stdout
    assert "free_port -- " in fixtures
    assert "portulan_lease -- " in fixtures


def test_a_test_has_the_same_number_each_time(tmp_path):
    suite = tmp_path / f"test_suite_{os.getpid()}.py"  # a name, and so a number, that no other run has at this moment
    suite.write_text(SUITE, "utf-8")
    first, second = (
        [line for line in run(tmp_path, f"{suite.name}::test_one").stdout.splitlines() if line.startswith("PORT")] for _ in range(2)
    )
    assert first == second


def test_it_costs_a_suite_nothing(tmp_path):
    """Loaded by every pytest of this environment: it brings in nothing that pytest has not."""
    code = "import pytest, sys\nbefore = set(sys.modules)\nimport portulan.testing\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["portulan", "portulan.testing"]


def test_free_port_here(free_port, portulan_lease):
    with portulan_lease("mine").socket() as server, socket.create_connection(server.getsockname(), timeout=5):
        assert server.getsockname()[1] != free_port
