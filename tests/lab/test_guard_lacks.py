"""`guard` on kernels that lack something: told before any change, or done without it."""

import errno
import subprocess
from pathlib import Path

import pytest

from guard_life_lab import OTHER, Lab
from labs import PORTULAN, connect, listen
from lacking_kernel import CONNTRACK, KNOWN, NETFILTER, SOCK_DESTROY, Lacking

pytestmark = [
    pytest.mark.lab,
    pytest.mark.peer,
    pytest.mark.skipif(not KNOWN, reason="system call numbers of this processor are not known"),
]

BYTES_OF_A_NETWORK = 60
"""Of what nft sends for it, at least."""


@pytest.fixture
def lab(sandbox, peers, tmp_path):
    with Lab(sandbox, peers, tmp_path) as built:
        yield built


def guard(lab, kernel, *words):
    return kernel.run(lab.host, lab.command(*words), folder=lab.folder)


def nothing_changed(lab):
    assert lab.host.run(["nft", "list", "ruleset"]).stdout == ""
    assert lab.host.run(["ls", "/var/lib/portulan/guard/state.json"]).stdout == ""


def test_an_expression_that_the_kernel_does_not_know(lab, dice, samples):
    for expression in dice.sample(("ct", "reject", "lookup", "immediate", "meta"), samples(1, 5)):
        kernel = Lacking(expression=expression)
        status, out, err = guard(lab, kernel, "apply", *lab.policy("a"))
        assert (status, out) == (1, "")
        assert "the kernel does not take these rules: No such file or directory" in err
        assert "Nothing was changed" in err
        assert kernel.refused == 1, "asked beforehand, and not tried"
        nothing_changed(lab)


def test_no_netfilter_at_all(lab):
    kernel = Lacking(protocol=NETFILTER)
    status, _, err = guard(lab, kernel, "apply", *lab.policy("a"))
    assert status not in (0, 2)
    assert "Traceback" not in err
    assert "Protocol not supported" in err
    nothing_changed(lab)
    status, _, err = guard(lab, kernel, "status")
    assert "Traceback" not in err
    assert status != 0


def test_without_ctnetlink_connections_that_speak_are_seen_all_the_same(lab):
    kernel = Lacking(messages=lambda kind: errno.EINVAL if kind >> 8 == CONNTRACK else None)
    with listen(lab.host, "", 9100) as server:
        opener = connect(lab.client, lab.host.address, 9100)
        other, _ = server.accept()
    speaker = lab.client.start(["sh", "-c", "while sleep 0.05; do echo .; done"], stdout=opener.fileno(), stderr=subprocess.DEVNULL)
    status, _, err = guard(lab, kernel, "apply", *lab.policy("a"))
    assert (status, kernel.refused > 0) == (0, True), err
    assert lab.in_force() == "a"
    status, _, err = guard(lab, kernel, "confirm", "--vouch", "--cut")
    assert status == 4
    assert "does not list its connections" in err or "connections could not be ended" in err
    assert (lab.in_force(), lab.left_s()) == ("a", None)
    other.settimeout(5)
    while other.recv(4096).count(b".") < 2:
        pass
    speaker.kill()
    for one in (opener, other):
        one.close()


def test_without_sock_destroy_connections_end_when_they_speak(lab):
    kernel = Lacking(messages=lambda kind: errno.EOPNOTSUPP if kind == SOCK_DESTROY else None)
    server = listen(lab.host, "", OTHER + 1)
    opener = connect(lab.client, lab.host.address, OTHER + 1)
    other, _ = server.accept()
    lab.done("apply", *lab.policy("a"))
    status, out, err = guard(lab, kernel, "confirm", "--vouch", "--cut")
    assert (status, kernel.refused) == (0, 1), err
    assert f"ended: {OTHER + 1}/tcp from" in out
    other.send(b"still there?")
    for one in (other, opener):
        one.settimeout(0.5)
    with pytest.raises(ConnectionError):
        other.recv(1)
    with pytest.raises((TimeoutError, ConnectionError)):
        opener.recv(1)
    for one in (opener, other, server):
        one.close()


def test_a_namespace_in_which_nft_may_not_send_so_much(lab, tmp_path):
    """As in a container of an ordinary user: without rights over the machine nft cannot have the room that a large set takes in one message."""
    room = int(Path("/proc/sys/net/core/wmem_max").read_text())
    networks = (f"10.{number >> 14 & 255}.{number >> 6 & 255}.{(number & 63) << 2}/31" for number in range(room // BYTES_OF_A_NETWORK))
    Path(tmp_path, "many.txt").write_text("\n".join(networks))
    Path(tmp_path, "many.toml").write_text('[sources]\nmany = "file many.txt"\n[doors]\nssh = "everyone"\n8001 = "many"\n')
    line = f"{PORTULAN} guard apply --policy many.toml --root {tmp_path}/root; echo $?; nft list ruleset"
    done = lab.host.run(["unshare", "--user", "--map-root-user", "--net", "sh", "-c", line], folder=tmp_path)
    assert "Message too long" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert done.stdout == "1\n"
