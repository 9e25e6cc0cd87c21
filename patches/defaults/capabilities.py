"""capabilities: `drop: [ALL]` on each container.

Fields: `securityContext.capabilities.{add,drop}` of every container; the restricted profile asks for a drop of exactly
`ALL` and allows only NET_BIND_SERVICE to be added. What the author dropped stays, and ALL is appended. If we drop ALL
and the container declares a port below 1024, NET_BIND_SERVICE is added too, unless the author dropped it. If the author
adds other capabilities and does not drop all of them, dropping ALL would take away the runtime's default set and the
pod would still not pass, so nothing is added. Privileged containers and Windows pods are left alone. Source: the Pod
Security Standards; `core/v1` Capabilities.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.model.pod import ContainerView
from patches.model.shapes import Capabilities
from patches.standards.levels import Level

ID: Final = "capabilities"
_ALL: Final = "ALL"
_BIND: Final = "NET_BIND_SERVICE"
_FIRST_OPEN_PORT: Final = 1024
_NONE: Final[Capabilities] = {}


def apply(draft: Draft) -> None:
    """Drop ALL on each container, and add NET_BIND_SERVICE if the container declares a low port."""
    for container in draft.containers_for(ID, "securityContext/capabilities/drop"):
        _harden(draft, container)


def _harden(draft: Draft, container: ContainerView) -> None:
    path = f"{container.path}/securityContext/capabilities"
    capabilities = container.security.get("capabilities") or _NONE
    added, dropped = capabilities.get("add") or [], capabilities.get("drop") or []
    unwelcome = [name for name in added if name != _BIND]
    if draft.windows:
        draft.skipped(ID, f"{path}/drop", Reason.WINDOWS)
    elif container.security.get("privileged"):
        draft.skipped(ID, f"{path}/drop", Reason.PRIVILEGED)
    elif _ALL in dropped:
        draft.kept(ID, f"{path}/drop", dropped)
        if unwelcome:
            draft.conflict(ID, f"{path}/add", unwelcome, Reason.ADDED_CAPABILITIES)
    else:
        drops_all = any(name.upper() == _ALL for name in dropped)
        if unwelcome:
            draft.conflict(ID, f"{path}/add", unwelcome, Reason.ADDED_CAPABILITIES)
        if drops_all or not unwelcome:
            _extend(draft, path, "drop", _ALL, capabilities.get("drop"))
            if not drops_all and _wants_low_port(draft, container, added, dropped):
                _extend(draft, path, "add", _BIND, capabilities.get("add"))


def _extend(draft: Draft, path: str, key: str, name: str, present: list[str] | None) -> None:
    if present is None:
        draft.add(ID, path, key, [name])
    else:
        draft.append(ID, f"{path}/{key}", name)


def _wants_low_port(draft: Draft, container: ContainerView, added: list[str], dropped: list[str]) -> bool:
    if _BIND in added or not draft.policy.settings.capabilities.net_bind_service_for_low_ports:
        return False
    if any(name.upper().removeprefix("CAP_") == _BIND for name in dropped):
        return False
    return any(0 < (port.get("containerPort") or 0) < _FIRST_OPEN_PORT for port in container.value.get("ports") or ())


DEFAULT: Final = Default(
    id=ID,
    level=Level.RESTRICTED,
    title="Capabilities dropped",
    adds="`capabilities: {drop: [ALL]}`",
    fields=("container.securityContext.capabilities.drop", "container.securityContext.capabilities.add"),
    apply=apply,
    per_container=True,
)
