"""Which changes of an update count.

Source: `isSignificantPodUpdate` of Pod Security Admission, and `dropNonEphemeralContainerUpdates` of the API server.
The spec of a pod is immutable, except that its images may change and ephemeral containers may be added.
"""

from __future__ import annotations

from collections.abc import Mapping

from patches.model.pod import ContainerView, Pod


def new_ephemeral_containers(pod: Pod, old: Pod) -> list[ContainerView]:
    """The ephemeral containers that `old` does not have.

    They are compared by name, because the container of a second debug session is sent before that of the first.
    """
    known = {container.name for container in old.containers if container.list_name == "ephemeralContainers"}
    return [
        container
        for container in pod.containers
        if container.list_name == "ephemeralContainers" and container.name not in known
    ]


def as_stored(pod: Pod, old: Pod) -> Pod:
    """The pod that the API server stores of an update that adds ephemeral containers: `old` with those of `pod`.

    Whatever else such a request changes is dropped, but only after mutating admission. A label, annotation or field
    that is written in the request alone must not decide about its containers.
    """
    spec = {**old.spec, "ephemeralContainers": pod.spec.get("ephemeralContainers")}
    return old.view({**old.document, "spec": spec})


def changes_template(pod: Pod, old: Pod) -> bool:
    """Whether the update changes the pod template. Both objects have had the API server's defaulting."""
    return pod.metadata != old.metadata or pod.spec != old.spec


def is_significant(pod: Pod, old: Pod) -> bool:
    """Whether the update must be judged: it changes an image, or adds an ephemeral container."""
    before, after = _by_place(old), _by_place(pod)
    if {place for place in before if place[0] != "ephemeralContainers"} != {
        place for place in after if place[0] != "ephemeralContainers"
    }:
        return True
    return any(place not in before or _image(before[place]) != _image(now) for place, now in after.items())


def _by_place(pod: Pod) -> Mapping[tuple[str, int | str], ContainerView]:
    return {
        (
            container.list_name,
            container.name if container.list_name == "ephemeralContainers" else container.position,
        ): container
        for container in pod.containers
    }


def _image(container: ContainerView) -> str:
    return container.value.get("image") or ""
