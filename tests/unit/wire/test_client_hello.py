"""The names that clients say in clear."""

import pytest

from first_payloads import client_hello, extension
from portulan.wire.client_hello import LONGEST, extensions_of, host_of, offered, server_name


def test_the_name_and_what_is_offered():
    hello = client_hello(b"shop.example.org", (b"h2", b"http/1.1"))
    assert server_name(hello) == "shop.example.org"
    assert offered(hello) == ("h2", "http/1.1")


@pytest.mark.parametrize("record", [1, 7, 60, 100])
def test_over_several_records(record):
    hello = client_hello(record=record)
    assert server_name(hello) == "www.example.org"
    assert offered(hello) == ("h2", "http/1.1")


def test_of_a_cut_hello_only_what_is_whole():
    hello = client_hello()
    names = {server_name(hello[:size]) for size in range(len(hello) + 1)}
    assert names == {None, "www.example.org"}
    whole = {offered(hello[:size]) for size in range(len(hello) + 1)}
    assert whole == {(), ("h2",), ("h2", "http/1.1")}


def test_behind_padding_and_without():
    assert server_name(client_hello(padding=900)) == "www.example.org"
    assert server_name(client_hello(name=None)) is None
    assert offered(client_hello(offers=())) == ()


def test_hostile_names_are_harmless_and_short():
    assert server_name(client_hello(b"a\x1b[2J\xe2\x80\xae")) == "a\\x1b[2J\\xe2\\x80\\xae"
    assert server_name(client_hello(b"x" * 5000)) == "x" * LONGEST
    assert server_name(client_hello(b"\0" * 300)) == ("\\x00" * LONGEST)[:LONGEST]
    assert server_name(client_hello(b"")) is None
    assert len(offered(client_hello(offers=(b"a",) * 60))) == 16


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x16",
        b"\x16\x03\x01\x00\x00" * 100,
        b"\x16\x03\x01\xff\xff" + b"\xff" * 70,
        b"\x16\x03\x01\x00\x30\x02" + bytes(47),
        extension(0, b""),
    ],
)
def test_what_is_no_hello(payload):
    assert server_name(payload) is None
    assert offered(payload) == ()
    assert list(extensions_of(payload)) == []


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (b"GET / HTTP/1.1\r\nAccept: */*\r\nhOsT:  web-01:8080 \r\n\r\n", "web-01:8080"),
        (b"GET / HTTP/1.1\r\nHost: web-0", None),
        (b"GET http://web-02/x HTTP/1.1\r\n\r\n", "web-02"),
        (b"CONNECT db-01:22 HTTP/1.1\r\n\r\n", "db-01:22"),
        (b"GET / HTTP/1.0\r\n\r\nHost: body", None),
        (b"GET / HTTP/1.1\r\nHost: a\x1b]0;x\x07\r\n\r\n", "a\\x1b]0;x\\x07"),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", None),
        (b"", None),
        (b"\r\n", None),
        (b"GET http:// HTTP/1.1\r\n\r\n", None),
    ],
)
def test_the_host_of_a_request(request_, name):
    assert host_of(request_) == name
