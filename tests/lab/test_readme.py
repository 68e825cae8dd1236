"""Every example of the READMEs is run, on the server it was written on, and says what the README says."""

import os
import re
import subprocess
import sys

import pytest

import readme_examples as examples

pytestmark = [pytest.mark.lab, pytest.mark.peer]

NO = (
    "portulan 8443", "portulan lookup postgrse", "portulan why 80", "portulan why 40000", "portulan why 5001",
    "portulan why 443", "portulan conflicts /srv/shop", "portulan reach 5000 --from everyone", "portulan audit",
    "portulan trace db-01:5432", "portulan trace db-01:25", "portulan scanners --read /srv/night.pcapng --all", "portulan audit --policy /srv/portulan.toml --ignore cleartext.http",
)  # fmt: skip
"""Examples whose answer is no."""


def normal(text):
    """Without what differs from run to run: pids, ports that the kernel chose, inodes, times, widths of columns."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", text)
    text = re.sub(r"^ [0-9a-f]{4} [\[ ][0-9a-f]{2}[0-9a-f\[\]| ]*$", "BYTES", text, flags=re.MULTILINE)
    text = re.sub(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "MAC", text)
    text = re.sub(r"\b[0-9a-f]{12,16}\b", "HASH", text)
    text = re.sub(r"kernel  .*nft v.*,", "kernel KERNEL,", text)
    text = re.sub(r"\d+", "N", text)
    # How quick and how sure a round trip is depends on what else runs.
    text = re.sub(r" ± N\.N|< (?=N\.N ms)", "", text)
    text = re.sub(r"N(\.N)? [kMG]?B\b", "AMOUNT", text)
    text = re.sub(r"(in|·) N(\.N)? (m?s\b|秒)", r"\1 TIME", text)
    # A connection's ephemeral port falls on another cell of the map each time.
    text = "\n".join(line for line in text.splitlines() if not re.match(r"\s*N[ |][-.:#o+ ]{64}", line))
    return re.sub(r"[ ]+", " ", text)


@pytest.fixture(scope="module", params=sorted(examples.READMES))
def answers(peers, request):
    text = examples.READMES[request.param].read_text("utf-8")
    lines = examples.commands(text)
    assert len(lines) > 10
    return text, lines, examples.outputs(lines, peers, request.param)


def test_the_readme_shows_what_its_examples_print(answers):
    text, _, outputs = answers
    assert normal(examples.with_outputs(text, outputs)) == normal(text)


def test_examples_end_as_documented(answers):
    _, lines, outputs = answers
    statuses = {line: status for line, (_, status) in zip(lines, outputs, strict=True)}
    for line, status in statuses.items():
        wanted = 1 if line.partition(" #")[0].rstrip() in NO else 0
        if line != "portulan stop 5000 -y":  # the first time it is stopped, the second time there is nobody
            assert status == wanted, (line, status)
    stops = [status for line, (_, status) in zip(lines, outputs, strict=True) if line == "portulan stop 5000 -y"]
    assert stops == [0, 1]


def test_no_example_ends_in_a_traceback(answers):
    assert not any("Traceback" in output for output, _ in answers[2])


@pytest.mark.parametrize("language", sorted(examples.READMES))
def test_the_python_examples_run(language, tmp_path):
    text = examples.READMES[language].read_text("utf-8")
    codes = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(codes) > 2
    for code in codes:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False, env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert code.startswith("def ") or done.stdout.rstrip().endswith(")")


def test_every_readme_runs_the_same_examples():
    """But for the one that shows the other language."""
    lines = {
        language: [line.partition(" #")[0].rstrip() for line in examples.commands(readme.read_text("utf-8")) if "--lang" not in line]
        for language, readme in examples.READMES.items()
    }
    assert lines["ja"] == lines["en"]
