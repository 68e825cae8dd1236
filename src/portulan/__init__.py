"""Portulan: the chart of every network port. The public API is `portulan.verbs`."""

__version__ = "0.1.0"
