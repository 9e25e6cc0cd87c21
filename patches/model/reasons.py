"""What became of a default, and why. The tables of docs/reasons.md and of the page are made from the texts here.

The docstrings of the two classes are descriptions in /openapi.json.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class State(StrEnum):
    """What became of one default at one path."""

    APPLIED = "applied", "Added", "It was unset, and is added."
    KEPT = "kept", "Kept", "A value stands there already."
    SKIPPED = "skipped", "Left out", "Adding it would break the pod, or someone said so."
    CONFLICT = "conflict", "Conflict", "An explicit value stands against the profile. Only its author can change it."

    heading: str
    """The state as the page calls it."""
    means: str
    """What the page says of it."""

    def __new__(cls, code: str, heading: str, means: str) -> Self:
        """A member that is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.heading = heading
        member.means = means
        return member


class Reason(StrEnum):
    """Why. A closed set: each has a row in docs/reasons.md."""

    UNSET = (
        "unset",
        "Nobody had set the field, so it was added.",
        "Nothing. Set the field to decide for yourself.",
        State.APPLIED,
    )
    ENFORCED = (
        "enforced",
        (
            "The operator enforces this value, and another one was overwritten. Only "
            "[`imagePullPolicy`](defaults.md#imagePullPolicy) does this."
        ),
        "Write the enforced value; ask the operator for an exception.",
        State.APPLIED,
    )
    IMAGE_USER = (
        "image-user",
        (
            "The image runs as a user by name, of which the kubelet cannot tell that it is not root. Its number was "
            "written as `runAsUser`: the same user as before, and now it starts."
        ),
        "Nothing. Give the image a numeric USER.",
        State.APPLIED,
    )
    INJECTED_TOKEN = (
        "injected-token",
        "The volume or mount of the ServiceAccount token, as the API server had added it, was removed.",
        (
            "If the program calls the Kubernetes API, say `automountServiceAccountToken: true` on the pod or its "
            "ServiceAccount."
        ),
        State.APPLIED,
    )

    AUTHOR = "author", "The pod sets it itself.", "Nothing.", State.KEPT
    EVERY_CONTAINER = (
        "every-container",
        "Every container sets it itself, so a value on the pod would serve none.",
        "Nothing.",
        State.KEPT,
    )
    LIMIT_RANGE = (
        "limit-range",
        "A LimitRange of the namespace gives this value.",
        "Nothing. Change the LimitRange, or set the value on the container.",
        State.KEPT,
    )
    LIMIT_RANGE_ORDER = (
        "limit-range-order",
        (
            "Several LimitRanges give different values. The API server takes any of them, from request to request; "
            "offline the first by name is assumed."
        ),
        "Have one LimitRange give the value.",
        State.KEPT,
    )
    REQUEST_EQUALS_LIMIT = (
        "request-equals-limit",
        "The container has a limit and no request: the API server makes the request equal to the limit.",
        "Set a request if it should be lower.",
        State.KEPT,
    )

    APPARMOR_ANNOTATION = (
        "apparmor-annotation",
        "The pod has an AppArmor annotation of old.",
        "Replace the annotation by `securityContext.appArmorProfile`.",
        State.SKIPPED,
    )
    AUTHOR_IDENTITY = (
        "author-identity",
        "The pod or a container sets a user or a group of its own. Ours beside it would belong to neither.",
        "Set `runAsUser`, `runAsGroup` and `fsGroup` together.",
        State.SKIPPED,
    )
    AUTHOR_VOLUME = (
        "author-volume",
        (
            "A volume is named `kube-api-access-…` and is not what the API server injects. Someone wrote it, so token "
            "and mounts are left as they are."
        ),
        "Name the volume differently, or say `automountServiceAccountToken` explicitly.",
        State.SKIPPED,
    )
    CAP_SYS_ADMIN = (
        "cap-sys-admin",
        "The container adds `CAP_SYS_ADMIN`; the API server refuses `allowPrivilegeEscalation: false` beside it.",
        "Remove the capability.",
        State.SKIPPED,
    )
    EXCEPTION = (
        "exception",
        "The operator's configuration [excepts](defaults.md#exceptions) the container, or its namespace.",
        "Nothing. Operator: `exceptions` in the configuration.",
        State.SKIPPED,
    )
    HOST_NAMESPACES = (
        "host-namespaces",
        "The pod uses the network, processes or IPC of its node, with which the setting does not go together.",
        "Remove `hostNetwork`, `hostPID`, `hostIPC` if they are not needed.",
        State.SKIPPED,
    )
    IMAGE_RUNS_AS_ROOT = (
        "image-runs-as-root",
        (
            "The [image](images.md) runs as root. With `runAsNonRoot: true` the kubelet would not start it ("
            '"container has runAsNonRoot and image will run as root"), and without its capabilities most such '
            "programs fail."
        ),
        (
            "Set `runAsUser` to a user that the image supports, or use an image with a numeric USER. Operator: "
            "[`rootImages`](defaults.md#runAsNonRoot)."
        ),
        State.SKIPPED,
    )
    IMAGE_USER_NAME = (
        "image-user-name",
        (
            "The [image](images.md) runs as a user by name, whose number is not known. With `runAsNonRoot: true` the "
            'kubelet would not start it ("image has non-numeric user (…), cannot verify user is non-root").'
        ),
        "Set `runAsUser` to the number of that user, or use an image with a numeric USER.",
        State.SKIPPED,
    )
    BOUND_ACCOUNT = (
        "bound-account",
        (
            "A RoleBinding or ClusterRoleBinding gives the pod's account rights, so its program may call the API. The "
            "setting is `serviceAccounts: unbound`."
        ),
        "If the program does not call the API, say `automountServiceAccountToken: false`.",
        State.SKIPPED,
    )
    CLOUD_IDENTITY = (
        "cloud-identity",
        (
            "An annotation of the account, or a mark of the pod, asks a cloud for an identity. The setting is "
            "`serviceAccounts: unbound`."
        ),
        "If the program does not need the token, say `automountServiceAccountToken: false`.",
        State.SKIPPED,
    )
    INJECTOR = (
        "injector",
        (
            "An annotation asks an injector for a container that needs the pod's API token, and the setting is "
            "`injectors: keep` or `serviceAccounts: unbound`."
        ),
        "Nothing. Give the injected container a token of its own, and say `automountServiceAccountToken: false`.",
        State.SKIPPED,
    )
    ITEM_BOUNDS = (
        "item-bounds",
        "The configured value lies outside the same configuration's `min`, `max` or `maxLimitRequestRatio`.",
        "Operator: correct the item. Author: set the resource on the container.",
        State.SKIPPED,
    )
    LIMIT_RANGE_BOUNDS = (
        "limit-range-bounds",
        "With this addition the pod would break a LimitRange, and be refused.",
        "Set requests and limits that leave room, or widen the LimitRange.",
        State.SKIPPED,
    )
    LINUX_FIELD = (
        "linux-field",
        "The nodeSelector says Windows, but the pod sets a field that a Windows pod may not have.",
        "Remove the fields that only Linux has and set `os: {name: windows}`.",
        State.SKIPPED,
    )
    NO_USER_NAMESPACES = (
        "no-user-namespaces",
        (
            "A node offers no user namespaces to the pod, or none to pods of its RuntimeClass. The kubelet would not "
            'start it there ("can\'t set `spec.hostUsers: false`, runtime does not support user namespaces").'
        ),
        "Nothing. Operator: see which nodes lack it in `status.runtimeHandlers`.",
        State.SKIPPED,
    )
    NO_VOLUME = (
        "no-volume",
        "No container mounts a volume to which `fsGroup` applies.",
        "Nothing.",
        State.SKIPPED,
    )
    OPTED_IN = (
        "opted-in",
        "The ServiceAccount, or the pod, says `automountServiceAccountToken: true`.",
        "Nothing. Remove it if the program does not call the API.",
        State.SKIPPED,
        State.KEPT,
    )
    PLACEHOLDER = (
        "placeholder",
        (
            "The container's image says that another webhook [fills it in](defaults.md#placeholders). What we added "
            "there would count as its author's wish."
        ),
        "Nothing: once it is filled in, it is defaulted too. Otherwise another webhook should have done so.",
        State.SKIPPED,
    )
    PLATFORM_ASSIGNED_USER = (
        "platform-assigned-user",
        (
            "The namespace has the annotation `openshift.io/sa.scc.uid-range`: its platform assigns users and groups "
            "itself, and refuses others."
        ),
        "Nothing.",
        State.SKIPPED,
    )
    POD_LEVEL_RESOURCES = (
        "pod-level-resources",
        (
            "The pod has resources of its own (`spec.resources`). Requests or limits on containers would change what "
            "they mean."
        ),
        "Nothing.",
        State.SKIPPED,
    )
    PRIVILEGED = (
        "privileged",
        "The container is privileged. Such a container is not half-hardened.",
        "Remove `privileged: true` if it is not needed.",
        State.SKIPPED,
    )
    PROFILE_VERSION = (
        "profile-version",
        "A restricted level that judges the pod is older than 1.25 and does not exempt Windows pods.",
        "Raise the version label of the namespace.",
        State.SKIPPED,
    )
    QUOTA_SCOPE = (
        "quota-scope",
        "A ResourceQuota with the scope BestEffort or NotBestEffort counts pods by whether they have requests.",
        "Set requests on the containers yourself, or remove the scope.",
        State.SKIPPED,
    )
    RAW_BLOCK_VOLUME = (
        "raw-block-volume",
        "A container uses a raw block volume, beside which the API server refuses `hostUsers: false`.",
        "Nothing.",
        State.SKIPPED,
    )
    ID_NOT_MAPPED = (
        "id-not-mapped",
        (
            "The pod or an image names a user or group above 65535. A user namespace has 65536 ids, and with "
            '`hostUsers: false` the pod would not start: "container ID 100000 cannot be mapped to a host ID".'
        ),
        "Nothing. Use ids up to 65535.",
        State.SKIPPED,
    )
    REQUEST_ABOVE_LIMIT = (
        "request-above-limit",
        "The request would be above the limit, and the pod refused.",
        "Set both on the container.",
        State.SKIPPED,
    )
    RUNTIME_CLASS_ABSENT = (
        "runtime-class-absent",
        "The RuntimeClass does not exist; the pod would be refused.",
        "Create the class, or correct its name in the configuration or the namespace's annotation.",
        State.SKIPPED,
    )
    RUNTIME_CLASS_EXEMPT = (
        "runtime-class-exempt",
        "Pods of this RuntimeClass are exempt from Pod Security: adding it would switch the judgement off.",
        "Choose another class, or remove the exemption.",
        State.SKIPPED,
    )
    RUNTIME_CLASS_OVERHEAD = (
        "runtime-class-overhead",
        (
            "The class has an overhead and the namespace a ResourceQuota, which it could exceed; or the pod sets an "
            "overhead of its own."
        ),
        "Set `runtimeClassName` on the pod.",
        State.SKIPPED,
    )
    RUNTIME_CLASS_SELECTOR = (
        "runtime-class-selector",
        "The class runs on nodes that the pod's nodeSelector excludes; the pod would be refused.",
        "Change the nodeSelector, or choose another class.",
        State.SKIPPED,
    )
    SECCOMP_ANNOTATION = (
        "seccomp-annotation",
        "A seccomp annotation of old says something else than our field would; the API server refuses that.",
        "Replace the annotation by `securityContext.seccompProfile`.",
        State.SKIPPED,
    )
    SERVICE_ACCOUNT = (
        "service-account",
        "The pod names an account of its own, and the setting covers the account `default` only.",
        "Say `automountServiceAccountToken` on the pod or account; operator: `serviceAccounts: all`.",
        State.SKIPPED,
    )
    SKIP_ANNOTATION = (
        "skip-annotation",
        "The annotation `pod-security-defaulter.io/skip` of the namespace or pod names this default.",
        "Nothing. Remove the annotation to have it again.",
        State.SKIPPED,
    )
    SYS_ADMIN = (
        "sys-admin",
        "The container adds `SYS_ADMIN` or `ALL`, which `allowPrivilegeEscalation: false` would contradict.",
        "Remove the capability.",
        State.SKIPPED,
    )
    TMP_IN_USE = "tmp-in-use", "Something is mounted at `/tmp` already.", "Nothing.", State.SKIPPED
    TOO_MANY_CONTAINERS = (
        "too-many-containers",
        "The pod has more than 256 containers, and a LimitRange bounds their sum.",
        "Set the resources on the containers.",
        State.SKIPPED,
    )
    UNKNOWN = (
        "unknown",
        (
            "Something that decides it is not known: the namespace's LimitRanges, quotas or ServiceAccounts, "
            "whether a RuntimeClass exists, or whether the nodes offer user namespaces."
        ),
        "Offline: give the objects with `--objects`. In a cluster: see the logs for what cannot be read.",
        State.SKIPPED,
    )
    UNKNOWN_IMAGE = (
        "unknown-image",
        (
            "Nothing is known of the [image](images.md), and the operator set `unknownImages: skip`: it may run as "
            "root, and then would not start, or would fail without its capabilities."
        ),
        "Set `runAsNonRoot`; operator: say what the image is, with `--images` or in the ConfigMap.",
        State.SKIPPED,
    )
    USER_NAMESPACE = (
        "user-namespace",
        (
            "The pod has `hostUsers: false`, or gets it because an image runs as root and the operator set "
            "`rootImages: userNamespace`; and from 1.35 the profile does not ask for `runAsNonRoot` there."
        ),
        "Nothing.",
        State.SKIPPED,
        State.APPLIED,
    )
    VOLUME_NOT_IDMAPPED = (
        "volume-not-idmapped",
        (
            "The pod has a volume of a network filesystem, which cannot be mounted in a user namespace; or, for an "
            "image, a `hostPath`, of which nobody can tell."
        ),
        "Nothing.",
        State.SKIPPED,
    )
    WINDOWS = (
        "windows",
        "It is a Windows pod, which may not have the field.",
        "Nothing. Restricted exempts Windows pods from 1.25.",
        State.SKIPPED,
    )

    ADDED_CAPABILITIES = (
        "added-capabilities",
        (
            "The container adds capabilities that restricted does not allow. `ALL` is not dropped beside them unless "
            "the author does: the runtime's default set would be gone, and the pod would still not pass."
        ),
        "Remove them from `capabilities.add`; only `NET_BIND_SERVICE` may stay.",
        State.CONFLICT,
    )
    EXPLICIT_VALUE = (
        "explicit-value",
        "An explicit value violates the profile.",
        "Change or remove the field.",
        State.CONFLICT,
    )
    RUNS_AS_ROOT = (
        "runs-as-root",
        (
            "The container runs as user 0, or as `ContainerAdministrator`: it would not start with `runAsNonRoot: "
            "true`. Nor is `ALL` dropped, since it would fail without its capabilities and still not pass."
        ),
        "Set `runAsUser` to another number, or `runAsUserName` to another user.",
        State.CONFLICT,
    )

    means: str
    """What it means, in Markdown, with links as in docs/."""
    advice: str
    """What to do about it, in Markdown."""
    states: tuple[State, ...]
    """The states that the reason can accompany; docs/reasons.md lists it under the first."""

    def __new__(cls, code: str, means: str, advice: str, *states: State) -> Self:
        """A member that is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.means = means
        member.advice = advice
        member.states = states
        return member
