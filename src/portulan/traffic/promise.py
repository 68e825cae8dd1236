"""What a port's registered services promise about the bytes that go through it.

Only a promise that is understood can be broken: a service that is not in this list promises nothing here, so a flow on its port is never marked. What is common and
right is no breach: TLS where the service may be wrapped in it, another transport of the same service, TURN beside the web.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_PROMISES = """
ftp: ftp
ftps: tls
ssh netconf-ssh snmpssh sshell: ssh
telnet: telnet
telnets: tls
smtp: smtp
submission: smtp
submissions: tls
domain mdns llmnr: dns
domain-s: tls dtls quic
http www www-http: http quic
http-alt http-mgmt http-wmap: http tls quic
https pcsync-https sun-sr-https synapse-nhttps oracleas-https https-wmap caldav: tls quic dtls stun
https-alt: tls quic dtls
kerberos kerberos-adm kpasswd: kerberos
pop3: pop3
pop3s: tls
nntps: tls
ntp: ntp
netbios-ns netbios-dgm: netbios dns
netbios-ssn: netbios smb
microsoft-ds: smb netbios
imap imap2 imap3: imap
imaps: tls
snmp snmptrap: snmp
snmptls snmptls-trap snmpdtls snmpdtls-trap: tls dtls
bgp: bgp
ldap msft-gc: ldap
ldaps msft-gc-ssl: tls dtls
isakmp: ike
ipsec-nat-t: ike
syslog: syslog
syslog-tls: tls dtls
tftp: tftp
bootps bootpc dhcpv6-client dhcpv6-server dhcp-failover: dhcp
sunrpc nfs: rpc
rtsp rtsp-alt: rtsp http
rtsps: tls
ipp ipps: http tls
rsync: rsync
openvpn: openvpn
ms-sql-s: mssql tls
ms-sql-m: mssql
radius radius-acct radius-dynauth: radius
radsec: tls dtls
mqtt: mqtt
secure-mqtt: tls
ssdp: ssdp
docker: http
docker-s: tls
etcd-client etcd-server: http tls
mysql: mysql
ms-wbt-server: rdp tls dtls
stun stun-behavior turn: stun tls dtls
stuns turns stun-behaviors: stun tls dtls
sip: sip stun
sips: tls dtls
xmpp-client xmpp-server: xmpp tls
postgresql: postgresql tls
amqp: amqp
amqps: tls
rfb: vnc
wsman: http
wsmans: tls
wsdapi: http
wsdapi-s: tls
redis: redis tls
ircu irc: irc
ircs-u ircs: tls
git: git
memcache: memcached tls
mongodb: mongodb tls
wireguard: wireguard
bittorrent: bittorrent
squid elasticsearch prometheus jupyter django http.server cockpit: http tls
flask container-registry: http tls
airplay: http rtsp tls
kubernetes: tls
"""
"""Service names of the registry, and what of `model.traffic.PROTOCOLS` may begin there."""


def _read() -> dict[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for line in _PROMISES.strip().splitlines():
        names, _, protocols = line.partition(":")
        table |= dict.fromkeys(names.split(), frozenset(protocols.split()))
    return table


PROMISES = _read()
NEVER_MARKED = frozenset(("unknown", "rtp"))
"""What is not known, and what is only likely, breaks no promise."""


def keeps(protocol: str, service_names: Collection[str]) -> bool:
    """Whether a protocol is what a port promises that is registered for these services (of one number there may be several, and each counts).

    True where none of them is known here.
    """
    if protocol in NEVER_MARKED:
        return True
    promised = [PROMISES[name] for name in map(str.lower, service_names) if name in PROMISES]
    return not promised or any(protocol in each for each in promised)
