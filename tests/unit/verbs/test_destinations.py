import pytest

from portulan.errors import BadInput, PortulanError
from portulan.model.path import Kind
from portulan.verbs.destinations import parse_destination


@pytest.mark.parametrize(
    ("text", "address", "port", "kind"),
    [
        ("127.0.0.1:443", "127.0.0.1", 443, Kind.TCP), ("127.0.0.1:53/udp", "127.0.0.1", 53, Kind.UDP), ("[::1]:22/TCP", "::1", 22, Kind.TCP),
        ("127.0.0.1:https", "127.0.0.1", 443, Kind.TCP), ("127.0.0.1:ntp/udp", "127.0.0.1", 123, Kind.UDP), (" 127.0.0.1:80 ", "127.0.0.1", 80, Kind.TCP),
    ],
)  # fmt: skip
def test_a_port_of_a_host(text, address, port, kind):
    target = parse_destination(text)
    assert (target.address, target.port, target.kind) == (address, port, kind)
    assert target.version == (6 if ":" in address else 4)
    assert target.name == f"{port}/{kind.value}"


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "[::1]", "127.0.0.1:80"])
def test_echoes_need_a_host_only(text):
    target = parse_destination(text, icmp=True)
    assert (target.kind, target.port, target.name) == (Kind.ICMP, None, "icmp")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("127.0.0.1", "path.destination"), ("127.0.0.1:", "path.destination"), (":80", "path.destination"), ("", "path.destination"), ("[::1", "path.destination"),
        ("[]:80", "path.destination"), ("[::1]80", "path.destination"), ("-x:80", "path.destination"), ("::1:80", "path.brackets"), ("127.0.0.1:0", "path.port-zero"),
        ("127.0.0.1:65536", "port.out-of-range"), ("127.0.0.1:80/sctp", "path.transport"), ("127.0.0.1:nosuchservice", "service.unknown"),
        ("127.0.0.1:x11", "path.several-ports"), ("no host:80", "name.unknown"), ("a..b:80", "name.unknown"), ("127.0.0.1:80x", "port.not-a-number"),
    ],
)  # fmt: skip
def test_what_is_no_port_of_a_host(text, code):
    with pytest.raises(PortulanError) as raised:
        parse_destination(text)
    assert raised.value.code in (code, "name.no-answer") if code == "name.unknown" else raised.value.code == code


def test_tls_is_spoken_on_tcp_only():
    with pytest.raises(BadInput) as raised:
        parse_destination("127.0.0.1:53/udp", tls=True)
    assert raised.value.code == "path.tls"


def test_an_address_of_the_other_version_is_refused():
    with pytest.raises(BadInput) as raised:
        parse_destination("127.0.0.1:80", version=6)
    assert raised.value.code == "name.no-version"
