"""The programs that listen: by whom they were started, from which file, and on whose port."""

import pytest

from audit_samples import SHELL, UDP, door, facts, ids, owner
from portulan.audit.foreign import find_foreign
from portulan.audit.processes import find_by_hand, find_old_programs
from portulan.model.chart import Ancestor
from portulan.model.finding import Level

SYSTEMD = (Ancestor(1, "systemd"),)


def by_hand(*parents, port=8000, address="0.0.0.0", **more):
    one = owner("python3", 700, **{"unit": None, "command": ("python3", "-m", "http.server", "my file"), **more})
    return list(find_by_hand(facts(door(port, owners=(one,), address=address, parents={700: parents}))))


@pytest.mark.parametrize(("parents", "more"), [
    (SHELL, {}),
    ((Ancestor(9, "python3"), *SHELL), {}),
    ((Ancestor(9, "sudo"), Ancestor(1, "init")), {}),
    (SYSTEMD, {"unit": "session-3.scope"}),
    (SHELL, {"unit": "user@0.service"}),
    (SHELL, {"unit": "thing.service", "user_unit": True}),
])  # fmt: skip
def test_somebody_started_it(parents, more):
    (found,) = by_hand(*parents, **more)
    assert (found.id, found.level, found.key) == ("process.by-hand", Level.WARNING, "process.by-hand:8000/tcp")


@pytest.mark.parametrize(("parents", "more"), [
    (SYSTEMD, {}),
    ((), {}),
    ((Ancestor(1, "sh"),), {}),  # the first process of a container may be a shell
    (SHELL, {"unit": "python3.service"}),
    (SHELL, {"uid": 1000}),
    (SHELL, {"container": "docker:x"}),
    (SHELL, {"address": "127.0.0.1"}),
])  # fmt: skip
def test_nobody_did_or_it_does_not_matter(parents, more):
    assert by_hand(*parents, **more) == []


def test_one_finding_a_program_and_the_unit_that_it_could_be():
    one = owner("python3", 700, unit=None, command=("python3", "-m", "http.server", "my file"))
    (found,) = find_by_hand(facts(*(door(port, owners=(one,), parents={700: SHELL}) for port in (80, 8000))))
    assert found.facts["port"] == "80/tcp, 8000/tcp"
    assert (
        found.fixes[0].command
        == "systemd-run --unit=python3 -p DynamicUser=yes -p AmbientCapabilities=CAP_NET_BIND_SERVICE python3 -m http.server 'my file'"
    )
    assert found.fixes[1].command == "kill 700"
    assert found.evidence[-1].facts == {"above": "bash < sshd"}


@pytest.mark.parametrize("command", [(), ("python3", "x" * 400), ("python3", "-c", "a\nb")])
def test_a_command_that_cannot_be_copied_is_not_shown(command):
    (found,) = by_hand(*SHELL, command=command)
    assert found.fixes[0].command == "systemd-run --unit=python3 -p DynamicUser=yes /usr/sbin/python3 …"


def test_workers_are_not_told_beside_their_master():
    master, worker = owner("httpd", 5, unit=None), owner("httpd", 6, unit=None)
    (found,) = find_by_hand(facts(door(80, owners=(master, worker), parents={5: SHELL, 6: (Ancestor(5, "httpd"), *SHELL)})))
    assert found.facts["pid"] == 5


# --- files that are gone ---


def old(path="/usr/bin/redis-server (deleted)", **more):
    replaced = more.pop("replaced", {})
    return list(find_old_programs(facts(door(6379, owners=(owner("redis-server", 700, executable=path, **more),), replaced=replaced))))


@pytest.mark.parametrize(("replaced", "code"), [({700: True}, "program.replaced"), ({700: False}, "program.deleted"), ({}, "program.gone")])
def test_a_program_whose_file_is_gone(replaced, code):
    (found,) = old(replaced=replaced)
    assert (found.id, found.evidence[0].code, found.evidence[0].facts["path"]) == ("process.old-program", code, "/usr/bin/redis-server")
    assert [one.command for one in found.fixes] == ["systemctl restart redis-server.service"]


def test_it_is_started_anew_by_whatever_runs_it():
    assert [one.command for one in old(container="docker:cache")[0].fixes] == ["docker restart cache"]
    assert [(one.code, one.command) for one in old(unit=None)[0].fixes] == [("stop-and-start", "kill 700")]


def test_a_program_without_a_file():
    (found,) = old("/memfd:x (deleted)")
    assert (found.id, [one.code for one in found.fixes]) == ("process.no-file", ["stop"])


def test_a_program_whose_file_is_there():
    assert old("/usr/bin/redis-server") == []
    assert old(None) == []


def test_one_finding_for_all_its_ports():
    one = owner("nginx", 5, executable="/usr/sbin/nginx (deleted)")
    (found,) = find_old_programs(facts(door(80, owners=(one,)), door(443, owners=(one,))))
    assert found.facts["port"] == "80/tcp, 443/tcp"


# --- on another's port ---


@pytest.mark.parametrize(("port", "name", "assigned", "wanted"), [
    (443, "sshd", ("https",), Level.WARNING),
    (5432, "sshd", ("postgresql",), Level.INFO),
    (22, "sshd", ("ssh",), None),
    (8080, "nginx", ("http-alt",), None),
    (443, "python3", ("https",), None),
    (60000, "sshd", (), None),
])  # fmt: skip
def test_a_service_on_anothers_port(port, name, assigned, wanted):
    found = list(find_foreign(facts(door(port, name=name, assigned=assigned))))
    assert [one.level for one in found] == ([wanted] if wanted else [])


def test_what_only_this_host_reaches_may_be_anywhere():
    assert ids(find_foreign(facts(door(443, name="sshd", assigned=("https",), address="127.0.0.1")))) == []
    assert ids(find_foreign(facts(door(443, name="named", assigned=("https",), transport=UDP)))) == ["port.foreign"]
