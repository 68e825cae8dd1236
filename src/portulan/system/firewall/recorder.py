"""Tables that write down which packets came through all rules, and drop them then, so that nothing answers: what a proof by packets reads its answers from.

A packet is known by its own number (`wire.door_frames`). The last chain of each way comes after every other rule; what it drops, connection tracking never keeps, so that
each packet is a new one to all rules. A first counter, before every rule, tells when the host has taken all packets that were sent.
"""

from __future__ import annotations

import time

import numpy as np

from portulan.errors import CannotTell
from portulan.system.firewall.present import NETFILTER
from portulan.system.linux.netlink import Netlink
from portulan.wire.door_frames import FLOW_LABEL, IP_ID
from portulan.wire.nf_counted import GET_OBJECT, build_counter_query, parse_counter, parse_numbers
from portulan.wire.nf_sets import GET_ELEMENTS, build_query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from portulan.system.sandbox import Host

NAME = "portulan_proof"
"""Of our tables."""
ARRIVED, LEFT, CALLED, SAID = ("netdev", "arrived"), ("inet", "left"), ("netdev", "called"), ("inet", "said")
"""Counters: of packets that came in by an interface, that set out, and of ICMP messages that came in, that set out."""
SEEN, HEARD = "seen", "heard"
"""Sets of the numbers of packets, and of ICMP messages."""
SOURCE_PORT = 40_000
"""Of all packets of a proof."""
_SIZE = 1 << 19
_MESSAGES = {4: f"ip id {IP_ID} meta l4proto icmp", 6: f"ip6 flowlabel {FLOW_LABEL} meta l4proto ipv6-icmp"}
"""ICMP messages of a proof."""
_PATIENCE_S = 3.0
_STEP_S = 0.002
_AGAIN = 5
_FIRST, _LAST = -2147483648, 2147483647


def recording(links: Iterable[str]) -> str:
    """The tables, for a host with these interfaces."""
    inlets = "\n".join(
        f'    chain in_{number} {{ type filter hook ingress device "{link}" priority {_FIRST}; policy accept; '
        f"meta l4proto {{ tcp, udp, sctp }} th sport {SOURCE_PORT} counter name arrived; {_MESSAGES[4]} counter name called; {_MESSAGES[6]} counter name called; }}"
        for number, link in enumerate(links)
    )
    ways = "\n".join(
        f"    chain {hook} {{ type filter hook {hook} priority {_LAST}; policy accept; {spare}jump take; }}"
        for hook, spare in (("input", ""), ("forward", ""), ("output", 'oifname "lo" return; '))
    )
    return f"""table netdev {NAME} {{
    counter arrived {{ }}
    counter called {{ }}
{inlets}
}}
table inet {NAME} {{
    counter left {{ }}
    counter said {{ }}
    set seen {{ typeof tcp sequence; flags dynamic; size {_SIZE}; }}
    set heard {{ typeof tcp sequence; flags dynamic; size {_SIZE}; }}
    chain leaves {{ type filter hook output priority {_FIRST}; policy accept; oifname "lo" return; meta l4proto {{ tcp, udp, sctp }} th sport {SOURCE_PORT} counter name left; {_MESSAGES[4]} counter name said; {_MESSAGES[6]} counter name said; }}
{ways}
    chain take {{
        th sport {SOURCE_PORT} meta l4proto tcp update @seen {{ tcp sequence }} drop
        th sport {SOURCE_PORT} meta l4proto udp update @seen {{ @th,64,32 }} drop
        th sport {SOURCE_PORT} meta l4proto sctp update @seen {{ @th,128,32 }} drop
        {_MESSAGES[4]} update @heard {{ @th,32,32 }} drop
        {_MESSAGES[6]} update @heard {{ @th,32,32 }} drop
    }}
}}
"""


class Recorder:
    """Reads what the tables of a host have recorded."""

    def __init__(self, host: Host) -> None:
        """Of a host that has the tables."""
        self._host = host
        with host.enter():
            self._netlink = Netlink(NETFILTER)
        self._taken = dict.fromkeys((ARRIVED, LEFT, CALLED, SAID), 0)

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def wait(self, count: int, counter: tuple[str, str]) -> bool:
        """Until so many more packets have been counted; False where some got lost on their way."""
        family, name = counter
        query = build_counter_query(family, NAME, name)
        wanted, before, since = self._taken[counter] + count, -1, time.monotonic()
        while True:
            now = parse_counter(*self._netlink.get(GET_OBJECT, query))
            if now >= wanted:
                self._taken[counter] = now
                time.sleep(_STEP_S)  # the last one is counted before it has gone all its way
                return now == wanted
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() - since > _PATIENCE_S:
                self._taken[counter] = now
                return False
            time.sleep(_STEP_S)

    def numbers(self, name: str = SEEN) -> NDArray[np.uint32]:
        """The numbers of all that came through since the set was last emptied. Raises CannotTell where they never keep still."""
        query = build_query("inet", NAME, name)
        for _ in range(_AGAIN):
            self._netlink.interrupted = False
            parts = [parse_numbers(*answer) for answer in self._netlink.dump(GET_ELEMENTS, query)]
            if not self._netlink.interrupted:
                return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint32)
        raise CannotTell("proof.restless")


def emptied(sets: Iterable[tuple[str, str, str]]) -> str:
    """Commands that take all elements out of the set of numbers, and of these (family, table, name) which packets fill."""
    return "\n".join(f"flush set {family} {table} {name}" for family, table, name in (("inet", NAME, SEEN), ("inet", NAME, HEARD), *sets))
