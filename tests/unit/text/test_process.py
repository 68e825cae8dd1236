"""What people call a process."""

import pytest
from hypothesis import given

from portulan.model.chart import Owner
from portulan.text.process import label
from strategies import hostile_text, nasty


def called(name, *command, executable=None):
    return label(Owner(pid=5, fd=None, name=name, command=command or None, executable=executable))


@pytest.mark.parametrize(
    ("name", "command", "said"),
    [
        ("nginx", ("nginx: master process",), "nginx"),
        ("nginx", (), "nginx"),
        ("python3", ("python3", "/srv/app.py", "--port", "80"), "python3 app.py"),
        ("python3.11", ("python3.11", "app.py"), "python3.11 app.py"),
        ("python", ("python", "-u", "-O", "app.py"), "python app.py"),
        ("python3", ("python3", "-m", "http.server", "8000"), "python3 -m http.server"),
        ("python3", ("python3", "-m"), "python3"),
        ("python3", ("python3", "-m", "flask"), "python3 -m flask"),
        ("python3", ("python3", "-c", "import x"), "python3"),
        ("python3", ("python3",), "python3"),
        ("python3", ("python3", "", "app.py"), "python3 app.py"),
        ("python3", ("python3", "-"), "python3"),
        ("java", ("java", "-Xmx1g", "-jar", "/opt/shop.jar", "server"), "java shop.jar"),
        ("node", ("node", "/srv/server.js"), "node server.js"),
        ("node", ("node", "-e", "x"), "node"),
        ("perl", ("perl", "--eval", "x"), "perl"),
        ("Ruby", ("ruby", "bin/rails"), "Ruby rails"),
        ("bash", ("bash", "run.sh/"), "bash"),
        ("redis-server", ("redis-server", "*:6379"), "redis-server"),
        ("pythonic", ("pythonic", "x.py"), "pythonic"),
    ],
)
def test_a_script_goes_by_its_own_name(name, command, said):
    assert called(name, *command) == said


@pytest.mark.parametrize(
    ("name", "executable", "said"),
    [
        ("NetworkManager-", "/usr/lib/NetworkManager-dispatcher", "NetworkManager-dispatcher"),
        ("NetworkManager-d", "/usr/lib/NetworkManager-dispatcher", "NetworkManager-d"),
        ("systemd-resolve", "/usr/lib/systemd/systemd-resolved", "systemd-resolved"),
        ("systemd-resolve", "/usr/lib/systemd/systemd-resolved (deleted)", "systemd-resolved"),
        ("systemd-resolve", "/usr/bin/other", "systemd-resolve"),
        ("systemd-resolve", None, "systemd-resolve"),
        ("nginx", "/usr/sbin/nginx-debug", "nginx"),
        ("0123456789abcde", "/bin/0123456789abcdef", "0123456789abcdef"),
        ("0123456789abcd", "/bin/0123456789abcdef", "0123456789abcd"),
    ],
)
def test_a_name_that_the_kernel_cut_is_made_whole_by_the_program(name, executable, said):
    assert called(name, executable=executable) == said


@nasty("name", word="\x1b", path="\udc80")
@given(name=hostile_text, word=hostile_text, path=hostile_text)
def test_any_process_is_called_something(name, word, path):
    assert called(name, "x", word, "-m", word, executable=path).startswith(name) or name == ""
