"""Why rules could not be read whole, in words."""

import re
from pathlib import Path

import pytest

from portulan.text.firewall import INCOMPLETE, incomplete_sentence
from portulan.text.voice import Voice

FOLDER = Path(__file__).resolve().parents[3] / "src/portulan/system/firewall"
SAID = {code for file in FOLDER.glob("*.py") for code in re.findall(r'"((?:nft|iptables|legacy)\.[a-z-]+)"', file.read_text("utf-8"))}


def test_every_reason_is_one_that_is_given():
    assert INCOMPLETE.keys() <= SAID


@pytest.mark.parametrize("code", sorted(INCOMPLETE))
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_reason_has_a_sentence(code, language):
    sentence = incomplete_sentence(Voice(language), code, "ip")
    assert code not in sentence
    assert len(sentence) > 20
    assert "{" not in sentence


def test_an_unknown_reason_is_said_as_it_is():
    assert incomplete_sentence(Voice(), "nft.widget", "x") == "nft.widget x"
