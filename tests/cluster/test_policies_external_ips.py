"""deny-service-external-ips decides what the API server's plugin DenyServiceExternalIPs decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.cluster.client import JSON_PATCH
from tests.cluster.policies import Pair, Row, built, installed, is_refusal, pair, unseen, until

pytestmark = pytest.mark.cluster

_SPACE: Final = "external-ips"
_SERVICES: Final = f"/api/v1/namespaces/{_SPACE}/services"
_FIRST: Final = "192.0.2.1"
_SECOND: Final = "192.0.2.2"
_SIXTH: Final = "2001:db8::1"


def _service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def _external(addresses: list[str] | None) -> dict[str, Any]:
    return {"spec": {"externalIPs": addresses}}


_HAS_NONE: Final = f"{_SERVICES}/has-none"
_HAS_TWO: Final = f"{_SERVICES}/has-two"
_ALLOWED: Final = [
    Row("new without", "POST", _SERVICES, _service("new")),
    Row("new with an empty list", "POST", _SERVICES, _service("new", externalIPs=[])),
    Row("new load balancer", "POST", _SERVICES, _service("new", type="LoadBalancer", loadBalancerIP=_FIRST)),
    Row("label beside two", "PATCH", _HAS_TWO, {"metadata": {"labels": {"a": "b"}}}),
    Row("port beside two", "PATCH", _HAS_TWO, {"spec": {"ports": [{"port": 81}]}}),
    Row("the same two", "PATCH", _HAS_TWO, _external([_FIRST, _SECOND])),
    Row("the same two turned around", "PATCH", _HAS_TWO, _external([_SECOND, _FIRST])),
    Row("one of two twice", "PATCH", _HAS_TWO, _external([_FIRST, _FIRST])),
    Row("one of two gone", "PATCH", _HAS_TWO, _external([_SECOND])),
    Row("both gone", "PATCH", _HAS_TWO, _external(None)),
    Row("replaced whole", "PUT", _HAS_TWO, _service("has-two", externalIPs=[_FIRST])),
    Row("status", "PATCH", f"{_HAS_NONE}/status", {"status": {"loadBalancer": {"ingress": [{"ip": _FIRST}]}}}),
    Row("deleted", "DELETE", _HAS_TWO),
]
_REFUSED: Final = [
    Row("new with one", "POST", _SERVICES, _service("new", externalIPs=[_FIRST])),
    Row("new with one of IPv6", "POST", _SERVICES, _service("new", externalIPs=[_SIXTH])),
    Row(
        "new under generateName",
        "POST",
        _SERVICES,
        {**_service("", externalIPs=[_FIRST]), "metadata": {"generateName": "n"}},
    ),
    Row("first", "PATCH", _HAS_NONE, _external([_FIRST])),
    Row("third", "PATCH", _HAS_TWO, [{"op": "add", "path": "/spec/externalIPs/-", "value": _SIXTH}], JSON_PATCH),
    Row("one exchanged", "PATCH", _HAS_TWO, _external([_FIRST, _SIXTH])),
    Row("both exchanged", "PATCH", _HAS_TWO, _external([_SIXTH])),
    Row("replaced whole with another", "PUT", _HAS_TWO, _service("has-two", externalIPs=[_SIXTH])),
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both API servers, once the policy acts, with a service that has had addresses since before it."""
    with pair(tmp_path_factory.mktemp("policies"), "DenyServiceExternalIPs") as started:
        admin = started.policies.admin
        started.policies.namespace(_SPACE)
        admin.must("POST", _SERVICES, _service("has-none", type="LoadBalancer"))
        admin.must("POST", _SERVICES, _service("has-two", externalIPs=[_FIRST, _SECOND]))
        with installed(started.policies, built("deny-service-external-ips")):
            until(lambda: is_refusal(_REFUSED[0].send(admin)), "the policy does not act")
            yield started


@pytest.mark.parametrize("row", _ALLOWED + _REFUSED, ids=lambda row: row.id)
def test_decides_as_the_plugin(servers: Pair, row: Row) -> None:
    """New addresses are refused, old ones may stay and go."""
    expected = row in _REFUSED
    assert is_refusal(row.send(servers.plugin.admin)) == expected
    assert is_refusal(row.send(servers.policies.admin)) == expected


def test_names_the_addresses(servers: Pair) -> None:
    """The message names the field and the new ones only."""
    answer = servers.policies.admin.request("PATCH", _HAS_TWO, _external([_FIRST, _SIXTH]), _REFUSED[3].content_type)
    assert answer.message.endswith(f"spec.externalIPs: new external addresses are not allowed: {_SIXTH}")
    assert unseen(built("deny-service-external-ips"), [answer]) == []
