"""Fuzz policy files: any text is a policy or mistakes that can be told; NUL parts the file of networks that it may name. Doors are opened and closed in whatever is one."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """Read, check, tell back, edit, and read again."""
    from datetime import date

    from portulan.errors import BadInput
    from portulan.guard.policy.check import Surroundings, find_doubts
    from portulan.guard.policy.edit import close_door, open_door
    from portulan.guard.policy.read import read_policy
    from portulan.guard.policy.services import door_ports
    from portulan.guard.policy.understood import implied, understood
    from portulan.model.policy import Ports
    from portulan.system.registry_file import open_packaged
    from portulan.text.errors import sentences
    from portulan.text.guard_check import doubt_words
    from portulan.text.voice import Voice

    table, voice, today = open_packaged(), Voice(), date(2026, 6, 1)

    def ports_of(door: str) -> Ports:
        return door_ports(door, table)

    def target(data: bytes) -> None:
        text, _, listed = data.decode("utf-8", "replace").partition("\0")

        def read_file(path: str) -> str:
            if path != "n":
                raise BadInput("policy.list-missing", text=path)
            return listed

        reading = read_policy(text, "p", table, read_file)
        for problem in reading.problems:
            assert not {"\n", "\x1b", "\x9b"}.intersection("".join(sentences(voice, problem)))
        if reading.policy is None:
            return
        for doubt in find_doubts(reading.policy, today, Surroundings()):
            assert doubt_words(voice, [doubt])
        understood(reading.policy, today)
        implied(reading.policy)
        for door, opened in (("22/tcp", True), ("443/udp", False)):
            try:
                changed = open_door(text, "p", door, ("everyone",), {}, ports_of) if opened else close_door(text, "p", door, (), ports_of)
            except BadInput:  # a form that is left to people
                continue
            assert read_policy(changed, "p", table, read_file).policy is not None

    return target


def seeds() -> list[bytes]:
    """Policies with each kind of line."""
    return [
        b'[doors]\nhttps = "everyone" # x\nssh = { from = ["office", "192.0.2.1"], limit = "10/minute burst 3", log = true, note = "n", until = 2026-12-31 }\n[sources]\noffice = ["2001:db8::/48", "file n"]\n\x00192.0.2.0/24 # x\n10.0.0.1-10.0.0.9\n',
        b'[settings]\nrefuse = "reject"\nlog = "1/second"\n[zones]\na = "eth0"\nb = ["eth1", "tun*"]\n[forward]\n"a -> b" = ["ssh", 443]\n"b -> a" = { doors = "everything", masquerade = true }\n',
        b'[outgoing]\nhttps = { to = "everyone" }\n[doors]\nping = "x"\nftp = { from = "x", helper = "ftp" }\n"8000-8010,443/tcp" = "this-host"\n[sources]\nx = { interface = "wg0", networks = "y" }\ny = "10.0.0.0/8"\n',
        b'[doors.ssh]\nfrom = """\neveryone"""\n[doors."a\\u0062"]\nfrom = \'nobody\'\n',
    ]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [
                b"[doors]\n", b"[sources]\n", b"[[doors]]\n", b'"everyone"', b"{ from = ", b"interface ", b"file n", b"\0", b"->", b"everything", b"until = ", b"limit = ", b"helper = ", b'"""',
                b"'''", b"\\u0000", b"0.0.0.0/0", b"::/0", b"::ffff:1.2.3.4", b"fe80::1%eth0", b"65535", b"9" * 4400, b"1979-05-27T07:32:00Z", b"inf", b"0x10", b"/tcp", b"/udp", b"ping = ",
            ],
        )
    )  # fmt: skip
