"""Completions for shells."""

import argparse
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from portulan.cli.commands import COMMANDS
from portulan.cli.completing import SHELLS, words
from portulan.cli.completion import run
from portulan.cli.contract import schema_of
from portulan.cli.face import Face
from portulan.errors import BadInput
from portulan.guard.policy.read import read_policy
from portulan.model.explain import TOPICS
from portulan.system.registry_file import open_table
from portulan.text.voice import Voice
from portulan.verbs.explain import find_topic


def printed(shell=None, *, kinds=None, as_json=False):
    face = Face(Voice(), io.StringIO(), io.StringIO())
    assert run(argparse.Namespace(shell=shell, words=kinds, json=as_json), face) == 0
    assert face.err.getvalue() == ""
    return face.out.getvalue()


@cache
def script(shell, **more):
    return printed(shell, **more)


def asked_of_bash(words, folder=None):
    """What bash offers for the last of these words."""
    ask = f'COMP_WORDS=({" ".join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}; _shtab_portulan; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", script("bash") + "\n" + ask], text=True, capture_output=True, timeout=30, check=True, cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


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


POLICY = """
[sources]
office = "198.51.100.0/24"
"$(touch ran)" = "203.0.113.9"
[zones]
inside = "eth1"
[doors]
https = "everyone"
"5432/tcp" = "office"
"8000-8010,8080/tcp" = "nobody"
"`touch ran`" = "everyone"
"$(touch ran)" = "everyone"
"; touch ran" = "everyone"
"-rf" = "everyone"
"""


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "portulan.toml").write_text(POLICY, "utf-8")
    return tmp_path


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["loo"], ["lookup"]),
        (["explain", "mov"], ["moving-ssh", "move-ssh"]),
        (["explain", "port-conf"], ["port-conflict"]),
        (["explain", "ポート競"], ["ポート競合"]),
        (["explain", "動的/"], ["動的/プライベートポート"]),
        (["explain", "--lang", ""], ["en", "ja"]),
        (["completion", "f"], ["fish"]),
        (["guard", "open", "ss"], ["ssh"]),
        (["guard", "open", "544"], []),
        (["guard", "open", "543"], ["5432/tcp"]),
        (["guard", "close", ""], ["https", "5432/tcp", "8000-8010,8080/tcp"]),
        (["guard", "open", "ssh", "--to", ""], ["office", "inside", "everyone", "this-host", "nobody"]),
        (["guard", "close", "https", "--to", "of"], ["office"]),
        (["guard", "export", "--to", ""], ["iptables", "ufw", "firewalld"]),
        (["guard", "check", "--policy", "port"], ["portulan.toml"]),
    ],
)
def test_bash_completes(folder, words, offered):
    assert asked_of_bash(["portulan", *words], folder) == offered
    assert {path.name for path in folder.iterdir()} == {"portulan.toml"}, "the shell ran what stands in a policy"


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_with_nothing_typed_there_are_topics_and_no_other_names_of_theirs():
    assert asked_of_bash(["portulan", "explain", ""]) == [topic.name for topic in TOPICS]


def test_every_word_is_understood(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert {find_topic(word) for word in words("topics")} == set(TOPICS)
    assert None not in map(find_topic, words("topics"))
    assert {topic.name for topic in TOPICS} | {"ポート競合", "port-conflict"} <= set(words("topics"))
    codes = set()
    for word in words("services"):
        reading = read_policy(f'[doors]\n{word} = "everyone"\n', "portulan.toml", open_table(), {}.__getitem__)
        codes |= {problem.code for problem in reading.problems}
    assert codes == {"policy.helper-needed"}, "ftp and the like take one word more, which the error names"
    assert len(words("services")) > 40
    assert words("doors") == ("https", "5432/tcp", "8000-8010,8080/tcp")
    assert printed(kinds=["doors", "sources"]).split() == [*words("doors"), *words("sources")]


@pytest.mark.parametrize("text", ["", "[doors", "doors = 3", "[doors]\n1 = ", "\0", "x = " + "[" * 100_000])
def test_where_no_policy_can_be_read_there_are_no_doors(folder, monkeypatch, text):
    monkeypatch.chdir(folder)
    (folder / "portulan.toml").write_text(text, "utf-8")
    assert words("doors") == ()
    assert words("sources") == ("everyone", "this-host", "nobody")


def test_words_as_json():
    told = json.loads(printed(kinds=["topics"], as_json=True))
    jsonschema.validate(told, schema_of("completion-words"))
    assert told["items"][0] == {"kind": "topics", "word": "port"}


def test_as_json():
    told = json.loads(script("bash", as_json=True))
    jsonschema.validate(told, schema_of("completion"))
    assert told["items"] == [{"shell": "bash", "script": script("bash").removesuffix("\n")}]


@pytest.mark.parametrize("shell", ["powershell", "", "Bash", "\x1b"])
def test_another_shell_is_bad_input(shell):
    with pytest.raises(BadInput) as raised:
        script(shell)
    assert (raised.value.code, raised.value.facts) == ("completion.shell", {"text": shell, "known": "bash, zsh, fish, tcsh"})
