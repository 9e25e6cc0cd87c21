"""`preview` and `check` see the pod templates of custom objects."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from msgspec import UNSET

from patches import NEWEST_MINOR, DefaulterConfiguration, parse_level_version
from webhook.documents.reader import flatten, read_documents
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.preview.preview import PreviewOptions, Surroundings, preview
from webhook.preview.results import Result

_GROUP: Final[dict[str, Any]] = {"template": {"spec": {"containers": [{"name": "ray", "image": "ray:1"}]}}}


def _preview(value: Any, *, patch: bool = True) -> tuple[Result, int]:
    documents = list(flatten(read_documents(json.dumps(value).encode(), "in.yaml")))
    surroundings = Surroundings(GatheredNamespaces({}, {}), DefaulterConfiguration(), NEWEST_MINOR)
    options = PreviewOptions(profile=parse_level_version("restricted"), patch=patch)
    report, status = preview(documents, surroundings, options)
    assert report.summary.objects == 1
    return report.results[0], status


def _cluster(*workers: Any) -> Any:
    spec = {"headGroupSpec": _GROUP, "workerGroupSpecs": list(workers)}
    return {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "ray"}, "spec": spec}


def test_every_template_is_patched() -> None:
    """The patch has the operations of each, and the object all of their effects."""
    result, status = _preview(_cluster(_GROUP, _GROUP))
    assert status == 0
    spec = result.patched["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert group["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
    assert isinstance(result.patch, list)
    assert {row["path"].split("/template")[0] for row in result.patch} == {
        "/spec/headGroupSpec",
        "/spec/workerGroupSpecs/0",
        "/spec/workerGroupSpecs/1",
    }
    assert isinstance(result.diff, str)
    assert result.diff.count("+") > 10
    assert isinstance(result.starts, list)
    assert len(result.starts) == 3


@pytest.mark.parametrize("patch", [True, False])
def test_one_bad_template_is_enough(patch: bool) -> None:  # noqa: FBT001 (a parameter of pytest)
    """To violate; its edit names its place, and a violation of all templates is listed once."""
    container = {"name": "ray", "image": "ray:1", "securityContext": {"privileged": True}}
    result, status = _preview(_cluster({"template": {"spec": {"containers": [container]}}}), patch=patch)
    assert status == 1
    assert result.allowed is False
    assert isinstance(result.edits, list)
    assert "/spec/workerGroupSpecs/0/template/spec/containers/0/securityContext/privileged" in {
        edit.path for edit in result.edits
    }
    assert result.violations is not UNSET
    assert [row.id for row in result.violations.before].count("runAsNonRoot") == 1
