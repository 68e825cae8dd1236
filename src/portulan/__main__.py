"""`python -m portulan`."""

from portulan.cli.main import run

run()
