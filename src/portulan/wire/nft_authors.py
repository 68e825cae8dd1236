"""Who made a rule, where names tell: ufw, firewalld and others give their tables and chains names of their own."""

from __future__ import annotations

_TABLES = {
    "firewalld": "firewalld",
    "crowdsec": "crowdsec",
    "crowdsec6": "crowdsec",
    "f2b-table": "fail2ban",
    "libvirt_network": "libvirt",
    "docker-bridges": "docker",
    "portulan": "portulan",
}
_CHAINS = {
    "ufw-": "ufw", "ufw6-": "ufw", "DOCKER": "docker", "f2b-": "fail2ban", "LIBVIRT_": "libvirt", "KUBE-": "kubernetes", "CNI-": "cni", "NETAVARK": "podman",
    "shorewall": "shorewall", "INPUT_ZONES": "firewalld", "INPUT_direct": "firewalld",
}  # fmt: skip


def author_of(table: str, chain: str = "", target: str | None = None) -> str | None:
    """The program that made a chain, or a rule that jumps to `target`; None where the names do not tell."""
    found = _TABLES.get(table.removeprefix("legacy:"))
    if found is not None:
        return found
    for name in (chain, target or ""):
        for beginning, author in _CHAINS.items():
            if name.startswith(beginning):
                return author
    return None
