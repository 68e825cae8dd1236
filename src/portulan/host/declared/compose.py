"""Compose files of docker and podman: the ports that are published on this machine (the Compose specification: ports, interpolation, merge)."""

from __future__ import annotations

from collections.abc import Mapping

from portulan.errors import ParseError
from portulan.host.declared.desk import Desk, Server, folder_of
from portulan.host.declared.dotenv import parse_env
from portulan.host.declared.interpolate import Unset, interpolate
from portulan.host.declared.places import everywhere, parse_range
from portulan.host.declared.yaml_tree import Node, parse_yaml
from portulan.model.port import Transport
from portulan.model.record import Record

_STEMS = ("compose", "docker-compose", "podman-compose")
NAMES = tuple(f"{stem}.{ending}" for stem in _STEMS for ending in ("yaml", "yml"))
_OVERRIDES = tuple(f"{stem}.override.{ending}" for stem in _STEMS for ending in ("yaml", "yml"))
_TRANSPORTS = {"tcp": Transport.TCP, "udp": Transport.UDP, "sctp": Transport.SCTP}


class _Service(Record):
    """What files say of one service, the overrides' after the main one's."""

    ports: list[tuple[str, Node]]
    host_network: list[tuple[str, int]]
    profiles: list[bool]


def read_compose(path: str, server: Server, desk: Desk) -> None:
    """What `up` publishes from this file and, where it bears a usual name, from the override file beside it."""
    folder = folder_of(path)
    files = [path]
    if path.rpartition("/")[2] in NAMES:
        files += [f"{folder}/{name}" for name in _OVERRIDES if name in desk.files.names(folder)][:1]
    variables = {name: value for name, value, _ in parse_env(desk.read(f"{folder}/.env", optional=True) or "")}
    services: dict[str, _Service] = {}
    project = server.service
    for each in files:
        tree = _tree(each, desk)
        if tree is None:
            continue
        title = tree.get("name")
        if title is not None and title.text and "$" not in title.text:
            project = title.text
        _gather(each, tree, services, desk)
    for name, service in services.items():
        starts = False if any(service.profiles) else server.starts
        own = server._replace(service=f"{project}/{name}", starts=starts, privileged=True)
        for place, line in service.host_network:
            desk.problem("host-network", place, line, text=name)
        if not service.host_network:
            for place, node in service.ports:
                _publish(place, node, own, variables, desk)


def _tree(path: str, desk: Desk) -> Node | None:
    text = desk.read(path)
    if text is None:
        return None
    try:
        tree = parse_yaml(text)
    except ParseError as error:
        desk.failed += 1
        desk.problem("yaml.syntax", path, int(str(error.facts["line"])), reason=str(error.facts["reason"]))
        return None
    if tree is not None and tree.pairs is None:
        desk.problem("syntax", path, tree.line, expected="services:")
        return None
    return tree


def _gather(path: str, tree: Node, services: dict[str, _Service], desk: Desk) -> None:
    """One file's services; lists of ports of several files are put together."""
    include = tree.get("include")
    if include is not None:
        desk.problem("not-followed", path, include.line, text="include")
    whole = tree.get("services")
    if whole is None:
        return
    if whole.pairs is None and whole.text != "":
        desk.problem("syntax", path, whole.line, expected="services:")
    for name, node in whole.entries():
        service = services.setdefault(name, _Service([], [], []))
        extends = node.get("extends")
        if extends is not None:
            desk.problem("not-followed", path, extends.line, text="extends")
        mode, profiles, ports = node.get("network_mode"), node.get("profiles"), node.get("ports")
        if mode is not None and mode.text == "host":
            service.host_network.append((path, mode.line))
        if profiles is not None and profiles.items:
            service.profiles.append(True)
        if ports is not None:
            _add_ports(path, ports, service, desk)


def _add_ports(path: str, ports: Node, service: _Service, desk: Desk) -> None:
    """One list of ports; a tag may have it replace those of earlier files (the Compose specification, "Reset value", "Replace value")."""
    if ports.tag in ("!override", "!reset"):
        service.ports.clear()
    if ports.tag == "!reset":
        return
    if ports.items is None and ports.text != "":
        desk.problem("syntax", path, ports.line, expected="a list of ports")
    service.ports.extend((path, each) for each in ports.items or ())


def _publish(path: str, node: Node, server: Server, variables: Mapping[str, str], desk: Desk) -> None:
    """One entry of `ports`, short or long."""
    at = (path, node.line)
    try:
        if node.pairs is not None:
            fields = {key: interpolate(value.text or "", variables) for key, value in node.entries()}
            host, published, protocol = fields.get("host_ip", ""), fields.get("published", ""), fields.get("protocol", "tcp")
        elif node.text is not None:
            host, published, protocol = _short(interpolate(node.text, variables))
        else:
            desk.problem("syntax", *at, expected="HOST:CONTAINER")
            return
    except Unset as unset:
        desk.problem("variable", *at, text=unset.text)
        return
    except ValueError:
        desk.problem("syntax", *at, expected="HOST:CONTAINER")
        return
    if published in ("", "0"):
        return  # the engine takes any free port
    transport = _TRANSPORTS.get(protocol.lower())
    ports = parse_range(published)
    if transport is None or ports is None:
        desk.problem("syntax", *at, expected="HOST:CONTAINER[/tcp|udp]")
        return
    spots = everywhere(desk.around) if not host else desk.spots(host.strip("[]"), at)
    for port in ports:
        desk.declare(server, (path, node.line, node.column), spots, port, transport)


def _short(text: str) -> tuple[str, str, str]:
    """(address, published, protocol) of `[[IP:]HOST:]CONTAINER[/PROTOCOL]`. A range of the host for one port of the container is the engine's choice.

    Raises ValueError for anything else.
    """
    places, _, protocol = text.strip().partition("/")
    rest, colon, inside = places.rpartition(":")
    if parse_range(inside) is None:
        raise ValueError(text)
    if not colon:
        return "", "", protocol or "tcp"
    host, _, published = rest.rpartition(":")
    if not published:
        return host, "", protocol or "tcp"
    outer, inner = parse_range(published), parse_range(inside)
    if outer is None or inner is None:
        raise ValueError(text)
    if len(outer) != len(inner):
        if len(inner) != 1:
            raise ValueError(text)
        return host, "", protocol or "tcp"
    return host, published, protocol or "tcp"
