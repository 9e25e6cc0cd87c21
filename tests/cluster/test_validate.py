"""/validate: the same decision as the built-in plugin, on creates, image updates and debug containers.

The plugin comes first, and what it refuses no webhook is asked about. So each pod goes to two namespaces: one in which
only the plugin knows of an enforced level, and one in which only we do.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from patches.policy.policy import PREFIX, PSA_PREFIX
from patches.standards.levels import NEWEST_MINOR
from tests.cluster import random_pods
from tests.cluster.client import MERGE_PATCH, STRATEGIC_PATCH, Answer, pods, spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.telling import FIXED, tell
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster

_PODS: Final = 150
_WAIT_SECONDS: Final = 20
_OFF: Final = {PREFIX + "mode": "off"}
"""Nothing is patched, so that both judge the same pod."""


def _said(answer: Answer) -> str:
    """What is said of the Pod Security Standards, however the refusal begins; the answer itself for other refusals."""
    found = answer.message.partition("violates PodSecurity ")[2]
    return found or answer.message.partition(": ")[2]


def _enforce(plane: ControlPlane, name: str, labels: dict[str, str]) -> None:
    """Label a namespace and wait until the plugin refuses a pod that violates everything."""
    plane.admin.must("PATCH", f"/api/v1/namespaces/{name}", {"metadata": {"labels": labels}}, MERGE_PATCH)
    spec = {"hostPID": True, "containers": [{"name": "c", "image": "i:1"}]}
    end = time.monotonic() + _WAIT_SECONDS
    while plane.bypassing.create(pods(name), {"metadata": {"generateName": "p-"}, "spec": spec}, dry_run=True).ok:
        assert time.monotonic() < end, f"{name} is not enforced"


@pytest.mark.parametrize(
    ("level", "version"), [("baseline", "latest"), ("restricted", "latest"), ("restricted", "v1.24")]
)
def test_validate_decides_as_the_plugin_does(plane: ControlPlane, work: Path, level: str, version: str) -> None:
    """On generated pods that existed before the level did: a label change passes, the rest is judged alike.

    The server's `latest` is the newest version it knows, that of an older API server its own: there it is named.
    """
    if version == "latest" and plane.minor < NEWEST_MINOR:
        version = f"v1.{plane.minor}"
    labels = {PSA_PREFIX + "enforce": level, PSA_PREFIX + "enforce-version": version}
    ours = f"validate-{level}-{version.replace('.', '-')}"
    theirs = plane.namespace(f"{ours}-plugin")
    chance = random.Random(FIXED)  # noqa: S311 (test data)
    values = [random_pods.pod(chance) for _ in range(_PODS)]
    for index, value in enumerate(values):
        value["metadata"]["name"] = f"p{index}"
        del value["metadata"]["generateName"]

    def create(index: int) -> bool:
        found = [plane.bypassing.create(pods(name), values[index]).ok for name in (ours, theirs)]
        assert found[0] is found[1]
        return found[0]

    def steps(name: str, index: int) -> list[str]:
        path = f"{pods(name)}/p{index}"
        first = values[index]["spec"]["containers"][0]["name"]
        debugger = {"name": "debugger", "image": "busybox:1"}
        images = {"spec": {"containers": [{"name": first, "image": "other:1"}]}}
        fresh = {**values[index], "metadata": {**values[index]["metadata"], "name": f"fresh{index}"}}
        answers = (
            plane.admin.create(pods(name), fresh, dry_run=True),
            plane.admin.request("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, MERGE_PATCH),
            plane.admin.request("PATCH", path, images, STRATEGIC_PATCH),
            plane.admin.request(
                "PATCH", f"{path}/ephemeralcontainers", {"spec": {"ephemeralContainers": [debugger]}}, STRATEGIC_PATCH
            ),
        )
        return [_said(answer) for answer in answers]

    described: list[Any] = [namespace(ours, {**labels, **_OFF})]
    with defaulter(plane, work, ours, objects=[namespace(ours, _OFF)], described=described, validating=True):
        made = [index for index, ok in enumerate(spread(create, range(_PODS))) if ok]
        _enforce(plane, theirs, labels)
        pairs = spread(lambda index: (steps(ours, index), steps(theirs, index)), made)
    for index, (mine, upstream) in zip(made, pairs, strict=True):
        assert mine == upstream, values[index]
    refused = [Counter(bool(said) for said in column) for column in zip(*(mine for mine, _ in pairs), strict=True)]
    tell(f"{len(made)} pods; refused on create, label, image, debug: {[row[True] for row in refused]}")
    assert refused[1][True] == 0
    assert all(min(row[True], row[False]) > 0 or index in (1, 3) for index, row in enumerate(refused))
