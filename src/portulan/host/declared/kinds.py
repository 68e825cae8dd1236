"""Which file is whose: by its name and its folder. And what a machine usually has, in /etc and below."""

from __future__ import annotations

import re

from portulan.host.declared.compose import NAMES as COMPOSE_NAMES
from portulan.model.declared import Kind

_ENV = re.compile(r"\.env(\.[\w-]+)*$")
_SAMPLES = ("example", "sample", "template", "dist", "defaults")
_BY_NAME = {
    "nginx.conf": Kind.NGINX, "apache2.conf": Kind.APACHE, "httpd.conf": Kind.APACHE, "lighttpd.conf": Kind.LIGHTTPD, "sshd_config": Kind.SSHD,
    "postgresql.conf": Kind.POSTGRESQL, "my.cnf": Kind.MYSQL, "my.ini": Kind.MYSQL, "mysqld.cnf": Kind.MYSQL, "mariadb.cnf": Kind.MYSQL,
    "redis.conf": Kind.REDIS, "valkey.conf": Kind.REDIS, "sentinel.conf": Kind.REDIS,
    "Procfile": Kind.PROCFILE, "Procfile.dev": Kind.PROCFILE, "package.json": Kind.PACKAGE, **dict.fromkeys(COMPOSE_NAMES, Kind.COMPOSE),
}  # fmt: skip
_BY_FOLDER = (
    ("/nginx/", Kind.NGINX), ("/apache2/", Kind.APACHE), ("/httpd/", Kind.APACHE), ("/lighttpd/", Kind.LIGHTTPD), ("/ssh/sshd_config", Kind.SSHD),
    ("/mysql/", Kind.MYSQL), ("/mariadb", Kind.MYSQL), ("/redis/", Kind.REDIS), ("/valkey/", Kind.REDIS),
)  # fmt: skip
_FRAGMENTS = ("/sites-available/", "/sites-enabled/", "/conf.d/")
UNITS = (".socket", ".service")
PROJECT = (Kind.COMPOSE, Kind.PROCFILE, Kind.ENV, Kind.PACKAGE)
"""Kinds of files that lie in a project's own folder."""
PROGRAMS: dict[Kind, tuple[str, ...]] = {
    Kind.NGINX: ("nginx",), Kind.APACHE: ("apache2", "httpd"), Kind.LIGHTTPD: ("lighttpd",), Kind.SSHD: ("sshd",),
    Kind.POSTGRESQL: ("postgres", "postmaster"), Kind.MYSQL: ("mariadbd", "mysqld"), Kind.REDIS: ("redis-server", "valkey-server", "redis-sentinel"),
}  # fmt: skip
"""What the processes are called."""
SERVICE_UNITS: dict[Kind, tuple[str, ...]] = {
    Kind.NGINX: ("nginx.service",), Kind.APACHE: ("apache2.service", "httpd.service"), Kind.LIGHTTPD: ("lighttpd.service",),
    Kind.SSHD: ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket"), Kind.POSTGRESQL: ("postgresql.service",),
    Kind.MYSQL: ("mariadb.service", "mysql.service", "mysqld.service"), Kind.REDIS: ("redis-server.service", "redis.service", "valkey-server.service"),
}  # fmt: skip
"""What their units are called by Debian and others."""
MACHINE: tuple[tuple[Kind, str], ...] = (
    (Kind.NGINX, "/etc/nginx/nginx.conf"), (Kind.APACHE, "/etc/apache2/apache2.conf"), (Kind.APACHE, "/etc/httpd/conf/httpd.conf"),
    (Kind.LIGHTTPD, "/etc/lighttpd/lighttpd.conf"), (Kind.SSHD, "/etc/ssh/sshd_config"), (Kind.POSTGRESQL, "/etc/postgresql/*/*/postgresql.conf"),
    (Kind.POSTGRESQL, "/var/lib/pgsql/data/postgresql.conf"), (Kind.MYSQL, "/etc/mysql/my.cnf"), (Kind.MYSQL, "/etc/my.cnf"),
    (Kind.REDIS, "/etc/redis/*.conf"), (Kind.REDIS, "/etc/redis.conf"), (Kind.REDIS, "/etc/valkey/*.conf"),
)  # fmt: skip
"""Main files, as patterns. Of two of one server that are the same file, one is read."""


def kind_of(path: str, *, named: bool = False) -> Kind | None:
    """Whose file this is; None for a file that declares no ports as far as we know. `named`: it was asked for, so a weaker sign will do."""
    name = path.rpartition("/")[2]
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.endswith(UNITS):
        return Kind.SYSTEMD
    if _ENV.fullmatch(name):
        return None if name.endswith(_SAMPLES) and not named else Kind.ENV
    for mark, kind in _BY_FOLDER:
        if mark in path and (named or (kind is Kind.REDIS and name.endswith(".conf")) or is_fragment(path)):
            return kind
    return _guess(name) if named else None


def _guess(name: str) -> Kind | None:
    """By a weaker sign: a word in the name."""
    if name.startswith(("docker-compose.", "compose.")) and name.endswith((".yml", ".yaml")):
        return Kind.COMPOSE
    return next((kind for kind in Kind if kind.value in name.lower()), Kind.MYSQL if name.endswith(".cnf") else None)


def is_fragment(path: str) -> bool:
    """Whether a file is a part that a main file includes, rather than a main file."""
    return any(part in path for part in _FRAGMENTS)
