"""tcpdump's filter language (pcap-filter(7)), compiled by libpcap where it is installed: by ctypes, it is no dependency of ours."""

from __future__ import annotations

import re
from contextlib import contextmanager

from portulan.errors import BadInput, CannotTell
from portulan.wire.socket_filter import parse_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Iterator

    Step = tuple[int, int, int, int]

_NAMES = ("libpcap.so.0.8", "libpcap.so.1", "libpcap.so", "libpcap.A.dylib")
_LONGEST = 1 << 16
_WHOLE = 1 << 18
_UNKNOWN_NETWORK = 0xFFFF_FFFF
_DLT = {1: 1, 101: 12}
"""LINKTYPE -> libpcap's own number of it on this system (pcap/dlt.h)."""
_OF_AN_INTERFACE = re.compile(r"\b(vlan|inbound|outbound|ifindex)\b")
"""What is not in the bytes of a frame as the kernel keeps it: libpcap must know that it compiles for an interface."""
_MESSAGE = 256


def compile_filter(expression: str, link: int, *, interface: str | None = None) -> list[Step]:
    """The program for frames of one LINKTYPE (1 Ethernet, 101 IP packets), as tcpdump would have it on `interface`, if one is given.

    Raises BadInput with libpcap's message, CannotTell where libpcap is not installed. A name in the expression is looked up as tcpdump does.
    """
    if "\0" in expression or len(expression) > _LONGEST:
        raise BadInput("traffic.filter", text=expression[:80], reason="")
    library = _library()
    live = interface is not None and link == 1 and _OF_AN_INTERFACE.search(expression)
    with _on_interface(library, interface or "") if live else _of_link(library, link) as handle:
        return _compile(library, handle, expression)


def _library() -> ctypes.CDLL:
    import ctypes

    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
            for function in ("pcap_open_dead", "pcap_create"):
                getattr(library, function).restype = ctypes.c_void_p
            library.pcap_geterr.restype = ctypes.c_char_p
        except (OSError, AttributeError):
            continue
        return library
    raise CannotTell("traffic.no-libpcap")


@contextmanager
def _of_link(library: ctypes.CDLL, link: int) -> Iterator[ctypes.c_void_p]:
    import ctypes

    handle = library.pcap_open_dead(_DLT.get(link, link), _WHOLE)
    if not handle:
        raise CannotTell("traffic.no-libpcap")
    handle = ctypes.c_void_p(handle)
    try:
        yield handle
    finally:
        library.pcap_close(handle)


@contextmanager
def _on_interface(library: ctypes.CDLL, interface: str) -> Iterator[ctypes.c_void_p]:
    """A handle that listens, for as long as it takes to compile: tags that were taken off frames are asked for then where the kernel keeps them."""
    import ctypes

    message = ctypes.create_string_buffer(_MESSAGE)
    handle = library.pcap_create(interface.encode(), message)
    if not handle:
        raise CannotTell("traffic.filter-interface", interface=interface, reason=_text(message.value))
    handle = ctypes.c_void_p(handle)
    try:
        library.pcap_set_snaplen(handle, _WHOLE)
        library.pcap_set_buffer_size(handle, 1 << 16)
        if library.pcap_activate(handle) < 0:
            raise CannotTell("traffic.filter-interface", interface=interface, reason=_text(library.pcap_geterr(handle)))
        yield handle
    finally:
        library.pcap_close(handle)


def _compile(library: ctypes.CDLL, handle: ctypes.c_void_p, expression: str) -> list[Step]:
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_uint), ("steps", ctypes.c_void_p))

    program = Program()
    if library.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, ctypes.c_uint(_UNKNOWN_NETWORK)):
        raise BadInput("traffic.filter", text=expression, reason=_text(library.pcap_geterr(handle)))
    try:
        return parse_steps(ctypes.string_at(program.steps, program.length * 8))
    finally:
        library.pcap_freecode(ctypes.byref(program))


def _text(message: bytes | None) -> str:
    return (message or b"").decode("utf-8", "backslashreplace").strip()
