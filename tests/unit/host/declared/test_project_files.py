"""Compose files, .env, Procfile and package.json: what each form of a line declares, and what is left unsaid."""

import json

import pytest

from declared_files import faults, read, read_all, told
from portulan.host.declared.interpolate import Unset, interpolate
from portulan.host.declared.kinds import kind_of
from portulan.host.declared.programs import find_ports, split_commands
from portulan.model.declared import Claim, Kind

COMPOSE, ENV, PROCFILE, PACKAGE = Kind.COMPOSE, Kind.ENV, Kind.PROCFILE, Kind.PACKAGE


def compose(*ports, **more):
    lines = "\n".join(f"      - {port}" for port in ports)
    return read(COMPOSE, f"services:\n  web:\n    ports:\n{lines}\n", **more)


@pytest.mark.parametrize(
    ("port", "wanted"),
    [
        ("8080:80", ["8080/tcp 0.0.0.0 :4", "8080/tcp :: :4"]),
        ('"8080:80/udp"', ["8080/udp 0.0.0.0 :4", "8080/udp :: :4"]),
        ("127.0.0.1:8080:80", ["8080/tcp 127.0.0.1 :4"]),
        ('"[::1]:8080:80"', ["8080/tcp ::1 :4"]),
        ("22:22", ["22/tcp 0.0.0.0 :4", "22/tcp :: :4"]),
        ("127.0.0.1:8000-8001:80-81", ["8000/tcp 127.0.0.1 :4", "8001/tcp 127.0.0.1 :4"]),
        ("80", []),
        ("127.0.0.1::80", []),
        ("8000-8010:80", []),
        ("127.0.0.1:${PORT:-8080}:80", ["8080/tcp 127.0.0.1 :4"]),
        ("{target: 80, published: 8080, host_ip: 127.0.0.1, protocol: udp}", ["8080/udp 127.0.0.1 :4"]),
        ("{target: 80}", []),
        ("{target: 80, published: '8080-8081', host_ip: 127.0.0.1}", ["8080/tcp 127.0.0.1 :4", "8081/tcp 127.0.0.1 :4"]),
    ],
)
def test_compose_publishes(port, wanted):
    desk = compose(port)
    assert (told(desk), desk.problems) == (wanted, [])


@pytest.mark.parametrize(
    ("port", "wanted"),
    [
        ("${PORT}:80", ("variable", 4)),
        ("${PORT:?say it}:80", ("variable", 4)),
        ("8080:80/smoke", ("syntax", 4)),
        ("x:80", ("syntax", 4)),
        ("8000-8002:80-81", ("syntax", 4)),
        ("host:8080:80", ("address", 4)),
        ("[1, 2]", ("syntax", 4)),
        ("99999:80", ("syntax", 4)),
    ],
)
def test_compose_that_is_not_understood_is_told(port, wanted):
    desk = compose(port)
    assert (told(desk), faults(desk)) == ([], [wanted])


def test_compose_takes_variables_from_the_env_file_beside():
    desk = compose("127.0.0.1:${WEB_PORT}:80", more={"/srv/shop/.env": "WEB_PORT=8088\n"})
    assert told(desk) == ["8088/tcp 127.0.0.1 :4"]


def test_compose_overrides_add_and_replace():
    base = "services:\n  web:\n    ports: ['127.0.0.1:1:1']\n  db:\n    ports: ['127.0.0.1:2:2']\n  x:\n    ports: ['127.0.0.1:3:3']\n"
    over = "services:\n  web:\n    ports: ['127.0.0.1:4:4']\n  db:\n    ports: !override ['127.0.0.1:5:5']\n  x:\n    ports: !reset []\n"
    desk = read(COMPOSE, base, more={"/srv/shop/compose.override.yaml": over})
    assert sorted(told(desk)) == ["1/tcp 127.0.0.1 :3", "4/tcp 127.0.0.1 :3", "5/tcp 127.0.0.1 :5"]


def test_compose_names_services_and_knows_profiles():
    text = "name: store\nservices:\n  web:\n    profiles: [debug]\n    ports: ['127.0.0.1:1:1']\n"
    (one,) = read(COMPOSE, text).declared
    assert (one.service, one.starts, one.line, one.column) == ("store/web", False, 5, 13)


def test_compose_merges_anchors():
    text = "x: &x\n  ports: ['127.0.0.1:1:1']\nservices:\n  a:\n    <<: *x\n  b:\n    <<: [*x]\n"
    assert [one.service for one in read(COMPOSE, text).declared] == ["shop/a", "shop/b"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("services: [", [("yaml.syntax", 1)]),
        ("a: b: c", [("yaml.syntax", 1)]),
        ("- a", [("syntax", 1)]),
        ("services: 7", [("syntax", 1)]),
        ("include: [other.yaml]\nservices:\n", [("not-followed", 1)]),
        ("services:\n  a:\n    extends: {file: x}\n", [("not-followed", 3)]),
        ("services:\n  a:\n    network_mode: host\n    ports: ['80:80']\n", [("host-network", 3)]),
        ("services:\n  a:\n    ports: 80\n", [("syntax", 3)]),
        ("", []),
        ("[" * 100, [("yaml.syntax", 1)]),
        ("a: &a [*a]\nservices: {x: {ports: *a}}", [("syntax", 1)]),
        ("services: {x: {<<: &x {<<: *x}}}", []),
        ("a: \x00", [("yaml.syntax", 1)]),
    ],
)
def test_compose_files_that_are_none(text, wanted):
    desk = read(COMPOSE, text)
    assert (told(desk), faults(desk)) == ([], wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a$$b", "a$b"), ("$A", "1"), ("${A}", "1"), ("${B:-2}", "2"), ("${E-2}", ""), ("${E:-2}", "2"), ("${A:+3}", "3"), ("${B+3}", ""),
        ("${A?no}", "1"), ("${B:-${C:-4}}", "4"), ("${B:-${A}}-", "1-"),
    ],
)  # fmt: skip
def test_interpolation(text, wanted):
    assert interpolate(text, {"A": "1", "E": ""}) == wanted


@pytest.mark.parametrize(
    "text", ["$B", "${B}", "${B?}", "${E:?x}", "${", "$", "${A", "${A!}", "$1", "${B:-${B:-${B}}}", "${B:-" * 20 + "}" * 20]
)
def test_what_no_file_sets_is_not_guessed(text):
    with pytest.raises(Unset):
        interpolate(text, {"A": "1", "E": ""})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("PORT=3000", [(3000, Claim.LISTENS, 1)]),
        ("export PORT = '3000' # x", [(3000, Claim.LISTENS, 1)]),
        ('# PORT=1\nDB_PORT="5432"', [(5432, Claim.MENTIONS, 2)]),
        ("PORT=3000\nPORT=3001 # now", [(3001, Claim.LISTENS, 2)]),
        ("BASE=3000\nPORT=${BASE}\nX_PORT=$BASE", [(3000, Claim.LISTENS, 2), (3000, Claim.MENTIONS, 3)]),
        ("PORTS=1\nSUPPORT=2\nport=3\nPORT=\nPORT_X=4", []),
    ],
)
def test_env(text, wanted):
    desk = read(ENV, text)
    assert [(one.port, one.claim, one.line) for one in desk.declared] == wanted
    assert (desk.problems, {one.address for one in desk.declared} - {None}) == ([], set())


def test_env_that_is_not_understood_is_told():
    assert faults(read(ENV, "PORT=$X\nA_PORT=web\nB_PORT=99999")) == [("variable", 1), ("syntax", 2), ("syntax", 3)]


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("PORT=3000 node server.js", [(None, 3000)]),
        ("cross-env PORT=3000 NODE_ENV=x node .", [(None, 3000)]),
        ("next dev -p 3001", [(None, 3001)]),
        ("next build -p 3001", []),
        ("PORT=1 next dev --port=3001 -H 127.0.0.1", [("127.0.0.1", 3001)]),
        ("npx vite --port 5173", [("localhost", 5173)]),
        ("vite --host --port 5173", [(None, 5173)]),
        ("uvicorn app:app --port 8000", [("127.0.0.1", 8000)]),
        ("gunicorn -w 4 -b :8000 -b 127.0.0.1:8001 app", [("0.0.0.0", 8000), ("127.0.0.1", 8001)]),
        ("gunicorn --bind unix:/run/x app", []),
        ("python3 -m http.server 8000 --bind 127.0.0.1", [("127.0.0.1", 8000)]),
        ("python manage.py runserver 0.0.0.0:8000", [("0.0.0.0", 8000)]),
        ("python manage.py migrate", []),
        ("php -S localhost:8000 -t x", [("localhost", 8000)]),
        ("bundle exec puma -b tcp://0.0.0.0:9292", [("0.0.0.0", 9292)]),
        ("poetry run flask run -p 5001", [("127.0.0.1", 5001)]),
        ("redis-server --port 6380", [(None, 6380)]),
        ("uvicorn app --port $PORT", [("127.0.0.1", None)]),
        ("uvicorn app --port ${PORT:-8000}", [("127.0.0.1", 8000)]),
        ("PORT=81 && node . ; next dev -p82 | cat", [(None, 81), (None, 82)]),
        ("ssh -p 22 host", []),
        ("mysql --port 3306", []),
        ("node server.js --port 3000", []),
        ("echo 'unclosed", []),
        ("", []),
    ],
)
def test_commands(command, wanted):
    found = [each for words in split_commands(command) for each in find_ports(words, {})]
    assert [(each.host, each.port) for each in found] == wanted


def test_procfile():
    desk = read(PROCFILE, "# x\nweb: uvicorn a --port 8000\nworker: celery\napi: uvicorn a --port $PORT\nbad line\n")
    assert told(desk) == ["8000/tcp 127.0.0.1 :2"]
    assert (faults(desk), desk.declared[0].service) == ([("variable", 4), ("syntax", 5)], "shop/web")


def test_package_scripts():
    whole = {
        "name": "x",
        "config": {"scripts": {"no": "PORT=1 x"}},
        "list": ["a", {"b": "c"}],
        "scripts": {"build": "tsc", "dev": "PORT=3000 node .", "b\"'": "next dev -p 3001"},
    }
    desk = read(PACKAGE, json.dumps(whole, indent=2))
    lines = json.dumps(whole, indent=2).split("\n")
    assert [(one.port, "PORT=3000" in lines[one.line - 1] or "3001" in lines[one.line - 1]) for one in desk.declared] == [
        (3000, True),
        (3001, True),
    ]


@pytest.mark.parametrize("text", ["{", '{"scripts": }', "[" * 100_000])
def test_package_that_is_no_json(text):
    assert faults(read(PACKAGE, text))[0][0] == "json.syntax"


@pytest.mark.parametrize("text", ["[]", "1", '{"scripts": []}', '{"scripts": {"a": 1}}', "{}"])
def test_package_without_scripts(text):
    desk = read(PACKAGE, text)
    assert (desk.declared, desk.problems) == ([], [])


@pytest.mark.parametrize(
    ("path", "named", "kind"),
    [
        ("/x/nginx.conf", False, Kind.NGINX), ("/etc/nginx/sites-available/a", False, Kind.NGINX), ("/etc/nginx/mime.types", False, None),
        ("/x/compose.yaml", False, COMPOSE), ("/x/docker-compose.prod.yml", False, None), ("/x/docker-compose.prod.yml", True, COMPOSE),
        ("/x/.env", False, ENV), ("/x/.env.local", False, ENV), ("/x/.env.example", False, None), ("/x/a.socket", False, Kind.SYSTEMD),
        ("/x/my-redis.txt", True, Kind.REDIS), ("/x/my-redis.txt", False, None), ("/x/what.txt", True, None), ("/x/other.cnf", True, Kind.MYSQL),
        ("/etc/redis/cache.conf", False, Kind.REDIS), ("/x/Procfile", False, PROCFILE), ("/etc/ssh/sshd_config.d/a.conf", True, Kind.SSHD),
    ],
)  # fmt: skip
def test_whose_file_it_is(path, named, kind):
    assert kind_of(path, named=named) is kind


def test_a_folder_is_read_main_files_first_and_no_file_twice():
    files = {
        "/p/nginx/conf.d/a.conf": "server { listen 81; }", "/p/nginx/nginx.conf": "http { include conf.d/*.conf; }",
        "/p/nginx/sites-available/off": "server { listen 82; }", "/p/my.cnf": "!includedir /p/conf.d\n", "/p/conf.d/x.cnf": "[mysqld]\nbind-address=127.0.0.1\n",
        "/p/.env": "PORT=3000", "/p/x.socket": "[Socket]\nListenStream=127.0.0.1:90\n",
    }  # fmt: skip
    desk = read_all(files)
    assert sorted(told(desk)) == ["3000/tcp ? :1", "3306/tcp 127.0.0.1 :2", "81/tcp 0.0.0.0 :1", "82/tcp 0.0.0.0 :1", "90/tcp 127.0.0.1 :2"]
    assert {one.port: one.starts for one in desk.declared}[82] is False
    assert len(desk.opened) == len(files)
