"""Who takes an open socket over, and how it is told to them. Pure: words and environment in, words and environment out.

Only what the programs' own documentation says stands in the table; whether another program takes sockets is told by who starts it, never guessed:

- sd_listen_fds(3): the sockets are descriptors 3, 4, …; LISTEN_FDS counts them, LISTEN_PID is the process they are meant for, LISTEN_FDNAMES
  names them. gunicorn (docs: deploy, systemd), systemd-socket-activate(1), systemd-socket-proxyd(8).
- uvicorn, daphne: `--fd 3`; hypercorn: `--bind fd://3` (their settings' reference).
- nginx: NGINX="3;4;", the variable by which a running nginx hands its sockets to its successor (docs: control, upgrading the executable). It takes
  those whose address its `listen` lines name.
"""

from __future__ import annotations

from enum import StrEnum

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = 3
"""The first descriptor that is handed over (SD_LISTEN_FDS_START)."""
PLACE = "{port}"
"""What stands for the number in a command's words."""
_LONGEST_NAME = 255


class Way(StrEnum):
    """How a program is told of its sockets."""

    LISTEN_FDS = "LISTEN_FDS"
    FD_OPTION = "--fd"
    BIND_OPTION = "--bind"
    NGINX = "NGINX"


class Handover(Record):
    """A program's words, and what is added to its environment."""

    words: tuple[str, ...]
    environment: dict[str, str]


WAYS = {
    "gunicorn": Way.LISTEN_FDS,
    "systemd-socket-activate": Way.LISTEN_FDS,
    "systemd-socket-proxyd": Way.LISTEN_FDS,
    "uvicorn": Way.FD_OPTION,
    "daphne": Way.FD_OPTION,
    "hypercorn": Way.BIND_OPTION,
    "nginx": Way.NGINX,
}


def known_way(words: Sequence[str]) -> Way | None:
    """How the program of a command line takes sockets; None where that is not known. `python -m NAME` counts as NAME."""
    name = words[0].rpartition("/")[2]
    if name.rstrip("0123456789.") == "python" and list(words[1:2]) == ["-m"]:
        name = "".join(words[2:3])
    return WAYS.get(name)


def hand_over(words: Sequence[str], port: int, *, way: Way, pid: int, names: Sequence[str]) -> Handover:
    """The command line and environment for a process `pid` that finds its sockets, one a name, from descriptor 3 on."""
    plain = with_port(words, port)
    descriptors = range(FIRST, FIRST + len(names))
    if way is Way.NGINX:
        return plain._replace(environment={**plain.environment, "NGINX": "".join(f"{number};" for number in descriptors)})
    if way is Way.LISTEN_FDS:
        told = {"LISTEN_PID": str(pid), "LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(map(descriptor_name, names))}
        return plain._replace(environment={**plain.environment, **told})
    value = f"fd://{FIRST}" if way is Way.BIND_OPTION else str(FIRST)
    asked = any(word == way or word.startswith(way + "=") for word in plain.words)
    return plain if asked and way is Way.FD_OPTION else plain._replace(words=(*plain.words, way.value, value))


def with_port(words: Sequence[str], port: int) -> Handover:
    """The command line with the number in it, and PORT for the environment."""
    return Handover(tuple(word.replace(PLACE, str(port)) for word in words), {"PORT": str(port)})


def descriptor_name(name: str) -> str:
    """A name as LISTEN_FDNAMES may hold it: ASCII that shows, no colon, at most 255 characters (sd_listen_fds_with_names(3))."""
    return "".join(character if " " <= character <= "~" and character != ":" else "_" for character in name)[:_LONGEST_NAME]
