"""The command line as a whole: exit statuses, sentences, and never a traceback."""

import gettext
import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chart_samples import GAPS, chart, who
from portulan import __version__
from portulan.cli import main as module
from portulan.cli.commands import COMMANDS
from portulan.cli.main import main
from portulan.errors import CannotTell, NotPermitted
from portulan.text.voice import LANGUAGES, Voice
from strategies import NASTY, acts

PROGRAM = [sys.executable, "-m", "portulan"]
USUAL = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
"""The environment that most people have: Python's own settings change how output is buffered."""


@pytest.fixture(autouse=True)
def _a_plain_environment(monkeypatch):
    """English on eighty columns, for the installed program; and argparse forgets what a test taught it."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/portulan"])
    yield
    gettext.textdomain("messages")


@pytest.fixture
def said(capsys):
    """said(words…) -> (exit status, stdout, stderr)."""

    def run(*words):
        status = main(words)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def machine(monkeypatch):
    """The verbs `chart` and `who` answer for a machine that never was."""
    asked = []
    monkeypatch.setattr(import_module("portulan.verbs.chart"), "chart", lambda *words, **more: asked.append((words, more)) or chart())
    monkeypatch.setattr(
        import_module("portulan.verbs.who"),
        "who",
        lambda port, **more: asked.append((port, more)) or who(int(port) if port.isdigit() else 22),
    )
    return asked


def started(*words, **more):
    """The program, as a person starts it."""
    environment = {**USUAL, "PYTHONWARNINGS": "error", **more.pop("env", {})}
    return subprocess.run([*PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False, env=environment, **more)


# --- wrong input ---

WRONG = [
    (["70000"], "portulan: 70000 is not a port: ports run from 0 to 65535."),
    (["who", "70000"], "portulan: 70000 is not a port: ports run from 0 to 65535."),
    (["ls", "70000"], "portulan: 70000 is not a port: ports run from 0 to 65535."),
    (["ls", "80", "1-70000"], "portulan: 70000 is not a port: ports run from 0 to 65535."),
    (["80/xyz"], "portulan: xyz is not a transport: one of tcp, udp, sctp, dccp, udplite was expected."),
    (["who", "80/xyz"], "portulan: xyz is not a transport: one of tcp, udp, sctp, dccp, udplite was expected."),
    (["ls", "80/xyz"], "portulan: xyz is not a transport: one of tcp, udp, sctp, dccp, udplite was expected."),
    (["80x"], "portulan: 80x is not a port: a number from 0 to 65535 was expected."),
    (["²"], "portulan: ² is not a port: a number from 0 to 65535 was expected."),
    (["who", ""], "portulan:  is not a port: a number from 0 to 65535 was expected."),
    (["who", "/tcp"], "portulan: /tcp is not a port: a number from 0 to 65535 was expected."),
    (["ls", "9-8"], "portulan: 9-8 runs backwards: the first port of a range is the smaller one."),
    (["ls", "80,,81"], "portulan:  is not a port: a number from 0 to 65535 was expected."),
    (["who", "nosuchservice"], "portulan: nosuchservice is no port, and the registry knows no service of that name."),
    (["ls", "nosuchservice"], "portulan: nosuchservice is no port, and the registry knows no service of that name."),
    (["ls", "--service", "nosuchservice"], "portulan: nosuchservice is no port, and the registry knows no service of that name."),
    (["who", "8000-8010"], "portulan: 8000-8010 means several ports (8000-8010): who answers for one at a time."),
    (["who", "80,81"], "portulan: 80,81 means several ports (80-81): who answers for one at a time."),
    (["lokup"], "portulan: lokup is neither a command nor a port nor a service. Did you mean lookup?"),
    (["lss", "80"], "portulan: lss is neither a command nor a port nor a service. Did you mean ls?"),
    (["qqqqqqqq"], "portulan: qqqqqqqq is neither a command nor a port nor a service."),
    ([""], "portulan:  is not a port: a number from 0 to 65535 was expected."),
    ([" "], "portulan:   is not a port: a number from 0 to 65535 was expected."),
    (["ls", "-5"], "portulan: -5 is not a port: a number from 0 to 65535 was expected."),
    (["ls", "--", "-5"], "portulan: -5 is not a port: a number from 0 to 65535 was expected."),
    (["ls", "--json", "--csv"], "portulan: --json and --csv are two forms of one answer: ask for one of them."),
    (["--lang", "xx"], "portulan: xx is not a language Portulan speaks: one of en, ja was expected."),
    (["ls", "--lang", "xx"], "portulan: xx is not a language Portulan speaks: one of en, ja was expected."),
    (["ls", "--lang=EN"], "portulan: EN is not a language Portulan speaks: one of en, ja was expected."),
    (["ls", "--source", "magic"], "portulan: magic is not a source: one of auto, bpf, proc, psutil was expected."),
    (["80", "--source", "magic"], "portulan: magic is not a source: one of auto, bpf, proc, psutil was expected."),
    (["ls", "--watch", "0"], "portulan: 0 is not an interval: a number of seconds from 0.1 to 86400 was expected."),
    (["ls", "--watch", "soon"], "portulan: soon is not an interval: a number of seconds from 0.1 to 86400 was expected."),
    (["ls", "--watch", "nan"], "portulan: nan is not an interval: a number of seconds from 0.1 to 86400 was expected."),
    (["ls", "--pid", "nginx"], "portulan: nginx is not a process number."),
    (["ls", "--pid", "-1"], "portulan: "),
    (["ls", "--pid", "²"], "portulan: ² is not a process number."),
    (["ls", "--pid", "9" * 5000], "portulan: 999"),
    (["ls", "--frobnicate"], "portulan: unrecognized arguments: --frobnicate"),
    (["ls", "--pid"], "portulan: argument --pid: expected one argument"),
    (["who"], "portulan: the following arguments are required: PORT"),
    (["who", "80", "81"], "portulan: unrecognized arguments: 81"),
    (["80", "81", "--source", "magic"], "portulan: unrecognized arguments: 81"),
    (["ls", "--color", "red"], "portulan: argument --color: invalid choice: 'red'"),
    (["127.0.0.1:8080"], "portulan: 127.0.0.1:8080 is neither a command nor a port nor a service. Did you mean 8080?"),
    (["[::1]:8080"], "portulan: [::1]:8080 is neither a command nor a port nor a service. Did you mean 8080?"),
    ([":8080"], "portulan: :8080 is neither a command nor a port nor a service. Did you mean 8080?"),
    (["http://localhost:8080/"], "portulan: http://localhost:8080/ is neither a command nor a port nor a service. Did you mean 8080?"),
    (["completion", "csh"], "portulan: csh is not a shell with completions here: one of bash, zsh, fish, tcsh was expected."),
    (["map", "--transport", "xyz"], "portulan: argument --transport: invalid choice: 'xyz'"),
    (["lookup"], "portulan: nothing was asked: a number, a range, a name or words were expected."),
    (["lookup", "70000"], "portulan: 70000 is not a port: ports run from 0 to 65535."),
    (["registry", "explode"], "portulan: argument action: invalid choice: 'explode'"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG, ids=[" ".join(words)[:40] or "nothing" for words, _ in WRONG])
def test_wrong_input_is_a_sentence_and_2(said, words, sentence):
    status, out, err = said(*words)
    assert (status, out) == (2, "")
    assert err.startswith(sentence)
    assert err.endswith("\n")
    assert len(err.splitlines()) <= 2
    assert len(err) < 6000


@pytest.mark.parametrize(
    "words",
    [words for words, _ in WRONG if words[0].strip() and "--" not in words and "--lang" not in words[-1] and "--lang" not in words],
    ids=lambda words: " ".join(words)[:40],
)
def test_wrong_input_is_a_sentence_in_japanese_too(said, words):
    status, out, err = said(*words, "--lang", "ja")
    assert (status, out) == (2, "")
    assert any("\u3040" <= character <= "\u30ff" for character in err), err


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["who", "nosuchservice"], " search the registry:  portulan lookup nosuchservice"),
        (["who", "80,81"], " the chart of several ports:  portulan ls 80,81"),
        (["qqqqqqqq"], " all commands:  portulan --help"),
        (["ls", "--frobnicate"], " how it is used:  portulan ls --help"),
    ],
)
def test_a_way_out_stands_below(said, words, way_out):
    assert said(*words)[2].splitlines()[1] == way_out


@pytest.mark.parametrize("text", [*NASTY, "x" * 100_000, "9" * 100_000])
def test_nasty_words_are_answered_and_never_repeated_raw(said, text):
    for words in ([text], ["ls", "--source", text], ["ls", f"--lang={text}"], ["ls", "--pid", text], ["lookup", text]):
        status, out, err = said(*words)
        assert status in (0, 1, 2, 3)
        for line in (out + err).split("\n"):
            assert not any(map(acts, line))
        assert len(out + err) < 20_000


@settings(max_examples=20)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_any_word_is_a_command_a_port_a_service_or_an_error(text):
    # What is not refused is somebody's command: of those only the name is asked here.
    from portulan.errors import BadInput

    try:
        name, rest = module._command([text])
    except BadInput as error:
        name, rest = error.code, []
    assert name in COMMANDS or name in ("--help", "-h", "help", "--version", "-V", "command.unknown", "port.not-a-number")
    assert rest in ([], [text])


# --- which command is meant ---


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        ([], "ls", []),
        (["ls"], "ls", []),
        (["ls", "80"], "ls", ["80"]),
        (["80"], "who", ["80"]),
        (["80", "--json"], "who", ["80", "--json"]),
        (["53/udp"], "who", ["53/udp"]),
        (["tcp/443"], "who", ["tcp/443"]),
        (["80", "443"], "ls", ["80", "443"]),
        (["ssh", "80"], "ls", ["ssh", "80"]),
        (["80", "--json", "443"], "who", ["80", "--json", "443"]),
        (["--json", "80"], "who", ["80", "--json"]),
        (["--lang", "ja", "ssh"], "who", ["ssh", "--lang", "ja"]),
        (["--lang=ja", "80", "443"], "ls", ["80", "443", "--lang=ja"]),
        (["--csv", "80"], "ls", ["--csv", "80"]),
        (["--pid", "80"], "ls", ["--pid", "80"]),
        (["ssh"], "who", ["ssh"]),
        (["domain/udp"], "who", ["domain/udp"]),
        (["postgres"], "who", ["postgres"]),
        (["who", "80"], "who", ["80"]),
        (["--json"], "ls", ["--json"]),
        (["--all", "443"], "ls", ["--all", "443"]),
        (["--lang", "ja", "who", "80"], "who", ["--lang", "ja", "80"]),
        (["--json", "lookup", "80"], "lookup", ["--json", "80"]),
        (["--name", "who"], "ls", ["--name", "who"]),
        (["--user", "map", "--all"], "ls", ["--user", "map", "--all"]),
        (["--lang", "ja"], "ls", ["--lang", "ja"]),
        (["--help"], "--help", []),
        (["-h"], "-h", []),
        (["help"], "help", []),
        (["help", "who"], "who", ["--help"]),
        (["help", "nonsense"], "help", ["nonsense"]),
        (["--lang", "ja", "--help"], "--help", []),
        (["--version"], "--version", []),
    ],
)
def test_which_command_is_meant(words, command, rest):
    assert module._command(words) == (command, rest)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ([], None),
        (["--lang", "ja"], "ja"),
        (["who", "--lang=ja"], "ja"),
        (["--lang="], ""),
        (["--lang"], None),
        (["--", "--lang", "ja"], None),
        (["--language", "ja"], None),
        (["--lang", "en", "--lang", "ja"], "en"),
    ],
)
def test_options_that_must_be_known_first(words, value):
    assert module._option(words, "--lang") == value


# --- help and version ---


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], ["--json", "--help"]])
def test_the_overview(said, words):
    status, out, err = said(*words)
    assert (status, err) == (0, "")
    assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("words", [["--version"], ["-V"]])
def test_the_version(said, words):
    assert said(*words) == (0, f"portulan {__version__}\n", "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_mentions_its_examples(said, name, language):
    voice = Voice(language)
    for words in ([name, "--help", "--lang", language], ["help", name, "--lang", language]):
        status, out, err = said(*words)
        assert (status, err) == (0, "")
        for line, meaning in import_module(COMMANDS[name].module).EXAMPLES:
            assert line in out
            if words[1] == "--help":
                assert voice.say(meaning) in out


# --- right input ---


def test_the_bare_command_is_the_chart(said, machine):
    status, out, err = said()
    assert (status, err) == (0, "")
    assert out.startswith("web-01   12 ports")
    ((words, more),) = machine
    assert (words, more["services"], more["source"], more["every_state"]) == (([],), [], "auto", False)


def test_a_port_is_who(said, machine):
    status, out, _ = said("80")
    assert status == 0
    assert out.startswith("80/tcp (http) is held by nginx")
    assert machine == [("80", {"source": "auto", "reach": True})]


def test_a_service_is_who(said, machine):
    assert said("ssh")[1].startswith("22/tcp (ssh) is held by sshd")


def test_options_before_the_command(said, machine):
    status, out, _ = said("--lang", "ja", "who", "80")
    assert status == 0
    assert "nginx" in out
    assert "is held by" not in out


def test_the_language_of_the_environment(said, machine, monkeypatch):
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert "is held by" not in said("80")[1]
    assert "is held by" in said("80", "--lang", "en")[1]


def test_the_window_of_the_environment(said, machine, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, said("80")[1].splitlines())) <= 40


def test_colours_only_when_asked_for(said, machine):
    assert "\x1b" not in said("80")[1]
    assert "\x1b[1m80/tcp" in said("80", "--color", "always")[1]
    assert "\x1b" not in said("80", "--color=never")[1]


def test_json_is_one_object(said, machine):
    status, out, err = said("80", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["port"] == {"number": 80, "transport": None}


def test_nobody_is_1(said, machine):
    status, out, err = said("81")
    assert (status, out, err) == (1, "Nobody holds 81 on this machine.\n", "")


# --- what may go wrong on the way ---


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (CannotTell("sock_diag.missing"), 3, "portulan: this kernel cannot list its sockets"),
        (NotPermitted("bpf.forbidden", needs="CAP_BPF"), 3, "portulan: reading holders through BPF needs CAP_BPF."),
        (KeyboardInterrupt(), 130, ""),
        (PermissionError(13, "Permission denied", "/proc/x\x1b"), 4, r"portulan: could not open /proc/x\x1b: Permission denied."),
        (OSError(28, "No space left on device"), 4, "portulan: could not write stdout: No space left on device."),
        (OSError("odd"), 4, "portulan: could not write stdout: odd."),
    ],
)
def test_errors_become_sentences_and_a_status(said, monkeypatch, error, status, sentence):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(import_module("portulan.verbs.who"), "who", fail)
    told, out, err = said("80")
    assert (told, out) == (status, "")
    assert err.startswith(sentence)


def test_a_bug_of_ours_is_not_hidden(said, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(import_module("portulan.verbs.who"), "who", fail)
    with pytest.raises(ZeroDivisionError):
        said("80")


def test_gaps_are_told_beside_the_answer(said, monkeypatch):
    monkeypatch.setattr(import_module("portulan.verbs.who"), "who", lambda *_, **__: who(80, gaps=GAPS))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    status, out, err = said("80")
    assert status == 0
    assert "is held by nginx" in out
    assert err.splitlines() == [
        " 1 port is held by a process that may not be looked into: its program is not shown.",
        " The network namespace vault may not be entered: its ports are not shown.",
        " See all:  sudo portulan 80",
    ]


# --- as a program ---


def test_it_runs_as_a_module_and_leaves_with_the_status():
    assert (started("--version").returncode, started("--version").stdout) == (0, f"portulan {__version__}\n")
    done = started("who", "70000")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "portulan: 70000 is not a port: ports run from 0 to 65535.\n")


@pytest.mark.parametrize("words", [["who", "\udc80\udcff"], ["ls", "--name", "\udc80"], ["\udc80"], ["lookup", "\udc80"]])
def test_words_that_are_no_text_are_no_traceback(words):
    done = started(*words)
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_another_encoding_gets_escapes(encoding):
    done = started("--help", "--lang", "ja", env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert ("\\u30dd" in done.stdout) == (encoding != "utf-8")


@pytest.mark.parametrize(
    "words", [["lookup", "tcp", "--all", "--words"], ["lookup", "1-65535"], ["lookup", "80"], ["--help"], ["--version"], ["ls", "--json"]]
)
def test_whoever_reads_us_may_stop_reading(words):
    read, write = os.pipe()
    process = subprocess.Popen([*PROGRAM, *words], stdout=write, stderr=subprocess.PIPE, text=True, env=USUAL)
    os.close(write)
    os.close(read)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_head_takes_one_line_and_is_content():
    process = subprocess.Popen([*PROGRAM, "lookup", "1-65535"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=USUAL)
    assert process.stdout.readline()
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["--version"], ["lookup", "80"], ["ls", "--json"], ["--help"]])
def test_a_full_disk_is_said_and_4(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False, env=USUAL)
    assert (done.returncode, done.stderr) == (4, "portulan: could not write stdout: No space left on device.\n")


def test_a_closed_stdout_is_no_traceback():
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "--version"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        env=USUAL,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


def test_an_interrupt_ends_a_watch_with_130():
    process = subprocess.Popen(
        [*PROGRAM, "ls", "--watch", "0.1", "--source", "proc"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline()
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err.count("Traceback")) == (130, 0)
    assert "\x1b" not in out
