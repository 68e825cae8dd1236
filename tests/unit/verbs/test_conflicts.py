"""The question itself: files named, folders, the project here, and what cannot be answered."""

import os

import pytest

from portulan import verbs
from portulan.errors import BadInput, CannotTell
from portulan.model.declared import Kind


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def ask(*paths, **how):
    return verbs.conflicts([str(path) for path in paths], **{"live": False, **how})


def test_a_folder_and_a_file(tmp_path):
    write(
        tmp_path,
        nginx_dot_conf="http { server { listen 8080; } }",
        web__Procfile="web: uvicorn a --host 0.0.0.0 --port 8080\n",
        notes_dot_txt="PORT=1",
    )
    answer = ask(tmp_path)
    assert [(one.code, len(one.declared)) for one in answer.items] == [("declared.collision", 2)]
    assert [path.removeprefix(f"{tmp_path}/") for path in answer.files] == ["nginx.conf", "web/Procfile"]
    assert answer.complete
    assert ask(tmp_path / "nginx.conf").items == ()
    assert ask(tmp_path, kind="procfile").items == ()


def test_a_file_of_another_name_needs_to_be_told(tmp_path):
    write(tmp_path, site="http { server { listen 8080; } }")
    with pytest.raises(BadInput) as caught:
        ask(tmp_path / "site")
    assert caught.value.code == "conflicts.unknown-file"
    (one,) = ask(tmp_path / "site", kind="NGINX").declared
    assert (one.kind, one.port) == (Kind.NGINX, 8080)


def test_what_is_not_there_is_told(tmp_path):
    for paths, how, code in (([tmp_path / "none"], {}, "conflicts.no-path"), ([tmp_path], {"kind": "word"}, "conflicts.kind")):
        with pytest.raises(BadInput) as caught:
            ask(*paths, **how)
        assert caught.value.code == code


def test_what_cannot_be_read_at_all_is_no_clean_answer(tmp_path):
    os.mkfifo(tmp_path / "nginx.conf")
    with pytest.raises(CannotTell) as caught:
        ask(tmp_path / "nginx.conf")
    assert caught.value.code == "conflicts.unread"


def test_the_project_here_and_the_machine(tmp_path, monkeypatch):
    write(tmp_path, _dot_env="PORT=45678\n", deep___dot_env="PORT=45679\n")
    monkeypatch.chdir(tmp_path)
    answer = ask()
    mine = [one for one in answer.declared if one.path.startswith(str(tmp_path))]
    assert [(one.port, one.address, one.kind) for one in mine] == [(45678, None, Kind.ENV)]


def test_what_runs_now_is_asked_for_when_something_is_declared(tmp_path):
    write(tmp_path, _dot_env="PORT=45678\n")
    answer = ask(tmp_path, live=True)
    assert answer.host
    assert {one.code for one in answer.items} <= {"port.ephemeral", "running.taken"}
