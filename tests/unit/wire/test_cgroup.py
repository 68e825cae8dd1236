"""What paths of control groups tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import DOCKER_ID
from portulan.wire.cgroup import CgroupMeaning, parse_cgroup_path

ID = DOCKER_ID
POD = "pod2c48913c_7d2c_4f3a_b4a5_1c9e9a1b2c3d"
USER = "/user.slice/user-1000.slice/user@1000.service"


@pytest.mark.parametrize(
    ("path", "unit", "user_unit"),
    [
        ("/system.slice/nginx.service", "nginx.service", False),
        ("/system.slice/cups.socket", "cups.socket", False),
        ("/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service", False),
        ("/init.scope", "init.scope", False),
        ("/system.slice/run-user-1000.mount", "run-user-1000.mount", False),
        ("/system.slice/dev-sda2.swap", "dev-sda2.swap", False),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope", False),
        (USER, "user@1000.service", False),
        (f"{USER}/init.scope", "init.scope", True),
        (f"{USER}/app.slice/syncthing.service", "syncthing.service", True),
        (f"{USER}/app.slice/app-org.gnome.Terminal.slice/vte-spawn-9.scope", "vte-spawn-9.scope", True),
        ("/system.slice/docker.service/inner/deeper", "docker.service", False),
        ("/system.slice", None, False),
        ("/user.slice/user-1000.slice", None, False),
        ("/", None, False),
        ("", None, False),
        ("/machine.slice", None, False),
        ("/.service-like/service", None, False),
        # Only a user's own manager makes units the user's.
        ("/system.slice/a.service/b.scope", "b.scope", False),
        ("/system.slice/user@1000/b.scope", "b.scope", False),
        ("/user.slice/user@1000.slice/b.service", "b.service", False),
        # A service with sub-groups of its own: the unit, whatever lies below.
        ("/system.slice/containerd.service/worker", "containerd.service", False),
    ],
)
def test_units(path, unit, user_unit):
    assert parse_cgroup_path(path) == CgroupMeaning(unit, user_unit, None, None)


@pytest.mark.parametrize(
    ("part", "unit"),
    [
        # The name of a unit keeps its escapes: only so does systemctl know it.
        (r"systemd-fsck@dev-disk-by\x2duuid-1234.service", r"systemd-fsck@dev-disk-by\x2duuid-1234.service"),
        (r"app-gnome\x2dterminal.scope", r"app-gnome\x2dterminal.scope"),
        # systemd puts a `_` before what would be a file of the control group itself, a controller's, or begins with `_` or `.`.
        ("_cpu.service", "cpu.service"),
        ("_memory.service", "memory.service"),
        ("_cgroup.service", "cgroup.service"),
        ("_tasks.service", "tasks.service"),
        ("__mine.service", "_mine.service"),
        ("_.hidden.service", ".hidden.service"),
    ],
)
def test_a_units_name_is_the_one_systemctl_knows(part, unit):
    assert parse_cgroup_path(f"/system.slice/{part}").unit == unit


@pytest.mark.parametrize(
    ("path", "runtime", "identity"),
    [
        # docker: cgroupfs and systemd drivers, rootless, another parent, something of the container's own below
        (f"/docker/{ID}", "docker", ID),
        (f"/docker/{ID}/system.slice/nginx.service", "docker", ID),
        (f"/system.slice/docker-{ID}.scope", "docker", ID),
        (f"/system.slice/docker-{ID}.scope/init.scope", "docker", ID),
        (f"/system.slice/system.slice:docker:{ID}", "docker", ID),
        (f"{USER}/user.slice/docker-{ID}.scope", "docker", ID),
        (f"/build.slice/docker-{ID}.scope", "docker", ID),
        # podman: rootful and rootless, both drivers, in a pod, its monitor
        (f"/machine.slice/libpod-{ID}.scope", "podman", ID),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman", ID),
        (f"/machine.slice/libpod-conmon-{ID}.scope", "podman", ID),
        (f"/libpod_parent/libpod-{ID}", "podman", ID),
        (f"{USER}/user.slice/libpod-{ID}.scope/container", "podman", ID),
        (f"{USER}/user.slice/user-libpod_pod_{ID}.slice/libpod-{ID}.scope", "podman", ID),
        # containerd, without and with kubernetes' names
        (f"/system.slice/nerdctl-{ID}.scope", "containerd", ID),
        (f"/system.slice/cri-containerd-{ID}.scope", "containerd", ID),
        (f"/system.slice/containerd.service/system.slice:cri-containerd:{ID}", "containerd", ID),
        # cri-o
        (f"/machine.slice/crio-{ID}.scope", "cri-o", ID),
        (f"/crio/{ID}", "cri-o", ID),
        # kubernetes: both drivers, each quality of service, each runtime
        (f"/kubepods/{POD}/{ID}", "kubernetes", ID),
        (f"/kubepods/burstable/{POD}/{ID}", "kubernetes", ID),
        (f"/kubepods/besteffort/{POD}/crio-{ID}", "kubernetes", ID),
        (f"/kubepods.slice/kubepods-{POD}.slice/cri-containerd-{ID}.scope", "kubernetes", ID),
        (f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-{POD}.slice/cri-containerd-{ID}.scope", "kubernetes", ID),
        (f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-{POD}.slice/crio-{ID}.scope/container", "kubernetes", ID),
        (f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-{POD}.slice/docker-{ID}.scope", "kubernetes", ID),
        (f"/system.slice/containerd.service/kubepods-burstable-{POD}.slice:cri-containerd:{ID}", "kubernetes", ID),
        (f"/kubelet/kubepods/burstable/{POD}/{ID}", "kubernetes", ID),
        # lxc: version 4 and later, before, and LXD's
        ("/lxc.payload.web", "lxc", "web"),
        ("/lxc.payload.web/system.slice/nginx.service", "lxc", "web"),
        ("/lxc.payload/web/ns", "lxc", "web"),
        ("/lxc/web-1.example", "lxc", "web-1.example"),
        (f"{USER}/lxc.payload.web", "lxc", "web"),
        # systemd-nspawn
        ("/machine.slice/systemd-nspawn@web.service", "nspawn", "web"),
        ("/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service", "nspawn", "web"),
        (r"/machine.slice/machine-web\x2d1.scope/supervisor", "nspawn", "web-1"),
        (r"/machine.slice/machine-caf\xc3\xa9.scope", "nspawn", "café"),
    ],
)
def test_containers(path, runtime, identity):
    meaning = parse_cgroup_path(path)
    assert (meaning.runtime, meaning.container_id) == (runtime, identity)


@pytest.mark.parametrize(
    "path",
    [
        "/system.slice/docker.service",
        "/system.slice/lxc.service",
        "/system.slice/lxc-net.service",
        "/lxc.monitor.web",
        "/system.slice/containerd.service",
        "/system.slice/crio.service",
        "/system.slice/podman.service",
        "/machine.slice",
        "/machine.slice/libvirtd.service",
        f"/docker/{ID[:63]}",
        f"/docker/{ID}0",
        f"/docker/{ID.upper()}",
        f"/mydocker-{ID}",
        f"/system.slice/{ID}",
        "/docker",
        "/kubepods",
        f"/kubepods.slice/kubepods-{POD}.slice",
    ],
)
def test_what_is_no_container(path):
    meaning = parse_cgroup_path(path)
    assert (meaning.runtime, meaning.container_id) == (None, None)


def test_the_unit_inside_a_container_is_told_beside_it():
    assert parse_cgroup_path("/lxc.payload.web/system.slice/nginx.service") == CgroupMeaning("nginx.service", False, "lxc", "web")


def test_a_rootless_container_has_a_users_unit():
    assert parse_cgroup_path(f"{USER}/user.slice/libpod-{ID}.scope") == CgroupMeaning(f"libpod-{ID}.scope", True, "podman", ID)


@given(
    path=st.lists(
        st.text(max_size=8) | st.sampled_from(["kubepods", f"docker-{ID}.scope", "lxc", "a.service", "user@1.service", ID, r"\x2d"]),
        max_size=9,
    )
)
def test_any_path_has_a_meaning(path):
    meaning = parse_cgroup_path("/" + "/".join(path))
    assert (meaning.runtime is None) == (meaning.container_id is None)
    assert meaning.unit is None or meaning.unit.endswith((".service", ".socket", ".scope", ".mount", ".swap"))


def test_a_path_made_to_take_for_ever_does_not():
    parse_cgroup_path("/kubepods" * 450)
    parse_cgroup_path("/kubepods/" + "-" * 255 + ("/" + "a-" * 120) * 14)
