"""Real servers, started from the very files that were read: they listen exactly where we said, and fail where we said that they would."""

import pytest

import declared_servers as lab
from declared_servers import CASES, OWN, PAIRS
from labs import ask_ss, inhabit, look, wait_for
from portulan.model.chart import State

pytestmark = [pytest.mark.lab, pytest.mark.peer]


@pytest.fixture
def host(sandbox, servers):
    made = sandbox.host("web-01", root=servers)
    inhabit(made)
    return made


def charted(host):
    """The chart in the words of a declaration."""
    found = set()
    for item in look(host):
        if item.state in (State.LISTENING, State.BOUND):
            v6_only = item.sockets[0].v6_only if ":" in item.address else None
            found.add((item.transport.value, item.address, item.port, v6_only))
    return found


def by_ss(host):
    """What ss says, in the same words; it shows a socket that takes both families as `*`."""
    facts, _ = ask_ss(host, host.root)
    found = set()
    for fact in facts:
        address = "::" if fact.address == "*" else fact.address
        found.add((fact.transport, address, fact.port, fact.v6_only if ":" in address else None))
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_server_listens_where_its_file_says(host, case):
    lab.prepare(host, case)
    answer, status = lab.declared(host, "--kind", case.kind, "--not-running", case.main)
    assert (status, answer["problems"]) == (0, [])
    wanted = lab.sockets_of(answer)
    process = lab.start(host, case)
    if not wanted:  # it runs without a port: its socket file says when
        assert wait_for(lambda: host.run(["sh", "-c", f"ls -A {lab.RUN} | grep -e PGSQL -e case.sock"]).stdout != "", wanted=True)
    assert wait_for(lambda: charted(host), wanted) == wanted, lab.ended(process, 0.1)
    assert by_ss(host) == wanted
    assert process.poll() is None
    again, status = lab.declared(host, "--kind", case.kind, case.main)
    assert (again["items"], status) == ([], 0), "what runs as its file says is no finding"


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_second_fails_where_we_say_so(host, pair):
    lab.prepare(host, pair.first)
    lab.prepare(host, pair.second)
    answer, status = lab.declared(host, "--not-running", lab.HERE)
    codes = {item["code"] for item in answer["items"]}
    assert (status, codes) == ((1, {"declared.collision"}) if pair.collide else (0, set()))
    first = lab.start(host, pair.first)
    wanted = lab.sockets_of(lab.declared(host, "--not-running", pair.first.main)[0])
    assert wait_for(lambda: charted(host), wanted) == wanted
    answer, status = lab.declared(host, pair.second.main)
    codes = {item["code"] for item in answer["items"]}
    assert (status, codes) == ((1, {"running.taken"}) if pair.collide else (0, set()))
    second = lab.start(host, pair.second)
    if pair.collide:
        said = lab.ended(second)
        assert second.returncode not in (None, 0), said
        assert first.poll() is None
    else:
        wanted |= lab.sockets_of(lab.declared(host, "--not-running", pair.second.main)[0])
        assert wait_for(lambda: charted(host), wanted) == wanted
        assert (first.poll(), second.poll()) == (None, None)


@pytest.mark.parametrize("case", OWN, ids=str)
def test_a_server_that_stands_in_its_own_way_does_not_start(host, case):
    lab.prepare(host, case)
    answer, status = lab.declared(host, "--not-running", case.main)
    assert ({item["code"] for item in answer["items"]}, status) == ({"declared.own"}, 1)
    process = lab.start(host, case)
    said = lab.ended(process)
    assert process.returncode not in (None, 0), said


def test_a_file_changed_under_a_running_server_is_told(host):
    case = lab.nginx("changed", "http { server { listen 8080; } }")
    lab.prepare(host, case)
    lab.start(host, case)
    host.wait_for_port(8080)
    lab.prepare(host, lab.nginx("changed", "http { server { listen 8081; } }"))
    answer, status = lab.declared(host, case.main)
    assert status == 0
    (finding,) = answer["items"]
    assert (finding["code"], finding["port"], finding["facts"], finding["holders"][0]["name"]) == (
        "running.elsewhere",
        8081,
        {"now": "8080/tcp"},
        "nginx",
    )
