"""Injectors whose sidecar needs the API token, in pods of the account `default`: what docs/defaults.md says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from patches.policy.policy import PSA_PREFIX, SKIP_ANNOTATION
from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.differences import is_injected
from tests.cluster.injector import SIDECAR, TOKEN_MOUNT, has_sidecar, injector
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster

_WAY: Final = "test/way"
_OWN: Final = {
    "name": "mesh-token",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ]
    },
}
"""What docs/defaults.md shows."""


def _change(pod: Any) -> dict[str, Any]:
    """Add the sidecar once, in the way that the pod's annotation names."""
    way = (pod["metadata"].get("annotations") or {}).get(_WAY, "bare")
    if has_sidecar(pod):
        return {}
    spec = pod["spec"]
    sidecar: dict[str, Any] = {"name": SIDECAR, "image": "mesh:1"}
    patch: list[Any] = [{"op": "add", "path": "/spec/containers/-", "value": sidecar}]
    if way == "own-volume":
        sidecar["volumeMounts"] = [{"name": _OWN["name"], "mountPath": TOKEN_MOUNT, "readOnly": True}]
        many = "volumes" in spec
        patch.append({"op": "add", "path": f"/spec/volumes{'/-' * many}", "value": _OWN if many else [_OWN]})
    elif way == "copied-mount":  # where the application has one
        sidecar["volumeMounts"] = [
            mount for mount in spec["containers"][0].get("volumeMounts") or () if mount["mountPath"] == TOKEN_MOUNT
        ]
    elif way == "field":
        patch.append({"op": "add", "path": "/spec/automountServiceAccountToken", "value": True})
    return {"patch": patch}


@pytest.fixture(scope="module", params=["before", "after"])
def name(
    request: pytest.FixtureRequest, plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A restricted namespace with the defaulter, and the injector called before it or after it."""
    one = f"token-{request.param}"
    restricted = {PSA_PREFIX + "enforce": "restricted"}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "own", "namespace": one}}
    skipping = namespace(f"{one}-skip", restricted, {SKIP_ANNOTATION: "automountServiceAccountToken"})
    objects = [namespace(one, restricted), account, skipping]
    with (
        defaulter(plane, tmp_path_factory.mktemp(one) / "served", one, objects=objects),
        injector(plane, one, _change, first=request.param == "before"),
    ):
        yield one


def _spec(plane: ControlPlane, name: str, way: str, **fields: Any) -> Any:
    metadata = {"generateName": "p-", "annotations": {_WAY: way}}
    value = {"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "i:1"}], **fields}}
    answer = plane.admin.create(pods(name), value, dry_run=True)
    assert answer.ok, answer.message
    return answer.body["spec"]


def _seen(spec: Any) -> dict[str, list[str]]:
    """Of each container, the volumes at the token's place: `injected` is the API server's."""
    injected = {row["name"] for row in spec.get("volumes") or () if is_injected(row)}
    return {
        row["name"]: [
            "injected" if mount["name"] in injected else mount["name"]
            for mount in row.get("volumeMounts") or ()
            if mount["mountPath"] == TOKEN_MOUNT
        ]
        for row in spec["containers"]
    }


@pytest.mark.parametrize("way", ["bare", "copied-mount"])
def test_without_more_it_gets_none(plane: ControlPlane, name: str, way: str) -> None:
    """Neither by relying on the automatic mount nor by copying the application's; the pod starts all the same."""
    spec = _spec(plane, name, way)
    assert _seen(spec) == {"c": [], SIDECAR: []}
    assert not any(map(is_injected, spec.get("volumes") or ()))


def test_a_volume_of_its_own_stays(plane: ControlPlane, name: str) -> None:
    """The sidecar has its token, the application has none."""
    spec = _spec(plane, name, "own-volume")
    assert _seen(spec) == {"c": [], SIDECAR: [_OWN["name"]]}
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("suffix", "fields"),
    [("", {"automountServiceAccountToken": True}), ("", {"serviceAccountName": "own"}), ("-skip", {})],
    ids=["field", "account", "skip"],
)
def test_an_author_gives_it_to_all(plane: ControlPlane, name: str, suffix: str, fields: dict[str, Any]) -> None:
    """By the pod's field, an account of its own, or a namespace that opts out: the sidecar has the automatic mount."""
    spec = _spec(plane, name + suffix, "bare", **fields)
    assert _seen(spec) == {"c": ["injected"], SIDECAR: ["injected"]}


def test_the_injector_may_set_the_field(plane: ControlPlane, name: str) -> None:
    """In either order the token is mounted again, in the application too."""
    spec = _spec(plane, name, "field")
    assert spec["automountServiceAccountToken"] is True
    assert _seen(spec) == {"c": ["injected"], SIDECAR: ["injected"]}
