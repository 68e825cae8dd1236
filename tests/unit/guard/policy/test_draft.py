"""A first policy: what is open stays open, to the same senders."""

import re
from datetime import UTC, datetime

import pytest

from policies import policy_of, table
from portulan.guard.policy.draft import draft
from portulan.model.doors import Door
from portulan.model.guard_draft import Drafted
from portulan.model.port import Transport
from portulan.model.portset import PortRange
from portulan.model.standing import Senders, Standing, UnreadSet
from portulan.text.guard_draft import REMARKS, WHY, draft_text
from portulan.text.voice import Voice

TCP, UDP = Transport.TCP, Transport.UDP
EVERYONE = Standing("everyone", (Senders("everyone"),))
HERE = Standing("this-host", (Senders("this-host"),))


def door(port, transport=TCP, standing=EVERYONE, holder="sshd", service=None, **more):
    return Door(transport, port, ("0.0.0.0",), service, None, None, holder, standing, **more)


def drafted(*doors):
    made = draft(doors, table(), PortRange(32768, 60999))
    return Drafted("web-01", datetime(2026, 6, 1, tzinfo=UTC), made.sources, made.doors, made.left_out, ping=True)


def lines(*doors):
    """(key, senders, remark)"""
    return [(one.key, one.senders, one.remark) for one in drafted(*doors).doors]


def networks(*words, links=()):
    return Standing("networks", (Senders("networks", words, links=links),))


@pytest.mark.parametrize(("given", "expected"), [
    ([door(22)], [("ssh", ("everyone",), None)]),
    ([door(443)], [("443/tcp", ("everyone",), None)]),
    ([door(443), door(443, UDP)], [("https", ("everyone",), None)]),
    ([door(443), door(443, UDP, networks("10.0.0.0/8"))], [("443/tcp", ("everyone",), None), ("443/udp", ("10.0.0.0/8",), None)]),
    ([door(9999), door(9999, UDP)], [("distinct", ("everyone",), None)]),
    ([door(64000), door(64000, UDP)], [("64000", ("everyone",), None)]),
    ([door(22, standing=networks("10.0.0.0/8", "2001:db8::/32"))], [("ssh", ("10.0.0.0/8", "2001:db8::/32"), None)]),
    ([door(22, standing=networks("10.0.0.0/8", "2001:db8::/32", "192.0.2.1"))], [("ssh", ("senders-1",), None)]),
    ([door(22, standing=networks("10.0.0.0/8", links=("eth1",)))], [("ssh", ("senders-1",), None)]),
    ([door(22, standing=Standing("networks", (Senders("everyone", links=("eth1", "eth2")),)))], [("ssh", ("interface eth1", "interface eth2"), None)]),
    ([door(22, standing=Standing("networks", (Senders("everyone", version=4),)))], [("ssh", ("0.0.0.0/0",), None)]),
    ([door(22, standing=Standing("networks", (Senders("everyone", but=("192.0.2.0/24",)),)))], [("ssh", ("everyone",), "but")]),
    ([door(22, standing=EVERYONE._replace(unread=(UnreadSet("inet", "f", "ban"),)))], [("ssh", ("everyone",), "but")]),
    ([door(22, standing=Standing("maybe", (), (Senders("everyone"),)))], [("ssh", ("everyone",), "perhaps")]),
    ([door(22, standing=None)], [("ssh", ("everyone",), "unknown")]),
    ([door(22, standing=networks("10.0.0.0/8")), door(22, standing=networks("192.0.2.1"), holder="x")], [("ssh", ("10.0.0.0/8", "192.0.2.1"), None)]),
    ([door(8080, published="172.17.0.2:80")], [("8080/tcp", ("everyone",), "published")]),
])  # fmt: skip
def test_lines(given, expected):
    assert lines(*given) == expected
    assert all(remark is None or remark in REMARKS for _, _, remark in expected)


def test_what_needs_no_line():
    made = drafted(
        door(5432, standing=HERE), door(3389, standing=Standing("nobody")), door(68, UDP, holder="dhclient"), door(40000, UDP, holder="avahi"),
        door(51820, UDP, holder="wireguard wg0", service="wireguard"), door(40000, TCP),
    )  # fmt: skip
    assert [(one.port, one.why) for one in made.left_out] == [
        ("68/udp", "dhcp"),
        ("3389/tcp", "nobody"),
        ("5432/tcp", "this-host"),
        ("40000/udp", "client"),
    ]
    assert {one.why for one in made.left_out} == set(WHY)
    assert [one.key for one in made.doors] == ["40000/tcp", "51820/udp"]


def test_a_service_that_needs_a_helper_gets_it():
    (one,) = drafted(door(21, holder="vsftpd")).doors
    assert (one.key, one.helper) == ("ftp", "ftp")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_text_is_a_policy_whatever_the_names_are(language):
    evil = 'x"\n[doors]\n0-65535 = "everyone" #\x1b[2J'
    made = drafted(
        door(22, holder=evil), door(80, standing=networks("10.0.0.0/8", links=('e"th',))), door(5432, standing=HERE, holder=evil), door(21)
    )
    made = made._replace(host=evil, routes=True)
    text = draft_text(Voice(language), made)
    assert "\x1b" not in text
    if language == "en":
        assert "vsftpd" not in text
    made = made._replace(sources=tuple(source._replace(links=("eth1",)) for source in made.sources))
    policy = policy_of(draft_text(Voice(language), made))
    assert [line.text for line in policy.doors] == ["ftp", "ssh", "http"]
    assert [source.name for source in policy.doors[2].sources] == ["senders-1"]
    assert policy.ping
    assert not policy_of(draft_text(Voice(language), made._replace(ping=False))).ping


def test_nothing_listens():
    assert policy_of(draft_text(Voice(), drafted())).doors == ()


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("links", [(), ("eth1",)])
def test_the_examples_of_a_draft_count_without_their_signs(language, links):
    made = drafted(door(80, standing=networks("10.0.0.0/8", links=links)))
    text = draft_text(Voice(language), made)
    plain = policy_of(text)
    assert "office" not in {source.name for source in plain.sources}
    assert plain.outgoing is None
    policy = policy_of(re.sub(r"(?m)^# (?=\[(?:sources|outgoing)\]$|office = |[a-z]+ = \"everyone\"$)", "", text))
    assert "office" in {source.name for source in policy.sources}
    assert [line.text for line in policy.outgoing] == ["dns", "ntp", "https"]
    assert policy.ping_out
    assert policy.doors == tuple(
        one._replace(spot=new.spot, sources=new.sources) for one, new in zip(plain.doors, policy.doors, strict=True)
    )
