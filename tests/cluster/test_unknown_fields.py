"""The fields that we call unknown are those that a real API server calls so, in its words."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from patches.model.pod import Origin, locate
from tests.cluster.client import spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.telling import FIXED, fresh, tell
from tests.shared_data import ROOT, read_jsonl_gz, shared
from tools.fields import FILE, read_fields
from webhook.preview.unknown_fields import unknown_field_warnings

pytestmark = pytest.mark.cluster

_DATA: Final = json.loads(FILE.read_text(encoding="utf-8"))
_TYPES: Final = _DATA["types"]
_CASES: Final = sorted((ROOT / "tests" / "cases" / "unknown-fields").glob("*.yaml"))
_PATHS: Final = {
    "v1": "/api/v1/namespaces/{}/{}s",
    "apps/v1": "/apis/apps/v1/namespaces/{}/{}s",
    "batch/v1": "/apis/batch/v1/namespaces/{}/{}s",
}
_WARNING: Final = re.compile(r'unknown field "((?:[^"\\]|\\.)*)"')
_VARIANTS: Final = 200
"""Real workloads with a field that somebody put elsewhere or misspelt, for each of two seeds."""
_AT_ONCE: Final = 20
"""So many we list; and an API server drops warnings that are longer than 4,096 characters together."""


@pytest.fixture(scope="module")
def namespace(plane: ControlPlane) -> str:
    """A namespace for dry runs."""
    return plane.namespace("unknown-fields")


def _theirs(plane: ControlPlane, namespace: str, value: Any) -> set[str] | None:
    """The API server's warnings of unknown fields in the pod or template; None if it cannot decode the object.

    It warns also where it refuses the object for another reason.
    """
    value = {**value, "metadata": {**value["metadata"], "namespace": namespace}}
    path = _PATHS[value["apiVersion"]].format(namespace, value["kind"].lower())
    answer = plane.admin.request("POST", path, value, dryRun="All", fieldValidation="Warn")
    if answer.status == 400:
        return None
    pod = locate(value, Origin.MANIFEST)
    assert pod is not None
    template = pod.prefix[1:].replace("/", ".")
    found = [match for match in map(_WARNING.fullmatch, answer.warnings) if match]
    return {match[0] for match in found if not template or match[1].startswith(f"{template}.")}


def _ours(value: Any) -> set[str]:
    """Our warnings, without what we add to the API server's words."""
    pod = locate(value, Origin.MANIFEST)
    assert pod is not None
    warnings = unknown_field_warnings(pod)
    found = [match for match in map(_WARNING.match, warnings) if match]
    assert len(found) == len(warnings)
    return {match[0] for match in found}


def test_the_names_are_those_of_the_api_server(plane: ControlPlane) -> None:
    """If this fails, Kubernetes has other fields than we know of: run `make fields` and commit what it changes."""
    served = json.loads(read_fields(plane.admin))
    if served["kubernetes"].rpartition(".")[0] != _DATA["kubernetes"].rpartition(".")[0]:
        pytest.skip(f"this is Kubernetes {served['kubernetes']}, and {FILE.name} is of {_DATA['kubernetes']}")
    assert served["types"] == _TYPES, f"{FILE.name} is stale: run `make fields`"


@pytest.mark.parametrize("path", _CASES, ids=lambda path: path.stem)
def test_the_cases_are_warned_of_alike(plane: ControlPlane, namespace: str, path: Path) -> None:
    """Each warning begins with one of the API server's, word for word, and it has as many."""
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    shown = {match[0] for match in map(_WARNING.match, case["warnings"]) if match}
    more = [int(text.split()[2]) for text in case["warnings"] if text.startswith("…")]
    theirs = _theirs(plane, namespace, case["in"])
    assert theirs is not None
    assert shown <= theirs
    assert len(theirs) == len(shown) + sum(more)


def test_kubectl_refuses_them_or_warns(kubectl: Kubectl, namespace: str) -> None:
    """As it comes, kubectl has the API server refuse the object; with --validate=warn it prints the warnings."""
    case = yaml.safe_load(_CASES[[path.stem for path in _CASES].index("misplaced")].read_text(encoding="utf-8"))
    document = json.dumps({**case["in"], "metadata": {"name": "chart", "namespace": namespace}})
    words = [match[0] for match in map(_WARNING.match, case["warnings"]) if match]
    command = ("create", "--dry-run=server", "-f", "-")
    refused = kubectl.run(*command, stdin=document, check=False)
    assert refused.returncode == 1
    assert all(text in refused.stderr for text in words)
    warned = kubectl.run(*command, "--validate=warn", stdin=document)
    assert warned.stderr.splitlines() == [f"Warning: {text}" for text in sorted(words)]


def test_every_field_of_every_object_in_a_pod(plane: ControlPlane, namespace: str) -> None:
    """A Pod with all fields that we know has no unknown one; one more in each object inside of it is one."""
    pod = {**_expanded("Pod"), "apiVersion": "v1", "kind": "Pod"}
    assert (_theirs(plane, namespace, pod), _ours(pod)) == (set(), set())
    count = sum(1 for _ in _objects(pod))
    variants = []
    for start in range(0, count, _AT_ONCE):
        variants.append(copy.deepcopy(pod))
        for inside in list(_objects(variants[-1]))[start : start + _AT_ONCE]:
            inside["bogus"] = None
    theirs = spread(lambda variant: _theirs(plane, namespace, variant), variants)
    assert theirs == list(map(_ours, variants))
    assert sum(map(len, filter(None, theirs))) == count
    tell(f"{count} objects in a Pod, of {len(_TYPES)} types")


def _expanded(kind: str) -> dict[str, Any]:
    """An object with all fields of its type, each list with one item, and null where there is nothing inside."""
    fields: dict[str, Any] = {}
    for name, inside in _TYPES[kind].items():
        if inside is None:
            fields[name] = "x" if name == "name" else None  # we want names of containers and volumes
        else:
            fields[name] = [_expanded(inside[0])] if isinstance(inside, list) else _expanded(inside)
    return fields


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a value, the value itself first."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from _objects(part)


@pytest.mark.parametrize("seed", [FIXED, None], ids=["fixed", "fresh"])
def test_real_workloads_with_a_field_elsewhere(plane: ControlPlane, namespace: str, seed: int | None) -> None:
    """A known name at another place, or misspelt, anywhere in the template: the API server and we warn of the same."""
    chance = random.Random(fresh() if seed is None else seed)  # noqa: S311 (test data)
    objects = [row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    served = [value for value in objects if value["apiVersion"] in _PATHS]
    variants = [_with_a_field_elsewhere(copy.deepcopy(chance.choice(served)), chance) for _ in range(_VARIANTS)]
    theirs = spread(lambda variant: _theirs(plane, namespace, variant), variants)
    compared = [(found, _ours(value)) for found, value in zip(theirs, variants, strict=True) if found is not None]
    warned = sum(1 for found, _ in compared if found)
    tell(f"{len(compared)} of {_VARIANTS} could be decoded, {warned} of them have unknown fields")
    assert len(compared) > 0.8 * _VARIANTS
    assert warned > 0.6 * _VARIANTS
    assert [pair for pair in compared if pair[0] != pair[1]] == []


def _with_a_field_elsewhere(value: Any, chance: random.Random) -> Any:
    """Put a field into one to three of the mappings of the template, labels and the like included."""
    pod = locate(value, Origin.MANIFEST)
    assert pod is not None
    template = value
    for token in pod.prefix.split("/")[1:]:
        template = template[token]
    names = sorted({name for fields in _TYPES.values() for name in fields})
    for inside in chance.choices(list(_objects(template)), k=chance.randint(1, 3)):
        name = chance.choice(names)
        at = chance.randrange(len(name))
        misspelt = (name[:at] + name[at + 1 :], name[:at] + "x" + name[at:], name.lower(), name.upper(), name.title())
        inside[chance.choice((name, name, *misspelt))] = "1"
    return value
