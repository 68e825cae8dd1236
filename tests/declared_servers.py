"""The real servers whose files we read: how each is started from a file, and configurations to try. In a private root, on a sandbox host."""

import json
import subprocess
from dataclasses import dataclass, field

from labs import PORTULAN

HERE = "/srv/declared"
"""Where the files of a case lie, in the private root."""
RUN = "/srv/declared-run"
"""Where its server may write, whoever it runs as."""
_APACHE = """ServerRoot "/etc/apache2"
PidFile /run/apache2-case.pid
ServerName localhost
ErrorLog /dev/stderr
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
"""
_NGINX = "load_module /usr/lib/nginx/modules/ngx_stream_module.so; daemon off; worker_processes 1; pid /run/nginx-case-%d.pid; error_log stderr; events { worker_connections 64; }\n"
_SSHD = f"HostKey {HERE}/host_key\nPidFile none\nUsePAM no\n"
_LIGHTTPD = 'server.document-root = "/var/www"\n'
_POSTGRES = f"data_directory = '/var/lib/postgresql/15/main'\nhba_file = '/etc/postgresql/15/main/pg_hba.conf'\nunix_socket_directories = '{RUN}'\nssl = off\nfsync = off\n"
_MYSQL = f"[client]\nport = 9999\n[mariadb]\n[mysqld]\ndatadir = /var/lib/mysql\nsocket = {RUN}/case.sock\ntmpdir = {RUN}\nuser = mysql\npid-file = {RUN}/case.pid\n"
_REDIS = 'save ""\ndaemonize no\n'


@dataclass(frozen=True)
class Case:
    """A server, and its files by name; the first is the one it is started with."""

    kind: str
    name: str
    files: dict = field(hash=False)

    @property
    def main(self):
        return f"{HERE}/{next(iter(self.files))}"

    def __str__(self):
        return f"{self.kind}-{self.name}"


def command(case):
    """The command line that starts the server in the foreground."""
    words = {
        "nginx": ["nginx", "-c"],
        "apache": ["apache2", "-DFOREGROUND", "-f"],
        "lighttpd": ["lighttpd", "-D", "-f"],
        "sshd": ["/usr/sbin/sshd", "-D", "-e", "-f"],
        "redis": ["redis-server"],
        "mysql": ["mariadbd", "--skip-grant-tables", f"--defaults-file={case.main}"],
        "postgresql": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main", "-c", f"config_file={case.main}"],
    }[case.kind]
    if case.kind == "mysql":  # it wants its file first
        words = [words[0], words[2], words[1]]
    return words if case.main in words[-1] or case.kind == "mysql" else [*words, case.main]


def write(host, files, folder=HERE):
    """Put files into the host's private root."""
    script = "import json, os, sys\nfor path, text in json.load(sys.stdin).items():\n os.makedirs(os.path.dirname(path), exist_ok=True)\n open(path, 'w').write(text)\n"
    done = host.run(["/usr/bin/python3", "-c", script], text=json.dumps({f"{folder}/{name}": text for name, text in files.items()}))
    assert done.returncode == 0, done.stderr


def prepare(host, case):
    """A case's files, and what its server needs besides."""
    write(host, case.files)
    assert host.run(["sh", "-c", f"mkdir -p {RUN} && chmod 1777 {RUN}"]).returncode == 0
    if case.kind == "sshd":
        done = host.run(["sh", "-c", f"mkdir -p /run/sshd && rm -f {HERE}/host_key && ssh-keygen -q -t ed25519 -N '' -f {HERE}/host_key"])
        assert done.returncode == 0, done.stderr


def start(host, case):
    """The running server."""
    user = "postgres" if case.kind == "postgresql" else None
    return host.start(command(case), user=user, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, folder="/")


def declared(host, *words):
    """What `portulan conflicts` says in the host's private root: the envelope and the exit status."""
    done = host.run([PORTULAN, "conflicts", "--json", *words], environment={"PYTHONDONTWRITEBYTECODE": "1"}, folder="/")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout), done.returncode


def sockets_of(answer):
    """(transport, address, port, v6-only) of each declaration."""
    return {(one["transport"], one["address"], one["port"], one["v6_only"]) for one in answer["declared"]}


def ended(process, timeout_s=20):
    """Wait for a server that is to fail, and return what it said last."""
    try:
        _, said = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return None
    return said


def nginx(name, text, number=1, **more):
    return Case("nginx", name, {"nginx.conf": _NGINX % number + text, **more})


def apache(name, text, **more):
    return Case("apache", name, {"apache2.conf": _APACHE + text, **more})


def lighttpd(name, text, **more):
    return Case("lighttpd", name, {"lighttpd.conf": _LIGHTTPD + text, **more})


def sshd(name, text, **more):
    return Case("sshd", name, {"sshd_config": _SSHD + text, **more})


def postgresql(name, text, **more):
    return Case("postgresql", name, {"postgresql.conf": _POSTGRES + text, **more})


def mysql(name, text, **more):
    return Case("mysql", name, {"my.cnf": _MYSQL + text, **more})


def redis(name, text, **more):
    return Case("redis", name, {"redis.conf": _REDIS + text, **more})


CASES = (
    nginx("wildcard", "http { server { listen 8080; } }"),
    nginx("default-port", "http { server { root /srv; } server { listen 127.0.0.1; } }"),
    nginx("families", "http { server { listen 127.0.0.1:8081; listen [::1]:8082; listen [::]:8083; listen [::]:8084 ipv6only=off; } }"),
    nginx("many", "http { server { listen 8080; listen 8081; } server { listen *:8080; listen 8090-8093; } }"),
    nginx(
        "within-the-wildcard",
        "http { server { listen 127.0.0.1:8080; } server { listen 8080; listen [::1]:8080; } server { listen [::]:8080; } }",
    ),
    nginx(
        "include",
        f"http {{ include sites/*.conf; include {HERE}/more.conf; # include nothing.conf;\n }}\nstream {{ include st[r]eam.conf; }}",
        **{
            "sites/a.conf": 'server { listen "8080"; server_name "a;b{c}"; }',
            "sites/b.conf": "server {\n listen 8081\n  default_server\n ; location / { return 200 'x } y'; } }",
            "more.conf": "server { listen localhost:8082; }",
            "stream.conf": "server { listen 8053 udp reuseport; return x; } server { listen 127.0.0.1:8054; return y; }",
        },
    ),
    nginx("unix", "http { server { listen unix:/tmp/case.sock; } server { listen 8080 reuseport; } }"),
    apache("wildcard", "Listen 8080\n"),
    apache("families", "Listen 127.0.0.1:8081\nListen [::1]:8082\nListen 0.0.0.0:8083\nListen [::]:8084\nListen *:8085\n"),
    apache("both-wildcards", "Listen 0.0.0.0:8080\nListen [::]:8080\n"),
    apache("both-wildcards-6-first", "Listen [::]:8080\nListen 0.0.0.0:8080\n"),
    apache(
        "sections",
        "Define port 8080\nListen ${port} https\n<IfModule ssl_module>\nListen 8443\n</IfModule>\n<IfModule !mod_ssl.c>\n listen 8081\n</IfModule>\n"
        "<IfModule mod_authz_core.c>\n<IfDefine port>\nListen 127.0.0.1:\\\n8082\n</IfDefine>\n<IfDefine !port>\nListen 8083\n</IfDefine>\n</IfModule>\n"
        "<VirtualHost *:8999>\n</VirtualHost>\n# Listen 8998\n",
    ),
    apache(
        "include",
        f"Include {HERE}/ports.conf\nIncludeOptional {HERE}/conf.d/*.conf\nIncludeOptional {HERE}/none/*.conf\n",
        **{
            "ports.conf": "Listen 8080\n",
            "conf.d/b.conf": "Listen 8082\n",
            "conf.d/a.conf": "Listen 127.0.0.1:8081\n",
            "conf.d/no.txt": "Listen 9000\n",
        },
    ),
    lighttpd("wildcard", "server.port = 8080\n"),
    lighttpd("default-port", ""),
    lighttpd("bind-4", 'server.bind = "127.0.0.1"\nserver.port = 8080\n'),
    lighttpd("bind-6", 'server.bind = "[::1]"\nserver.port = 8080\n'),
    lighttpd("all-6", 'server.bind = "[::]"\nserver.port = 8080\n'),
    lighttpd("dual", 'server.bind = "[::]"\nserver.set-v6only = "disable"\nserver.port = 8080\n'),
    lighttpd(
        "sockets",
        'var.base = "80"\nserver.port = 8080\n$SERVER["socket"] == ":8081" { }\n$SERVER["socket"] == "127.0.0.1:" + base + "82" {\n  dir-listing.activate = "enable"\n}\n'
        '$SERVER["socket"] == "[::1]:8083" { }\n$SERVER["socket"] == "[::]:8084" { }\n$SERVER["socket"] == "0.0.0.0:8080" { }\n'
        '$HTTP["host"] == "a" { server.name = "b" } else { server.name = "c" }\n',
    ),
    lighttpd(
        "include",
        f'include "ports.conf"\ninclude "{HERE}/conf.d/*.conf"\n# include "nothing"\ninclude_shell "/usr/share/lighttpd/use-ipv6.pl " + server.port\n',
        **{"ports.conf": "server.port = 8080\n", "conf.d/a.conf": '$SERVER["socket"] == "127.0.0.1:8081" { }\n', "conf.d/b.conf": "\n"},
    ),
    sshd("wildcard", "Port 8022\n"),
    sshd("several", "Port 8022\nport=8023\n"),
    sshd("addresses", "ListenAddress 127.0.0.1\nListenAddress [::1]:8024\nPort 8022\nListenAddress 127.0.0.2:8025\n"),
    sshd("family", "AddressFamily inet\nPort 8022\n"),
    sshd("family-6", "AddressFamily inet6\nPort 8022\n"),
    sshd(
        "include",
        f"Include {HERE}/sshd_config.d/*.conf\nMatch User a\n  PermitTTY no\n",
        **{"sshd_config.d/b.conf": "Port 8022 # here\n", "sshd_config.d/a.conf": "ListenAddress ::\nMatch User b\n X11Forwarding no\n"},
    ),
    postgresql("default", ""),
    postgresql("wildcard", "port = 8432\nlisten_addresses = '*'\n"),
    postgresql("addresses", "listen_addresses = '127.0.0.1, ::1' # here\nport 8432\nport = 8433\n"),
    postgresql("families", "listen_addresses = '0.0.0.0,::'\nport = '8432'\n"),
    postgresql("none", "listen_addresses = ''\nport = 8432\n"),
    postgresql(
        "include",
        "include_dir = 'conf.d'\ninclude_if_exists = 'not-there.conf'\ninclude 'more.conf'\n",
        **{
            "conf.d/a.conf": "port = 8432\n",
            "conf.d/b.conf": "port = 8433\n",
            "conf.d/c.txt": "port = 1\n",
            "more.conf": "listen_addresses = 'localhost'\n",
        },
    ),
    mysql("default", ""),
    mysql("wildcard", "port = 8306\nbind-address = *\n"),
    mysql("specific", "port=8306\nbind_address = 127.0.0.1 # here\n"),
    mysql("v6", "port=8306\nbind-address=::1\n"),
    mysql("all-4", "port=8306\nbind-address=0.0.0.0\n"),
    mysql("all-6", "port=8306\nbind-address=::\n"),
    mysql("skip", "skip-networking\nport=8306\n"),
    mysql(
        "include",
        f"!includedir {HERE}/conf.d/\n",
        **{
            "conf.d/a.cnf": "[mysqld]\nport = 8306\nbind-address = 127.0.0.1\n",
            "conf.d/b.cnf": "[mysqldump]\nport = 1\n[mariadb]\nport = 8307\nextra_port = 8308\n",
        },
    ),
    redis("default", ""),
    redis("wildcard", "port 8379\nbind *\n"),
    redis("several", "port 8379\nbind 127.0.0.1 127.0.0.2 -::1\n"),
    redis("all-6", "port 8379\nbind ::*\n"),
    redis("cluster", "port 8379\nbind 127.0.0.1\ncluster-enabled yes\n"),
    redis("include", f'include "{HERE}/more.conf"\nport 8379\n', **{"more.conf": "port 8380\nbind 127.0.0.1\n"}),
)
"""Files as people write them; each server must listen exactly where they say."""


@dataclass(frozen=True)
class Pair:
    """Two servers started one after the other, and whether the second fails."""

    name: str
    first: Case
    second: Case
    collide: bool

    def __str__(self):
        return self.name


PAIRS = (
    Pair("nginx-apache", nginx("a", "http { server { listen 8080; } }"), apache("b", "Listen 8080\n"), True),
    Pair("nginx-4-apache-4", nginx("a", "http { server { listen 127.0.0.1:8080; } }"), apache("b", "Listen 127.0.0.2:8080\n"), False),
    Pair("specific-then-wildcard", nginx("a", "http { server { listen 127.0.0.1:8080; } }"), lighttpd("b", "server.port = 8080\n"), True),
    Pair("six-then-four", nginx("a", "http { server { listen [::]:8080; } }"), lighttpd("b", "server.port = 8080\n"), False),
    Pair("dual-then-four", apache("a", "Listen 8080\n"), lighttpd("b", 'server.bind = "127.0.0.1"\nserver.port = 8080\n'), True),
    Pair("redis-lighttpd", redis("a", "port 8379\nbind 127.0.0.1\n"), lighttpd("b", "server.port = 8379\n"), True),
    Pair("redis-6-lighttpd-4", redis("a", "port 8379\nbind ::1\n"), lighttpd("b", "server.port = 8379\n"), False),
    Pair("lighttpd-redis", lighttpd("a", "server.port = 8379\n"), redis("b", "port 8379\nbind 127.0.0.1\n"), True),
    Pair("mysql-nginx", mysql("a", "port = 8306\n"), nginx("b", "http { server { listen 127.0.0.1:8306; } }"), True),
    Pair("udp-tcp", nginx("a", "stream { server { listen 8053 udp; return x; } }"), lighttpd("b", "server.port = 8053\n"), False),
    Pair("other-ports", apache("a", "Listen 8080\n"), redis("b", "port 8081\n"), False),
)
OWN = (
    nginx("own", "http { server { listen [::]:8080 ipv6only=off; } server { listen 8080; } }"),
    nginx("own-bind", "http { server { listen 8080; } server { listen 127.0.0.1:8080 bind; } }"),
    apache("own", "Listen 8080\nListen 127.0.0.1:8080\n"),
    apache("own-4-first", "Listen 0.0.0.0:8080\nListen 8080\n"),
    apache("own-twice", "Listen 8080\nListen 8080\n"),
    redis("own", "port 8379\nbind 0.0.0.0 127.0.0.1\n"),
)
"""One server whose own lines collide: it does not start, and is said not to."""
