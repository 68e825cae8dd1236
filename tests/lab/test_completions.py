"""The completions in the shells themselves: each is asked what a beginning could become."""

import pytest

from conftest import NO_PEERS, REPOSITORY
from portulan.cli.completion import SHELLS
from portulan.cli.parser import build_whole_parser
from portulan.errors import PortulanError
from portulan.system.sandbox.root import open_root
from portulan.text.voice import Voice

pytestmark = [pytest.mark.lab, pytest.mark.peer]

ASK = {
    "fish": ["fish", "-N", "-c", "source /tmp/portulan; for begin in $argv; complete -C $begin; end"],
    # zsh completes only at a keyboard: whether it takes the script as the completion of this command can be asked.
    "zsh": ["zsh", "-f", "-c", "autoload -Uz compinit; compinit -u; eval \"$(cat /tmp/portulan)\"; whence -w $_comps[portulan]; { functions; typeset; } | grep -oE -- 'lookup|--reuseport'"],
    "tcsh": ["tcsh", "-f", "-c", "source /tmp/portulan; complete"],
}  # fmt: skip
SAY = {
    "fish": ("lookup", "--reuseport"),
    "zsh": ("_shtab_portulan: function", "lookup", "--reuseport"),
    "tcsh": ("portulan", "lookup", "reuseport"),
}


@pytest.fixture(scope="module")
def shells():
    try:
        return open_root(REPOSITORY / ".cache/roots/shells")
    except PortulanError as error:
        pytest.skip(f"{NO_PEERS}: {error}")


@pytest.mark.parametrize("shell", sorted(ASK))
def test_the_shell_completes_commands_and_options(sandbox, shells, shell):
    import shtab

    script = shtab.complete(build_whole_parser(Voice()), shell=shell)
    host = sandbox.host("here", root=shells)
    host.run(["sh", "-c", "cat > /tmp/portulan"], text=script)
    done = host.run([*ASK[shell], "portulan loo", "portulan why --reuse"])
    assert (done.returncode, done.stderr) == (0, "")
    assert [word for word in SAY[shell] if word not in done.stdout] == []


def test_every_shell_is_tried():
    assert {*ASK, "bash"} == set(SHELLS)  # bash is asked in tests/unit/cli/test_completion.py
