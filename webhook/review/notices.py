"""The sentences of the engine's notices, as warnings: useful words first, one line each."""

from __future__ import annotations

from typing import Final

from patches import Evaluation, Notice, NoticeCode, Pod, Stage, field_path

_SENTENCES: Final = {
    NoticeCode.ROOT_WITHOUT_CAPABILITIES: (
        'container "{0}" runs as root in a user namespace without capabilities: chown, setuid and setgid fail'
    ),
    NoticeCode.ROOT_IMAGE: (
        'container "{0}" (image {1}) runs as root: runAsNonRoot was not added. To comply: set runAsUser to a user '
        "that the image supports, or use an image with a numeric USER"
    ),
    NoticeCode.ROOT_IMAGE_MAPPABLE: (
        'container "{0}" (image {1}) runs as root: runAsNonRoot was not added. To comply: set runAsUser to a user '
        "that the image supports, use an image with a numeric USER, or set hostUsers: false if nodes offer user "
        "namespaces"
    ),
    NoticeCode.NAMED_USER_IMAGE: (
        'container "{0}" (image {1}) runs as user {2}, whose number is not known: runAsNonRoot was not added. To '
        "comply: set runAsUser to its number, or use an image with a numeric USER"
    ),
    NoticeCode.SUSPECTED_DEFAULT: (
        'container "{0}" (image {1}) failed here before with the default {2}. If it does again, set the field '
        "yourself, or name the default in the namespace's annotation pod-security-defaulter.io/skip"
    ),
    NoticeCode.VOLUME_EMPTIED: (
        'container "{0}" (image {1}): an emptyDir hides what the image has at {2}. If it fails, mount a volume there '
        "or set readOnlyRootFilesystem: false"
    ),
    NoticeCode.CLAIM_IN_USER_NAMESPACE: (
        "the pod gets a user namespace: if the claim of volume {0} lies on a network filesystem, it will not start. "
        "Then set hostUsers: true"
    ),
    NoticeCode.INJECTOR_WITHOUT_TOKEN: (
        "{0} needs the API token, which this pod loses; to keep it, say automountServiceAccountToken: true"
    ),
    NoticeCode.BOUND_ACCOUNT_WITHOUT_TOKEN: (
        "ServiceAccount {0} has rights by {1}, and this pod loses its token; "
        "if it calls the API, say automountServiceAccountToken: true"
    ),
    NoticeCode.OWNER: "{0} owns it and is what to change: it may undo what is added here",
    NoticeCode.TEMPLATE_AS_WRITTEN: (
        "pods of this {0} are filled in and pass {1}; "
        '"would violate PodSecurity" from Kubernetes is about the template as written'
    ),
    NoticeCode.QUOTA_REFUSAL: "pods would be refused: failed quota: {0}: must specify {1}",
    NoticeCode.QUOTA_UNCOUNTED: "quota {0} counts 0 where nobody sets it: {1}",
    NoticeCode.PODS_REFUSED: 'pods of this {0} would be refused: they violate PodSecurity "{1}"',
    NoticeCode.HOST_PORTS_COPIED: "{pods}hostNetwork copies containerPort to hostPort: {0} ({1})",
    NoticeCode.APP_ARMOR_FIELDS: "{pods}AppArmor annotations become fields: {0} ({1})",
}
"""By code. `{path}` is where it is, as the API server writes fields; `{0}` and so on are the notice's values.

`{pods}` says, where the object is a template, that what follows happens to its pods only.
"""

_OF_DOUBT: Final = (
    NoticeCode.SUSPECTED_DEFAULT,
    NoticeCode.INJECTOR_WITHOUT_TOKEN,
    NoticeCode.BOUND_ACCOUNT_WITHOUT_TOKEN,
)
_OF_IMAGES: Final = (NoticeCode.ROOT_IMAGE, NoticeCode.ROOT_IMAGE_MAPPABLE, NoticeCode.NAMED_USER_IMAGE)


def notice_warnings(evaluation: Evaluation) -> list[str]:
    """Return a warning for each notice, each text once."""
    return list(dict.fromkeys(_warning(notice, evaluation.pod) for notice in evaluation.notices))


def arrival_warnings(evaluation: Evaluation, stage: Stage) -> list[str]:
    """Return a warning for each violation that the API server's own steps make on the way to a stage."""
    return [_warning(notice, evaluation.pod) for notice in evaluation.worsened(stage)]


def image_sentences(evaluation: Evaluation) -> dict[str, str]:
    """Return the sentence about each container whose image kept a default from it, by the container's path."""
    rows = (notice for notice in evaluation.notices if notice.code in _OF_IMAGES)
    return {f"{notice.path}/": _sentence(notice, evaluation.pod) for notice in rows}


def doubt_sentences(evaluation: Evaluation) -> list[str]:
    """Return the sentence about each default that may keep the pod from working: by what failed, and by tokens."""
    rows = (notice for notice in evaluation.notices if notice.code in _OF_DOUBT)
    return [_sentence(notice, evaluation.pod) for notice in rows]


def _warning(notice: Notice, pod: Pod) -> str:
    return "pod-security-defaulter: " + _sentence(notice, pod)


def _sentence(notice: Notice, pod: Pod) -> str:
    pods = "in its pods only: " if pod.is_template else ""
    return _SENTENCES[notice.code].format(*notice.values, path=field_path(notice.path), pods=pods)
