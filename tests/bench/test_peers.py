"""How the damage is counted that policies do to pods; tests/cluster has the command on a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from bench.peers.changes import overwritten
from bench.peers.cluster import Outcome
from bench.peers.damage import compare
from bench.peers.pods import pods_of
from tests.shared_data import ROOT, read_jsonl_gz, shared

_FOLDER: Final = ROOT / "bench" / "peers"
_POLICIES: Final = sorted(path for path in _FOLDER.iterdir() if path.suffix in (".json", ".yaml"))


def test_the_pods_are_those_that_were_measured() -> None:
    """Made of the workloads, they are the recorded ones, of which an API server accepts 735."""
    rows = list(read_jsonl_gz(shared("corpus/pods.jsonl.gz")))
    assert pods_of(row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))) == [
        row["pod"] for row in rows
    ]
    assert sum(row["accepted_by_api_server"] for row in rows) == 735


@pytest.mark.parametrize("file", _POLICIES, ids=lambda file: file.name)
def test_every_policy_is_documented_and_reads(file: Path) -> None:
    """By its name, in the table of the steps."""
    assert f"`{file.name}`" in (_FOLDER / "README.md").read_text(encoding="utf-8")
    text = file.read_text(encoding="utf-8")
    value = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    for policy in value.get("items", [value]):
        assert policy["apiVersion"].split("/")[0] in ("kyverno.io", "policies.kyverno.io", "mutations.gatekeeper.sh")


def _pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "w0"}, "spec": spec}


_ONE: Final = {"name": "a", "image": "i", "resources": {"limits": {"memory": "1Gi"}}}
_TWO: Final = {"name": "b", "image": "j", "securityContext": {"capabilities": {"drop": ["all"]}}}


@pytest.mark.parametrize(
    ("after", "fields"),
    [
        ([_ONE, _TWO], []),
        ([{"name": "mesh", "image": "k"}, _ONE, _TWO], []),
        ([{**_ONE, "securityContext": {"runAsNonRoot": True}}, _TWO], []),
        ([_ONE, {**_TWO, "securityContext": {"capabilities": {"drop": ["all", "ALL"]}}}], []),
        (
            [_ONE, {**_TWO, "securityContext": {"capabilities": {"drop": ["ALL"]}}}],
            ["spec.containers[1].securityContext.capabilities.drop"],
        ),
        (
            [{**_ONE, "resources": {"limits": {"memory": "256Mi"}}}, _TWO],
            ["spec.containers[0].resources.limits.memory"],
        ),
        ([{**_ONE, "resources": {}}, _TWO], ["spec.containers[0].resources.limits.memory"]),
        (
            [_TWO],
            [
                "spec.containers[0].name",
                "spec.containers[0].image",
                "spec.containers[0].resources.limits.memory",
            ],
        ),
    ],
)
def test_values_that_are_overwritten(after: list[Any], fields: list[str]) -> None:
    """Those that the author wrote: added ones, and longer lists, are not."""
    sent = _pod(containers=[_ONE, _TWO])
    assert sorted(overwritten(sent, sent, _pod(containers=after))) == sorted(fields)


def test_only_what_the_author_wrote_counts() -> None:
    """Not what the API server filled in, and not how it writes a quantity."""
    sent = _pod(containers=[{"name": "a", "resources": {"limits": {"cpu": "0.5"}}}], volumes=None)
    before = _pod(
        volumes=[{"name": "injected-1"}],
        containers=[{"name": "a", "imagePullPolicy": "Always", "resources": {"limits": {"cpu": "500m"}}}],
        terminationGracePeriodSeconds=30,
    )
    after = _pod(
        containers=[{"name": "a", "imagePullPolicy": "Never", "resources": {"limits": {"cpu": "500m"}}}],
        volumes=[{"name": "injected-2"}],
    )
    assert list(overwritten(sent, before, after)) == []


def test_the_damage() -> None:
    """A pod that is refused anyway counts nowhere; one that is refused now is not compared."""
    names = ("never", "refused", "changed", "kept")
    pods = [{"metadata": {"name": name}, "spec": {"hostNetwork": True}} for name in names]
    good = [Outcome(name, pod) for name, pod in zip(names, pods, strict=True)]
    before = [Outcome("never", message="422 invalid"), *good[1:]]
    changed = Outcome("changed", {"metadata": {"name": "changed"}, "spec": {"hostNetwork": False}})
    damage = compare(pods, before, [good[0], Outcome("refused", message="403 no"), changed, good[3]])
    assert damage.lines() == [
        "3 of 4 pods accepted before",
        "1 of them refused now",
        "1 of them with values of their author overwritten",
        "refused: refused: 403 no",
        "overwritten: changed: spec.hostNetwork",
    ]
