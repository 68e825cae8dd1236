"""A TLS handshake on a connection that stands, without waiting: how long it takes, and until when the certificate is valid.

Nothing is verified: a certificate that nobody trusts has an end too, and the question is whether the service answers.
"""

from __future__ import annotations

import ssl
from time import perf_counter_ns

from portulan.errors import ParseError
from portulan.model.path import Secure
from portulan.wire.certificate import parse_not_after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket  # noqa: N812 - the class keeps its C name
    from collections.abc import Callable

_PIECE = 16_384


class Handshake:
    """Client side. `step` after each event; calls `done` once."""

    def __init__(self, one: Socket, host: str, done: Callable[[Secure], None]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._socket, self._done = one, done
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=_server_name(host))
        self._begun_ns = perf_counter_ns()

    def on_event(self, _: int) -> None:
        """More came, or the end."""
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            self._done(Secure(None, failure=error.strerror or str(error)))
            return
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        self.step()

    def step(self) -> bool:
        """Go on as far as can be; whether there is more to come."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return self._flush()
        except (ssl.SSLError, OSError) as error:
            self._flush(quiet=True)
            self._done(Secure(None, failure=getattr(error, "reason", None) or error.strerror or str(error)))
            return False
        took_ns = perf_counter_ns() - self._begun_ns
        self._flush(quiet=True)
        certificate = self._tls.getpeercert(binary_form=True)
        try:
            not_after = None if certificate is None else parse_not_after(certificate)
        except ParseError:
            not_after = None
        self._done(Secure(took_ns, self._tls.version(), not_after))
        return False

    def _flush(self, *, quiet: bool = False) -> bool:
        data = self._out.read()
        if not data:
            return True
        try:
            self._socket.send(data)  # a hello is smaller than any socket's buffer
        except OSError as error:
            if not quiet:
                self._done(Secure(None, failure=error.strerror or str(error)))
            return False
        return True


def _server_name(host: str) -> str | None:
    """RFC 6066, section 3: a name, never an address."""
    return None if ":" in host or host.replace(".", "").isdigit() else host
