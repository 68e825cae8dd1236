"""Completions for shells."""

import argparse
import io
import json
import shutil
import subprocess

import pytest

from portulan.cli.commands import COMMANDS
from portulan.cli.completion import SHELLS, run
from portulan.cli.face import Face
from portulan.errors import BadInput
from portulan.text.voice import Voice


def script(shell, *, as_json=False):
    face = Face(Voice(), io.StringIO(), io.StringIO())
    assert run(argparse.Namespace(shell=shell, json=as_json), face) == 0
    return face.out.getvalue()


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_its_options_are_in_it(shell):
    text = script(shell)
    for name in COMMANDS:
        assert name in text
    for option in ("--json", "--watch", "--transport", "--lang"):
        assert option in text or option.removeprefix("--") in text


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_the_shell_itself_can_read_it(shell):
    done = subprocess.run([shell, "-n"], input=script(shell), text=True, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_a_command():
    ask = 'COMP_WORDS=(portulan loo); COMP_CWORD=1; _shtab_portulan portulan loo portulan; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script("bash") + "\n" + ask], text=True, capture_output=True, timeout=30, check=True)
    assert done.stdout.split() == ["lookup"]


def test_as_json():
    told = json.loads(script("bash", as_json=True))
    assert told["schema"] == "portulan.completion/1"
    assert told["items"] == [{"shell": "bash", "script": script("bash").removesuffix("\n")}]


@pytest.mark.parametrize("shell", ["powershell", "", "Bash", "\x1b"])
def test_another_shell_is_bad_input(shell):
    with pytest.raises(BadInput) as raised:
        script(shell)
    assert (raised.value.code, raised.value.facts) == ("completion.shell", {"text": shell, "known": "bash, zsh, fish, tcsh"})
