"""Ports asked by datagrams that their usual services answer; closed ones show by ICMP, as far as the target's limit lets them."""

from __future__ import annotations

from itertools import repeat

import numpy as np

from portulan.errors import MachineFailed
from portulan.model.address import format_address, pack_address
from portulan.model.scan import REASONS, Answers, Doubt, Reason, Verdict
from portulan.scan.order import mix
from portulan.scan.socket_addresses import socket_addresses
from portulan.system.connection_table import PLENTY, watch_table
from portulan.system.datagrams import Datagrams
from portulan.system.uplinks import Uplinks
from portulan.wire.udp_hello import PORTS_WITH_GREETING, answers_elsewhere, hello, matches, ways

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from portulan.scan.order import Key
    from portulan.scan.space import Space
    from portulan.system.datagrams import Answer
    from portulan.system.error_queue import Complaint

    Row = tuple[int, int, int, Reason, int, float, int]

_MOST_RESPONDERS = 1 << 16
_MOST_PLACES = 1 << 17
_CODE = {reason: code for code, reason in enumerate(REASONS)}


class UdpProber:
    """A `scan.prober.Prober` of sockets that anybody may open, one for each tag."""

    rounds = 40
    controls = 24

    def __init__(self, space: Space, key: Key, *, scope: int = 0, uplinks: Uplinks | None = None) -> None:
        """For a space of one family. `key` decides the numbers in what is sent; `scope` is the interface of link-local addresses. Raises MachineFailed."""
        self._space = space
        self._key = key
        self._scope = scope
        self._uplinks = Uplinks() if uplinks is None else uplinks
        self._table = watch_table()
        self._datagrams = Datagrams(space.version)
        self._greeted = np.zeros(1 << 16, np.bool_)
        self._greeted[list(PORTS_WITH_GREETING)] = True
        self._places: dict[str, int] = {}
        self._answered: dict[int, int] = {}  # pair -> tag, of services with several greetings
        self.responders = ["address"]
        self._place_of_responder: dict[bytes, int] = {}
        self.forged = 0

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What there is to say of the sending so far."""
        short = self._table is not None and self._table.short
        return (Doubt.TABLE_FULL,) if short or self._datagrams.kept_back else ()

    def room(self) -> int:
        """Datagrams hold nothing of this host but entries in its table of connections, if it has one."""
        return PLENTY if self._table is None else self._table.room()

    def send(self, pair: NDArray[np.int64], tag: int) -> tuple[int, float, float]:
        """Send a datagram to each; see `Prober.send`. Raises MachineFailed, also when a link has gone since the scan began."""
        host, port = self._space.split(pair)
        unroutable = self._datagrams.unroutable
        targets = socket_addresses(self._space, host, port, self._scope)
        try:
            handed_over = self._datagrams.send(tag, targets, self._payloads(pair, port, tag), pair.tolist())
        except MachineFailed:
            self._uplinks.check()
            raise
        if self._datagrams.unroutable > unroutable:
            self._uplinks.check()
        if self._table is not None:
            self._table.took(handed_over[0])
        return handed_over

    def receive(self, wait_s: float) -> Answers | None:
        """What has come back; see `Prober.receive`."""
        answers, complaints, refusals = self._datagrams.receive(wait_s)
        pairs = self._pairs([each.address for each in answers], [each.port for each in answers])
        rows = [row for pair, each in zip(pairs, answers, strict=True) if (row := self._row_of_answer(pair, each)) is not None]
        pairs = self._pairs([each.address for _, each in complaints], [each.port for _, each in complaints])
        told = zip(pairs, complaints, strict=True)
        rows += [row for pair, (tag, each) in told if (row := self._row_of_complaint(pair, tag, each)) is not None]
        rows += [(pair, 0, Verdict.UNREACHABLE, reason, 0, at, 0) for pair, reason, at in refusals]
        if not rows:
            return None
        pair, tag, verdict, reason, ttl, at, by = zip(*rows, strict=True)
        return Answers(
            pair=np.array(pair, np.int64), tag=np.array(tag, np.uint8), verdict=np.array(verdict, np.uint8),
            reason=np.array([_CODE[each] for each in reason], np.uint8), ttl=np.array(ttl, np.uint8), at=np.array(at), by=np.array(by, np.uint16),
        )  # fmt: skip

    def forget(self, sent_before: float) -> None:
        """Nothing is held for them."""

    def overflowed(self) -> int:
        """See `Datagrams.overflowed`."""
        return self._datagrams.overflowed()

    def close(self) -> None:
        """Close every socket."""
        self._datagrams.close()

    # What is sent

    def _payloads(self, pair: NDArray[np.int64], port: NDArray[np.uint16], tag: int) -> Iterator[bytes]:
        greeted = self._greeted[port]
        if not greeted.any():
            return repeat(b"")
        dice = mix(pair.astype(np.uint64), self._key)
        rows = zip(greeted.tolist(), pair.tolist(), port.tolist(), dice.tolist(), strict=True)
        return (hello(one, number, self._turn(which, tag)) if wanted else b"" for wanted, which, one, number in rows)

    def _turn(self, pair: int, tag: int) -> int:
        """Which greeting a pair is sent: another one each round; a control, what it answered to."""
        return tag if tag < self.rounds else self._answered.get(pair, 0)

    def _sent(self, pair: int, port: int, tag: int) -> bytes:
        """What was sent to a pair under a tag, made anew."""
        if not self._greeted[port]:
            return b""
        return hello(port, int(mix(np.array([pair], np.uint64), self._key)[0]), self._turn(pair, tag))

    # What comes back

    def _pairs(self, addresses: list[str], ports: list[int]) -> list[int]:
        """The numbers of pairs; -1 for what is not scanned."""
        if len(self._places) > _MOST_PLACES:
            self._places.clear()
        places = self._places
        for address in set(addresses) - places.keys():
            packed = np.frombuffer(pack_address(address.partition("%")[0]), np.uint8).reshape(1, -1)
            places[address] = int(self._space.places(packed)[0]) if packed.shape[1] == self._space.size else -1
        hosts = np.array([places[address] for address in addresses], np.int64)
        found: list[int] = self._space.pairs_of(hosts, np.array(ports, np.uint16)).tolist()
        return found

    def _row_of_answer(self, pair: int, answer: Answer) -> Row | None:
        port = answer.port
        if port in self._datagrams.own_ports and self._is_own(answer.address):
            return self._row_of_our_own(answer)
        if pair < 0 and (elsewhere := answers_elsewhere(answer.payload)):
            port = elsewhere
            pair = self._pairs([answer.address], [port])[0]
        if pair < 0 or not matches(port, self._sent(pair, port, answer.socket), answer.payload):
            self.forged += 1
            return None
        if answer.socket < self.rounds and ways(port) > 1:
            self._answered.setdefault(pair, answer.socket)
        return pair, answer.socket, Verdict.OPEN, Reason.ANSWER, answer.ttl, answer.at, 0

    def _is_own(self, address: str) -> bool:
        return address.startswith("127.") or address == "::1" or pack_address(address.partition("%")[0]) in self._uplinks.own_addresses

    def _row_of_our_own(self, answer: Answer) -> Row | None:
        """What a socket of ours received is what another one, or itself, sent to its port. Nobody else has that port: it is ours alone."""
        own = self._datagrams.own_ports
        port = next(port for port, number in own.items() if number == answer.socket)
        pair = self._pairs([answer.address], [port])[0]
        return None if pair < 0 else (pair, own[answer.port], Verdict.CLOSED, Reason.KERNEL, answer.ttl, answer.at, 0)

    def _row_of_complaint(self, pair: int, tag: int, complaint: Complaint) -> Row | None:
        reason = complaint.error.reason
        if reason is None:
            return None
        # An error quotes what drew it (RFC 1812, section 4.3.2.3; RFC 4443, section 3.1), a blind forger has to guess it.
        if pair < 0 or not self._sent(pair, complaint.port, tag).startswith(complaint.payload):
            self.forged += 1
            return None
        offender = complaint.error.offender
        verdict, by = Verdict.UNREACHABLE, 0
        if not offender or offender == pack_address(complaint.address.partition("%")[0]):
            verdict = Verdict.CLOSED if reason is Reason.PORT_UNREACHABLE else verdict
        elif offender in self._uplinks.own_addresses and reason is Reason.HOST_UNREACHABLE:
            reason = Reason.HOST_DOWN  # our own kernel: nobody answered to its question for the neighbour
        else:
            by = self._responder(offender)
        return pair, tag, verdict, reason, complaint.ttl, complaint.at, by

    def _responder(self, offender: bytes) -> int:
        known = self._place_of_responder.get(offender)
        if known is None:
            if len(self.responders) >= _MOST_RESPONDERS:
                return 0
            known = self._place_of_responder[offender] = len(self.responders)
            self.responders.append(format_address(offender))
        return known
