"""A scan in other programs' forms: what python-libnmap reads in our XML, what nmap writes, and what is no scan."""

import pytest
from libnmap.parser import NmapParser

from portulan.errors import ParseError
from portulan.model.port import Transport
from portulan.model.scan import State
from portulan.scan.reports.nmap_xml import nmap_xml
from portulan.scan.reports.reading import read_scan
from scan_samples import ONE, SAMPLES, SEVERAL

TCP = Transport.TCP
NMAP = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nmaprun>
<?xml-stylesheet href="file:///usr/bin/../share/nmap/nmap.xsl" type="text/xsl"?>
<nmaprun scanner="nmap" version="7.10" xmloutputversion="1.04"><scaninfo type="syn" protocol="tcp" numservices="100" services="1-100"/>
<hosthint><status state="up" reason="x" reason_ttl="0"/><address addr="198.18.0.9" addrtype="ipv4"/></hosthint>
<host><status state="up" reason="arp-response" reason_ttl="0"/><address addr="198.18.0.2" addrtype="ipv4"/><address addr="02:00:00:00:00:01" addrtype="mac"/>
<ports><extraports state="closed" count="98"><extrareasons reason="resets" count="98"/></extraports>
<port protocol="tcp" portid="22"><state state="open" reason="syn-ack" reason_ttl="64"/><service name="ssh" method="table" conf="3"/></port>
<port protocol="sctp" portid="22"><state state="open" reason="init-ack" reason_ttl="64"/></port>
<port protocol="tcp" portid="80"><state state="filtered" reason="no-response" reason_ttl="0"/></port></ports></host>
<runstats><finished time="0" elapsed="0"/><hosts up="1" down="0" total="1"/></runstats></nmaprun>"""


@pytest.mark.parametrize("name", SAMPLES)
def test_libnmap_reads_our_xml(name):
    report = SAMPLES[name]
    read = NmapParser.parse_fromstring("".join(nmap_xml(report, "portulan scan x", "1.2")))
    assert read.hosts_total == max(report.addresses, len(report.hosts))
    assert read.summary.startswith("Portulan done")
    ports = {
        (host.address, transport, port): host.get_service(port, transport) for host in read.hosts for port, transport in host.get_ports()
    }
    assert {key: each.state for key, each in ports.items()} == {(row.address, row.transport, row.port): row.state for row in report.rows}
    assert ports["198.18.0.2", "tcp", 22].service == "ssh" if name != "several" else True
    for host in report.hosts:
        (same,) = [each for each in read.hosts if each.address == host.address]
        assert same.is_up() is (host.up is not False)


def test_hostile_text_stays_text():
    text = "".join(nmap_xml(SEVERAL, 'x --script="<a>" -->\x00\ud800', "1"))
    assert read_scan(text.encode(), "f").names["127.0.0.1"].startswith('<&">')
    assert "\x1b" not in text
    assert text.count("-->") == 1


def test_older_xml_of_nmap_names_no_closed_ports():
    told = read_scan(NMAP.encode(), "f").hosts
    assert list(told) == ["198.18.0.2"]
    assert {state: str(ports) for (_, state), ports in told["198.18.0.2"].items()} == {
        "open": "22",
        "filtered": "80",
        "closed": "1-21,23-79,81-100",
    }


def test_nmaps_grepable_lines():
    text = (
        "# Nmap 7.93 scan initiated Fri Jan  2 03:04:05 2026 as: nmap -v -oG - 198.18.0.2\n"
        "# Ports scanned: TCP(100;1-100) UDP(0;) SCTP(0;) PROTOCOLS(0;)\n"
        "Host: 198.18.0.2 (web)\tStatus: Up\n"
        "Host: 198.18.0.2 (web)\tPorts: 22/open/tcp//ssh///, 80/filtered/tcp//http///\tIgnored State: closed (98)\n"
        "# Nmap done at Fri Jan  2 03:04:05 2026 -- 1 IP address (1 host up) scanned in 0.05 seconds\n"
    )
    read = read_scan(text.encode(), "f")
    assert read.names == {"198.18.0.2": "web"}
    assert {state: str(ports) for (_, state), ports in read.hosts["198.18.0.2"].items()} == {
        "open": "22",
        "filtered": "80",
        "closed": "1-21,23-79,81-100",
    }


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "diff.form", None),
        ("hello", "diff.form", None),
        ("<html></html>", "diff.form", None),
        ("<nmaprun", "diff.row", 1),
        ('{"schema":"portulan.ls/1","hosts":[],"items":[]}', "diff.schema", None),
        ('{"schema":1}', "diff.row", 1),
        ('{"address":"198.18.0.2","transport":"tcp","port":22,"state":"open"}\n', "diff.row", 1),
        ('{"address":"198.18.0.2","transport":"tcp","port":22,"state":"open"}\n{"address":"::1","transport":"tcp","port":1,"state":"open"}\n', "diff.cut", None),
        ('{"address":"198.18.0.2","transport":"tcp","port":22,"state":"open"}\n{"address":"::1","transport":"tcp","port":99999,"state":"open"}\n', "diff.row", 2),
        ("address,transport,port,state\n198.18.0.2,tcp,22,open\n198.18.0.2,tcp,22,ajar\n", "diff.row", 3),
        ("address,port\n198.18.0.2,22\n", "diff.row", 1),
        ("# Nmap 7\nHost: nowhere\tStatus: Up\n", "diff.row", 2),
        (NMAP.replace('portid="22"', 'portid="70000"'), "diff.row", 8),
        (NMAP.replace('addr="198.18.0.2"', 'addr="x"'), "diff.row", 6),
        (NMAP.replace("<host>", "<host><host>").replace("</host>", "</host></host>"), "diff.xml", 10),
    ],
)  # fmt: skip
def test_what_is_no_scan(text, code, line):
    with pytest.raises(ParseError) as caught:
        read_scan(text.encode(), "f")
    assert (caught.value.code, caught.value.facts.get("line")) == (code, line)


def test_states_keep_their_names():
    told = read_scan("".join(nmap_xml(ONE, "x", "1")).encode(), "f").hosts["198.18.0.2"]
    assert len(told[TCP, State.CLOSED]) == 65_531
