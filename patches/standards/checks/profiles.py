"""The types of seccomp and AppArmor profiles, which three checks look at alike."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from patches.model.pod import Pod

ALLOWED_TYPES: Final = ("RuntimeDefault", "Localhost")
"""The profile types that restrict a container."""


class ForbiddenTypes(NamedTuple):
    """What sets profile types that are not allowed.

    Attributes:
        types: those, in the order of the document; an empty one where a profile has none.
        pod: whether the pod sets the first of them.
        containers: the names of the containers that set the others.
    """

    types: list[str]
    pod: bool
    containers: list[str]


def forbidden_types(pod: Pod, field: Literal["appArmorProfile", "seccompProfile"]) -> ForbiddenTypes:
    """Find the profiles in a field of the security contexts that are not of an allowed type."""
    types: list[str] = []
    names: list[str] = []
    profile = pod.security.get(field)
    if profile is not None and profile.get("type") not in ALLOWED_TYPES:
        types.append(profile.get("type") or "")
    pod_is_bad = bool(types)
    for container in pod.containers:
        profile = container.security.get(field)
        if profile is not None and profile.get("type") not in ALLOWED_TYPES:
            names.append(container.name)
            types.append(profile.get("type") or "")
    return ForbiddenTypes(types, pod_is_bad, names)
