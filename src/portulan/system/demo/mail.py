"""A mail server for the demo: RFC 5321's least implementation (section 4.5.1). It takes every mail and keeps each as a file.

Python itself has none any more. Used as a program: `python -m portulan.system.demo.mail FOLDER`.
"""

from __future__ import annotations

import os
import re
import socketserver
import sys

PORT = 25
_PATH = re.compile(r"(?:FROM|TO):\s*<([^<>\s]*)>(?:\s.*)?", re.IGNORECASE | re.ASCII)
_LONGEST_LINE = 1002
"""Section 4.5.3.1.6, and a blank for the dot that was put before."""
_MOST_BYTES = 1 << 20


class Server(socketserver.ThreadingTCPServer):
    """Port 25, one thread for each client."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folder: str, address: str = "", port: int = PORT) -> None:
        """Listen. Raises OSError."""
        self.folder = folder
        self.kept = 0
        super().__init__((address, port), Session)


class Session(socketserver.StreamRequestHandler):
    """One client."""

    def handle(self) -> None:
        """Answer line by line until QUIT or the end."""
        self.sender: str | None = None
        self.receivers: list[str] = []
        self.reply("220 server ready")
        while line := self.rfile.readline(_LONGEST_LINE):
            word, _, text = line.decode("utf-8", "replace").strip().partition(" ")
            if not self.answer(word.upper(), text):
                break

    def reply(self, line: str) -> None:
        """One reply."""
        self.wfile.write(line.encode() + b"\r\n")

    def answer(self, word: str, text: str) -> bool:
        """One command; False: it was the last."""
        if word == "QUIT":
            self.reply("221 goodbye")
            return False
        if word in ("HELO", "EHLO", "RSET"):
            self.sender, self.receivers = None, []
            self.reply("250 server")
        elif word == "NOOP":
            self.reply("250 fine")
        elif word == "VRFY":
            self.reply("252 will take it and see")
        elif word in ("MAIL", "RCPT"):
            self.envelope(word, text)
        elif word == "DATA":
            self.data()
        else:
            self.reply("500 not known here")
        return True

    def envelope(self, word: str, text: str) -> None:
        """From whom and to whom."""
        found = _PATH.fullmatch(text)
        if found is None or (word == "MAIL") != text.upper().startswith("FROM"):
            self.reply("501 an address in angle brackets is expected")
        elif word == "MAIL":
            self.sender, self.receivers = found[1], []
            self.reply("250 fine")
        elif self.sender is None:
            self.reply("503 from whom?")
        else:
            self.receivers.append(found[1])
            self.reply("250 fine")

    def data(self) -> None:
        """The mail itself, up to a line with a dot alone."""
        if self.sender is None or not self.receivers:
            self.reply("503 from whom, and to whom?")
            return
        self.reply("354 go on, and end with a dot")
        lines, size = [], 0
        while (line := self.rfile.readline()) not in (b".\r\n", b".\n", b""):
            size += len(line)
            lines.append(line[1:] if line.startswith(b".") else line)  # section 4.5.2
            if size > _MOST_BYTES:
                lines.clear()
        if size > _MOST_BYTES:
            self.reply("552 too long")
        elif line:
            self.server.kept += 1  # type: ignore[attr-defined] # ours
            path = os.path.join(self.server.folder, f"{self.server.kept}.eml")  # type: ignore[attr-defined] # ours
            with open(path, "wb") as file:
                file.writelines(lines)
            self.reply("250 taken")
        self.sender, self.receivers = None, []


def main(folder: str) -> None:
    """Serve for ever, by a name of our own."""
    with open("/proc/self/comm", "w", encoding="ascii") as name:
        name.write("maild")
    with Server(folder) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
