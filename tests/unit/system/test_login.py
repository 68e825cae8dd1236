"""SSH_CONNECTION, as sshd writes it and as others might."""

import pytest

from portulan.model.guard_life import Peer
from portulan.system.linux.login import digest, parse_peer, tuple_of


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"198.51.100.4 50000 192.0.2.1 22", Peer("198.51.100.4", 50000, "192.0.2.1", 22)),
        (b"fe80::1%eth0 50000 fe80::2%eth0 22", Peer("fe80::1", 50000, "fe80::2", 22)),
        (b"", None),
        (b"198.51.100.4 50000 22", None),
        (b"host 50000 192.0.2.1 22", None),
        (b"198.51.100.4 x 192.0.2.1 22", None),
        (b"\xff\xfe 1 2 3", None),
    ],
)
def test_the_login_is_read(text, wanted):
    assert parse_peer(text) == wanted


def test_an_ipv4_address_in_an_ipv6_one_is_the_same_connection():
    plain, mapped = parse_peer(b"198.51.100.4 5 192.0.2.1 22"), parse_peer(b"::ffff:198.51.100.4 5 ::ffff:192.0.2.1 22")
    assert plain is not None
    assert mapped is not None
    assert tuple_of(plain) == tuple_of(mapped)
    assert digest(tuple_of(plain)) == digest(tuple_of(mapped)) != digest(tuple_of(plain._replace(port=6)))
