"""Our own pages of the phone book: people's words that IANA does not know, and what is found on a port in spite of what IANA says.

Nothing here is IANA's: every answer that comes from here is marked as ours. `ALIASES` are other words for what IANA assigned; `USES` are
programs whose customary port was assigned to something else or to nobody. Both lists are ordered by number; where a word leads to several
services (mail, web), `FIRST` says which comes first.
"""

from functools import cache

from portulan.model.port import Transport
from portulan.model.record import Record

TCP, UDP = Transport.TCP, Transport.UDP


def mark(message: str) -> str:
    """Mark a message for the catalogue, as `portulan.text.voice.mark` does, which stands above this room."""
    return message


class Alias(Record):
    """Other words for a service that IANA assigned, on one of its ports."""

    port: int
    service: str
    words: tuple[str, ...]


class Use(Record):
    """A program that is often found on a port which IANA did not assign to it."""

    port: int
    transports: tuple[Transport, ...]
    service: str
    description: str
    """English; the catalogue has the others."""
    words: tuple[str, ...] = ()


ALIASES = (
    Alias(20, "ftp-data", ("ftp data",)),
    Alias(21, "ftp", ("vsftpd", "proftpd", "file transfer")),
    Alias(22, "ssh", ("sshd", "openssh", "sftp", "scp", "secure shell", "remote login")),
    Alias(23, "telnet", ("telnetd",)),
    Alias(25, "smtp", ("mail", "email", "mail server", "postfix", "exim", "sendmail", "mta", "メール")),
    Alias(43, "nicname", ("whois",)),
    Alias(49, "tacacs", ("tacacs+",)),
    Alias(53, "domain", ("dns", "name server", "nameserver", "bind", "named", "unbound", "dnsmasq", "名前解決")),
    Alias(67, "bootps", ("dhcp", "dhcp server", "dhcpd", "bootp")),
    Alias(68, "bootpc", ("dhcp", "dhcp client", "dhclient")),
    Alias(80, "http", ("web", "web server", "website", "nginx", "apache", "httpd", "ウェブ")),
    Alias(88, "kerberos", ("kdc", "krb5", "active directory")),
    Alias(102, "iso-tsap", ("s7", "siemens s7")),
    Alias(110, "pop3", ("pop", "mail", "email", "メール")),
    Alias(111, "sunrpc", ("rpcbind", "portmap", "portmapper", "rpc")),
    Alias(113, "ident", ("identd",)),
    Alias(119, "nntp", ("usenet", "news")),
    Alias(123, "ntp", ("time server", "chrony", "chronyd", "ntpd", "timesyncd", "時刻同期")),
    Alias(135, "epmap", ("msrpc", "windows rpc", "rpc", "dcom")),
    Alias(137, "netbios-ns", ("netbios", "wins", "nmbd")),
    Alias(138, "netbios-dgm", ("netbios", "nmbd")),
    Alias(139, "netbios-ssn", ("netbios", "smb", "samba", "file sharing", "ファイル共有")),
    Alias(143, "imap", ("imap4", "dovecot", "mail", "email", "メール")),
    Alias(162, "snmptrap", ("snmp trap",)),
    Alias(179, "bgp", ("bird", "frr", "routing")),
    Alias(389, "ldap", ("openldap", "slapd", "directory", "active directory")),
    Alias(443, "https", ("web", "web server", "ssl", "tls", "http/3", "http3", "quic", "doh", "ウェブ")),
    Alias(445, "microsoft-ds", ("smb", "cifs", "samba", "smbd", "windows share", "file sharing", "active directory", "ファイル共有")),
    Alias(465, "submissions", ("smtps", "mail", "email", "メール")),
    Alias(500, "isakmp", ("ike", "ikev2", "ipsec", "vpn", "strongswan")),
    Alias(502, "mbap", ("modbus", "scada")),
    Alias(514, "shell", ("rsh",)),
    Alias(514, "syslog", ("rsyslog", "logging", "log server")),
    Alias(515, "printer", ("lpd", "lpr", "printing", "印刷")),
    Alias(520, "router", ("rip", "routing")),
    Alias(546, "dhcpv6-client", ("dhcpv6", "dhcp")),
    Alias(547, "dhcpv6-server", ("dhcpv6", "dhcp")),
    Alias(548, "afpovertcp", ("afp", "time machine", "file sharing")),
    Alias(554, "rtsp", ("ip camera", "camera", "streaming")),
    Alias(587, "submission", ("mail", "email", "msa", "starttls", "メール")),
    Alias(623, "asf-rmcp", ("ipmi", "bmc", "ilo", "idrac")),
    Alias(631, "ipp", ("cups", "cupsd", "printing", "airprint", "印刷")),
    Alias(636, "ldaps", ("ldap over tls", "secure ldap")),
    Alias(853, "domain-s", ("dot", "dns over tls", "doq", "dns over quic")),
    Alias(873, "rsync", ("rsyncd",)),
    Alias(993, "imaps", ("secure imap", "mail", "email", "メール")),
    Alias(995, "pop3s", ("secure pop3", "mail", "email", "メール")),
    Alias(1080, "socks", ("socks5", "socks4", "proxy")),
    Alias(1194, "openvpn", ("vpn",)),
    Alias(1352, "lotusnote", ("lotus notes", "domino")),
    Alias(1433, "ms-sql-s", ("mssql", "sql server", "sqlserver", "microsoft sql server", "database", "データベース")),
    Alias(1434, "ms-sql-m", ("sql server browser", "sql browser")),
    Alias(1701, "l2tp", ("vpn",)),
    Alias(1720, "h323hostcall", ("h323", "h.323")),
    Alias(1723, "pptp", ("vpn",)),
    Alias(1812, "radius", ("freeradius", "802.1x", "aaa")),
    Alias(1813, "radius-acct", ("radius accounting",)),
    Alias(1883, "mqtt", ("mosquitto", "iot")),
    Alias(1900, "ssdp", ("upnp", "igd")),
    Alias(1935, "macromedia-fcs", ("rtmp", "live streaming", "streaming")),
    Alias(2049, "nfs", ("nfsd", "nfs4", "file sharing", "ファイル共有")),
    Alias(2375, "docker", ("docker api", "dockerd")),
    Alias(2376, "docker-s", ("docker tls", "docker over tls")),
    Alias(2379, "etcd-client", ("etcd",)),
    Alias(2380, "etcd-server", ("etcd",)),
    Alias(3260, "iscsi-target", ("iscsi", "san")),
    Alias(3268, "msft-gc", ("global catalog", "active directory")),
    Alias(3306, "mysql", ("mariadb", "mysqld", "database", "データベース")),
    Alias(
        3389, "ms-wbt-server", ("rdp", "remote desktop", "xrdp", "mstsc", "terminal server", "terminal services", "リモートデスクトップ")
    ),
    Alias(3478, "stun", ("webrtc", "coturn")),
    Alias(3690, "svn", ("subversion",)),
    Alias(3702, "ws-discovery", ("wsd", "onvif")),
    Alias(4317, "opentelemetry", ("otlp", "otel")),
    Alias(4369, "epmd", ("erlang",)),
    Alias(4500, "ipsec-nat-t", ("ipsec", "vpn", "strongswan")),
    Alias(4789, "vxlan", ("overlay network",)),
    Alias(4840, "opcua-tcp", ("opc ua", "opcua")),
    Alias(5060, "sip", ("voip", "asterisk", "telephony", "電話")),
    Alias(5061, "sips", ("voip", "sip over tls")),
    Alias(5222, "xmpp-client", ("xmpp", "jabber")),
    Alias(5269, "xmpp-server", ("xmpp", "jabber")),
    Alias(5353, "mdns", ("bonjour", "avahi", "zeroconf", "multicast dns")),
    Alias(5432, "postgresql", ("postgres", "psql", "pgsql", "database", "データベース")),
    Alias(5671, "amqps", ("rabbitmq",)),
    Alias(5672, "amqp", ("rabbitmq", "message queue")),
    Alias(5683, "coap", ("iot",)),
    Alias(5900, "rfb", ("vnc", "screen sharing", "remote desktop")),
    Alias(5984, "couchdb", ("couch", "database")),
    Alias(5985, "wsman", ("winrm", "powershell remoting")),
    Alias(5986, "wsmans", ("winrm", "powershell remoting")),
    Alias(6000, "x11", ("x", "xorg", "x server")),
    Alias(6081, "geneve", ("overlay network",)),
    Alias(6379, "redis", ("valkey", "cache", "database", "データベース")),
    Alias(6514, "syslog-tls", ("secure syslog",)),
    Alias(6665, "ircu", ("irc", "chat")),
    Alias(6697, "ircs-u", ("irc", "ircs", "chat")),
    Alias(8080, "http-alt", ("tomcat", "proxy", "web", "jenkins")),
    Alias(8883, "secure-mqtt", ("mqtts", "mqtt over tls")),
    Alias(9100, "pdl-datastream", ("jetdirect", "raw printing", "printing", "印刷")),
    Alias(9418, "git", ("git daemon",)),
    Alias(10000, "ndmp", ("backup",)),
    Alias(10050, "zabbix-agent", ("zabbix",)),
    Alias(10051, "zabbix-trapper", ("zabbix",)),
    Alias(11211, "memcache", ("memcached", "cache")),
    Alias(20000, "dnp", ("dnp3", "scada")),
    Alias(26257, "cockroach", ("cockroachdb", "database")),
    Alias(27017, "mongodb", ("mongo", "database", "データベース")),
    Alias(32400, "plex", ("plex media server",)),
    Alias(44818, "EtherNet-IP-2", ("ethernet/ip",)),
    Alias(47808, "bacnet", ("building automation",)),
)

USES = (
    Use(1337, (TCP,), "strapi", mark("Strapi content management")),
    Use(1521, (TCP,), "oracle", mark("Oracle Database listener"), ("oracle database", "tns", "database", "データベース")),
    Use(2082, (TCP,), "cpanel", mark("cPanel web hosting administration")),
    Use(2083, (TCP,), "cpanel", mark("cPanel web hosting administration over TLS")),
    Use(2181, (TCP,), "zookeeper", mark("Apache ZooKeeper")),
    Use(2222, (TCP,), "ssh-alt", mark("SSH moved away from port 22")),
    Use(3000, (TCP,), "node", mark("Web applications under development"), ("node.js", "nodejs", "express", "next.js", "react", "rails")),
    Use(3000, (TCP,), "grafana", mark("Grafana dashboards")),
    Use(3100, (TCP,), "loki", mark("Grafana Loki logs")),
    Use(3128, (TCP,), "squid", mark("Squid web proxy"), ("proxy", "web proxy")),
    Use(4200, (TCP,), "angular", mark("Angular applications under development"), ("ng serve",)),
    Use(4222, (TCP,), "nats", mark("NATS messages")),
    Use(4318, (TCP,), "otlp-http", mark("OpenTelemetry over HTTP"), ("otlp", "otel")),
    Use(5000, (TCP,), "flask", mark("Flask applications under development")),
    Use(5000, (TCP,), "container-registry", mark("Private container registry"), ("docker registry", "container registry")),
    Use(5000, (TCP,), "airplay", mark("AirPlay receiver of a Mac")),
    Use(5044, (TCP,), "logstash", mark("Logstash input from Beats"), ("beats", "filebeat")),
    Use(5173, (TCP,), "vite", mark("Vite development server")),
    Use(5555, (TCP,), "adb", mark("Android Debug Bridge over the network"), ("android debug bridge",)),
    Use(5601, (TCP,), "kibana", mark("Kibana")),
    Use(5938, (TCP, UDP), "teamviewer", mark("TeamViewer")),
    Use(6443, (TCP,), "kubernetes", mark("Kubernetes API server"), ("k8s", "kube", "kubernetes api", "kube-apiserver", "k3s")),
    Use(6881, (TCP, UDP), "bittorrent", mark("BitTorrent"), ("torrent",)),
    Use(7000, (TCP,), "cassandra-nodes", mark("Apache Cassandra between its nodes")),
    Use(7000, (TCP,), "airplay", mark("AirPlay receiver of a Mac")),
    Use(8000, (TCP,), "django", mark("Django applications under development")),
    Use(8000, (TCP,), "http.server", mark("Web programs under development"), ("uvicorn", "fastapi", "gunicorn", "simplehttpserver")),
    Use(8006, (TCP,), "proxmox", mark("Proxmox VE administration"), ("pve",)),
    Use(8081, (TCP,), "nexus", mark("Nexus repository and other second web servers")),
    Use(8086, (TCP,), "influxdb", mark("InfluxDB"), ("influx",)),
    Use(8096, (TCP,), "jellyfin", mark("Jellyfin and Emby media servers"), ("emby",)),
    Use(8123, (TCP,), "home-assistant", mark("Home Assistant"), ("homeassistant", "home assistant")),
    Use(8123, (TCP,), "clickhouse-http", mark("ClickHouse over HTTP")),
    Use(8200, (TCP,), "vault", mark("HashiCorp Vault")),
    Use(8291, (TCP,), "winbox", mark("MikroTik WinBox"), ("mikrotik",)),
    Use(8333, (TCP,), "bitcoin", mark("Bitcoin")),
    Use(8443, (TCP,), "https-alt", mark("Web pages over TLS beside 443: administration, application servers"), ("web", "unifi")),
    Use(8472, (UDP,), "vxlan-linux", mark("VXLAN as Linux had it before 4789 was assigned; Flannel"), ("flannel",)),
    Use(8500, (TCP,), "consul", mark("HashiCorp Consul")),
    Use(8834, (TCP,), "nessus", mark("Nessus scanner")),
    Use(8888, (TCP,), "jupyter", mark("Jupyter notebooks"), ("notebook", "jupyterlab")),
    Use(8983, (TCP,), "solr", mark("Apache Solr")),
    Use(9000, (TCP,), "php-fpm", mark("PHP behind a web server (FastCGI)"), ("php", "fastcgi")),
    Use(9000, (TCP,), "minio", mark("MinIO object storage"), ("s3",)),
    Use(9000, (TCP,), "portainer", mark("Portainer container administration")),
    Use(9000, (TCP,), "sonarqube", mark("SonarQube")),
    Use(9000, (TCP,), "clickhouse", mark("ClickHouse clients")),
    Use(9042, (TCP,), "cassandra", mark("Apache Cassandra clients"), ("scylla", "database")),
    Use(9050, (TCP,), "tor", mark("Tor's SOCKS proxy"), ("tor socks",)),
    Use(9090, (TCP,), "prometheus", mark("Prometheus")),
    Use(9090, (TCP,), "cockpit", mark("Cockpit, administration of a Linux machine")),
    Use(9092, (TCP,), "kafka", mark("Apache Kafka"), ("apache kafka", "message queue")),
    Use(9093, (TCP,), "alertmanager", mark("Prometheus Alertmanager")),
    Use(9100, (TCP,), "node-exporter", mark("Prometheus node exporter"), ("node_exporter",)),
    Use(9200, (TCP,), "elasticsearch", mark("Elasticsearch and OpenSearch"), ("elastic", "opensearch", "elk")),
    Use(9229, (TCP,), "node-inspector", mark("Node.js debugger"), ("node debugger",)),
    Use(9300, (TCP,), "elasticsearch-nodes", mark("Elasticsearch between its nodes")),
    Use(9443, (TCP,), "portainer", mark("Portainer and other administration pages over TLS")),
    Use(9987, (UDP,), "teamspeak", mark("TeamSpeak voice"), ("ts3",)),
    Use(10000, (TCP,), "webmin", mark("Webmin administration")),
    Use(10250, (TCP,), "kubelet", mark("Kubernetes node agent"), ("kubernetes", "k8s")),
    Use(15672, (TCP,), "rabbitmq-management", mark("RabbitMQ administration"), ("rabbitmq",)),
    Use(16686, (TCP,), "jaeger", mark("Jaeger traces")),
    Use(19132, (UDP,), "minecraft-bedrock", mark("Minecraft servers (Bedrock edition)"), ("minecraft",)),
    Use(22000, (TCP, UDP), "syncthing", mark("Syncthing")),
    Use(24800, (TCP,), "synergy", mark("Synergy and Barrier share a keyboard and mouse"), ("barrier", "input leap")),
    Use(25565, (TCP,), "minecraft", mark("Minecraft servers (Java edition)")),
    Use(27015, (UDP, TCP), "steam", mark("Game servers on Valve's engine"), ("counter-strike", "source engine", "srcds")),
    Use(28015, (TCP,), "rethinkdb", mark("RethinkDB"), ("database",)),
    Use(41641, (UDP,), "tailscale", mark("Tailscale"), ("vpn",)),
    Use(50000, (TCP,), "jenkins-agent", mark("Jenkins agents")),
    Use(50000, (TCP,), "db2", mark("IBM Db2")),
    Use(50051, (TCP,), "grpc", mark("gRPC services")),
    Use(51413, (TCP, UDP), "transmission", mark("Transmission BitTorrent client"), ("bittorrent", "torrent")),
    Use(51820, (UDP,), "wireguard", mark("WireGuard VPN"), ("wg", "vpn")),
    Use(61616, (TCP,), "activemq", mark("Apache ActiveMQ"), ("message queue",)),
    Use(64738, (TCP, UDP), "mumble", mark("Mumble voice"), ("murmur",)),
)

FIRST = {
    "mail": (25, 587, 465, 993, 143, 995, 110),
    "email": (25, 587, 465, 993, 143, 995, 110),
    "メール": (25, 587, 465, 993, 143, 995, 110),
    "web": (80, 443, 8080, 8443),
    "web server": (80, 443),
    "vpn": (51820, 1194, 500, 4500, 1701, 1723, 41641),
    "smb": (445, 139),
    "samba": (445, 139),
    "file sharing": (445, 2049, 548, 139),
    "proxy": (3128, 8080, 1080),
    "database": (5432, 3306, 1433, 1521, 27017, 6379),
    "データベース": (5432, 3306, 1433, 1521, 27017, 6379),
    "printing": (631, 9100, 515),
    "印刷": (631, 9100, 515),
    "kubernetes": (6443, 10250),
    "k8s": (6443, 10250),
}
"""For words that lead to several services: the order of their ports, the likeliest first; the others follow by number."""


@cache
def _by_word() -> dict[str, list[Alias | Use]]:
    found: dict[str, list[Alias | Use]] = {}
    for entry in (*ALIASES, *USES):
        own = (entry.service.lower(),) if isinstance(entry, Use) else ()
        for word in dict.fromkeys((*own, *entry.words)):
            found.setdefault(word, []).append(entry)
    for word, entries in found.items():
        order = {port: at for at, port in enumerate(FIRST.get(word, ()))}
        entries.sort(key=lambda entry: (order.get(entry.port, len(order)), entry.port))
    return found


def meant_by(word: str) -> tuple[Alias | Use, ...]:
    """What people mean by a word, in any case; the likeliest first."""
    return tuple(_by_word().get(" ".join(word.lower().split()), ()))


def words() -> tuple[str, ...]:
    """Every word of ours."""
    return tuple(_by_word())


def aliases_of(port: int | None, service: str | None) -> tuple[str, ...]:
    """People's words for a service on a port."""
    return tuple(word for entry in ALIASES if entry.port == port and entry.service == service for word in entry.words)


def uses_of(first: int, last: int) -> tuple[Use, ...]:
    """What is often found on the ports `first` to `last`."""
    return tuple(entry for entry in USES if first <= entry.port <= last)
