"""identity: `runAsUser`, `runAsGroup` and `fsGroup` at pod level.

Fields: `spec.securityContext.{runAsUser,runAsGroup,fsGroup}` and the first two of every container. Each is added only
if it is unset at pod level and on every container. No profile asks for ids, and images may not work under another
user than their own: opt-in. Windows pods may not have them. Source: `core/v1` PodSecurityContext.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.standards.levels import Level

ID: Final = "identity"


def apply(draft: Draft) -> None:
    """Set each configured id on the pod if neither the pod nor a container sets that id."""
    if not draft.whole_pod:
        return
    settings = draft.policy.settings.identity
    for field, wanted in (
        ("runAsUser", settings.run_as_user),
        ("runAsGroup", settings.run_as_group),
        ("fsGroup", settings.fs_group),
    ):
        if wanted is not None:
            _set(draft, field, wanted)


def _set(draft: Draft, field: str, wanted: int) -> None:
    path = f"{draft.security_path}/{field}"
    own = _at(draft.pod.security, field)
    if own is not None:
        draft.kept(ID, path, own)
    elif draft.windows:
        draft.skipped(ID, path, Reason.WINDOWS)
    else:
        explicit = [container for container in draft.containers if _at(container.security, field) is not None]
        for container in explicit:
            draft.kept(ID, f"{container.path}/securityContext/{field}", _at(container.security, field))
        if not explicit:
            draft.add(ID, draft.security_path, field, wanted)


def _at(security: object, field: str) -> int | None:
    return cast("Mapping[str, int | None]", security).get(field)


DEFAULT: Final = Default(
    id=ID,
    level=Level.BASELINE,
    title="User and group",
    adds="`runAsUser`, `runAsGroup`, `fsGroup`",
    fields=("securityContext.runAsUser", "securityContext.runAsGroup", "securityContext.fsGroup"),
    apply=apply,
)
