"""What `explain` tells: a topic or a port, in facts of this machine, and packets taken apart. Codes and facts; `portulan.text` makes the sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from portulan.model.chart import Gap
from portulan.model.picture import PortMap
from portulan.model.port import Port
from portulan.model.record import Record
from portulan.model.why import Why

_NO_FACTS: Mapping[str, str | int] = {}


class Fact(Record):
    """One thing that is so on this machine now."""

    code: str
    """`portulan.text.explain_facts` has a sentence for each."""
    facts: Mapping[str, str | int] = _NO_FACTS
    command: str | None = None
    """What shows more of it, ready to type."""
    text: str | None = None
    """The sentence in the reader's language; None until a face has made it."""


class Field(Record):
    """Some bytes of a layer that mean something by themselves."""

    code: str
    """`source-port`, `destination-port`, `source-address`, `destination-address`, `protocol`, `ethertype`, `flags`, `type`, `identifier`, `sequence`."""
    at: int
    """Where it begins in the whole packet."""
    size: int
    """Bytes."""
    value: str
    """As people write it: `443`, `127.0.0.1`, `0x0800`, `syn ack`."""

    @property
    def is_port(self) -> bool:
        """Whether it is one of the two port numbers."""
        return self.code in ("source-port", "destination-port")


class Layer(Record):
    """One header of a packet, or what it carries. The layers of a packet cover its bytes without gap or overlap."""

    code: str
    """`ethernet`, `vlan`, `pppoe`, `cooked`, `loopback`, `ipv4`, `ipv6`, `extension`, `tcp`, `udp`, `sctp`, `dccp`, `udplite`, `icmp`, `icmpv6`, `arp`, `data` (what the program behind the
    port gets), `fragment` (a later piece, without ports), `padding`, `cut` (the capture ends inside this header), `unknown`."""
    at: int
    size: int
    fields: tuple[Field, ...] = ()


class Dissected(Record):
    """One packet, taken apart."""

    name: str
    """What it is about: `udp`, `tcp`, `icmp`, or a place in a capture (`file.pcap:7`)."""
    origin: str
    """`captured` (just now, on the loopback), `built` (put together here, since capturing is not allowed), `file`."""
    data: str
    """The bytes, as hexadecimal digits."""
    layers: tuple[Layer, ...]
    length: int
    """Bytes that it had on the wire; more than `data` holds where the capture cut it."""

    @property
    def ports(self) -> tuple[Field, ...]:
        """The two port numbers; none where no layer has any."""
        return tuple(field for layer in self.layers for field in layer.fields if field.is_port)


class Lesson(Record):
    """One topic, or one port, on this machine."""

    topic: str | None
    """The topic's name; None for a port, and for a packet of a capture."""
    port: Port | None
    host: str
    taken_at: datetime
    items: tuple[Fact, ...]
    packets: tuple[Dissected, ...] = ()
    gaps: tuple[Gap, ...] = ()
    why: Why | None = None
    """Of the conflict that was made: what `why` says of it."""
    picture: PortMap | None = None
    """Of the map."""


class Topic(Record):
    """One thing that can be explained."""

    name: str
    aliases: tuple[str, ...]
    """What else it is called, in English and in Japanese, in lower case with blanks."""


class TopicRow(Record):
    """A row of the list of topics."""

    name: str
    title: str
    """In the reader's language."""
    short: str
    aliases: tuple[str, ...]


TOPICS = (
    Topic("port", ("ports", "what is a port", "what a port is", "ポート", "ポートとは", "ポート番号", "ポート番号とは")),
    Topic("address", ("addresses", "ip", "ip address", "port and ip address", "ipアドレス", "アドレス", "ポート番号とipアドレス")),
    Topic("telling-apart", ("traffic", "telling apart", "connections", "socket", "sockets", "通信の区別", "通信の見分け方", "ソケット", "トラフィック")),
    Topic("ranges", ("range", "classes", "three ranges", "well known", "well-known", "registered", "範囲", "三つの範囲", "3つの範囲", "ウェルノウンポート", "登録済みポート")),
    Topic("listening", ("listen", "open ports", "server", "servers", "待ち受け", "待ち受けポート", "開いているポート", "サーバー")),
    Topic("tcp-udp", ("tcp", "udp", "tcp and udp", "transport", "transports", "tcpとudp", "トランスポート", "トランスポート層")),
    Topic("layers", ("layer", "packet", "packets", "header", "headers", "osi", "層", "階層", "レイヤー", "パケット", "ヘッダー")),
    Topic("ping", ("icmp", "ping and ports", "icmp ping", "pingとポート")),
    Topic("iana", ("registry", "numbers", "who gives out the numbers", "レジストリ", "番号の管理", "番号は誰が決めるか")),
    Topic("common", ("well known numbers", "numbers to know", "famous ports", "覚えておきたい番号", "よく使う番号", "よく使うポート")),
    Topic("conflict", ("conflicts", "port conflict", "address already in use", "eaddrinuse", "ポート競合", "競合", "ポートの競合")),
    Topic("private", ("private range", "private ports", "dynamic", "choosing a port", "動的/プライベートポート", "プライベートポート", "動的ポート", "ポートの選び方")),
    Topic("firewall", ("firewalls", "default deny", "deny", "ファイアウォール", "ファイアーウォール", "既定で拒否", "デフォルト拒否")),
    Topic("who-gets-in", ("everyone", "reach", "open to everyone", "open to named machines", "allow list", "公開範囲", "誰に開くか", "到達範囲", "送信元")),
    Topic("attacker", ("attackers", "attack", "scan", "port scan", "what an attacker sees", "攻撃", "攻撃者", "攻撃者から見えるもの", "ポートスキャン")),
    Topic("moving-ssh", ("move ssh", "ssh port", "moving ssh", "ssh to a private port", "sshの移動", "sshのポート変更", "sshポートの変更")),
    Topic("ephemeral", ("ephemeral ports", "ephemeral port", "client ports", "source port", "エフェメラルポート", "一時ポート", "送信元ポート")),
    Topic("containers", ("container", "published ports", "published", "コンテナ", "コンテナー", "公開ポート")),
    Topic("map", ("picture", "the map", "地図", "全ポートの地図")),
)  # fmt: skip
"""In the order in which they are best read."""
