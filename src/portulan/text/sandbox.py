"""What sandboxes and private roots say when they cannot do something."""

from __future__ import annotations

from portulan.text.voice import mark

SENTENCES: dict[str, str] = {
    "sandbox.not-linux": mark("sandboxes need Linux; this is {platform}."),
    "sandbox.forbidden": mark("building a sandbox needs {needs}."),
    "sandbox.read-only": mark("no sandbox can be built here: {path} cannot be written, as in most containers."),
    "sandbox.name": mark("{name} is not a name for a host: small letters, digits and hyphens were expected."),
    "sandbox.name-taken": mark("the sandbox has a host {name} already."),
    "sandbox.no-address": mark("host {host} has no IPv{version} address."),
    "sandbox.no-ipv6": mark("this kernel runs without IPv6."),
    "sandbox.address": mark("{text} is not an address or a network: {reason}."),
    "sandbox.default-route": mark("{text} is everything: a sandbox is closed and has no default route."),
    "sandbox.setting": mark("{name} is not a setting of a network: its name begins with net."),
    "sandbox.not-linked": mark("the link does not end at host {host}."),
    "sandbox.percent": mark("{percent} is not a percentage: 0 to 100 was expected."),
    "sandbox.delay": mark("{delay_ms} is not a delay in milliseconds: 0 to 60000 was expected."),
    "sandbox.no-relay": mark("this link was laid without a delay: nothing on it can hold packets back."),
    "sandbox.no-relay-started": mark("the process that holds packets back did not start; it needs memory for {packets} packets each way."),
    "sandbox.too-many-links": mark("a sandbox gives addresses to {most} links; later ones need their own."),
    "sandbox.no-carrier": mark("interface {interface} of host {host} did not come up."),
    "sandbox.silent-port": mark("nobody listened on {port} of host {host} within {timeout_s} seconds."),
    "sandbox.no-program": mark("{program} cannot be started: {reason}."),
    "sandbox.not-started": mark("{program} may not be started: {reason}."),
    "sandbox.timeout": mark("{command} had not ended after {timeout_s} seconds, and was ended."),
    "sandbox.call-died": mark("{command} ended without an answer."),
    "sandbox.call-lost": mark("the answer of {command} could not be carried over: {reason}."),
    "sandbox.survivors": mark("{count} processes of a sandbox could not be ended."),
    "stage.forbidden": mark(
        "a closed network of its own takes root, or a system that lets ordinary users make namespaces; this one does not: {reason}."
    ),
    "stage.forbidden-root": mark("a closed network of its own takes {needs}, which root does not have here: {reason}."),
    "stage.died": mark("the closed network was ended from outside."),
    "user.unknown": mark("there is no user {user}."),
    "link.kernel-lacks": mark("this kernel cannot {operation} {subject}."),
    "netlink.damaged": mark("the kernel gave an {what} that cannot be read, at byte {offset}."),
    "root.forbidden": mark("a private root needs {needs}."),
    "root.no-apt": mark("a private root is made with Debian's apt-get, which is not here."),
    "root.place": mark("a private root cannot be kept in {folder}: packages are installed below that folder."),
    "root.no-overlay": mark("no overlay can be laid over {folder}: {reason}."),
    "root.missing": mark("there is no private root in {folder}."),
    "root.damaged": mark("the private root in {folder} is damaged: {reason}."),
    "root.outdated": mark("the private root in {folder} does not fit the packages of this machine any more."),
    "root.not-installed": mark("{packages} could not be installed: {reason}"),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {
    "sandbox.forbidden": mark("to allow it:  sudo"),
    "sandbox.read-only": mark("in a container:  docker run --privileged"),
    "stage.forbidden": mark("to allow it:  sudo"),
    "stage.forbidden-root": mark("in a container:  docker run --privileged"),
    "root.forbidden": mark("to allow it:  sudo"),
    "root.place": mark("choose a folder elsewhere, such as one in your home"),
    "root.no-overlay": mark("choose a folder on a disk file system (ext4, xfs, btrfs), not on an overlay or over a network"),
    "root.missing": mark("install it, as root:  make test"),
    "root.damaged": mark("install it anew, as root:  make test"),
    "root.outdated": mark("install it anew, as root:  make test"),
}
"""What to do about it."""
