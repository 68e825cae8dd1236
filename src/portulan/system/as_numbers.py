"""Autonomous systems by a file that the user has: `192.0.2.0/24 AS64500 NAME` a line, or `first last number country name` as iptoasn.com gives it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from portulan.errors import BadInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def read_systems(path: str, addresses: Iterable[str]) -> dict[str, str]:
    """Address -> `AS64500 NAME`, by the smallest network that has it. Lines that say nothing are skipped. Raises BadInput."""
    wanted = {address: int(ip_address(address)) for address in addresses}
    versions = {address: ip_address(address).version for address in wanted}
    best: dict[str, tuple[int, str]] = {}
    lines = told = 0
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if not line.strip() or line.startswith("#"):
                    continue
                lines += 1
                parsed = _parse(line)
                if parsed is None:
                    continue
                told += 1
                version, first, last, name = parsed
                for address, number in wanted.items():
                    if versions[address] == version and first <= number <= last and last - first < best.get(address, (1 << 129, ""))[0]:
                        best[address] = last - first, name
    except OSError as error:
        raise BadInput("path.as-file", path=path, reason=error.strerror or str(error)) from error
    if lines and not told:
        raise BadInput("path.as-format", path=path)
    return {address: name for address, (_, name) in best.items() if name}


def _parse(line: str) -> tuple[int, int, int, str] | None:
    """(version, first, last, name) of a line; None for none."""
    words = line.rstrip("\n").split("\t") if "\t" in line else line.split(None, 2)
    try:
        if "/" in words[0]:
            network = ip_network(words[0].strip(), strict=False)
            return network.version, int(network[0]), int(network[-1]), _name(words[1], " ".join(words[2:]))
        first, last = ip_address(words[0].strip()), ip_address(words[1].strip())
        return first.version, int(first), int(last), _name(words[2], words[4] if len(words) > 4 else "")
    except (ValueError, IndexError):
        return None


def _name(number: str, name: str) -> str:
    digits = number.strip().upper().removeprefix("AS")
    if not digits.isdigit():
        raise ValueError(number)
    return "" if digits == "0" else f"AS{digits} {name.strip()}".strip()
