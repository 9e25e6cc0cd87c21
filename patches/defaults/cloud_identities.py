"""The marks of a pod or ServiceAccount that ask a cloud for an identity.

Each cloud exchanges a token of the account for one of its own. The annotation stands on the account; Azure's webhook
looks at a label of the pod as well.
"""

from __future__ import annotations

from typing import Final

from patches.model.shapes import StringMap

_ANNOTATIONS: Final = (
    # https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    "eks.amazonaws.com/role-arn",
    # https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
    "iam.gke.io/gcp-service-account",
    # https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
    "azure.workload.identity/client-id",
    # https://www.alibabacloud.com/help/en/ack (pod identity webhook of RRSA)
    "pod-identity.alibabacloud.com/role-name",
)
_LABEL: Final = "azure.workload.identity/use"


def find_cloud_identity(annotations: StringMap, labels: StringMap) -> str:
    """Find the annotation or label that asks for the identity; "" if there is none."""
    if labels.get(_LABEL) == "true":
        return _LABEL
    return next((key for key in _ANNOTATIONS if annotations.get(key)), "")
