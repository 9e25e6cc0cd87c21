"""Microseconds per review: `make bench`. One core, in process: bytes in, bytes out, without the network.

The pods are the recorded ones' shape: what a kube-apiserver sends for a pod of that many containers, its managed fields
and injected token included. CPU time, best of
several rounds, since everything slower is the machine's doing.
"""

from __future__ import annotations

import json
import os
import platform
import time
import timeit
from collections.abc import Callable
from typing import Any

from bench.reviews import recorded_review, review_of
from patches.compiler import compile_namespace
from patches.evaluation import evaluate
from patches.model.pod import Origin, locate
from patches.policy.configuration import DefaulterConfiguration
from patches.standards.judge import judge
from webhook.gatherers.manifests import ManifestGatherer
from webhook.review.codec import AdmissionRequest, AdmissionResponse, decode_review, encode_review
from webhook.review.namespace_cache import NamespaceCache
from webhook.review.reviewer import Reviewer
from webhook.server.app import tune_collector

_ROUNDS = 7
_SECONDS = 0.2
_CONFIGURATION = DefaulterConfiguration()


def _microseconds(work: Callable[[], object]) -> float:
    timer = timeit.Timer(work, timer=time.process_time)
    number, taken = timer.autorange()
    number = max(1, int(number * _SECONDS / max(taken, 1e-9)))
    return min(timer.repeat(_ROUNDS, number)) / number * 1e6


def answer_at_once(reviewer: Reviewer, request: AdmissionRequest) -> AdmissionResponse:
    """The reviewer's answer: from manifests it never waits, so the coroutine ends at once."""
    try:
        reviewer.mutate(request).__await__().send(None)
    except StopIteration as stop:
        response: AdmissionResponse = stop.value
        return response
    raise AssertionError("the review waited")


def _row(name: str, review: dict[str, Any], gatherer: ManifestGatherer) -> str:
    body = json.dumps(review, separators=(",", ":")).encode()
    request = decode_review(body)
    namespace = compile_namespace(gatherer.snapshot(request.namespace), _CONFIGURATION)
    reviewer = Reviewer(NamespaceCache(gatherer, _CONFIGURATION))
    pod = locate(request.object, Origin.ADMISSION)
    assert pod is not None
    response = answer_at_once(reviewer, request)
    assert response.patch
    figures = [
        _microseconds(lambda: decode_review(body)),
        _microseconds(lambda: evaluate(pod, namespace)),
        _microseconds(lambda: judge(pod, namespace.policy.target)),
        _microseconds(lambda: encode_review(response)),
        _microseconds(lambda: encode_review(answer_at_once(reviewer, decode_review(body)))),
    ]
    return f"{name:<26}{len(body):>8}" + "".join(f"{figure:>10.1f}" for figure in figures)


def main() -> None:
    """Print the table."""
    gatherer = ManifestGatherer()
    tune_collector()
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores, µs per pod, best of {_ROUNDS} rounds")
    print(f"{'review':<26}{'bytes':>8}{'decode':>10}{'patch':>10}{'checks':>10}{'encode':>10}{'all':>10}")
    recorded = recorded_review()
    if recorded is not None:
        print(_row("recorded, 1 container", recorded, gatherer))
    for containers in (1, 3, 30):
        print(_row(f"generated, {containers} container(s)", review_of(containers), gatherer))


if __name__ == "__main__":
    main()
