"""Sandboxes: hosts, links and routers in closed network namespaces of their own, and private roots for real servers."""

from portulan.system.sandbox.host import Host
from portulan.system.sandbox.link import End, Link
from portulan.system.sandbox.sandbox import Sandbox, check_rights

__all__ = ["End", "Host", "Link", "Sandbox", "check_rights"]
