"""What reading the firewall says when it cannot, or not all of it."""

from __future__ import annotations

from portulan.text.voice import Voice, mark

SENTENCES: dict[str, str] = {
    "nft.needed": mark("this is done by the program nft, which is not installed."),
    "nft.missing": mark("there are firewall rules here, and the program nft that lists them is not installed."),
    "nft.no-json": mark("this nft cannot list rules as JSON ({version}): 0.9.1 or newer, built with JSON, was expected."),
    "nft.failed": mark("nft could not list the rules: {reason}."),
    "nft.garbled": mark("this nft does not know all that the rules here are made of, and lists them wrongly: {reason}."),
    "nft.forbidden": mark("reading the firewall rules needs {needs}."),
    "network.forbidden": mark("reading the addresses and routes of another network namespace needs {needs}."),
    "nft.not-json": mark("nft's listing of the rules is damaged at byte {offset} of {size}."),
    "nft.foreign": mark("this is JSON, but no listing of firewall rules by nft."),
    "nft.damaged": mark("nft's listing of the rules has a {what} that cannot be."),
    "nft.no-chain": mark("a rule of chain {chain} jumps to chain {target}, which is not there."),
    "nft.circle": mark("the rules jump in a circle through chain {chain}."),
    "iptables.no-program": mark("there are rules made by iptables, and its program {program} is not installed."),
    "iptables.scratch": mark("no network namespace could be made to read iptables' rules in: {reason}."),
    "legacy.no-program": mark("there are rules of iptables-legacy, and its program {program} is not installed."),
    "program.timeout": mark("{program} had not ended after {timeout_s} seconds, and was ended."),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {
    "nft.needed": mark("install it:  apt install nftables, or dnf install nftables"),
    "nft.missing": mark("install it:  apt install nftables, or dnf install nftables"),
    "nft.no-json": mark("install a newer one:  apt install nftables, or dnf install nftables"),
    "nft.garbled": mark("install a newer one:  apt install nftables, or dnf install nftables"),
    "nft.forbidden": mark("to allow it:  the same command with sudo before it"),
    "network.forbidden": mark("to allow it:  the same command with sudo before it"),
}
"""What to do about it."""


_BY_IPTABLES = mark("Rules made by iptables ({text}) cannot be understood without its own programs: install iptables.")
INCOMPLETE: dict[str, str] = {
    "nft.changing": mark("The firewall rules changed each time they were read: what is shown mixes old and new ones."),
    "iptables.no-program": _BY_IPTABLES,
    "iptables.no-translator": _BY_IPTABLES,
    "iptables.differs": mark("iptables and nft list different rules for chain {text}: what iptables made there is not understood."),
    "iptables.no-scratch": mark("Rules made by iptables could not be translated: {text}."),
    "legacy.no-program": _BY_IPTABLES,
    "legacy.no-nft": mark("Rules of iptables-legacy ({text}) cannot be understood without nft: install nftables."),
    "legacy.forbidden": mark("Whether there are rules of iptables-legacy ({text}) may not be looked at."),
}
"""Why a ruleset is incomplete."""


def incomplete_sentence(voice: Voice, code: str, text: str) -> str:
    """One reason why a ruleset is incomplete (`Ruleset.incomplete`), as a sentence."""
    return voice.say(INCOMPLETE[code], text=text) if code in INCOMPLETE else f"{code} {text}"
