"""What every test may ask for: a sandbox, the private root with other people's programs, the seed of the day, and how much to try."""

from __future__ import annotations

import os
import random
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
NO_RIGHTS = "cannot build sandboxes here"
NO_PEERS = "no private root with peer programs"
SEED = "PORTULAN_SEED"
PEERS = "PORTULAN_PEERS"


def pytest_addoption(parser):
    parser.getgroup("portulan").addoption("--prove", action="store_true", help="full counts instead of samples (make prove)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # Kept in the environment: the workers of pytest-xdist and every child agree on it, even across midnight.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell has what it starts in the background ignore Ctrl-C, and every child of ours would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = os.environ.setdefault(SEED, f"{datetime.now(UTC):%Y%m%d}")
    if getattr(config.option, "hypothesis_seed", "") is None:
        config.option.hypothesis_seed = seed
    from hypothesis import settings

    settings.register_profile("ci", deadline=None, derandomize=False, print_blob=True)
    settings.register_profile("prove", settings.get_profile("ci"), max_examples=2000)
    settings.load_profile("prove" if config.getoption("--prove") else "ci")


def pytest_report_header(config):
    size = "full counts" if config.getoption("--prove") else "samples"
    return f"portulan: {size}, seed {os.environ[SEED]} (repeat with {SEED}={os.environ[SEED]}), peers in {peers_folder()}"


def pytest_collection_modifyitems(config, items):
    lab = [item for item in items if item.get_closest_marker("lab")]
    reason = why_no_sandbox() if lab else None
    if reason is not None:
        for item in lab:
            item.add_marker(pytest.mark.skip(reason=f"{NO_RIGHTS}: {reason}"))


def pytest_terminal_summary(terminalreporter):
    """A test that did not run is said so in plain sight, not by an `s` among dots."""
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)]
    for reason, what, way_out in (
        (NO_RIGHTS, "lab tests could not run: they need root and network namespaces", "as root:  make test"),
        (NO_PEERS, "tests could not run: the programs they compare with are not installed", "as root, with apt-get:  make test"),
    ):
        count = sum(reason in each for each in reasons)
        if count:
            terminalreporter.write_line(f"!!! {count} {what}. {way_out}", yellow=True, bold=True)


def why_no_sandbox():
    """None where sandboxes can be built, else the reason."""
    from portulan.errors import PortulanError
    from portulan.system.sandbox import check_rights

    try:
        check_rights()
    except PortulanError as error:
        return str(error)
    return None


def peers_folder():
    return Path(os.environ.get(PEERS) or REPOSITORY / ".cache/roots/peers")


@pytest.fixture
def sandbox():
    """A sandbox of this test's own, gone after it."""
    from portulan.system.sandbox import Sandbox

    with Sandbox() as built:
        yield built


@pytest.fixture(scope="session")
def peers():
    """The private root with peer programs (ss, lsof, nginx, …), built beforehand by tools/private_root.py."""
    from portulan.errors import PortulanError
    from portulan.system.sandbox.root import open_root

    try:
        return open_root(peers_folder())
    except PortulanError as error:
        pytest.skip(f"{NO_PEERS}: {error}")


@pytest.fixture(scope="session")
def servers():
    """The private root with real servers (nginx, Apache, sshd, PostgreSQL, …), built beforehand by tools/private_root.py."""
    from portulan.errors import PortulanError
    from portulan.system.sandbox.root import open_root

    try:
        return open_root(REPOSITORY / ".cache/roots/servers")
    except PortulanError as error:
        pytest.skip(f"{NO_PEERS}: {error}")


@pytest.fixture(scope="session")
def day_seed():
    """The number that today's samples are drawn with."""
    return int(os.environ[SEED])


@pytest.fixture
def dice(request, day_seed):
    """A random.Random of this test and this day."""
    return random.Random(f"{day_seed} {request.node.nodeid}")


@pytest.fixture(scope="session")
def samples(pytestconfig):
    """samples(some, full): how many to try, `some` as a rule and `full` under --prove."""
    prove = pytestconfig.getoption("--prove")
    return lambda some, full: full if prove else some


@pytest.fixture(autouse=True)
def _own_language():
    """A test that speaks another language does not teach it to the next: argparse learns it through the process's environment."""
    import gettext

    domain, language = gettext.textdomain(), os.environ.pop("LANGUAGE", None)
    yield
    gettext.textdomain(domain)
    os.environ.pop("LANGUAGE", None)
    if language is not None:
        os.environ["LANGUAGE"] = language
