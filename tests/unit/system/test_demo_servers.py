"""The demo's servers speak with Python's own clients, over the loopback, and survive what is no protocol at all."""

import ftplib
import io
import smtplib
import socket
import threading
import wave
from contextlib import contextmanager
from itertools import pairwise

import pytest
from PIL import Image

from portulan.system.demo import ftp, mail
from portulan.system.demo.song import RATE, TUNE, cover, song


@contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def ftp_port(tmp_path):
    with running(ftp.Server(str(tmp_path), "127.0.0.1", 0, data_port=0)) as port:
        yield port


@pytest.fixture
def mail_port(tmp_path):
    with running(mail.Server(str(tmp_path), "127.0.0.1", 0)) as port:
        yield port


def client(port, *, passive=True):
    one = ftplib.FTP()
    one.connect("127.0.0.1", port, timeout=10)
    one.login("guest", "guest")
    one.set_pasv(passive)
    return one


def asked(port, *lines):
    """The answers to lines as they are, after the greeting."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one, one.makefile("rwb") as file:
        file.readline()
        answers = []
        for line in lines:
            file.write(line + b"\r\n")
            file.flush()
            answers.append(file.readline()[:3].decode())
        return answers


@pytest.mark.parametrize("passive", [True, False])
def test_a_file_goes_there_and_back(ftp_port, tmp_path, passive):
    data = bytes(range(256)) * 1000
    with client(ftp_port, passive=passive) as one:
        one.storbinary("STOR song.wav", io.BytesIO(data))
        assert (tmp_path / "song.wav").read_bytes() == data
        back = bytearray()
        one.retrbinary("RETR song.wav", back.extend)
        assert back == data
        assert one.pwd() == "/"


def test_text_has_the_line_ends_of_either_side(ftp_port, tmp_path):
    with client(ftp_port) as one:
        one.storlines("STOR words", io.BytesIO(b"one\ntwo\n"))
        assert (tmp_path / "words").read_bytes() == b"one\ntwo\n"
        lines = []
        one.retrlines("RETR words", lines.append)
        assert lines == ["one", "two"]


@pytest.mark.parametrize("name", ["../words", "/etc/passwd", "a/b", "", ".hidden"])
def test_nobody_gets_out_of_the_folder(ftp_port, tmp_path, name):
    (tmp_path.parent / "words").write_text("secret")
    with client(ftp_port) as one, pytest.raises(ftplib.error_perm, match="553"):
        one.retrbinary(f"RETR {name}", lambda _: None)


def test_a_stranger_has_to_say_who_it_is(ftp_port):
    assert asked(ftp_port, b"RETR words", b"PASV", b"PASS x", b"STOR words", b"USER x", b"PASS x", b"NOOP", b"QUIT") == [
        "530", "530", "230", "530", "331", "230", "200", "221",
    ]  # fmt: skip


def test_data_goes_to_nobody_else(ftp_port):
    login = (b"USER x", b"PASS x")
    wrong = (
        b"PORT 198,18,0,1,200,1",
        b"PORT 127,0,0,1,0,22",
        b"PORT 127,0,0,1",
        b"PORT 1,2,3,4,5,999",
        b"PORT x",
        b"TYPE E",
        b"MODE B",
        b"LIST",
        b"\xff\xfe\0",
    )
    assert asked(ftp_port, *login, *wrong) == ["331", "230", "501", "501", "501", "501", "501", "504", "504", "502", "502"]
    with client(ftp_port) as one, pytest.raises(ftplib.error_perm, match="550"):
        one.retrbinary("RETR nothing", lambda _: None)


def test_a_mail_arrives_as_it_was_written(mail_port, tmp_path):
    with smtplib.SMTP("127.0.0.1", mail_port, timeout=10, local_hostname="here.example") as one:
        for number in (1, 2):
            one.sendmail("ann@example.org", ["ben@example.org", "eve@example.org"], f"Subject: {number}\r\n\r\n.dot\r\n..\r\nend\r\n")
    assert (tmp_path / "1.eml").read_bytes() == b"Subject: 1\r\n\r\n.dot\r\n..\r\nend\r\n"
    assert (tmp_path / "2.eml").exists()


def test_what_is_out_of_order_is_refused(mail_port, tmp_path):
    lines = (
        b"DATA",
        b"RCPT TO:<a@b>",
        b"MAIL FROM:a@b",
        b"RCPT FROM:<a@b>",
        b"MAIL FROM:<> SIZE=10",
        b"DATA",
        b"RSET",
        b"DATA",
        b"VRFY x",
        b"NOOP",
        b"\xff\0",
        b"",
        b"QUIT",
    )
    assert asked(mail_port, *lines) == ["503", "503", "501", "501", "250", "503", "250", "503", "252", "250", "500", "500", "221"]
    assert not list(tmp_path.iterdir())


def test_a_mail_that_is_too_long_is_not_kept(mail_port, tmp_path):
    with smtplib.SMTP("127.0.0.1", mail_port, timeout=10, local_hostname="here.example") as one:
        with pytest.raises(smtplib.SMTPDataError, match="too long"):
            one.sendmail("a@b", "c@d", b"x" * 70 + b"\r\n" + b"y" * (mail._MOST_BYTES + 1))
        one.sendmail("a@b", "c@d", b"short\r\n")
    assert [path.name for path in tmp_path.iterdir()] == ["1.eml"]


def test_a_client_that_goes_in_the_middle_leaves_the_others(mail_port, ftp_port):
    for port in (mail_port, ftp_port):
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        assert asked(port, b"NOOP")[0] in ("250", "200")


def test_the_song_is_one():
    with wave.open(io.BytesIO(song())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.getnframes() / RATE == pytest.approx(0.4 * len(TUNE), abs=0.01)
        frames = memoryview(file.readframes(RATE // 10)).cast("h")
    assert max(frames) > 10_000
    assert sum(earlier < 0 <= later for earlier, later in pairwise(frames)) == pytest.approx(33, abs=1)  # E: 329.6 Hz


def test_the_cover_is_a_picture():
    with Image.open(io.BytesIO(cover(32))) as picture:
        picture.load()
        assert (picture.size, picture.format) == ((32, 32), "BMP")
        assert len(picture.getcolors(1024)) > 10
