"""Facts 12 to 21 of docs/facts.md, what admission does around us: each first without us, then with us.

Fact 17, what a manifest means, concerns kubectl and not admission: test_yaml.py shows it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

import pytest

from patches.arrival import arrive
from patches.model.pod import Origin, locate
from patches.policy.limits import NO_LIMITS
from tests.cluster.control_plane import ControlPlane
from tests.cluster.injector import SIDECAR, TOKEN_MOUNT, add_sidecar, injector
from tests.cluster.scene import Scene, container, pod, scene

pytestmark = pytest.mark.cluster

_NAME: Final = "facts-flow"
_ASK: Final = "test/ask"
_SAYS: Final[dict[str, Any]] = {
    "impossible": {"patch": [{"op": "add", "path": "/spec/absent/here", "value": 1}]},
    "twice": {"warnings": ["the same", "the same", "in two\nlines"]},
    "long": {"warnings": ["x" * 3000, "y" * 3000]},
}


def _change(value: Any) -> dict[str, Any]:
    """What a pod asks of the other webhook, by an annotation."""
    asked = (value["metadata"].get("annotations") or {}).get(_ASK, "")
    return add_sidecar(value) if asked == "sidecar" else _SAYS.get(asked, {})


Received = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def both(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Received]]:
    """The one registration of this module, and after it another webhook whose failures are ignored."""
    with (
        scene(plane, tmp_path_factory.mktemp(_NAME) / "served", _NAME) as one,
        injector(plane, _NAME, _change, failurePolicy="Ignore") as received,
    ):
        yield one, received


@pytest.fixture
def facts(both: tuple[Scene, Received]) -> Scene:
    """The namespaces, and both ways into them."""
    return both[0]


def _asking(what: str) -> Any:
    return {"annotations": {_ASK: what}}


def test_fact_12_what_arrives(facts: Scene) -> None:
    """Empty maps arrive, nulls are sent; an operation that does not apply fails a request that ignores failures."""
    spec: Any = {"securityContext": None, "volumes": [], "containers": [container(resources=None, volumeMounts=None)]}
    found = facts.without(spec).body["spec"]
    assert (found["securityContext"], found["containers"][0]["resources"]) == ({}, {})
    assert facts.without({}, **_asking("impossible")).status == 500
    metadata: Any = {"annotations": None, "labels": None}
    assert facts.accepted(spec, **metadata)["securityContext"]["runAsNonRoot"] is True


def test_fact_13_reinvocation(facts: Scene) -> None:
    """A change by anyone reruns the in-tree mutators, and us; our own output is left as it is."""
    sidecar = facts.without({}, **_asking("sidecar")).body["spec"]["containers"][1]
    assert [row["mountPath"] for row in sidecar["volumeMounts"]] == [TOKEN_MOUNT]
    answer = facts.patched({}, **_asking("sidecar"))
    hardened = answer.body["spec"]["containers"][1]
    assert hardened["name"] == SIDECAR
    assert hardened["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    annotations = answer.body["metadata"]["annotations"]
    again = facts.patched(answer.body["spec"], annotations=annotations)
    assert (again.body["spec"], again.body["metadata"]["annotations"]) == (answer.body["spec"], annotations)
    assert facts.applied(again) == ""


def test_fact_14_templates(facts: Scene) -> None:
    """The template of a Deployment stays as it was written, and its author is told what the pods will get."""
    path = f"/apis/apps/v1/namespaces/{_NAME}-restricted/deployments"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container()]}}
    value = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    without = facts.plane.bypassing.create(path, value, dry_run=True)
    patched = facts.plane.admin.create(path, value, dry_run=True)
    assert [text.startswith('would violate PodSecurity "restricted:latest"') for text in without.warnings] == [True]
    assert patched.body["spec"] == without.body["spec"]
    assert set(without.warnings) <= set(patched.warnings)
    assert any(text.startswith("pod-security-defaulter will add to the pods ") for text in patched.warnings)


def test_fact_15_warnings(facts: Scene) -> None:
    """Shown once, lost with a newline, cut past 4,096 characters; ours reach the author of a refused pod too."""
    assert facts.without({}, **_asking("twice")).warnings == ("the same",)
    assert {len(text) for text in facts.without({}, **_asking("long")).warnings} == {256}
    spec = {"hostPID": True}
    assert (facts.without(spec, "-restricted").status, facts.without(spec, "-restricted").warnings) == (403, ())
    refused = facts.patched(spec, "-restricted")
    text = 'PodSecurity "restricted:latest": host namespaces (hostPID=true)'
    assert (refused.status, refused.message.partition("violates ")[2]) == (403, text)
    assert refused.warnings[0] == f"would violate {text}"
    assert all(text.isprintable() and len(text) <= 256 for text in refused.warnings)


def test_fact_16_the_request(both: tuple[Scene, Received]) -> None:
    """The caller's patience in whole seconds, no name under generateName, the namespace; a dry run is the same."""
    facts, received = both
    received.clear()
    value = pod({})
    assert facts.plane.bypassing.request("POST", facts.pods(), value, dryRun="All", timeout="2500ms").ok
    path, request = received[0]
    assert path.partition("?")[2] == "timeout=3s"
    assert request.get("name", "") == ""
    assert (request["namespace"], request["dryRun"]) == (_NAME, True)
    dry = facts.plane.admin.request("POST", facts.pods(), value, dryRun="All", timeout="2500ms")
    real = facts.plane.admin.request("POST", facts.pods(), value, timeout="2500ms")
    assert dry.body["spec"] == real.body["spec"]
    assert facts.applied(dry) == facts.applied(real) != ""


def test_fact_18_seccomp_annotations_of_old(facts: Scene) -> None:
    """Accepted alone, refused beside a field that says otherwise: the field is not added."""
    unconfined: Any = {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}}
    field = {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}
    assert facts.without({}, **unconfined).ok
    assert "must match" in facts.without(field, **unconfined).message
    assert "seccompProfile" not in facts.accepted({}, **unconfined)["securityContext"]
    assert "seccompProfile:seccomp-annotation" in facts.skips({}, **unconfined)


def test_fact_19_quota_scopes(facts: Scene) -> None:
    """With requests the pod would count for a quota that has no room for it: they are not added."""
    naive = {"containers": [container(resources={"requests": {"cpu": "100m"}})]}
    assert facts.without({}, "-quota").ok
    assert "exceeded quota" in facts.without(naive, "-quota").message
    assert facts.accepted({}, "-quota")["containers"][0]["resources"] == {}
    assert "resources:quota-scope" in facts.skips({}, "-quota")


def test_fact_20_tmp(facts: Scene) -> None:
    """`/tmp` and `/tmp/` both may be mounted; a device there excludes a mount: an emptyDir goes where neither is."""
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}]
    mounts = [{"name": "tmp", "mountPath": path} for path in ("/tmp", "/tmp/")]  # noqa: S108 (of a container)
    device: Any = {"volumeDevices": [{"name": "disk", "devicePath": "/tmp"}]}  # noqa: S108
    assert facts.without({"volumes": volumes, "containers": [container(volumeMounts=mounts)]}).ok
    naive = facts.without({"volumes": volumes, "containers": [container(volumeMounts=mounts[:1], **device)]})
    assert "must not already exist" in naive.message
    rows = [container("bare"), container("slash", volumeMounts=mounts[1:]), container("device", **device)]
    found = facts.accepted({"volumes": volumes, "containers": rows})
    assert [len(row.get("volumeMounts") or ()) for row in found["containers"]] == [1, 1, 0]
    (added,) = (row for row in found["volumes"] if row["name"] not in ("tmp", "disk"))
    assert added["emptyDir"] == {}


def test_fact_21_what_admission_does_before_us(facts: Scene) -> None:
    """Request = limit, an account's old name, host ports, volumes without a source: offline we do the same."""
    resources = {"limits": {"cpu": "2"}}
    spec = {
        "serviceAccount": "default",
        "hostNetwork": True,
        "volumes": [{"name": "v"}],
        "containers": [container(resources=resources, ports=[{"containerPort": 80}])],
    }
    found = facts.without(spec).body["spec"]
    manifest = locate({"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(pod(spec))}, Origin.MANIFEST)
    assert manifest is not None
    offline = arrive(manifest, NO_LIMITS).document["spec"]
    for one in (found, offline):
        assert one["serviceAccountName"] == "default"
        assert one["volumes"][0] == {"name": "v", "emptyDir": {}}
        assert one["containers"][0]["ports"][0]["hostPort"] == 80
        assert one["containers"][0]["resources"]["requests"] == {"cpu": "2"}
    (patched,) = facts.accepted(spec)["containers"]
    assert patched["resources"]["requests"] == {"cpu": "2", "memory": "128Mi"}
