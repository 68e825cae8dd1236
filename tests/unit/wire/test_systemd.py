"""Addresses in .socket units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.model.port import Transport
from portulan.wire.systemd import parse_listen

TCP, UDP = Transport.TCP, Transport.UDP


def unit(*lines):
    return "[Unit]\nDescription=x\n\n[Socket]\n" + "\n".join(lines) + "\nAccept=no\n\n[Install]\nWantedBy=sockets.target\n"


@pytest.mark.parametrize(
    ("line", "listening"),
    [
        ("ListenStream=80", (TCP, None, 80)),
        ("ListenStream = 80 ", (TCP, None, 80)),
        ("  ListenStream=80", (TCP, None, 80)),
        ("ListenDatagram=53", (UDP, None, 53)),
        ("ListenStream=127.0.0.1:80", (TCP, "127.0.0.1", 80)),
        ("ListenStream=0.0.0.0:80", (TCP, "0.0.0.0", 80)),
        ("ListenStream=[::1]:631", (TCP, "::1", 631)),
        ("ListenStream=[::]:22", (TCP, "::", 22)),
        ("ListenDatagram=[fe80::1%eth0]:546", (UDP, "fe80::1%eth0", 546)),
        ("ListenStream=65535", (TCP, None, 65535)),
        ("ListenStream=00080", (TCP, None, 80)),
    ],
)
def test_internet_addresses(line, listening):
    assert parse_listen(unit(line)) == (listening,)


@pytest.mark.parametrize(
    "line",
    [
        "ListenStream=/run/cups/cups.sock",
        "ListenStream=/run/odd:80",
        "ListenStream=@abstract",
        "ListenStream=@abstract:80",
        "ListenStream=vsock::1234",
        "ListenStream=vsock:2:1234",
        "ListenStream=vsock-stream::22",
        "ListenSequentialPacket=80",
        "ListenFIFO=/run/fifo",
        "ListenNetlink=kobject-uevent 1",
        "ListenStream=0",
        "ListenStream=65536",
        "ListenStream=99999999999999999999",
        "ListenStream=" + "9" * 5000,
        "ListenStream=http",
        "ListenStream=127.0.0.1:http",
        "ListenStream=127.0.0.1:",
        "ListenStream=²",
        "ListenStream=٨٠",
        "ListenStream=-80",
        "ListenStream",
        "XListenStream=80",
        "# ListenStream=80",
        "; ListenStream=80",
        "  # ListenStream=80",
        "=80",
        "",
    ],
)
def test_what_is_no_internet_address_is_passed_over(line):
    assert parse_listen(unit(line, "ListenStream=81")) == ((TCP, None, 81),)


def test_only_the_socket_section_counts():
    text = "ListenStream=1\n[Unit]\nListenStream=2\n[Socket]\nListenStream=3\n[Install]\nListenStream=4\n[Socket]\nListenStream=5\n"
    assert parse_listen(text) == ((TCP, None, 3), (TCP, None, 5))


@pytest.mark.parametrize("line", ["[Socket", "Socket]", "[ Socket ]", "[socket]"])
def test_what_is_no_head_of_a_section_begins_none(line):
    assert parse_listen(f"{line}\nListenStream=1\n[Socket]\nListenStream=2\n") == ((TCP, None, 2),)


def test_several_addresses_in_their_order():
    assert parse_listen(unit("ListenStream=80", "ListenDatagram=80", "ListenStream=[::1]:81")) == (
        (TCP, None, 80),
        (UDP, None, 80),
        (TCP, "::1", 81),
    )


@pytest.mark.parametrize("empty", ["ListenStream=", "ListenDatagram=", "ListenSequentialPacket=", "ListenFIFO=", "ListenStream= "])
def test_an_empty_assignment_takes_all_back(empty):
    # systemd.socket(5): the list is one for all kinds of address.
    assert parse_listen(unit("ListenStream=80", "ListenDatagram=53", empty, "ListenStream=81")) == ((TCP, None, 81),)


def test_a_drop_in_adds_to_what_was_said_or_begins_anew():
    before = parse_listen(unit("ListenStream=80"))
    assert parse_listen(unit("ListenStream=81"), before) == ((TCP, None, 80), (TCP, None, 81))
    assert parse_listen(unit("ListenStream=", "ListenStream=81"), before) == ((TCP, None, 81),)
    assert parse_listen("", before) == before


def test_a_line_goes_on_after_a_backslash():
    assert parse_listen("[Socket]\nListenStream=\\\n  80\nListen\\\nDatagram=1\n") == ((TCP, None, 80),)


def test_comments_within_a_continued_line_are_left_out():
    assert parse_listen("[Socket]\nListenStream=\\\n# why 80\n; because\n 80\n") == ((TCP, None, 80),)


def test_a_comment_does_not_go_on():
    assert parse_listen("[Socket]\n# see below \\\nListenStream=80\n") == ((TCP, None, 80),)


def test_a_last_line_that_would_go_on_counts():
    assert parse_listen("[Socket]\nListenStream=80\\") == ((TCP, None, 80),)


@given(
    text=st.text(st.characters(exclude_categories=()))
    | st.lists(st.sampled_from(["[Socket]", "ListenStream=", "80", "\n", "\\\n", "[::1]:", "²", " ", "#", "0"])).map("".join)
)
def test_any_text_is_a_list_of_endpoints(text):
    for transport, address, port in parse_listen(text):
        assert transport in (TCP, UDP)
        assert address is None or isinstance(address, str)
        assert 0 < port < 65_536
