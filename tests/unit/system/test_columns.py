"""What a process sets before it works on columns."""

import os
import subprocess
import sys

from portulan.system.columns import expect_columns


def test_no_threads_are_started_for_matrices_unless_somebody_asked(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")  # so that what stands there now is put back
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    expect_columns()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    expect_columns()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "2"


def test_numpy_then_runs_in_one_thread():
    script = (
        "from portulan.system.columns import expect_columns\nexpect_columns()\nimport os, numpy\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
