"""What is said where no number can be given. The numbers themselves need no words."""

from __future__ import annotations

from portulan.text.voice import mark

SENTENCES: dict[str, str] = {
    "free.count": mark("{text} is not a number of ports: 1 to {most} were expected."),
    "free.none-left": mark("of {count} free ports only {found} are to be had in {within}."),
    "free.refused": mark("{port} may not be bound: {reason}."),
}
WAYS_OUT: dict[str, str] = {
    "free.none-left": mark("who has them:  portulan ls {within}"),
    "free.refused": mark("ports that need no privilege:  portulan free"),
}
