"""Collisions told: what is the matter, which lines say so, and the way out."""

from __future__ import annotations

from portulan.model.chart import Gap
from portulan.model.declared import Conflicts, Declared, Finding, Holder, Kind, Problem, Severity
from portulan.model.record import Record
from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

SENTENCES: dict[str, str] = {
    "file.missing": mark("there is no file {file}."),
    "file.unreadable": mark("{file} may not be read: {reason}."),
    "file.failed": mark("{file} could not be read: {reason}."),
    "file.not-regular": mark("{file} is no regular file."),
    "file.too-large": mark("{file} is too large for a configuration file ({size} bytes)."),
    "yaml.syntax": mark("this is not YAML, in line {line}: {reason}."),
    "conflicts.kind": mark("{text} is not a kind of file that Portulan reads: one of {known} was expected."),
    "conflicts.no-path": mark("there is nothing at {path}."),
    "conflicts.unknown-file": mark("{path}: its name does not tell whose file it is. Kinds: {known}."),
    "conflicts.unread": mark("nothing could be read: {file} {reason}"),
}
WAYS_OUT: dict[str, str] = {
    "file.unreadable": mark("read it as root:  sudo portulan conflicts {file}"),
    "conflicts.unknown-file": mark("say whose it is:  portulan conflicts --kind KIND {path}"),
}
PROBLEMS: dict[str, str] = {
    "file.missing": mark("{place}: names {file}, which is not there."),
    "file.unreadable": mark("{file} may not be read ({reason}): what it declares is not known."),
    "file.failed": mark("{file} could not be read ({reason}): what it declares is not known."),
    "file.not-regular": mark("{file} is no regular file, and was not read."),
    "file.too-large": mark("{file} is too large for a configuration file, and was not read."),
    "syntax": mark("{place}: {expected} was expected here."),
    "variable": mark("{place}: {text} is known only when it runs."),
    "section": mark("{place}: whether {text} applies is known only when it runs; it was passed over."),
    "order": mark("{place}: what {text} opens depends on the lines before it; Portulan does not know."),
    "program": mark("{place}: the program {text} adds to the configuration when it runs; Portulan does not run it."),
    "address": mark("{place}: the address of {text} is not known to this machine's own files."),
    "not-followed": mark("{place}: {text} was not followed."),
    "host-network": mark("{place}: {text} uses the machine's own network: its program decides on the ports."),
    "include-loop": mark("{place}: {file} includes itself."),
    "include-deep": mark("{place}: {file} was not read: more than {most} files include each other."),
    "too-many-files": mark("{place}: only the first {most} files were read."),
    "too-many-ports": mark("{place}: only the first {most} ports were noted."),
    "yaml.syntax": mark("{place}: this is not YAML: {reason}."),
    "json.syntax": mark("{place}: this is not JSON: {reason}."),
}
"""What was not understood, by the code of its problem."""
EXPECTED = (
    mark("a directive"), mark("a directive (not '}')"), mark("less nesting"), mark("a directive (not a closing section)"),
    mark("a closing quote"), mark("a list of ports"),
)  # fmt: skip
"""What readers say was expected, where it is words and not a form to copy."""
_LONGEST = 120
_MOST_PLACES = 8


class Block(Record):
    """One finding's story: a sentence, its places as rows (service, file and line, address), and the commands out of it."""

    severity: Severity
    sentence: str
    places: tuple[tuple[str, str, str], ...]
    remedies: tuple[str, ...]


def headline(voice: Voice, answer: Conflicts) -> str:
    """`2 conflicts · 1 warning`, or that there is none; and of how much."""
    counts = {severity: sum(one.severity is severity for one in answer.items) for severity in Severity}
    parts = []
    if counts[Severity.ERROR]:
        parts.append(voice.count("{n} conflict", "{n} conflicts", counts[Severity.ERROR]))
    if counts[Severity.WARNING]:
        parts.append(voice.count("{n} warning", "{n} warnings", counts[Severity.WARNING]))
    if counts[Severity.NOTE]:
        parts.append(voice.count("{n} note", "{n} notes", counts[Severity.NOTE]))
    ports = voice.count("{n} declared port", "{n} declared ports", len({(one.transport, one.port) for one in answer.declared}))
    files = voice.count("{n} file", "{n} files", len(answer.files))
    what = " · ".join(parts) or (voice.say("nothing collides") if answer.declared else voice.say("no port is declared"))
    return voice.say("{host}   {what}   ({ports} in {files})", host=clean(answer.host, _LONGEST), what=what, ports=ports, files=files)


def blocks(voice: Voice, answer: Conflicts, *, folder: str = "", notes: bool = False) -> list[Block]:
    """One block for each finding. Paths below `folder` are shown from there."""
    return [
        Block(
            one.severity, _sentence(voice, one), _places(voice, one, folder), tuple(clean(remedy.command, 400) for remedy in one.remedies)
        )
        for one in answer.items
        if notes or one.severity is not Severity.NOTE
    ]


def _sentence(voice: Voice, finding: Finding) -> str:  # noqa: PLR0911 - a table of sentences
    port = f"{finding.port}/{finding.transport.value}"
    names = _services(finding)
    one, all_ = names[0], _joined(voice, names)
    match finding.code:
        case "declared.collision":
            if finding.holders:
                return voice.say(
                    "{port} is declared by {names}: only one of them can have it, and now {holder} does.",
                    port=port, names=all_, holder=_holders(finding),
                )  # fmt: skip
            return voice.say("{port} is declared by {names}: only the one that starts first will get it.", port=port, names=all_)
        case "declared.perhaps":
            return voice.say("{port} is declared by {names}: they may get in each other's way.", port=port, names=all_)
        case "declared.alternative":
            off = _joined(voice, list(dict.fromkeys(label(item) for item in finding.declared if item.starts is False)))
            return voice.say(
                "{port} is declared by {names}: they collide if {off}, which does not start by itself, is started.",
                port=port, names=all_, off=off,
            )  # fmt: skip
        case "declared.own":
            if finding.severity is Severity.ERROR:
                return voice.say("{one} declares {port} twice, in ways that collide: it will not start.", port=port, one=one)
            return voice.say(
                "{one} declares {port} twice, in ways that collide: it will do without one of the addresses.", port=port, one=one
            )
        case "port.ephemeral":
            return voice.say(
                "{port}, declared by {names}, is in the range that the kernel hands to clients ({first}-{last}): any program may get it for a while.",
                port=port, names=all_, **finding.facts,
            )  # fmt: skip
        case "port.privileged":
            return voice.say(
                "{port} is declared by {one}, which runs as {user}: ports below {start} take a right that it lacks.",
                port=port, one=one, **finding.facts,
            )  # fmt: skip
    return _running(voice, finding, port, one)


def _running(voice: Voice, finding: Finding, port: str, one: str) -> str:
    holder = _holders(finding)
    if finding.code == "running.elsewhere":
        return voice.say(
            "{one} is running, but does not listen on {port} as its file says (now: {now}): it needs a restart, or was started from another file.",
            port=port, one=one, **finding.facts,
        )  # fmt: skip
    if finding.code == "running.unseen":
        return voice.say("{port}, declared by {one}, is taken; by whom may not be seen: perhaps by {one} itself.", port=port, one=one)
    if finding.severity is Severity.ERROR:
        return voice.say("{port} is declared by {one}, but {holder} holds it: {one} will not start.", port=port, one=one, holder=holder)
    return voice.say("{port} is declared by {one}, and {holder} holds it: {one} may not start.", port=port, one=one, holder=holder)


def _services(finding: Finding) -> list[str]:
    """The names of the two, told apart by their files where they are alike."""
    names = list(dict.fromkeys(label(item) for item in finding.declared))
    if len(names) == 1:
        mains = list(dict.fromkeys(item.main for item in finding.declared))
        if len(mains) > 1:
            return [f"{names[0]} ({clean(main, _LONGEST)})" for main in mains]
    return names


def _joined(voice: Voice, names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return voice.say("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])


def _holders(finding: Finding) -> str:
    return ", ".join(dict.fromkeys(_holder(each) for each in finding.holders))


def _holder(holder: Holder) -> str:
    name = clean(holder.name, _LONGEST) or "?"
    pids = ", ".join(map(str, holder.pids[:3])) + ("…" if len(holder.pids) > 3 else "")
    return f"{name} (pid {pids})" if pids else name


def label(one: Declared) -> str:
    """What the declaring service is called: `nginx`, `ssh.socket`, `shop/web`, `.env of shop`."""
    name = clean(one.service, _LONGEST)
    return f"{name}/{clean(one.main.rpartition('/')[2], _LONGEST)}" if one.kind in (Kind.ENV, Kind.PACKAGE) else name


def _places(voice: Voice, finding: Finding, folder: str) -> tuple[tuple[str, str, str], ...]:
    """Each line once, with its addresses together."""
    rows: dict[tuple[str, str], list[Declared]] = {}
    for one in finding.declared:
        rows.setdefault((label(one), place(one.path, one.line, folder)), []).append(one)
    found = [(name, where, addresses(voice, ones)) for (name, where), ones in rows.items()]
    if len(found) > _MOST_PLACES:
        rest = len(found) - _MOST_PLACES
        found = [*found[:_MOST_PLACES], ("", voice.count("{n} more", "{n} more", rest), "")]
    return tuple(found)


def addresses(voice: Voice, ones: list[Declared]) -> str:
    """`all 4+6`, `127.0.0.1 ::1`, as the chart says it; a dash where the file does not tell."""
    told = list(dict.fromkeys(one.address for one in ones))
    four = "0.0.0.0" in told  # noqa: S104 - compared, not bound
    dual = any(one.address == "::" and one.v6_only is False for one in ones)
    words = []
    if dual or (four and "::" in told):
        words.append(voice.say("all 4+6"))
    elif four:
        words.append(voice.say("all 4"))
    elif "::" in told:
        words.append(voice.say("all 6"))
    words += [address or "-" for address in told if address not in ("0.0.0.0", "::")]  # noqa: S104
    return clean(" ".join(words), _LONGEST)


def place(path: str, line: int | None, folder: str = "") -> str:
    """`/etc/nginx/nginx.conf:12`; below the working folder from there."""
    shown = path.removeprefix(folder.rstrip("/") + "/") if folder not in ("", "/") else path
    return clean(shown, 300) + (f":{line}" if line else "")


def problem_sentence(voice: Voice, problem: Problem, folder: str = "") -> str:
    """One thing that was not understood, with file and line."""
    facts: dict[str, str | int] = {"file": "", "reason": "", **problem.facts}
    if facts.get("expected") in EXPECTED:
        facts["expected"] = voice.say(str(facts["expected"]))
    return voice.say(PROBLEMS[problem.code], place=place(problem.path, problem.line, folder), **facts)


def rows(voice: Voice, answer: Conflicts, folder: str = "") -> list[tuple[str, str, str, str, str]]:
    """Every declaration as (port, service, address, file and line, whether it starts by itself)."""
    words = {True: voice.say("yes"), False: voice.say("no"), None: "-"}
    found: dict[tuple[str, str, str, str], list[Declared]] = {}
    for one in sorted(answer.declared, key=lambda each: (each.port, each.transport, each.service, each.path, each.line or 0)):
        key = (f"{one.port}/{one.transport.value}", label(one), place(one.path, one.line, folder), words[one.starts])
        found.setdefault(key, []).append(one)
    return [(port, name, addresses(voice, ones), where, starts) for (port, name, where, starts), ones in found.items()]


def unreadable(answer: Conflicts) -> bool:
    """Whether more rights would show more."""
    return any(problem.code == "file.unreadable" for problem in answer.problems)


def merged_gaps(answer: Conflicts) -> tuple[Gap, ...]:
    """What of the running system was kept from us, as far as it matters here: holders that may not be seen do where one has a declared port."""
    unseen = any(one.code == "running.unseen" for one in answer.items)
    harmless = () if unseen else ("owners.", "processes.")
    return tuple(gap for gap in answer.gaps if not gap.code.startswith(("namespace.", "namespaces.", *harmless)))
