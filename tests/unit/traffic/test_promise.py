"""What a port's registered services promise."""

import pytest

from portulan.model.traffic import PROTOCOLS
from portulan.traffic.promise import NEVER_MARKED, PROMISES, keeps
from portulan.verbs.lookup import lookup

COMMON = [
    ("http", 80), ("http", 8080), ("tls", 8080), ("http", 8008), ("tls", 443), ("quic", 443), ("dtls", 443), ("stun", 443), ("tls", 8443), ("tls", 465), ("smtp", 587), ("smtp", 25),
    ("dns", 53), ("tls", 853), ("quic", 853), ("dns", 5353), ("dns", 5355), ("netbios", 137), ("netbios", 139), ("smb", 139), ("smb", 445), ("tls", 993), ("tls", 995), ("tls", 990),
    ("tls", 636), ("ldap", 389), ("ldap", 3268), ("stun", 3478), ("tls", 5349), ("http", 3000), ("http", 5000), ("tls", 6443), ("http", 9090), ("http", 8000), ("http", 2375), ("tls", 2376),
    ("ssh", 22), ("ssh", 2222), ("postgresql", 5432), ("tls", 5432), ("mysql", 3306), ("redis", 6379), ("xmpp", 5222), ("tls", 5222), ("sip", 5060), ("stun", 5060), ("rtp", 5060),
    ("rdp", 3389), ("tls", 3389), ("http", 631), ("ike", 4500), ("ike", 500), ("syslog", 514), ("dhcp", 67), ("dhcp", 547), ("rpc", 111), ("rpc", 2049), ("unknown", 443),
    ("http", 9200), ("bittorrent", 6881), ("wireguard", 51820), ("ssh", 40000), ("openvpn", 1194), ("mqtt", 1883), ("tls", 8883), ("http", 3128), ("rtsp", 554), ("vnc", 5900), ("irc", 6667),
    ("tls", 6697), ("git", 9418), ("amqp", 5672), ("kerberos", 88), ("ntp", 123), ("snmp", 161), ("snmp", 162), ("radius", 1813), ("ftp", 21), ("telnet", 23), ("ssh", 20), ("memcached", 11211),
]  # fmt: skip
BROKEN = [
    ("ssh", 443), ("ssh", 80), ("http", 22), ("http", 443), ("openvpn", 443), ("bittorrent", 80), ("ssh", 53), ("wireguard", 53), ("openvpn", 53), ("tls", 22), ("ssh", 25), ("http", 25), ("smtp", 443),
    ("dns", 443), ("rdp", 443), ("tls", 80), ("ssh", 3389), ("http", 3306), ("smb", 80), ("imap", 993), ("quic", 53), ("ssh", 8080), ("ftp", 22), ("irc", 80), ("smtp", 465), ("dns", 853),
]  # fmt: skip


def names_of(port):
    return {entry.service for entry in lookup(port).entries if entry.service}


@pytest.mark.parametrize(("protocol", "port"), COMMON)
def test_what_is_common_breaks_no_promise(protocol, port):
    assert keeps(protocol, names_of(port))


@pytest.mark.parametrize(("protocol", "port"), BROKEN)
def test_what_the_port_does_not_promise(protocol, port):
    assert not keeps(protocol, names_of(port))


def test_without_a_known_service_nothing_is_promised():
    assert keeps("ssh", ())
    assert keeps("ssh", ("commplex-main",))
    assert not keeps("ssh", ("commplex-main", "https"))


def test_what_is_not_sure_breaks_nothing():
    assert all(keeps(each, ("https",)) for each in NEVER_MARKED)


def test_the_list_speaks_of_what_can_be_told_and_is_registered():
    assert set().union(*PROMISES.values()) <= set(PROTOCOLS)
    assert [name for name in PROMISES if not lookup(name).known] == []
