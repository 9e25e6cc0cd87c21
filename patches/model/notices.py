"""What a person should hear in time about a pod: a code, a place and values. The sentences are made by the printers."""

from __future__ import annotations

from typing import NamedTuple

from patches.model.explained_code import ExplainedCode


class NoticeCode(ExplainedCode):
    """What a notice is about. A closed set, in the order of docs/reasons.md."""

    ROOT_WITHOUT_CAPABILITIES = (
        "root-without-capabilities",
        (
            "The container runs as user 0 in a user namespace, so it passes and every capability is dropped: `chown`, "
            "`setuid` and `setgid` then fail."
        ),
        "Add the capabilities that it needs, as `CHOWN`, where the profile allows them, or do without root.",
    )
    ROOT_IMAGE = (
        "root-image",
        (
            "The [image](images.md) of a container runs as root, so [`runAsNonRoot`](defaults.md#runAsNonRoot) and "
            "`capabilities` were not added to it: it would not have started."
        ),
        "Set `runAsUser` to a user that the image supports, or use an image with a numeric USER.",
    )
    ROOT_IMAGE_MAPPABLE = (
        "root-image-mappable",
        (
            "As `root-image`, and nothing in the pod forbids a [user namespace](defaults.md#hostUsers): in one, root "
            "passes every restricted level by which the pod is judged, each v1.35 or later."
        ),
        (
            "As for `root-image`, or set `hostUsers: false` on the pod, if the nodes offer user namespaces. Every "
            "capability is dropped then: `chown`, `setuid` and `setgid` fail. Operator: `rootImages: userNamespace`."
        ),
    )
    NAMED_USER_IMAGE = (
        "named-user-image",
        (
            "The [image](images.md) of a container runs as a user by name, whose number is not known, so "
            "[`runAsNonRoot`](defaults.md#runAsNonRoot) was not added to it: it would not have started."
        ),
        "Set `runAsUser` to the number of that user, or use an image with a numeric USER.",
    )
    SUSPECTED_DEFAULT = (
        "suspected-default",
        (
            "After this default had been added, containers of this [image](images.md#what-hangs-and-why) failed in the "
            "namespace, and it may be why."
        ),
        (
            "Set the field yourself, or name the default in the namespace's annotation "
            "`pod-security-defaulter.io/skip`. A container that runs for a minute with the default ends the suspicion."
        ),
    )
    VOLUME_EMPTIED = (
        "volume-emptied",
        (
            "[`writableTmp`](defaults.md#readOnlyRootFilesystem) mounts an `emptyDir` at each VOLUME of a container's "
            "[image](images.md). It hides the files that the image has there, and who owns the directory: a program "
            "that looks for them, or that has to own it, fails."
        ),
        "Mount a volume of your own there, or set `readOnlyRootFilesystem: false` on the container.",
    )
    CLAIM_IN_USER_NAMESPACE = (
        "claim-in-user-namespace",
        (
            "The pod gets a [user namespace](defaults.md#hostUsers) because an image runs as root, and it has a "
            "PersistentVolumeClaim. If that lies on a network filesystem, the pod does not start: such a filesystem "
            "cannot be mounted in a user namespace."
        ),
        "Set `hostUsers: true` on the pod where the claim lies on such a filesystem.",
    )
    INJECTOR_WITHOUT_TOKEN = (
        "injector-without-token",
        (
            "An annotation asks an injector for a container that needs the pod's API token, and "
            "[`automountServiceAccountToken`](defaults.md#automountServiceAccountToken) takes the token away. The "
            "injector then refuses the pod, or its container fails."
        ),
        (
            "See [what gives it the token](defaults.md#sidecars-that-need-the-api-token). Operator: `injectors: keep` "
            "leaves such pods their token."
        ),
    )
    BOUND_ACCOUNT_WITHOUT_TOKEN = (
        "bound-account-without-token",
        (
            "A RoleBinding or ClusterRoleBinding gives the pod's account rights, and "
            "[`automountServiceAccountToken`](defaults.md#automountServiceAccountToken) takes the token away with "
            "which it would use them."
        ),
        (
            "If the program calls the Kubernetes API, say `automountServiceAccountToken: true` on the pod or its "
            "ServiceAccount. Operator: `serviceAccounts: unbound` leaves such accounts their token."
        ),
    )
    OWNER = (
        "owner",
        (
            "In a file: a controller owns the object. It may write the object again without what is added here, or see "
            "a difference."
        ),
        "Change the owner, or what the owner is made of.",
    )
    TEMPLATE_AS_WRITTEN = (
        "template-as-written",
        (
            "Kubernetes warns `would violate PodSecurity …` of the template as it is written. The pods are filled in "
            "when they are created, and pass the levels `warn` and `enforce` of the namespace."
        ),
        "Nothing. To silence Kubernetes, write what is added into the template, as `preview -o yaml` prints it.",
    )
    QUOTA_REFUSAL = (
        "quota-refusal",
        (
            "A ResourceQuota on cpu or memory refuses a pod if one of its containers, of init containers and sidecars "
            "too, does not set the request or limit that the quota counts; and neither the container nor a LimitRange "
            "nor [`resources`](defaults.md#resources) sets it."
        ),
        "Set it on the containers. Operator: give it as a LimitRange's or the configuration's `default`.",
    )
    QUOTA_UNCOUNTED = (
        "quota-uncounted",
        (
            "A ResourceQuota counts ephemeral storage, and nobody sets it for these containers. Such a pod is not "
            "refused: it counts as 0."
        ),
        "As for [`quota-refusal`](#quota-refusal).",
    )
    PODS_REFUSED = (
        "pods-refused",
        (
            "The pods that the controller makes of the template would violate the namespace's `enforce` level and be "
            "refused. Whoever applies the controller never sees that answer: it is in an event of the controller."
        ),
        "Change the fields that the warning beside it names.",
    )
    HOST_PORTS_COPIED = (
        "host-ports-copied",
        (
            "With `hostNetwork: true` the API server copies each containerPort of a pod to hostPort, which the profile "
            "forbids. It does so on pods, not in templates, so it does not warn of it on a controller."
        ),
        "Do without `hostNetwork`, or leave `ports` out: on the node's network they are only informative.",
    )
    APP_ARMOR_FIELDS = (
        "app-armor-fields",
        (
            "The API server copies the AppArmor annotations of a new pod to fields of its containers, not those of a "
            "template. A violation then names both."
        ),
        "Set `securityContext.appArmorProfile` in place of the annotation.",
    )


class Notice(NamedTuple):
    """One notice. `path` is a JSON Pointer into the document; `values` are what the sentence names, in its order."""

    code: NoticeCode
    path: str
    values: tuple[str, ...] = ()
