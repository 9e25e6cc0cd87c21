"""Unknown fields: where they are found, how many are described, and where they are said to belong."""

from __future__ import annotations

from typing import Any, Final

import pytest

from patches.model.pod import Origin, locate
from patches.model.unknown_fields import FieldTypes, UnknownField, UnknownFields, unknown_fields

TYPES: Final[FieldTypes] = {
    "Pod": {"apiVersion": None, "kind": None, "metadata": "ObjectMeta", "spec": "PodSpec"},
    "PodTemplateSpec": {"metadata": "ObjectMeta", "spec": "PodSpec"},
    "ObjectMeta": {"name": None, "namespace": None, "labels": None, "generateName": None},
    "PodSpec": {
        "containers": ["Container"],
        "initContainers": ["Container"],
        "hostIPC": None,
        "hostPID": None,
        "securityContext": "PodSecurity",
        "volumes": ["Volume"],
    },
    "PodSecurity": {"fsGroup": None, "runAsUser": None},
    "Container": {"name": None, "image": None, "ports": ["Port"], "live": "Probe", "ready": "Probe", "security": "Own"},
    "Own": {"runAsUser": None, "capabilities": "Capabilities"},
    "Capabilities": {"add": None, "drop": None},
    "Port": {"containerPort": None, "hostPort": None},
    "Probe": {"period": None},
    "Volume": {"name": None, "secret": "Secret", "rbd": "Rbd"},
    "Secret": {"secretName": None},
    "Rbd": {"pool": None},
}


def find(spec: Any, limit: int = 100, **parts: Any) -> UnknownFields:
    """What a Pod with that spec, and other parts, has."""
    pod = locate({"apiVersion": "v1", "kind": "Pod", "spec": spec, **parts}, Origin.MANIFEST)
    assert pod is not None
    return unknown_fields(pod, TYPES, limit)


def fields(found: UnknownFields) -> list[str]:
    """The fields, without what is said of them."""
    return [unknown.field for unknown in found.first]


def test_everything_known() -> None:
    """A pod of known fields has none."""
    spec = {"containers": [{"name": "c", "security": {"capabilities": {"drop": []}}}], "securityContext": {}}
    assert find(spec, metadata={"labels": {"any": "label"}}) == ((), 0)


def test_the_order_is_that_of_the_document() -> None:
    """Wherever they are in a Pod, they come as they are written."""
    spec = {"b": 1, "containers": [{"name": "c"}, {"name": "d", "y": 1, "ports": [{"z": 1}]}], "a": {"b": 1}}
    found = find(spec, w=None, metadata={"v": 1})
    in_containers = ["spec.containers[1].y", "spec.containers[1].ports[0].z"]
    assert fields(found) == ["spec.b", *in_containers, "spec.a", "w", "metadata.v"]


@pytest.mark.parametrize(
    "spec",
    [
        {"volumes": {"x": 1}},
        {"hostIPC": {"x": 1}},
        {"securityContext": None, "containers": None, "volumes": []},
        {"volumes": [None, "x", [{"x": 1}]]},
    ],
)
def test_only_objects_are_looked_into(spec: dict[str, Any]) -> None:
    """No unknown field is in a null, in a value of a wrong type, or in what has no fields of fixed names."""
    pod = locate({"apiVersion": "v1", "kind": "Pod"}, Origin.MANIFEST)
    assert pod is not None
    pod.document["spec"] = spec  # `locate` would refuse some of them
    assert unknown_fields(pod, TYPES, 100) == ((), 0)


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        ("apps/v1 Deployment", ("spec", "template")),
        ("batch/v1 CronJob", ("spec", "jobTemplate", "spec", "template")),
        ("v1 PodTemplate", ("template",)),
    ],
)
def test_only_the_template_counts(kind: str, prefix: tuple[str, ...]) -> None:
    """What is unknown outside of it is not ours; paths begin at the document."""
    value: Any = {"spec": {"x": 1}, "metadata": {"y": 1}, "z": 1}
    for token in reversed(prefix):
        value = {token: value, "outside": 1}
    api_version, name = kind.split()
    pod = locate({"apiVersion": api_version, "kind": name, **value}, Origin.MANIFEST)
    assert pod is not None
    at = ".".join(prefix)
    assert fields(unknown_fields(pod, TYPES, 100)) == [f"{at}.spec.x", f"{at}.metadata.y", f"{at}.z"]


def test_names_are_matched_letter_for_letter() -> None:
    """As the API server's strict decoding does, and unlike Go's usual decoding."""
    assert fields(find({"HostIPC": True, "hostipc": True})) == ["spec.HostIPC", "spec.hostipc"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("hostIPc", "hostIPC"),
        ("HOSTIPC", "hostIPC"),
        ("volume", "volumes"),
        ("volumess", "volumes"),
        ("volunes", "volumes"),
        ("vloumes", "volumes"),
        ("volumse", "volumes"),
        ("xvolumes", "volumes"),
        ("olumes", "volumes"),
        ("Vloumes", "volumes"),
        ("vlumse", ""),
        ("volumesss", ""),
        ("volmues2", ""),
        ("hostIPD", ""),  # as near to hostIPC as to hostPID
        ("v", ""),
        ("", ""),
    ],
)
def test_a_misspelt_name(name: str, meant: str) -> None:
    """One edit away, letters' case aside; of two as near none is named."""
    assert find({name: 1}).first == (UnknownField(f"spec.{name}", meant=meant),)


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"fsGroup": 1}, "spec.securityContext"),
        ({"runAsUser": 1}, "spec.securityContext"),  # nearer than the containers'
        ({"capabilities": {}}, "spec.containers[*].security"),
        ({"image": "i"}, "spec.containers[*]"),
        ({"labels": {}}, "metadata"),
        ({"apiVersion": "v1"}, ""),
        ({"name": "n"}, None),  # a container's, or a volume's
        ({"drop": []}, "spec.containers[*].security.capabilities"),
        ({"nothing": 1}, None),
        ({"securityContext": {"capabilities": {}}}, "spec.containers[*].security"),
        ({"securityContext": {"drop": []}}, None),  # farther than three steps
        ({"containers": [{"name": "c", "hostIPC": True}]}, "spec"),
        ({"containers": [{"name": "c", "period": 1}]}, None),  # of either probe
        ({"containers": [{"name": "c"}, {"name": "d", "runAsUser": 1}]}, "spec.containers[1].security"),
        ({"containers": [{"name": "c", "security": {"fsGroup": 1}}]}, "spec.securityContext"),
        ({"initContainers": [{"name": "c", "security": {"drop": 1}}]}, "spec.initContainers[0].security.capabilities"),
        ({"containers": [{"name": "c", "ports": [{"image": "i"}]}]}, "spec.containers[0]"),
        ({"volumes": [{"name": "v", "pool": 1}]}, "spec.volumes[0].rbd"),
        ({"volumes": [{"name": "v", "secret": {"pool": 1}}]}, None),  # a volume has one source
        ({"volumes": [{"name": "v", "secret": {"hostIPC": True}}]}, "spec"),
    ],
)
def test_a_misplaced_field(spec: dict[str, Any], place: str | None) -> None:
    """The nearest object that knows the name, within three steps; of two as near none is named."""
    (unknown,) = find(spec).first
    assert (unknown.meant, unknown.place) == ("", place)


def test_the_limit() -> None:
    """What comes after is counted only."""
    found = find({f"x{number}": 1 for number in range(30)}, limit=20)
    assert fields(found) == [f"spec.x{number}" for number in range(20)]
    assert found.more == 10
    assert find({"x": 1}, limit=1).more == 0
