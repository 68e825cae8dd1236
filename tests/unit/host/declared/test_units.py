"""systemd units: what sockets listen on, what services are told, drop-ins, templates, links, and what starts by itself."""

import pytest

from declared_files import desk_of, faults, told
from portulan.host.declared.reading import read_machine
from portulan.host.declared.systemd import Units, read_units
from portulan.host.declared.unit_file import Entry, expand_specifiers, parse_unit, split_words
from portulan.model.declared import Claim

ETC, LIB = "/etc/systemd/system", "/lib/systemd/system"


def units(files, **how):
    desk = desk_of(files, **how)
    read_units(Units((ETC, LIB), desk), desk)
    return desk


def socket(text, **more):
    return units({f"{LIB}/a.socket": f"[Socket]\n{text}\n", **more})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ListenStream=80", ["80/tcp :: :2"]),
        ("ListenStream=0.0.0.0:80", ["80/tcp 0.0.0.0 :2"]),
        ("ListenDatagram=[::1]:53", ["53/udp ::1 :2"]),
        ("ListenStream=[fe80::1]:80%%eth0", ["80/tcp fe80::1 :2"]),
        ("ListenStream=/run/x\nListenStream=@x\nListenStream=vsock::1\nListenFIFO=/x", []),
        ("ListenStream=80\nListenStream=\nListenStream=81", ["81/tcp :: :4"]),
        ("ListenStream=80\nListenFIFO=\n", []),
        ("# ListenStream=80\nListenStream=\\\n# no\n81", ["81/tcp :: :3"]),
        ("[Install]\nListenStream=80", []),
    ],
)
def test_sockets(text, wanted):
    desk = socket(text)
    assert (told(desk), desk.problems) == (wanted, [])


@pytest.mark.parametrize(
    "text",
    ["ListenStream=x", "ListenStream=::1:80", "ListenStream=0", "ListenStream=host:80", "ListenStream=70000", "what", "=x\nListenStream"],
)
def test_sockets_that_are_not_understood_are_told(text):
    desk = socket(text)
    assert told(desk) == []
    assert desk.problems


def test_an_unknown_specifier_is_not_guessed():
    assert faults(socket("ListenStream=%H:80")) == [("variable", 2)]


@pytest.mark.parametrize(
    ("word", "system", "wanted"), [("both", True, False), ("ipv6-only", False, True), ("default", True, True), ("default", False, False)]
)
def test_ipv6_only(word, system, wanted):
    from declared_files import Shelf
    from portulan.host.declared.desk import Desk
    from portulan.host.declared.places import Around

    desk = Desk(
        Shelf({f"{LIB}/a.socket": f"[Socket]\nListenStream=80\nBindIPv6Only={word}\nReusePort=yes\nBindToDevice=lo\n"}),
        Around(v6_only=system),
    )
    read_units(Units((LIB,), desk), desk)
    (one,) = desk.declared
    assert (one.v6_only, one.reuse_port, one.device, one.units) == (wanted, True, "lo", ("a.socket", "a.service"))


def test_what_comes_first_hides_what_is_further_down_and_drop_ins_change_both():
    files = {
        f"{ETC}/a.socket": "[Socket]\nListenStream=81\n", f"{LIB}/a.socket": "[Socket]\nListenStream=82\n",
        f"{LIB}/a.socket.d/10.conf": "[Socket]\nListenStream=\nListenStream=83\n", f"{ETC}/a.socket.d/20.conf": "[Socket]\nListenStream=84\n",
        f"{LIB}/a.socket.d/20.conf": "[Socket]\nListenStream=85\n", f"{LIB}/a.socket.d/no.txt": "[Socket]\nListenStream=86\n",
    }  # fmt: skip
    desk = units(files)
    assert told(desk) == ["83/tcp :: :3", "84/tcp :: :2"]
    assert [one.path for one in desk.declared] == [f"{LIB}/a.socket.d/10.conf", f"{ETC}/a.socket.d/20.conf"]


def test_masked_units_and_second_names_declare_nothing():
    files = {f"{LIB}/a.socket": "[Socket]\nListenStream=81\n", f"{LIB}/b.socket": "[Socket]\nListenStream=82\n"}
    desk = units(files, links={f"{ETC}/a.socket": "/dev/null", f"{ETC}/c.socket": f"{LIB}/b.socket"})
    assert [(one.service, one.port) for one in desk.declared] == [("b.socket", 82)]


def test_templates_listen_as_their_instances():
    files = {
        f"{LIB}/a@.socket": "[Socket]\nListenStream=127.0.0.1:%i\n[Install]\nWantedBy=x\n",
        f"{LIB}/a@.socket.d/x.conf": "[Socket]\nReusePort=true\n",
    }
    desk = units(files, links={f"{ETC}/sockets.target.wants/a@8081.socket": f"{LIB}/a@.socket"})
    (one,) = desk.declared
    assert (one.service, one.port, one.starts, one.reuse_port) == ("a@8081.socket", 8081, True, True)


@pytest.mark.parametrize(
    ("text", "links", "starts"),
    [
        ("[Install]\nWantedBy=sockets.target\n", {}, False),
        ("[Install]\nWantedBy=sockets.target\n", {f"{ETC}/sockets.target.wants/a.socket": f"{LIB}/a.socket"}, True),
        ("", {}, None),
    ],
)
def test_what_starts_by_itself(text, links, starts):
    desk = units({f"{LIB}/a.socket": f"[Socket]\nListenStream=80\n{text}"}, links=links)
    assert [one.starts for one in desk.declared] == [starts]


def service(text, **more):
    return units({f"{LIB}/a.service": f"[Service]\n{text}\n", **more})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('Environment=PORT=3000 "DB_PORT=5432" X=1', [(3000, None, Claim.LISTENS), (5432, None, Claim.MENTIONS)]),
        ("Environment=PORT=3000\nEnvironment=", []),
        ("EnvironmentFile=-/etc/default/a\nEnvironmentFile=-/none", [(3001, None, Claim.LISTENS)]),
        ("ExecStart=/usr/bin/uvicorn app --host 0.0.0.0 --port ${WEB}\nEnvironment=WEB=8000", [(8000, "0.0.0.0", Claim.LISTENS)]),
        (
            "ExecStart=-/usr/bin/uvicorn app --port 1\nExecStart=\nExecStart=@/usr/bin/gunicorn -b 127.0.0.1:2 x",
            [(2, "127.0.0.1", Claim.LISTENS)],
        ),
        ("Environment=PORT=8000\nExecStart=uvicorn a --port $PORT", [(8000, "127.0.0.1", Claim.LISTENS)]),
        ("ExecStart=/usr/bin/tool --port 80", []),
    ],
)
def test_services_are_told_ports(text, wanted):
    desk = service(text, **{"/etc/default/a": "PORT=3001\n"})
    assert [(one.port, one.address, one.claim) for one in desk.declared] == wanted
    assert desk.problems == []


def test_services_whose_port_is_known_only_when_they_run():
    assert faults(service("ExecStart=uvicorn a --port $PORT")) == [("variable", 2)]


@pytest.mark.parametrize(
    ("text", "user", "privileged"),
    [
        ("", None, True), ("User=root", "root", True), ("User=www", "www", False), ("User=www\nUser=", None, True), ("DynamicUser=yes", "a dynamic user", False),
        ("User=www\nAmbientCapabilities=CAP_NET_BIND_SERVICE CAP_CHOWN", "www", True), ("User=www\nAmbientCapabilities=CAP_CHOWN", "www", False),
        ("User=www\nAmbientCapabilities=CAP_NET_BIND_SERVICE\nAmbientCapabilities=", "www", False),
    ],
)  # fmt: skip
def test_who_a_service_runs_as(text, user, privileged):
    (one,) = service(f"Environment=PORT=80\n{text}").declared
    assert (one.user, one.privileged) == (user, privileged)


def test_the_machine_tells_which_servers_start():
    files = {
        "/etc/nginx/nginx.conf": "http { server { listen 80; } }", "/etc/redis/redis.conf": "bind 127.0.0.1", "/etc/redis/cache.conf": "bind 127.0.0.1\nport 6380",
        f"{LIB}/nginx.service": "[Install]\nWantedBy=multi-user.target\n", f"{LIB}/redis-server.service": "[Service]\nUser=redis\n[Install]\nWantedBy=x\n",
        "/etc/postgresql/15/main/postgresql.conf": "", f"{LIB}/postgresql.service": "[Install]\nWantedBy=x\n",
        "/etc/mysql/mariadb.cnf": "[mysqld]\nbind-address=127.0.0.1\n",
    }  # fmt: skip
    links = {
        f"{ETC}/multi-user.target.wants/nginx.service": f"{LIB}/nginx.service",
        f"{ETC}/x.wants/postgresql.service": f"{LIB}/postgresql.service",
        "/etc/mysql/my.cnf": "/etc/mysql/mariadb.cnf",
    }
    desk = desk_of(files, links=links)
    read_machine(desk, (ETC, LIB))
    facts = {(one.port, one.main): (one.starts, one.user, one.units[:1]) for one in desk.declared}
    assert facts == {
        (80, "/etc/nginx/nginx.conf"): (True, None, ("nginx.service",)),
        (6379, "/etc/redis/redis.conf"): (False, "redis", ("redis-server.service",)),
        (6380, "/etc/redis/cache.conf"): (None, None, ("redis-cache.service",)),
        (5432, "/etc/postgresql/15/main/postgresql.conf"): (True, "postgres", ("postgresql@15-main.service",)),
        (3306, "/etc/mysql/my.cnf"): (None, None, ("mariadb.service",)),
    }


def test_unit_text():
    assert list(parse_unit("[A]\nb=c\\\n; no\n d\n", "/x")) == [Entry("A", "b", "c d", "/x", 2)]
    assert split_words('a "b c" \'d\' e\\ f ""') == ["a", "b c", "d", "e f", ""]
    assert expand_specifiers("%p-%i-%n-%%-%N", "a@b.socket") == "a-b-a@b.socket-%-a@b"
    assert expand_specifiers("%", "a.socket") == "%"
    assert expand_specifiers("%z", "a.socket") is None
