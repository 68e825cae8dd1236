"""`portulan guard check`: read the policy and tell all that is wrong in it."""

from __future__ import annotations

from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

SUMMARY = mark("read the policy: every mistake in it, with its place")
EXAMPLES = (("portulan guard check", mark("the policy here")),)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard import add_policy

    add_policy(parser, voice)


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell. 2: there is a mistake in it."""
    from portulan.text.errors import sentences
    from portulan.verbs.guard_policy import find_policy, load_reading

    file = find_policy(options.policy)
    reading = load_reading(file)
    for problem in reading.problems:
        for line in sentences(face.voice, problem):
            face.note(line)
    if reading.policy is None:
        return 2
    face.line(
        face.voice.count(
            "{file}: {n} line for doors, no mistake.", "{file}: {n} lines for doors, no mistake.", len(reading.policy.doors), file=file
        )
    )
    return 0
