"""Least privilege, by the API server's audit log: every call our server makes is allowed, and every right is used."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from patches.policy.policy import RUNTIME_CLASS_ANNOTATION
from tests.cluster.client import JSON_PATCH
from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import MODE, NAME, Install, apply_definitions, eventually, installed
from tests.cluster.kubectl import Kubectl
from tests.cluster.load import straight
from tests.cluster.rights import calls_of, granted_to, used_by
from tests.cluster.telling import LINES
from tests.manifests.building import write_overlay
from tests.review.builders import pod, review
from webhook.certificates.objects import OwnObjects
from webhook.certificates.self_signed import ensure_certificate

pytestmark = pytest.mark.cluster

_USER: Final = f"system:serviceaccount:{NAME}:{NAME}"
_CONFIGURATIONS: Final = "/apis/admissionregistration.k8s.io/v1/{}webhookconfigurations/" + NAME
_WRITING: Final = {"create", "update", "patch", "delete", "deletecollection"}


def _use_every_right(install: Install, trust: str, space: str) -> set[str]:
    """Have the caches miss a namespace, an account and a RuntimeClass; wait for all rights; the verbs of them."""
    plane = install.plane
    plane.namespace(space, {MODE: "enforce"})
    eventually(lambda: install.is_defaulted(space), "the API server asks us")
    bare = {"metadata": {"name": f"{space}-bare", "annotations": {RUNTIME_CLASS_ANNOTATION: "absent"}}}
    plane.admin.must("POST", "/api/v1/namespaces", bare)  # without an account
    for where in (f"{space}-bare", f"{space}-absent"):
        document = pod(metadata={"namespace": where}, serviceAccountName="default")
        straight(review(document, namespace=where), lambda: trust, OwnObjects(NAME).served_names[0]).once()
    granted = granted_to(plane, NAME, NAME)
    with suppress(AssertionError):  # the comparison that follows says which is missing
        eventually(lambda: granted <= used_by(calls_of(plane, _USER), granted), "every right is used", 20)
    return {right.verb for right in granted}


def _check(plane: ControlPlane, earlier: set[str], what: str) -> None:
    granted, calls = granted_to(plane, NAME, NAME), calls_of(plane, _USER, earlier)
    refused = [event["requestURI"] for event in calls if event["responseStatus"]["code"] in (401, 403)]
    assert refused == []
    assert used_by(calls, granted) == granted
    LINES.append(f"RBAC of {what}: {len(granted)} rights, each used, in {len(calls)} calls, none refused")


@pytest.mark.parametrize(
    "components",
    [(), ("validate",), ("user-namespaces",), ("fortress",), ("token-need",)],
    ids=["base", "validate", "user-namespaces", "fortress", "token-need"],
)
def test_every_call_is_allowed_and_every_right_used(
    plane: ControlPlane, kubectl: Kubectl, tmp_path: Path, components: tuple[str, ...]
) -> None:
    """Nobody is told 403, and what is granted was used, verb by verb; with `validate` a violation is refused."""
    earlier = {event["auditID"] for event in calls_of(plane, _USER)}
    source = write_overlay(tmp_path / "overlay", *components)
    space = "-".join(("rights", *components))
    with installed(plane, kubectl, tmp_path / "served", source=source) as install:
        bundle = plane.admin.must("GET", f"/api/v1/namespaces/{NAME}/secrets/{NAME}-tls")["data"]["ca.crt"]
        _use_every_right(install, base64.b64decode(bundle).decode(), space)
        _check(plane, earlier, " with ".join(("base", *components)))
        if "validate" in components:  # a level that only our configuration knows: else the plugin refuses first
            install.configure("defaults: {enforce: restricted}\n")
            plane.namespace(f"{space}-strict", {MODE: "enforce"})
            eventually(lambda: _is_refused_by_us(install, f"{space}-strict"), "/validate is asked")


def _is_refused_by_us(install: Install, space: str) -> bool:
    """Whether a privileged pod is refused by our webhook, in its words."""
    container = {"name": "c", "image": "i", "securityContext": {"privileged": True}}
    answer = install.create(space, containers=[container])
    said = f'admission webhook "validate.{NAME}.io" denied the request: violates PodSecurity "restricted:latest": '
    return answer.status == 403 and said in answer.message


def test_with_cert_manager_nothing_is_written(plane: ControlPlane, kubectl: Kubectl, tmp_path: Path) -> None:
    """The server runs by that component's own arguments, with a certificate and a caBundle that others made."""
    apply_definitions(plane, kubectl)
    earlier = {event["auditID"] for event in calls_of(plane, _USER)}
    made = ensure_certificate(tmp_path / "certs", now=datetime.now(UTC), names=OwnObjects(NAME).served_names)
    files = [f"--tls-cert={made.cert}", f"--tls-key={made.key}"]
    source = write_overlay(tmp_path / "overlay", "validate", "cert-manager")
    with installed(plane, kubectl, tmp_path / "served", source=source, extra=files) as install:
        bundle = base64.b64encode(made.ca.read_bytes()).decode()
        for kind in ("mutating", "validating"):
            path = _CONFIGURATIONS.format(kind)
            patch = [
                {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": bundle}
                for index in range(len(plane.admin.must("GET", path)["webhooks"]))
            ]
            plane.admin.must("PATCH", path, patch, JSON_PATCH)
        verbs = _use_every_right(install, made.ca.read_text(), "rights-cert-manager")
        assert not verbs & _WRITING
        _check(plane, earlier, "base with validate and cert-manager")
