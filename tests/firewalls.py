"""What the lab tests of the firewall share: rules loaded by their own programs inside a sandbox host, and our reading of them from there."""

import base64
import pickle
import re
import subprocess
import sys

from portulan.model.rule import Opaque

READ = """
import base64, pickle, sys
from portulan.errors import PortulanError
from portulan.system.firewall.read import read_ruleset
from portulan.wire.nft_sets import sender_sets, sets_in_rules
place, keys, leave = pickle.loads(base64.b64decode(sys.argv[1]))
wanted = sets_in_rules if keys is None else (lambda _: keys)
try:
    answer = [read_ruleset(place, wanted, *([sender_sets] if leave else [])) for _ in range(int(sys.argv[2]))]
except PortulanError as error:
    answer = error.code, error.facts
print(base64.b64encode(pickle.dumps(answer)).decode())
"""


def read_there(host, place=None, wanted=None, times=1, leave=False, **options):
    """What `read_ruleset` gives on a host, whose private root has nft (with `leave` without large sets of senders); (code, facts) of an error."""
    question = base64.b64encode(pickle.dumps((place, wanted, leave))).decode()
    done = host.run([sys.executable, "-c", READ, question, str(times)], **options)
    assert done.returncode == 0, done.stderr
    answer = pickle.loads(base64.b64decode(done.stdout))
    return answer[0] if isinstance(answer, list) and times == 1 else answer


def run_all(host, commands):
    """Each line as a command of its own."""
    for command in commands.strip().splitlines():
        done = host.run(["sh", "-c", command])
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def load(host, rules):
    """Rules in nft's language."""
    done = host.run(["nft", "-f", "-"], text=rules)
    assert done.returncode == 0, done.stderr


def listed_rules(text):
    """(family, table, handle) -> the rule, of `nft -a list ruleset`."""
    rules, table = {}, None
    for line in text.split("\n"):
        if found := re.match(r"table (\S+) (\S+) ", line):
            table = found[1], found[2]
        elif found := re.match(r"\t\t(.*) # handle (\d+)$", line):
            rules[*table, int(found[2])] = found[1]
    return rules


def all_rules(ruleset):
    """(chain, rule) of all that were read."""
    return [(chain, rule) for chain in ruleset.chains for rule in chain.rules]


def opaque(ruleset):
    """The texts of all that was not understood."""
    return [each.text for _, rule in all_rules(ruleset) for each in rule.statements if isinstance(each, Opaque)]


# What Docker 24 writes with iptables for one published port (8080 -> 172.17.0.2:80), in its order; no engine is needed for that.
DOCKER = """
iptables -t nat -N DOCKER
iptables -N DOCKER
iptables -N DOCKER-ISOLATION-STAGE-1
iptables -N DOCKER-ISOLATION-STAGE-2
iptables -N DOCKER-USER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables -t nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
iptables -t nat -A DOCKER -i docker0 -j RETURN
iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
iptables -A FORWARD -j DOCKER-USER
iptables -A FORWARD -j DOCKER-ISOLATION-STAGE-1
iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A FORWARD -o docker0 -j DOCKER
iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
iptables -A FORWARD -i docker0 -o docker0 -j ACCEPT
iptables -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN
iptables -A DOCKER-USER -j RETURN
iptables -P FORWARD DROP
"""
UFW = """
ufw --force enable
ufw allow 22/tcp
ufw limit 2222/tcp
ufw deny 8080/tcp
ufw allow from 203.0.113.0/24 to any port 5432 proto tcp comment 'the office'
ufw allow 6000:6010/udp
ufw allow in on eth0 to any port 9100 proto tcp
ufw route allow proto tcp from any to 198.51.100.7 port 443
"""
FIREWALLD = """
firewall-cmd --add-service=http
firewall-cmd --add-rich-rule='rule family=ipv4 source address=203.0.113.0/24 port port=5432 protocol=tcp accept'
firewall-cmd --add-rich-rule='rule service name=ssh log prefix=ssh limit value=3/m accept'
firewall-cmd --add-forward-port=port=8080:proto=tcp:toport=80:toaddr=10.0.0.1
firewall-cmd --add-masquerade
firewall-cmd --zone=trusted --add-source=198.51.100.0/24
firewall-cmd --zone=internal --add-interface=eth0
"""


def start_firewalld(host, backend):
    """firewalld with one of its backends, and the bus it needs."""
    run_all(host, f"mkdir -p /run/dbus\nsed -i s/^FirewallBackend=.*/FirewallBackend={backend}/ /etc/firewalld/firewalld.conf")
    null = subprocess.DEVNULL
    host.start(["dbus-daemon", "--system", "--nofork", "--nopidfile"], stdout=null, stderr=null)
    run_all(host, "for i in $(seq 200); do [ -S /run/dbus/system_bus_socket ] && exit 0; sleep 0.1; done; exit 1")
    host.start(["firewalld", "--nofork", "--nopid"], stdout=null, stderr=null)
    run_all(host, "for i in $(seq 200); do firewall-cmd --state 2>&1 | grep -q '^running' && exit 0; sleep 0.1; done; exit 1")
