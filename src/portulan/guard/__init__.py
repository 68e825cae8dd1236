"""The doors and their guard: what a firewall's rules do with packets, decided by pure functions from the rules and the network as values."""
