"""allowPrivilegeEscalation: `false` on each container.

Field: `securityContext.allowPrivilegeEscalation` of every container; the restricted profile asks for false. The API
server refuses it beside `privileged: true` and beside an added capability spelled exactly `CAP_SYS_ADMIN`. Beside
SYS_ADMIN in another spelling, or ALL, it is accepted but contradicts what the author asked for, so it is not added
either. Windows pods may not have it. Source: the Pod Security Standards; `validateSecurityContext` of `core/v1`.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.model.pod import ContainerView
from patches.standards.levels import Level

ID: Final = "allowPrivilegeEscalation"
SYS_ADMIN: Final = frozenset({"SYS_ADMIN", "CAP_SYS_ADMIN", "ALL", "CAP_ALL"})


def apply(draft: Draft) -> None:
    """Set false on each container whose other settings allow it."""
    for container in draft.containers_for(ID, f"securityContext/{ID}"):
        own = container.security.get(ID)
        parent = f"{container.path}/securityContext"
        if own is not None:
            (draft.conflict if own else draft.kept)(ID, f"{parent}/{ID}", own)
            continue
        reason = _obstacle(draft, container)
        if reason is None:
            draft.add(ID, parent, ID, value=False)
        else:
            draft.skipped(ID, f"{parent}/{ID}", reason)


def _obstacle(draft: Draft, container: ContainerView) -> Reason | None:
    if draft.windows:
        return Reason.WINDOWS
    if container.security.get("privileged"):
        return Reason.PRIVILEGED
    capabilities = container.security.get("capabilities")
    added = capabilities.get("add") if capabilities else None
    if not added:
        return None
    if "CAP_SYS_ADMIN" in added:
        return Reason.CAP_SYS_ADMIN
    if any(name.upper() in SYS_ADMIN for name in added):
        return Reason.SYS_ADMIN
    return None


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.RESTRICTED,
    title="No gain of privileges",
    adds="`allowPrivilegeEscalation: false`",
    fields=("container.securityContext.allowPrivilegeEscalation",),
    apply=apply,
    per_container=True,
)
