"""The ports that everyone should know. The plain sentence about each stands in `portulan.text.well_known`, by its key."""

from __future__ import annotations

from functools import cache

from portulan.model.assignment import WellKnown
from portulan.model.port import Transport
from portulan.model.portset import parse_portset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LIST = """
ftp 20-21 tcp ftp
ssh 22 tcp ssh
telnet 23 tcp telnet
smtp 25 tcp smtp
whois 43 tcp whois
dns 53 tcp+udp dns
dhcp 67-68 udp dhcp
tftp 69 udp tftp
http 80 tcp http
kerberos 88 tcp+udp kerberos
pop3 110 tcp pop3
rpcbind 111 tcp+udp rpcbind
nntp 119 tcp nntp
ntp 123 udp ntp
msrpc 135 tcp msrpc
netbios 137-139 tcp+udp netbios
imap 143 tcp imap
snmp 161-162 udp snmp
bgp 179 tcp bgp
ldap 389 tcp+udp ldap
https 443 tcp+udp https
smb 445 tcp smb
submissions 465 tcp submissions
ike 500,4500 udp ipsec
syslog 514 udp syslog
rsh 514 tcp rsh
printing 515,631 tcp+udp printing
dhcpv6 546-547 udp dhcpv6
rtsp 554 tcp rtsp
submission 587 tcp submission
ipmi 623 udp ipmi
ldaps 636 tcp ldaps
dot 853 tcp+udp dot
rsync 873 tcp rsync
imaps 993 tcp imaps
pop3s 995 tcp pop3s
socks 1080 tcp socks
openvpn 1194 tcp+udp openvpn
mssql 1433 tcp mssql
mssql-browser 1434 udp mssql
oracle 1521 tcp oracle
pptp 1723 tcp pptp
radius 1812-1813 udp radius
mqtt 1883,8883 tcp mqtt
ssdp 1900 udp upnp
nfs 2049 tcp+udp nfs
docker 2375-2376 tcp docker
etcd 2379-2380 tcp etcd
dev-3000 3000 tcp node
squid 3128 tcp squid
iscsi 3260 tcp iscsi
mysql 3306 tcp mysql
rdp 3389 tcp+udp rdp
stun 3478 tcp+udp stun
vxlan 4789 udp vxlan
dev-5000 5000 tcp flask
sip 5060-5061 tcp+udp sip
xmpp 5222,5269 tcp xmpp
mdns 5353 udp mdns
llmnr 5355 tcp+udp llmnr
postgresql 5432 tcp postgres
amqp 5671-5672 tcp amqp
vnc 5900 tcp vnc
winrm 5985-5986 tcp winrm
x11 6000-6063 tcp x11
redis 6379 tcp redis
kubernetes 6443 tcp kubernetes
irc 6667,6697 tcp irc
dev-8000 8000 tcp django
http-alt 8080 tcp http-alt
https-alt 8443 tcp https-alt
jupyter 8888 tcp jupyter
shared-9000 9000 tcp php-fpm
prometheus 9090 tcp prometheus
kafka 9092 tcp kafka
jetdirect 9100 tcp jetdirect
elasticsearch 9200,9300 tcp elasticsearch
git 9418 tcp git
kubelet 10250 tcp kubelet
memcached 11211 tcp+udp memcached
minecraft 25565 tcp minecraft
mongodb 27017 tcp mongodb
wireguard 51820 udp wireguard
"""


@cache
def well_known() -> tuple[WellKnown, ...]:
    """All of them, by number."""
    return tuple(
        WellKnown(key, parse_portset(ports).ranges, tuple(map(Transport, transports.split("+"))), service)
        for key, ports, transports, service in map(str.split, _LIST.strip().splitlines())
    )


def known_of(ports: Iterable[tuple[int, Transport | None]]) -> tuple[WellKnown, ...]:
    """Those of these ports that everyone should know, in the order given; a port without a transport stands for all."""
    entries = well_known()
    found = [
        entry
        for number, transport in ports
        for entry in entries
        if (transport is None or transport in entry.transports) and any(number in part for part in entry.ports)
    ]
    return tuple(dict.fromkeys(found))
