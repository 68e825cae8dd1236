"""The firewall of a network namespace, read: nftables, what iptables made there, and iptables-legacy beside it."""
