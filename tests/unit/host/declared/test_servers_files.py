"""nginx, Apache httpd, lighttpd, sshd, PostgreSQL, MySQL and Redis: what each form of a line declares. The real servers agree: tests/lab/test_declared_servers.py."""

import pytest

from declared_files import faults, read, told
from portulan.model.declared import Kind

NGINX, APACHE, LIGHTTPD, SSHD, POSTGRESQL, MYSQL, REDIS = (
    Kind.NGINX, Kind.APACHE, Kind.LIGHTTPD, Kind.SSHD, Kind.POSTGRESQL, Kind.MYSQL, Kind.REDIS,
)  # fmt: skip


def server(text):
    return f"http {{ server {{ {text} }} }}"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("listen 8080;", ["8080/tcp 0.0.0.0 :1"]),
        ("listen *:8080;", ["8080/tcp 0.0.0.0 :1"]),
        ("listen 127.0.0.1;", ["80/tcp 127.0.0.1 :1"]),
        ("listen [::]:8080 ipv6only=on;", ["8080/tcp :: :1"]),
        ("listen [::1];", ["80/tcp ::1 :1"]),
        ("listen 8000-8002;", ["8000/tcp 0.0.0.0 :1", "8001/tcp 0.0.0.0 :1", "8002/tcp 0.0.0.0 :1"]),
        ("listen localhost:81;", ["81/tcp 127.0.0.1 :1", "81/tcp ::1 :1"]),
        ("listen 443 quic reuseport; listen 443 ssl;", ["443/udp 0.0.0.0 :1", "443/tcp 0.0.0.0 :1"]),
        ("listen unix:/run/x.sock;", []),
        ("root /srv;", ["80/tcp 0.0.0.0 :1"]),
        ("location / { if ($a) { return 200; } } listen 81;", ["81/tcp 0.0.0.0 :1"]),
        ("content_by_lua_block { if x then y = '}' -- }\n z({}) end } listen 82;", ["82/tcp 0.0.0.0 :2"]),
        ("# listen 1;\n listen '81';", ["81/tcp 0.0.0.0 :2"]),
        ('server_name "a;{b" ${x}; listen 81;', ["81/tcp 0.0.0.0 :1"]),
    ],
)  # fmt: skip
def test_nginx_listens(line, wanted):
    desk = read(NGINX, server(line))
    assert (told(desk), desk.problems) == (wanted, [])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (server("listen $port;"), [("variable", 1)]),
        (server("listen 80x;"), [("address", 1)]),
        (server("listen 0;"), [("syntax", 1)]),
        (server("listen;"), [("syntax", 1)]),
        (server("listen host.example:80;"), [("address", 1)]),
        ("http {\nserver { listen 80; }", [("syntax", 2)]),
        ("http { server { listen 80 } }", [("syntax", 1)]),
        ("}\n", [("syntax", 1)]),
        ("\n{ }", [("syntax", 2)]),
        ("http { server { server_name 'x; } }", [("syntax", 1)]),
        ("include gone.conf;", [("file.missing", 1)]),
        ("include $x;", [("variable", 1)]),
        ("stream { server { listen 127.0.0.1; } }", [("syntax", 1)]),
    ],
)
def test_nginx_that_is_not_understood_is_told(text, wanted):
    assert faults(read(NGINX, text)) == wanted


def test_nginx_columns_and_options():
    (one,) = read(NGINX, "http {\n  server {\n    listen [::]:80 ipv6only=off reuseport;\n}}").declared
    assert (one.line, one.column, one.v6_only, one.reuse_port, one.programs, one.main) == (
        3,
        5,
        False,
        True,
        ("nginx",),
        "/srv/shop/nginx.conf",
    )


def test_nginx_includes_stand_where_they_are_written():
    more = {"/srv/shop/sites/a": "listen 81;", "/srv/shop/sites/b": "}\n", "/srv/shop/loop": "include loop;"}
    desk = read(NGINX, "http { server { include sites/a; } include sites/b; include loop; }", more=more)
    assert told(desk) == ["81/tcp 0.0.0.0 :1"]
    assert faults(desk) == [("syntax", 1), ("include-loop", 1)]


def test_a_fragment_of_sites_is_read_as_one():
    desk = read(
        NGINX, "server { listen 81; include snippets/x; }", "/etc/nginx/sites-available/shop", more={"/etc/nginx/snippets/x": "listen 82;"}
    )
    assert told(desk) == ["81/tcp 0.0.0.0 :1", "82/tcp 0.0.0.0 :1"]
    assert {one.starts for one in desk.declared} == {False}


def test_without_ipv6_there_are_no_sockets_of_it():
    assert told(read(APACHE, "Listen 80", ipv6=False)) == ["80/tcp 0.0.0.0 :1"]
    assert told(read(SSHD, "", ipv6=False)) == ["22/tcp 0.0.0.0"]
    assert told(read(REDIS, "bind * -::*", ipv6=False)) == ["6379/tcp 0.0.0.0"]


@pytest.mark.parametrize(
    ("text", "wanted", "problems"),
    [
        ("Listen 8080 https", ["8080/tcp :: :1"], []),
        ("listen 192.0.2.1:80", ["80/tcp 192.0.2.1 :1"], []),
        ("LISTEN [2001:db8::A]:80", ["80/tcp 2001:db8::a :1"], []),
        ("Listen *:80 http options=reuseport", ["80/tcp :: :1"], []),
        ("Listen 80\nListen 0.0.0.0:80", ["80/tcp :: :1"], []),
        ("Define P 81\nListen 127.0.0.1:${P}", ["81/tcp 127.0.0.1 :2"], []),
        ("Define P 81\nUnDefine P\nListen ${P}", [], [("variable", 3)]),
        ("Listen [::1]:80\nListen 80\nListen 81", ["80/tcp ::1 :1", "81/tcp :: :3"], [("order", 2)]),
        ("Listen [::]:80\nListen *:80", ["80/tcp :: :1"], [("order", 2)]),
        ("Listen 0.0.0.0:80\nListen 80", ["80/tcp 0.0.0.0 :1", "80/tcp :: :2"], []),
        ("Listen 0.0.0.0:80\nListen [::]:80", ["80/tcp :: :2"], []),
        ("Listen 80\nListen [::]:80", ["80/tcp :: :1", "80/tcp :: :2"], []),
        ("Listen ${P}", [], [("variable", 1)]),
        ("Listen", [], [("syntax", 1)]),
        ("Listen x", [], [("syntax", 1)]),
        ("<IfModule mpm_x>\nListen 1\n</IfModule>\nListen 2", ["2/tcp :: :4"], []),
        ("LoadModule ssl_module m/mod_ssl.so\n<IfModule mod_ssl.c>\nListen 443\n</IfModule>", ["443/tcp :: :3"], []),
        ("<IfVersion >= 2.4>\nListen 1\n</IfVersion>", [], [("section", 1)]),
        ("<IfFile /srv/shop/x>\nListen 1\n</IfFile>\n<IfFile !x>\nListen 2\n</IfFile>", ["2/tcp :: :5"], []),
        ("<Macro a $p>\nListen $p\n</Macro>", [], [("section", 2)]),
        ("<IfModule so_module>\nListen 1\n", ["1/tcp :: :2"], [("syntax", 1)]),
        ("</If>", [], [("syntax", 1)]),
        ("<A>\n</B>", [], [("syntax", 2)]),
        ("Include none.conf", [], [("file.missing", 1)]),
        ("IncludeOptional none.conf\nIncludeOptional *.none", [], []),
        ("Include ${nowhere}/x", [], [("variable", 1)]),
        ("Lis\\\nten 80\\\n81", ["8081/tcp :: :1"], []),
    ],
)
def test_apache_listens(text, wanted, problems):
    desk = read(APACHE, text)
    assert (told(desk), faults(desk)) == (wanted, problems)


def test_apache_takes_what_debian_exports():
    more = {"/etc/apache2/envvars": "# x\nexport APACHE_PORT=8081\nexport APACHE_X=$(id)\n", "/etc/apache2/d/a": "Listen ${APACHE_PORT}"}
    desk = read(APACHE, 'ServerRoot "/etc/apache2"\nInclude d', "/etc/apache2/apache2.conf", more=more)
    assert told(desk) == ["8081/tcp :: :1"]


@pytest.mark.parametrize(
    ("text", "wanted", "problems"),
    [
        ("", ["80/tcp 0.0.0.0"], []),
        ("server.port = 8080", ["8080/tcp 0.0.0.0 :1"], []),
        ('server.bind = "192.0.2.1"', ["80/tcp 192.0.2.1 :1"], []),
        ('server.bind = "192.0.2.1:81"\nserver.port = 80', ["81/tcp 192.0.2.1 :2"], []),
        ('server.bind = "/run/x.sock"', [], []),
        ('server.use-ipv6 = "enable"', ["80/tcp ::"], []),
        ('server.bind = "::1"', [], [("syntax", 1)]),
        ("server.port = env.PORT", [], [("variable", 1)]),
        ("p = 8081\nserver.port = p", ["8081/tcp 0.0.0.0 :2"], []),
        ('var.p = "80"\nvar.p += "81"\nserver.port = var.p', ["8081/tcp 0.0.0.0 :3"], []),
        ('$SERVER["socket"] == "0.0.0.0:443" { ssl.engine = "enable" }', ["80/tcp 0.0.0.0", "443/tcp 0.0.0.0 :1"], []),
        ('$SERVER["socket"] == "127.0.0.1" { }', ["80/tcp 0.0.0.0", "80/tcp 127.0.0.1 :1"], []),
        ('$SERVER["socket"] == ":80" { }', ["80/tcp 0.0.0.0"], []),
        ('$SERVER["socket"] =~ ":80" { }', ["80/tcp 0.0.0.0"], [("section", 1)]),
        ('$HTTP["host"] == "x" { server.port = 81 }', ["80/tcp 0.0.0.0"], []),
        ("global { server.port = 81 }", ["81/tcp 0.0.0.0 :1"], []),
        ('mimetype.assign = (\n ".a" => "b", # )\n ".c" => "d" )\nserver.port = 81', ["81/tcp 0.0.0.0 :4"], []),
        ('include_shell "echo server.port=1"', ["80/tcp 0.0.0.0"], [("program", 1)]),
        ('include_shell "/usr/share/lighttpd/create-mime.conf.pl"', ["80/tcp 0.0.0.0"], []),
        ('server.port = 81\ninclude_shell "/usr/share/lighttpd/use-ipv6.pl " + server.port', ["81/tcp 0.0.0.0 :1", "81/tcp :: :2"], []),
        ('include "none.conf"', ["80/tcp 0.0.0.0"], [("file.missing", 1)]),
        ("server.port = 99999", [], [("syntax", 1)]),
        ("}", ["80/tcp 0.0.0.0"], [("syntax", 1)]),
        ('$HTTP["x"] == "y" {', ["80/tcp 0.0.0.0"], [("syntax", 1)]),
        ("x = ( 1", ["80/tcp 0.0.0.0"], [("syntax", 1)]),
    ],
)  # fmt: skip
def test_lighttpd_listens(text, wanted, problems):
    desk = read(LIGHTTPD, text)
    assert (told(desk), faults(desk)) == (wanted, problems)


@pytest.mark.parametrize(
    ("text", "wanted", "problems"),
    [
        ("", ["22/tcp 0.0.0.0", "22/tcp ::"], []),
        ("Port 2222", ["2222/tcp 0.0.0.0 :1", "2222/tcp :: :1"], []),
        ("PORT=2222\nport 2223 # x", ["2222/tcp 0.0.0.0 :1", "2222/tcp :: :1", "2223/tcp 0.0.0.0 :2", "2223/tcp :: :2"], []),
        ('ListenAddress "192.0.2.1"', ["22/tcp 192.0.2.1 :1"], []),
        ("ListenAddress 192.0.2.1:23\nPort 24", ["23/tcp 192.0.2.1 :1"], []),
        ("ListenAddress 2001:db8::1", ["22/tcp 2001:db8::1 :1"], []),
        ("ListenAddress [2001:db8::1]:23", ["23/tcp 2001:db8::1 :1"], []),
        ("ListenAddress ::\nAddressFamily inet", [], []),
        ("Match User x\n Port 1\n", ["22/tcp 0.0.0.0", "22/tcp ::"], []),
        ("Match all\nPort 23", ["23/tcp 0.0.0.0 :2", "23/tcp :: :2"], []),
        ("Port x", ["22/tcp 0.0.0.0", "22/tcp ::"], [("syntax", 1)]),
        ("Port", ["22/tcp 0.0.0.0", "22/tcp ::"], [("syntax", 1)]),
        ("ListenAddress host.example", [], [("address", 1)]),
        ("ListenAddress 192.0.2.1:x", ["22/tcp 0.0.0.0", "22/tcp ::"], [("syntax", 1)]),
        ("Include none/*\nInclude none", ["22/tcp 0.0.0.0", "22/tcp ::"], []),
    ],
)  # fmt: skip
def test_sshd_listens(text, wanted, problems):
    desk = read(SSHD, text)
    assert (told(desk), faults(desk)) == (wanted, problems)


@pytest.mark.parametrize(
    ("text", "wanted", "problems"),
    [
        ("", ["5432/tcp 127.0.0.1", "5432/tcp ::1"], []),
        ("port = 5433 # x\nlisten_addresses = '*'", ["5433/tcp 0.0.0.0 :1", "5433/tcp :: :1"], []),
        ("listen_addresses '192.0.2.1, ::1'", ["5432/tcp 192.0.2.1 :1", "5432/tcp ::1 :1"], []),
        ("PORT '5433'\nlisten_addresses = ''", [], []),
        ("port = x", [], [("syntax", 1)]),
        ("port = 5432 5433", ["5432/tcp 127.0.0.1", "5432/tcp ::1"], [("syntax", 1)]),
        ("include 'none'\ninclude_if_exists 'none'\ninclude_dir 'none'", ["5432/tcp 127.0.0.1", "5432/tcp ::1"], [("file.missing", 1)]),
        ("listen_addresses = 'db.example'", [], [("address", 1)]),
    ],
)  # fmt: skip
def test_postgresql_listens(text, wanted, problems):
    desk = read(POSTGRESQL, text)
    assert (told(desk), faults(desk)) == (wanted, problems)


def test_postgresql_of_debian():
    folder = "/etc/postgresql/15/main"
    more = {f"{folder}/start.conf": "# x\nmanual\n", "/var/lib/postgresql/15/main/postgresql.auto.conf": "port = 5440\n"}
    desk = read(POSTGRESQL, "data_directory = '/var/lib/postgresql/15/main'\nport = 5432", f"{folder}/postgresql.conf", more=more)
    assert told(desk) == ["5440/tcp 127.0.0.1 :1", "5440/tcp ::1 :1"]
    one = desk.declared[0]
    assert (one.service, one.starts, one.user, one.privileged) == ("postgresql 15/main", False, "postgres", False)


def test_postgresql_says_what_it_may_not_read():
    desk = read(POSTGRESQL, "data_directory = '/data'", more={"/data/postgresql.auto.conf": None})
    assert faults(desk) == [("file.unreadable", 1)]


@pytest.mark.parametrize(
    ("text", "wanted", "problems"),
    [
        ("[client]\nport=1", [], []),
        ("[mysqld]", ["3306/tcp 0.0.0.0", "3306/tcp ::"], []),
        ("[mysqld]\nport = 3307\nbind-address = 127.0.0.1", ["3307/tcp 127.0.0.1 :2"], []),
        ("[mariadb-10.6]\nloose_port=3307 # x\nbind_address='::1'", ["3307/tcp ::1 :2"], []),
        ("[mysqld]\nbind-address = 192.0.2.1,192.0.2.2", ["3306/tcp 192.0.2.1 :2", "3306/tcp 192.0.2.2 :2"], []),
        ("[mysqld]\nskip-networking", [], []),
        ("[mysqld]\nskip-networking=0\nport=0\nbind-address=127.0.0.1", ["3306/tcp 127.0.0.1 :3"], []),
        ("[mysqld]\nbind-address=127.0.0.1\nmysqlx-bind-address = 127.0.0.1", ["3306/tcp 127.0.0.1 :2", "33060/tcp 127.0.0.1 :3"], []),
        ("[mysqld]\nbind-address=127.0.0.1\nmysqlx = 0", ["3306/tcp 127.0.0.1 :2"], []),
        ("[mysqld]\nport = many", [], [("syntax", 2)]),
        ("!include none\n!includedir none\n!includes x", [], [("file.missing", 1), ("syntax", 3)]),
    ],
)  # fmt: skip
def test_mysql_listens(text, wanted, problems):
    desk = read(MYSQL, text)
    assert (told(desk), faults(desk)) == (wanted, problems)


def test_only_mysql_knows_whether_its_ipv6_wildcard_takes_ipv4():
    assert [one.v6_only for one in read(MYSQL, "[mysqld]\nbind-address=::").declared] == [None]
    assert [one.v6_only for one in read(MYSQL, "[mariadb]\nbind-address=::").declared] == [True]


@pytest.mark.parametrize(
    ("text", "wanted", "problems"),
    [
        ("", ["6379/tcp 0.0.0.0", "6379/tcp ::"], []),
        ("PORT 6380\nbind 127.0.0.1 -::1", ["6380/tcp 127.0.0.1 :1", "6380/tcp ::1 :1"], []),
        ("port 0\ntls-port 6390\nbind 127.0.0.1", ["6390/tcp 127.0.0.1 :2"], []),
        ("bind 127.0.0.1\ncluster-enabled yes\ncluster-port 7000", ["6379/tcp 127.0.0.1", "7000/tcp 127.0.0.1 :3"], []),
        ("bind 127.0.0.1\ncluster-enabled yes", ["6379/tcp 127.0.0.1", "16379/tcp 127.0.0.1 :2"], []),
        ('port "6380"\nbind "127.0.0.1"', ["6380/tcp 127.0.0.1 :1"], []),
        ("port 'x", ["6379/tcp 0.0.0.0", "6379/tcp ::"], [("syntax", 1)]),
        ("port\nbind 127.0.0.1", ["6379/tcp 127.0.0.1"], [("syntax", 1)]),
        ("port x", [], [("syntax", 1)]),
        ("include none\nbind", [], [("file.missing", 1)]),
    ],
)  # fmt: skip
def test_redis_listens(text, wanted, problems):
    desk = read(REDIS, text)
    assert (told(desk), faults(desk)) == (wanted, problems)


def test_sentinel_has_a_port_of_its_own():
    assert told(read(REDIS, "bind 127.0.0.1", "/etc/redis/sentinel.conf")) == ["26379/tcp 127.0.0.1"]


@pytest.mark.parametrize("kind", [NGINX, APACHE, LIGHTTPD, SSHD, POSTGRESQL, MYSQL, REDIS])
def test_a_file_that_may_not_be_read_is_told(kind):
    desk = read(kind, None)
    assert faults(desk)[0] == ("file.unreadable", None)
    assert desk.failed


def test_files_that_include_each_other_without_end_are_read_within_bounds():
    files = {f"/srv/shop/{name}": "Include /srv/shop/*\n" * 20 for name in "abcdefgh"}
    desk = read(APACHE, "Include a\n", more=files)
    assert {code for code, _ in faults(desk)} == {"too-many-files", "include-loop"}


def test_a_chain_of_includes_ends():
    files = {f"/srv/shop/{at}.conf": f"include {at + 1}.conf" for at in range(40)}
    assert ("include-deep", 1) in faults(read(REDIS, "include 0.conf", more=files))


def test_a_whole_range_of_ports_is_noted_and_no_more():
    desk = read(NGINX, server("listen 1-65535; listen 127.0.0.1:1-65535 bind;"))
    assert len(desk.declared) == 70_000
    assert ("too-many-ports", 1) in faults(desk)
