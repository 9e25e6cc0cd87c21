"""Reads of a pod what the observer needs: names, owner, our annotation, images, users and states, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from patches import APPLIED_ANNOTATION, ContainerState, Owner, PodState

_MESSAGE_CHARACTERS: Final = 1024
_NUMBERED: Final = re.compile(r"-\d+$")
_Time = Annotated[datetime, Meta(tz=True)]


class _Owner(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    creation_timestamp: _Time | None = None
    annotations: dict[str, str | None] | None = None
    labels: dict[str, str | None] | None = None
    owner_references: list[_Owner] | None = None
    deletion_timestamp: str | None = None


class _Capabilities(msgspec.Struct):
    drop: list[str] | None = None


class _Security(msgspec.Struct, rename="camel"):
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    capabilities: _Capabilities | None = None


class _Resources(msgspec.Struct):
    limits: dict[str, str | int | float] | None = None


class _Container(msgspec.Struct, rename="camel"):
    name: str
    image: str = ""
    security_context: _Security | None = None
    resources: _Resources | None = None


class _Spec(msgspec.Struct, rename="camel"):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    ephemeral_containers: list[_Container] | None = None
    security_context: _Security | None = None


class _Linux(msgspec.Struct):
    uid: int | None = None
    gid: int | None = None


class _User(msgspec.Struct):
    linux: _Linux | None = None


class _Running(msgspec.Struct, rename="camel"):
    started_at: _Time | None = None


class _Ended(msgspec.Struct, rename="camel"):
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    started_at: _Time | None = None
    finished_at: _Time | None = None


class _State(msgspec.Struct):
    running: _Running | None = None
    waiting: _Ended | None = None
    terminated: _Ended | None = None


class _Status(msgspec.Struct, rename="camel"):
    name: str
    image_id: str = msgspec.field(default="", name="imageID")
    restart_count: int = 0
    started: bool | None = None
    state: _State | None = None
    last_state: _State | None = None
    user: _User | None = None


class _PodStatus(msgspec.Struct, rename="camel"):
    container_statuses: list[_Status] | None = None
    init_container_statuses: list[_Status] | None = None
    ephemeral_container_statuses: list[_Status] | None = None


class _Pod(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)


_DECODER: Final = msgspec.json.Decoder(_Pod)
_NO_SECURITY: Final = _Security()


def read_pod(raw: bytes | msgspec.Raw, now: datetime) -> PodState:
    """Read a pod from its JSON. Raises MsgspecError if it cannot be read."""
    pod = _DECODER.decode(raw)
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    states = {
        row.name: row
        for rows in (
            status.container_statuses,
            status.init_container_statuses,
            status.ephemeral_container_statuses,
        )
        for row in rows or ()
    }
    security = spec.security_context or _NO_SECURITY
    containers = (*(spec.containers or ()), *(spec.init_containers or ()), *(spec.ephemeral_containers or ()))
    owner = _controller(metadata.owner_references or ())
    return PodState(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        created=(metadata.creation_timestamp or now).timestamp(),
        owner=owner,
        workload=_workload(metadata, owner),
        applied=_applied(metadata),
        containers=tuple(_container(row, states.get(row.name), security, now) for row in containers),
        deleted=metadata.deletion_timestamp is not None,
    )


def _controller(references: Iterable[_Owner]) -> Owner | None:
    for row in references:
        if row.controller:
            return Owner(row.api_version, row.kind, row.name, row.uid)
    return None


def _workload(metadata: _Metadata, owner: Owner | None) -> str:
    """The kind and name of the controller, without what a Deployment or CronJob adds to it for each rollout or run."""
    if owner is None:
        return f"Pod {metadata.name}"
    name = owner.name.removesuffix(f"-{(metadata.labels or {}).get('pod-template-hash')}")
    return f"{owner.kind} {_NUMBERED.sub('', name) if owner.kind == 'Job' else name}"


def _applied(metadata: _Metadata) -> frozenset[str]:
    text = (metadata.annotations or {}).get(APPLIED_ANNOTATION) or ""
    return frozenset(part.partition(":")[0].strip() for part in text.split(","))


def _container(row: _Container, status: _Status | None, pod: _Security, now: datetime) -> ContainerState:
    own = row.security_context or _NO_SECURITY
    non_root = pod.run_as_non_root if own.run_as_non_root is None else own.run_as_non_root
    drop = (own.capabilities.drop if own.capabilities else None) or ()
    status = status or _Status(row.name)
    state, last = status.state or _State(), status.last_state or _State()
    linux = (status.user.linux if status.user else None) or _Linux()
    ended = _why(state, last)
    running, end = state.running, state.terminated or last.terminated
    return ContainerState(
        name=row.name,
        image=row.image,
        image_id=_reference(status.image_id),
        sets_user=own.run_as_user is not None or pod.run_as_user is not None,
        sets_group=own.run_as_group is not None or pod.run_as_group is not None,
        non_root=bool(non_root),
        drops_all=any(name.upper() == "ALL" for name in drop),
        limits_memory=bool(row.resources and (row.resources.limits or {}).get("memory")),
        running_since=None if running is None else (running.started_at or now).timestamp(),
        uid=linux.uid,
        gid=linux.gid,
        reason=ended.reason or "",
        message=(ended.message or "")[:_MESSAGE_CHARACTERS],
        exit_code=None if end is None else end.exit_code,
        lived=_seconds(end),
        restarts=status.restart_count,
    )


def _why(state: _State, last: _State) -> _Ended:
    """Why a container does not run. In a crash loop the last end says more than that it waits."""
    if state.running is not None:
        return _Ended()
    if state.waiting is not None and state.waiting.reason == "CrashLoopBackOff" and last.terminated is not None:
        return last.terminated
    return state.waiting or state.terminated or _Ended()


def _seconds(end: _Ended | None) -> float | None:
    if end is None or end.started_at is None or end.finished_at is None:
        return None
    return (end.finished_at - end.started_at).total_seconds()


def _reference(image_id: str) -> str:
    """An image ID as a reference: `repository@sha256:…`; "" where the runtime reports the digest of a local image."""
    _, scheme, rest = image_id.partition("://")
    reference = rest if scheme else image_id
    return reference if "@sha256:" in reference else ""


class ImageUse(NamedTuple):
    """An image of a pod.

    Attributes:
        image: as the pod names it.
        digest: by digest where it has been pulled, else "".
        sets_user: whether the pod says as whom it runs.
    """

    image: str
    digest: str
    sets_user: bool = False

    @property
    def references(self) -> tuple[str, ...]:
        """The references by which the pod uses it, the more exact first."""
        return tuple(reference for reference in (self.digest, self.image) if reference)


def images_of(pod: PodState) -> Sequence[ImageUse]:
    """The images that a pod uses."""
    return [ImageUse(row.image, row.image_id, row.sets_user) for row in pod.containers]
