"""capabilities: `drop: [ALL]` on each container.

Fields: `securityContext.capabilities.{add,drop}` of every container; the restricted profile asks for a drop of exactly
`ALL` and allows only NET_BIND_SERVICE to be added. What the author dropped stays, and ALL is appended.

If we drop ALL and the container declares a port that only root may bind, NET_BIND_SERVICE is added too, unless the
author dropped it. Such ports are those below 1024, or below the pod's sysctl `net.ipv4.ip_unprivileged_port_start`.

Unless the author drops all of them, nothing is added where dropping ALL would take away what the container needs and
the pod would still not pass: where it adds other capabilities, and where its effective `runAsUser` is 0. From v1.35 on
root passes in a pod with `hostUsers: false`: there ALL is dropped, with a notice. A container that is root because its
image is keeps its capabilities likewise, and in a user namespace loses them only if the namespace enforces restricted.
So does one of an unknown image, which may be root, where `unknownImages: skip` leaves it without runAsNonRoot.
Ports that the image exposes count as declared. A program with file capabilities gets NET_BIND_SERVICE, where that is
the one it has or nobody knows which; with others it may not start, which the forecast says. Privileged containers and
Windows pods are left alone. Source: the Pod Security Standards; `core/v1` Capabilities and Sysctl.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.defaults.host_users import in_user_namespace
from patches.defaults.image_users import ImageUsers, image_of, image_users
from patches.model.decisions import Reason
from patches.model.images import ImageUser
from patches.model.notices import NoticeCode
from patches.model.pod import ContainerView, Pod
from patches.model.shapes import Capabilities
from patches.standards.levels import Level

ID: Final = "capabilities"
_ALL: Final = "ALL"
_BIND: Final = "NET_BIND_SERVICE"
_ONLY_BIND: Final = frozenset({_BIND})
_FIRST_OPEN_PORT: Final = 1024
PORT_SYSCTLS: Final = ("net.ipv4.ip_unprivileged_port_start", "net/ipv4/ip_unprivileged_port_start")
_PORT: Final = re.compile(r"\s*(0|[1-9][0-9]{0,4})\s*", re.ASCII)
_NONE: Final[Capabilities] = {}


class _PodFacts(NamedTuple):
    """What counts for every container of a pod."""

    root_passes: bool
    first_open_port: int
    image_users: ImageUsers


def apply(draft: Draft) -> None:
    """Drop ALL on each container, and add NET_BIND_SERVICE if the container declares a port that needs it."""
    root_passes = draft.policy.restricted_since(35) and in_user_namespace(draft)
    facts = _PodFacts(root_passes, _first_open_port(draft.pod), image_users(draft))
    for container in draft.containers_for(ID, "securityContext/capabilities/drop"):
        _harden(draft, container, facts)


def _harden(draft: Draft, container: ContainerView, facts: _PodFacts) -> None:
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
        if unwelcome:
            draft.conflict(ID, f"{path}/add", unwelcome, Reason.ADDED_CAPABILITIES)
        if any(name.upper() == _ALL for name in dropped):
            _extend(draft, path, "drop", _ALL, capabilities.get("drop"))
        elif not unwelcome:
            _drop_all(draft, container, capabilities, facts)


def _drop_all(draft: Draft, container: ContainerView, capabilities: Capabilities, facts: _PodFacts) -> None:
    """Drop what the author left to the container, unless it is root and cannot pass anyway."""
    path = f"{container.path}/securityContext/capabilities"
    is_root = draft.pod.user_of(container) == 0
    if is_root and not facts.root_passes:
        draft.conflict(ID, f"{path}/drop", capabilities.get("drop"), Reason.RUNS_AS_ROOT)
        return
    image_user = facts.image_users.get(container.path)
    if image_user is ImageUser.UNKNOWN and _keeps_unknown_image(draft, container):
        draft.skipped(ID, f"{path}/drop", Reason.UNKNOWN_IMAGE)
        return
    root_by_image = image_user is ImageUser.ROOT
    if root_by_image and _keeps_root_image(draft, facts):
        draft.skipped(ID, f"{path}/drop", Reason.IMAGE_RUNS_AS_ROOT)
        return
    _extend(draft, path, "drop", _ALL, capabilities.get("drop"))
    if _wants_bind(draft, container, capabilities, facts.first_open_port):
        _extend(draft, path, "add", _BIND, capabilities.get("add"))
    if is_root or (root_by_image and facts.root_passes):
        draft.notice(NoticeCode.ROOT_WITHOUT_CAPABILITIES, container.path, container.name)


def _keeps_root_image(draft: Draft, facts: _PodFacts) -> bool:
    """Whether a container that is root because of its image keeps its capabilities."""
    if facts.root_passes:
        return draft.policy.enforce.level is not Level.RESTRICTED
    return draft.policy.settings.run_as_non_root.avoids_root_images


def _keeps_unknown_image(draft: Draft, container: ContainerView) -> bool:
    """Whether a container that may be root, since nothing is known of its image, keeps its capabilities."""
    own = container.security.get("runAsNonRoot")
    non_root = draft.pod.security.get("runAsNonRoot") if own is None else own
    return not non_root and draft.policy.settings.run_as_non_root.unknown_images == "skip"


def _extend(draft: Draft, path: str, key: str, name: str, present: list[str] | None) -> None:
    if present is None:
        draft.add(ID, path, key, [name])
    else:
        draft.append(ID, f"{path}/{key}", name)


def _wants_bind(draft: Draft, container: ContainerView, capabilities: Capabilities, first_open_port: int) -> bool:
    """Whether the container needs NET_BIND_SERVICE: for a low port, or to start at all."""
    if not draft.policy.settings.capabilities.net_bind_service_for_low_ports:
        return False
    if _BIND in (capabilities.get("add") or ()):
        return False
    if any(name.upper().removeprefix("CAP_") == _BIND for name in capabilities.get("drop") or ()):
        return False
    image = image_of(draft, container)
    if image.file_capabilities in (True, _ONLY_BIND):
        return True
    ports = [port.get("containerPort") or 0 for port in container.value.get("ports") or ()]
    return any(0 < port < first_open_port for port in (*ports, *image.exposed_ports))


def _first_open_port(pod: Pod) -> int:
    """The lowest port that any user may bind. A sysctl with a malformed value counts as unset."""
    for sysctl in pod.security.get("sysctls") or ():
        if sysctl.get("name") in PORT_SYSCTLS:
            number = _PORT.fullmatch(sysctl.get("value") or "")
            if number:
                return int(number[1])
    return _FIRST_OPEN_PORT


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.RESTRICTED,
    title="Capabilities dropped",
    adds="`capabilities: {drop: [ALL]}`",
    fields=("container.securityContext.capabilities.drop", "container.securityContext.capabilities.add"),
    apply=apply,
    per_container=True,
)
