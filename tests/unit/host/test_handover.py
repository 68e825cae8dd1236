"""How a program is told of the sockets it gets."""

import pytest

from portulan.host.handover import Way, descriptor_name, hand_over, known_way, with_port


@pytest.mark.parametrize(
    ("words", "way"),
    [
        (["gunicorn", "app:app"], Way.LISTEN_FDS),
        (["/opt/venv/bin/gunicorn", "app:app"], Way.LISTEN_FDS),
        (["python3", "-m", "gunicorn", "app:app"], Way.LISTEN_FDS),
        (["python3.11", "-m", "uvicorn", "app:app"], Way.FD_OPTION),
        (["/usr/bin/python", "-m", "uvicorn"], Way.FD_OPTION),
        (["daphne", "app:app"], Way.FD_OPTION),
        (["hypercorn", "app:app"], Way.BIND_OPTION),
        (["nginx", "-c", "x.conf"], Way.NGINX),
        (["systemd-socket-proxyd", "127.0.0.1:80"], Way.LISTEN_FDS),
        # never guessed
        (["python3", "gunicorn"], None),
        (["python3", "-m", "http.server", "gunicorn"], None),
        (["python3", "-m"], None),
        (["pythonista", "-m", "gunicorn"], None),
        (["sh", "-c", "exec gunicorn app:app"], None),
        (["gunicorn-wrapper"], None),
        ([""], None),
    ],
)
def test_who_is_known(words, way):
    assert known_way(words) == way


def test_the_way_of_systemd():
    made = hand_over(["srv", "{port}"], 8080, way=Way.LISTEN_FDS, pid=42, names=["web", "a:b\nc"])
    assert made.words == ("srv", "8080")
    assert made.environment == {"PORT": "8080", "LISTEN_PID": "42", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:a_b_c"}


@pytest.mark.parametrize(
    ("words", "way", "expected"),
    [
        (["uvicorn", "app:app"], Way.FD_OPTION, ("uvicorn", "app:app", "--fd", "3")),
        (["uvicorn", "app:app", "--fd", "3"], Way.FD_OPTION, ("uvicorn", "app:app", "--fd", "3")),
        (["uvicorn", "--fd=3", "app:app"], Way.FD_OPTION, ("uvicorn", "--fd=3", "app:app")),
        (["hypercorn", "app:app"], Way.BIND_OPTION, ("hypercorn", "app:app", "--bind", "fd://3")),
    ],
)
def test_the_ways_of_options(words, way, expected):
    made = hand_over(words, 8080, way=way, pid=42, names=["web"])
    assert made.words == expected
    assert made.environment == {"PORT": "8080"}


def test_the_way_of_nginx():
    assert hand_over(["nginx"], 80, way=Way.NGINX, pid=42, names=["a", "b"]).environment == {"PORT": "80", "NGINX": "3;4;"}


def test_the_number_in_words():
    made = with_port(["srv", "--bind=:{port}", "{port}{port}", "{Port}", "{}"], 9)
    assert made.words == ("srv", "--bind=:9", "99", "{Port}", "{}")
    assert made.environment == {"PORT": "9"}


@pytest.mark.parametrize(("name", "expected"), [("web", "web"), ("日本", "__"), ("a:b", "a_b"), ("x" * 300, "x" * 255), ("", "")])
def test_names_of_descriptors(name, expected):
    assert descriptor_name(name) == expected
