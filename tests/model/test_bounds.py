"""The bounds on an object: what no pod has, named with its count; and what a pod may just have."""

from __future__ import annotations

from typing import Any

import pytest

from patches.errors import InvalidObject, ObjectTooLarge
from patches.model.bounds import CONTAINERS, OF_ALL_CONTAINERS, OF_METADATA, OF_SPEC, Bound
from patches.model.pod import Origin, locate
from tests.patches.build import document, template


def refused(value: Any) -> tuple[str, str]:
    """The field and the problem of an object that is too large."""
    with pytest.raises(ObjectTooLarge) as caught:
        locate(value, Origin.ADMISSION)
    return caught.value.field, caught.value.problem


def named(number: int, prefix: str = "c") -> list[Any]:
    """So many containers, each with a name of its own."""
    return [{"name": f"{prefix}{index}"} for index in range(number)]


def nested(bound: Bound, entries: Any) -> dict[str, Any]:
    """The entries below the first key of a bound."""
    value: Any = {bound.keys[0]: entries}
    for token in reversed(bound.parents):
        value = {token: value}
    return dict(value)


def maps(bound: Bound, number: int) -> Any:
    """So many entries as a list, or as a map where the API has one."""
    if bound.noun in ("annotations", "requests and limits"):
        return {f"k{index}": "1" for index in range(number)}
    return ["NET_RAW" if bound.noun == "capabilities" else {"name": "x"}] * number


def test_as_many_containers_as_there_may_be() -> None:
    """A thousand of all three lists together are a pod, one more are not, wherever it stands."""
    value = document(*named(998), initContainers=[{"name": "i"}], ephemeralContainers=[{"name": "e"}])
    pod = locate(value, Origin.ADMISSION)
    assert pod is not None
    assert len(pod.containers) == 1_000
    value["spec"]["initContainers"].append({"name": "j"})
    assert refused(value) == ("spec.containers", "1001 containers; at most 1000 are supported")
    value["spec"]["initContainers"] = named(60_000)
    assert refused(value) == ("spec.initContainers", "60999 containers; at most 1000 are supported")


def test_the_template_of_a_controller() -> None:
    """The field is named from the document, in the middle of which the template stands."""
    value = template("CronJob", "batch/v1")
    value["spec"] = {"jobTemplate": {"spec": {"template": {"spec": {"containers": named(1_001)}}}}}
    assert refused(value)[0] == "spec.jobTemplate.spec.template.spec.containers"
    owners = {"name": "d", "ownerReferences": [{"kind": "X"}] * 1_001}
    assert refused(template(metadata=owners)) == (
        "metadata.ownerReferences",
        "1001 owner references; at most 1000 are supported",
    )


@pytest.mark.parametrize("bound", OF_METADATA, ids=lambda bound: bound.noun)
def test_metadata(bound: Bound) -> None:
    """What a rule looks through in the metadata."""
    value = document(metadata={"name": "p", **nested(bound, maps(bound, bound.most))})
    assert locate(value, Origin.ADMISSION) is not None
    value["metadata"][bound.keys[0]] = maps(bound, bound.most + 1)
    assert refused(value) == (
        f"metadata.{bound.keys[0]}",
        f"{bound.most + 1} {bound.noun}; at most {bound.most} are supported",
    )


@pytest.mark.parametrize("bound", [bound for bound in OF_SPEC if bound is not CONTAINERS], ids=lambda bound: bound.noun)
def test_the_pod_spec(bound: Bound) -> None:
    """What a rule looks through in the spec."""
    assert locate(document(**nested(bound, maps(bound, bound.most))), Origin.ADMISSION) is not None
    field, problem = refused(document(**nested(bound, maps(bound, bound.most + 1))))
    assert field == ".".join(("spec", *bound.parents, bound.keys[0]))
    assert problem == f"{bound.most + 1} {bound.noun}; at most {bound.most} are supported"


@pytest.mark.parametrize("bound", OF_ALL_CONTAINERS, ids=lambda bound: bound.noun)
def test_all_containers_together(bound: Bound) -> None:
    """Of what containers have, the whole pod is bounded; the container that has most of it is named."""
    few, many = maps(bound, 2), maps(bound, bound.most - 2)
    value = document(nested(bound, few), initContainers=[{"name": "i"}, {"name": "j", **nested(bound, many)}])
    assert locate(value, Origin.ADMISSION) is not None
    value["spec"]["ephemeralContainers"] = [{"name": "e", **nested(bound, maps(bound, 1))}]
    field, problem = refused(value)
    assert field == ".".join(("spec.initContainers[1]", *bound.parents, bound.keys[0]))
    assert problem == f"{bound.most + 1} {bound.noun}; at most {bound.most} are supported"


def test_both_keys_of_a_bound_count() -> None:
    """What a container adds and drops, what it requests and what it is limited to."""
    capabilities = {"add": ["A"] * 4_000, "drop": ["B"] * 6_001}
    assert refused(document({"securityContext": {"capabilities": capabilities}})) == (
        "spec.containers[0].securityContext.capabilities.drop",
        "10001 capabilities; at most 10000 are supported",
    )


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"apiVersion": "v1", "kind": "Pod", "metadata": ["x"] * 2_000}, "metadata"),
        (document(securityContext="x" * 2_000), "spec.securityContext"),
        (document(volumes="x" * 2_000), "spec.volumes"),
        (document({"ports": "x" * 70_000}), "spec.containers[0].ports"),
        (document({"resources": [{}] * 20_000}), "spec.containers[0].resources"),
        ({"apiVersion": "v1", "kind": "Pod", "spec": []}, "spec"),
        ({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": "x" * 2_000}}, "spec.containers"),
        ({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [[], "x", None]}}, "spec.containers[0]"),
        ({"apiVersion": "batch/v1", "kind": "Job", "metadata": []}, None),
    ],
)
def test_wrong_types_are_not_counted(value: Any, field: str | None) -> None:
    """A value of another type is what is wrong with the object, not its length."""
    if field is None:
        assert locate(value, Origin.ADMISSION) is None
        return
    with pytest.raises(InvalidObject) as caught:
        locate(value, Origin.ADMISSION)
    assert type(caught.value) is InvalidObject
    assert caught.value.field == field


def test_a_failure_stays_what_it_is_further_up() -> None:
    """Seen from an object around it, it is the same failure with a longer field."""
    error = ObjectTooLarge("spec.volumes", "9 volumes").below("object")
    assert (type(error), error.field, error.problem) == (ObjectTooLarge, "object.spec.volumes", "9 volumes")
