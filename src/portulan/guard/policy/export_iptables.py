"""A policy as iptables-save writes rules (iptables-restore(8), iptables-extensions(8)): one text for IPv4, one for IPv6."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.guard.policy.export_parts import ANYBODY, in_force, one_line, place_of, port_words, senders_of
from portulan.guard.policy.meaning import ICMPV6_KEPT, ICMPV6_LISTENERS, ICMPV6_NEIGHBOURS
from portulan.model.guard_export import Export, Target
from portulan.model.policy import Refusal
from portulan.model.port import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from portulan.guard.policy.export_parts import Who
    from portulan.model.policy import Crossing, Limit, Line, Policy

MOST_RULES = 50_000
"""iptables asks its rules one by one: a longer list is no firewall for a person to want."""
_SECOND_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MOST_BURST = 10_000
_DAY_S = 86400
"""hashlimit counts in credits, of which no more than one to two days' worth fit into its 64 bits (net/netfilter/xt_hashlimit.c, MAX_CPJ): a burst that takes longer to come
back is refused by the kernel for rates a day, and silently another one for rates an hour."""
_COMMENT = 120
_REFUSE, _DOORS, _PUBLISHED, _WAYS = "portulan-refuse", "portulan-doors", "portulan-published", "portulan-ways"


def export_iptables(policy: Policy, today: date, uplinks: Iterable[str], version: int) -> Export:
    """The text for one IP version. Raises BadInput for a line that has more senders than iptables can bear."""
    return Export(Target.IPTABLES, _Writer(policy, today, tuple(uplinks), version).text(), version)


def _in_a_day(limit: Limit) -> int:
    """How many it lets through in a day; of a slower rate there is none."""
    return limit.number * _DAY_S // _SECOND_S[limit.per.value]


class _Writer:
    def __init__(self, policy: Policy, today: date, uplinks: tuple[str, ...], version: int) -> None:
        self.policy, self.today, self.uplinks, self.version = policy, today, uplinks, version
        self.chains: dict[str, str] = {}
        self.rules: list[str] = []
        self.helpers: dict[str, None] = {}
        self.masked: list[str] = []
        self._lets: dict[tuple[int, int, str], str] = {}

    def text(self) -> str:
        policy = self.policy
        self.chains.update(
            {"INPUT": "DROP", "FORWARD": "DROP" if policy.zones else "ACCEPT", "OUTPUT": "ACCEPT" if policy.outgoing is None else "DROP"}
        )
        for chain in (_REFUSE, _DOORS, _PUBLISHED):
            self.chains[chain] = "-"
        self._kept("INPUT", out=False)
        self._ping("INPUT", out=False)
        self.add("INPUT", "-m conntrack --ctstate DNAT", go=_PUBLISHED)
        self.add("INPUT", "", jump=_DOORS)
        self.add("INPUT", "", go=_REFUSE)
        self._doors(policy.doors, _DOORS, out=False)
        self.add(_PUBLISHED, "", go=_REFUSE, last=True)
        self._forward()
        if policy.outgoing is not None:
            self.chains[_WAYS] = "-"
            self._kept("OUTPUT", out=True)
            self._ping("OUTPUT", out=True)
            self.add("OUTPUT", "", jump=_WAYS)
            self.add("OUTPUT", "", go=_REFUSE)
            self._doors(policy.outgoing, _WAYS, out=True)
        self._refuse()
        return self._written()

    def add(self, chain: str, match: str, *, jump: str = "", go: str = "", note: str = "", last: bool = False) -> None:
        """A rule. `last`: it stays behind those of its chain that are still to come."""
        if len(self.rules) >= MOST_RULES:
            raise BadInput("export.too-many", most=MOST_RULES, file=self.policy.file)
        words = [
            "-A",
            chain,
            *match.split(),
            *(["-m", "comment", "--comment", f'"{note}"'] if note else []),
            *(["-j", jump] if jump else ["-g", go]),
        ]
        self.rules.append(("\x7f" if last else "") + " ".join(words))

    # --- what every policy keeps ---

    def _kept(self, chain: str, *, out: bool) -> None:
        self.add(chain, "-m conntrack --ctstate RELATED,ESTABLISHED", jump="ACCEPT")
        self.add(chain, "-o lo" if out else "-i lo", jump="ACCEPT")
        if self.version == 4:
            for kind in ("3", "11", "12"):
                self.add(chain, f"-p icmp -m icmp --icmp-type {kind}", jump="ACCEPT")
        else:
            for number in sorted(ICMPV6_KEPT):
                self.add(chain, f"-p ipv6-icmp -m icmp6 --icmpv6-type {number}", jump="ACCEPT")
            for number in sorted(ICMPV6_NEIGHBOURS):
                self.add(chain, f"-p ipv6-icmp -m icmp6 --icmpv6-type {number} -m hl --hl-eq 255", jump="ACCEPT")
            for number in sorted(ICMPV6_LISTENERS):
                self.add(chain, f"{'' if out else '-s fe80::/10 '}-p ipv6-icmp -m icmp6 --icmpv6-type {number}", jump="ACCEPT")
        self.add(chain, "-m conntrack --ctstate INVALID", go=_REFUSE)
        for match in self._dhcp(out=out):
            self.add(chain, match, jump="ACCEPT", note="DHCP")

    def _dhcp(self, *, out: bool) -> tuple[str, ...]:
        if self.version == 4:
            first, second = (68, 67) if out else (67, 68)
            return (f"-p udp -m udp --sport {first} --dport {second}",)
        if out:
            return tuple(f"-d {where} -p udp -m udp --sport 546 --dport 547" for where in ("fe80::/10", "ff02::1:2/128"))
        return ("-s fe80::/10 -p udp -m udp --sport 547 --dport 546",)

    def _ping(self, chain: str, *, out: bool) -> None:
        if self.version == 4:
            for each in senders_of(self.policy.ping_out if out else self.policy.ping, 4):
                self.add(chain, f"{_senders(each, out=out)} -p icmp -m icmp --icmp-type 8", jump="ACCEPT", note="ping")

    # --- the lines ---

    def _doors(self, lines: tuple[Line, ...], chain: str, *, out: bool) -> None:
        for number, line in enumerate(in_force(lines, self.today), 1):
            meant = senders_of(line.sources, self.version)
            if not meant:
                continue
            note = _note(line)
            own = f"portulan-{'way' if out else 'line'}-{number}"
            if meant == [ANYBODY]:
                verdict = self._let(line, number, out=out)
            else:
                self.chains[own] = "-"
                verdict = own
                for each in meant:
                    self.add(own, _senders(each, out=out), jump=self._let(line, number, out=out))
            for transport, words in port_words(line, ":"):
                self.add(chain, f"-p {transport.value} -m {transport.value} --dport {words}", jump=verdict, note=note)
                if not out:
                    asked = f"-p {transport.value} -m conntrack --ctproto {transport.value} --ctorigdstport {words}"
                    self.add(_PUBLISHED, asked, jump=verdict, note=note)
            if line.helper is not None and not out:
                self._help(line)

    def _let(self, line: Line | Crossing, number: int, *, out: bool = False, crossing: bool = False) -> str:
        """Where a line's packets go in the end: ACCEPT, or a chain of its own for its rate and its log."""
        if line.limit is None and not line.log:
            return "ACCEPT"
        kind = "cross" if crossing else "out" if out else "let"
        name = f"portulan-{kind}-{number}"
        if name not in self.chains:
            self.chains[name] = "-"
            rate = "" if line.limit is None else self._rate(line, line.limit, name)
            if line.limit is not None and line.log:
                inner = f"{name}-log"
                self.chains[inner] = "-"
                self.add(name, rate, jump=inner)
                name_of_log = inner
            else:
                name_of_log = name
            if line.log:
                prefix = one_line(f"portulan {line.text}", 25)
                self.rules.append(f'-A {name_of_log} -j LOG --log-prefix "{prefix}: "')
            self.add(name_of_log, rate if name_of_log == name else "", jump="ACCEPT")
        return name

    def _rate(self, line: Line | Crossing, limit: Limit, name: str) -> str:
        if limit.burst > min(_MOST_BURST, _in_a_day(limit)) or limit.number > _MOST_BURST * _SECOND_S[limit.per.value]:
            raise BadInput("export.rate-bounds", **place_of(self.policy, line), most=_MOST_BURST)
        mask = " --hashlimit-srcmask 64" if self.version == 6 else ""
        memory_ms = max(60, -(-limit.burst * _SECOND_S[limit.per.value] // limit.number)) * 1000
        return (
            f"-m hashlimit --hashlimit-upto {limit.number}/{limit.per.value} --hashlimit-burst {limit.burst} --hashlimit-mode srcip{mask} "
            f"--hashlimit-name {name[9:]}-{self.version} --hashlimit-htable-expire {memory_ms}"
        )

    def _help(self, line: Line) -> None:
        for transport, words in port_words(line, ":"):
            if (line.helper == "tftp") == (transport is Transport.UDP) or line.helper == "sip":
                self.helpers[f"-A PREROUTING -p {transport.value} -m {transport.value} --dport {words} -j CT --helper {line.helper}"] = None

    def _forward(self) -> None:
        policy = self.policy
        self.add("FORWARD", "-m conntrack --ctstate RELATED,ESTABLISHED", jump="ACCEPT")
        self.chains["portulan-sent-on"] = "-"
        if not policy.zones:
            self.add("FORWARD", "-m conntrack --ctstate DNAT", go=_PUBLISHED)
            for link in self.uplinks:
                self.add("FORWARD", f"-i {_link(link)}", go=_REFUSE)
            del self.chains["portulan-sent-on"]
            return
        # With zones, what no door lets in may still be let through between them.
        self.add("FORWARD", "-m conntrack --ctstate DNAT", jump="portulan-sent-on")
        self.rules += [
            rule.replace(f"-A {_PUBLISHED} ", "-A portulan-sent-on ", 1) for rule in self.rules if rule.startswith(f"-A {_PUBLISHED} ")
        ]
        crossings = sorted((each for each in policy.crossings if not each.is_over(self.today)), key=lambda each: each.limit is not None)
        for number, crossing in enumerate(crossings, 1):
            verdict = self._let(crossing, number, crossing=True)
            for come in crossing.source.links:
                for go in crossing.target.links:
                    way = f"-i {_link(come)} -o {_link(go)}"
                    if crossing.everything:
                        self.add("FORWARD", way, jump=verdict, note=_note(crossing))
                    for transport, words in () if crossing.everything else port_words(crossing, ":"):
                        self.add(
                            "FORWARD",
                            f"{way} -p {transport.value} -m {transport.value} --dport {words}",
                            jump=verdict,
                            note=_note(crossing),
                        )
                    if crossing.masquerade and self.version == 4:
                        # Only what came in by the one zone: nat's POSTROUTING knows no interface of arrival, so it is marked on its way.
                        self.masked.append(f"{come} {go}")
        self.add("FORWARD", "", go=_REFUSE)

    def _refuse(self) -> None:
        policy = self.policy
        if policy.log is not None:
            limit = policy.log
            self.rules.append(
                f'-A {_REFUSE} -m limit --limit {limit.number}/{limit.per.value} --limit-burst {min(limit.burst, _MOST_BURST, _in_a_day(limit))} -j LOG --log-prefix "portulan refused: "'
            )
        if policy.refusal is Refusal.REJECT:
            self.add(_REFUSE, "-m conntrack --ctstate INVALID", jump="DROP")
            self.rules.append(f"-A {_REFUSE} -p tcp -j REJECT --reject-with tcp-reset")
            self.rules.append(
                f"-A {_REFUSE} -j REJECT --reject-with {'icmp-port-unreachable' if self.version == 4 else 'icmp6-port-unreachable'}"
            )
        else:
            self.add(_REFUSE, "", jump="DROP")

    def _written(self) -> str:
        first = [rule for rule in self.rules if not rule.startswith("\x7f")]
        last = [rule[1:] for rule in self.rules if rule.startswith("\x7f")]
        lines = [f"# {one_line(self.policy.file, _COMMENT)}, for IPv{self.version}: all rules of these tables are replaced"]
        if self.helpers:
            lines += ["*raw", ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", *self.helpers, "COMMIT"]
        if self.masked:
            lines += ["*mangle", *(f":{chain} ACCEPT [0:0]" for chain in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"))]
            for number, pair in enumerate(self.masked, 1):
                come, go = map(_link, pair.split())
                lines.append(f"-A FORWARD -i {come} -o {go} -m conntrack --ctstate NEW -j CONNMARK --set-xmark {number:#x}0000/0xffff0000")
            lines += ["COMMIT", "*nat", *(f":{chain} ACCEPT [0:0]" for chain in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"))]
            for number, pair in enumerate(self.masked, 1):
                lines.append(f"-A POSTROUTING -o {_link(pair.split()[1])} -m connmark --mark {number:#x}0000/0xffff0000 -j MASQUERADE")
            lines.append("COMMIT")
        lines += ["*filter", *(f":{chain} {target} [0:0]" for chain, target in self.chains.items()), *first, *last, "COMMIT"]
        return "\n".join(lines) + "\n"


def _senders(each: Who, *, out: bool) -> str:
    words = []
    if each.link is not None:
        words.append(f"{'-o' if out else '-i'} {_link(each.link)}")
    if each.network is not None:
        words.append(f"{'-d' if out else '-s'} {each.network}")
    return " ".join(words)


def _link(name: str) -> str:
    return f"{name[:-1]}+" if name.endswith("*") else name


def _note(line: Line | Crossing) -> str:
    return one_line(f"{line.text}: {line.note}" if line.note else line.text, _COMMENT)
