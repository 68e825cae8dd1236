"""Why a service should not be open to everyone: one plain sentence each, by the key of `portulan.audit.risks`."""

from __future__ import annotations

from portulan.text.voice import mark

REASONS: dict[str, str] = {
    "rdp": mark(
        "Whoever guesses one password has the screen and the keyboard of this machine; attackers try passwords here day and night."
    ),
    "vnc": mark(
        "Whoever guesses one password, of eight letters at most, has the screen and the keyboard of this machine, and nothing of it is encrypted."
    ),
    "x11": mark("A stranger who gets in sees every window and every key that is pressed."),
    "winrm": mark("It runs any command on this machine for whoever has one password of an administrator."),
    "postgresql": mark("A database in the open is tried with stolen and guessed passwords, and one that fits gives away all data."),
    "mysql": mark("A database in the open is tried with stolen and guessed passwords, and one that fits gives away all data."),
    "mssql": mark("Its administrator may run commands on this machine: attackers guess that password first of all."),
    "oracle": mark("A database in the open is tried with stolen and guessed passwords, and one that fits gives away all data."),
    "mongodb": mark("It asks nobody for a password unless told to: databases like this one are found, copied and wiped by programs."),
    "cassandra": mark("It asks nobody for a password unless told to: whoever gets in reads and changes all data."),
    "couchdb": mark("Whoever becomes its administrator can run programs on this machine."),
    "elasticsearch": mark(
        "Without its security switched on it asks nobody for a password: whoever gets in reads, changes and wipes all data."
    ),
    "influxdb": mark("A database in the open is tried with stolen and guessed passwords, and one that fits gives away all data."),
    "database": mark("A database in the open is tried with stolen and guessed passwords, and one that fits gives away all data."),
    "redis": mark(
        "It asks nobody for a password unless told to, and whoever gets in can write files on this machine, keys for ssh among them."
    ),
    "memcached": mark(
        "It asks nobody for a password: whoever gets in reads and changes what programs keep there, sessions of users among it."
    ),
    "cache": mark("It asks nobody for a password unless told to: whoever gets in reads and changes what programs keep there."),
    "reflector": mark(
        "A small question with a forged sender makes it send a large answer to a victim: such ports are used to flood others."
    ),
    "amqp": mark("Whoever guesses one password reads and forges the messages between your programs."),
    "mqtt": mark("It may ask nobody for a password: whoever gets in reads every message and can command the devices that listen."),
    "kafka": mark("It asks nobody for a password unless told to: whoever gets in reads and forges the messages between your programs."),
    "broker": mark("It asks nobody for a password unless told to: whoever gets in reads and forges the messages between your programs."),
    "zookeeper": mark("It asks nobody for a password: whoever gets in can change the settings of every program that asks it."),
    "epmd": mark("It is meant for the machines of one cluster: who knows their shared word runs any code on them."),
    "docker": mark("It asks nobody for a password: whoever gets in is root on this machine with one command."),
    "docker-tls": mark("Whoever has a certificate it trusts is root on this machine with one command."),
    "kubelet": mark("Whoever is let in runs commands in every container of this machine."),
    "kubernetes": mark("It commands the whole cluster: one stolen token or one hole is enough."),
    "etcd": mark("It holds the settings and the secrets of the whole cluster, and asks nobody for a password unless told to."),
    "orchestrator": mark("It asks nobody for a password unless told to, and runs programs on every machine of the cluster."),
    "debugger": mark("A debugger runs any code for whoever gets in, and asks nobody for a password."),
    "jmx": mark("It loads and runs code for whoever gets in, mostly without a password."),
    "jupyter": mark("It runs any code for whoever gets in; one shown token or one empty password is enough."),
    "smb": mark("Worms and extortionists come in by it: it was never made for the internet."),
    "netbios": mark("It tells strangers the names of machines and users, and floods others with answers to forged questions."),
    "nfs": mark("It mostly believes whoever asks: strangers may read and write what it shares."),
    "rsync": mark("Without a password for each share strangers may read, and perhaps write, what it shares."),
    "tftp": mark("It asks nobody for a password, and floods others with answers to forged questions."),
    "files": mark("File sharing is for the local network: in the open it is tried with stolen and guessed passwords."),
    "iscsi": mark("It lends whole disks, mostly without a password."),
    "rpcbind": mark("It tells strangers what else runs here, and floods others with answers to forged questions."),
    "msrpc": mark("It tells strangers what runs here, and its holes have been the way of many worms."),
    "printer": mark("Strangers print on it, read what others print, and may change its firmware."),
    "ipmi": mark(
        "It hands out a password's hash to anyone who asks, and who cracks it commands the hardware, even while it is switched off."
    ),
    "snmp": mark("With the word that it was shipped with, mostly public, strangers read what runs here and how it is connected."),
    "fastcgi": mark("It runs the code that it is told to: only the web server beside it may speak to it."),
    "ajp": mark("It believes all that it is told of a request, users and files included: only the web server before it may speak to it."),
    "webmin": mark("It manages this machine as root: its holes, and its password, are tried all day."),
    "admin": mark("A page for administrators: what it guards, if anything does, is one password, and its holes are tried all day."),
    "agent": mark("It tells strangers how this machine is doing, and may run commands for them."),
    "ldap": mark("It tells strangers the names of users and groups, and passwords may cross the net unencrypted."),
    "discovery": mark("It is made for the local link, tells strangers what runs here, and floods others with answers to forged questions."),
    "proxy": mark("Strangers use it to hide behind this machine, and to reach what only this machine can reach."),
    "industrial": mark("It moves machines and asks nobody for a password."),
}
NAMES = (
    mark("Erlang (RabbitMQ's inner door)"), mark("Docker's API"), mark("Kubernetes' kubelet"), mark("Kubernetes' API"), mark("the debugger of Node.js"),
    mark("the debugger of Chrome"), mark("the debugger of Python"), mark("the debugger of Java"), mark("a debugger"), mark("Windows file sharing (SMB)"),
    mark("printing"), mark("a printer"), mark("RabbitMQ's management"), mark("ActiveMQ's console"), mark("Prometheus or Cockpit"),
    mark("a cluster's console (Spark, Hadoop, Ray)"), mark("Zabbix' agent"), mark("an old test service"), mark("a SOCKS proxy"), mark("a web proxy"),
    mark("an industrial control (DNP3, EtherNet/IP)"),
)  # fmt: skip
"""Names of the table that are words; all others are the same in every language."""
