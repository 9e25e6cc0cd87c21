"""The install as the API server takes it: applied, applied again by others, and taken away without a trace.

Nothing of ours runs here: what the server would write is written by the test, as the server's own field manager.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.cluster import binaries
from tests.cluster.client import JSON_PATCH, MERGE_PATCH, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import apply_definitions
from tests.cluster.kubectl import Kubectl
from tests.cluster.programs import control_plane, controller_manager
from tests.manifests.building import BASE, COMPONENTS, MANIFESTS, NAME, OVERLAYS, TOGETHER, build, pod_of, write_overlay

pytestmark = pytest.mark.cluster

_LABEL: Final = f"app.kubernetes.io/name={NAME}"
_SECONDS: Final = 60
_BUNDLE: Final = base64.b64encode(b"a bundle of CAs").decode()
_DATA: Final = {key: base64.b64encode(key.encode()).decode() for key in ("ca.crt", "ca.key", "tls.crt", "tls.key")}
_SPEC: Final = {"holderIdentity": "a-replica", "leaseDurationSeconds": 15}
_CONFIGURATIONS: Final = "/apis/admissionregistration.k8s.io/v1/{}webhookconfigurations/" + NAME
_ENFORCED: Final = [
    {"key": "control-plane", "operator": "NotIn", "values": ["true"]},
    {"key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"]},
]
_ALL: Final = tuple(name for name in TOGETHER if name != "cert-manager")


class Install(NamedTuple):
    """An install that has been applied from `source`, which is base or has the component `validate` too."""

    plane: ControlPlane
    kubectl: Kubectl
    source: Path
    namespace: str
    before: frozenset[str]
    said: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of our webhook configurations."""
        return ("mutating",) if self.source == BASE else ("mutating", "validating")

    def path(self, collection: str) -> str:
        """The path of a collection in our namespace."""
        group, _, plural = collection.rpartition("/")
        return f"/{group or 'api/v1'}/namespaces/{self.namespace}/{plural}"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own, with controllers: nobody else creates or deletes what this module counts."""
    found = binaries.find("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
    with control_plane(tmp_path_factory.mktemp("install"), found) as plane, controller_manager(plane):
        yield plane


@pytest.fixture(scope="module")
def command(own: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The command kubectl; the definitions that cert-manager's and Prometheus' objects need are there."""
    kubectl = Kubectl(own, tmp_path_factory.mktemp("kubectl"))
    apply_definitions(own, kubectl)
    return kubectl


@pytest.fixture(scope="module", params=["base", "renamed"])
def install(
    own: ControlPlane, command: Kubectl, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Install]:
    """Base; and everything at once, in a namespace of another name."""
    source, namespace = BASE, NAME
    if request.param == "renamed":
        namespace = "renamed"
        source = write_overlay(tmp_path_factory.mktemp("renamed"), *_ALL, namespace=namespace)
    before = _everything(command)
    said = command.run("apply", "-k", str(source)).stderr
    yield Install(own, command, source, namespace, before, said)
    command.run("delete", "-k", str(source), "--ignore-not-found")
    _until(lambda: _everything(command) <= before, "what was installed is gone")


def _everything(kubectl: Kubectl) -> frozenset[str]:
    """Every object of the cluster but what comes and goes by itself."""
    kinds = kubectl.run("api-resources", "--verbs=list,delete", "--output=name").stdout.split()
    kept = [kind for kind in kinds if not kind.startswith(("events", "leases."))]
    fields = "{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{'\\n'}{end}".replace("'", '"')
    return frozenset(kubectl.run("get", ",".join(kept), "-A", f"--output=jsonpath={fields}").stdout.splitlines())


def _until(holds: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < end, f"not within {_SECONDS} s: {what}"
        time.sleep(0.2)


def _write_as_the_server(install: Install) -> None:
    """Fill the Secret, the Lease and the caBundle as our field manager, with the server's own verbs."""
    admin = install.plane.admin
    path = f"{install.path('secrets')}/{NAME}-tls"
    secret = admin.must("GET", path)
    answers = [admin.request("PUT", path, {**secret, "data": _DATA}, fieldManager=NAME)]
    path = install.path("apis/coordination.k8s.io/v1/leases")
    answers.append(admin.request("POST", path, {"metadata": {"name": NAME}, "spec": _SPEC}, fieldManager=NAME))
    assert answers[-1].ok or answers[-1].status == 409, answers.pop().message
    if answers[-1].status == 409:  # it is there from an earlier test
        answers.pop()
    for kind in install.kinds:
        path = _CONFIGURATIONS.format(kind)
        webhooks = admin.must("GET", path)["webhooks"]
        operations = [
            {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": _BUNDLE}
            for index in range(len(webhooks))
        ]
        answers.append(admin.request("PATCH", path, operations, JSON_PATCH, fieldManager=NAME))
    assert all(answer.ok for answer in answers), [answer.message for answer in answers]


def _what_the_server_wrote_is_there(install: Install) -> None:
    admin = install.plane.admin
    assert admin.must("GET", f"{install.path('secrets')}/{NAME}-tls")["data"] == _DATA
    assert admin.must("GET", f"{install.path('apis/coordination.k8s.io/v1/leases')}/{NAME}")["spec"] == _SPEC
    for kind in install.kinds:
        for webhook in admin.must("GET", _CONFIGURATIONS.format(kind))["webhooks"]:
            assert webhook["clientConfig"]["caBundle"] == _BUNDLE


def test_it_is_accepted_without_a_warning(install: Install) -> None:
    """And what the API server has is all that was built."""
    lines = [line for line in install.said.splitlines() if "'vars' is deprecated" not in line]
    assert lines == []
    found = install.kubectl.run("get", "all,secret,cm,netpol,pdb,quota,role,rolebinding", "-n", install.namespace)
    assert NAME in found.stdout
    assert install.kubectl.run("diff", "-k", str(install.source), check=False).returncode == 0


def test_our_own_pods_are_admitted(install: Install) -> None:
    """In a namespace that enforces restricted, under our own quota, and with every policy of ours."""
    labels = install.plane.admin.must("GET", f"/api/v1/namespaces/{install.namespace}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    deployments = [value for value in build(install.source) if value["kind"] == "Deployment"]
    wanted = sum(value["spec"]["replicas"] for value in deployments)
    path = pods(install.namespace)
    _until(lambda: len(install.plane.admin.must("GET", path)["items"]) == wanted, "the replicas have been created")
    value = pod_of(build(install.source))
    value["metadata"]["name"] = "one-more"
    answer = install.plane.admin.create(path, value, dry_run=True)
    assert answer.ok, answer.message
    assert answer.warnings == ()


def test_a_pod_that_is_not_restricted_is_refused_there(install: Install) -> None:
    """So that the test before says something."""
    value = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    answer = install.plane.admin.create(pods(install.namespace), value, dry_run=True)
    assert answer.status == 403
    assert 'violates PodSecurity "restricted:latest"' in answer.message


def test_a_namespace_opts_in(install: Install) -> None:
    """Nobody answers here: in a namespace that is concerned no pod is admitted, ours and kube-system are not concerned.

    This is what failurePolicy Fail means, and shows whom the configuration selects.
    """
    admin = install.plane.admin
    value = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    modes = {"opted-in": "enforce", "warned": "warn", "switched-off": "off", "unlabelled": None}
    for name, mode in modes.items():
        install.plane.namespace(f"{name}-{install.namespace}", {} if mode is None else {f"{NAME}.io/mode": mode})
    patch = {"metadata": {"labels": {f"{NAME}.io/mode": "warn"}}}
    for name in ("kube-system", install.namespace):
        admin.must("PATCH", f"/api/v1/namespaces/{name}", patch, MERGE_PATCH)
    install.plane.account("kube-system", "default")
    concerned = {"opted-in", "warned"} | ({"unlabelled"} if install.source != BASE else set())

    def refused() -> set[str]:
        found = set()
        for name in modes:
            answer = admin.create(pods(f"{name}-{install.namespace}"), value, dry_run=True)
            if not answer.ok and f'failed calling webhook "pods.{NAME}.io"' in answer.message:
                found.add(name)
        return found

    try:
        _until(lambda: refused() == concerned, f"exactly {concerned} are concerned")
        assert admin.create(pods("kube-system"), value, dry_run=True).ok
        own = {**pod_of(build(install.source)), "metadata": {"name": "p"}}
        answer = admin.create(pods(install.namespace), own, dry_run=True)
        assert answer.ok, answer.message
    finally:
        for name in modes:
            admin.must("DELETE", f"/api/v1/namespaces/{name}-{install.namespace}")
        removal = {"metadata": {"labels": {f"{NAME}.io/mode": None}}}
        for name in ("kube-system", install.namespace):
            admin.must("PATCH", f"/api/v1/namespaces/{name}", removal, MERGE_PATCH)


def test_applying_again_takes_nothing_away(install: Install) -> None:
    """Client-side, and server-side by others, which is not even a conflict."""
    _write_as_the_server(install)
    source = str(install.source)
    install.kubectl.run("apply", "-k", source)
    _what_the_server_wrote_is_there(install)
    for manager in ("argocd-controller", "kustomize-controller"):
        install.kubectl.run("apply", "--server-side", f"--field-manager={manager}", "-k", source)
        _what_the_server_wrote_is_there(install)
    assert install.kubectl.run("diff", "-k", source, check=False).returncode == 0


def test_what_the_server_writes_is_its_own(install: Install) -> None:
    """No applier owns the caBundle or the Secret's data, by which it would take them away or report a difference."""
    admin = install.plane.admin
    rows = {f"{install.path('secrets')}/{NAME}-tls": "f:data"}
    rows |= {_CONFIGURATIONS.format(kind): "f:caBundle" for kind in install.kinds}
    _write_as_the_server(install)
    for path, field in rows.items():
        managers = admin.must("GET", path)["metadata"]["managedFields"]
        assert {row["manager"] for row in managers if field in json.dumps(row["fieldsV1"])} == {NAME}


def _enforce(install: Install) -> int:
    """Do as the admissions enforcer of AKS, whatever an annotation says; how many terms it had to add."""
    count = 0
    for kind in install.kinds:
        path = _CONFIGURATIONS.format(kind)
        operations = [
            {"op": "add", "path": f"/webhooks/{index}/namespaceSelector/matchExpressions/-", "value": term}
            for index, webhook in enumerate(install.plane.admin.must("GET", path)["webhooks"])
            for term in _ENFORCED
            if term not in webhook["namespaceSelector"]["matchExpressions"]
        ]
        answer = install.plane.admin.request("PATCH", path, operations, JSON_PATCH, fieldManager="admissionsenforcer")
        assert answer.ok, answer.message
        count += len(operations)
    return count


def test_managed_control_planes_make_no_difference(install: Install) -> None:
    """With the component, which one of the two installs has, nothing is added, so that no tool finds a difference.

    Without it, there is one, and a server-side apply is a conflict.
    """
    source = str(install.source)
    server_side = ("apply", "--server-side", "--field-manager=gitops", "-k", source)
    install.kubectl.run(*server_side)
    try:
        added = _enforce(install)
        diff = install.kubectl.run("diff", "-k", source, check=False)
        again = install.kubectl.run(*server_side, check=False)
        if install.source == BASE:
            assert (added, diff.returncode) == (4, 1)
            assert 'conflicts with "admissionsenforcer"' in again.stderr
        else:
            assert (added, diff.returncode, again.returncode) == (0, 0, 0), diff.stdout + again.stderr
    finally:
        install.kubectl.run(*server_side, "--force-conflicts")


@pytest.mark.parametrize("name", [*COMPONENTS, *(f"overlays/{name}" for name in OVERLAYS)])
def test_components_and_overlays_are_accepted(install: Install, tmp_path: Path, name: str) -> None:
    """Each component on base, and each overlay, over what is there: by schemas and policies of a real API server."""
    if name in COMPONENTS:
        source = write_overlay(tmp_path, name, namespace=install.namespace)
    else:
        source = write_overlay(tmp_path, on=MANIFESTS / name, namespace=install.namespace)
    install.kubectl.run("apply", "-k", str(source), "--dry-run=server")
    install.kubectl.run("apply", "-k", str(source), "--dry-run=server", "--server-side", "--force-conflicts")


def test_uninstall_leaves_nothing_behind(install: Install) -> None:
    """As docs/upgrade.md says: the webhook configurations first, then the rest."""
    kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
    install.kubectl.run("delete", kinds, "-l", _LABEL)
    for kind in install.kinds:
        assert install.plane.admin.request("GET", _CONFIGURATIONS.format(kind)).status == 404
    install.kubectl.run("delete", "-k", str(install.source), "--ignore-not-found")
    _until(lambda: _everything(install.kubectl) <= install.before, "what was installed is gone")
    install.kubectl.run("apply", "-k", str(install.source))  # for the other tests, in whichever order
