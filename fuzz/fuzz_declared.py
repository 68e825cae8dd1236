"""Fuzz the files that declare ports: the first byte says whose file it is, NUL bytes part it into files that include each other."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """Whatever the files say: ports that are, lines that are there, problems that have a sentence, and what collides of it."""
    from declared_files import desk_of  # type: ignore[import-not-found, unused-ignore]
    from portulan.host.collisions import Surroundings, find_collisions
    from portulan.host.declared.reading import read_file
    from portulan.host.declared.systemd import Units, read_units
    from portulan.model.declared import Kind
    from portulan.text.conflicts import PROBLEMS, problem_sentence
    from portulan.text.voice import Voice

    kinds, voice = tuple(Kind), Voice()

    def target(data: bytes) -> None:
        kind = kinds[data[0] % len(kinds)] if data else Kind.NGINX
        main, *others = data[1:].decode("utf-8", "replace").split("\0")
        name = f"/etc/x/{kind}" if kind is not Kind.SYSTEMD else "/etc/x/a@1.socket"
        files = {name: main, **{f"/etc/x/{letter}": text for letter, text in zip("abcdefgh", others, strict=False)}}
        desk = desk_of(files, names={"web": ("192.0.2.1", "2001:db8::1")}, most_files=64)
        if kind is Kind.SYSTEMD:
            files["/etc/x/b.service"] = main
            read_units(Units(("/etc/x",), desk), desk)
        else:
            read_file(kind, name, desk)
        for one in desk.declared:
            assert 0 < one.port < 65_536
            assert one.line is None or 1 <= one.line <= files[one.path].count("\n") + 2
        for problem in desk.problems:
            assert problem.code in PROBLEMS
            assert "{" not in problem_sentence(voice, problem._replace(facts=dict.fromkeys(problem.facts, "x")))
        find_collisions(desk.declared[:200], (), Surroundings(ephemeral=(32768, 60999)))

    return target


def seeds() -> list[bytes]:
    """Files as they are written, in the order of the kinds."""
    texts = [
        b'[Socket]\nListenStream=80\nListenDatagram=[::1]:%i\n# no\nBindIPv6Only=both\n[Service]\nEnvironment=PORT=80 "A_PORT=81"\nExecStart=-uvicorn a --port $PORT\n',
        b"http { include a; server { listen 80; listen [::]:81 ipv6only=off reuseport; } }\nstream { server { listen 53 udp; } }\0server { listen 8000-8010; # x\n }",
        b"Define P 80\nListen ${P}\n<IfModule so_module>\nListen [::1]:81 \\\nhttps\n</IfModule>\nIncludeOptional *\0Listen 82\n",
        b'server.port = 80\nvar.a = "81"\n$SERVER["socket"] == "[::1]:" + a { ssl.engine = "enable" }\ninclude "a"\0server.bind = "127.0.0.1"\n',
        b"Port 22\nListenAddress [::1]:23\nInclude a\nMatch User x\n\0Port 24\n",
        b"port = 5432 # x\nlisten_addresses = '*, ::1'\ninclude 'a'\ndata_directory='/etc/x'\0port '5433'\n",
        b"[mysqld]\nport=3306\nbind-address = ::\n!include a\nmysqlx-port=1\0[mariadb]\nextra_port = 2\n",
        b"port 6379\nbind * -::*\ntls-port 6380\ncluster-enabled yes\ninclude a\0bind ::1\n",
        b"name: x\nservices:\n  a: &a\n    ports: ['${P:-80}:80/udp', 8000-8001:1-2, {published: 81, target: 1}]\n  b:\n    <<: *a\n    profiles: [x]\n",
        b"web: PORT=80 node .\napi: gunicorn -b :${P:-81} x && next dev -p 82\n",
        b"export PORT=80 # x\nA_PORT='81'\nB_PORT=$PORT\n",
        b'{"scripts": {"dev": "PORT=3000 vite --port 3001", "x": "a\\"b"}, "a": [{"scripts": {}}]}',
    ]
    return [bytes([at]) + text for at, text in enumerate(texts)]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [
                b"listen ", b"include ", b"Include ", b"include *;", b"\0", b"{", b"}", b";", b"\\\n", b'"', b"'", b"#", b"${", b":-", b"$", b"*", b"&a ", b"<<: *a", b"[::]:", b"65535",
                b"0-65535", b"1-65535", "²".encode(), b"9" * 4400, b"content_by_lua_block {", b"<IfModule x>\n", b"</IfModule>\n", b"[mysqld]\n", b"!includedir /etc/x\n", b"- ", b"  ",
                b"ports:\n", b"%i", b"ListenStream=", b"/etc/x/a", b"--port ", b'"scripts": {',
            ],
        )
    )  # fmt: skip
