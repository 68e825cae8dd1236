"""What Linux offers: netlink, BPF, /proc, cgroups, namespaces."""
