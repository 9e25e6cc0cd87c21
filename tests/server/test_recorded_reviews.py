"""All recorded AdmissionReviews, exactly as a kube-apiserver sent them, answered over HTTPS by the real command."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import jsonpatch
import pytest
import yaml

from patches.compiler import NamespaceCompiler
from patches.evaluation import evaluate
from patches.model.decisions import State, Withheld
from patches.model.pod import Origin, Pod, locate
from patches.model.updates import new_ephemeral_containers
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import PREFIX, PSA_PREFIX
from patches.standards.judge import judge
from tests.review.builders import gatherer_of
from tests.served import served
from tests.shared_data import read_jsonl_gz, shared
from webhook.configuration.reader import read_configuration

pytestmark = pytest.mark.slow

_POLICIES: Mapping[str, Mapping[str, str]] = {
    "unlabelled": {},
    "enforce baseline": {PSA_PREFIX + "enforce": "baseline"},
    "enforce restricted": {PSA_PREFIX + "enforce": "restricted"},
    "enforce restricted:v1.24, warn latest": {
        PSA_PREFIX + "enforce": "restricted",
        PSA_PREFIX + "enforce-version": "v1.24",
        PSA_PREFIX + "warn": "restricted",
        PSA_PREFIX + "warn-version": "latest",
    },
    "mode warn": {PREFIX + "mode": "warn"},
}
_COUNTS = Path(__file__).with_name("recorded_counts.json")
"""How often each default came to each state. PSD_RECORD=1 writes it anew, as a diff to review: the applied and kept
of a default are what the corpus leaves unset and sets, and a count that moves is a rule that changed."""
_CONCURRENT = 8
_SPECIAL = 18
_APPLIED = PREFIX + "applied"


@cache
def _reviews() -> tuple[dict[str, Any], ...]:
    corpus = [record["review"] for record in read_jsonl_gz(shared("reviews/corpus.jsonl.gz"))]
    special = [record["review"] for record in json.loads(shared("reviews/special.json").read_bytes())]
    return (*corpus, *special)


def _objects(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    objects = list(yaml.safe_load_all(shared("reviews/objects.yaml").read_bytes()))
    for value in objects:
        if value["kind"] == "Namespace":
            value["metadata"]["labels"].update(labels)
    return objects


async def _post_all(address: str, context: Any, reviews: list[dict[str, Any]]) -> list[dict[str, Any]]:
    gate = asyncio.Semaphore(_CONCURRENT)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:

        async def post(review: dict[str, Any]) -> dict[str, Any]:
            async with gate, session.post(f"{address}/mutate?timeout=10s", json=review, ssl=context) as reply:
                assert reply.status == 200
                answer: dict[str, Any] = await reply.json()
                return answer

        return await asyncio.gather(*map(post, reviews))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Every scalar of a document by its path."""
    if isinstance(value, dict):
        children: Any = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    else:
        return {path: value}
    return {place: leaf for key, child in children for place, leaf in _leaves(child, (*path, key)).items()}


def _without_token(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the volume that ServiceAccount admission injects, and its mounts."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    if copy["kind"] == "Pod":
        spec = copy["spec"]
        spec["volumes"] = [volume for volume in spec.get("volumes", []) if not _is_token(volume["name"])]
        for name in ("initContainers", "containers", "ephemeralContainers"):
            for container in spec.get(name, []):
                mounts = container.get("volumeMounts", [])
                container["volumeMounts"] = [mount for mount in mounts if not _is_token(mount["name"])]
        copy["metadata"].get("annotations", {}).pop(_APPLIED, None)
    return copy


def _is_token(name: str) -> bool:
    return name.startswith("kube-api-access-")


def _has_token(document: dict[str, Any]) -> bool:
    return any(_is_token(volume["name"]) for volume in document["spec"].get("volumes", []))


def _applied(response: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "patch" not in response:
        return document
    assert response["patchType"] == "JSONPatch"
    patched: dict[str, Any] = jsonpatch.apply_patch(document, base64.b64decode(response["patch"]).decode())
    return patched


@pytest.mark.parametrize("accounts", ["default", "all"])
@pytest.mark.parametrize("policy", _POLICIES)
async def test_recorded_reviews(policy: str, accounts: str, tmp_path: Path) -> None:
    """Each answer echoes the uid and is a patch that changes nothing the author set, converges, and is judged truly."""
    reviews = list(_reviews())
    objects = _objects(_POLICIES[policy])
    configuration = f"settings: {{automountServiceAccountToken: {{serviceAccounts: {accounts}}}}}\n"
    (tmp_path / "configuration.yaml").write_text(configuration)
    (tmp_path / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    gatherer = gatherer_of(objects)
    compiler = NamespaceCompiler(read_configuration(configuration.encode(), "configuration.yaml"))
    with served(
        tmp_path, "--config", tmp_path / "configuration.yaml", "--objects", tmp_path / "objects.yaml"
    ) as server:
        answers = await _post_all(server.address, server.context, reviews)
        again = await _post_all(
            server.address,
            server.context,
            [
                {
                    **review,
                    "request": {
                        **review["request"],
                        "object": _applied(answer["response"], review["request"]["object"]),
                    },
                }
                for review, answer in zip(reviews, answers, strict=True)
            ],
        )

    tally = _Tally()
    for position, (review, answer, second) in enumerate(zip(reviews, answers, again, strict=True)):
        assert answer["response"]["uid"] == review["request"]["uid"]
        assert answer["response"]["allowed"]
        assert "patch" not in second["response"], "a second pass finds something to do"
        namespace = compiler.compile(gatherer.snapshot(review["request"]["namespace"]))
        tally.take(review["request"], answer["response"], namespace, of_corpus=position < len(reviews) - _SPECIAL)
    assert len(reviews) == 1536
    if policy == "mode warn":
        assert not any("patch" in answer["response"] for answer in answers)
    else:
        assert tally.tokens == {"had": 835, "never had": 3, "kept": {"default": 406, "all": 34}[accounts]}
    if "allowPrivilegeEscalation" in tally.states:
        assert tally.states["allowPrivilegeEscalation"].total() == tally.containers, "a container got no decision"
    measured = tally.table()
    print(f"{policy}, serviceAccounts {accounts}: {len(reviews)} reviews; {json.dumps(measured)}")
    recorded = json.loads(_COUNTS.read_text())
    if os.environ.get("PSD_RECORD"):
        recorded.setdefault(accounts, {})[policy] = measured
        _COUNTS.write_text(json.dumps(recorded, indent=1) + "\n")
    assert measured == recorded[accounts][policy]


class _Tally:
    """Verifies answers one by one, and counts what was decided."""

    def __init__(self) -> None:
        self.states: dict[str, Counter[State]] = {}
        self.tokens: Counter[str] = Counter()
        self.containers = 0

    def take(
        self, request: dict[str, Any], response: dict[str, Any], namespace: CompiledNamespace, *, of_corpus: bool
    ) -> None:
        """Verify one answer by its bytes, against the library and a fresh judgement."""
        document = request["object"]
        patched = _applied(response, document)
        before, after = _leaves(_without_token(document)), _leaves(_without_token(patched))
        assert {path: after.get(path) for path in before} == before, "a value that the author set has changed"

        pod = _view(document)
        old = _view(request["oldObject"]) if request["operation"] == "UPDATE" else None
        evaluation = evaluate(pod, namespace, old=old)
        sent = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
        assert sent == ([] if evaluation.withheld else [*evaluation.operations]), "the library and the server differ"
        fresh = pod.view(patched)
        if evaluation.withheld is Withheld.TEMPLATE:  # judged as its pods will be
            fresh = pod.view(jsonpatch.apply_patch(document, [*evaluation.operations]))
        for level, violations in evaluation.verdicts.items():
            assert violations == judge(fresh, level), "the verdict differs from a fresh evaluation"

        for decision in evaluation.decisions:
            self.states.setdefault(decision.id, Counter())[decision.state] += 1
        if evaluation.decisions:
            self.containers += len(pod.containers) if old is None else len(new_ephemeral_containers(pod, old))
        if of_corpus and document["kind"] == "Pod":
            self.tokens["had" if _has_token(document) else "never had"] += 1
            self.tokens["kept"] += _has_token(patched)

    def table(self) -> dict[str, dict[str, int]]:
        """The counts in a fixed order."""
        return {name: {str(state): count for state, count in sorted(row.items())} for name, row in self.states.items()}


def _view(document: dict[str, Any]) -> Pod:
    pod = locate(document, Origin.ADMISSION)
    assert pod is not None
    return pod
