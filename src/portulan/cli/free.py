"""`portulan free`: numbers on stdout, one a line, and nothing else."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

NO = mark("fewer free ports than were asked for")
EXAMPLES = (
    ("PORT=$(portulan free)", mark("a port for a server")),
    ("portulan free --for shop", mark("the same one each time, while it is free")),
    ("portulan free -n 4 --contiguous", mark("four in a row")),
    ("portulan free --range 8000-8999 --transport both", mark("of a range, for TCP and UDP")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("-n", dest="count", default="1", metavar="N", help=voice.say("how many (1)"))
    parser.add_argument("--for", dest="name", metavar="NAME", help=voice.say("the same name gets the same numbers, while they are free"))
    parser.add_argument("--contiguous", action="store_true", help=voice.say("all in a row"))
    parser.add_argument(
        "--range", dest="within", metavar="A-B", help=voice.say("only of these; dynamic (49152-65535) and user (1024-49151) name two")
    )
    parser.add_argument("--transport", default="tcp", metavar="T", help=voice.say("tcp, udp or both (tcp)"))
    parser.add_argument("--assigned", action="store_true", help=voice.say("numbers that IANA assigned to some service, too"))
    parser.add_argument(
        "--declared",
        action="store_true",
        help=voice.say("numbers that this folder's .env, compose files, Procfile or package.json declare, too"),
    )
    parser.add_argument("--except", dest="excluded", metavar="PORTS", help=voice.say("not these (8000-8010,9000)"))


def plain(words: list[str]) -> dict[str, object] | None:
    """What the parser would make of no words at all."""
    if words:
        return None
    return {
        "count": "1",
        "name": None,
        "contiguous": False,
        "within": None,
        "transport": "tcp",
        "assigned": False,
        "declared": False,
        "excluded": None,
    }


def run(options: argparse.Namespace, face: Face) -> int:
    """Find them, print them."""
    from portulan.model.portset import parse_portset
    from portulan.verbs.free import free

    count = options.count
    if not (count.isascii() and count.isdigit() and len(count) < 6):
        raise BadInput("free.count", text=count, most=65_535)
    found = free(
        int(count), name=options.name, contiguous=options.contiguous, within=options.within, transport=options.transport, assigned=options.assigned,
        project=None if options.declared else ".",
        **({} if options.excluded is None else {"excluded": parse_portset(options.excluded)}),
    )  # fmt: skip
    if options.json:
        face.envelope("free", found, extra={"name": options.name})
    else:
        for one in found:
            face.line(str(one.port))
    return 0
