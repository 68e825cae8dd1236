"""Ping and trace to a port: can it be got to, how fast, and where does it stop."""
