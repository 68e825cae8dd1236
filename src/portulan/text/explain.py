"""What `explain` says besides its topics: headings, errors, and the words for the parts of a packet."""

from __future__ import annotations

from portulan.model.explain import Dissected, Field, Layer
from portulan.text.clean import clean
from portulan.text.explain_page import Page
from portulan.text.voice import Voice, mark

SENTENCES: dict[str, str] = {
    "explain.unknown": mark("{text} is no topic, no port and no service."),
    "explain.one-port": mark("{text} means several ports ({ports}): explain tells of one at a time."),
    "explain.packet": mark("{text} names no packet: FILE:N was expected, where N is 1 for the first."),
    "explain.no-packet": mark("{path} has no packet {number}: there are {packets}."),
    "explain.two": mark("--packet is about a packet of a file: no topic goes with it."),
}
WAYS_OUT: dict[str, str] = {
    "explain.unknown": mark("all topics:  portulan explain"),
    "explain.one-port": mark("one of them:  portulan explain PORT"),
}
_LAYERS: dict[str, tuple[str, str]] = {
    "ethernet": (mark("Ethernet"), mark("from one network card to the next; no port")),
    "vlan": (mark("VLAN tag"), mark("which virtual network; no port")),
    "pppoe": ("PPPoE", mark("the session with the internet provider; no port")),
    "cooked": (mark("link header"), mark("made by the capture of all interfaces; no port")),
    "loopback": (mark("link header"), mark("of the loopback; no port")),
    "ipv4": ("IPv4", mark("from machine to machine: addresses, and no port anywhere")),
    "ipv6": ("IPv6", mark("from machine to machine: addresses, and no port anywhere")),
    "extension": (mark("IPv6 extension"), mark("more about the way; no port")),
    "tcp": ("TCP", mark("from program to program: here are the two ports")),
    "udp": ("UDP", mark("from program to program: here are the two ports")),
    "udplite": ("UDP-Lite", mark("from program to program: here are the two ports")),
    "sctp": ("SCTP", mark("from program to program: here are the two ports")),
    "dccp": ("DCCP", mark("from program to program: here are the two ports")),
    "icmp": ("ICMP", mark("from kernel to kernel: no port anywhere")),
    "icmpv6": ("ICMPv6", mark("from kernel to kernel: no port anywhere")),
    "arp": ("ARP", mark("who has this address; no IP and no port")),
    "data": (mark("data"), mark("for whoever it is meant for")),
    "fragment": (mark("later piece"), mark("of a packet in pieces: the ports stand in its first piece")),
    "padding": (mark("padding"), mark("behind the packet, to fill the frame")),
    "cut": (mark("cut off"), mark("the capture ends inside this header")),
    "unknown": (mark("not known"), mark("explain does not take this apart")),
}
FIELDS: dict[str, str] = {
    "source-mac": mark("sender's link address"),
    "destination-mac": mark("receiver's link address"),
    "ethertype": mark("what follows:"),
    "protocol": mark("what follows:"),
    "source-address": mark("source address"),
    "destination-address": mark("destination address"),
    "source-port": mark("source port"),
    "destination-port": mark("destination port"),
    "flags": mark("flags"),
    "type": mark("type"),
    "identifier": mark("identifier"),
    "sequence": mark("sequence number"),
}
_FOLLOWING = {
    ("ethertype", "0x0800"): "IPv4", ("ethertype", "0x86dd"): "IPv6", ("ethertype", "0x0806"): "ARP", ("ethertype", "0x8100"): "VLAN",
    ("protocol", "1"): "ICMP", ("protocol", "6"): "TCP", ("protocol", "17"): "UDP", ("protocol", "33"): "DCCP", ("protocol", "58"): "ICMPv6",
    ("protocol", "132"): "SCTP", ("protocol", "136"): "UDP-Lite",
}  # fmt: skip
_ECHOES = {
    ("icmp", "8"): mark("echo request"),
    ("icmp", "0"): mark("echo reply"),
    ("icmpv6", "128"): mark("echo request"),
    ("icmpv6", "129"): mark("echo reply"),
}
OPEN_HERE = mark("Port {port}: open here")
NOT_SEEN = mark("Port {port}: not seen to be open here")
NOT_REACHABLE = mark("Port {port}: none that can be reached")
CLOSED_HERE = mark("Port {port}: closed here")
NOW = mark("On this machine now")
LIKE = mark("like")
MORE = (mark("one of these:  portulan explain TOPIC"), mark("one port:      portulan explain 3389"))


def pages() -> dict[str, Page]:
    """Each topic's text, by its name."""
    from portulan.text import explain_basics, explain_numbers, explain_packets, explain_safety

    return {**explain_basics.PAGES, **explain_packets.PAGES, **explain_numbers.PAGES, **explain_safety.PAGES}


def layer_words(voice: Voice, layer: Layer) -> tuple[str, str]:
    """The layer's name, and what it is there for."""
    name, meaning = _LAYERS[layer.code]
    return voice.say(name), voice.say(meaning)


def field_words(voice: Voice, layer: Layer, field: Field) -> str:
    """`source port 443`, `what follows: 17 (UDP)`."""
    meaning = _FOLLOWING.get((field.code, field.value), "")
    if field.code == "type" and (layer.code, field.value) in _ECHOES:
        meaning = voice.say(_ECHOES[layer.code, field.value])
    name, value = voice.say(FIELDS[field.code]), clean(field.value)
    return f"{name} {value} ({meaning})" if meaning else f"{name} {value}"


def packet_title(voice: Voice, packet: Dissected) -> str:
    """`UDP, captured just now: 127.0.0.1 port 4711 to 127.0.0.1 port 53, 59 bytes`."""
    source, destination = _end(voice, packet, "source"), _end(voice, packet, "destination")
    name = {"udp": "UDP", "tcp": "TCP", "icmp": voice.say("ICMP echo")}.get(packet.name) if packet.origin != "file" else None
    size = voice.count("{n} byte", "{n} bytes", packet.length)
    if name is None:
        head = clean(packet.name)
    elif packet.origin == "captured":
        head = voice.say("{name}, captured just now", name=name)
    else:
        head = voice.say("{name}, NOT captured but put together here", name=name)
    way = voice.say("{source} to {destination}", source=source, destination=destination) if source and destination else ""
    return " · ".join(part for part in (head, way, size) if part)


def _end(voice: Voice, packet: Dissected, side: str) -> str:
    """One end of a packet: its address, and its port if it has one."""
    found = {field.code: field.value for layer in packet.layers for field in layer.fields}
    address, port = found.get(f"{side}-address"), found.get(f"{side}-port")
    if address is None or port is None:
        return address or ""
    return voice.say("{address} port {port}", address=address, port=port)
