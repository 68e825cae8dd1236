"""Any bytes can be taken apart."""

from hypothesis import given, settings
from hypothesis import strategies as st

from portulan.cli.explain_packet import packet_lines
from portulan.model.explain import Dissected
from portulan.text.voice import Voice
from portulan.wire.dissect import dissect

LINKS = st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276, 9])
HEADS = st.sampled_from(
    [b"", bytes(12) + b"\x08\x00\x45", bytes(12) + b"\x86\xdd\x60", bytes(12) + b"\x81\x00\0\1\x08\x00", b"\x45", b"\x60"]
)


@given(HEADS, st.binary(max_size=200), LINKS)
def test_layers_cover_every_byte_once(head, rest, link):
    data = head + rest
    layers = dissect(data, link)
    at = 0
    for layer in layers:
        assert layer.at == at
        assert layer.size > 0
        assert all(layer.at <= field.at and field.at + field.size <= layer.at + layer.size for field in layer.fields)
        at += layer.size
    assert at == len(data)


@settings(max_examples=50)
@given(HEADS, st.binary(max_size=120), LINKS, st.sampled_from(["en", "ja"]), st.integers(40, 130))
def test_the_picture_shows_each_header_byte_once(head, rest, link, language, width):
    data = head + rest
    layers = dissect(data, link)
    lines = list(
        packet_lines(Dissected("a:1", "file", data.hex(), layers, len(data)), Voice(language), width=width, paint=lambda text, *_: text)
    )
    rows = [
        line
        for line in lines
        if line[:1] == " " and len(line) > 7 and all(letter in "0123456789abcdef" for letter in line[1:5]) and line[5] == " "
    ]
    shown = bytes.fromhex("".join(row[6 : 6 + 48 if width >= 75 else 6 + 24].translate(str.maketrans("[|]", "   ")) for row in rows))
    headers = b"".join(data[layer.at : layer.at + layer.size] for layer in layers if layer.fields)
    assert len(shown) >= len(headers)
    if len(layers) == sum(bool(layer.fields) for layer in layers):
        assert shown == data
