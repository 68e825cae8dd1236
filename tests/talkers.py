"""Real servers from Debian that speak UDP: how each is started, from files in a folder of the test's own, and on which port it is to answer."""

from dataclasses import dataclass

INETD = """service {name}
{{
 disable = no
 type = INTERNAL UNLISTED
 id = {name}-dgram
 port = {port}
 socket_type = dgram
 protocol = udp
 wait = yes
 user = root
}}
"""
KDC = """[libdefaults]
 default_realm = EXAMPLE.ORG
[realms]
 EXAMPLE.ORG = {
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
 }}
[kdcdefaults]
 kdc_ports = 88
"""


@dataclass(frozen=True)
class Talker:
    """A server; `{folder}` in its command and files is the test's own folder."""

    name: str
    ports: tuple[int, ...]
    command: str
    files: tuple[tuple[str, str], ...] = ()

    def start(self, host, root, folder):
        """The running process."""
        for name, text in self.files:
            (folder / name).write_text(text.replace("{folder}", str(folder)))
        log = (folder / f"{self.name}.log").open("w")
        with log:
            return host.start(["sh", "-c", self.command.replace("{folder}", str(folder))], root=root, stdout=log, stderr=log)


TALKERS = (
    Talker(
        "dnsmasq",
        (53, 69),
        "mkdir -p {folder}/files; exec dnsmasq -d --no-resolv --no-hosts --enable-tftp --tftp-root={folder}/files --user=root",
    ),
    Talker(
        "chrony",
        (123,),
        "mkdir -p /run/chrony; exec chronyd -d -x -u root -f {folder}/chrony.conf",
        (("chrony.conf", "allow all\nlocal stratum 10\npidfile {folder}/chrony.pid\ncmdport 0\nbindcmdaddress /\n"),),
    ),
    Talker("snmpd", (161,), "exec snmpd -f -Lo -C -c {folder}/snmpd.conf", (("snmpd.conf", "rocommunity public\nagentaddress udp:161\n"),)),
    Talker("coturn", (3478,), "exec turnserver -n --no-tls --no-dtls -p 3478 --no-cli -l stdout --pidfile {folder}/turn.pid"),
    Talker(
        "openvpn",
        (1194,),
        "cd {folder}; openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out own.pem -days 2 -subj /CN=test;"
        " exec openvpn --tls-server --dev null --ca own.pem --cert own.pem --key key.pem --dh none --port 1194",
    ),
    Talker("memcached", (11211,), "exec memcached -u root -U 11211 -p 0 -l 0.0.0.0"),
    Talker("rpcbind", (111,), "exec rpcbind -f -w"),
    Talker("charon", (500, 4500), "exec /usr/lib/ipsec/charon"),
    Talker(
        "krb5kdc",
        (88,),
        "export KRB5_CONFIG={folder}/krb5.conf KRB5_KDC_PROFILE={folder}/krb5.conf;"
        " kdb5_util create -s -r EXAMPLE.ORG -P test; exec krb5kdc -n -r EXAMPLE.ORG -P {folder}/kdc.pid",
        (("krb5.conf", KDC),),
    ),
    Talker(
        "xl2tpd",
        (1701,),
        "exec xl2tpd -D -c {folder}/xl2tpd.conf -p {folder}/xl2tpd.pid -C {folder}/xl2tpd.control",
        (("xl2tpd.conf", "[global]\nport = 1701\n[lns default]\nip range = 198.51.100.2-198.51.100.9\nlocal ip = 198.51.100.1\n"),),
    ),
    Talker(
        "xinetd",
        (7, 13, 19, 37),
        "exec xinetd -dontfork -filelog {folder}/xinetd.messages -f {folder}/xinetd.conf -pidfile {folder}/xinetd.pid",
        (
            (
                "xinetd.conf",
                "".join(INETD.format(name=name, port=port) for name, port in (("echo", 7), ("daytime", 13), ("chargen", 19), ("time", 37))),
            ),
        ),
    ),
    Talker(
        "kamailio",
        (5060,),
        "exec kamailio -DD -E -f {folder}/kamailio.cfg -m 16 -M 4",
        (
            (
                "kamailio.cfg",
                'fork=no\nchildren=1\nlisten=udp:0.0.0.0:5060\nloadmodule "sl.so"\nrequest_route { sl_send_reply("200", "OK"); }\n',
            ),
        ),
    ),
)
RADIUS = Talker("freeradius", (1812,), "exec freeradius -f -X")
"""Answers to its own host only, which shares the secret that it ships with."""
