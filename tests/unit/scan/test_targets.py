"""Which addresses a scan asks, word by word."""

import pytest

from portulan.errors import BadInput, CannotTell, NotPermitted
from portulan.scan.ranges import address, write
from portulan.scan.targets import choose
from portulan.scan.words import read_word

HOSTS = {"localhost": ("127.0.0.1", "::1"), "printer.local": ("fe80::9%eth0",), "both": ("10.0.0.1", "10.0.0.2")}


def resolve(name):
    if name == "slow":
        raise CannotTell("scan.resolver", text=name, reason="try again")
    return HOSTS.get(name, ())


def texts(targets):
    return [write(4, part) for part in targets.v4] + [write(6, part) for part in targets.v6]


def chosen(*words, **more):
    return choose(words, resolve=resolve, **more)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("198.18.0.1",), ["198.18.0.1"]),
        (("198.18.0.9", "198.18.0.8"), ["198.18.0.8/31"]),
        (("198.18.0.77/24",), ["198.18.0.0/24"]),
        (("198.18.0.1-198.18.0.9",), ["198.18.0.1-198.18.0.9"]),
        (("198.18.0-1.1-2",), ["198.18.0.1-198.18.0.2", "198.18.1.1-198.18.1.2"]),
        (("198.18.0.1,3,5-",), ["198.18.0.1", "198.18.0.3", "198.18.0.5-198.18.0.255"]),
        (("10.*.*.*",), ["10.0.0.0/8"]),
        (("10.1,3.*.7",), None),
        (("::1", "fd00::/126"), ["::1", "fd00::/126"]),
        (("fd00::1-fd00::3",), ["fd00::1-fd00::3"]),
        (("[::1]",), ["::1"]),
        (("::ffff:127.0.0.1",), ["127.0.0.1"]),
        (("localhost",), ["127.0.0.1", "::1"]),
        (("fe80::1%eth0",), ["fe80::1"]),
        (("fe80::%eth0/126",), ["fe80::/126"]),
        (("fe80::%eth0/126", "fe80::1%eth0"), ["fe80::/126"]),
        (("127.0.0.0/30", "169.254.1.1", "192.168.0.1", "172.16.0.1", "100.64.0.1"), None),
    ],
)
def test_words(words, expected):
    found = texts(chosen(*words))
    assert found == expected if expected is not None else found


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("nowhere", "scan.unknown-host"),
        ("slow", "scan.resolver"),
        ("10.0.0.0/33", "scan.bad-prefix"),
        ("fd00::/129", "scan.bad-prefix"),
        ("10.0.0.0/255.0.0.0", "scan.bad-prefix"),
        ("10.0.0.0/-1", "scan.bad-prefix"),
        ("10.0.0.0/", "scan.empty-network"),
        ("10.0.0.256", "scan.bad-octet"),
        ("10.0.0.01", "scan.bad-octet"),
        ("10.0.0.1-999", "scan.bad-octet"),
        ("10.0.0.x-", "scan.unknown-host"),
        ("10.0.0.9-3", "scan.backwards"),
        ("10.0.0.9-10.0.0.3", "scan.backwards"),
        ("10.0.0.1-::1", "scan.two-versions"),
        ("*.*.*.1,3", "scan.too-many-ranges"),
        ("10.0.0.1:80", "scan.target-port"),
        ("http://10.0.0.1/", "scan.not-a-target"),
        ("10.0.0", "scan.not-a-target"),
        ("", "scan.not-a-target"),
        ("host/24", "scan.not-a-target"),
        ("::1::", "scan.not-a-target"),
        ("fe80::1", "scan.needs-link"),
        ("fe80::1%", "scan.empty-link"),
        ("10.0.0.1%eth0", "scan.no-link-wanted"),
        ("224.0.0.1", "scan.nothing-left"),
        ("192.0.2.1", "scan.nothing-left"),
        ("255.255.255.255", "scan.nothing-left"),
        ("0.0.0.0", "scan.nothing-left"),
        ("::", "scan.nothing-left"),
        ("2001:db8::1", "scan.nothing-left"),
        ("ff02::1", "scan.nothing-left"),
        ("5.5.5.5", "scan.public"),
        ("2a00::1", "scan.public"),
    ],
)
def test_what_cannot_be_asked(word, code):
    with pytest.raises((BadInput, CannotTell)) as caught:
        chosen(word)
    assert caught.value.code == code


def test_no_targets_at_all():
    with pytest.raises(BadInput, match=r"scan\.no-targets"):
        chosen(files=[("list", "# nobody\n\n")])


def test_excluded_and_special_networks_are_told():
    targets = chosen("198.18.0.0/24", "223.255.255.254-224.0.0.3", exclude=["198.18.0.16/28", "10.0.0.0/8"], authorized=True)
    assert texts(targets) == ["198.18.0.0/28", "198.18.0.32-198.18.0.255", "223.255.255.254/31"]
    assert targets.left_out == (("198.18.0.16/28", "excluded"), ("224.0.0.0/30", "multicast"))
    assert targets.addresses == 16 + 224 + 2


def test_every_address_of_ipv4_without_what_is_no_host():
    targets = chosen("0.0.0.0/0", authorized=True)
    assert {why for _, why in targets.left_out} == {"broadcast", "multicast", "documentation", "unspecified", "reserved"}
    assert targets.addresses == 2**32 - 2**24 - 2 * 2**28 - 3 * 256


def test_every_address_of_ipv6_leaves_links_out():
    targets = chosen("::/0", authorized=True)
    assert ("fe80::/10", "link-local") in targets.left_out
    assert targets.v6[0] == (1, 1)


def test_public_addresses_need_a_word_of_their_owner():
    with pytest.raises(NotPermitted) as caught:
        chosen("5.5.5.0/30", "10.0.0.1", config="/home/ann/config.toml")
    assert caught.value.facts == {"text": "5.5.5.0/30", "count": 4, "config": "/home/ann/config.toml"}
    assert chosen("5.5.5.0/30", allowed=["5.5.0.0/16"]).addresses == 4
    assert chosen("5.5.5.0/30", own=["5.5.5.0", "5.5.5.1", "5.5.5.2", "5.5.5.3"]).addresses == 4
    assert chosen("203.0.113.9", allowed=["203.0.113.0/24"]).addresses == 1


def test_broadcast_addresses_of_our_links_are_no_hosts():
    targets = chosen("198.18.0.0/24", broadcasts=["198.18.0.255"])
    assert targets.left_out == (("198.18.0.255", "broadcast"),)


def test_names_are_remembered():
    assert chosen("both", "10.0.0.2").names == {"10.0.0.1": "both", "10.0.0.2": "both"}
    assert chosen("printer.local").links == ((int("fe80" + 27 * "0" + "9", 16),) * 2 + ("eth0",),)


def test_one_address_on_two_links_cannot_be_told_apart():
    with pytest.raises(BadInput, match=r"scan\.two-links"):
        chosen("fe80::%eth0/120", "fe80::5%eth1")


def test_a_file_names_its_line():
    text = "10.0.0.1  10.0.0.3 # printers\n\nlocalhost\n10.0.0.999\n"
    with pytest.raises(BadInput) as caught:
        chosen(files=[("hosts.txt", text)])
    assert (caught.value.code, caught.value.facts["file"], caught.value.facts["line"]) == ("scan.bad-octet", "hosts.txt", 4)
    targets = chosen("10.0.0.2", files=[("hosts.txt", text.rsplit("\n", 2)[0])])
    assert texts(targets) == ["10.0.0.1-10.0.0.3", "127.0.0.1", "::1"]
    assert targets.asked == ("10.0.0.2", "hosts.txt")


def test_a_plain_list_is_read_like_any_other():
    text = "10.0.0.5\n10.0.0.7 10.0.0.6\n\n10.0.0.5\n"
    assert texts(chosen(files=[("f", text)])) == texts(chosen(files=[("f", text + "# by hand")])) == ["10.0.0.5-10.0.0.7"]
    with pytest.raises(BadInput, match="line"):
        chosen(files=[("f", text + "10.0.0.300")])


def test_a_word_of_any_length_and_kind_is_an_error_of_ours():
    for word in ("a" * 5000, "1" * 400, "-", "%", "/", "...", "1.2.3.*-", "::%eth0", "\0", "１.2.3.4"):
        with pytest.raises(BadInput):
            read_word(word, lambda _: ())


def test_how_ranges_are_written():
    assert address(6, 1) == "::1"
    assert write(4, (0, 2**32 - 1)) == "0.0.0.0/0"
    assert write(4, (1, 2)) == "0.0.0.1-0.0.0.2"


def test_public_addresses_are_told_from_private_ones():
    assert not choose(["198.18.0.0/24", "fd00::1"], resolve=lambda _: ()).public
    assert choose(["198.18.0.1", "9.9.9.0/24"], resolve=lambda _: (), authorized=True).public
