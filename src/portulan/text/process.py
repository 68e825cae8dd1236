"""What people call a process: a script by its own name, not only by its interpreter's. The same in every language."""

from __future__ import annotations

from portulan.model.chart import Owner

_INTERPRETERS = ("python", "pypy", "node", "ruby", "perl", "php", "java", "bash", "dash", "sh", "lua", "deno", "bun")
_CUT = 15
"""The kernel keeps this many bytes of a name (TASK_COMM_LEN - 1)."""


def label(owner: Owner) -> str:
    """`nginx`, `python3 app.py`, `python3 -m http.server`, `java shop.jar`. As hostile as the command line it comes from: clean it."""
    program = (owner.executable or "").rpartition("/")[2].removesuffix(" (deleted)")
    name = program if len(owner.name) == _CUT and program.startswith(owner.name) else owner.name
    script = _script(name, owner.command or ())
    return f"{name} {script}" if script else name


def _script(name: str, command: tuple[str, ...]) -> str:
    """What an interpreter was told to run; empty when the process is none, or does not say."""
    if name.rstrip("0123456789.").lower() not in _INTERPRETERS or len(command) < 2:
        return ""
    for at, word in enumerate(command[1:], 1):
        if word in ("-m", "-jar") and at + 1 < len(command):
            target = command[at + 1].rpartition("/")[2]
            return f"-m {target}" if word == "-m" else target
        if word in ("-c", "-e", "--eval"):
            return ""
        if word and not word.startswith("-"):
            return word.rpartition("/")[2]
    return ""
