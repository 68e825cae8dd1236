"""Endpoints and held sockets as the answers of `why` are made of."""

from builders import packed
from portulan.model.address import Exposure
from portulan.model.binding import Held
from portulan.model.chart import Endpoint, Socket, State
from portulan.model.port import PortClass, Transport


def endpoint(state=State.LISTENING, *, port=80, transport=Transport.TCP, address="0.0.0.0", cookies=(1,), **more):
    """An endpoint with a socket for each cookie."""
    return Endpoint(
        transport=transport, port=port, address=address, port_class=PortClass.SYSTEM, service=None, state=state, exposure=Exposure.ALL,
        sockets=tuple(Socket(inode=100 + cookie, cookie=cookie) for cookie in cookies), **{"owners": (), **more},
    )  # fmt: skip


def held(state=State.LISTENING, transport=Transport.TCP, cookie=1, address="0.0.0.0", port=80, **more):
    """A socket of root's that shares with nobody."""
    facts = {"uid": 0, "reuse_address": False, "reuse_port": False, **more}
    return Held(transport, packed(address), port, state, cookie, **facts)
