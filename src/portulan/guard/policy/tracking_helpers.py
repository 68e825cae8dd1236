"""Services that need more than their own port: what the kernel's connection-tracking helpers open for them, and who cannot do without.

The kernel's names and transports of the helpers: net/netfilter/nf_conntrack_{ftp,tftp,sip,pptp,amanda,irc,netbios_ns,sane,snmp}.c.
"""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.guard.policy.problems import nearest
from portulan.model.port import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.policy import Ports

HELPERS: dict[str, tuple[Transport, ...]] = {
    "ftp": (Transport.TCP,), "tftp": (Transport.UDP,), "sip": (Transport.TCP, Transport.UDP), "pptp": (Transport.TCP,), "amanda": (Transport.UDP,),
    "irc": (Transport.TCP,), "netbios-ns": (Transport.UDP,), "sane": (Transport.TCP,), "snmp": (Transport.UDP,),
}  # fmt: skip
"""A helper, and the transports on which it listens."""
NONE = "none"
"""What a line says that is to do without."""
_NEEDED = {
    (Transport.TCP, 21): "ftp", (Transport.UDP, 5060): "sip", (Transport.TCP, 1723): "pptp", (Transport.UDP, 10080): "amanda",
}  # fmt: skip
"""Servers whose clients open further connections in: passive ftp, the voices of sip, the tunnel of pptp, amanda's data. tftp's answers go out first, and so need none on the server."""
_NEEDED_OUT = {(Transport.TCP, 21): "ftp", (Transport.UDP, 69): "tftp", (Transport.UDP, 5060): "sip", (Transport.TCP, 1723): "pptp"}
"""Clients that are to be answered from, or to call, further ports."""


def check_helper(name: str, ports: Ports, helper: str | None, section: str) -> str | None:
    """The helper of a line, None for none. Raises BadInput for one that is not known, does not fit, or is needed and not named.

    A range that only happens to hold such a port (`1-1024`) needs none: only a line for that very port does.
    """
    if helper is None:
        needed = _NEEDED if section == "doors" else _NEEDED_OUT
        for transport, numbers in ports:
            for number in numbers if len(numbers) == 1 else ():
                if (transport, number) in needed:
                    raise BadInput("policy.helper-needed", text=name, helper=needed[transport, number])
        return None
    if helper == NONE:
        return None
    if helper not in HELPERS:
        raise BadInput("policy.helper", text=helper, known=", ".join((*HELPERS, NONE)), near=nearest(helper, HELPERS))
    if not any(transport in HELPERS[helper] for transport, _ in ports):
        raise BadInput("policy.helper-transport", text=helper, name=name, transport=HELPERS[helper][0].value)
    return helper


def needed_through(ports: Ports) -> str | None:
    """The first helper without which one of these services does not get through a machine between networks. A range that only happens to hold its port counts too."""
    return next(
        (helper for (transport, port), helper in _NEEDED_OUT.items() if any(kind is transport and port in held for kind, held in ports)),
        None,
    )


def needed_helper(transport: Transport, port: int) -> str | None:
    """The helper without which a server on this port does only half of what it should; None for most."""
    return _NEEDED.get((transport, port))
