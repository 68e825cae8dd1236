"""Names of hosts -> addresses, as this machine resolves them."""

from __future__ import annotations

import socket

from portulan.errors import BadInput, CannotTell

_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME), getattr(socket, "EAI_ADDRFAMILY", socket.EAI_NONAME)}


def resolve(name: str) -> tuple[str, ...]:
    """Every address of a host, in the resolver's order; one of a link with `%interface`. Raises BadInput for an unknown name, CannotTell."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except socket.gaierror as error:
        if error.errno in _UNKNOWN:
            raise BadInput("scan.unknown-host", text=name) from None
        raise CannotTell("scan.resolver", text=name, reason=error.strerror or str(error)) from error
    except (UnicodeError, ValueError):  # a label that is too long, a name that IDNA does not allow, a NUL
        raise BadInput("scan.unknown-host", text=name) from None
    except OSError as error:
        raise CannotTell("scan.resolver", text=name, reason=error.strerror or str(error)) from error
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
