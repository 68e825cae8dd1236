"""Questions to the phone book as a person asks them, on the packaged table."""

import pytest

from portulan.errors import BadInput
from portulan.model.assignment import Kind, Status
from portulan.model.port import PortClass, Transport
from portulan.model.portset import PortRange
from portulan.verbs.lookup import about, common, lookup, lookup_all, open_registry

TCP, UDP = Transport.TCP, Transport.UDP


@pytest.fixture(autouse=True)
def no_table_of_ones_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def rows(answer):
    return [(entry.port, entry.transport, entry.service) for entry in answer.entries]


def test_a_number_shows_all_names_the_usual_first():
    answer = lookup(80)
    assert answer.kind is Kind.PORT
    assert answer.known
    assert [entry.service for entry in answer.entries if entry.transport == TCP] == ["http", "www", "www-http"]
    assert {entry.transport for entry in answer.entries} == {TCP, UDP, Transport.SCTP}
    first = answer.entries[0]
    assert (first.port, first.service, first.port_class, first.status, first.ours) == (80, "http", PortClass.SYSTEM, Status.ASSIGNED, False)
    assert "web" in first.aliases
    assert [known.key for known in answer.well_known] == ["http"]


def test_a_transport_narrows():
    assert rows(lookup("5432/tcp")) == [(5432, TCP, "postgresql")]
    assert rows(lookup("domain/udp")) == [(53, UDP, "domain")]
    assert {row[1] for row in rows(lookup("6000-6063/udp"))} == {UDP}


def test_a_port_in_a_range_is_answered_with_its_own_number():
    (entry, _) = lookup("6005").entries
    assert (entry.port, entry.first, entry.last, entry.service) == (6005, 6000, 6063, "x11")
    assert "xorg" in entry.aliases


def test_a_range():
    answer = lookup("6000-6063")
    assert answer.kind is Kind.RANGE
    assert answer.ports == PortRange(6000, 6063)
    assert rows(answer) == [(6000, TCP, "x11"), (6000, UDP, "x11")]
    system = lookup("1-1023")
    numbers = [entry.port for entry in system.entries]
    assert numbers == sorted(numbers)
    assert {22, 80, 443, 1023} <= set(numbers)


def test_a_range_has_our_uses_in_their_places():
    answer = lookup("9199-9201")
    assert ("elasticsearch", True) in {(entry.service, entry.ours) for entry in answer.entries}
    assert [entry.port for entry in answer.entries] == sorted(entry.port for entry in answer.entries)


def test_a_name_in_any_case():
    assert rows(lookup("HTTP")) == rows(lookup("http")) == [(80, TCP, "http"), (80, UDP, "http"), (80, Transport.SCTP, "http")]
    assert [port for port, _, _ in rows(lookup("http-alt/tcp"))] == [591, 8008, 8080]
    assert lookup("cl/1").entries[0].port == 172


def test_peoples_words_lead_to_what_iana_assigned_and_are_marked():
    answer = lookup("postgres")
    assert answer.words == ("postgres",)
    assert rows(answer) == [(5432, TCP, "postgresql"), (5432, UDP, "postgresql")]
    assert not any(entry.ours for entry in answer.entries)
    assert lookup("postgresql").words == ()


def test_people_come_before_a_namesake_of_the_registry():
    assert [(entry.port, entry.service) for entry in lookup("sftp/tcp").entries] == [(22, "ssh"), (115, "sftp")]
    assert [(entry.port, entry.service) for entry in lookup("rdp").entries] == [
        (3389, "ms-wbt-server"), (3389, "ms-wbt-server"), (None, "rdp"), (None, "rdp"),
    ]  # fmt: skip


def test_what_is_found_on_a_port_in_spite_of_iana_is_ours():
    answer = lookup("9200/tcp")
    assert [(entry.service, entry.ours, entry.status) for entry in answer.entries] == [
        ("wap-wsp", False, Status.ASSIGNED),
        ("elasticsearch", True, None),
    ]
    (wireguard,) = lookup(51820).entries
    assert (wireguard.service, wireguard.ours, wireguard.transport, wireguard.port_class) == ("wireguard", True, UDP, PortClass.DYNAMIC)
    assert lookup(51820).known


def test_words_of_the_description():
    answer = lookup("simple mail transfer")
    assert answer.kind is Kind.WORDS
    assert answer.entries[0].service == "smtp"
    assert all("mail" in f"{entry.service} {entry.description}".lower() for entry in answer.entries)


def test_whole_words_come_before_parts_and_ports_before_none():
    entries = lookup("game").entries
    assert entries[0].service == "nm-game-admin"
    portless = [entry.port is None for entry in entries if "game" in (entry.description or "").lower().split()]
    assert portless == sorted(portless)


def test_words_asked_for_although_it_is_a_name():
    assert len(lookup("ssh", only_words=True).entries) > len(lookup("ssh").entries)


def test_words_may_be_narrowed_to_a_transport():
    assert {entry.transport for entry in lookup("game/udp").entries} <= {UDP, None}


def test_nobody_knows_it_but_something_may_be_meant():
    answer = lookup("postgrse")
    assert not answer.known
    assert answer.entries == ()
    assert answer.suggestions[0] == "postgres"


@pytest.mark.parametrize(
    ("port", "status"), [(0, Status.RESERVED), (1023, Status.RESERVED), (4, Status.UNASSIGNED), (50001, Status.UNASSIGNED)]
)
def test_numbers_without_a_name(port, status):
    answer = lookup(port)
    assert {entry.status for entry in answer.entries} == {status}
    assert {entry.service for entry in answer.entries} == {None}
    assert answer.known is (status is Status.RESERVED)
    assert answer.entries[0].port == port


def test_a_number_inside_a_stale_unassigned_range():
    assert Status.UNASSIGNED not in {entry.status for entry in lookup(7775).entries}


def test_a_dynamic_port_has_its_class_although_no_row_names_it():
    (entry,) = lookup("50001/udp").entries
    assert (entry.port_class, entry.transport, entry.description, entry.ours) == (PortClass.DYNAMIC, UDP, None, False)


def test_many_questions_at_once():
    assert [answer.query for answer in lookup_all(["22,80/tcp", "http"])] == ["22/tcp", "80/tcp", "http"]
    assert [answer.query for answer in lookup_all(["remote", "desktop"])] == ["remote desktop"]
    assert [answer.query for answer in lookup_all(["ssh", "desktop"])] == ["ssh", "desktop"]
    assert [answer.query for answer in lookup_all(["postgrse"])] == ["postgrse"]


def test_bad_input_is_said():
    for query in ("70000", "80/xyz", ""):
        with pytest.raises(BadInput):
            lookup(query)


def test_which_table_is_in_use():
    used = about()
    assert used.packaged
    assert used.fault is None
    assert used.about == open_registry().table.about()


def test_the_common_ports_are_values():
    assert {known.service for known in common()} >= {"http", "https", "ssh", "dns", "rdp"}
