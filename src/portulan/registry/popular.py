"""The ports that a scan asks first when few are asked: our own order, by what stands behind a port and why one wants to know.

No counts of open ports of anybody stand behind it: each group has its reason, the groups stand in the order in which finding them matters, and the ports in
each from the usual one to its variants. What comes after them is filled by rule (`in_order`).
"""

from __future__ import annotations

from portulan.model.port import LAST_SYSTEM, LAST_USER, PORTS, Transport
from portulan.model.portset import PortRange, PortSet, parse_range
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.registry.table import Table


class Group(Record):
    """Ports that are asked for one reason, the likeliest first."""

    reason: str
    tcp: str = ""
    udp: str = ""


GROUPS = (
    Group(
        "remote login: whoever guesses a password is in; and where administrators move it to",
        "22,23,2222,222,2022,2200,22022,22222,10022,513,514,512,992,2323",
    ),
    Group(
        "web: nearly every device has a page, and the second one of a host stands on a number like these",
        "80,443,8080,8443,8000,8888,8008,8081,8082,8083,8090,8088,81,82,83,84,85,86,87,88,89,90,8880,8800,591,8009,4443,9443,10443,7443,6443,8843",
        "443,80,8443",
    ),
    Group(
        "names and time: what every network asks first, and what is abused to flood others when it answers strangers",
        "53,853",
        "53,123,5353,5355,853",
    ),
    Group(
        "files: shares that were meant for one office",
        "445,139,21,2049,111,135,873,548,20,989,990,2121,137,138,3260,860,69,6881",
        "137,138,111,2049,69,445,17500,6881",
    ),
    Group("mail: relays, boxes, and the ways to hand mail in", "25,110,143,465,587,993,995,2525,4190,24,109,106,366"),
    Group(
        "remote desktop: a whole screen behind one password",
        "3389,5900,5901,5902,5903,5800,5801,5938,4899,3283,5631,1494,2598,4172,6000,6001,6002,7070,3350,5988,5989,5904-5910,5802,5803,6003-6009",
        "3389,5632,3283,177,4172,1604,5938",
    ),
    Group(
        "databases: the data itself, often without a password on an inner network",
        "3306,5432,1433,1521,6379,27017,9200,11211,5984,9042,2379,2181,8086,8123,7474,7687,5433,33060,27018,27019,28017,9300,26257,50000,3050,1526,1434,2483,2484,"
        "6380,16379,26379,7000,7001,7199,9160,8529,28015,2424,2480,6984,4369,5000,9440,19530,6333,8108,7700,1583,1972,3351,5236,6432,9001,9009,8182,2638,4100,30015",
        "1434,11211,1604,4444,3306,27015",
    ),
    Group(
        "management of hosts: whoever gets in commands the machine, and often many",
        "5985,5986,623,664,16992,16993,10000,9090,8291,8728,8729,902,903,5480,9443,2087,2083,2096,2082,2086,8834,8089,4505,4506,8140,8139,1311,2381,3268,2301,17990,17988,5120,8006,8007",
        "161,623,162,10161,664,69,8291,5678,10001",
    ),
    Group(
        "directories and tickets: who may do what in a whole company",
        "389,636,88,464,3268,3269,749,750,9389,543,544,4444,49",
        "389,88,464,750,1812,1813,1645,1646,3799",
    ),
    Group(
        "containers and clusters: an open one hands out the machine it runs on",
        "2375,2376,10250,6443,2380,10255,2377,4243,8001,10256,10257,10259,8500,8501,8300,8301,8302,8600,4646,4647,4648,8200,8201,9345,7946,4789,30000-30010,32000,6783,6784,"
        "1936,5001,5050,5051,8472,50051,15000,15001,15006,15010,15012,15021,9901,7077,4040,18080",
        "4789,8472,7946,51820,8301,8302,8600,6081,6783,4648",
    ),
    Group(
        "programs under development: the numbers that frameworks' first examples use, meant for this host only",
        "3000,5000,8000,4200,5173,4000,9000,1313,3001,5001,8787,8001-8007,4321,24678,35729,9229,8501,7860,6006,8265,11434,1234,3002-3010,5002-5010,"
        "4001-4005,9001-9010,7071,19000,19006,5500,8100,8101,6080,8188,4173,5858,9230,2345,40000,8010-8020,8084-8087,8091-8099",
    ),
    Group(
        "monitoring: tells a stranger what runs where",
        "9100,9093,5601,9115,4949,5666,10050,10051,9187,9104,9121,9256,5044,24224,6514,8125,2003,2004,4317,4318,16686,14268,9411,3100,9091,8428,19999,61208,199,705,6556,5665,12489,"
        "1984,8649,25826,9116,9113,9182,9308,9419,9216,9150,12201,5140,601",
        "514,8125,25826,2055,4739,6343,9995,9996,12201,2003,1514,5140,6556,24224",
    ),
    Group(
        "messages between programs: queues that trust whoever reaches them",
        "5672,1883,61616,9092,15672,8883,5671,61613,4222,61614,8161,6222,8222,6650,5555,1414,7222,9876,10911,10909,25672,9093,9094,9095,4150,4151,4160,4161,11300,50070,9870,8020,9864,8030-8033,"
        "8042,10020,19888,60000,60010,60020,60030,16000,16010,16020,16030,11000,10002,21000,21050,25000,25010",
        "5683,5684,1883,1884,5670",
    ),
    Group(
        "printers and copiers: pages of others, and addresses of everybody in their memory",
        "9100,631,515,9101,9102,9103,9220,9280,9500,8611,8612,50001,3910,3911",
        "631,3702,8611,8612,8613,427,9100",
    ),
    Group(
        "tunnels and proxies: a way round the firewall",
        "3128,1080,1194,1723,8118,9050,9051,9150,500,1701,8388,8123,3129,6588,10808,10809,7890,1081,9040,943,4433,8444,51413,655,10080,1085",
        "500,4500,1194,1701,51820,443,655,51821,41641,9993,1197,1198,1195,1196,8388,4433,17185",
    ),
    Group(
        "directories that announce things: asked by strangers, they help to flood others",
        "5357,5358,2869,1900,49152,49153,49154,427,548,5000",
        "1900,3702,5353,427,1427,2869,10001,30303,20002,32414,32410,32412",
    ),
    Group(
        "what gives machines their addresses and systems: a stranger can hand out his own, or fetch theirs",
        "67,68,69,4011,647,847",
        "67,68,69,4011,546,547,1758",
    ),
    Group(
        "voice and pictures: calls on somebody's bill, cameras without a password",
        "5060,5061,554,8554,1935,1720,2000,3478,5349,37777,34567,34599,5062,5080,8555,10554,7447,8189,88,7070,1719,2427,5038,2748,9000,8899,6036,5222,5269,5223,5280,5281,5298,6667,6697,6660-6666,"
        "6668,6669,7000,194,1863,5190,64738,9987,10011,30033,10010",
        "5060,3478,5349,5061,1719,2427,4569,5004,5005,19302,10000,64738,9987,2727,3479,5246,5247,37020,8999,50000",
    ),
    Group(
        "plants, buildings and homes: pumps and doors that believe whoever speaks",
        "502,102,44818,20000,4840,1911,4911,2404,47808,9600,789,1962,5006,5007,5094,18245,18246,20547,2222,2455,4712,4713,10001,1089,1090,1091,34962,34963,34964,55000,55001,55002,55003,4000,3671,8123,1880,"
        "6053,8266,7547,30005,58000,4567,5431,52869,49000,8181,8899,6668,9999,9527,23456,3722,50022",
        "47808,44818,20000,502,34962,34963,34964,1089,1090,1091,2222,3671,5006,5094,9600,48899,6454,5568,38899,56700,9999,6666,6667,1628,1629,2362,49153,55000,5050,4000",
    ),
    Group(
        "copies and stores: backup of everything, to be read or destroyed",
        "10000,9101,9102,9103,6101,6106,13720,13724,13782,1556,24007,24008,6789,3300,6800-6805,111,2052,4045,32765-32769,860,3205,8140,9418,3690,2401,8530,8531,4443,"
        "8333,9001,7480,5081,1581,1500,497,617,3181,41523,11111,5555,13701,13711,13721",
        "111,2052,4045,32768-32771,497,617,2301,20048",
    ),
    Group(
        "known holes and doors left open by intruders: what worms knock at, and where they listen",
        "4444,3632,1099,8009,7001,4786,5555,6200,1524,31337,12345,12346,20034,27374,54321,9999,1090,1098,4445,4446,7002,9002,10999,11099,45000,45001,47001,1100,8686,5554,9898,3127,6129,"
        "1029,1030,65535,65301,65000,50050,55553,55552,1337,13337,13338,6666,6969,7777,8545,8546,30303,3333,14444,4242,2745,5985,1050,41523,17500,9530,32764,53413,1433",
        "53413,32764,31337,1434,4444,54321,27444,31335,34555,17,19,7,13,9,37,11211,1050,26000",
    ),
    Group(
        "games: known to many strangers by design",
        "25565,25575,27015,7777,27036,25566,19132,28960,3724,6112,3979,8211,30120,2302,16261,26900,29900,64738",
        "27015,19132,25565,7777,27016,2302,2303,34197,3074,8211,9876,28960,27960,26000,27500,27005,3979,19133,6112,10480,12203,30120,16261,26900,15777,2456,2457",
    ),
    Group(
        "small services of the early days: nobody needs them, and they answer to anything",
        "7,9,13,17,19,37,79,70,11,15,1,5,18,43,113,119,563,101,105,115,117,118,540,2105,4045,6050,95,98,99,175",
        "7,9,13,17,19,37,518,517,513,512,520,521,525,161,1",
    ),
    Group(
        "routing: who speaks it may move the network's traffic",
        "179,646,639,3784,2601,2602,2603,2604,2605,2606,2607,2608,711,830,6633,6640,6653,57400,50052",
        "520,521,646,3784,3785,1985,2029,4784,698,654,6696,3222",
    ),
    Group(
        "what Windows, Linux and others hand out first to services without a number of their own",
        "49152-49175,1025-1035,32768-32785,49200-49210",
        "1025-1035,49152-49160,32768-32785",
    ),
    Group(
        "business software: the books of a company",
        "3200,3300,3600,3601,8101,50013,50014,1503,1720,1352,8069,8072,1540,1541,1560,7676,8787,4848,8686,9043,9060,9080,8879,8880,2809,9809,7003,7004,5556,16200,16250,7101,7102,8103,8161,8983,"
        "9997,8065,3299,40080,40443,50113,30013,30017,1098,1128,1129,8050,18091,18092,11210,11207,4984,4985",
        "1604,1503,1719",
    ),
    Group(
        "counting upwards: who needs another number takes the next one",
        "8180,8181,8280,8281,8380,8400,8480,8484,8500-8503,8580,8585,8600,8680,8700,8780,8800-8803,8881-8885,8889,8890,8899,8900,8980,8990,8998,8999,9011-9015,9070,9096-9099,"
        "9191,9292,9898,9990,9998,10001-10003,10100,10101,10110,10200,10500,11011,11211,12000,12001,13000,14000,15000,16000,17000,18000,18081,18888,20001,20022,20080,"
        "20443,21021,22000,22001,23023,25025,28080,28443,30022,30080,30443,33306,33389,38080,40022,40080,44300,44330,44343,48080,50080,50443,55555,60022,60080,60443,61000,"
        "62078,63389,1111,2221,2223,2224,3030,3040,3050,3080,3090,3131,3232,3300,3307,3308,3309,3310,3388,3390,3391,3392,3443,"
        "4010,4040,4080,4141,4244,4343,4430,4431,4432,4434,4440,4445,5010,5050,5080,5353,5434,5435,5560,6060,6070,"
        "7007,7010,7080,7081,7090,7676,7778,7788,7878,7999",
        "1000,2000,3000,4000,5000,6000,7000,8000,8080,9000,10000,12345,20000,30000,40000,50000,60000",
    ),
)


def listed(transport: Transport) -> tuple[int, ...]:
    """The ports of our own groups in their order, each once: every group's first few before any group's rest."""
    found: dict[int, None] = {}
    for few in (True, False):
        for group in GROUPS:
            ports = _numbers(group.udp if transport is Transport.UDP else group.tcp)
            found.update(dict.fromkeys(ports[:_FIRST] if few else ports))
    return tuple(found)


_FIRST = 12
"""Ports of each group that come before the rest of any."""


def in_order(transport: Transport, table: Table) -> Iterator[int]:
    """All 65,536 ports, the likeliest first: our groups, assigned system ports, assigned user ports, and all others, by their numbers."""
    seen = set()
    for port in listed(transport):
        seen.add(port)
        yield port
    system = {record.first for record in table.between(0, LAST_SYSTEM, transport) if record.name and record.last == record.first}
    for port in sorted(number for number in system if number is not None):
        if port not in seen:
            seen.add(port)
            yield port
    user = table.assigned(transport) & PortSet((PortRange(LAST_SYSTEM + 1, LAST_USER),))
    for port in (*user, *range(1, PORTS), 0):
        if port not in seen:
            seen.add(port)
            yield port


def _numbers(text: str) -> list[int]:
    parts = [parse_range(part) for part in text.split(",")] if text else []
    return [port for part in parts for port in range(part.first, part.last + 1)]
