"""A policy: read, checked, compiled to nftables, and compared with what it means."""
