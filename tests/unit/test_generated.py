"""What is made from the source stands in the tree as it would be made now: manual, schemas, catalogues; and answers keep to the schemas."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import catalogues
import make_docs
import make_schemas
from portulan.cli.contract import ENVELOPES, schema_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_manual_is_up_to_date(language):
    for name, text in make_docs.pages(language).items():
        assert (ROOT / "docs" / language / name).read_text("utf-8") == text, f"{language}/{name}: run make docs"


@pytest.mark.parametrize("command", sorted(ENVELOPES))
def test_the_schemas_are_up_to_date(command):
    written = json.loads((make_schemas.FOLDER / f"{command}.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(schema_of(command))), "run make docs"


def test_every_sentence_has_its_japanese():
    assert catalogues.problems() == []


@pytest.mark.parametrize(
    "words",
    [
        ["ls"], ["ls", "--all"], ["ls", "--connections"], ["who", "1"], ["lookup", "80"], ["lookup", "6000-6063"], ["lookup", "http"],
        ["lookup", "remote", "desktop"], ["lookup", "0"], ["map"], ["map", "--transport", "udp"], ["ls", "--source", "psutil"], ["lease", "--list"], ["scan", "127.0.0.1", "-p", "1-60"],
        ["explain", "layers"], ["explain", "conflict"], ["explain", "80"],
        ["scan", "127.0.0.1", "::1", "-p", "2-5", "--method", "connect"],
    ],
)  # fmt: skip
def test_answers_keep_to_their_schemas(words):
    done = subprocess.run([sys.executable, "-m", "portulan", *words, "--json"], capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, schema_of(words[0]), format_checker=jsonschema.FormatChecker())
    assert answer["complete"] == (not answer["missing"])


def test_no_page_is_missing():
    for page in ("README.md", "design.md", "json.md", "not-verified.md", "benchmarks.md", "proof.md"):
        assert (ROOT / "docs" / page).exists(), page


def test_the_locks_hold_no_addresses():
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text("utf-8")
