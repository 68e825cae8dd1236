"""Our own pages: consistent with the registry they stand beside, and marked as ours."""

from pathlib import Path

import pytest

from portulan.model.port import PORTS
from portulan.registry.ours import ALIASES, FIRST, USES, aliases_of, meant_by, uses_of, words
from portulan.registry.table import Table
from portulan.registry.usual import CHOSEN
from portulan.registry.well_known import known_of, well_known
from portulan.system.registry_file import PACKAGED
from portulan.text.well_known import WELL_KNOWN


@pytest.fixture(scope="module")
def table():
    return Table(Path(PACKAGED).read_bytes())


def test_an_alias_stands_for_a_service_that_iana_assigned(table):
    assert [alias for alias in ALIASES if alias.service not in {record.name for record in table.assignments(alias.port)}] == []


def test_an_alias_is_not_just_the_services_own_name():
    assert [alias for alias in ALIASES if alias.service.lower() in alias.words] == []


def test_a_use_is_what_iana_did_not_assign(table):
    for use in USES:
        for transport in use.transports:
            assert use.service not in {record.name for record in table.assignments(use.port, transport)}, use


def test_both_lists_are_in_order():
    for entries in (ALIASES, USES):
        ports = [entry.port for entry in entries]
        assert ports == sorted(ports)
        assert len({(entry.port, entry.service) for entry in entries}) == len(entries)


def test_words_are_small_letters_and_trimmed():
    assert [word for word in words() if word != " ".join(word.lower().split())] == []


def test_every_chosen_usual_name_exists_beside_another(table):
    for port, name in CHOSEN.items():
        names = {record.name for record in table.assignments(port)}
        assert name in names
        assert len(names) > 1


def test_the_order_of_words_with_several_meanings():
    for word, order in FIRST.items():
        ports = [entry.port for entry in meant_by(word)]
        assert tuple(dict.fromkeys(ports))[: len(order)] == order, word


@pytest.mark.parametrize(
    ("word", "ports"),
    [
        ("dns", [53]), ("rdp", [3389]), ("postgres", [5432]), ("k8s", [6443, 10250]), ("docker api", [2375]), ("elastic", [9200]),
        ("minecraft", [19132, 25565]), ("prometheus", [9090]), ("grafana", [3000]), ("node", [3000]), ("vite", [5173]), ("flask", [5000]),
        ("Remote  Desktop", [3389, 5900]), ("リモートデスクトップ", [3389]), ("nothing", []),
    ],
)  # fmt: skip
def test_what_people_mean(word, ports):
    assert [entry.port for entry in meant_by(word)] == ports


def test_aliases_belong_to_one_service_of_a_port():
    assert "rsh" in aliases_of(514, "shell")
    assert "rsh" not in aliases_of(514, "syslog")
    assert aliases_of(None, "http") == aliases_of(80, None) == ()


def test_uses_of_a_range():
    assert {use.port for use in uses_of(9090, 9100)} == {9090, 9092, 9093, 9100}
    assert uses_of(1, 3) == ()


def test_every_well_known_port_has_a_sentence_and_every_sentence_a_port():
    assert sorted(known.key for known in well_known()) == sorted(WELL_KNOWN)


def test_the_ports_that_everyone_should_know_are_there():
    listed = {number for known in well_known() for part in known.ports for number in range(part.first, part.last + 1)}
    expected = (
        20, 21, 22, 23, 25, 53, 67, 68, 69, 80, 88, 110, 111, 119, 123, 135, 137, 138, 139, 143, 161, 162, 179, 389, 443, 445, 465, 500, 514, 515,
        546, 547, 554, 587, 631, 636, 853, 873, 993, 995, 1080, 1194, 1433, 1521, 1883, 2049, 2375, 2376, 3128, 3306, 3389, 3478, 4500, 4789, 5060,
        5061, 5353, 5355, 5432, 5672, 5900, 6379, 6443, 8080, 8443, 8883, 9092, 9200, 11211, 27017, 51820,
    )  # fmt: skip
    assert listed.issuperset(expected)
    assert [known.ports[0].first for known in well_known()] == sorted(known.ports[0].first for known in well_known())


def test_every_well_known_port_is_assigned_or_listed_as_a_use(table):
    for known in well_known():
        for part in known.ports:
            for transport in known.transports:
                found = any(
                    table.usual(port, transport) or any(transport in use.transports for use in uses_of(port, port))
                    for port in range(part.first, min(part.last + 1, PORTS))
                )
                assert found, (known.key, str(part), transport)


def test_sentences_by_port_and_transport():
    assert [known.key for known in known_of([(514, None)])] == ["syslog", "rsh"]
    assert [known.key for known in known_of([(80, None), (6010, None), (80, None)])] == ["http", "x11"]
    assert known_of([(4, None)]) == ()
