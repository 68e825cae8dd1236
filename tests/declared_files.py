"""Files that exist in a dictionary only, and what readers make of them."""

from __future__ import annotations

from fnmatch import fnmatchcase

from portulan.errors import CannotTell, NotPermitted
from portulan.host.declared.desk import Desk
from portulan.host.declared.kinds import kind_of
from portulan.host.declared.places import Around
from portulan.host.declared.reading import read_file, read_files
from portulan.model.declared import Kind


class Shelf:
    """The `Files` of a test: path -> text; None for a file that may not be read. `links` lead elsewhere."""

    def __init__(self, files, links=None):
        self.files = files
        self.links = links or {}

    def read(self, path):
        path = self.links.get(path, path)
        if path not in self.files:
            raise CannotTell("file.missing", file=path)
        if self.files[path] is None:
            raise NotPermitted("file.unreadable", file=path, reason="Permission denied")
        return self.files[path]

    def find(self, pattern):
        return sorted(path for path in {*self.files, *self.links} if path.count("/") == pattern.count("/") and fnmatchcase(path, pattern))

    def names(self, folder):
        inside = folder.rstrip("/") + "/"
        return sorted({path[len(inside) :].partition("/")[0] for path in {*self.files, *self.links} if path.startswith(inside)})

    def target(self, path):
        return self.links.get(path, path)


def desk_of(files, *, links=None, ipv6=True, names=None, **how):
    return Desk(Shelf(files, links), Around(names=names or {}, ipv6=ipv6), **how)


def read(kind, text, path=None, *, more=None, **how):
    """The desk after one file of a kind was read."""
    usual = {Kind.POSTGRESQL: "postgresql.conf", Kind.MYSQL: "my.cnf", Kind.SSHD: "sshd_config", Kind.ENV: ".env", Kind.COMPOSE: "compose.yaml",
             Kind.PACKAGE: "package.json", Kind.PROCFILE: "Procfile"}  # fmt: skip
    path = path or f"/srv/shop/{usual.get(kind, f'{kind}.conf')}"
    desk = desk_of({path: text, **(more or {})}, **how)
    read_file(kind, path, desk)
    return desk


def read_all(files, **how):
    """The desk after a folder of files was read."""
    desk = desk_of(files, **how)
    read_files([(path, kind) for path in sorted(files) if (kind := kind_of(path)) is not None], desk)
    return desk


def told(desk):
    """`80/tcp 0.0.0.0 :3` of each declaration: port, address, line."""
    return [f"{one.port}/{one.transport.value} {one.address or '?'}" + (f" :{one.line}" if one.line else "") for one in desk.declared]


def faults(desk):
    """(code, line) of each problem."""
    return [(problem.code, problem.line) for problem in desk.problems]
