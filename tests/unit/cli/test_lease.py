"""`lease` and `release` as a person types them."""

import io
import json
import os
import sys

import jsonschema
import pytest

from portulan.cli.contract import schema_of
from portulan.cli.main import main
from portulan.verbs.lease import Leased, lease

NAME = f"cli {os.getpid()}"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "portulan"


@pytest.fixture
def told(monkeypatch):
    """told(words…) -> (exit status, stdout, stderr)."""

    def run(*words):
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        status = main(words)
        out.flush()
        return status, out.buffer.getvalue().decode(), err.getvalue()

    return run


@pytest.fixture
def became(monkeypatch):
    """What the program would become: (words, guarantee, port) instead of becoming it."""
    found = []

    def become(self, words):
        found.append((tuple(words), self.lease.guarantee.value, self.number))
        self.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Leased, "become", become)
    return found


def test_the_number_alone_is_on_stdout(told):
    status, out, err = told("lease", NAME)
    assert status == 0
    assert out.strip().isdigit()
    assert err.splitlines() == [
        f"portulan: {NAME} has {out.strip()}/tcp, noted: other leases keep off it, other programs do not.",
        f" to hold it:  portulan lease '{NAME}' --hold",
    ]
    assert told("lease", NAME)[1] == out


def test_the_list(told):
    assert told("lease", "--list") == (0, "", "Nothing is leased.\n")
    port = told("lease", NAME)[1].strip()
    with lease(NAME + " held", transport="both", guarantee="absolute") as other:
        _, out, err = told("lease", "--list")
    head, first, second = out.splitlines()
    assert head.split()[:3] == ["NAME", "PORT", "GUARANTEE"]
    assert f" {port}/tcp " in first
    assert " noted " in first
    assert f"{other}/tcp+udp  absolute   127.0.0.1  pid {os.getpid()}" in second
    assert err == ""


def test_json_keeps_to_its_schema(told):
    for words in (
        ("lease", NAME),
        ("lease", "--list"),
        ("lease", NAME, "--hold"),
        ("lease", "--list"),
        ("release", NAME),
        ("lease", "--list"),
    ):
        status, out, err = told(*words, "--json")
        assert (status, err) == (0, "")
        jsonschema.validate(json.loads(out), schema_of(words[0]), format_checker=jsonschema.FormatChecker())
    assert json.loads(out)["items"] == []


def test_release(told):
    told("lease", NAME)
    status, out, err = told("release", NAME)
    assert (status, out) == (0, "")
    assert err.endswith(f"/tcp is free again: {NAME} has given it back.\n")
    status, out, err = told("release", NAME)
    assert (status, out) == (1, "")
    assert err == f"portulan: nothing is leased to {NAME}.\n all leases:  portulan lease --list\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--", "srv", "-x", "--list", "--json", "--"], (("srv", "-x", "--list", "--json", "--"), "cooperative")),
        (["--listen-fds", "--", "srv"], (("srv",), "absolute")),
        (["--", "gunicorn", "app:app"], (("gunicorn", "app:app"), "absolute")),
        (["--hold", "--", "gunicorn", "app:app"], (("gunicorn", "app:app"), "cooperative")),
        (["--note", "--", "srv"], (("srv",), "noted")),
        (["srv", "{port}"], (("srv", "{port}"), "cooperative")),
    ],
)
def test_a_command_gets_the_guarantee_that_it_can_have(told, became, words, expected):
    status, out, err = told("lease", NAME, *words)
    assert (status, out) == (130, "")
    [(command, guarantee, number)] = became
    assert (command, guarantee) == expected
    assert f"{NAME} has {number}/tcp" in err
    assert guarantee in err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["lease"], 2, "a name for the lease was expected"),
        (["lease", "--"], 2, "a name for the lease was expected"),
        (["lease", "--list", "x"], 2, "two forms"),
        (["lease", "x", "--port", "y"], 2, "y is not a port"),
        (["lease", "x", "--port", "0"], 2, "0 is not a port that can be leased"),
        (["lease", "x", "--port", "70000"], 2, "ports run from 0 to 65535"),
        (["lease", "x", "--range", "9-8"], 2, "backwards"),
        (["lease", "x", "--range", "8-9", "--port", "8"], 2, "two forms"),
        (["lease", "x", "--transport", "sctp"], 2, "sctp is not a transport: one of tcp, udp, both"),
        (["lease", "x", "--listen-fds"], 2, "for a lease with a command"),
        (["lease", "x", "--address", "::1"], 2, "for a lease with a command"),
        (["lease", "x", "--address", "::1", "--", "srv"], 2, "srv opens its socket itself"),
        (["lease", "x", "--listen-fds", "--address", "no", "--", "srv"], 2, "no is not an address"),
        (["lease", "x", "--hold", "--note"], 2, "not allowed with argument"),
        (["lease", "x", "--json", "--", "srv"], 2, "--json and a command do not go together"),
        (["lease", "a\x1b[31mb"], 2, "is not a name for a lease"),
        (["lease", "-x"], 2, "lease --help"),
        (["release"], 2, "release --help"),
        (["release", "x"], 1, "nothing is leased to x"),
        (["lease", "x", "--", "/no/such/program"], 2, "/no/such/program could not be started: No such file or directory"),
        (["lease", "x", "--", "a\0b"], 2, "could not be started"),
        (["lease", "x", "--", ""], 2, "could not be started"),
    ],
)
def test_wrong_input(told, words, status, said):
    found, out, err = told(*words)
    assert (found, out) == (status, "")
    assert said in err
    assert "\x1b" not in err
    assert told("lease", "--list") == (0, "", "Nothing is leased.\n")


def test_a_name_that_is_in_use(told, became):
    with lease(NAME) as port:
        status, out, err = told("lease", NAME, "--", "srv")
        assert (status, out) == (1, "")
        assert err.startswith(f"portulan: {NAME} is in use already: process {os.getpid()} has {port}/tcp.\n")
        assert told("release", NAME)[0] == 1
        assert told("lease", NAME)[1] == f"{port}\n", "its number may be asked for"


def test_a_damaged_list_is_one_sentence(told, folder):
    told("lease", NAME)
    (folder / "leases").write_bytes(b"x")
    status, out, err = told("lease", NAME)
    assert status == 0
    assert out.strip().isdigit()
    assert (
        err.splitlines()[0]
        == f"portulan: the list of leases was damaged: it is kept as {folder}/leases.damaged-1, and a new one was begun."
    )
    (folder / "leases").write_bytes(b"x")
    answer = json.loads(told("lease", "--list", "--json")[1])
    assert answer["complete"] is False
    assert "damaged-2" in answer["missing"][0]


def test_in_japanese(told):
    _, out, err = told("lease", NAME, "--lang", "ja")
    assert f"{NAME} に {out.strip()}/tcp を予約しました。" in err
