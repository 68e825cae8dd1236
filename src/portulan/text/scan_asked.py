"""What a scan cannot be asked for, in words: targets, lists, ports, outputs, settings."""

from __future__ import annotations

from portulan.text.voice import mark

SENTENCES: dict[str, str] = {
    "scan.udp-zero": mark("UDP's port 0 cannot be asked: no datagram can be sent to it."),
    "scan.not-own": mark("{address} is not an address of this host: only those can be asked with --local."),
    "scan.no-targets": mark("nothing to scan was named: an address, a network, a range or a name was expected."),
    "scan.not-a-target": mark("{text} is neither an address nor a network, a range or a name of a host."),
    "scan.not-a-network": mark("{text} is neither an address nor a network."),
    "scan.unknown-host": mark("no host is known by the name {text}."),
    "scan.resolver": mark("the name {text} could not be looked up: {reason}."),
    "scan.bad-octet": mark("{text} is not an address: each of its four parts is a number from 0 to 255."),
    "scan.bad-prefix": mark("{text} is not a network: /{length} is not a number of bits from 0 to {bits}."),
    "scan.empty-network": mark("{text} is an empty network: after / a number of bits from 0 to {bits} was expected."),
    "scan.backwards": mark("{text} runs backwards: the first address of a range is the smaller one."),
    "scan.two-versions": mark("{text} begins in one version of IP and ends in another."),
    "scan.too-many-ranges": mark("{text} stands for {count} ranges: give the networks, or a list in a file."),
    "scan.too-many": mark("{count} pairs of address and port are more than can be scanned."),
    "scan.target-port": mark("{text} is not a target: the port is given apart."),
    "scan.needs-link": mark("{text} is an address of a link: which interface leads to it was expected behind %."),
    "scan.empty-link": mark("{text} names no interface behind %."),
    "scan.no-link-wanted": mark("{text} names an interface, which only link-local addresses of IPv6 have."),
    "scan.two-links": mark("{text} was asked for on {first} and on {second}: one scan can tell it on one of them only."),
    "scan.nothing-left": mark("nothing is left to scan: {text} is left out ({why})."),
    "scan.public": mark("{text} belongs to somebody on the internet: it is scanned only with that owner's permission."),
    "scan.stdin-twice": mark("standard input (-) can be read as one list only."),
    "scan.ports-twice": mark("-p and --top are two ways to choose the ports: give one of them."),
    "scan.port-prefix": mark("{text} has a prefix that means nothing: T: stands for TCP, U: for UDP."),
    "scan.transport": mark("{text} is not scanned: only TCP and UDP are."),
    "scan.top": mark("--top {count}: a number of ports from 1 to 65536 was expected."),
    "scan.rate": mark("--rate {text}: a number of probes a second above 0 was expected."),
    "scan.max-rtt": mark("--max-rtt {text}: a time such as 300ms or 2s was expected."),
    "scan.miss": mark("--miss {text}: a number of missed ports above 0 and below 1 was expected, such as 1e-6."),
    "scan.patience": mark("--patience {text}: a number of seconds was expected."),
    "scan.assume-loss": mark("--assume-loss {text}: a share from 0 to 0.99 was expected."),
    "scan.jobs": mark("--jobs {text}: a number of processes from 1 on was expected."),
    "scan.shard": mark("--shard {text}: a part and how many there are was expected, from 1/1 on, such as 1/4 (the first of four)."),
    "scan.form": mark(
        "what is to be written to {path} cannot be seen by its name: one of {known} was expected, or an option such as --xml."
    ),
    "scan.two-forms": mark("{first} and {second} both ask for standard output: send one of them to a file with -o."),
    "scan.same-file": mark("{path} was given twice: each output needs a file of its own."),
    "scan.local-remote": mark("--local asks the kernel of this host: --method {method} does not go with it."),
    "scan.compare-form": mark("--compare-host tells two things: {form} cannot hold them. Send the scan to a file with -o."),
    "output.cannot-write": mark("{path} cannot be written: {reason}."),
    "list.unreadable": mark("{file} cannot be read: {reason}."),
    "list.no-text": mark("{file}, line {line}: this is no text."),
    "list.too-large": mark("{file} is longer than {most} MB."),
    "diff.form": mark("{file} is no answer of a scan: JSON, JSON lines, CSV, grepable lines or nmap's XML was expected."),
    "diff.schema": mark("{file} holds {text}, not the answer of a scan."),
    "diff.row": mark("{file}, line {line}: this is no answer of a scan."),
    "diff.xml": mark("{file}, line {line}: this declares or nests what no scan's answer does, so it is not read."),
    "diff.cut": mark("{file} ends before its summary: the scan that wrote it did not come to its end."),
    "diff.twice": mark("{text} was named twice: two different views were expected."),
    "diff.not-ours": mark("none of the addresses in {file} belongs to this machine: there is nothing to compare with."),
    "config.no-toml": mark("{file}, line {line}: this is no TOML ({reason})."),
    "config.no-table": mark("{file}, line {line}: {name} is a table of settings."),
    "config.unknown": mark("{file}, line {line}: there is no setting {name}: one of {known} was expected."),
    "config.no-texts": mark("{file}, line {line}: {name} is a list of networks in quotes."),
}
WAYS_OUT: dict[str, str] = {
    "scan.target-port": mark("so:  portulan scan {target} -p {port}"),
    "scan.needs-link": mark("so:  portulan scan {text}%eth0"),
    "scan.public": mark('if you have it:  --authorized, or for good in {config}:  [scan] authorized = ["{text}"]'),
    "scan.too-many-ranges": mark("a list:  --targets-file FILE"),
}
"""What to type instead."""
LEFT_OUT: dict[str, str] = {
    "excluded": mark("excluded"),
    "broadcast": mark("broadcast"),
    "multicast": mark("multicast"),
    "documentation": mark("for documentation only"),
    "unspecified": mark("no address of a host"),
    "reserved": mark("reserved"),
    "no-route": mark("no way leads there"),
    "host-unreach": mark("the gateway to it does not answer"),
    "host-down": mark("nobody has the address"),
    "link-local": mark("link-local, and no interface was named"),
}
"""Why networks are not asked."""
