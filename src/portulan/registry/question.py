"""What a person typed, understood: a port, a range of them, or a name or words."""

import re

from portulan.errors import BadInput
from portulan.model.port import Transport, parse_transport
from portulan.model.portset import PortRange, parse_range
from portulan.model.record import Record

LONGEST = 200
"""Characters of a question that we read."""
_TRANSPORTS = frozenset(Transport)
_NUMBERS = re.compile(r"-?\d[\d\s-]*", re.ASCII)
_SERVICE_TYPE = re.compile(r"_([^._]+)\._([a-z]+)(\..*)?", re.IGNORECASE)
"""How DNS service discovery writes a name (RFC 6763, section 7): `_http._tcp.local`."""
# A Japanese keyboard easily types 80 and a slash in full width.
_HALF_WIDTH = {0x3000: 0x20} | {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


class Question(Record):
    """One question: numbers, or a text that is a name, people's word, or words."""

    query: str
    """As it was asked, trimmed."""
    ports: PortRange | None = None
    transport: Transport | None = None
    text: str = ""


def parse_question(query: str) -> Question:
    """`80`, `443/tcp`, `udp/53`, `6000-6063`, `1-1023/tcp`, `http`, `domain/udp`, `_http._tcp`, `remote desktop`.

    Raises BadInput for a number that is no port, a transport that is none, an empty or an endless question.
    """
    text = query.translate(_HALF_WIDTH).strip()
    if not text:
        raise BadInput("lookup.empty")
    if len(text) > LONGEST:
        raise BadInput("lookup.too-long", limit=LONGEST)
    left, slash, right = (part.strip() for part in text.partition("/"))
    if left.lower() in _TRANSPORTS and _NUMBERS.fullmatch(right):
        left, right = right, left
    if _NUMBERS.fullmatch(left):
        return Question(text, parse_range(left), parse_transport(right) if slash else None)
    if left and right.lower() in _TRANSPORTS:
        return Question(text, transport=parse_transport(right), text=left)
    announced = _SERVICE_TYPE.fullmatch(text)
    if announced and announced[2].lower() in _TRANSPORTS:
        return Question(text, transport=parse_transport(announced[2]), text=announced[1])
    return Question(text, text=text)


def split_questions(words: list[str]) -> list[str]:
    """`22,80,8000-8010/tcp` is several questions, the transport belonging to all; a name with a comma is one."""
    questions: list[str] = []
    for word in words:
        numbers, slash, transport = word.translate(_HALF_WIDTH).partition("/")
        parts = [part.strip() for part in numbers.split(",")]
        if len(parts) > 1 and all(_NUMBERS.fullmatch(part) for part in parts):
            questions += [f"{part}{slash}{transport}" for part in parts]
        else:
            questions.append(word)
    return questions
