"""What `demo` says: a heading and a way in for each scene, and what one sees of each command."""

from __future__ import annotations

from portulan.model.demo import SCENES, DemoStep
from portulan.text.voice import Voice, mark

SENTENCES: dict[str, str] = {
    "demo.no-scene": mark("{text} is no scene of the demo: one of {known} was expected."),
    "demo.failed": mark("{command} did not do its part of the demo: {reason}."),
    "demo.deaf": mark("nobody on host {host} was hearing packets within {timeout_s} seconds."),
}
"""Of errors."""
WAYS_OUT: dict[str, str] = {
    "demo.no-scene": mark("all of it:  portulan demo"),
}

TITLE = mark("Three machines, all inside this one")
OPENING = mark("All of it is really run. Nothing gets out, and nothing is left at the end.")
CLOSING = mark("That was all: the three machines are gone. Now your own:")
ENDED = mark("Ended early: nothing of it is left.")
TITLES: dict[str, str] = {
    "traffic": mark("Three services, one cable"),
    "conflict": mark("Two programs, one port"),
    "firewall": mark("Everything shut but mail and web"),
    "scanners": mark("Somebody tries the doors"),
}
INTROS: dict[str, str] = {
    "traffic": mark("The laptop sends a song by FTP, loads a page and leaves a mail, all at once."),
    "conflict": mark("A web server holds port 80. Somebody starts a second one."),
    "firewall": mark("A stranger asks which ports answer. Then all are shut but 25, 80 and 443."),
    "scanners": mark("The stranger tries a hundred doors. This time the server is watching."),
}
_OTHERWISE = mark("That did not go as it should (exit status {status}): what it says stands above.")
STEPS: dict[str, str] = {
    **dict.fromkeys((f"{scene}.otherwise" for scene in SCENES), _OTHERWISE),
    "traffic.visit": mark("Sent and received, in bytes: {song} of song, {page} of page, {mail} of mail."),
    "traffic.apart": mark(
        "One cable, one address: the port number says what is for whom. FTP talks on 21 and sends the song through {data_port}, a port agreed on there."
    ),
    "traffic.lost": mark("Something got lost: the server has not all that the laptop sent."),
    "conflict.second": mark("It did not start, and does not say who was first."),
    "conflict.why": mark("This says who holds the port, and the ways out."),
    "firewall.scan-before": mark("Open to a stranger: {open}. FTP too, with its passwords in the clear."),
    "firewall.reach-before": mark("From inside it is the same: there are no rules, so everyone gets in."),
    "firewall.check": mark("The policy, three lines. What it does not name is shut."),
    "firewall.plan": mark("What would change, before anything does."),
    "firewall.apply": mark("On trial: unless it is confirmed within a minute, the kernel takes it back. Nobody gets locked out."),
    "firewall.confirm": mark("Kept. --console: I sit at the server. By ssh, a new login would confirm it."),
    "firewall.scan-after": mark(
        "Open to a stranger: {open}. {refused} is let through, but nobody listens there yet. All others keep silent."
    ),
    "firewall.scan-after-otherwise": mark("Not as the policy says: open {open}; refused {refused}; silent {silent}."),
    "firewall.reach-after": mark("The FTP server still runs, and no stranger gets to it."),
    "firewall.would": mark("So it would be: with this policy, no stranger gets to 21."),
    "firewall.no-nft": mark(
        "nft, which hands firewall rules to the kernel, is not installed on this machine: the policy was read, planned and simulated, but not put in force. To see that too, install the package nftables and play this scene again:"
    ),
    "firewall.not-applied": mark("The policy could not be put in force here; why stands above. The rest of this scene is left out."),
    "scanners.tries": mark("A hundred ports, tried by the stranger."),
    "scanners.found": mark("198.18.1.2 is the stranger. To shut such a one out for an hour, by itself:"),
    "scanners.nobody": mark("This time it was not sure of anybody."),
}
COMMANDS: dict[str, str] = {
    "firewall.no-nft": "sudo apt install nftables && portulan demo firewall",
    "scanners.found": "sudo portulan scanners --block 1h",
}
"""What to type, below the sentence."""
PARTIAL = (
    *(f"{scene}.otherwise" for scene in SCENES),
    "scanners.nobody",
    "firewall.no-nft",
    "firewall.not-applied",
    "firewall.scan-after-otherwise",
    "traffic.lost",
)
"""Codes of what could not be shown as it should be."""


def sentence(voice: Voice, step: DemoStep) -> str:
    """What one sees."""
    facts = {name: f"{fact:,}" if isinstance(fact, int) and name != "data_port" else fact or "-" for name, fact in step.facts.items()}
    return voice.say(STEPS[step.code], **facts)
