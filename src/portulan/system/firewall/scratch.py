"""What a script means: loaded into a network namespace made for it, read back there, and gone."""

from __future__ import annotations

from portulan.errors import CannotTell
from portulan.system.firewall.load import load_script
from portulan.system.firewall.read import read_ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.ruleset import Ruleset


def rules_of(script: str) -> Ruleset:
    """The rules that a script makes where there are none. Raises as `load_script` and `read_ruleset`, and CannotTell where no namespace may be made."""
    from portulan.system.linux.syscall import CLONE_NEWNET, unshare
    from portulan.system.sandbox.errand import in_thread

    def work() -> Ruleset:
        try:
            unshare(CLONE_NEWNET)
        except OSError as error:
            raise CannotTell("iptables.scratch", reason=error.strerror) from error
        load_script(script)
        return read_ruleset()

    return in_thread(work)


def same_table(script: str) -> bool:
    """Whether our table here is what a script makes of it, but for what packets change (counters, elements that come and go). Raises as `rules_of`."""
    from portulan.system.firewall.running import list_table
    from portulan.system.linux.syscall import CLONE_NEWNET, unshare
    from portulan.system.sandbox.errand import in_thread
    from portulan.wire.guard_table import lasting

    def work() -> bytes:
        try:
            unshare(CLONE_NEWNET)
        except OSError as error:
            raise CannotTell("iptables.scratch", reason=error.strerror) from error
        load_script(script)
        return list_table()

    return lasting(list_table()) == lasting(in_thread(work))
