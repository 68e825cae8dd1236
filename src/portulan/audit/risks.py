"""Services that should not be open to everyone: our own table. Why each should not be stands in `portulan.text.risks`, by its key.

A port number alone is a guess; where the program that listens is known, it counts for more.
"""

from __future__ import annotations

from functools import cache

from portulan.model.finding import Level
from portulan.model.port import Transport
from portulan.model.portset import PortSet, parse_portset
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.audit.facts import Door


class Risk(Record):
    """A kind of service that is dangerous in the open."""

    key: str
    """Of its reason."""
    id: str
    """Of the finding."""
    level: Level
    transports: tuple[Transport, ...]
    ports: PortSet
    programs: tuple[str, ...]
    """File names of programs that are it, on whatever port."""
    name: str
    """What people call it."""


# key | id behind "open." | level | ports | transports | programs | name
_TABLE = """
rdp           | remote-desktop | error   | 3389                     | tcp udp | xrdp                          | Remote Desktop (RDP)
vnc           | remote-desktop | error   | 5900-5909                | tcp     | Xvnc Xtigervnc x11vnc vino-server | VNC
x11           | remote-desktop | error   | 6000-6063                | tcp     | Xorg Xwayland                 | X11
winrm         | admin          | error   | 5985-5986                | tcp     |                               | Windows Remote Management
postgresql    | database       | error   | 5432                     | tcp     | postgres                      | PostgreSQL
mysql         | database       | error   | 3306,33060               | tcp     | mysqld mariadbd               | MySQL
mssql         | database       | error   | 1433                     | tcp     | sqlservr                      | Microsoft SQL Server
mssql         | database       | warning | 1434                     | udp     |                               | Microsoft SQL Server
oracle        | database       | error   | 1521                     | tcp     | tnslsnr                       | Oracle Database
mongodb       | database       | error   | 27017-27019              | tcp     | mongod mongos                 | MongoDB
cassandra     | database       | error   | 7000-7001,9042,9160      | tcp     |                               | Cassandra
couchdb       | database       | error   | 5984                     | tcp     |                               | CouchDB
elasticsearch | database       | error   | 9200,9300                | tcp     |                               | Elasticsearch
influxdb      | database       | error   | 8086                     | tcp     | influxd                       | InfluxDB
database      | database       | error   | 7474,7687                | tcp     |                               | Neo4j
database      | database       | error   | 8123                     | tcp     | clickhouse-server             | ClickHouse
database      | database       | error   | 8529                     | tcp     | arangod                       | ArangoDB
database      | database       | error   | 8983                     | tcp     |                               | Solr
database      | database       | error   | 28015                    | tcp     | rethinkdb                     | RethinkDB
database      | database       | error   | 50000                    | tcp     | db2sysc                       | Db2
redis         | cache          | error   | 6379                     | tcp     | redis-server valkey-server keydb-server | Redis
memcached     | cache          | error   | 11211                    | tcp     | memcached                     | memcached
reflector     | reflector      | error   | 11211                    | udp     |                               | memcached
cache         | cache          | error   | 5701                     | tcp     |                               | Hazelcast
amqp          | broker         | error   | 5672                     | tcp     |                               | AMQP (RabbitMQ)
mqtt          | broker         | error   | 1883                     | tcp     | mosquitto                     | MQTT
kafka         | broker         | error   | 9092                     | tcp     |                               | Kafka
broker        | broker         | error   | 4222                     | tcp     | nats-server                   | NATS
broker        | broker         | error   | 61616                    | tcp     |                               | ActiveMQ
broker        | broker         | error   | 6650                     | tcp     |                               | Pulsar
zookeeper     | broker         | error   | 2181                     | tcp     |                               | ZooKeeper
epmd          | broker         | warning | 4369,25672               | tcp     | epmd                          | Erlang (RabbitMQ's inner door)
docker        | container-api  | error   | 2375                     | tcp     | dockerd                       | Docker's API
docker-tls    | container-api  | warning | 2376                     | tcp     |                               | Docker's API
kubelet       | container-api  | error   | 10250,10255              | tcp     | kubelet                       | Kubernetes' kubelet
kubernetes    | container-api  | warning | 6443                     | tcp     | kube-apiserver                | Kubernetes' API
etcd          | container-api  | error   | 2379-2380                | tcp     | etcd                          | etcd
orchestrator  | container-api  | error   | 8500                     | tcp     | consul                        | Consul
orchestrator  | container-api  | error   | 4646                     | tcp     | nomad                         | Nomad
debugger      | debugger       | error   | 9229                     | tcp     |                               | the debugger of Node.js
debugger      | debugger       | error   | 9222                     | tcp     |                               | the debugger of Chrome
debugger      | debugger       | error   | 5678                     | tcp     |                               | the debugger of Python
debugger      | debugger       | error   | 5005                     | tcp     |                               | the debugger of Java
debugger      | debugger       | error   | 2345                     | tcp     | gdbserver dlv                 | a debugger
jmx           | debugger       | error   | 1099                     | tcp     | rmiregistry                   | Java RMI (JMX)
jupyter       | debugger       | error   | 8888                     | tcp     | jupyter-lab jupyter-notebook  | Jupyter
smb           | file-sharing   | error   | 139,445                  | tcp     | smbd                          | Windows file sharing (SMB)
netbios       | file-sharing   | warning | 137-138                  | udp     | nmbd                          | NetBIOS
nfs           | file-sharing   | error   | 2049                     | tcp udp |                               | NFS
rsync         | file-sharing   | warning | 873                      | tcp     | rsync                         | rsync
tftp          | file-sharing   | warning | 69                       | udp     | in.tftpd tftpd                | TFTP
files         | file-sharing   | warning | 548                      | tcp     | afpd                          | AFP
iscsi         | file-sharing   | error   | 3260                     | tcp     | tgtd                          | iSCSI
rpcbind       | file-sharing   | warning | 111                      | tcp udp | rpcbind                       | rpcbind
msrpc         | admin          | error   | 135                      | tcp     |                               | Windows RPC
printer       | printer        | warning | 515,631                  | tcp     | cupsd                         | printing
printer       | printer        | warning | 9100                     | tcp     |                               | a printer
ipmi          | admin          | error   | 623                      | udp     |                               | IPMI
snmp          | admin          | warning | 161                      | udp     | snmpd                         | SNMP
fastcgi       | admin          | error   | 9000                     | tcp     | php-fpm                       | FastCGI (php-fpm)
ajp           | admin          | error   | 8009                     | tcp     |                               | AJP (Tomcat)
webmin        | admin          | warning | 10000                    | tcp     |                               | Webmin
admin         | admin          | warning | 15672                    | tcp     |                               | RabbitMQ's management
admin         | admin          | warning | 8161                     | tcp     |                               | ActiveMQ's console
admin         | admin          | warning | 5601                     | tcp     |                               | Kibana
admin         | admin          | warning | 9090                     | tcp     | prometheus                    | Prometheus or Cockpit
admin         | admin          | error   | 9001                     | tcp     | supervisord                   | supervisord
admin         | admin          | error   | 7077,8088,8265,9870      | tcp     |                               | a cluster's console (Spark, Hadoop, Ray)
agent         | admin          | warning | 10050                    | tcp     | zabbix_agentd                 | Zabbix' agent
ldap          | directory      | warning | 389                      | tcp     | slapd                         | LDAP
reflector     | reflector      | warning | 389                      | udp     |                               | LDAP
reflector     | reflector      | error   | 17,19                    | udp     |                               | an old test service
reflector     | reflector      | warning | 1900                     | udp     |                               | UPnP (SSDP)
discovery     | discovery      | warning | 5353                     | udp     | avahi-daemon                  | mDNS
discovery     | discovery      | warning | 5355                     | tcp udp |                               | LLMNR
proxy         | proxy          | error   | 1080                     | tcp     | danted sockd                  | a SOCKS proxy
proxy         | proxy          | error   | 3128                     | tcp     | squid                         | a web proxy
industrial    | industrial     | error   | 502                      | tcp     |                               | Modbus
industrial    | industrial     | error   | 102                      | tcp     |                               | Siemens S7
industrial    | industrial     | error   | 20000,44818              | tcp     |                               | an industrial control (DNP3, EtherNet/IP)
industrial    | industrial     | error   | 47808                    | udp     |                               | BACnet
"""
_ORDINARY = frozenset(
    (
        "nginx",
        "apache2",
        "httpd",
        "caddy",
        "lighttpd",
        "haproxy",
        "traefik",
        "envoy",
        "sshd",
        "dropbear",
        "named",
        "unbound",
        "chronyd",
        "ntpd",
    )
)
"""Programs that are none of these, whatever their port."""


@cache
def risks() -> tuple[Risk, ...]:
    """The whole table."""
    found = []
    for line in _TABLE.strip().splitlines():
        key, id_, level, ports, transports, programs, name = (cell.strip() for cell in line.split("|"))
        kinds = tuple(map(Transport, transports.split()))
        found.append(Risk(key, f"open.{id_}", Level(level), kinds, parse_portset(ports), tuple(programs.split()), name))
    return tuple(found)


def risk_of(door: Door) -> Risk | None:
    """What makes a port dangerous in the open: by the program that holds it, else, where no such program is known, by its number."""
    programs = program_names(door)
    here = [risk for risk in risks() if door.transport in risk.transports]
    by_port = [risk for risk in here if door.port in risk.ports]
    for risk in (*by_port, *here):  # mysqld on a port of MySQL first
        if programs & set(risk.programs):
            return risk
    if programs & _ORDINARY:
        return None
    return next(iter(by_port), None)


def program_names(door: Door) -> frozenset[str]:
    """The programs that hold a port: the names of their files, and what the kernel calls them."""
    files = {(owner.executable or "").removesuffix(" (deleted)").rpartition("/")[2] for owner in door.owners}
    return frozenset(files | {owner.name for owner in door.owners}) - {""}
