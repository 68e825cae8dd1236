"""Names of containers in the files of their runtimes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import DOCKER_ID
from portulan.wire.runtimes import parse_docker_name, parse_kubernetes_log_name, parse_podman_names

DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"ID": "0123", "Name": "/shop-web", "State": {"Running": true}}', "shop-web"),
        (b'{"Name": "shop-web"}', "shop-web"),
        (b'{"Name": "//odd"}', "/odd"),
        ('{"Name": "/店"}'.encode(), "店"),
        (b'{"Name": "/"}', None),
        (b'{"Name": ""}', None),
        (b'{"Name": 5}', None),
        (b'{"Name": null}', None),
        (b'{"name": "/lower"}', None),
        (b"{}", None),
        (b"[]", None),
        (b'"Name"', None),
        (b"null", None),
        (b"", None),
        (b'{"Name": "/cut', None),
        (b"\xff\xfe", None),
        (b"NaN", None),
        (DEEP, None),
    ],
    ids=range(18),
)
def test_docker(data, name):
    assert parse_docker_name(data) == name


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b'[{"id": "a1", "names": ["web", "alias"]}, {"id": "b2", "names": ["db"]}]', {"a1": "web", "b2": "db"}),
        (b'[{"id": "a1", "names": [7, null, "web"]}]', {"a1": "web"}),
        (b'[{"id": "a1", "names": []}, {"id": "b2"}, {"names": ["x"]}, {"id": 3, "names": ["x"]}, {"id": "c", "names": "x"}, 5, null]', {}),
        (b'[{"id": "a1", "names": [""]}]', {}),
        (b"[]", {}),
        (b'{"id": "a1", "names": ["web"]}', {}),
        (b"", {}),
        (b"[", {}),
        (DEEP, {}),
    ],
    ids=range(9),
)
def test_podman(data, names):
    assert parse_podman_names(data) == names


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (f"web-0_shop_nginx-{DOCKER_ID}.log", "shop/web-0/nginx"),
        (f"a_b_c-d-e-{DOCKER_ID}.log", "b/a/c-d-e"),
        (f"web-0_shop_nginx-{DOCKER_ID}", None),
        (f"web-0_shop_nginx-{DOCKER_ID[:-1]}.log", None),
        (f"web-0_shop_nginx-{DOCKER_ID.upper()}.log", None),
        (f"web-0_nginx-{DOCKER_ID}.log", None),
        (f"web-0_shop_-{DOCKER_ID}.log", None),
        (f"web-0_shop_nginx-{DOCKER_ID}.log\n", None),
        ("", None),
    ],
)
def test_kubernetes(file, name):
    assert parse_kubernetes_log_name(file) == name


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Name", "id", "names", "x"]), inner, max_size=3),
    max_leaves=8,
)


@given(value=_json)
def test_any_json_is_names_or_none(value):
    import json

    data = json.dumps(value).encode()
    assert parse_docker_name(data) is None or isinstance(parse_docker_name(data), str)
    assert all(isinstance(text, str) and text for pair in parse_podman_names(data).items() for text in pair[1:])


@given(data=st.binary(max_size=60))
def test_any_bytes_are_names_or_none(data):
    parse_docker_name(data)
    parse_podman_names(data)
