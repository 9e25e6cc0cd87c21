"""The pod inside a document: where each kind keeps it, and the visitor of its containers."""

from __future__ import annotations

from typing import Any

import pytest

from patches.model.pod import Origin, field_path, locate
from tests.patches.build import document, template
from tests.pods import view
from webhook.errors import InvalidObject

SPEC = {"containers": [{"name": "c0"}]}


@pytest.mark.parametrize(
    ("api_version", "kind", "prefix"),
    [
        ("v1", "Pod", ""),
        ("v1", "PodTemplate", "/template"),
        ("v1", "ReplicationController", "/spec/template"),
        ("apps/v1", "DaemonSet", "/spec/template"),
        ("apps/v1", "Deployment", "/spec/template"),
        ("apps/v1", "ReplicaSet", "/spec/template"),
        ("apps/v1", "StatefulSet", "/spec/template"),
        ("batch/v1", "Job", "/spec/template"),
        ("batch/v1", "CronJob", "/spec/jobTemplate/spec/template"),
        ("apps/v1beta1", "Deployment", "/spec/template"),
    ],
)
def test_each_kind_has_its_place(api_version: str, kind: str, prefix: str) -> None:
    """The kinds of `core`, `apps` and `batch` that hold a pod; their version does not matter."""
    value: Any = {"spec": SPEC}
    for token in reversed(prefix.split("/")[1:]):
        value = {token: value}
    value = {"apiVersion": api_version, "kind": kind, **value}
    pod = view(value)
    assert (pod.prefix, pod.kind, pod.is_template) == (prefix, kind, prefix != "")
    assert pod.spec is not None
    assert pod.spec == SPEC
    assert pod.spec_path == f"{prefix}/spec"
    assert [container.path for container in pod.containers] == [f"{prefix}/spec/containers/0"]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"kind": "Pod", "spec": SPEC},
        {"apiVersion": "v1", "spec": SPEC},
        {"apiVersion": "v1", "kind": 1},
        {"apiVersion": 1, "kind": "Pod"},
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "apps/v1", "kind": "Pod", "spec": SPEC},
        {"apiVersion": "example.com/apps/v1", "kind": "Deployment", "spec": {"template": {"spec": SPEC}}},
        {"apiVersion": "v1", "kind": "PodTemplate"},
        {"apiVersion": "v1", "kind": "ReplicationController", "spec": {"template": None}},
        {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": None}}},
    ],
)
def test_documents_without_a_pod(value: Any) -> None:
    """Other kinds, a kind of another group, and a template that is unset."""
    assert locate(value, Origin.MANIFEST) is None


@pytest.mark.parametrize(
    ("value", "field", "problem"),
    [
        ([], "", "Expected `object`, got `array`"),
        (None, "", "Expected `object`, got `null`"),
        ("pod", "", "Expected `object`, got `str`"),
        (1, "", "Expected `object`, got `int`"),
        (1.5, "", "Expected `object`, got `float`"),
        (True, "", "Expected `object`, got `bool`"),
        ((), "", "Expected `object`, got `unknown`"),
        ({"apiVersion": "apps/v1", "kind": "Deployment", "spec": []}, "spec", "Expected `object`, got `array`"),
        (
            {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": "x"}},
            "spec.jobTemplate",
            "Expected `object`, got `str`",
        ),
        (document({"name": 1}), "spec.containers[0].name", "Expected `str`, got `int`"),
        (template(hostPID="yes"), "spec.template.spec.hostPID", "Expected `bool | null`, got `str`"),
        (
            template(metadata={"ownerReferences": "me"}),
            "metadata.ownerReferences",
            "Expected `array | null`, got `str`",
        ),
    ],
)
def test_wrong_types_name_the_field(value: Any, field: str, problem: str) -> None:
    """What cannot be read raises InvalidObject with the path of the field from the document's root."""
    with pytest.raises(InvalidObject) as caught:
        locate(value, Origin.ADMISSION)
    assert (caught.value.field, caught.value.problem) == (field, problem)


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({}, set()),
        ({"volumeClaimTemplates": None}, set()),
        ({"volumeClaimTemplates": [{"metadata": {"name": "data"}}, {"metadata": {"name": "log"}}]}, {"data", "log"}),
    ],
)
def test_volumes_that_a_stateful_set_claims(spec: Any, names: set[str]) -> None:
    """They are named beside the template, of this kind only."""
    value = {"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"template": {"spec": {}}, **spec}}
    pod = locate(value, Origin.MANIFEST)
    assert pod is not None
    assert pod.claim_names == names
    deployment = locate({**value, "kind": "Deployment"}, Origin.MANIFEST)
    assert deployment is not None
    assert deployment.claim_names == set()


def test_malformed_claims_of_a_stateful_set() -> None:
    """They name the field, in a StatefulSet; in another kind the API server drops the field."""
    value = {"apiVersion": "apps/v1", "kind": "StatefulSet"}
    spec = {"template": {"spec": {}}, "volumeClaimTemplates": [{"metadata": {"name": 1}}]}
    with pytest.raises(InvalidObject) as caught:
        locate({**value, "spec": spec}, Origin.MANIFEST)
    assert caught.value.field == "spec.volumeClaimTemplates[0].metadata.name"
    assert locate({**value, "kind": "Deployment", "spec": spec}, Origin.MANIFEST) is not None


def test_the_user_that_counts() -> None:
    """A container's own, 0 included, else the pod's."""
    spec = {
        "securityContext": {"runAsUser": 7},
        "containers": [{"name": "a"}, {"name": "b", "securityContext": {"runAsUser": 0}}],
    }
    pod = locate({"apiVersion": "v1", "kind": "Pod", "spec": spec}, Origin.MANIFEST)
    assert pod is not None
    assert [pod.user_of(container) for container in pod.containers] == [7, 0]
    bare = pod.view({"spec": {"containers": [{"name": "a"}]}})
    assert bare.user_of(bare.containers[0]) is None


def test_containers_are_visited_in_upstream_s_order() -> None:
    """Init containers first, then regular ones, then ephemeral ones; each with its index, path and name."""
    value = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {
            "ephemeralContainers": [{"name": "debug"}],
            "containers": [{"name": "app"}, {"name": "app"}],
            "initContainers": [{"name": "side", "restartPolicy": "Always"}],
        },
    }
    visited = [(c.list_name, c.position, c.path, c.name, c.value) for c in view(value).containers]
    spec: Any = value["spec"]
    assert visited == [
        ("initContainers", 0, "/spec/initContainers/0", "side", spec["initContainers"][0]),
        ("containers", 0, "/spec/containers/0", "app", {"name": "app"}),
        ("containers", 1, "/spec/containers/1", "app", {"name": "app"}),
        ("ephemeralContainers", 0, "/spec/ephemeralContainers/0", "debug", {"name": "debug"}),
    ]


@pytest.mark.parametrize("empty", [None, {}])
def test_a_missing_map_reads_as_empty(empty: Any) -> None:
    """null, `{}` and nothing at all are the same to a reader."""
    pod = view(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"annotations": empty},
            "spec": {"securityContext": empty, "os": empty, "containers": [{"name": "c", "securityContext": empty}]},
        }
    )
    assert (pod.security, pod.annotations, pod.windows, pod.containers[0].security) == ({}, {}, False, {})
    bare = view({"apiVersion": "v1", "kind": "Pod", "metadata": empty, "spec": empty})
    assert (bare.metadata, bare.object_metadata, bare.spec, bare.containers) == ({}, {}, {}, [])


@pytest.mark.parametrize("spec", [{"containers": None}, {"initContainers": [], "containers": []}])
def test_a_pod_without_containers(spec: Any) -> None:
    """The API server refuses it; nothing here breaks."""
    assert view({"apiVersion": "v1", "kind": "Pod", "spec": spec}).containers == []


@pytest.mark.parametrize(("name", "windows"), [("windows", True), ("linux", False), ("Windows", False), (None, False)])
def test_windows_is_what_spec_os_says(name: str | None, windows: bool) -> None:  # noqa: FBT001
    """The API server knows the two names in lower case only."""
    assert view(document(os={"name": name})).windows is windows


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "hostIPC"])
def test_host_namespaces(field: str) -> None:
    """Any of the three; false and null are none."""
    assert view(document(**{field: True})).host_namespaces is True
    assert view(document(**{field: False})).host_namespaces is False
    assert view(document(**{field: None})).host_namespaces is False


def test_metadata_of_a_template_and_of_its_controller() -> None:
    """Annotations are the template's own; the object's metadata are those of the controller."""
    value = template(metadata={"name": "d", "annotations": {"of": "controller"}})
    value["spec"]["template"]["metadata"] = {"annotations": {"of": "template"}}
    pod = view(value)
    assert pod.annotations == {"of": "template"}
    assert pod.object_metadata.get("annotations") == {"of": "controller"}
    own = view(document(metadata={"name": "p"}))
    assert own.object_metadata is own.metadata


def test_another_version_of_the_document_has_the_same_place() -> None:
    """A view of a patched document keeps kind, prefix and origin."""
    pod = view(template(), Origin.MANIFEST)
    later = pod.view(template(hostPID=True))
    assert (later.prefix, later.kind, later.origin) == (pod.prefix, pod.kind, Origin.MANIFEST)
    assert later.host_namespaces is True


@pytest.mark.parametrize(
    ("pointer", "path"),
    [
        ("/spec/containers/0", "spec.containers[0]"),
        ("/spec/template/spec/initContainers/12", "spec.template.spec.initContainers[12]"),
        ("/spec", "spec"),
    ],
)
def test_field_paths_as_the_api_server_writes_them(pointer: str, path: str) -> None:
    """Dots between names, indexes in brackets."""
    assert field_path(pointer) == path
