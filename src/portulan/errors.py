"""Every error Portulan raises on purpose.

An error is a stable code and the facts that belong to it; `portulan.text` makes the sentence. Each class says whose fault it is and
which exit status a command ends with (the table in docs/design.md). Only these reach a person; anything else is a bug of ours.
"""


class PortulanError(Exception):
    """The root. `code` is stable and dotted ("port.out-of-range"), `facts` are what the sentence needs."""

    exit_status = 4

    def __init__(self, code: str, /, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        """For developers and logs; a person reads `portulan.text.errors.sentence`."""
        return f"{self.code}: " + ", ".join(f"{name}={value!r}" for name, value in self.facts.items())


class BadInput(PortulanError):
    """The user's fault: an argument, a file or a name that cannot be what it should. Facts: what, where, what was expected."""

    exit_status = 2


class ParseError(BadInput):
    """Bytes or text that are not in the format they should be in (a file, a netlink answer, a registry)."""


class CannotTell(PortulanError):
    """Nobody's fault, but the answer could not be found out: a time-out, a kernel that does not know the question."""

    exit_status = 3


class NotPermitted(CannotTell):
    """The rights of this process do not reach; `needs` names the capability, the sentence the command that grants it."""


class Refused(PortulanError):
    """Nobody's fault either: the answer is no. What was asked for is not to be had now."""

    exit_status = 1


class MachineFailed(PortulanError):
    """The machine failed us: an operating-system error on `operation` of `subject`, with its `reason`."""


def failed(operation: str, subject: str, error: OSError) -> MachineFailed:
    """Translate an operating-system error; `system/` calls this at its border."""
    return MachineFailed("machine.failed", operation=operation, subject=subject, reason=error.strerror or str(error))
