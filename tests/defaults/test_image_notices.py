"""What is said of images: each sentence names the container and its image, and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from patches.compiler import compile_namespace
from patches.evaluation import Evaluation, evaluate
from patches.model.images import ImageFacts, Images
from patches.model.notices import NoticeCode
from patches.model.pod import Origin, locate
from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.defaults.cases import load_cases
from tests.review.builders import NAMESPACE, configured, container, gatherer_of, namespace_object, pod
from webhook.review.notices import notice_warnings
from webhook.review.starts import start_warnings

_OURS = "pod-security-defaulter: "
_RUN_AS_NON_ROOT = {
    "image-root": [
        (
            'container "croot" (image registry.example/root:1) runs as root: runAsNonRoot was not added. To comply: '
            "set runAsUser to a user that the image supports, or use an image with a numeric USER"
        )
    ],
    "image-name": [
        (
            'container "cname" (image registry.example/name:1) runs as user memcache, whose number is not known: '
            "runAsNonRoot was not added. To comply: set runAsUser to its number, or use an image with a numeric USER"
        )
    ],
    "image-root-warn": [
        (
            'container "croot" (image registry.example/root:1) will not start: container has runAsNonRoot and image '
            "will run as root. Set runAsUser to a user that the image supports"
        )
    ],
    "image-name-warn": [
        (
            'container "cname" (image registry.example/name:1) will not start: image has non-numeric user '
            "(memcache), cannot verify user is non-root. Set runAsUser to a user that the image supports"
        )
    ],
    "image-named-warn": [
        (
            'container "cnamed" (image registry.example/named:1) will not start: image has non-numeric user '
            "(memcache), cannot verify user is non-root. Set runAsUser to a user that the image supports"
        )
    ],
    "image-named": [],
    "image-number": [],
    "image-unknown": [],
    "image-unknown-skip": [],
    "image-root-author-true": [
        (
            'container "croot" (image registry.example/root:1) will not start: container has runAsNonRoot and image '
            "will run as root. Set runAsUser to a user that the image supports"
        )
    ],
    "image-root-author-user": [],
    "image-root-user-namespace": [],
}
_CAPABILITIES = {
    "image-root": [],
    "image-root-warn": [],
    "image-root-user-namespace": [],
    "image-root-user-namespace-enforced": [
        'container "croot" runs as root in a user namespace without capabilities: chown, setuid and setgid fail'
    ],
    "image-file-capabilities": [
        (
            'container "b" (image raw) will not start: exec …: operation not permitted, because it drops the file '
            "capabilities of its program. Use an image without them"
        )
    ],
}


_HOST_USERS = {
    "image-root-nodes-offer": [],
    "image-root-claim": [
        (
            "the pod gets a user namespace: if the claim of volume data lies on a network filesystem, it "
            "will not start. Then set hostUsers: true"
        )
    ],
    "image-root-claim-template": [
        (
            "the pod gets a user namespace: if the claim of volume scratch, data lies on a network filesystem, it "
            "will not start. Then set hostUsers: true"
        )
    ],
    "claim": [],
}
_READ_ONLY = {
    "image-without-volumes": [],
    "image-volumes-without-writable-tmp": [],
    "image-volumes": [
        (
            'container "app" (image registry.example/app:1): an emptyDir hides what the image has at /data, '
            "/var/lib/app. If it fails, mount a volume there or set readOnlyRootFilesystem: false"
        )
    ],
}


@pytest.mark.parametrize(
    ("default", "name", "expected"),
    [
        (default, name, expected)
        for default, rows in (
            ("runAsNonRoot", _RUN_AS_NON_ROOT),
            ("capabilities", _CAPABILITIES),
            ("hostUsers", _HOST_USERS),
            ("readOnlyRootFilesystem", _READ_ONLY),
        )
        for name, expected in rows.items()
    ],
)
def test_what_is_said(default: str, name: str, expected: list[str]) -> None:
    """Once for each container; nothing where it starts as before."""
    (case,) = (case for case in load_cases() if (case.id, case.name) == (default, name))
    evaluation = case.run()
    assert [*start_warnings(evaluation), *notice_warnings(evaluation)] == [_OURS + text for text in expected]


_ROOT = Images({"nginx:1.27": ImageFacts(user="")})
_ENFORCED = {PSA_PREFIX + "enforce": "restricted"}


@pytest.mark.parametrize(
    ("labels", "fields", "named"),
    [
        (_ENFORCED, {}, True),
        ({**_ENFORCED, PSA_PREFIX + "enforce-version": "v1.35"}, {}, True),
        ({**_ENFORCED, PSA_PREFIX + "enforce-version": "v1.34"}, {}, False),
        ({**_ENFORCED, PSA_PREFIX + "warn": "restricted", PSA_PREFIX + "warn-version": "v1.34"}, {}, False),
        ({PSA_PREFIX + "enforce": "baseline", PREFIX + "profile": "restricted"}, {}, False),
        (_ENFORCED, {"hostUsers": True}, False),
        (_ENFORCED, {"hostNetwork": True}, False),
        (_ENFORCED, {"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]}, False),
        (_ENFORCED, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, False),
    ],
)
def test_a_user_namespace_is_named_only_where_it_lets_the_pod_pass(
    labels: dict[str, str], fields: dict[str, Any], *, named: bool
) -> None:
    """Root in a user namespace passes from v1.35 on, at every level that judges the pod, if nothing forbids one."""
    snapshot = gatherer_of([namespace_object(labels)]).snapshot(NAMESPACE)
    namespace = replace(compile_namespace(snapshot, configured()), images=_ROOT)

    def evaluated(**more: Any) -> Evaluation:
        found = locate(pod(containers=[container("web", image="nginx:1.27")], **fields | more), Origin.ADMISSION)
        assert found is not None
        return evaluate(found, namespace)

    codes = {notice.code for notice in evaluated().notices}
    assert (NoticeCode.ROOT_IMAGE_MAPPABLE in codes, NoticeCode.ROOT_IMAGE in codes) == (named, not named)
    passes = not any(evaluated(hostUsers=False).verdicts.values())
    assert passes or not named
