"""The ids of all findings. An id that was given out once keeps its meaning: people's ignores and other programs know it."""

from __future__ import annotations

IDS = (
    "open.remote-desktop", "open.database", "open.cache", "open.broker", "open.container-api", "open.debugger", "open.file-sharing", "open.printer", "open.admin",
    "open.directory", "open.proxy", "open.industrial", "open.reflector", "open.discovery", "open.unwanted", "open.wider",
    "published.past-firewall", "ipv6.open", "ipv6.default-accept",
    "cleartext.telnet", "cleartext.login", "cleartext.ftp", "cleartext.http", "cleartext.mail", "cleartext.ldap", "cleartext.mqtt", "cleartext.amqp", "cleartext.irc",
    "cleartext.sip",
    "firewall.none", "firewall.default-accept", "firewall.two", "icmp6.blocked",
    "process.by-hand", "process.old-program", "process.no-file", "port.foreign", "ssh.famous-port", "door.unreached",
    "rule.nobody-listens", "rule.shadowed", "rule.redundant",
)  # fmt: skip
