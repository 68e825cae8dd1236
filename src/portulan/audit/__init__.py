"""Findings: what is open that should not be, decided by pure functions from all facts about each port."""
