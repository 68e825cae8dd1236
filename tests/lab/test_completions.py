"""The completions in the shells themselves: each is asked what a beginning could become."""

import argparse
import io
import sys
from pathlib import Path

import pytest

from conftest import NO_PEERS, REPOSITORY
from portulan.cli.completing import SHELLS
from portulan.cli.completion import run
from portulan.cli.face import Face
from portulan.errors import PortulanError
from portulan.system.sandbox.root import open_root
from portulan.text.voice import Voice

pytestmark = [pytest.mark.lab, pytest.mark.peer]
POLICY = '[sources]\noffice = "198.51.100.0/24"\n[zones]\ninside = "eth1"\n[doors]\nhttps = "everyone"\n"5432/tcp" = "office"\n'

# zsh and tcsh complete only at a keyboard: zsh has one to give (zpty). At it each beginning is typed, Tab is pressed, and the line that has become of it is shown.
ZSH = r"""
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PROMPT= RPROMPT=; cd $PWD; autoload -Uz compinit; compinit -u; eval \"\$(cat /tmp/portulan)\"; show() { print -r -- \"<\"\"<\$BUFFER>>\"; BUFFER= }; zle -N show; bindkey '^X' show; bindkey '^I' complete-word; unsetopt auto_menu; print re\"\"ady"
zpty -r inner said '*ready*'
for begin in $argv; do
  zpty -n -w inner "$begin"$'\t\x18'
  zpty -r inner said '*<<*>>*'
  print -r -- "${${said##*<<}%%>>*}"
done
zpty -d inner
"""
TCSH = r"""
zmodload zsh/zpty
zpty inner tcsh -f
zpty -w inner "set prompt=''; source /tmp/portulan"
for begin in $argv; do
  zpty -n -w inner "$begin"$'\t\x01echo "\x05"\n'
done
zpty -w inner exit
while zpty -r inner said; do print -rn -- "$said"; done
"""
ASK = {
    "fish": ["fish", "-N", "-c", "source /tmp/portulan; for begin in $argv; complete -C $begin; end"],
    "zsh": ["zsh", "-f", "-c", ZSH, "zsh"],
    "tcsh": ["zsh", "-f", "-c", TCSH, "zsh"],
}
BEGUN = {
    "portulan loo": "lookup",
    "portulan why --reusep": "--reuseport",
    "portulan ls --js": "--json",
    "portulan explain movi": "moving-ssh",
    "portulan explain ポート競": "ポート競合",
    "portulan explain --lang j": "ja",
    "portulan guard open ss": "ssh",
    "portulan guard close 54": "5432/tcp",
    "portulan guard open 80 --to off": "office",
    "portulan guard export --to firew": "firewalld",
    "portulan guard check --policy portu": "portulan.toml",
    "portulan explain --packet portu": "portulan.toml",
    "portulan diff portu": "portulan.toml",
}


@pytest.fixture(scope="module")
def shells():
    try:
        return open_root(REPOSITORY / ".cache/roots/shells")
    except PortulanError as error:
        pytest.skip(f"{NO_PEERS}: {error}")


@pytest.mark.parametrize("shell", sorted(ASK))
def test_the_shell_completes_commands_options_and_words(sandbox, shells, shell):
    face = Face(Voice(), io.StringIO(), io.StringIO())
    assert run(argparse.Namespace(shell=shell, words=None, json=False), face) == 0
    host = sandbox.host("here", root=shells)
    host.run(["sh", "-c", "cat > /tmp/portulan"], text=face.out.getvalue())
    host.run(["sh", "-c", "mkdir -pm 700 /tmp/policy; cat > /tmp/policy/portulan.toml"], text=POLICY)
    asked = [
        "env",
        "LC_ALL=C.UTF-8",
        "TERM=vt100",
        f"PATH={Path(sys.executable).parent}:/usr/bin:/bin",
        "sh",
        "-c",
        'cd /tmp/policy && exec "$@"',
        "sh",
    ]
    done = host.run([*asked, *ASK[shell], *BEGUN])
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    for begun, word in BEGUN.items():
        line = word if shell == "fish" else begun[: begun.rindex(" ") + 1] + word
        assert any(one.split("\t")[0].rstrip() == line for one in told), (begun, told)


def test_every_shell_is_tried():
    assert {*ASK, "bash"} == set(SHELLS)  # bash is asked in tests/unit/cli/test_completion.py
