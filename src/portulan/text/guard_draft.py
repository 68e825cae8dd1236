"""A first policy as the text of its file: each line with a comment that says whose it is."""

from __future__ import annotations

from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.guard_draft import DraftDoor, Drafted, DraftSource, LeftOut

SENTENCES: dict[str, str] = {"guard.exists": mark("{file} is there already: a draft is written only where there is none.")}
WAYS_OUT: dict[str, str] = {
    "guard.exists": mark("elsewhere:  portulan guard init --policy FILE, or look at it:  portulan guard init --print")
}
REMARKS: dict[str, str] = {
    "unknown": mark("who gets there could not be told: taken to be everyone"),
    "perhaps": mark("it depends on rules that cannot be foretold: taken to be open"),
    "but": mark("other rules refuse some of them, and stay"),
    "published": mark("published by a container"),
}
WHY: dict[str, str] = {
    "this-host": mark("only this host gets there"),
    "nobody": mark("the rules let nobody in"),
    "client": mark("a client's, as it looks: answers come in without a line"),
    "dhcp": mark("DHCP: answers come in without a line"),
}
_LONGEST = 100
_EXAMPLE = 'office = ["198.51.100.0/24", "2001:db8::/48"]'
_OUTGOING = ("dns", "ntp", "https", "ping")
"""What hardly any host does without."""


def draft_text(voice: Voice, drafted: Drafted) -> str:
    """The whole file."""
    lines = [
        "# " + voice.say("Who may come in to {host}. Whatever is in no line is refused.", host=_plain(drafted.host)),
        "# "
        + voice.say(
            "Drafted on {day}, from what listens there and who gets to it now.", day=drafted.taken_at.astimezone().date().isoformat()
        ),
        "# " + voice.say("Read it with care:  portulan guard check      What it would change:  portulan guard plan"),
    ]
    if drafted.routes:
        lines += [
            "#",
            "# "
            + voice.say(
                "This machine forwards between its interfaces. Without [zones] and [forward] nothing that comes in by an uplink is forwarded any more."
            ),
        ]
    names = [_source(source) for source in drafted.sources]
    lines += ["", "# " + voice.say("Names for senders (this one is an example): lines can let in office then, instead of everyone.")]
    lines += ["[sources]" if names else "# [sources]", f"# {_EXAMPLE}", *names]
    lines += ["", "# " + voice.say("Without a table [outgoing] this host may send whatever it likes, with it only what is in its lines:")]
    lines += ["# [outgoing]", *(f'# {word} = "everyone"' for word in _OUTGOING)]
    lines += ["", "[doors]"]
    if drafted.ping:
        lines.append('ping = "everyone"   # ' + voice.say("ICMP echo, IPv4"))
    else:
        lines.append('# ping = "everyone"   # ' + voice.say("ICMP echo, IPv4: whether the rules let it in was not judged"))
    lines += [_door(voice, door) for door in drafted.doors]
    if drafted.left_out:
        lines += ["", "# " + voice.say("In use, and without a line:")]
        lines += [_left_out(voice, one) for one in drafted.left_out]
    return "\n".join(lines) + "\n"


def _source(source: DraftSource) -> str:
    networks = _list(source.networks)
    return f"{source.name} = " + (f"{{ interface = {_list(source.links)}, networks = {networks} }}" if source.links else networks)


def _door(voice: Voice, door: DraftDoor) -> str:
    key = door.key if door.key.replace("-", "").replace("_", "").isalnum() and door.key.isascii() else _quoted(door.key)
    senders = _quoted(door.senders[0]) if len(door.senders) == 1 else _list(door.senders)
    value = senders if door.helper is None else f"{{ from = {senders}, helper = {_quoted(door.helper)} }}"
    words = [", ".join(map(_plain, door.holders)) or voice.say("who holds it may not be seen")]
    if door.addresses:
        words.append(" ".join(map(_plain, door.addresses)))
    if door.remark in REMARKS:
        words.append(voice.say(REMARKS[door.remark]))
    return f"{key} = {value}   # " + "; ".join(words)


def _left_out(voice: Voice, one: LeftOut) -> str:
    holders = ", ".join(map(_plain, one.holders)) or voice.say("who holds it may not be seen")
    return f"#   {one.port:<10}  {holders}: {voice.say(WHY[one.why])}"


def _plain(text: str) -> str:
    """Foreign text on a line of a comment: it cannot leave it."""
    return clean(text, _LONGEST)


def _list(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_quoted, texts)) + "]"


def _quoted(text: str) -> str:
    escaped = clean(text, 4 * _LONGEST).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
