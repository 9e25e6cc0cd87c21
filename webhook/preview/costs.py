"""What one review of each pod in manifests costs: CPU time in this process, from bytes to bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from patches import Origin, Pod, custom_templates
from webhook.documents.document import Document
from webhook.errors import BrokenDocument, InvalidObject
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.manifests import Manifest, failure, metadata_of, text_of
from webhook.preview.preview import Surroundings, read_object
from webhook.preview.results import Failure
from webhook.review.codec import API_VERSION, KIND, decode_review, encode_review
from webhook.review.namespace_cache import NamespaceCache
from webhook.review.reviewer import Reviewer

_ROUNDS: Final = 5
_SECONDS: Final = 0.02
"""A round repeats a review until it has taken this long."""


class Cost(NamedTuple):
    """What a review of one pod costs.

    Attributes:
        kind: of the object that the pod stands in.
        name: of that object.
        namespace: of that object.
        containers: how many the pod has, of all kinds.
        size: bytes of the review.
        patch: bytes of the patch; 0 for none.
        micros: microseconds of CPU time, those of the fastest round: what is slower is the machine's doing.
    """

    kind: str
    name: str
    namespace: str
    containers: int
    size: int
    patch: int
    micros: float


async def measure_costs(
    documents: Sequence[Document | BrokenDocument], surroundings: Surroundings, namespace: str
) -> list[Cost | Failure]:
    """Review each pod again and again.

    Args:
        documents: the manifests. Cluster objects among them count for all.
        surroundings: what else is known.
        namespace: the namespace of objects without one.
    """
    gatherer = ManifestGatherer(default_namespace=namespace, base=surroundings.namespaces.snapshots)
    manifests = [read_object(document, gatherer) for document in documents]
    reviewer = Reviewer(NamespaceCache(gatherer, surroundings.configuration))
    templates = custom_templates(surroundings.configuration)
    found: list[Cost | Failure] = []
    for manifest in manifests:
        if isinstance(manifest, Failure):
            found.append(manifest)
            continue
        try:
            pods = templates.locate(manifest.value, Origin.MANIFEST)
        except InvalidObject as error:
            found.append(failure(manifest.document, error))
            continue
        found += [await _measure(manifest, pod, reviewer, manifest.namespace or namespace) for pod in pods]
    return found


async def _measure(manifest: Manifest, pod: Pod, reviewer: Reviewer, namespace: str) -> Cost:
    body = _review(pod, namespace)
    response = await reviewer.mutate(decode_review(body))  # the first review compiles the namespace
    micros = min([await _round(reviewer, body) for _ in range(_ROUNDS)])
    value = manifest.value
    name = text_of(metadata_of(value).get("name") or metadata_of(value).get("generateName"))
    patch = len(response.patch or b"")
    return Cost(text_of(value.get("kind")), name, namespace, len(pod.containers), len(body), patch, micros)


async def _round(reviewer: Reviewer, body: bytes) -> float:
    """The mean microseconds of some reviews."""
    began, count = time.process_time(), 0
    while (taken := time.process_time() - began) < _SECONDS:
        encode_review(await reviewer.mutate(decode_review(body)))
        count += 1
    return taken / count * 1e6


def _review(pod: Pod, namespace: str) -> bytes:
    """The review of the creation of a pod, as an API server sends it for the pods of a controller."""
    kept = {key: value for key, value in pod.metadata.items() if key in ("labels", "annotations")}
    metadata = {"generateName": "p-", "namespace": namespace, **kept}
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": namespace,
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod.spec},
    }
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": KIND, "request": request})
