"""An install with a prefix and a suffix at work, base and each component: every name that is looked for is found.

The API server calls the Service by its new name and verifies the certificate for it, which is what shows that the
certificate has it; the audit log shows that the renamed roles allow what the server does.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.cluster.client import JSON_PATCH, Answer
from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import (
    APPLIED,
    MODE,
    NAME,
    Install,
    account_kubeconfig,
    applied,
    apply_definitions,
    eventually,
    installed,
    running_replica,
)
from tests.cluster.kubectl import Kubectl
from tests.cluster.previewing import Previews, may_create_pods, new_token
from tests.cluster.processes import free_ports
from tests.cluster.rights import calls_of, granted_to, used_by
from tests.manifests.building import COMPONENTS, write_overlay
from tests.review.builders import pod
from webhook.certificates.self_signed import CertificateFiles, ensure_certificate
from webhook.cli import main

pytestmark = pytest.mark.cluster

_BOTH: Final = "a-{}-z"
_FIELDS: Final[dict[str, dict[str, Any]]] = {
    "a-{}": {"namePrefix": "a-"},
    "{}-z": {"nameSuffix": "-z"},
    _BOTH: {"namePrefix": "a-", "nameSuffix": "-z"},
}
_OWN: Final = ("cert-manager", "preview")
"""Those with a certificate, or a server, of their own have a test of their own."""
_REGISTRATION: Final = "/apis/admissionregistration.k8s.io/v1"
_CERTIFICATES: Final = "/apis/cert-manager.io/v1/namespaces/{}/certificates/{}"


class Variant(NamedTuple):
    """What an overlay makes of our names, and its components."""

    naming: str
    components: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join((self.naming, *self.components))


_VARIANTS: Final = [
    *(Variant(naming) for naming in _FIELDS),
    *(Variant(_BOTH, (name,)) for name in COMPONENTS if name not in _OWN),
]


def _overlay(directory: Path, naming: str, components: Sequence[str]) -> Path:
    return write_overlay(directory / "overlay", *components, **_FIELDS[naming])


def _create(install: Install, space: str, **fields: Any) -> Answer:
    """Create a pod that none of our policies refuses, but for `fields`."""
    container = {"name": "c", "image": "i:1", "imagePullPolicy": "Always", **fields}
    return install.create(space, containers=[container])


def _check_at_work(plane: ControlPlane, install: Install, naming: str, earlier: set[str]) -> None:
    """A pod is defaulted, and the server was refused nothing; policies are in force."""
    space = plane.namespace(f"named-{len(earlier)}", {MODE: "enforce"})

    def is_defaulted() -> bool:
        answer = _create(install, space)
        return answer.ok and APPLIED in (answer.body["metadata"].get("annotations") or {})

    eventually(is_defaulted, "the API server asks us")
    user = f"system:serviceaccount:{NAME}:{naming.format(NAME)}"
    calls = calls_of(plane, user, earlier)
    assert [event["requestURI"] for event in calls if event["responseStatus"]["code"] in (401, 403)] == []
    named = {right for right in granted_to(plane, NAME, naming.format(NAME)) if right.name}
    eventually(lambda: named <= used_by(calls_of(plane, user, earlier), named), "each right to a name of ours is used")
    for binding in plane.admin.must("GET", f"{_REGISTRATION}/validatingadmissionpolicybindings")["items"]:
        plane.admin.must("GET", f"{_REGISTRATION}/validatingadmissionpolicies/{binding['spec']['policyName']}")


@pytest.mark.parametrize("variant", _VARIANTS, ids=str)
def test_it_works_under_another_name(plane: ControlPlane, kubectl: Kubectl, tmp_path: Path, variant: Variant) -> None:
    """From apply to a pod that has its defaults; `certs` finds the certificate by the names that docs tell it."""
    naming, components = variant
    if "monitoring" in components:
        apply_definitions(plane, kubectl)
    earlier = {event["auditID"] for event in plane.audit.events()}
    source = _overlay(tmp_path, naming, components)
    with installed(plane, kubectl, tmp_path / "served", source=source, naming=naming) as install:
        _check_at_work(plane, install, naming, earlier)
        names = ["--own-name", naming.format(NAME), "--own-secret", naming.format(f"{NAME}-tls")]
        file = str(plane.kubeconfig("admin"))
        assert main(["certs", "--kubeconfig", file, "--own-namespace", NAME, *names]) == 0
        if components == ("validate",):
            _check_refusal(plane, install)
        if components == ("always-pull-images",):
            policy = f"'{naming.format(NAME + '-always-pull-images')}'"

            def is_refused() -> bool:
                return policy in _create(install, f"named-{len(earlier)}", imagePullPolicy="Never").message

            eventually(is_refused, "the API server enforces the policy")  # it learns of one some time after the write


def _check_refusal(plane: ControlPlane, install: Install) -> None:
    """Have /validate refuse a pod: by a level that only our configuration knows."""
    install.configure("defaults: {enforce: restricted}\n")
    plane.namespace("named-strict", {MODE: "enforce"})
    said = f'admission webhook "validate.{NAME}.io" denied the request: violates PodSecurity "restricted:latest": '
    privileged = {"securityContext": {"privileged": True}}
    eventually(lambda: said in _create(install, "named-strict", **privileged).message, "/validate refuses")


def test_cert_manager_under_another_name(plane: ControlPlane, kubectl: Kubectl, tmp_path: Path) -> None:
    """The test plays cert-manager: issues what the Certificate asks for, and injects where the annotation says so."""
    apply_definitions(plane, kubectl)
    earlier = {event["auditID"] for event in plane.audit.events()}
    source = _overlay(tmp_path, _BOTH, ("validate", "cert-manager"))
    certs = tmp_path / "certs"
    files = [f"--tls-cert={certs / 'tls.crt'}", f"--tls-key={certs / 'tls.key'}"]
    with applied(plane, kubectl, source):
        spec = plane.admin.must("GET", _CERTIFICATES.format(NAME, _BOTH.format(NAME)))["spec"]
    made = ensure_certificate(certs, now=datetime.now(UTC), names=spec["dnsNames"])
    with installed(plane, kubectl, tmp_path / "served", source=source, naming=_BOTH, extra=files) as install:
        _inject(plane, made)
        _check_at_work(plane, install, _BOTH, earlier)
        _check_mounted(plane, spec)


def _inject(plane: ControlPlane, made: CertificateFiles) -> None:
    """As cert-manager does: into every configuration whose annotation names a Certificate that exists."""
    bundle = base64.b64encode(made.ca.read_bytes()).decode()
    for kind in ("mutating", "validating"):
        path = f"{_REGISTRATION}/{kind}webhookconfigurations/{_BOTH.format(NAME)}"
        value = plane.admin.must("GET", path)
        namespace, name = value["metadata"]["annotations"]["cert-manager.io/inject-ca-from"].split("/")
        plane.admin.must("GET", _CERTIFICATES.format(namespace, name))
        operations = [
            {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": bundle}
            for index in range(len(value["webhooks"]))
        ]
        plane.admin.must("PATCH", path, operations, JSON_PATCH)


def _check_mounted(plane: ControlPlane, spec: dict[str, Any]) -> None:
    """The Deployment mounts the Secret that this Certificate is written to."""
    path = f"/apis/apps/v1/namespaces/{NAME}/deployments/{_BOTH.format(NAME)}"
    volumes = plane.admin.must("GET", path)["spec"]["template"]["spec"]["volumes"]
    assert spec["secretName"] in [volume["secret"]["secretName"] for volume in volumes if "secret" in volume]


def test_preview_under_another_name(plane: ControlPlane, kubectl: Kubectl, tmp_path: Path) -> None:
    """Its own account has its rights, and a caller with a token gets a preview."""
    own = _BOTH.format(f"{NAME}-preview")
    source = _overlay(tmp_path, _BOTH, ("preview",))
    (port,) = free_ports(1)
    certs = tmp_path / "certs"
    with applied(plane, kubectl, source):
        kubeconfig = account_kubeconfig(plane, NAME, own, tmp_path / "kubeconfig")
        extra = [f"--kubeconfig={kubeconfig}", f"--preview-port={port}", f"--self-signed={certs}"]
        with running_replica(plane, tmp_path / "served", NAME, extra, deployment=own):
            space = plane.namespace("named-preview")
            may_create_pods(plane, space, "default", space)
            token = new_token(plane, space, "default")
            previews = Previews(port, certs / "ca.crt")
            body = pod(metadata={"namespace": space})
            eventually(lambda: previews.ask(body, token).status == 200, "the preview answers")
            assert previews.ask(body, token).report["summary"]["compliant_after"] == 1
