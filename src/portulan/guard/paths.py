"""The ways of new packets through the kernel: which base chains they meet in which order, from every way in, to this host or on to a container.

Order of hooks and priorities: include/uapi/linux/netfilter.h, netfilter_ipv4.h; NAT chains all run where the kernel's NAT hook stands, whatever their own
priority (net/netfilter/nf_nat_core.c, nf_nat_register_fn), and the first that translates a connection ends the others.
"""

from __future__ import annotations

from functools import cached_property

from portulan.guard.lanes import BEFORE_TRACKING, TCP, UDP, Entry, Facts, Lane, Moment, OneOf
from portulan.guard.match import Matcher
from portulan.guard.mentioned import Mentioned
from portulan.guard.router import Router
from portulan.guard.sets import ALL
from portulan.guard.walk import Walker
from portulan.model.rule import VerdictKind
from portulan.model.ruleset import Base, Chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from portulan.model.network import Link, Network
    from portulan.model.ruleset import Ruleset

_DESTINATION_NAT, _SOURCE_NAT = -100, 100
"""NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC."""
_NAT_AT = {"prerouting": _DESTINATION_NAT, "output": _DESTINATION_NAT, "input": _SOURCE_NAT, "postrouting": _SOURCE_NAT}
_LINK_LOCAL = 0xFE80 << 112, (0xFEC0 << 112) - 1
"""Senders that IPv6 forwards to no other link (net/ipv6/ip6_output.c, ip6_forward); :: it forwards nowhere."""
_FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
_HOOKS = ("ingress", "egress", "prerouting", "input", "forward", "output", "postrouting")
KERNEL = "kernel"
"""Family of the chains that stand for what the kernel decides without a rule."""


def _kernel_chain(name: str) -> Chain:
    return Chain(KERNEL, "", name)


MARTIAN, NO_ROUTE, NOT_FORWARDED, UNREAD, BRIDGE = map(_kernel_chain, ("martian", "no-route", "not-forwarded", "unread", "bridge"))


class Paths:
    """All ways of new packets of one IP version, walked. `layers` of the walker are then in the order met by every lane."""

    def __init__(
        self,
        ruleset: Ruleset,
        network: Network,
        version: int,
        mentioned: Mentioned,
        ports: Mapping[int, tuple[tuple[int, int], ...]] | None,
        *,
        answers: bool = True,
    ) -> None:
        """`ports`: for each transport's number the spans that are asked about; None: all of TCP and UDP. `answers`: whether they have to get out, too."""
        self.answers = answers
        self.ruleset, self.network, self.version, self.mentioned = ruleset, network, version, mentioned
        self.ports = ports if ports is not None else {TCP: ((0, 65_535),), UDP: ((0, 65_535),)}
        self.router = Router(version, network)
        self.rows = self.router.rows
        self.facts = Facts(version, self.router.links)
        self.facts.marks = mentioned.marks
        self.matcher = Matcher(ruleset, self.facts, self.router)
        self.matcher.written = frozenset(mentioned.written)
        self.walker = Walker(ruleset, self.matcher, mentioned)
        self.lanes = self.walker.lanes
        self.dormant = {(table.family, table.name): table.dormant for table in ruleset.tables}
        self._walk()

    # --- ways in ---

    def entries(self) -> Iterator[Entry]:
        """Every way in that rules can tell from the others."""
        own = self.router.own
        outside = list(dict.fromkeys(number for number, link in own if link.kind != "loopback" or not self._only_local(number)))
        groups: dict[tuple[object, ...], list[Link]] = {}
        for link in self.network.links:
            if link.up and link.kind != "loopback" and link.master is None:
                devices = tuple(
                    (self._met(chain, link), self._met_before(chain, link))
                    for chain in self.ruleset.chains
                    if chain.base is not None and chain.base.devices != ()
                )
                key = (
                    self.mentioned.tells_apart(link),
                    devices,
                    self.router.senders(link),
                    self.router.filtered(link),
                    link.forwards4,
                    link.forwards6,
                    link.kind == "bridge" and self._bridged,
                )
                groups.setdefault(key, []).append(link)
        classes = self._classes(outside)
        for links in groups.values():
            for addresses in classes:
                yield Entry(tuple(links), addresses)
        lo = self.router.links.get("lo")
        if lo is not None and lo.up:
            for addresses in self._classes(list(dict.fromkeys(number for number, _ in own)), local=True):
                yield Entry((lo,), addresses, local=True)

    def _only_local(self, number: int) -> bool:
        """Loopback addresses are refused from outside."""
        return number >> 24 == 127 if self.version == 4 else number == 1

    def _classes(self, addresses: list[int], *, local: bool = False) -> list[tuple[int, ...]]:
        """Own addresses that no rule tells apart. As sender, too, where this host speaks to itself."""
        found: dict[object, list[int]] = {}
        ends = ("daddr", "saddr") if local else ("daddr",)
        answering = self._answering if not local and self.answers else None
        for number in addresses:
            seen = str(self.mentioned.sees(number, *ends)), str(answering and answering.sees(number, "saddr"))
            found.setdefault((self._only_local(number), *seen), []).append(number)
        return [tuple(numbers) for numbers in found.values()]

    @cached_property
    def _answering(self) -> Mentioned:
        """What the rules look at that answers meet: those come from an own address."""
        return Mentioned(self.ruleset._replace(chains=self.walker.reached_from(self._answer_chains())))

    def _answer_chains(self) -> list[Chain]:
        return [*self.chains("output", nat=False), *self.chains("postrouting", nat=False)]

    @property
    def _bridged(self) -> bool:
        return any(
            chain.family == "bridge" and chain.base is not None and (chain.rules or chain.base.policy is VerdictKind.DROP)
            for chain in self.ruleset.chains
        )

    @property
    def _strange(self) -> bool:
        """Whether there are base chains of which nobody knows what they see."""
        return any(
            chain.base is not None and (chain.family not in _FAMILIES or chain.base.hook not in _HOOKS) for chain in self.ruleset.chains
        )

    # --- hooks ---

    def chains(self, hook: str, *, nat: bool = True) -> list[Chain]:
        """The base chains of a hook in the order the kernel asks them."""
        families = ("inet", "ip" if self.version == 4 else "ip6")
        found = [
            chain
            for chain in self.ruleset.chains
            if chain.base is not None
            and chain.base.hook == hook
            and chain.family in (("netdev", "inet") if hook in ("ingress", "egress") else families)
            and (nat or chain.base.type != "nat")
            and self.dormant.get((chain.family, chain.table)) is not True
        ]
        found.reverse()  # of equal priority the one that came last is asked first (net/netfilter/core.c, nf_hook_entries_grow)
        return sorted(found, key=lambda chain: _order(chain.base, hook))

    def _met(self, chain: Chain, link: Link) -> bool:
        devices = chain.base.devices if chain.base is not None else ()
        return devices is None or any(link.name == name or (name.endswith("*") and link.name.startswith(name[:-1])) for name in devices)

    def _met_before(self, chain: Chain, link: Link) -> bool:
        """Whether one of the links that a bridge or bond is made of meets the chain."""
        return not self._met(chain, link) and any(part.master == link.name and self._met(chain, part) for part in self.network.links)

    def _device(self, hook: str, lanes: list[Lane], link: Callable[[Lane], Link | None]) -> list[Lane]:
        """The chains at one device each."""
        for chain in self.chains(hook):
            groups: tuple[list[Lane], list[Lane], list[Lane]] = [], [], []
            for lane in lanes:
                device = link(lane)
                groups[0 if device is None else 1 if self._met(chain, device) else 2 * self._met_before(chain, device)].append(lane)
            lanes = [*groups[0], *self._ask(chain, groups[1], hook), *self._ask(chain, groups[2], hook, sure=False)]
        return lanes

    def _ask(self, chain: Chain, lanes: list[Lane], hook: str, *, reply: bool = False, sure: bool = True) -> list[Lane]:
        base = chain.base
        assert base is not None
        asked = lanes
        if base.type == "nat":  # only for new connections: not what is untracked, nor a destination that was translated before
            once = hook in ("prerouting", "output")
            asked = [lane for lane in lanes if lane.tracked and not (once and lane.translated)]
        if not asked:
            return lanes
        looped = hook == "prerouting" and asked[0].entry.local  # its connection is known since output
        early = hook in ("prerouting", "output") and base.type != "nat" and base.priority < BEFORE_TRACKING and not looped
        late = base.type != "nat" and base.priority >= _NAT_AT.get(hook, 1 << 31)
        sure = sure and self.dormant.get((chain.family, chain.table)) is not None and base.devices is not None
        went = self.walker.run(chain, asked, Moment(hook, early, reply, late), sure=sure)
        return [*went, *(lane for lane in lanes if lane not in asked)] if asked is not lanes else went

    def _hook(self, hook: str, lanes: list[Lane], *, nat: bool = True) -> list[Lane]:
        for chain in self.chains(hook, nat=nat):
            lanes = self._ask(chain, lanes, hook)
        return lanes

    def _walk(self) -> None:
        outside: list[Lane] = []
        inside: list[Lane] = []
        senders: dict[str, int] = {}
        active = {transport: self.matcher.ports.spans(spans) for transport, spans in self.ports.items()}
        for entry in self.entries():
            link = entry.links[0]
            if entry.local:
                senders[link.name] = self.rows.spans((number, number) for number in entry.addresses)
            elif link.name not in senders:
                senders[link.name] = self.router.senders(link)
            for transport in self.ports:
                lane = Lane(len(self.lanes), entry, transport, senders[link.name], active[transport])
                self.lanes.append(lane)
                (inside if entry.local else outside).append(lane)
        if self.ruleset.incomplete or self.ruleset.opaque or self._strange:
            self.walker.doubt(UNREAD, self.lanes, Moment("prerouting"))
        self._from_outside(outside)
        self._from_inside(inside)

    def _from_outside(self, lanes: list[Lane]) -> None:
        bridged = [lane for lane in lanes if lane.entry.links[0].kind == "bridge"] if self._bridged else []
        if bridged:
            self.walker.doubt(BRIDGE, bridged, Moment("prerouting"))
        lanes = self._device("ingress", lanes, lambda lane: lane.entry.links[0])
        lanes = self._hook("prerouting", lanes)
        here: list[Lane] = []
        on: list[Lane] = []
        for lane in lanes:
            way = self._route(lane)
            (here if way == "input" else on if way == "forward" else []).append(lane)
        self._replies(self._hook("input", here))
        self._leave(self._hook("forward", on))

    def _leave(self, lanes: list[Lane]) -> list[Lane]:
        """Out by a link."""
        return self._device("egress", self._hook("postrouting", lanes), lambda lane: self.router.links.get(str(lane.oif)))

    def _route(self, lane: Lane) -> str:
        """Where the kernel sends what came through prerouting: input, forward, or nowhere."""
        address = lane.destination
        if not isinstance(address, int | OneOf):
            self.walker.doubt(NO_ROUTE, [lane], Moment("prerouting"))
            return "nowhere"
        link = lane.entry.links[0]
        marked = lane.facts.get(("meta", "mark", None), 0) != 0
        if self.network.policy_routing and (marked or (odd := self.router.filtered(link))):
            self.walker.refuse(MARTIAN, [lane], Moment("prerouting"), ALL if marked else odd, sure=False)
        if isinstance(address, int) and self._here(address):
            if (self._only_local(address) and not link.route_localnet) or (self.version == 4 and address == 0):
                self.walker.refuse(MARTIAN, [lane], Moment("prerouting"))
                return "nowhere"
            return "input"
        if not (link.forwards4 if self.version == 4 else link.forwards6):
            self.walker.refuse(NOT_FORWARDED, [lane], Moment("prerouting"))
            return "nowhere"
        route = self.router.route(address) if isinstance(address, int) else self.router.route_of_all(address.first, address.last)
        if route is None or route.kind != "unicast":
            (self.walker.refuse if isinstance(address, int) else self.walker.doubt)(NO_ROUTE, [lane], Moment("prerouting"))
            return "nowhere"
        # Who is not believed where a packet goes out as it came in (IPv4), or where it does not (IPv6).
        refused = {(link.name in route.links) == (self.version == 4) for link in lane.entry.links}
        senders = self.router.unusual if self.version == 4 else self.rows.span(*_LINK_LOCAL)
        if True in refused and senders:
            self.walker.refuse(MARTIAN, [lane], Moment("prerouting"), senders, sure=len(refused) == 1)
        if self.version == 6:
            self.walker.refuse(MARTIAN, [lane], Moment("prerouting"), self.rows.span(0, 0))
        if len(route.links) != 1 or self.network.policy_routing:
            self.walker.doubt(NO_ROUTE, [lane], Moment("prerouting"))
        lane.oif = route.links[0] if route.links else ""
        lane.target = self._target(lane)
        return "forward"

    def _here(self, address: int) -> bool:
        """Whether packets for an address are for this host."""
        route = self.router.route(address)
        table = route is not None and route.kind in ("local", "anycast", "broadcast")
        return table or self.rows.holds(self.router.mine, address) or (self.version == 4 and address in (0, 0xFFFFFFFF))

    def _target(self, lane: Lane) -> str | None:
        address, port = lane.destination, lane.port
        if isinstance(address, OneOf):
            return f"{address_text(address.first, self.version)}-{address_text(address.last, self.version)}"
        if not isinstance(address, int):
            return None
        return (
            f"{address_text(address, self.version, bracket=True)}:{port}" if isinstance(port, int) else address_text(address, self.version)
        )

    def _replies(self, lanes: list[Lane]) -> None:
        """Answers have to get out as well: chains of output and postrouting, asked about an established connection's answer."""
        tcp = [lane for lane in lanes if lane.transport == TCP and not lane.entry.local] if self.answers else []
        for chain in self._answer_chains():
            assert chain.base is not None
            self._ask(chain, tcp, chain.base.hook, reply=True)

    def _from_inside(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            lane.oif = "lo"
        lanes = self._hook("output", lanes)
        here, out = [], []
        for lane in lanes:
            if isinstance(lane.destination, int) and self._here(lane.destination):
                here.append(lane)
            elif self._onward(lane):
                out.append(lane)
        self._leave(out)
        here = self._device("ingress", self._leave(here), lambda lane: lane.entry.links[0])
        for chain in self.chains("prerouting", nat=False):
            here = self._ask(chain, here, "prerouting")
        self._hook("input", here)

    def _onward(self, lane: Lane) -> bool:
        """Where a packet of this host goes that was translated to another's address."""
        address = lane.destination
        lane.target = self._target(lane)
        route = self.router.route(address) if isinstance(address, int) else None
        if route is None or route.kind != "unicast" or len(route.links) != 1:
            (self.walker.doubt if route is not None or not isinstance(address, int) else self.walker.refuse)(
                NO_ROUTE, [lane], Moment("output")
            )
            return False
        lane.oif = route.links[0]
        link = self.router.links.get(lane.oif)
        if isinstance(lane.source, int) and self._only_local(lane.source) and not (link is not None and link.route_localnet):
            self.walker.refuse(MARTIAN, [lane], Moment("output"))
            return False
        return True


def _order(base: Base | None, hook: str) -> tuple[int, int]:
    """NAT chains at the place of the kernel's NAT hook, among themselves by their own priority."""
    assert base is not None
    return (_NAT_AT.get(hook, base.priority), base.priority) if base.type == "nat" else (base.priority, -(1 << 31))


def address_text(number: int, version: int, *, bracket: bool = False) -> str:
    """As people read it."""
    from portulan.model.address import format_address

    text = format_address(number.to_bytes(4 if version == 4 else 16))
    return f"[{text}]" if bracket and version == 6 else text
