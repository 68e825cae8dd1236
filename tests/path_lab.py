"""Chains of routers between a client and a server, with filters, loops, limits and forgers where a test wants them."""

from labs import inhabit

OPEN, OTHER, CLOSED = 443, 22, 444
QUIET_LIMITS = {
    "net.ipv4.icmp_ratelimit": 0,
    "net.ipv6.icmp.ratelimit": 0,
    "net.ipv4.icmp_msgs_per_sec": 1_000_000,
    "net.ipv4.icmp_msgs_burst": 1_000_000,
}
"""Linux answers a stranger six times and then once a second; a hundred runs in a row need more."""


class Chain:
    """client - r1 - … - rN - server; the server is N + 1 hops away."""

    def __init__(self, sandbox, routers, *, delay_ms=0.0, peers=None, limits=QUIET_LIMITS, mtus=None):
        self.sandbox = sandbox
        self.client = sandbox.host("client")
        self.routers = [sandbox.router(f"r{at}", root=peers) for at in range(1, routers + 1)]
        self.server = sandbox.host("server", root=peers)
        self.hosts = [self.client, *self.routers, self.server]
        self.links = []
        for at, (near, far) in enumerate(zip(self.hosts, self.hosts[1:], strict=False)):
            more = {} if mtus is None or at not in mtus else {"mtu": mtus[at]}
            if delay_ms and at == 0:
                more["delay"] = delay_ms
            self.links.append(sandbox.link(near, far, **more))
        sandbox.route_all()
        for host in (*self.routers, self.server):
            for name, value in limits.items():
                host.set(name, value)
        inhabit(self.client)

    @property
    def distance(self):
        return len(self.routers) + 1

    def address(self, version, hop=None):
        """Of the server, or of the router at this hop, as its answers come."""
        host = self.server if hop is None or hop == self.distance else self.routers[hop - 1]
        return host.address if version == 4 else host.address6
