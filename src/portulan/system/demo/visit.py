"""A visitor of the demo's server: sends it a song by FTP, loads a page, and leaves a mail, all at the same time and by Python's own clients.

Used as a program: `python -m portulan.system.demo.visit SERVER SECONDS`. It prints what it sent and got, as JSON: bytes of each service, without any header.
"""

from __future__ import annotations

import http.client
import io
import json
import smtplib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from ftplib import FTP

from portulan.system.demo.song import song

SONG = "song.wav"
PAGES = ("/", "/cover.bmp")
_BLOCK = 8192
_TURNS = 6
_PATIENCE_S = 20.0
_WORDS = "Freude, schöner Götterfunken, Tochter aus Elysium,\nwir betreten feuertrunken, Himmlische, dein Heiligtum.\n"


class _Client(FTP):
    """Remembers where the data went."""

    data_port = 0

    def makepasv(self) -> tuple[str, int]:
        """The server's word of where it waits for the data."""
        host, self.data_port = super().makepasv()
        return host, self.data_port


def send_song(server: str, seconds: float) -> dict[str, int]:
    """By FTP, passive as today's clients are: the server names a port of its own for the data. The bytes of the file, and that port."""
    data = song()
    rest_s = seconds * _BLOCK / len(data)
    with _Client(server, "guest", "guest", timeout=_PATIENCE_S) as ftp:  # in the clear: that is what is to be seen
        ftp.storbinary(f"STOR {SONG}", io.BytesIO(data), _BLOCK, callback=lambda _: time.sleep(rest_s))
        return {"song": len(data), "data_port": ftp.data_port}


def load_page(server: str, seconds: float) -> dict[str, int]:
    """The page and its picture, again and again. The bytes that came."""
    count = 0
    for turn in range(_TURNS if seconds else 1):
        if turn:
            time.sleep(seconds / _TURNS)
        for path in PAGES:
            connection = http.client.HTTPConnection(server, timeout=_PATIENCE_S)
            connection.request("GET", path)
            count += len(connection.getresponse().read())
            connection.close()
    return {"page": count}


def leave_mail(server: str, seconds: float) -> dict[str, int]:
    """One mail. Its bytes."""
    time.sleep(seconds / 3)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ann@laptop.example", "ben@server.example", "A song for you"
    mail.set_content("Dear Ben,\n\nthe song is on its way, by FTP. Its words:\n\n" + _WORDS * 12 + "\nAnn\n")
    with smtplib.SMTP(server, timeout=_PATIENCE_S, local_hostname="laptop.example") as smtp:
        smtp.send_message(mail)
    return {"mail": len(mail.as_bytes())}


def visit(server: str, seconds: float) -> dict[str, int]:
    """All three at once; what each tells."""
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(work, server, seconds) for work in (send_song, load_page, leave_mail)]
        return {name: count for job in jobs for name, count in job.result().items()}


if __name__ == "__main__":
    print(json.dumps(visit(sys.argv[1], float(sys.argv[2]))))  # noqa: T201 - its answer
