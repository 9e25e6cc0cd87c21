"""The exported policies on a real API server: what they add is what the engine adds, and nothing is refused."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from patches import APPLIED_ANNOTATION, DefaulterConfiguration, Origin, compile_namespace, evaluate, locate
from patches.policy.policy import MODE_LABEL, PREFIX, PSA_PREFIX, SKIP_ANNOTATION
from patches.policy.snapshot import Snapshot, empty_snapshot
from tests.cluster import binaries, random_pods
from tests.cluster.client import pods, spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.differences import normalized
from tests.cluster.programs import control_plane
from tests.cluster.telling import tell
from tests.shared_data import read_jsonl_gz, shared
from webhook.export.policies import carried_by, mutating_policy, validating_policy

pytestmark = pytest.mark.cluster

_REGISTRATION: Final = "/apis/admissionregistration.k8s.io/v1"
_COLLECTIONS: Final = {
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
_SEED: Final = 20
_GENERATED: Final = 400
_ON: Final = {"enabled": True}
_EVERYTHING: Final = {
    "settings": {"readOnlyRootFilesystem": _ON, "hostUsers": _ON, "appArmorProfile": _ON},
}
_CONFIGURATIONS: Final[dict[str, Any]] = {"default": {}, "everything": _EVERYTHING}
_UNCARRIED: Final = ("identity", "runtimeClassName", "imagePullPolicy")
_ENFORCE: Final = {MODE_LABEL: "enforce"}


def _configuration(value: Any) -> DefaulterConfiguration:
    return msgspec.convert(value, DefaulterConfiguration)


def _export(configuration: DefaulterConfiguration, *, static: bool = False) -> list[Any]:
    ids = [name for name, obstacle in carried_by(configuration, None).items() if not obstacle]
    return [*mutating_policy(configuration, ids, static=static), *validating_policy(configuration, static=static)]


@contextmanager
def _installed(plane: ControlPlane, objects: Sequence[Any], probe: str) -> Iterator[None]:
    """Create the policies, wait until they act in the namespace `probe`, and delete them at the end."""
    rows = [(f"{_REGISTRATION}/{_COLLECTIONS[row['kind']]}", row) for row in objects]
    try:
        for path, row in rows:
            plane.admin.must("POST", path, row)
        _await(plane, probe)
        yield
    finally:
        for path, row in reversed(rows):
            plane.admin.request("DELETE", f"{path}/{row['metadata']['name']}")
        _await(plane, probe, acts=False)


def _await(plane: ControlPlane, space: str, *, acts: bool = True) -> None:
    """Wait until both policies act, or no longer do."""
    value = {"metadata": {"name": "probe"}, "spec": {"hostNetwork": True, "containers": [{"name": "c", "image": "i"}]}}
    end = time.monotonic() + 60
    while True:
        answer = plane.admin.create(pods(space), value, dry_run=True)
        adds = answer.ok and "seccompProfile" in answer.body["spec"]["securityContext"]
        if adds == acts and bool(answer.warnings) == acts:
            return
        assert time.monotonic() < end, answer
        time.sleep(0.3)


# --- the same as the engine -------------------------------------------------------------------------------------------


def _sources() -> dict[str, Callable[[], list[Any]]]:
    def corpus() -> list[Any]:
        rows = read_jsonl_gz(shared("corpus/pods.jsonl.gz"))
        return [row["pod"] for row in rows if row["accepted_by_api_server"]]

    def legality() -> list[Any]:
        return [row["pod"] for row in read_jsonl_gz(shared("conformance/legality.jsonl.gz")) if row["accepted"]]

    def generated() -> list[Any]:
        chance = random.Random(_SEED)
        return [random_pods.pod(chance) for _ in range(_GENERATED)]

    return {"corpus": corpus, "legality": legality, "generated": generated}


@pytest.fixture(scope="module", params=_CONFIGURATIONS)
def exported(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[tuple[str, DefaulterConfiguration]]:
    """The policies of a configuration, in force; the prefix of its namespaces."""
    configuration = _configuration(_CONFIGURATIONS[request.param])
    name = f"export-{request.param}"
    plane.namespace(f"{name}-without")
    plane.namespace(f"{name}-with", _ENFORCE)
    with _installed(plane, _export(configuration), f"{name}-with"):
        yield name, configuration


def _prepare(plane: ControlPlane, spaces: Sequence[str], rows: Sequence[Any]) -> None:
    """Create the accounts and PriorityClasses that pods name."""
    for row in rows:
        spec = row["spec"]
        account = spec.get("serviceAccountName") or spec.get("serviceAccount")
        for space in spaces if account else ():
            plane.admin.create(f"/api/v1/namespaces/{space}/serviceaccounts", {"metadata": {"name": account}})
        priority = spec.get("priorityClassName")
        if priority and not priority.startswith("system-"):
            value = {"metadata": {"name": priority}, "value": 1}
            plane.admin.create("/apis/scheduling.k8s.io/v1/priorityclasses", value)


def _expected(pod: Any, configuration: DefaulterConfiguration, snapshot: Snapshot) -> Any:
    """What the engine makes of a pod that arrives."""
    found = locate(pod, Origin.ADMISSION)
    assert found is not None
    return evaluate(found, compile_namespace(snapshot, configuration), annotate=False).patched


def _comparable(pod: Any) -> Any:
    """What an author or a default wrote: nothing that differs from request to request, and no list left empty."""
    value = normalized(pod)
    value["metadata"] = {key: value["metadata"].get(key) for key in ("labels", "annotations")}
    spec = value["spec"]
    for holder, key in [(spec, "volumes"), *((row, "volumeMounts") for row in _containers(spec))]:
        if holder.get(key) == []:
            del holder[key]
    return value


def _containers(spec: Any) -> list[Any]:
    return [*spec.get("initContainers", ()), *spec["containers"], *spec.get("ephemeralContainers", ())]


@pytest.mark.parametrize("source", _sources())
def test_what_is_added_is_what_the_engine_adds(
    plane: ControlPlane, exported: tuple[str, DefaulterConfiguration], source: str
) -> None:
    """Of each pod that is accepted without policies, byte for byte; none is refused."""
    name, configuration = exported
    spaces = (f"{name}-without", f"{name}-with")
    rows = _sources()[source]()
    _prepare(plane, spaces, rows)
    snapshot = empty_snapshot(spaces[1], _ENFORCE)

    def differs(pod: Any) -> str | None:
        without, with_ = (
            plane.admin.create(
                pods(space), {**pod, "metadata": {**pod["metadata"], "namespace": space}}, dry_run=True
            )
            for space in spaces
        )
        if not without.ok:
            return ""
        if not with_.ok:
            return f"{pod['metadata']}: {with_.message}"
        expected = _comparable(_expected(without.body, configuration, snapshot))
        same = msgspec.json.encode(expected, order="sorted") == msgspec.json.encode(
            _comparable(with_.body), order="sorted"
        )
        return None if same else f"{pod}\nexpected {expected}\ngot {_comparable(with_.body)}"

    found = spread(differs, rows)
    tell(f"export, {name}, {source}: {len(found) - found.count('')} of {len(rows)} pods accepted, and the same")
    assert [row for row in found if row] == []
    assert len(found) - found.count("") > len(rows) / 2
