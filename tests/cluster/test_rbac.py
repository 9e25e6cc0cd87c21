"""Least privilege, by the API server's audit log: every call our server makes is allowed, and every right is used."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from patches.policy import RUNTIME_CLASS_ANNOTATION
from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import MODE, NAME, eventually, installed
from tests.cluster.kubectl import Kubectl
from tests.cluster.load import straight
from tests.cluster.telling import LINES
from tests.review.builders import pod, review
from tests.shared_data import ROOT

pytestmark = pytest.mark.cluster

_USER: Final = f"system:serviceaccount:{NAME}:{NAME}"
_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"


class Right(NamedTuple):
    """A verb on a resource; `name` is "" for any object."""

    verb: str
    group: str
    resource: str
    name: str


def _granted(rules: Iterable[Any]) -> set[Right]:
    return {
        Right(verb, group, resource, name)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def _rules(plane: ControlPlane) -> list[Any]:
    """All rules that are bound to our ServiceAccount."""
    rules = []
    for bindings, roles in (
        (f"{_RBAC}/clusterrolebindings", f"{_RBAC}/clusterroles"),
        (f"{_RBAC}/namespaces/{NAME}/rolebindings", f"{_RBAC}/namespaces/{NAME}/roles"),
    ):
        for binding in plane.admin.must("GET", bindings)["items"]:
            subjects = [(row.get("namespace"), row["name"]) for row in binding.get("subjects") or ()]
            if (NAME, NAME) in subjects:
                rules += plane.admin.must("GET", f"{roles}/{binding['roleRef']['name']}")["rules"]
    return rules


def _calls(plane: ControlPlane, earlier: Container[str] = ()) -> list[Any]:
    """What our server asked for."""
    events = (event for event in plane.audit.events() if event["auditID"] not in earlier)
    return [event for event in events if event["user"]["username"] == _USER]


def _used(calls: Iterable[Any], granted: set[Right]) -> set[Right]:
    """The rights that these calls needed: by name where one is granted by name."""
    used = set()
    for event in calls:
        ref = event.get("objectRef")
        if ref is None:
            assert event["requestURI"] == "/version", event["requestURI"]
            continue
        named = Right(event["verb"], ref.get("apiGroup", ""), ref["resource"], ref.get("name", ""))
        used.add(named if named in granted else named._replace(name=""))
    return used


@pytest.mark.parametrize("source", ["base", "validate"])
def test_every_call_is_allowed_and_every_right_used(
    plane: ControlPlane, kubectl: Kubectl, tmp_path: Path, source: str
) -> None:
    """Nobody is told 403, and what is granted is what was used, verb by verb; also with the component `validate`."""
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    components = [] if source == "base" else [str(ROOT / "manifests" / "components" / source)]
    relative = [_relative(overlay, Path(one)) for one in components]
    resources = [_relative(overlay, ROOT / "manifests" / "base")]
    (overlay / "kustomization.yaml").write_text(json.dumps({"resources": resources, "components": relative}))
    earlier = {event["auditID"] for event in _calls(plane)}
    with installed(plane, kubectl, tmp_path / "served", source=overlay) as install:
        plane.namespace(f"rights-{source}", {MODE: "enforce"})
        eventually(lambda: install.is_defaulted(f"rights-{source}"), "the API server asks us")
        granted = _granted(_rules(plane))
        secret = f"/api/v1/namespaces/{NAME}/secrets/{NAME}-tls"
        bundle = plane.admin.must("GET", secret)["data"]["ca.crt"]
        annotations = {RUNTIME_CLASS_ANNOTATION: "absent"}
        bare = {"metadata": {"name": f"bare-{source}", "annotations": annotations}}  # without an account
        plane.admin.must("POST", "/api/v1/namespaces", bare)
        _ask_about_what_is_not_in_the_caches(bundle, f"bare-{source}")
        with suppress(AssertionError):  # the comparison below says which is missing
            eventually(lambda: granted <= _used(_calls(plane, earlier), granted), "every right is used", 20)
        calls = _calls(plane, earlier)
        refused = [event["requestURI"] for event in calls if event["responseStatus"]["code"] in (401, 403)]
        assert refused == []
        assert _used(calls, granted) == granted
        LINES.append(f"RBAC of {source}: {len(granted)} rights, each used in {len(calls)} calls, none refused")


def _ask_about_what_is_not_in_the_caches(bundle: str, namespace: str) -> None:
    """A namespace, an account and (by the namespace's annotation) a RuntimeClass that do not exist."""
    authority = base64.b64decode(bundle).decode()
    document = pod(metadata={"namespace": namespace}, serviceAccountName="default")
    for where in (namespace, "no-such-namespace"):
        ask = straight(review(document, namespace=where), lambda: authority, f"{NAME}.{NAME}.svc")
        ask.once()


def _relative(directory: Path, target: Path) -> str:
    """The way from one directory to another: kustomize takes no absolute one."""
    return os.path.relpath(target, directory.resolve())
