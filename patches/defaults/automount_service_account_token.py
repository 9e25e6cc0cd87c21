"""automountServiceAccountToken: `false`, and the token that is already mounted removed.

Fields: `spec.automountServiceAccountToken`, `spec.volumes`, `volumeMounts` of every container. ServiceAccount admission
runs before webhooks, so a pod arrives with a projected volume `kube-api-access-…` and its mounts: the field alone would
leave the token, and removing the volume alone would be undone. The default removes only what the plugin injected: a
single volume of that prefix, with exactly the plugin's three sources, mounted read-only at the plugin's path, and not
owned by anyone in managedFields. Any other volume of that prefix is the author's: the API server itself mounts it, and
the whole default is skipped. A pod or ServiceAccount that says `automountServiceAccountToken: true` has opted in, and
accounts outside the setting `serviceAccounts` are left alone: with `unbound`, those to which a binding or a cloud gives
rights. Where an annotation asks an injector for a container that needs the token, the token goes with a notice, or
stays with the setting `injectors: keep` or `serviceAccounts: unbound`. An account that has rights and loses its token
is a notice too. Source: the ServiceAccount admission plugin; for injectors, injectors.py; for clouds,
cloud_identities.py.
"""

from __future__ import annotations

from typing import Any, Final

from patches.defaults.cloud_identities import find_cloud_identity
from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.defaults.injectors import find_injectors
from patches.model.decisions import Reason
from patches.model.needs import Need
from patches.model.notices import NoticeCode
from patches.model.pod import Pod
from patches.model.shapes import Volume
from patches.policy.snapshot import UNKNOWN, ServiceAccount
from patches.standards.levels import Level

ID: Final = "automountServiceAccountToken"
VOLUME_PREFIX: Final = "kube-api-access-"
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SOURCES: Final = [
    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {
        "downwardAPI": {
            "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}],
        },
    },
]


def apply(draft: Draft) -> None:
    """Set false on the pod and remove the token that the API server mounted."""
    if not draft.whole_pod:
        return
    spec = draft.pod.spec
    path = f"{draft.pod.spec_path}/{ID}"
    own = spec.get(ID)
    if own is not None:
        draft.kept(ID, path, own, Reason.OPTED_IN if own else Reason.AUTHOR)
        return
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    reason = _obstacle(draft, account)
    volumes = spec.get("volumes") or []
    tokens = [index for index, volume in enumerate(volumes) if volume["name"].startswith(VOLUME_PREFIX)]
    if reason is None and tokens and not (len(tokens) == 1 and _is_injected(draft.pod, volumes[tokens[0]])):
        reason = Reason.AUTHOR_VOLUME
    settings = draft.policy.settings.automount_service_account_token
    injectors = find_injectors(draft.pod.annotations, settings.injector_annotations) if reason is None else []
    if injectors and (settings.injectors == "keep" or settings.service_accounts == "unbound"):
        reason = Reason.INJECTOR
    if reason is not None:
        draft.skipped(ID, path, reason)
        return
    if injectors:
        draft.notice(NoticeCode.INJECTOR_WITHOUT_TOKEN, path, ", ".join(injectors))
    binding = draft.namespace.bindings.find(account)
    if binding and binding is not UNKNOWN:
        draft.notice(NoticeCode.BOUND_ACCOUNT_WITHOUT_TOKEN, path, account, binding)
    if tokens:
        _remove(draft, volumes[tokens[0]]["name"], tokens[0])
    draft.add(ID, draft.pod.spec_path, ID, value=False)


def _obstacle(draft: Draft, account: str) -> Reason | None:
    scope = draft.policy.settings.automount_service_account_token.service_accounts
    if account != "default" and scope == "default":
        return Reason.SERVICE_ACCOUNT
    known = draft.namespace.service_accounts.find(account)
    if known is UNKNOWN:
        return Reason.UNKNOWN
    if known is not None and known.automount:
        return Reason.OPTED_IN
    return _rights(draft, account, known) if scope == "unbound" else None


def _rights(draft: Draft, account: str, known: ServiceAccount | None) -> Reason | None:
    """Why an account keeps its token under `serviceAccounts: unbound`."""
    binding = draft.namespace.bindings.find(account)
    if binding is UNKNOWN:
        return Reason.UNKNOWN
    if binding:
        return Reason.BOUND_ACCOUNT
    if (known is not None and known.cloud_identity) or find_cloud_identity(
        draft.pod.annotations, draft.pod.metadata.get("labels") or {}
    ):
        return Reason.CLOUD_IDENTITY
    return None


def _remove(draft: Draft, name: str, position: int) -> None:
    """Remove the volume and its mounts, the last mount of a container first so that the other indexes stay right."""
    for container in draft.pod.containers:
        mounts = container.value.get("volumeMounts") or []
        for index in reversed(range(len(mounts))):
            if mounts[index].get("name") == name:
                draft.remove(ID, f"{container.path}/volumeMounts", index)
    draft.remove(ID, f"{draft.pod.spec_path}/volumes", position)


def _is_injected(pod: Pod, volume: Volume) -> bool:
    name = volume["name"]
    fields: Any = volume
    return (
        fields == {"name": name, "projected": {"sources": TOKEN_SOURCES, "defaultMode": 420}}
        and not _claimed(pod, name)
        and all(
            mount == {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
            for container in pod.containers
            for mount in container.value.get("volumeMounts") or ()
            if mount.get("name") == name
        )
    )


def _claimed(pod: Pod, name: str) -> bool:
    """Whether managedFields lists the volume, which means that a person or a tool wrote it."""
    key = f'k:{{"name":"{name}"}}'
    for entry in pod.metadata.get("managedFields") or ():
        spec = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        if key in (spec.get("f:volumes") or ()):
            return True
    return False


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.BASELINE,
    title="No API token mounted",
    adds="`automountServiceAccountToken: false`; removes the mounted token",
    fields=("automountServiceAccountToken", "volumes", "container.volumeMounts"),
    needs=frozenset({Need.SERVICE_ACCOUNT, Need.ROLE_BINDING}),
    apply=apply,
)
