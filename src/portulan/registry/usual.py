"""Which name of a port comes first where the registry has several: 80 is http, www and www-http.

The rule: a name that the registry itself calls an alias, a duplicate or historic comes after one that it does not; then a use that it
only records without having assigned it; else the registry's own order stands. The few choices of our own depart from that order, with
the reason beside.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.assignment import Assignment

CHOSEN = {
    42: "nameserver",  # what /etc/services has said for decades; "name" alone says nothing
    465: "submissions",  # RFC 8314, section 7.3: mail clients; the rendezvous directory never spread
    512: "biff",  # the program whose datagrams these are; its daemon comsat lends the other name. TCP's 512 has one name only
    666: "doom",  # the game made the number known
    750: "kerberos-iv",  # the other, a load average service, left no trace
    1701: "l2tp",  # RFC 2661, section 8.1: L2TP took over the port of L2F, which it replaced
    2049: "nfs",  # RFC 7530, section 3.1; shilp left no trace
    9100: "pdl-datastream",  # the name under which printers announce it (DNS-SD)
}
_LATER = ("this entry is an alias to", "this is a duplicate of", "this entry is now historic")
_LAST = "this entry records an unassigned but widespread use"


def rank(record: Assignment) -> int:
    """The place of a name among those of its port; equal ranks keep the registry's order."""
    if record.first in CHOSEN and CHOSEN[record.first] == record.name:
        return 0
    note = record.note.lower()
    if note.startswith(_LAST):
        return 3
    return 2 if note.startswith(_LATER) else 1
