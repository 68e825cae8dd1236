"""`portulan lease NAME [-- CMD…]`: the number on stdout, what it is worth on stderr."""

from __future__ import annotations

from portulan.cli.face import Face
from portulan.errors import BadInput, PortulanError
from portulan.model.lease import Guarantee, Lease
from portulan.text.errors import sentences
from portulan.text.lease import guarantee_name, kept_by, promise
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

TAKES_COMMAND = True
"""Behind `--`."""
NO = mark("no such port is to be had, or the name is in use")
EXAMPLES = (
    ("portulan lease web -- gunicorn app:app", mark("an open socket for gunicorn, which takes it over")),
    ("portulan lease api -- python3 -m http.server {port}", mark("any server: the port is held until it binds it")),
    ("PORT=$(portulan lease db)", mark("a number for a name, noted until it is released")),
    ("portulan lease db --hold", mark("the same, held by a process in the background")),
    ("portulan lease --list", mark("all leases")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help=voice.say("whom the port is for: the same name gets the same number"))
    parser.add_argument(
        "command",
        nargs="*",
        metavar="-- CMD",
        help=voice.say("a program that gets the port: PORT in its environment, {port} in its words", port="{port}"),
    )
    parser.add_argument("--list", action="store_true", help=voice.say("show all leases"))
    parser.add_argument("--transport", default=None, metavar="T", help=voice.say("tcp, udp or both (tcp)"))
    parser.add_argument("--port", default=None, metavar="N", help=voice.say("this number and no other"))
    parser.add_argument("--range", default=None, metavar="A-B", help=voice.say("a number of this range; dynamic and user name two"))
    parser.add_argument(
        "--address", default=None, metavar="A", help=voice.say("where a socket that is handed over listens (127.0.0.1: this host only)")
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--listen-fds",
        action="store_true",
        help=voice.say("hand the open socket over: CMD takes sockets as systemd gives them (LISTEN_FDS)"),
    )
    how.add_argument("--hold", action="store_true", help=voice.say("hold the port bound: CMD, or a process in the background, keeps it"))
    how.add_argument("--note", action="store_true", help=voice.say("only note it: for a CMD that binds without SO_REUSEADDR"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Lease, list, or become the command."""
    if options.list:
        return _list(options, face)
    if not options.name:
        raise BadInput("lease.no-name")
    port = None
    if options.port is not None:
        from portulan.model.port import parse_number

        port = parse_number(options.port)
    if options.command:
        return _command(options, face, port)
    return _keep(options, face, port)


def _keep(options: argparse.Namespace, face: Face, port: int | None) -> int:
    from portulan.verbs.lease import hold, note

    if options.listen_fds or options.address is not None:
        raise BadInput(
            "usage", message=face.voice.say("--listen-fds and --address are for a lease with a command"), command="portulan lease"
        )
    taken, faults = (hold if options.hold else note)(options.name, transport=options.transport, port=port, within=options.range)
    _tell_faults(face, faults)
    if options.json:
        face.envelope("lease", [taken], missing=_missing(face, faults))
        return 0
    face.line(str(taken.port))
    _tell(face, taken)
    return 0


def _command(options: argparse.Namespace, face: Face, port: int | None) -> int:
    from portulan.verbs.lease import lease_for

    if options.json:
        raise BadInput("lease.json")
    asked = (
        Guarantee.ABSOLUTE if options.listen_fds else Guarantee.COOPERATIVE if options.hold else Guarantee.NOTED if options.note else None
    )
    taken = lease_for(
        options.command, options.name, transport=options.transport, port=port, within=options.range, address=options.address,
        guarantee=asked,
    )  # fmt: skip
    _tell_faults(face, taken.faults)
    _tell(face, taken.lease)
    face.err.flush()
    taken.become(options.command)


def _list(options: argparse.Namespace, face: Face) -> int:
    from portulan.verbs.lease import leases

    if options.name:
        raise BadInput("form.two", first="--list", second=options.name)
    found = leases()
    if options.json:
        face.envelope("lease", found.items, missing=_missing(face, found.faults))
        return 0
    _tell_faults(face, found.faults)
    if not found.items:
        face.note(face.voice.say("Nothing is leased."))
        return 0
    say = face.voice.say
    rows = [
        (
            one.name,
            one.ports,
            guarantee_name(face.voice, one.guarantee),
            one.address or "-",
            kept_by(face.voice, one),
            f"{one.taken_at:%Y-%m-%d %H:%M}",
        )
        for one in found.items
    ]
    face.table(rows, (say("NAME"), say("PORT"), say("GUARANTEE"), say("ADDRESS"), say("HELD BY"), say("SINCE (UTC)")), shrink=(0,))
    return 0


def _tell(face: Face, taken: Lease) -> None:
    first, *rest = promise(face.voice, taken)
    face.note(f"portulan: {first}")
    for line in rest:
        face.note(" " + line)


def _tell_faults(face: Face, faults: Iterable[PortulanError]) -> None:
    for fault in faults:
        for line in sentences(face.voice, fault):
            face.note(line)


def _missing(face: Face, faults: Iterable[PortulanError]) -> list[str]:
    return [sentences(face.voice, fault)[0].removeprefix("portulan: ") for fault in faults]
