"""The life of a policy in words: what is in force, on trial, confirmed; what was refused and why; what would undo it."""

from __future__ import annotations

from portulan.model.guard_life import Phase
from portulan.text.clean import clean
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.guard_life import Concern, GuardStatus, Shut
    from portulan.text.voice import Voice

SENTENCES: dict[str, str] = {
    "guard.seconds": mark("{text} is not a time for a trial: {least} to {most} seconds were expected."),
    "guard.file-owner": mark("{path} belongs to {who}, who could change these rules: nothing was changed."),
    "guard.file-group": mark("the group {who} may write {path}, and could change these rules: nothing was changed."),
    "guard.file-others": mark("everybody may write {path}, and could change these rules: nothing was changed."),
    "guard.trial-running": mark("a trial is going on, for {seconds} s more: nothing was changed."),
    "guard.strange-table": mark("the kernel has a table inet portulan that is not known here: nothing was changed, since it could not be put back."),
    "guard.rules-lost": mark("the rules {hash} are not kept here any more: nothing was changed."),
    "guard.no-trial": mark("there is no trial to confirm: none was begun, or its time is over and the rules before it are in force again."),
    "guard.trial-before-boot": mark("the trial was before the last start of this machine: it is over."),
    "guard.other-namespace": mark("what is written down here is about the rules of another network namespace: nothing was changed."),
    "guard.confirmed-already": mark("these rules are confirmed already."),
    "guard.trial-gone": mark("the rules on trial are not in the kernel any more: somebody else replaced them, or took all rules away."),
    "guard.too-late": mark("too late: the trial has ended, and the old rules are in force again."),
    "guard.no-connection": mark("this is no ssh login, so nothing shows that there is still a way in: nothing was confirmed."),
    "guard.console-by-ssh": mark("you are logged in by ssh from {address}: nothing was confirmed, since --console is for somebody at the machine."),
    "guard.old-connection": mark("this login uses a connection from before the switch ({address}, port {port}): it would go on even if nobody could come in any more. Nothing was confirmed."),
    "guard.connection-gone": mark("the ssh connection that this shell was started through ({address}, port {port}) is gone: nothing was confirmed."),
    "guard.connection-unseen": mark("the kernel's table of connections does not have this ssh connection ({address}, port {port}) as an established one: nothing was confirmed."),
    "guard.trial-unlisted": mark("apply was ended before it could list the connections of that moment, so nobody can tell which ones are newer: nothing was confirmed."),
    "guard.nothing-before": mark("there are no earlier rules to go back to."),
    "guard.number": mark("{text} is no number of the history."),
    "guard.no-such-number": mark("the history has no number {number}."),
    "guard.not-loadable": mark("the kernel does not take these rules: {reason}. Nothing was changed."),
    "guard.nft-killed": mark("nft was ended by signal {signal}: the kernel has the old rules or the new ones, nothing between."),
    "guard.locked": mark("another portulan guard is changing the rules, and has not ended for {seconds} s (the lock is on {path}): nothing was changed."),
    "guard.forbidden": mark("changing the firewall rules needs {needs}: nothing was changed."),
    "guard.no-state": mark("{path} may not be used: nothing was changed."),
    "guard.no-boot-id": mark("the number of this boot cannot be read: {reason}."),
    "guard.notes-damaged": mark("what was written down of the rules is damaged."),
    "guard.notes-format": mark("what was written down of the rules is of a later version of Portulan (format {number})."),
    "guard.no-ctnetlink": mark("this kernel does not list its connections: {reason}."),
    "guard.cannot-end-sockets": mark("this kernel cannot end sockets (CONFIG_INET_DIAG_DESTROY): the connections go on."),
    "guard.no-systemctl": mark("systemctl is not installed."),
}  # fmt: skip
WAYS_OUT: dict[str, str] = {
    "guard.file-owner": mark("keep the policy where only root may write:  /etc/portulan/portulan.toml   or all the same:  portulan guard apply --trust-file"),
    "guard.file-group": mark("take that right away:  chmod go-w {path}   or all the same:  portulan guard apply --trust-file"),
    "guard.file-others": mark("take that right away:  chmod go-w {path}   or all the same:  portulan guard apply --trust-file"),
    "guard.trial-running": mark("end it first:  portulan guard rollback   (or, from a new login:  portulan guard confirm)"),
    "guard.strange-table": mark("look at it:  nft list table inet portulan   and take it away:  portulan guard rollback --off"),
    "guard.rules-lost": mark("begin anew:  portulan guard rollback --off"),
    "guard.no-trial": mark("begin one:  portulan guard apply"),
    "guard.trial-before-boot": mark("begin another one:  portulan guard apply"),
    "guard.other-namespace": mark("keep other files for this one:  --root FOLDER"),
    "guard.trial-gone": mark("where things stand:  portulan guard status"),
    "guard.too-late": mark("again, with more time:  portulan guard apply --seconds 300"),
    "guard.no-connection": mark("log in anew by ssh, and type it there. At the machine itself:  portulan guard confirm --console"),
    "guard.console-by-ssh": mark("log in anew by ssh, and type it there:  portulan guard confirm"),
    "guard.old-connection": mark("a really new one:  ssh -o ControlPath=none …   and not in an older tmux or screen"),
    "guard.connection-gone": mark("log in anew by ssh, outside tmux and screen, and type it there."),
    "guard.connection-unseen": mark("if you are sure that you can come in anew:  portulan guard confirm --vouch"),
    "guard.trial-unlisted": mark("end it and begin again:  portulan guard rollback && portulan guard apply"),
    "guard.number": mark("which there are:  portulan guard history"),
    "guard.no-such-number": mark("which there are:  portulan guard history"),
    "guard.forbidden": mark("as root:  sudo portulan guard"),
    "guard.no-state": mark("as root:  sudo portulan guard"),
    "guard.nft-killed": mark("where things stand:  portulan guard status"),
}  # fmt: skip

SHUT: dict[str, str] = {
    "guard.peer-shut-out": mark("you are logged in from {address} ({link}), and from there {door} would be shut."),
    "guard.peer-shut-by-others": mark(
        "you are logged in from {address} ({link}), and the policy lets you in by {door}, but the table {table} would not: no new login could confirm."
    ),
    "guard.last-way-shut-by-others": mark(
        "nobody could log in from outside any more: the policy lets somebody in by {door}, but the table {table} lets in nobody."
    ),
    "guard.last-way-in": mark("nobody could log in from outside any more: {door} would be shut for all."),
}
"""Code -> the way in that would be shut."""

CONCERNS: dict[str, str] = {
    "guard.other-table": mark("the table {subject} ({detail}) refuses packets too: what is open here still has to pass it."),
    "guard.through-tunnel": mark(
        "you are logged in through the tunnel {subject} ({detail}). It runs on even if its own port is shut now: make sure that it can be built anew before you confirm."
    ),
    "guard.boot-flushes": mark("{subject} begins with flush ruleset: systemctl reload nftables would take these rules away."),
    "guard.service-off": mark("{subject}, which loads /etc/nftables.conf, is not enabled: after a boot these rules are not loaded."),
    "guard.saved-trial": mark("{subject} holds a trial that somebody saved (table inet portulan): it would begin again at boot."),
    "guard.boot-damaged": mark("{subject} is not as it was written: what a boot loads is not sure."),
    "guard.boot-differs": mark("a boot would load other rules than those confirmed ({subject})."),
    "guard.boot-loads-nothing": mark("after a boot these rules are not loaded."),
    "guard.not-written": mark("{subject} could not be written ({detail}): after a boot, the earlier rules come back."),
    "guard.boot-failed": mark("loading at boot could not be enabled: {detail}."),
    "guard.boot-unknown": mark("what a boot loads cannot be told: {detail}."),
    "guard.cut-failed": mark("connections could not be ended: {detail}."),
    "guard.no-file": mark("there is no policy file here any more that says what is in force."),
    "guard.file-differs": mark("the policy's file says something else than the rules in force."),
    "guard.policy-broken": mark("{subject} cannot be read as a policy."),
    "guard.changed-by-hand": mark("somebody changed the table inet portulan by hand: it does not hold what was applied."),
    "guard.strange": mark("the kernel has a table inet portulan that is not known here."),
    "guard.wiped": mark("the rules that were confirmed are gone from the kernel: everything is as open as other tables leave it."),
    "guard.warm-left": mark("a warm-up of connection tracking was left behind (table inet portulan_warm). It accepts everything, and goes with the next apply or rollback."),
    "guard.notes-set-aside": mark("what was written down was damaged, and is kept as {subject}."),
}  # fmt: skip
"""Code -> what stands against the rules."""
CONCERN_WAYS: dict[str, str] = {
    "guard.other-table": mark("what to do about it:  portulan guard apply --takeover"),
    "guard.boot-flushes": mark("load them there too:  portulan guard boot --enable nftables"),
    "guard.service-off": mark(
        "by a unit of its own:  portulan guard boot --enable systemd   or enable that one:  systemctl enable {subject}"
    ),
    "guard.saved-trial": mark("take the table out of that file: the confirmed rules have a file of their own."),
    "guard.boot-damaged": mark("write it again:  portulan guard boot --enable"),
    "guard.boot-differs": mark("write it again:  portulan guard boot --enable"),
    "guard.boot-loads-nothing": mark("let them be:  portulan guard boot --enable"),
    "guard.file-differs": mark("what would change:  portulan guard plan   and to try it:  portulan guard apply"),
    "guard.policy-broken": mark("why:  portulan guard check"),
    "guard.no-file": mark(
        "name it, if it lies elsewhere:  portulan guard status --policy FILE   or draft another one:  portulan guard init"
    ),
    "guard.changed-by-hand": mark("load it anew as it was confirmed:  portulan guard apply"),
    "guard.strange": mark("look at it:  nft list table inet portulan   and take it away:  portulan guard rollback --off"),
    "guard.wiped": mark("try them again:  portulan guard rollback"),
}

_TAKEOVER: dict[str, str] = {
    "ufw": mark("ufw: write what it lets in into the policy (portulan guard init reads it), apply, confirm, then:  ufw disable"),
    "firewalld": mark("firewalld: write what it lets in into the policy (portulan guard init reads it), apply, confirm, then:  systemctl disable --now firewalld"),
    "docker": mark("docker: leave it. Published ports obey the policy's lines all the same: they are asked for by the port that was called."),
    "": mark("{subject}: write what it lets in into the policy (portulan guard init reads it), apply, confirm, then:  nft delete table {subject}   and take it out of the file that loads it."),
}  # fmt: skip


def shut_lines(voice: Voice, shut: tuple[Shut, ...]) -> list[str]:
    """The ways in that would be shut, a line each."""
    return [voice.say(SHUT[each.code], door=each.door, address=each.address, link=each.link, table=each.table) for each in shut]


def concern_lines(voice: Voice, concerns: tuple[Concern, ...]) -> list[str]:
    """A line for each, its way out below; a way out that several have stands once."""
    lines, told = [], set()
    for each in concerns:
        lines.append("! " + voice.say(CONCERNS[each.code], subject=each.subject, detail=each.detail or "?").replace(" (?)", ""))
        way = CONCERN_WAYS.get(each.code)
        if way is not None and each.code not in told:
            told.add(each.code)
            lines.append("  " + voice.say(way, subject=each.subject))
    return lines


def takeover_lines(voice: Voice, concerns: tuple[Concern, ...]) -> list[str]:
    """How a person hands over from other firewalls; nothing of it is done here."""
    tables = [each for each in concerns if each.code == "guard.other-table"]
    if not tables:
        return [voice.say("No other table refuses anything: there is nothing to take over.")]
    lines = [
        voice.say("Every table is asked in turn, and each may refuse: a packet comes in only if all let it in."),
        voice.say("Nothing of theirs is changed by Portulan. To leave the work to the policy alone, in this order:"),
    ]
    for each in tables:
        for author in each.detail.split(", "):
            text = voice.say(_TAKEOVER.get(author, _TAKEOVER[""]), subject=each.subject)
            if "  " + text not in lines:
                lines.append("  " + text)
    return lines


PHASES: dict[Phase, str] = {
    Phase.NOTHING: mark("No policy is in force: ports are as open as other tables leave them."),
    Phase.IN_FORCE: mark("In force: rules {hash}, confirmed."),
    Phase.TRIAL: mark("On trial for {seconds} s more: rules {hash}. Then again: {old}."),
    Phase.OVER: mark("A trial has ended by itself. In force again: {old}."),
    Phase.SETTLED: mark("In force: rules {hash}, confirmed; that was not written down yet."),
    Phase.WIPED: mark("The confirmed rules are gone from the kernel."),
    Phase.STRANGE: mark("The kernel has rules under our name that are not known here."),
}


def rules_name(voice: Voice, hash_: str | None) -> str:
    """Rules by the first digits of their hash."""
    return voice.say("no rules") if hash_ is None else voice.say("rules {hash}", hash=short(hash_))


def short(hash_: str | None) -> str:
    """The first digits of a hash."""
    return clean(hash_ or "")[:12]


def status_line(voice: Voice, status: GuardStatus) -> str:
    """The answer in one line."""
    running = status.running
    seconds = f"{running.left_s or 0:.0f}"
    return voice.say(PHASES[status.phase], hash=short(running.hash), seconds=seconds, old=rules_name(voice, running.over))
