"""Which policy refuses: what different machines show, as their documentation says (SELinux, AppArmor, systemd) and as it was seen (Landlock, control groups)."""

import pytest

from portulan.host.confinement import find_suspects
from portulan.model.ground import Confinement
from portulan.model.port import Transport

TCP, UDP = Transport.TCP, Transport.UDP
SELINUX = Confinement(modules=("capability", "selinux", "bpf"), landlock=True, selinux="system_u:system_r:httpd_t:s0")
APPARMOR = Confinement(
    modules=("capability", "apparmor"), landlock=True, apparmor="/usr/sbin/named", any_port="EACCES", other_transport="EACCES"
)
LANDLOCK = Confinement(landlock=True, any_port="EACCES")


def found(seen, error="EACCES", transport=TCP):
    return [(one.code, one.certain, one.detail) for one in find_suspects(seen, error, transport)]


def test_landlock_alone_stops_every_tcp_port_and_no_datagram():
    assert found(LANDLOCK) == [("landlock", True, "")]
    assert found(LANDLOCK, transport=UDP) == [("unknown", False, "")]
    assert found(LANDLOCK._replace(any_port=None)) == [("landlock", False, "")]  # port 0 may be allowed


def test_selinux_stops_some_ports():
    assert found(SELINUX)[0] == ("selinux", True, "system_u:system_r:httpd_t:s0")
    assert found(SELINUX, transport=UDP)[0] == ("selinux", True, "system_u:system_r:httpd_t:s0")


def test_where_two_could_have_done_it_none_is_certain():
    both = SELINUX._replace(any_port="EACCES")
    assert [(code, certain) for code, certain, _ in found(both)] == [("landlock", False), ("selinux", False), ("bpf", False)]


def test_apparmor_stops_a_whole_kind_of_sockets():
    assert found(APPARMOR) == [("apparmor", True, "/usr/sbin/named")]
    assert found(APPARMOR._replace(any_port=None, other_transport=None))[-1] == ("apparmor", False, "/usr/sbin/named")


@pytest.mark.parametrize(
    ("seen", "suspects"),
    [
        (Confinement(programs=("guard",)), [("cgroup-bpf", True, "guard")]),
        (Confinement(programs=("sd_bind4",), unit="shop.service"), [("systemd", True, "shop.service")]),
        (Confinement(programs=("sd_bind4", "guard"), unit="shop.service"), [("systemd", False, "shop.service")]),
        (Confinement(programs=("sd_bind4",)), [("systemd", True, "SocketBindDeny=")]),
        (Confinement(programs=None), [("cgroup-bpf", False, "")]),
        (Confinement(programs=()), [("unknown", False, "")]),
        (Confinement(unit="shop.service", denied_by_unit="SocketBindDeny=any"), [("systemd", True, "shop.service: SocketBindDeny=any")]),
        (Confinement(programs=(), seccomp=True), [("seccomp", False, "")]),
    ],
)
def test_control_groups_refuse_with_eperm(seen, suspects):
    assert found(seen, "EPERM") == suspects


def test_control_groups_are_not_suspected_of_eacces():
    assert found(Confinement(programs=("guard",))) == [("unknown", False, "")]


def test_modules_that_tell_nothing_of_themselves():
    assert found(Confinement(modules=("capability", "smack", "tomoyo"))) == [("smack", False, ""), ("tomoyo", False, "")]
