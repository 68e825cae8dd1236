"""Bringing the registry up to date: what is accepted, what is refused, and that a refusal changes nothing."""

from binascii import crc32
from pathlib import Path

import pytest

from portulan.errors import BadInput, CannotTell, ParseError
from portulan.model.port import Transport
from portulan.registry.build import build_table
from portulan.registry.source import parse_source
from portulan.system.registry_file import PACKAGED, open_packaged, open_registry, own_path, write_own
from portulan.verbs.registry import FEWEST, LANDMARKS, reset_registry, update_registry
from registry_samples import ODDITIES, as_csv, as_xml

PLENTY = (
    *({"name": name, "number": str(port), "protocol": transport} for port, transport, name in LANDMARKS),
    *({"name": f"service-{number}", "number": str(number), "protocol": "tcp"} for number in range(10_000, 10_000 + FEWEST)),
)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture(scope="module")
def plenty():
    """A sound table, older than the files of the tests."""
    return build_table(parse_source(as_xml(PLENTY, updated="2026-08-30")).records, "2026-08-30")


def write(folder, data):
    path = folder / "source"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("form", [as_xml, as_csv])
def test_a_whole_registry_is_taken(folder, form):
    dated = ({**PLENTY[0], "updated": "2026-09-01"}, *PLENTY[1:])
    update = update_registry(write(folder, as_xml(dated, updated="2026-09-01") if form is as_xml else as_csv(dated)))
    assert update.path == own_path()
    assert (update.before.date, update.after.date) == (open_packaged().about().date, "2026-09-01")
    assert update.after.counts.records == len(PLENTY)
    assert update.added >= FEWEST - 100
    assert update.removed > 10_000
    opened = open_registry()
    assert not opened.packaged
    assert opened.table.usual(12_345, Transport.TCP) == "service-12345"


def test_the_same_again_changes_nothing(folder):
    source = write(folder, as_xml(PLENTY, updated="2026-09-01"))
    update_registry(source)
    again = update_registry(source)
    assert (again.added, again.removed) == (0, 0)
    assert again.before == again.after


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lambda: as_xml(PLENTY[:100], updated="2026-09-01"), "registry.too-few"),
        (lambda: as_xml((*PLENTY[1:], *ODDITIES), updated="2026-09-01"), "registry.no-landmark"),
        (lambda: as_xml(PLENTY, updated="2001-01-01"), "registry.older"),
        (lambda: as_xml(PLENTY, updated="2026-09-01")[:-100], "registry.bad-xml"),
        (lambda: as_csv((*PLENTY, {"name": "x", "number": "99999"})), "registry.bad-record"),
        (lambda: b"<html>login first</html>", "registry.not-a-source"),
        (lambda: b"", "registry.not-a-source"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_file_is_refused_and_the_old_table_stays(folder, plenty, data, code):
    path = Path(write_own(plenty))
    with pytest.raises(BadInput) as caught:
        update_registry(write(folder, data()))
    assert caught.value.code == code
    assert path.read_bytes() == plenty
    assert not open_registry().packaged


@pytest.mark.parametrize(
    "data",
    [
        lambda: as_xml(PLENTY[:100], updated="2026-09-01"),
        lambda: as_xml(ODDITIES, updated="2026-09-01"),
        lambda: as_xml(PLENTY, updated="2001-01-01"),
    ],
    ids=["few", "without landmarks", "old"],
)
def test_force_takes_what_is_only_doubtful(folder, data):
    update_registry(write(folder, data()), force=True)
    assert not open_registry().packaged


def test_force_takes_nothing_that_is_damaged(folder):
    with pytest.raises(ParseError):
        update_registry(write(folder, as_xml(ODDITIES)[:-30]), force=True)
    assert open_registry().packaged


def test_a_damaged_own_table_does_not_keep_a_good_one_out(folder):
    packaged = Path(PACKAGED).read_bytes()
    place = packaged.index(b"\n\n") + 2
    # Bytes that the checksum vouches for and no line of which can be read.
    body = packaged[place:].replace(b"\ttcp", b"\tt\xffp")
    write_own(packaged[:place].replace(b"crc32: %08x" % crc32(packaged[place:]), b"crc32: %08x" % crc32(body)) + body)
    assert not open_registry().packaged
    update = update_registry(write(folder, as_xml(PLENTY, updated="2026-09-01")))
    assert update.removed > 10_000
    assert open_registry().table.usual(22, Transport.TCP) == "ssh"


def test_an_address_that_does_not_answer_is_not_a_bad_file():
    with pytest.raises(CannotTell):
        update_registry("http://127.0.0.1:1/")


def test_back_to_the_packaged_table(plenty):
    assert not reset_registry()
    write_own(plenty)
    assert reset_registry()
    assert open_registry().packaged
