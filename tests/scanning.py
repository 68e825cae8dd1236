"""What tests of probers share: a plain loop that asks every pair, again where nothing answers, and keeps the strongest answer."""

import time
from ipaddress import ip_address, ip_network

import numpy as np

from portulan.model.scan import REASONS, Verdict
from portulan.scan.space import Space


def space_of(*networks, ports):
    """The pairs of addresses or networks of one family."""
    found = [ip_network(each, strict=False) for each in networks]
    ranges = sorted((int(each[0]), int(each[-1])) for each in found)
    return Space(found[0].version, ranges, sorted(ports))


def ask(prober, space, *, rounds=1, wait_s=0.5, most=1024):
    """{(address, port): (verdict, reason, responder)} of every pair that answered."""
    found = {}
    unanswered = np.arange(space.pairs)
    for tag in range(rounds):
        left, quiet_since = unanswered, time.monotonic()
        while unanswered.size and (left.size or time.monotonic() - quiet_since < wait_s):
            if left.size and (room := prober.room()):
                sent, begun, ended = prober.send(left[: min(room, most)], tag)
                assert begun <= ended
                left, quiet_since = left[sent:], time.monotonic()
            answers = prober.receive(0.0 if left.size and prober.room() else 0.02)
            if answers is not None:
                assert len({len(column) for column in answers}) == 1
                _keep(found, answers)
                unanswered = unanswered[~np.isin(unanswered, answers.pair)]
                quiet_since = time.monotonic()
            if left.size and not prober.room() and time.monotonic() - quiet_since > wait_s:
                prober.forget(time.time())
        prober.forget(time.time())
    named = {}
    for pair, (verdict, reason, by) in found.items():
        host, port = space.split(np.array([pair]))
        named[space.address(int(host[0])), int(port[0])] = verdict, REASONS[reason], prober.responders[by] if by else None
    return named


def _keep(found, answers):
    for pair, verdict, reason, by in zip(
        answers.pair.tolist(), answers.verdict.tolist(), answers.reason.tolist(), answers.by.tolist(), strict=True
    ):
        if verdict > found.get(pair, (Verdict.NONE,))[0]:
            found[pair] = verdict, reason, by


def ports_with(found, verdict, address=None):
    """The ports that got this verdict."""
    return {
        port for (at, port), (said, _, _) in found.items() if said == verdict and (address is None or ip_address(at) == ip_address(address))
    }
