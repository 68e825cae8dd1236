"""Connection-tracking helpers of a policy with real servers and clients of Debian: vsftpd, tftpd-hpa and tftp-hpa, SIPp; Python's ftplib."""

import ftplib
import socket
import subprocess
import time

import pytest

from compiled_policies import EVERYBODY, ports, spot
from compiled_scene import GATE_OUT, GATE_OUT6, OUTSIDE, OUTSIDE6, PATIENCE_S, Scene, tcp, udp
from other_firewalls import BESIDE
from portulan.errors import PortulanError
from portulan.model.policy import Line
from portulan.system.sandbox.root import open_root

pytestmark = [pytest.mark.lab, pytest.mark.peer]
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
TEXT = "what the file says\n"


@pytest.fixture
def scene(sandbox, peers):
    made = Scene(sandbox, peers)
    with made.open:
        yield made


@pytest.fixture
def programs():
    """The private root with these programs."""
    try:
        return open_root(BESIDE)
    except PortulanError as error:
        pytest.skip(f"no private root with peer programs: {error}")


# ftp

VSFTPD = """
listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root=/srv/ftp
seccomp_sandbox=NO
"""


def serve_ftp(host, programs):
    host.run(
        [
            "sh",
            "-ec",
            "cat > /etc/ftp.conf; mkdir -p /srv/ftp /var/run/vsftpd/empty; echo 'what the file says' > /srv/ftp/file; chmod 555 /srv/ftp",
        ],
        text=VSFTPD,
        root=programs,
    )
    host.start(["vsftpd", "/etc/ftp.conf"], root=programs, **QUIET)
    host.wait_for_port(21)


def fetched(host, address, *, passive):
    """Whether a file comes over, by a data connection opened from this side (passive) or by the server."""
    with host.enter(), ftplib.FTP(timeout=3) as client:
        client.connect(address, 21)
        client.login()
        client.set_pasv(passive)
        client.timeout = PATIENCE_S * 2
        lines = []
        try:
            client.retrlines("RETR file", lines.append)
        except (TimeoutError, ftplib.Error):
            client.close()
            return False
        return "\n".join(lines) + "\n" == TEXT


def test_ftp_of_vsftpd(scene, programs):
    serve_ftp(scene.gate, programs)
    for address in (GATE_OUT, GATE_OUT6):
        scene.apply(tcp(21, helper="ftp"))
        assert fetched(scene.outside, address, passive=True)
        assert fetched(scene.outside, address, passive=False)
        scene.apply(tcp(21, helper=None))
        assert not fetched(scene.outside, address, passive=True)


def test_an_ftp_client_that_may_only_go_out(scene, programs):
    serve_ftp(scene.outside, programs)
    for address in (OUTSIDE, OUTSIDE6):
        scene.apply(outgoing=(tcp(21, helper="ftp"),))
        assert fetched(scene.gate, address, passive=True)
        assert fetched(scene.gate, address, passive=False)
        scene.apply(outgoing=(tcp(21),))
        assert not fetched(scene.gate, address, passive=True)
        assert not fetched(scene.gate, address, passive=False)


# tftp


def serve_tftp(host, programs):
    host.run(["sh", "-ec", "mkdir -p /srv/tftp; echo 'what the file says' > /srv/tftp/file; chmod -R a+rX /srv/tftp"], root=programs)
    host.start(["in.tftpd", "-L", "-s", "/srv/tftp"], root=programs, **QUIET)
    host.wait_for_port(69, transport="udp")


def got(host, address, programs, patience_s):
    done = host.run(["timeout", str(patience_s), "tftp", address, "-c", "get", "file", "/run/got"], root=programs)
    found = host.run(["sh", "-c", "cat /run/got; rm -f /run/got"], root=programs).stdout
    return done.returncode == 0 and found == TEXT


def test_tftp_of_tftpd_hpa(scene, programs):
    serve_tftp(scene.gate, programs)
    scene.apply(udp(69))
    assert got(scene.outside, GATE_OUT, programs, 5), "its answers go out first: a server needs no helper"
    scene.apply()
    assert not got(scene.outside, GATE_OUT, programs, PATIENCE_S)


def test_a_tftp_client_is_answered_from_another_port(scene, programs):
    serve_tftp(scene.outside, programs)
    scene.apply(outgoing=(udp(69, helper="tftp"),))
    assert got(scene.gate, OUTSIDE, programs, 5)
    scene.apply(outgoing=(udp(69),))
    assert not got(scene.gate, OUTSIDE, programs, PATIENCE_S)


# sip

VOICE = 6000


def test_a_call_of_sipp_is_heard(scene, programs):
    """SIPp answers a call of SIPp, and echoes what comes on the port that it has named in its answer: nobody may speak to that port before."""
    line = Line("sip", ports(udp="5060"), (EVERYBODY,), spot(1))
    scene.gate.start(
        ["sipp", "-sn", "uas", "-i", GATE_OUT, "-p", "5060", "-mi", GATE_OUT, "-mp", str(VOICE), "-rtp_echo", "-nostdin"],
        root=programs,
        environment={"TERM": "xterm"},
        **QUIET,
    )
    scene.gate.wait_for_port(5060, transport="udp")
    scene.gate.wait_for_port(VOICE, transport="udp")
    for own_port, helper in ((5070, "sip"), (5071, None)):  # an exchange keeps the helper that it was begun with
        scene.apply(line._replace(helper=helper))
        assert not echoed(scene)
        call = scene.outside.start(
            ["sipp", "-sn", "uac", f"{GATE_OUT}:5060", "-i", OUTSIDE, "-p", str(own_port), "-mi", OUTSIDE, "-mp", "7000", "-m", "1", "-d", "2000", "-nostdin"],
            root=programs, environment={"TERM": "xterm"}, **QUIET,
        )  # fmt: skip
        deadline = time.monotonic() + (5 if helper else 1)
        while not (found := echoed(scene)) and time.monotonic() < deadline:
            pass
        assert found is (helper is not None)
        if helper:
            assert call.wait(20) == 0
        else:
            call.kill()


def echoed(scene):
    """Whether a packet of voice comes back."""
    with scene.outside.enter():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with one:
        one.bind((OUTSIDE, 0))
        one.connect((GATE_OUT, VOICE))
        one.settimeout(PATIENCE_S)
        one.send(bytes((0x80, 0, 0, 1)) + bytes(8) + b"voice")
        try:
            return one.recv(100).endswith(b"voice")
        except (TimeoutError, ConnectionError):
            return False
