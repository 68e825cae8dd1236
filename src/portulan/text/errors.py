"""Errors as sentences: what, where, what was expected, and the command to type next."""

from __future__ import annotations

from portulan.errors import PortulanError
from portulan.text.voice import Voice, mark

SENTENCES: dict[str, str] = {
    "port.not-a-number": mark("{text} is not a port: a number from 0 to 65535 was expected."),
    "port.out-of-range": mark("{text} is not a port: ports run from 0 to 65535."),
    "transport.unknown": mark("{text} is not a transport: one of {known} was expected."),
    "range.impossible": mark("{text} is not a range of ports: ports run from 0 to 65535."),
    "range.backwards": mark("{text} runs backwards: the first port of a range is the smaller one."),
    "service.unknown": mark("{text} is no port, and the registry knows no service of that name."),
    "who.one-port": mark("{text} means several ports ({ports}): who answers for one at a time."),
    "command.unknown": mark("{text} is neither a command nor a port nor a service."),
    "usage": mark("{message}"),
    "language.unknown": mark("{text} is not a language Portulan speaks: one of {known} was expected."),
    "source.unknown": mark("{text} is not a source: one of {known} was expected."),
    "source.linux-only": mark("the source {text} exists on Linux only."),
    "netns.unknown": mark("{text} is not a network namespace that was found: one of {known} was expected."),
    "form.two": mark("{first} and {second} are two forms of one answer: ask for one of them."),
    "filter.pid": mark("{text} is not a process number."),
    "watch.interval": mark("{text} is not an interval: a number of seconds from 0.1 to 86400 was expected."),
    "completion.shell": mark("{text} is not a shell with completions here: one of {known} was expected."),
    "bpf.forbidden": mark("reading holders through BPF needs {needs}."),
    "bpf.pid-namespace": mark("holders cannot be read through BPF in a container: its process numbers are not the machine's."),
    "bpf.no-btf": mark("this kernel does not describe its types (no /sys/kernel/btf/vmlinux), which reading through BPF needs."),
    "bpf.old-kernel": mark("this kernel is too old to list holders through BPF (Linux 5.12 and newer can)."),
    "bpf.refused": mark("the kernel refused the BPF program: {reason}."),
    "sock_diag.missing": mark("this kernel cannot list its sockets (sock_diag is missing: CONFIG_INET_DIAG, or the module tcp_diag)."),
    "sock_diag.truncated": mark("the kernel's list of sockets was damaged at byte {offset}."),
    "sock_diag.state": mark("the kernel listed a socket in state {state}, which Portulan does not know."),
    "netlink.truncated": mark("an answer of the kernel was damaged at byte {offset}."),
    "btf.damaged": mark("the kernel's description of its types cannot be read."),
    "proc.damaged": mark("/proc gave a {what} that cannot be read."),
    "psutil.missing": mark("the package psutil is not installed."),
    "psutil.failed": mark("psutil could not list the sockets: {reason}."),
    "kernel.damaged": mark("an answer of the kernel was damaged ({detail})."),
    "machine.failed": mark("could not {operation} {subject}: {reason}."),
}

# What to do about it: a sentence or a command, on a line of its own.
WAYS_OUT: dict[str, str] = {
    "service.unknown": mark("search the registry:  portulan lookup {text}"),
    "who.one-port": mark("the chart of several ports:  portulan ls {text}"),
    "command.unknown": mark("all commands:  portulan --help"),
    "usage": mark("how it is used:  {command} --help"),
    "bpf.forbidden": mark("to allow it:  sudo portulan, or without BPF:  --source proc"),
    "bpf.pid-namespace": mark("without BPF:  --source proc"),
    "bpf.no-btf": mark("without BPF:  --source proc"),
    "bpf.old-kernel": mark("without BPF:  --source proc"),
    "bpf.refused": mark("without BPF:  --source proc"),
    "sock_diag.missing": mark("load it:  sudo modprobe -a inet_diag tcp_diag udp_diag, or read in a poorer way:  --source psutil"),
    "psutil.missing": mark("install it:  pip install psutil, or on Linux read without it:  --source auto"),
}


def sentences(voice: Voice, error: PortulanError) -> tuple[str, ...]:
    """The error as a person should read it: one sentence behind the program's name, and a way out below where there is one."""
    first, *rest = told(voice, error.code, error.facts, str(error))
    return (f"portulan: {first}", *rest)


def told(voice: Voice, code: str, facts: dict[str, object], unknown: str = "") -> tuple[str, ...]:
    """The same of a code and its facts, without the program's name. `unknown`: what is said of a code that has no sentence."""
    table, ways = tables()
    if code == "scan.nothing-left":
        from portulan.text.scan_asked import LEFT_OUT

        why = str(facts["why"])
        facts["why"] = voice.say(LEFT_OUT.get(why, why))
    text = voice.say(table[code], **facts) if code in table else unknown
    if (
        "file" in facts and "line" in facts and "{line}" not in table.get(code, "{line}")
    ):  # something that stands in a file, wrong as it would be anywhere
        place = {name: facts[name] for name in ("file", "line", "column") if name in facts}
        text = (
            voice.say("{file}, line {line}, column {column}: {problem}", problem=text, **place)
            if "column" in facts
            else voice.say("{file}, line {line}: {problem}", problem=text, **place)
        )
    near = str(facts.get("near") or "")
    if near:
        text = voice.together(text, voice.say("Did you mean {near}?", near=near))
    lines = [text, *_quoted(facts)]
    if code in ways:
        lines.append(" " + voice.say(ways[code], **facts))
    return tuple(lines)


def _quoted(facts: dict[str, object]) -> list[str]:
    """The line of a file that is wrong, and a mark below the place."""
    from portulan.text.clean import clean

    line, column = facts.get("quote"), facts.get("column")
    if not isinstance(line, str) or not isinstance(column, int) or not 0 < column <= len(line) + 1 or not line:
        return []
    start = max(0, column - 60) if len(line) > _WIDEST_QUOTE else 0
    shown, before = clean(line[start : start + _WIDEST_QUOTE]), clean(line[start : column - 1])
    number = str(facts["line"])
    return [f" {number} | {shown}", f" {' ' * len(number)} | {' ' * len(before)}^"]


_WIDEST_QUOTE = 100
_ROOMS = (
    "audit", "captures", "conflicts", "demo", "explain", "firewall", "free", "guard_draft", "guard_edit", "guard_export", "guard_life", "guard_plan", "guard_policy", "guard_proof",
    "lease", "lookup", "map", "path", "ping", "probers", "reach", "sandbox", "scan_asked", "scan_parts", "scanners", "stop", "traffic", "traffic_live", "why",
)  # fmt: skip
"""Modules of this room that keep the sentences of their errors beside their other words."""


def tables() -> tuple[dict[str, str], dict[str, str]]:
    """Our own sentences, and those of the rooms. Imported only when something went wrong."""
    from importlib import import_module

    rooms = [import_module(f"portulan.text.{name}") for name in _ROOMS]
    return (
        {code: text for room in rooms for code, text in room.SENTENCES.items()} | SENTENCES,
        {code: text for room in rooms for code, text in room.WAYS_OUT.items()} | WAYS_OUT,
    )
