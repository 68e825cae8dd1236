"""Findings about services on ports that the registry gives to others: whoever reads the number is misled, and so is a rule that was written for it."""

from __future__ import annotations

from portulan.audit.facts import subject
from portulan.audit.risks import program_names
from portulan.model.address import Exposure
from portulan.model.finding import Evidence, Finding, Fix, Level
from portulan.model.port import LAST_SYSTEM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Facts

# programs | the registry's names of the services that they are known to give
_TABLE = """
sshd dropbear                        | ssh
nginx apache2 httpd caddy lighttpd   | http https http-alt https-alt pcsync-https www www-http webcache sunwebadmin
mysqld mariadbd                      | mysql mysqlx
postgres                             | postgresql
redis-server valkey-server           | redis
mongod mongos                        | mongodb
memcached                            | memcache
named unbound knotd nsd pdns_server  | domain domain-s rndc
dnsmasq                              | domain bootps tftp dhcpv6-server
exim4 exim sendmail                  | smtp submission submissions urd smtps
dovecot                              | imap imaps imap2 imap3 pop3 pop3s sieve lmtp
vsftpd proftpd pure-ftpd             | ftp ftps ftp-data
smbd                                 | microsoft-ds netbios-ssn
nmbd                                 | netbios-ns netbios-dgm
cupsd                                | ipp ipps
slapd                                | ldap ldaps
chronyd ntpd                         | ntp
xrdp                                 | ms-wbt-server
mosquitto                            | mqtt secure-mqtt
rpcbind                              | sunrpc
snmpd                                | snmp agentx
avahi-daemon                         | mdns
openvpn                              | openvpn
bird frr bgpd                        | bgp
git-daemon                           | git
in.telnetd telnetd                   | telnet telnets
rsyncd rsync                         | rsync
inspircd ngircd                      | ircu ircs-u irc ircs
"""


def _services() -> dict[str, frozenset[str]]:
    found = {}
    for line in _TABLE.strip().splitlines():
        programs, _, names = line.partition("|")
        found.update(dict.fromkeys(programs.split(), frozenset(names.split())))
    return found


def find_foreign(facts: Facts) -> Iterator[Finding]:
    """A program that is known for its service, on a port that IANA gave to another; what only this host gets to does not count."""
    known = _services()
    for door in facts.doors:
        if door.exposure is Exposure.LOOPBACK or not door.assigned:
            continue
        program = next((name for name in sorted(program_names(door)) if name in known), None)
        if program is None or known[program] & set(door.assigned):
            continue
        level = Level.WARNING if door.port <= LAST_SYSTEM else Level.INFO
        names = ", ".join(door.assigned[:3])
        evidence = (Evidence("registry.other", {"port": f"{door.port}/{door.transport.value}", "names": names}),)
        told: dict[str, str | int] = {"port": f"{door.port}/{door.transport.value}", "name": program, "names": names}
        yield Finding("port.foreign", level, subject(door), evidence, (Fix("find-config", "portulan conflicts --all"),), told)
