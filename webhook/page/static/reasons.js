// What a state and a reason mean; `…` is code. Generated from patches/model/ by `make tables`: change it there.

export const STATES = {
  "applied": {
    "title": "Added",
    "means": "It was unset, and is added."
  },
  "kept": {
    "title": "Kept",
    "means": "A value stands there already."
  },
  "skipped": {
    "title": "Left out",
    "means": "Adding it would break the pod, or someone said so."
  },
  "conflict": {
    "title": "Conflict",
    "means": "An explicit value stands against the profile. Only its author can change it."
  }
};

export const REASONS = {
  "unset": {
    "means": "Nobody had set the field, so it was added.",
    "advice": "Nothing. Set the field to decide for yourself."
  },
  "enforced": {
    "means": "The operator enforces this value, and another one was overwritten. Only `imagePullPolicy` does this.",
    "advice": "Write the enforced value; ask the operator for an exception."
  },
  "image-user": {
    "means": "The image runs as a user by name, of which the kubelet cannot tell that it is not root. Its number was written as `runAsUser`: the same user as before, and now it starts.",
    "advice": "Nothing. Give the image a numeric USER."
  },
  "injected-token": {
    "means": "The volume or mount of the ServiceAccount token, as the API server had added it, was removed.",
    "advice": "If the program calls the Kubernetes API, say `automountServiceAccountToken: true` on the pod or its ServiceAccount."
  },
  "author": {
    "means": "The pod sets it itself.",
    "advice": "Nothing."
  },
  "every-container": {
    "means": "Every container sets it itself, so a value on the pod would serve none.",
    "advice": "Nothing."
  },
  "limit-range": {
    "means": "A LimitRange of the namespace gives this value.",
    "advice": "Nothing. Change the LimitRange, or set the value on the container."
  },
  "limit-range-order": {
    "means": "Several LimitRanges give different values. The API server takes any of them, from request to request; offline the first by name is assumed.",
    "advice": "Have one LimitRange give the value."
  },
  "request-equals-limit": {
    "means": "The container has a limit and no request: the API server makes the request equal to the limit.",
    "advice": "Set a request if it should be lower."
  },
  "apparmor-annotation": {
    "means": "The pod has an AppArmor annotation of old.",
    "advice": "Replace the annotation by `securityContext.appArmorProfile`."
  },
  "author-identity": {
    "means": "The pod or a container sets a user or a group of its own. Ours beside it would belong to neither.",
    "advice": "Set `runAsUser`, `runAsGroup` and `fsGroup` together."
  },
  "author-volume": {
    "means": "A volume is named `kube-api-access-…` and is not what the API server injects. Someone wrote it, so token and mounts are left as they are.",
    "advice": "Name the volume differently, or say `automountServiceAccountToken` explicitly."
  },
  "cap-sys-admin": {
    "means": "The container adds `CAP_SYS_ADMIN`; the API server refuses `allowPrivilegeEscalation: false` beside it.",
    "advice": "Remove the capability."
  },
  "exception": {
    "means": "The operator's configuration excepts the container, or its namespace.",
    "advice": "Nothing. Operator: `exceptions` in the configuration."
  },
  "host-namespaces": {
    "means": "The pod uses the network, processes or IPC of its node, with which the setting does not go together.",
    "advice": "Remove `hostNetwork`, `hostPID`, `hostIPC` if they are not needed."
  },
  "image-runs-as-root": {
    "means": "The image runs as root. With `runAsNonRoot: true` the kubelet would not start it (\"container has runAsNonRoot and image will run as root\"), and without its capabilities most such programs fail.",
    "advice": "Set `runAsUser` to a user that the image supports, or use an image with a numeric USER. Operator: `rootImages`."
  },
  "image-user-name": {
    "means": "The image runs as a user by name, whose number is not known. With `runAsNonRoot: true` the kubelet would not start it (\"image has non-numeric user (…), cannot verify user is non-root\").",
    "advice": "Set `runAsUser` to the number of that user, or use an image with a numeric USER."
  },
  "bound-account": {
    "means": "A RoleBinding or ClusterRoleBinding gives the pod's account rights, so its program may call the API. The setting is `serviceAccounts: unbound`.",
    "advice": "If the program does not call the API, say `automountServiceAccountToken: false`."
  },
  "cloud-identity": {
    "means": "An annotation of the account, or a mark of the pod, asks a cloud for an identity. The setting is `serviceAccounts: unbound`.",
    "advice": "If the program does not need the token, say `automountServiceAccountToken: false`."
  },
  "injector": {
    "means": "An annotation asks an injector for a container that needs the pod's API token, and the setting is `injectors: keep` or `serviceAccounts: unbound`.",
    "advice": "Nothing. Give the injected container a token of its own, and say `automountServiceAccountToken: false`."
  },
  "item-bounds": {
    "means": "The configured value lies outside the same configuration's `min`, `max` or `maxLimitRequestRatio`.",
    "advice": "Operator: correct the item. Author: set the resource on the container."
  },
  "limit-range-bounds": {
    "means": "With this addition the pod would break a LimitRange, and be refused.",
    "advice": "Set requests and limits that leave room, or widen the LimitRange."
  },
  "linux-field": {
    "means": "The nodeSelector says Windows, but the pod sets a field that a Windows pod may not have.",
    "advice": "Remove the fields that only Linux has and set `os: {name: windows}`."
  },
  "no-user-namespaces": {
    "means": "A node offers no user namespaces to the pod, or none to pods of its RuntimeClass. The kubelet would not start it there (\"can't set `spec.hostUsers: false`, runtime does not support user namespaces\").",
    "advice": "Nothing. Operator: see which nodes lack it in `status.runtimeHandlers`."
  },
  "no-volume": {
    "means": "No container mounts a volume to which `fsGroup` applies.",
    "advice": "Nothing."
  },
  "opted-in": {
    "means": "The ServiceAccount, or the pod, says `automountServiceAccountToken: true`.",
    "advice": "Nothing. Remove it if the program does not call the API."
  },
  "placeholder": {
    "means": "The container's image says that another webhook fills it in. What we added there would count as its author's wish.",
    "advice": "Nothing: once it is filled in, it is defaulted too. Otherwise another webhook should have done so."
  },
  "platform-assigned-user": {
    "means": "The namespace has the annotation `openshift.io/sa.scc.uid-range`: its platform assigns users and groups itself, and refuses others.",
    "advice": "Nothing."
  },
  "pod-level-resources": {
    "means": "The pod has resources of its own (`spec.resources`). Requests or limits on containers would change what they mean.",
    "advice": "Nothing."
  },
  "privileged": {
    "means": "The container is privileged. Such a container is not half-hardened.",
    "advice": "Remove `privileged: true` if it is not needed."
  },
  "profile-version": {
    "means": "A restricted level that judges the pod is older than 1.25 and does not exempt Windows pods.",
    "advice": "Raise the version label of the namespace."
  },
  "quota-scope": {
    "means": "A ResourceQuota with the scope BestEffort or NotBestEffort counts pods by whether they have requests.",
    "advice": "Set requests on the containers yourself, or remove the scope."
  },
  "raw-block-volume": {
    "means": "A container uses a raw block volume, beside which the API server refuses `hostUsers: false`.",
    "advice": "Nothing."
  },
  "id-not-mapped": {
    "means": "The pod or an image names a user or group above 65535. A user namespace has 65536 ids, and with `hostUsers: false` the pod would not start: \"container ID 100000 cannot be mapped to a host ID\".",
    "advice": "Nothing. Use ids up to 65535."
  },
  "request-above-limit": {
    "means": "The request would be above the limit, and the pod refused.",
    "advice": "Set both on the container."
  },
  "runtime-class-absent": {
    "means": "The RuntimeClass does not exist; the pod would be refused.",
    "advice": "Create the class, or correct its name in the configuration or the namespace's annotation."
  },
  "runtime-class-exempt": {
    "means": "Pods of this RuntimeClass are exempt from Pod Security: adding it would switch the judgement off.",
    "advice": "Choose another class, or remove the exemption."
  },
  "runtime-class-overhead": {
    "means": "The class has an overhead and the namespace a ResourceQuota, which it could exceed; or the pod sets an overhead of its own.",
    "advice": "Set `runtimeClassName` on the pod."
  },
  "runtime-class-selector": {
    "means": "The class runs on nodes that the pod's nodeSelector excludes; the pod would be refused.",
    "advice": "Change the nodeSelector, or choose another class."
  },
  "seccomp-annotation": {
    "means": "A seccomp annotation of old says something else than our field would; the API server refuses that.",
    "advice": "Replace the annotation by `securityContext.seccompProfile`."
  },
  "service-account": {
    "means": "The pod names an account of its own, and the setting covers the account `default` only.",
    "advice": "Say `automountServiceAccountToken` on the pod or account; operator: `serviceAccounts: all`."
  },
  "skip-annotation": {
    "means": "The annotation `pod-security-defaulter.io/skip` of the namespace or pod names this default.",
    "advice": "Nothing. Remove the annotation to have it again."
  },
  "sys-admin": {
    "means": "The container adds `SYS_ADMIN` or `ALL`, which `allowPrivilegeEscalation: false` would contradict.",
    "advice": "Remove the capability."
  },
  "tmp-in-use": {
    "means": "Something is mounted at `/tmp` already.",
    "advice": "Nothing."
  },
  "too-many-containers": {
    "means": "The pod has more than 256 containers, and a LimitRange bounds their sum.",
    "advice": "Set the resources on the containers."
  },
  "unknown": {
    "means": "Something that decides it is not known: the namespace's LimitRanges, quotas or ServiceAccounts, whether a RuntimeClass exists, or whether the nodes offer user namespaces.",
    "advice": "Offline: give the objects with `--objects`. In a cluster: see the logs for what cannot be read."
  },
  "unknown-image": {
    "means": "Nothing is known of the image, and the operator set `unknownImages: skip`: it may run as root, and then would not start, or would fail without its capabilities.",
    "advice": "Set `runAsNonRoot`; operator: say what the image is, with `--images` or in the ConfigMap."
  },
  "user-namespace": {
    "means": "The pod has `hostUsers: false`, or gets it because an image runs as root and the operator set `rootImages: userNamespace`; and from 1.35 the profile does not ask for `runAsNonRoot` there.",
    "advice": "Nothing."
  },
  "volume-not-idmapped": {
    "means": "The pod has a volume of a network filesystem, which cannot be mounted in a user namespace; or, for an image, a `hostPath`, of which nobody can tell.",
    "advice": "Nothing."
  },
  "windows": {
    "means": "It is a Windows pod, which may not have the field.",
    "advice": "Nothing. Restricted exempts Windows pods from 1.25."
  },
  "added-capabilities": {
    "means": "The container adds capabilities that restricted does not allow. `ALL` is not dropped beside them unless the author does: the runtime's default set would be gone, and the pod would still not pass.",
    "advice": "Remove them from `capabilities.add`; only `NET_BIND_SERVICE` may stay."
  },
  "explicit-value": {
    "means": "An explicit value violates the profile.",
    "advice": "Change or remove the field."
  },
  "runs-as-root": {
    "means": "The container runs as user 0, or as `ContainerAdministrator`: it would not start with `runAsNonRoot: true`. Nor is `ALL` dropped, since it would fail without its capabilities and still not pass.",
    "advice": "Set `runAsUser` to another number, or `runAsUserName` to another user."
  },
  "deleting": {
    "means": "The object is being deleted.",
    "advice": "Nothing."
  },
  "immutable-template": {
    "means": "It is an update of a Job. Nobody may change the template of a Job that exists: with a patch the API server would refuse the update. Pods that the Job creates from now on are patched.",
    "advice": "Nothing. The template of a new Job is patched."
  },
  "mirror-pod": {
    "means": "It is the mirror of a static pod, which the kubelet runs from a file on its node. It is judged all the same.",
    "advice": "Change the file on the node."
  },
  "mode": {
    "means": "The namespace's label `pod-security-defaulter.io/mode`, or the configuration, says `warn` or `audit`: what would be added is only said.",
    "advice": "Set the label to `enforce` when the warnings look right."
  },
  "off": {
    "means": "The mode is `off`.",
    "advice": "Set the label `pod-security-defaulter.io/mode` to have the namespace's pods defaulted."
  },
  "owned-template": {
    "means": "The template belongs to an object that another controller owns and would write again.",
    "advice": "Change the owner."
  },
  "template": {
    "means": "It is the template of a controller. Its pods are patched; patching the template would make GitOps tools see a difference.",
    "advice": "Nothing. `patchTemplates: true` patches templates too."
  },
  "unchanged-template": {
    "means": "It is an update that leaves the template as it was. A patch would start a rollout that nobody asked for. Pods that are created from now on are patched.",
    "advice": "Nothing. The template is patched when its author changes it, for example by `kubectl rollout restart`."
  },
  "update": {
    "means": "The pod exists already, and its spec is immutable.",
    "advice": "Create the pod anew, for example with `kubectl rollout restart`."
  }
};
