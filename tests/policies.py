"""Policies from text, for tests: with the packaged registry, and files of networks that are made up."""

from functools import cache

from portulan.errors import BadInput
from portulan.guard.policy.read import parse_policy, read_policy
from portulan.system.registry_file import open_packaged

FILE = "portulan.toml"


@cache
def table():
    """The registry as it is packaged."""
    return open_packaged()


def reader_of(files):
    """Reads made-up files of networks."""

    def read(path):
        if path not in (files or {}):
            raise BadInput("policy.list-missing", text=path)
        return files[path]

    return read


def policy_of(text, files=None, file=FILE):
    """The policy of a text."""
    return parse_policy(text, file, table(), reader_of(files))


def problems_of(text, files=None):
    """(code, line, column) of every mistake in a text."""
    reading = read_policy(text, FILE, table(), reader_of(files))
    assert (reading.policy is None) == bool(reading.problems)
    return [(error.code, error.facts["line"], error.facts["column"]) for error in reading.problems]
