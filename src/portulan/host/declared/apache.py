"""Apache httpd: `Listen`, with Include, IncludeOptional, IfModule, IfDefine and Define (httpd.apache.org: core, mpm_common; server/listen.c)."""

from __future__ import annotations

import re

from portulan.host.declared.desk import Desk, Server, folder_of, resolve
from portulan.host.declared.places import ANY_4, ANY_6, dual, parse_port, split_port
from portulan.model.declared import Declared

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_:.\-]*)\}")
_EXPORT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(['\"]?)([^'\"$`;&|]*)\2\s*$")
_BUILT_IN = {"core.c", "mod_so.c", "http_core.c", "mod_unixd.c", "mod_version.c", "mod_log_config.c", "mod_logio.c", "mod_watchdog.c"} | {
    "core_module", "so_module", "http_module", "unixd_module", "version_module", "log_config_module", "logio_module", "watchdog_module",
}  # fmt: skip
_JUDGED = ("ifmodule", "ifdefine")
_UNJUDGED = ("iffile", "ifdirective", "ifsection", "if", "ifversion")
_LONGEST_VALUE = 4096
_SPACES = re.compile(r"\s+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|(\S+)')
_HOST_PORT_OPTION = "options="


def read_apache(path: str, server: Server, desk: Desk) -> None:
    """What httpd opens when started with `-f path`."""
    reader = _Reader(path, server, desk)
    text = desk.enter(path)
    if text is None:
        return
    reader.file(path, text)
    desk.leave()
    reader.finish()


class _Reader:
    """One configuration: what is defined and loaded so far."""

    def __init__(self, main: str, server: Server, desk: Desk) -> None:
        self.desk = desk
        self.server = server
        self.root = folder_of(main)
        """ServerRoot: relative paths begin there. Until it is said, where the main file lies, as Debian builds it."""
        self.defined: dict[str, str] = {}
        self.modules = set(_BUILT_IN)
        self.own: list[tuple[Declared, bool]] = []
        """Sockets in their order, and whether each is of a line without an address."""
        envvars = desk.read(resolve(self.root, "envvars"), optional=True)
        for line in (envvars or "").split("\n"):
            if match := _EXPORT.match(line.strip()):
                self.defined.setdefault(match[1], match[3])

    def file(self, path: str, text: str) -> None:
        """One file, line by line; sections that do not apply are passed over."""
        sections: list[tuple[str, bool, int]] = []
        for number, line in _lines(text):
            if line.startswith("</"):
                name = line[2:].split(">")[0].strip().lower()
                if not sections or sections[-1][0] != name:
                    self.desk.problem(
                        "syntax", path, number, expected=f"</{sections[-1][0]}>" if sections else "a directive (not a closing section)"
                    )
                    return
                sections.pop()
            elif line.startswith("<"):
                name, _, argument = line[1:].removesuffix(">").partition(" ")
                alive = not sections or sections[-1][1]
                sections.append((name.lower(), alive and self.applies(path, number, name.lower(), argument.strip().strip("\"'")), number))
                if len(sections) > 128:
                    self.desk.problem("syntax", path, number, expected="less nesting")
                    return
            elif not sections or sections[-1][1]:
                self.directive(path, number, line, sections)
        if sections:
            self.desk.problem("syntax", path, sections[-1][2], expected=f"</{sections[-1][0]}>")

    def applies(self, path: str, line: int, name: str, argument: str) -> bool:
        """Whether the directives of a section count."""
        if name in _JUDGED:
            wanted = argument.lstrip("!")
            known = self.modules if name == "ifmodule" else self.defined
            return (wanted in known) is not argument.startswith("!")
        if name == "iffile":
            return (argument.lstrip("!") in self.desk.files.find(resolve(self.root, argument.lstrip("!")))) is not argument.startswith("!")
        if name in _UNJUDGED:
            self.desk.problem("section", path, line, text=f"<{name} {argument}>")
            return False
        return True

    def directive(self, path: str, line: int, text: str, sections: list[tuple[str, bool, int]]) -> None:
        """One directive."""
        name, _, rest = text.partition(" ")
        words = _words(rest)
        match name.lower(), words:
            case ("listen", [_, *_]):
                if any(section == "macro" for section, _, _ in sections):
                    self.desk.problem("section", path, line, text="<Macro>")
                else:
                    self.listen(path, line, words)
            case ("listen", []):
                self.desk.problem("syntax", path, line, expected="Listen [ADDRESS:]PORT")
            case ("define", [variable, *value]):
                self.defined[variable] = self.expand(value[0])[:_LONGEST_VALUE] if value else ""
            case ("undefine", [variable]):
                self.defined.pop(variable, None)
            case ("loadmodule", [module, file]):
                self.modules |= {module, file.rpartition("/")[2].removesuffix(".so") + ".c"}
            case ("serverroot", [folder]):
                self.root = resolve(self.root, self.expand(folder))
            case ("include" | "includeoptional", [pattern]):
                self.include(path, line, self.expand(pattern), optional=name.lower() == "includeoptional")

    def include(self, path: str, line: int, pattern: str, *, optional: bool) -> None:
        """Files, patterns (in folders too), and whole folders."""
        if "${" in pattern:
            self.desk.problem("variable", path, line, text=pattern)
            return
        found = self.desk.matches(self.root, pattern, asked_by=(path, line))
        inside = [f"{each}/{name}" for each in found for name in self.desk.files.names(each)]
        for each in inside or found:
            text = self.desk.enter(each, asked_by=(path, line), optional=optional)
            if text is not None:
                self.file(each, text)
                self.desk.leave()

    def expand(self, text: str) -> str:
        """The text with its ${NAME} filled in; what is not defined stays, as httpd leaves it."""
        return _VARIABLE.sub(lambda match: self.defined.get(match[1], match[0]), text)

    def listen(self, path: str, line: int, words: list[str]) -> None:
        """`Listen [ADDRESS:]PORT [PROTOCOL] [options=…]`."""
        where = self.expand(words[0])
        if "${" in where:
            self.desk.problem("variable", path, line, text=where)
            return
        host, text = split_port(where)
        port = parse_port(text or "")
        if port is None:
            self.desk.problem("syntax", path, line, expected="Listen [ADDRESS:]PORT")
            return
        options = next((word[len(_HOST_PORT_OPTION) :] for word in words[1:] if word.lower().startswith(_HOST_PORT_OPTION)), "")
        spots = dual(self.desk.around) if host in (None, "*") else self.desk.spots(host, (path, line), v6_only=False)
        begin = len(self.desk.declared)
        self.desk.declare(self.server, (path, line, None), spots, port, reuse_port="reuseport" in options.lower())
        self.own += [(one, host in (None, "*")) for one in self.desk.declared[begin:]]

    def finish(self) -> None:
        """What lines make of each other (open_listeners in server/listen.c).

        0.0.0.0 gets no socket of its own where [::] is written for its port too, or a line without an address was before it: that one takes IPv4 as well.
        A line without an address behind one with an IPv6 address of its port opens one thing or another, depending on what else is written: it is
        reported, not guessed.
        """
        written = {(one.address, one.port) for one, bare in self.own if not bare}
        gone: set[int] = set()
        for at, (one, bare) in enumerate(self.own):
            before = [(other.address or "", loose) for other, loose in self.own[:at] if other.port == one.port]
            if bare and any(":" in address and not loose for address, loose in before):
                self.desk.problem("order", one.path, one.line, text=f"Listen {one.port}")
                gone.add(id(one))
            elif one.address == ANY_4 and ((ANY_6, one.port) in written or any(address == ANY_6 for address, _ in before)):
                gone.add(id(one))
        self.desk.declared[:] = [one for one in self.desk.declared if id(one) not in gone]


def _lines(text: str) -> list[tuple[int, str]]:
    """(number, line): comments out, a backslash at the end joins the next line."""
    found: list[tuple[int, str]] = []
    begun, begin = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        if not begin and raw.lstrip().startswith("#"):
            continue
        if raw.rstrip("\r").endswith("\\"):
            begun, begin = begun + raw.rstrip("\r")[:-1], begin or number
            continue
        whole = (begun + raw).strip()
        if whole and not whole.startswith("#"):
            found.append((begin or number, _SPACES.sub(" ", whole)))
        begun, begin = "", 0
    if begun.strip():
        found.append((begin, _SPACES.sub(" ", begun.strip())))
    return found


def _words(text: str) -> list[str]:
    """Words, quoted ones whole."""
    found = _QUOTED.findall(text)
    return [first or second or third for first, second, third in found]
