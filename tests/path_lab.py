"""Chains of routers between a client and a server, with filters, loops, limits and forgers where a test wants them."""

import sys

from labs import inhabit

OPEN, OTHER, CLOSED, MUTE, ECHO = 443, 22, 444, 9000, 7
"""Of the server: two TCP ports where somebody accepts, one of nobody, a UDP port whose owner never answers, and one that echoes."""
QUIET_LIMITS = {
    "net.ipv4.icmp_ratemask": 0, "net.ipv6.icmp.ratelimit": 0, "net.ipv4.icmp_msgs_per_sec": 1_000_000, "net.ipv4.icmp_msgs_burst": 1_000_000,
}  # fmt: skip
"""Linux answers a stranger six times and then once a second; a hundred runs in a row need more."""
SERVER = """
import select, socket, sys
tcp, mute, echo = ([int(each) for each in word.split(",") if each] for word in sys.argv[1:4])
epoll, sockets = select.epoll(), {}
for port in tcp:
    for family in (socket.AF_INET, socket.AF_INET6):
        one = socket.socket(family)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(("", port)); one.listen(1024); one.setblocking(False)
        sockets[one.fileno()] = one; epoll.register(one, select.EPOLLIN)
for port in (*mute, *echo):
    one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); one.bind(("::", port)); one.setblocking(False)
    sockets[one.fileno()] = one
    if port in echo:
        epoll.register(one, select.EPOLLIN)
while True:
    for number, _ in epoll.poll():
        one = sockets[number]
        try:
            while True:
                if one.type == socket.SOCK_STREAM:
                    one.accept()[0].close()
                else:
                    data, whence = one.recvfrom(2048)
                    one.sendto(data, whence)
        except OSError:
            pass
"""


def serve(host, tcp=(), mute=(), echo=()):
    """A server that accepts and closes on TCP ports, keeps silent on some UDP ports and sends back what comes to others; ready when this returns."""
    words = [",".join(map(str, ports)) for ports in (tcp, mute, echo)]
    process = host.start([sys.executable, "-c", SERVER, *words])
    for port in tcp:
        host.wait_for_port(port)
    for port in (*mute, *echo):
        host.wait_for_port(port, transport="udp")
    return process


class Chain:
    """client - r1 - … - rN - server; the server is N + 1 hops away. `delay_ms`: what one link takes there and back, as a rule the first."""

    def __init__(self, sandbox, routers, *, delay_ms=0.0, delay_at=0, peers=None, limits=QUIET_LIMITS, mtus=None, server=True):
        self.sandbox = sandbox
        self.client = sandbox.host("client")
        self.routers = [sandbox.router(f"r{at}", root=peers) for at in range(1, routers + 1)]
        self.server = sandbox.host("server", root=peers)
        self.hosts = [self.client, *self.routers, self.server]
        self.links = []
        for at, (near, far) in enumerate(zip(self.hosts, self.hosts[1:], strict=False)):
            more = {} if mtus is None or at not in mtus else {"mtu": mtus[at]}
            if delay_ms and at == delay_at:
                self.links.append(sandbox.delayed_link(near, far, delay_ms=delay_ms / 2, **more))
            else:
                self.links.append(sandbox.link(near, far, **more))
        sandbox.route_all()
        for host in (*self.routers, self.server):
            for name, value in limits.items():
                host.set(name, value)
        inhabit(self.client)
        if server:
            serve(self.server, (OPEN, OTHER), (MUTE,), (ECHO,))

    @property
    def distance(self):
        return len(self.routers) + 1

    def address(self, version, hop=None):
        """Of the server, or of the router at this hop, as its answers come."""
        host = self.server if hop is None or hop == self.distance else self.routers[hop - 1]
        return host.address if version == 4 else host.address6
