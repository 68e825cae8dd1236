"""What a disk may hold after the power was cut: every system call on files, recorded by strace, and all that a file system may have kept of them.

Pessimistic: data that was not synced may be there, half there or not at all; a name that was made, moved or removed in a folder that was not synced since may be so or not, in the
order in which it was done.
"""

import ast
import re
from collections import defaultdict
from itertools import product
from pathlib import Path

CALLS = "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate"
_LINE = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)\)\s+=\s+(-?\d+)(?:<([^>]*)>)?")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FOLDER = re.compile(r"^\w+<([^>]*)>")


def command(trace, words):
    """The words, traced into a file."""
    return ["strace", "-y", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace), *words]


def read_calls(trace, root):
    """[(operation, path, other path or data)] of all that was done below a folder."""
    found = []
    for line in Path(trace).read_text().splitlines():
        match = _LINE.match(line)
        if match is None or int(match[3]) < 0:
            continue
        call, arguments, _, returned = match.groups()
        texts = [ast.literal_eval(f'b"{each}"') for each in _TEXT.findall(arguments)]
        about = _FOLDER.match(arguments)
        found += _meaning(call.removesuffix("64"), arguments, texts, _plain(about[1]) if about else "", _plain(returned or ""))
    return [each for each in found if each[1].startswith(str(root))]


def _meaning(call, arguments, texts, path, returned):
    """The operations of one call: none, or one."""
    if call == "openat":
        anew = "O_EXCL" in arguments or "O_TRUNC" in arguments
        return [("create", returned, "anew" if anew else "")] if "O_CREAT" in arguments and returned else []
    names = [each.decode(errors="replace") for each in texts]
    meanings = {
        "write": ("write", path, texts[0] if texts else b""), "fsync": ("sync", path, None), "fdatasync": ("sync", path, None), "ftruncate": ("create", path, "anew"),
        **dict.fromkeys(("rename", "renameat", "renameat2"), ("rename", *names[:2])), **dict.fromkeys(("unlink", "unlinkat"), ("unlink", *names[-1:], None)),
    }  # fmt: skip
    return [meanings[call.removeprefix("p")]]


def _plain(text):
    """A path as strace prints it with -xx: some versions write it in hexadecimal too."""
    return ast.literal_eval(f'b"{text}"').decode() if "\\x" in text else text


class Disk:
    """Names lead to numbers, numbers to data; what is certain, and what may still be lost."""

    def __init__(self):
        self.names, self.data = {}, {}
        self.sure_names, self.sure_data = {}, defaultdict(bytes)
        self.pending = []
        """Changes of names that may be lost: (folder, name, number or None)."""
        self._next = 0

    def do(self, operation, path, more):
        """One call."""
        if operation == "create":
            if path not in self.names or more:
                self._next += 1
                self._name(path, self._next)
                self.data[self._next] = b""
        elif operation == "write":
            self.data[self.names[path]] += more
        elif operation == "sync":
            if path in self.names:
                self.sure_data[self.names[path]] = self.data[self.names[path]]
            else:  # a folder
                for _, name, number in [each for each in self.pending if each[0] == path]:
                    _set(self.sure_names, name, number)
                self.pending = [each for each in self.pending if each[0] != path]
        elif operation == "rename":
            # One change of the file system: both names, or neither.
            number = self.names.pop(path)
            self.names[more] = number
            self.pending.append((str(Path(more).parent), (path, more), number))
        elif operation == "unlink":
            self._name(path, None)

    def _name(self, path, number):
        _set(self.names, path, number)
        self.pending.append((str(Path(path).parent), path, number))

    def images(self):
        """All that may be found: {path: data} each."""
        for kept, fate in product(range(len(self.pending) + 1), ("lost", "half", "whole")):
            names = dict(self.sure_names)
            for _, name, number in self.pending[:kept]:
                _set(names, name, number)
            yield {path: self._found(number, fate) for path, number in names.items()}

    def _found(self, number, fate):
        sure, now = self.sure_data[number], self.data[number]
        if fate == "whole" or sure == now:
            return now
        return sure if fate == "lost" else sure + now[len(sure) : (len(sure) + len(now)) // 2]

    def settle(self):
        """Time passes: everything is on the disk."""
        for _, name, number in self.pending:
            _set(self.sure_names, name, number)
        self.pending = []
        self.sure_data.update(self.data)


def _set(names, name, number):
    if isinstance(name, tuple):  # moved
        names.pop(name[0], None)
        name = name[1]
    if number is None:
        names.pop(name, None)
    else:
        names[name] = number
