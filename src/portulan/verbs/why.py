"""Can a server bind this port, and if not, why not? The kernel's rule over what is held, and the kernel itself."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import BadInput, CannotTell
from portulan.host.attempts import IN_USE, conclude, lacks_privilege
from portulan.host.binding import find_held, judge
from portulan.host.cautions import find_cautions
from portulan.model.address import parse_address
from portulan.model.binding import ANY_4, ANY_6, Answer, Held, Judgement, Wish
from portulan.model.chart import Gap
from portulan.model.port import Port, Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.survey import Selection, Survey
from portulan.model.why import Cause, Caution, Why
from portulan.system.binder import open_binder
from portulan.verbs.ports import resolve_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.chart import Endpoint
    from portulan.model.ground import Addresses
    from portulan.model.survey import Row
    from portulan.model.why import Attempt, Holder, Suspect, Trial, Way
    from portulan.system.source import SocketSource

_NO_USER = 2**32 - 1
"""The kernel's word for "leave it as it is" where it expects a user."""
_CLOSING = (Cause.TIME_WAIT, Cause.LEFT_OVER, Cause.CONNECTION, Cause.BOUND)


def why(
    port: str | int,
    *,
    address: str | None = None,
    uid: int | None = None,
    reuse_address: bool | None = None,
    reuse_port: bool = False,
    v6_only: bool | None = None,
    device: str | None = None,
    source: str = "auto",
) -> Why:
    """Whether a server can bind one port (`80`, `53/udp`, `ssh`; TCP if no transport is named) in this network namespace, and listen there.

    The server is taken to want what servers do unless told otherwise: all addresses (`0.0.0.0`, and `::` with IPv4 in it where there is IPv6), SO_REUSEADDR for TCP
    and not for UDP, our own user. `address` is one written address (`fe80::1%eth0` where it is link-local). Another `uid` is tried for by root only, else judged by the rule.

    Every address is really bound and let go at once where that harms nobody, and the kernel's word is the answer; the rule says who is in the way.
    Raises BadInput for what is no port, address or interface; CannotTell and MachineFailed as `chart` does.
    """
    asked = _asked(port)
    if uid is not None and not 0 <= uid < _NO_USER:
        raise BadInput("why.uid", text=str(uid))
    quest = _Quest(asked, source)
    wishes = quest.wishes(address, device, uid=uid, reuse_address=reuse_address, v6_only=v6_only, reuse_port=reuse_port)
    return quest.answer(wishes, device)


def _asked(port: str | int) -> Port:
    """One port of one transport. Raises BadInput."""
    text = str(port)
    ports, transports = resolve_ports(text)
    if len(transports) > 1:
        transports = (Transport.TCP,)
        if not text[:1].isdigit():  # a service may have its port on UDP only
            try:
                ports, _ = resolve_ports(f"{text}/tcp")
            except BadInput:
                ports, transports = resolve_ports(f"{text}/udp")
    if len(ports) != 1:
        raise BadInput("why.one-port", text=text, ports=str(ports))
    if transports[0] not in (Transport.TCP, Transport.UDP, Transport.UDPLITE):
        raise BadInput("why.transport", text=transports[0].value)
    number = next(iter(ports))
    if not number:
        raise BadInput("why.any-port")
    return Port(number, transports[0])


class _Quest:
    """One question, while it is answered."""

    def __init__(self, asked: Port, source: str) -> None:
        self.port = asked.number
        assert asked.transport is not None
        self.transport = asked.transport
        self.source = source
        self.binder = open_binder(source)
        self.ground = self.binder.ground()
        self.taken_at = datetime.now(UTC)
        self.rows: tuple[Row, ...] = ()
        self.held: tuple[Held, ...] = ()
        self.endpoints: dict[int, Endpoint] = {}
        self.survey = Survey(source="", rows=())
        self.looked: str | None = None
        """`servers` or `everything`, once a look was taken."""
        self.trials: list[Trial | None] = []
        self.untried: list[str | None] = []
        self.defaulted = False

    def wishes(
        self,
        address: str | None,
        device: str | None,
        *,
        uid: int | None,
        reuse_address: bool | None,
        v6_only: bool | None,
        reuse_port: bool,
    ) -> list[Wish]:
        """What is to be bound. Raises BadInput."""
        address, _, scope = (address or "").partition("%")
        index = self.binder.device(device or scope) if device is not None or scope else 0
        self.defaulted = not address
        only = self.ground.v6_only if v6_only is None else v6_only
        if not address:
            places = [ANY_6] if v6_only else [ANY_4, ANY_6] if self.ground.ipv6 else [ANY_4]
            only = bool(v6_only)  # a server that wants everything says so
        else:
            places = [parse_address(address)]
        user = self.ground.uid if uid is None else uid
        reuse = self.transport is Transport.TCP if reuse_address is None else reuse_address
        return [Wish(self.transport, place, self.port, user or 0, reuse, reuse_port, len(place) == 16 and only, index) for place in places]

    def answer(self, wishes: list[Wish], device: str | None) -> Why:
        """Try, look as far as the trials leave a question, and conclude."""
        self.rows = self.binder.servers(self.port, self.transport)
        self.held = find_held(Survey(source="", rows=self.rows), self.rows[0].netns if self.rows else None)
        self._try(wishes, device)
        self._look_for(wishes)
        addresses = self._addresses(wishes)
        attempts = [self._conclude(at, wish, device, addresses) for at, wish in enumerate(wishes)]
        if self.defaulted and len(attempts) > 1 and attempts[1].cause is Cause.NO_FAMILY:
            wishes, attempts = wishes[:1], attempts[:1]
        holders = self._holders(wishes, attempts)
        attempts = [_with_cause(attempt, holders.get(at, ())) for at, attempt in enumerate(attempts)]
        return self._why(wishes, device, tuple(attempts), _merged(holders.values()))

    # Trying

    def _try(self, wishes: list[Wish], device: str | None) -> None:
        for wish in wishes:
            trial, untried = None, None
            alone = wish._replace(reuse_address=False, reuse_port=False)
            if self.transport is not Transport.TCP and wish != alone and judge(alone, self.held).answer is not Answer.YES:
                untried = "takes-datagrams"
            else:
                try:
                    trial = self.binder.attempt(wish, device, listen=not self.rows)
                except CannotTell:
                    untried = "other-user"
            self.trials.append(trial)
            self.untried.append(untried)

    def _again(self, at: int, wish: Wish, device: str | None) -> Trial | None:
        """Once more: somebody came or went between the trial and the look."""
        self.trials[at] = self.binder.attempt(wish, device, listen=False)
        return self.trials[at]

    # Looking

    def _look_for(self, wishes: list[Wish]) -> None:
        """Who is there: only as much as must be known. The dump of listening sockets is quick; that of all states walks the kernel's whole table."""
        if not self.binder.exact:
            self._look("everything")
            return
        open_questions = [
            wish for wish, trial in zip(wishes, self.trials, strict=True) if trial is None or trial.error == IN_USE
        ]  # fmt: skip
        if any(judge(wish, self.held).answer is not Answer.NO for wish in open_questions):
            self._look("everything")
        elif self.rows:
            self._look("servers")
            if any(judge(wish, self.held).answer is Answer.YES for wish in open_questions):
                self._look("everything")  # it has gone meanwhile

    def _machine(self) -> SocketSource:
        """The source of sockets with their holders: what brings it takes longer than an answer that needs none."""
        from portulan.system.source import open_source

        return open_source(self.source)

    def _look(self, what: str) -> None:
        from portulan.host.endpoints import Builder
        from portulan.system.registry_file import open_table

        machine = self._machine()

        selection = Selection(
            ports=PortSet.of([PortRange(self.port, self.port)]), transports=(self.transport,), every_state=what == "everything"
        )  # fmt: skip
        builder = Builder(
            service_of=open_table().usual, user_of=machine.user_name, container_of=machine.container_name,
            activated_by=machine.socket_unit,
        )  # fmt: skip
        held: list[Held] = []
        own: int | None = None
        for part in machine.survey(selection):
            builder.add(part)
            own = next((space.inode for space in part.namespaces if space.own), None)
            held += find_held(part, own)
        self.held = tuple(held)
        self.survey = builder.survey
        self.looked = what
        self.endpoints = {socket.cookie: item for item in builder.items() if item.netns == own for socket in item.sockets}

    def _addresses(self, wishes: list[Wish]) -> Addresses | None:
        """What this machine answers for, where that is in question."""
        asked = any(trial is None or trial.error == "EADDRNOTAVAIL" for trial in self.trials) and any(any(wish.address) for wish in wishes)
        return self.binder.addresses() if asked else None

    # Concluding

    def _conclude(self, at: int, wish: Wish, device: str | None, addresses: Addresses | None) -> Attempt:
        trial = self.trials[at]
        # Without a look nobody was there that listens; whoever else there may be, the kernel has just let us bind.
        unasked = self.looked is None and (trial is None or trial.error is not None)
        judgement = None if unasked else judge(wish, self.held)
        if trial is not None and judgement is not None and self.binder.exact:
            surprised = judgement.answer is Answer.YES if trial.error == IN_USE else trial.error is None and judgement.answer is Answer.NO
            if surprised:
                trial = self._again(at, wish, device)
        return conclude(
            wish, trial, judgement, self.ground, addresses, untried=self.untried[at], exact=self.binder.exact,
            by_listeners=self.looked != "everything",
        )  # fmt: skip

    def _holders(self, wishes: list[Wish], attempts: list[Attempt]) -> dict[int, tuple[Holder, ...]]:
        """Position of the attempt -> who is in the way there, or shares."""
        found: dict[int, tuple[Holder, ...]] = {}
        if not self.held:
            return found
        from portulan.host.causes import find_holders

        for at, (wish, attempt) in enumerate(zip(wishes, attempts, strict=True)):
            judgement = judge(wish, self.held)
            if attempt.answer is Answer.YES:
                judgement = Judgement(Answer.YES)
            inside = find_holders(wish, judgement, self.endpoints, self.ground.ephemeral, refused=attempt.error == IN_USE)
            mine = {id(one.endpoint) for one in inside}
            alone = wish._replace(reuse_address=False, reuse_port=False)
            beside = find_holders(alone, judge(alone, self.held), self.endpoints, self.ground.ephemeral, refused=False)
            found[at] = (*inside, *(one._replace(shares=True) for one in beside if id(one.endpoint) not in mine))
        return found

    def _reuse_helps(
        self, wishes: list[Wish], attempts: tuple[Attempt, ...], device: str | None, holders: tuple[Holder, ...]
    ) -> bool | None:
        """Whether SO_REUSEADDR would be enough."""
        if self.transport is not Transport.TCP or wishes[0].reuse_address or not any(one.cause in _CLOSING for one in holders):
            return None
        refused = [wish for wish, attempt in zip(wishes, attempts, strict=True) if attempt.error == IN_USE]
        return bool(refused) and all(
            self.binder.attempt(wish._replace(reuse_address=True), device, listen=False).error is None for wish in refused
        )

    def _why(self, wishes: list[Wish], device: str | None, attempts: tuple[Attempt, ...], holders: tuple[Holder, ...]) -> Why:
        first = next((one for one in attempts if one.answer is Answer.NO), None) or next(
            (one for one in attempts if one.answer is Answer.MAYBE), attempts[0]
        )
        wish = wishes[attempts.index(first)]
        suspects: tuple[Suspect, ...] = ()
        if first.cause is Cause.POLICY:
            from portulan.host.confinement import find_suspects

            suspects = find_suspects(self.binder.confinement(wish), first.error or "", self.transport)
        if holders:
            machine = self._machine()
            holders = tuple(one._replace(endpoint=_with_parents(one.endpoint, machine)) for one in holders)
        ways: tuple[Way, ...] = ()
        if first.answer is not Answer.YES:
            from portulan.host.ways import find_ways

            helps = self._reuse_helps(wishes, attempts, device, holders)
            ways = find_ways(first.cause, wish, holders, self.ground, suspects, reuse_helps=helps)
        moved = dict.fromkeys(trial.moved for trial in self.trials if trial is not None and trial.moved is not None)
        cautions = find_cautions(
            wish, first.answer, first.cause, attempts, holders, self.ground, moved=moved, privileged=lacks_privilege(wish, self.ground)
        )
        if first.answer is Answer.YES:
            cautions = (*cautions, *self._published())
        return Why(
            port=Port(self.port, self.transport), host=self.binder.host_name(), taken_at=self.taken_at, service=self._service(),
            answer=first.answer, cause=first.cause, items=attempts, uid=None if self.ground.uid is None else wish.uid, user=None if self.ground.uid is None else self.binder.user_name(wish.uid), reuse_address=wish.reuse_address,
            reuse_port=wish.reuse_port, device=device, holders=holders, remedies=ways, warnings=cautions, suspects=suspects,
            confirmed=all(one.tried and one.disagreement is None for one in attempts), exact=self.binder.exact, gaps=self._gaps(first, holders),
            source=self.survey.source, ephemeral=self.ground.ephemeral,
        )  # fmt: skip

    def _published(self) -> tuple[Caution, ...]:
        """Whether connections would get as far as the port."""
        redirects = self.binder.redirects(self.port, self.transport)
        if redirects is None:
            return (Caution("published-unknown"),)
        return tuple(Caution("published", {"where": one.where, "target": one.target}) for one in redirects[:4])

    def _gaps(self, first: Attempt, holders: tuple[Holder, ...]) -> tuple[Gap, ...]:
        """What was kept from us, as far as it matters here: only sockets of our own namespace can be in the way, and the kernel lists those to everybody."""
        elsewhere = ("namespace.forbidden", "namespace.unreachable", "namespaces.unknown")
        gaps = tuple(gap for gap in self.survey.gaps if gap.code not in elsewhere)
        hidden = any(one.endpoint.owners is None for one in holders)
        if not hidden:
            gaps = tuple(gap for gap in gaps if gap.code in ("psutil.limited", "psutil.forbidden"))
        return gaps if first.answer is not Answer.YES or holders else ()

    def _service(self) -> str | None:
        from portulan.system.registry_file import open_table

        return open_table().usual(self.port, self.transport)


def _with_parents(item: Endpoint, machine: SocketSource) -> Endpoint:
    """The endpoint, its holders with their parent chains."""
    if not item.owners:
        return item
    chains = {owner.pid: machine.parents(owner.pid) for owner in item.owners}
    return item._replace(owners=tuple(owner._replace(parents=chains[owner.pid]) for owner in item.owners))


def _with_cause(attempt: Attempt, holders: tuple[Holder, ...]) -> Attempt:
    """The attempt with the cause that its first holder is, if holders are what is in the way."""
    if attempt.cause is not Cause.UNSEEN or not holders or holders[0].shares:
        return attempt
    return attempt._replace(cause=holders[0].cause, overlap=holders[0].overlap)


def _merged(each: Iterable[tuple[Holder, ...]]) -> tuple[Holder, ...]:
    """All holders, each endpoint once; who is in the way somewhere is in the way."""
    found: dict[int, Holder] = {}
    for holders in each:
        for one in holders:
            known = found.get(id(one.endpoint))
            if known is None or (known.shares and not one.shares):
                found[id(one.endpoint)] = one
    return tuple(sorted(found.values(), key=lambda one: one.shares))
