"""The Kubernetes API shapes that the engine reads, and the check that a document has them.

Only fields that some rule reads are listed; every other field of a document passes through unread and unchanged.
The types describe JSON as the API server sends it and as people write it, so every field may be absent or null.
Source: the Kubernetes API reference, `core/v1` and `meta/v1`.
"""

from __future__ import annotations

from typing import Any, NotRequired, Required, TypeAlias, TypedDict

import msgspec

from patches.errors import invalid_object

Json: TypeAlias = Any
"""Any decoded JSON value."""

Quantity: TypeAlias = str | int | float | None
"""A `resource.Quantity` as JSON: text, a bare number, or null, which the API server reads as zero."""

ResourceList: TypeAlias = dict[str, Quantity]
StringMap: TypeAlias = dict[str, str | None]


class SeccompProfile(TypedDict, total=False):
    """`core/v1` SeccompProfile."""

    type: str | None
    localhostProfile: str | None


class AppArmorProfile(TypedDict, total=False):
    """`core/v1` AppArmorProfile."""

    type: str | None
    localhostProfile: str | None


class SELinuxOptions(TypedDict, total=False):
    """`core/v1` SELinuxOptions."""

    user: str | None
    role: str | None
    type: str | None
    level: str | None


class WindowsOptions(TypedDict, total=False):
    """`core/v1` WindowsSecurityContextOptions."""

    runAsUserName: str | None
    hostProcess: bool | None


class Capabilities(TypedDict, total=False):
    """`core/v1` Capabilities."""

    add: list[str] | None
    drop: list[str] | None


class SecurityContext(TypedDict, total=False):
    """`core/v1` SecurityContext: the container's."""

    allowPrivilegeEscalation: bool | None
    appArmorProfile: AppArmorProfile | None
    capabilities: Capabilities | None
    privileged: bool | None
    procMount: str | None
    readOnlyRootFilesystem: bool | None
    runAsGroup: int | None
    runAsNonRoot: bool | None
    runAsUser: int | None
    seLinuxOptions: SELinuxOptions | None
    seccompProfile: SeccompProfile | None
    windowsOptions: WindowsOptions | None


class Sysctl(TypedDict, total=False):
    """`core/v1` Sysctl."""

    name: str | None
    value: str | None


class PodSecurityContext(TypedDict, total=False):
    """`core/v1` PodSecurityContext."""

    appArmorProfile: AppArmorProfile | None
    fsGroup: int | None
    fsGroupChangePolicy: str | None
    runAsGroup: int | None
    runAsNonRoot: bool | None
    runAsUser: int | None
    seLinuxChangePolicy: str | None
    seLinuxOptions: SELinuxOptions | None
    seccompProfile: SeccompProfile | None
    supplementalGroups: list[int] | None
    supplementalGroupsPolicy: str | None
    sysctls: list[Sysctl] | None
    windowsOptions: WindowsOptions | None


class ContainerPort(TypedDict, total=False):
    """`core/v1` ContainerPort."""

    containerPort: int | None
    hostPort: int | None


class HTTPGetAction(TypedDict, total=False):
    """`core/v1` HTTPGetAction."""

    host: str | None


class TCPSocketAction(TypedDict, total=False):
    """`core/v1` TCPSocketAction."""

    host: str | None


class Handler(TypedDict, total=False):
    """`core/v1` Probe or LifecycleHandler: the actions that can name a host."""

    httpGet: HTTPGetAction | None
    tcpSocket: TCPSocketAction | None


class Lifecycle(TypedDict, total=False):
    """`core/v1` Lifecycle."""

    postStart: Handler | None
    preStop: Handler | None


class VolumeMount(TypedDict, total=False):
    """`core/v1` VolumeMount."""

    name: str | None
    mountPath: str | None
    readOnly: bool | None
    subPath: str | None
    subPathExpr: str | None


class VolumeDevice(TypedDict, total=False):
    """`core/v1` VolumeDevice."""

    name: str | None
    devicePath: str | None


class ResourceRequirements(TypedDict, total=False):
    """`core/v1` ResourceRequirements."""

    limits: ResourceList | None
    requests: ResourceList | None


class Container(TypedDict, total=False):
    """`core/v1` Container and EphemeralContainer."""

    name: Required[str]
    image: str | None
    imagePullPolicy: str | None
    lifecycle: Lifecycle | None
    livenessProbe: Handler | None
    ports: list[ContainerPort] | None
    readinessProbe: Handler | None
    resources: ResourceRequirements | None
    restartPolicy: str | None
    securityContext: SecurityContext | None
    startupProbe: Handler | None
    volumeDevices: list[VolumeDevice] | None
    volumeMounts: list[VolumeMount] | None


class ImageVolume(TypedDict, total=False):
    """`core/v1` ImageVolumeSource."""

    pullPolicy: str | None


class CSIVolume(TypedDict, total=False):
    """`core/v1` CSIVolumeSource."""

    driver: str | None


class Volume(TypedDict, total=False):
    """`core/v1` Volume. Its sources other than these are read by name only."""

    name: Required[str]
    csi: CSIVolume | None
    image: ImageVolume | None


class PodOS(TypedDict, total=False):
    """`core/v1` PodOS."""

    name: str | None


class PodSpec(TypedDict, total=False):
    """`core/v1` PodSpec."""

    activeDeadlineSeconds: int | None
    automountServiceAccountToken: bool | None
    containers: list[Container] | None
    ephemeralContainers: list[Container] | None
    hostIPC: bool | None
    hostNetwork: bool | None
    hostPID: bool | None
    hostUsers: bool | None
    initContainers: list[Container] | None
    nodeSelector: StringMap | None
    os: PodOS | None
    overhead: ResourceList | None
    resources: ResourceRequirements | None
    runtimeClassName: str | None
    securityContext: PodSecurityContext | None
    serviceAccount: str | None
    serviceAccountName: str | None
    shareProcessNamespace: bool | None
    volumes: list[Volume] | None


_SpecFields = TypedDict("_SpecFields", {"f:volumes": dict[str, Json] | None}, total=False)
_Fields = TypedDict("_Fields", {"f:spec": _SpecFields | None}, total=False)


class ManagedFields(TypedDict, total=False):
    """`meta/v1` ManagedFieldsEntry: the part of FieldsV1 that lists a pod's volumes."""

    fieldsV1: _Fields | None


class OwnerReference(TypedDict, total=False):
    """`meta/v1` OwnerReference."""

    controller: bool | None
    kind: str | None
    name: str | None


class ObjectMeta(TypedDict, total=False):
    """`meta/v1` ObjectMeta."""

    annotations: StringMap | None
    deletionTimestamp: str | None
    generateName: str | None
    labels: StringMap | None
    managedFields: list[ManagedFields] | None
    name: str | None
    namespace: str | None
    ownerReferences: list[OwnerReference] | None


class PodTemplate(TypedDict, total=False):
    """The fields of a Pod and a PodTemplateSpec that a rule reads."""

    metadata: ObjectMeta | None
    spec: NotRequired[PodSpec | None]


class ClaimTemplate(TypedDict, total=False):
    """`core/v1` PersistentVolumeClaim, as a template in a StatefulSet."""

    metadata: ObjectMeta | None


class StatefulSetSpec(TypedDict, total=False):
    """`apps/v1` StatefulSetSpec: what its pods get beside the pod template."""

    volumeClaimTemplates: list[ClaimTemplate] | None


class StatefulSet(TypedDict, total=False):
    """`apps/v1` StatefulSet."""

    spec: StatefulSetSpec | None


def check_claims(value: Json) -> None:
    """Check the `volumeClaimTemplates` of a StatefulSet. Raises InvalidObject if a field has a wrong type."""
    _check(value, StatefulSet, "")


def check_shape(value: Json, at: str = "") -> None:
    """Check that a value has the shape of a pod or a pod template.

    Args:
        value: decoded JSON.
        at: the path of the value in its document, which the failure's field begins with; "" for the document itself.

    Raises:
        InvalidObject: a field has a wrong type.
    """
    _check(value, PodTemplate, at)


def _check(value: Json, shape: Any, at: str) -> None:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise invalid_object(error, at) from None
