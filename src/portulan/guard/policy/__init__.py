"""A policy of what may come in: read, judged, compiled, edited. All of it pure: text, clock and the registry's table come in as arguments."""
