"""Where this process stands."""

import os

import pytest

from portulan.system.linux.standing import parse_ssh_connection, read_me


@pytest.mark.parametrize(
    ("text", "port"),
    [
        (b"192.0.2.7 51000 192.0.2.1 22", 22), (b"2001:db8::7 51000 2001:db8::1%eth0 2222", 2222), (b"", None), (b"22", None),
        (b"192.0.2.7 51000 192.0.2.1 ssh", None), (b"192.0.2.7 51000 192.0.2.1", None), (b"a b c d e", None), (b"\xff\xfe \xff x \xff", None),
    ],
)  # fmt: skip
def test_the_port_that_a_login_came_in_by(text, port):
    assert parse_ssh_connection(text) == port


def test_me(monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 51000 192.0.2.1 2222")
    me = read_me()
    assert (me.pid, me.uid, me.ancestors[0]) == (os.getpid(), os.geteuid(), os.getppid())
    assert me.ssh_ports[0] == 2222
    assert len(set(me.ancestors)) == len(me.ancestors)
