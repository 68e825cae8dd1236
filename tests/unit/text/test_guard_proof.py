"""A certificate told: proved or not, for whom, and each packet that fared otherwise."""

from datetime import UTC, datetime

import pytest

from portulan.model.guard_proof import Certificate, Difference, Road, Tally, Team, address_text, difference_row, tally_row
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.text.guard_proof import difference_lines, facts, headline, left_out_sentence, rows
from portulan.text.voice import Voice

FOUR = Team(1, Road.INPUT, 4, "eth0", "", Address(4, 0xC6336409), Address(4, 0xC6120001), ("everyone", "office"))
SIX = FOUR._replace(number=2, version=6, sender=Address(6, (0x20010DB8 << 96) + 9), target=Address(6, (0xFD << 120) + 1))
EDGE = FOUR._replace(number=3, whole=False, edge=True)
OUT = FOUR._replace(number=4, road=Road.OUTPUT, names=("everyone",))


def certificate(**changes):
    tallies = (
        Tally(FOUR, Transport.TCP, 65_536, 2, 2, ((22, 22), (443, 443))),
        Tally(FOUR, Transport.UDP, 65_536, 0, 0, ()),
        Tally(SIX, Transport.TCP, 65_536, 2, 2, ((22, 22), (443, 443))),
        Tally(SIX, Transport.UDP, 65_536, 0, 0, ()),
        Tally(EDGE, Transport.TCP, 40, 2, 2, ((22, 22), (443, 443))),
        Tally(OUT, Transport.TCP, 65_536, 65_536, 65_536, ((0, 65_535),)),
        Tally(OUT, Transport.UDP, 65_536, 0, 0, ()),
    )
    made = Certificate(
        host="web", kernel="6.18", taken_at=datetime(2026, 6, 15, tzinfo=UTC), took_s=12.34, nft="v1.0.6", live=False, policy="portulan.toml", policy_hash="ab" * 32,
        rules_hash="cd" * 32, tallies=tallies, differences=(),
    )  # fmt: skip
    return made._replace(**changes)


def test_what_is_proved():
    voice = Voice("en")
    assert headline(voice, certificate()) == "Proved: 393,256 packets, and each fared as the policy says."
    assert rows(voice, certificate()) == [
        ["in by eth0", "office", "198.51.100.9", "22,443/tcp"],
        ["out by eth0", "everyone else", "198.18.0.1", "all tcp"],
    ]
    told = facts(voice, certificate(limited=3, untried=1))
    assert told[0].startswith("1 more sender, at the edge of a network")
    assert told[1].startswith("2 packets were let through behind a rate")
    assert told[2].startswith("1 port behind a rate was not tried again")
    assert told[3] == "policy  portulan.toml  (SHA-256 of its text: abababababab)"
    assert told[-1] == "kernel  6.18, nft v1.0.6, in 12.3 s"


def test_versions_that_fare_otherwise_have_lines_of_their_own():
    one = certificate()
    tallies = (*one.tallies[:2], one.tallies[2]._replace(ports=((443, 443),), through=1), *one.tallies[3:])
    told = [row[3] for row in rows(Voice("en"), one._replace(tallies=tallies))]
    assert told[:2] == ["IPv4: 22,443/tcp", "IPv6: 443/tcp"]


def test_who_was_not_asked_at_every_port_says_so():
    few = Tally(FOUR._replace(whole=False), Transport.TCP, 40, 2, 2, ((22, 22), (443, 443)))
    assert rows(Voice("en"), certificate(tallies=(few,)))[0][3] == "22,443/tcp *"
    assert facts(Voice("en"), certificate(tallies=(few,)))[0] == "* asked only at the ports where something changes"


def test_what_is_not_proved():
    wrong = Difference(FOUR, Transport.TCP, 25, kernel=True, policy=False, simulation=None)
    one = certificate(differences=(wrong,), more_differences=4)
    assert not one.proved
    assert headline(Voice("en"), one) == "Not proved: 5 of 393,256 packets fared otherwise."
    first, more = difference_lines(Voice("en"), one)
    assert first == "25/tcp from 198.51.100.9, in by eth0: kernel lets it through, policy refuses it, simulation has no say"
    assert more == "and 4 more"


def test_of_a_machine_without_policy():
    one = certificate(policy=None, policy_hash=None, live=True)
    assert headline(Voice("en"), one).endswith("each fared as the simulation says.")
    assert rows(Voice("en"), one)[0][1] == "others"
    assert "a copy of this machine's" in facts(Voice("en"), one)[1]


@pytest.mark.parametrize("code", ["no-ipv6", "senders", "too-many", "addresses", "links"])
def test_each_gap_has_its_sentence_in_both_languages(code):
    assert left_out_sentence(Voice("en"), code) != left_out_sentence(Voice("ja"), code)


def test_japanese():
    voice = Voice("ja")
    assert "393,256" in headline(voice, certificate())
    assert headline(voice, certificate()) != headline(Voice("en"), certificate())
    assert rows(voice, certificate())[0][0] != "in by eth0"


def test_rows_of_the_certificate():
    assert tally_row(certificate().tallies[2]).sender == "2001:db8::9"
    assert tally_row(Tally(FOUR, Transport.TCP, 9, 3, -1, ((22, 22), (80, 81)))).ports == "22,80-81"
    assert tally_row(Tally(FOUR, Transport.TCP, 9, 3, -1, ())).expected is None
    assert difference_row(Difference(SIX, Transport.UDP, 53, kernel=False, policy=True, simulation=True)).sender == "2001:db8::9"
    assert address_text(Address(4, 0x7F000001)) == "127.0.0.1"
