"""nginx: `listen` in http, stream and mail, with includes (nginx.org, "listen" of ngx_http_core_module, ngx_stream_core_module, ngx_mail_core_module)."""

from __future__ import annotations

from portulan.host.declared.desk import Desk, Server, folder_of
from portulan.host.declared.nginx_text import Closing, Directive, parse_nginx
from portulan.host.declared.places import ANY_4, ANY_6, Spot, parse_range, split_port
from portulan.model.declared import Declared
from portulan.model.port import Transport

_SETS_BIND = ("bind", "deferred", "reuseport")
_SETS_BIND_BY_VALUE = ("setfib=", "fastopen=", "backlog=", "rcvbuf=", "sndbuf=", "accept_filter=", "ipv6only=", "so_keepalive=")
_HOMES = ("http", "stream", "mail")


def read_nginx(path: str, server: Server, desk: Desk) -> None:
    """What nginx opens when started with `-c path`; a fragment of sites is read as if it stood within `http`."""
    reader = _Reader(path, server, desk)
    text = desk.enter(path)
    if text is None:
        return
    reader.file(path, text)
    desk.leave()
    reader.finish()


def _prefix(main: str) -> str:
    """Where relative includes begin: beside the main file; for a fragment of sites, in nginx's own folder above it."""
    above, found, _ = main.rpartition("/nginx/")
    return f"{above}/nginx" if found else folder_of(main)


class _Reader:
    """One configuration: the blocks it is in, and the sockets so far."""

    def __init__(self, main: str, server: Server, desk: Desk) -> None:
        self.base = _prefix(main)
        self.server = server
        self.desk = desk
        self.blocks: list[str] = []
        self.listens = [False]
        """For each open `server` block, whether it has a listen."""
        self.bound: list[tuple[Declared, bool]] = []
        """Sockets, and whether each is bound on its own."""
        self.seen: set[tuple[Transport, str | None, int]] = set()

    def file(self, path: str, text: str) -> None:
        """Walk through one file's directives."""
        depth = len(self.blocks)
        for item in parse_nginx(text):
            if isinstance(item, Closing):
                if item.expected is not None:
                    self.desk.problem("syntax", path, item.line, expected=item.expected)
                    break
                if len(self.blocks) > depth:
                    self.close(path)
                continue
            self.directive(path, item)
        del self.blocks[depth:]

    def directive(self, path: str, item: Directive) -> None:
        """One directive: a block is entered, an include followed, a listen noted."""
        name, words = item.words[0], item.words[1:]
        if item.block:
            self.blocks.append(f"server {item.line}" if name == "server" and not words else name)
            if self.blocks[-1].startswith("server "):
                self.listens.append(False)
        elif name == "include" and len(words) == 1:
            self.include(path, item.line, words[0])
        elif name == "listen" and self.blocks and self.blocks[-1].startswith("server "):
            self.listens[-1] = True
            if words:
                self.listen(path, item, words)
            else:
                self.desk.problem("syntax", path, item.line, expected="listen ADDRESS:PORT;")

    def close(self, path: str) -> None:
        """A block ends; an http server without listen has nginx's own."""
        block = self.blocks.pop()
        if block.startswith("server ") and not self.listens.pop() and self.home() == "http":
            self.add(path, int(block[7:]), None, (Spot(ANY_4),), range(80, 81))

    def home(self) -> str:
        """`http`, `stream` or `mail`. A file of sites alone begins with `server`."""
        return next((block for block in self.blocks if block in _HOMES), "http")

    def include(self, path: str, line: int, pattern: str) -> None:
        """Follow an include where it stands."""
        if "$" in pattern:
            self.desk.problem("variable", path, line, text=pattern)
            return
        for each in self.desk.matches(self.base, pattern, asked_by=(path, line)):
            text = self.desk.enter(each, asked_by=(path, line))
            if text is not None:
                self.file(each, text)
                self.desk.leave()

    def listen(self, path: str, item: Directive, words: list[str]) -> None:
        """One listen directive."""
        where, options = words[0], words[1:]
        if where.startswith("unix:"):
            return
        if any("$" in word for word in words):
            self.desk.problem("variable", path, item.line, text=" ".join(words))
            return
        host, port = split_port(where)
        ports: range | None = range(80, 81)
        if port is not None:
            ports = parse_range(port)
        elif host is not None and (several := parse_range(host)):
            host, ports = None, several
        elif self.home() != "http":
            ports = None
        if ports is None:
            self.desk.problem("syntax", path, item.line, expected="listen ADDRESS:PORT;")
            return
        spots = (Spot(ANY_4),) if host in (None, "*") else self.desk.spots(host, (path, item.line), v6_only="ipv6only=off" not in options)
        self.add(path, item.line, item.column, spots, ports, options)

    def add(
        self, path: str, line: int, column: int | None, spots: tuple[Spot, ...], ports: range, options: list[str] | None = None
    ) -> None:
        """Note sockets; those of the same address and port in other server blocks are the same socket."""
        options = options or []
        transport = Transport.UDP if {"udp", "quic"} & set(options) else Transport.TCP
        own = any(option in _SETS_BIND or option.startswith(_SETS_BIND_BY_VALUE) for option in options)
        for port in ports:
            for spot in spots:
                key = (transport, spot.address, port)
                begin = len(self.desk.declared)
                if key in self.seen:
                    continue
                self.seen.add(key)
                self.desk.declare(self.server, (path, line, column), (spot,), port, transport, reuse_port="reuseport" in options)
                self.bound += [(one, own) for one in self.desk.declared[begin:]]

    def finish(self) -> None:
        """A specific address beside the wildcard of its family gets no socket of its own, unless an option asks for one (ngx_http_init_listening)."""
        wide = {(one.transport, one.port, one.address) for one, _ in self.bound if one.address in (ANY_4, ANY_6)}
        gone = {
            id(one)
            for one, own in self.bound
            if not own
            and one.address not in (ANY_4, ANY_6)
            and (one.transport, one.port, ANY_6 if ":" in (one.address or "") else ANY_4) in wide
        }
        if gone:
            self.desk.declared[:] = [one for one in self.desk.declared if id(one) not in gone]
