"""Which updates count, as `isSignificantPodUpdate` of Pod Security Admission 1.34 to 1.37 decides."""

from __future__ import annotations

from typing import Any

import pytest

from patches.model.updates import as_stored, changes_template, is_significant, new_ephemeral_containers
from tests.patches.build import document, template
from tests.pods import view

OLD: Any = document(
    {"image": "a:1"},
    initContainers=[{"name": "i", "image": "i:1"}],
    ephemeralContainers=[{"name": "d1", "image": "sh"}],
)


def changed(**spec: Any) -> Any:
    """The old pod with these fields of its spec."""
    return {**OLD, "spec": {**OLD["spec"], **spec}}


@pytest.mark.parametrize(
    "new",
    [
        changed(containers=[{"name": "c0", "image": "a:2"}]),
        changed(containers=[{"name": "c0"}]),
        changed(initContainers=[{"name": "i", "image": "i:2"}]),
        changed(ephemeralContainers=[{"name": "d1", "image": "other"}]),
        changed(ephemeralContainers=[{"name": "d2", "image": "sh"}, {"name": "d1", "image": "sh"}]),
        changed(ephemeralContainers=[{"name": "d2", "image": "sh"}]),
        changed(containers=[{"name": "c0", "image": "a:1"}, {"name": "c1"}]),
        changed(containers=[]),
        changed(initContainers=None),
    ],
)
def test_significant(new: Any) -> None:
    """An image changes, an ephemeral container is new, or (which validation refuses) containers come or go."""
    assert is_significant(view(new), view(OLD))


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed(hostPID=True, tolerations=[]),
        changed(ephemeralContainers=[]),
        changed(containers=[{"name": "renamed", "image": "a:1", "securityContext": {"privileged": True}}]),
        {**OLD, "metadata": {"labels": {"a": "b"}}},
        {**OLD, "metadata": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}}},
        {**OLD, "metadata": {"annotations": {"container.seccomp.security.alpha.kubernetes.io/c0": "unconfined"}}},
    ],
)
def test_not_significant(new: Any) -> None:
    """A label, an annotation, any other field: the pod was judged when it was created."""
    assert not is_significant(view(new), view(OLD))


def test_an_unset_image_equals_an_empty_one() -> None:
    """As in Go, where both are the empty string."""
    assert not is_significant(view(document({"image": None})), view(document({"image": ""})))


def test_new_ephemeral_containers_are_found_by_name() -> None:
    """A second session's container is sent before the first's; a regular container of that name is another thing."""
    new = changed(ephemeralContainers=[{"name": "c0"}, {"name": "d1", "image": "sh"}, {"name": "d3"}])
    found = new_ephemeral_containers(view(new), view(OLD))
    assert [(container.name, container.position) for container in found] == [("c0", 0), ("d3", 2)]
    assert new_ephemeral_containers(view(OLD), view(OLD)) == []


def test_what_is_stored_of_a_debug_session() -> None:
    """The ephemeral containers of the request, in its order; everything else as it was, and both objects stay."""
    debuggers = [{"name": "d2", "image": "sh"}, {"name": "d1", "image": "sh"}]
    sent = {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}}, "status": {"phase": "Failed"}}
    stored = as_stored(view({**sent, "spec": {"hostPID": True, "ephemeralContainers": debuggers}}), view(OLD))
    assert stored.document == changed(ephemeralContainers=debuggers)
    assert [container.name for container in stored.containers] == ["i", "c0", "d2", "d1"]
    assert len(OLD["spec"]["ephemeralContainers"]) == 1


@pytest.mark.parametrize(
    ("metadata", "spec", "expected"),
    [
        ({}, {}, False),
        (None, {}, False),
        ({"labels": {"a": "b"}}, {}, True),
        ({"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}, {}, True),
        ({}, {"containers": [{"name": "c0", "image": "a:2"}]}, True),
        ({}, {"securityContext": {}}, True),
    ],
)
def test_what_changes_a_template(metadata: Any, spec: Any, expected: bool) -> None:  # noqa: FBT001 (a column)
    """Any difference of its metadata or spec; the rest of the object is not the template's."""
    new = template(metadata={"labels": {"of": "the controller"}}, **spec)
    new["spec"] |= {"paused": True, "template": new["spec"]["template"] | {"metadata": metadata}}
    assert changes_template(view(new), view(template())) is expected
