"""The fuzz targets run, and their engine finds what it is there to find."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = sorted((ROOT / "fuzz").glob("fuzz_*.py"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}

PLAYED = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
import engine
engine.FAILED, engine.LIMIT_S = Path({kept!r}), 0.2

def load():
    def target(data):
        {body}
    return target

sys.exit(engine.fuzz(load, lambda: [b"seed"], [b"word"]))
"""


def run(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT, cwd=ROOT)


def play(tmp_path, body, *words):
    """A target of the test's own."""
    script = tmp_path / "fuzz_played.py"
    script.write_text(PLAYED.format(folder=str(ROOT / "fuzz"), kept=str(tmp_path / "kept"), body=body))
    return run(script, "--own", "--seed", "1", *words)


@pytest.mark.parametrize("target", TARGETS, ids=lambda path: path.stem)
def test_every_target_runs(target):
    done = run(target, "--own", "--seconds", "0.2", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, "")
    inputs, steps = (int(number.replace(",", "")) for number in re.match(r"\S+: ([\d,]+) inputs, ([\d,]+) steps, ", done.stdout).groups())
    assert inputs > 0
    assert steps > 10


def test_there_is_a_target_for_each_format():
    assert {path.stem.removeprefix("fuzz_") for path in TARGETS} == {
        "netlink", "sock_diag", "btf", "procfs", "cgroup", "runtimes", "systemd", "links", "declared", "nftjson", "scans", "path", "probes", "captures", "policy", "dissect",
    }  # fmt: skip


def test_an_input_that_fails_is_kept_and_can_be_tried_again(tmp_path):
    done = play(tmp_path, "assert b'word' not in data", "--seconds", "20")
    assert done.returncode == 1
    assert "AssertionError" in done.stderr
    (kept,) = (tmp_path / "kept").iterdir()
    assert b"word" in kept.read_bytes()
    assert str(kept) in done.stderr
    assert play(tmp_path, "assert b'word' not in data", str(kept)).returncode == 1
    assert play(tmp_path, "pass", str(kept)).returncode == 0


def test_a_seed_that_fails_is_told_at_once(tmp_path):
    assert play(tmp_path, "assert data != b'seed'", "--seconds", "0").returncode == 1


def test_an_input_that_takes_for_ever_is_ended(tmp_path):
    done = play(tmp_path, "while len(data) > 4: pass", "--seconds", "20")
    assert done.returncode == 1
    assert "TooSlowError" in done.stderr


def test_the_same_seed_tries_the_same(tmp_path):
    kept = []
    for _ in range(2):
        play(tmp_path, "assert len(data) < 300", "--seconds", "20")
        kept.append({path.name for path in (tmp_path / "kept").iterdir()})
    assert kept[0] == kept[1]
    assert len(kept[0]) == 1
