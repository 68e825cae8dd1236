"""Numbers of a proof's ICMP messages."""

from itertools import product

from portulan.model.guard_proof import Road, Team
from portulan.model.network import Address
from portulan.system.firewall.bench import HIGHEST, message_number

REPLIES = {8: 0, 13: 14, 15: 16, 17: 18, 128: 129}
"""ICMP's and ICMPv6's requests and their replies (RFC 792, RFC 950, RFC 4443)."""


def team(number):
    here = Address(4, 0xC6120001)
    return Team(number, Road.INPUT, 4, "eth0", "", here, here)


def test_no_reply_answers_the_request_of_another_team():
    teams = [team(number) for number in (0, 1, 2, 127, 128, 129, 511, 512, 65_535, 65_536, (1 << 23) - 1)]
    for (kind, reply), one, other in product(REPLIES.items(), teams, teams):
        identifiers = {message_number(one, kind, hop) >> 16 for hop in (64, HIGHEST)}
        assert not identifiers & {message_number(other, reply, hop) >> 16 for hop in (64, HIGHEST)}


def test_each_message_has_a_number_of_its_own():
    rows = list(product(range(0, 256, 5), (64, HIGHEST), (0, 1, 300, (1 << 23) - 1)))
    numbers = {message_number(team(number), kind, hop) for kind, hop, number in rows}
    assert len(numbers) == len(rows)
    assert max(numbers) < 1 << 32
