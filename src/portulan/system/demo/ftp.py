"""An FTP server for the demo: RFC 959's least implementation (section 5.1), with passive transfers beside the classic ones from port 20.

Written here because the demo is to run wherever Portulan does, without another package. It takes any name, keeps files in one folder, and lets nobody out of it.
Used as a program: `python -m portulan.system.demo.ftp FOLDER`.
"""

from __future__ import annotations

import os
import re
import socket
import socketserver
import sys

CONTROL, DATA = 21, 20
_PART = 1 << 16
_NAME = re.compile(r"[\w][\w. -]{0,99}", re.ASCII)


class Server(socketserver.ThreadingTCPServer):
    """Port 21, one thread for each client."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folder: str, address: str = "", port: int = CONTROL, data_port: int = DATA) -> None:
        """Listen. Raises OSError."""
        self.folder, self.data_port = folder, data_port
        super().__init__((address, port), Session)


class Session(socketserver.StreamRequestHandler):
    """One client's control connection."""

    def handle(self) -> None:
        """Answer line by line until QUIT or the end."""
        self.user, self.known, self.binary = "", False, False
        self.target: tuple[str, int] | None = None
        self.waiting: socket.socket | None = None
        self.reply("220 The demo's FTP server is ready.")
        try:
            while line := self.rfile.readline(512):
                word, _, text = line.decode("utf-8", "replace").strip().partition(" ")
                if not self.answer(word.upper(), text.strip()):
                    break
        finally:
            self.forget()

    def reply(self, line: str) -> None:
        """One reply."""
        self.wfile.write(line.encode() + b"\r\n")

    def answer(self, word: str, text: str) -> bool:
        """One command; False: it was the last."""
        simple = {"NOOP": "200 Fine.", "SYST": "215 UNIX Type: L8", "PWD": '257 "/" is the only folder.', "PASS": "230 Welcome."}
        if word == "QUIT":
            self.reply("221 Goodbye.")
            return False
        if word == "USER":
            self.user = text
            self.reply("331 Any password will do. It travels in the clear.")
        elif word in simple:
            self.known |= word == "PASS" and bool(self.user)
            self.reply(simple[word])
        elif not self.known:
            self.reply("530 Who are you?")
        elif word in ("TYPE", "MODE", "STRU"):
            self.form(word, text.upper())
        elif word in ("PORT", "PASV"):
            self.arrange(word, text)
        elif word in ("STOR", "RETR"):
            self.transfer(word, text)
        else:
            self.reply("502 That is more than this server does.")
        return True

    def form(self, word: str, text: str) -> None:
        """ASCII or image; stream mode and file structure are the only ones there are."""
        allowed = {"TYPE": ("A", "A N", "I", "L 8"), "MODE": ("S",), "STRU": ("F",)}[word]
        if text not in allowed:
            self.reply("504 Not in that form.")
            return
        if word == "TYPE":
            self.binary = not text.startswith("A")
        self.reply("200 Fine.")

    def arrange(self, word: str, text: str) -> None:
        """Where the data goes: to a port of the client's, or from one of ours."""
        self.forget()
        if word == "PASV":
            self.waiting = socket.create_server((self.request.getsockname()[0], 0))
            host, port = self.waiting.getsockname()[:2]
            self.reply(f"227 Come to ({host.replace('.', ',')},{port >> 8},{port & 255}).")
            return
        numbers = [int(part) for part in text.split(",") if part.isdecimal() and len(part) < 4]
        host, port = ".".join(map(str, numbers[:4])), 0 if len(numbers) != 6 else numbers[4] << 8 | numbers[5]
        if len(numbers) != 6 or max(numbers) > 255 or port < 1024 or host != self.client_address[0]:
            self.reply("501 Only to a port of your own, above 1023.")  # RFC 2577: no bouncing to others
            return
        self.target = (host, port)
        self.reply("200 Fine.")

    def transfer(self, word: str, name: str) -> None:
        """One file, over a connection of its own."""
        if not _NAME.fullmatch(name):
            self.reply("553 No such name.")
            return
        path = os.path.join(self.server.folder, name)  # type: ignore[attr-defined] # ours
        try:
            with open(path, "wb" if word == "STOR" else "rb") as file:
                self.reply("150 Here it goes.")
                with self.open_data() as data:
                    if word == "STOR":
                        while part := data.recv(_PART):
                            file.write(part if self.binary else part.replace(b"\r", b""))
                    else:
                        while part := file.read(_PART):
                            data.sendall(part if self.binary else part.replace(b"\n", b"\r\n"))
        except FileNotFoundError:
            self.reply("550 There is no such file.")
        except OSError:
            self.reply("426 The data connection failed.")
        else:
            self.reply("226 All of it went over.")

    def open_data(self) -> socket.socket:
        """The data connection: to the client from port 20, or whoever comes to the port that we named. Raises OSError."""
        waiting, target = self.waiting, self.target
        self.waiting = self.target = None
        if waiting is not None:
            with waiting:
                waiting.settimeout(10)
                data, peer = waiting.accept()
            if peer[0] != self.client_address[0]:
                data.close()
                raise ConnectionRefusedError
            return data
        if target is None:
            target = (self.client_address[0], self.client_address[1])  # RFC 959: the client's own control port by default
        data = socket.socket()
        try:
            data.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            data.bind((self.request.getsockname()[0], self.server.data_port))  # type: ignore[attr-defined] # ours
            data.settimeout(10)
            data.connect(target)
        except OSError:
            data.close()
            raise
        return data

    def forget(self) -> None:
        """What was arranged for a transfer that never came."""
        self.target = None
        if self.waiting is not None:
            self.waiting.close()
            self.waiting = None


def main(folder: str) -> None:
    """Serve for ever, by a name of our own."""
    with open("/proc/self/comm", "w", encoding="ascii") as name:
        name.write("ftpd")
    with Server(folder) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
