"""`python -m bench.peers` on a real API server: without policies, with ours, and with a webhook that does harm."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from bench.field.workloads import Workload, write_list
from bench.peers.__main__ import outcomes_of
from bench.peers.cluster import Outcome
from bench.peers.damage import Damage, compare
from bench.peers.pods import pods_of
from tests.bench.test_field import commit_files
from tests.cluster.control_plane import ControlPlane
from tests.cluster.injector import injector
from tests.cluster.telling import tell
from tests.cluster.webhooks import LABEL, defaulter
from tests.shared_data import ROOT, read_jsonl_gz, shared
from webhook.cluster.options import ConnectionOptions

pytestmark = pytest.mark.cluster

_LIMIT: Final = "256Mi"


class Corpus:
    """The pods of the workloads, and what becomes of them on an API server without policies."""

    def __init__(self, plane: ControlPlane) -> None:
        """Create them once."""
        self._connection = ConnectionOptions(kubeconfig=plane.kubeconfig("peers"))
        self._pods = pods_of(row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz")))
        self.before = self._create({})

    def damage(self, labels: dict[str, str]) -> Damage:
        """Create them again, in a namespace with these labels."""
        return compare(self._pods, self.before, self._create(labels))

    def _create(self, labels: dict[str, str]) -> list[Outcome]:
        return asyncio.run(outcomes_of(self._pods, self._connection, labels))


@pytest.fixture(scope="module")
def corpus(plane: ControlPlane) -> Corpus:
    """The pods of README.md."""
    return Corpus(plane)


def test_without_policies_there_is_no_damage(corpus: Corpus) -> None:
    """The same again; as many are accepted as were recorded."""
    damage = corpus.damage({})
    assert (damage.pods, damage.accepted) == (760, 735)
    assert (damage.refused, damage.overwritten) == ({}, {})


def test_we_do_none(plane: ControlPlane, corpus: Corpus, tmp_path: Path) -> None:
    """Both numbers of README.md are 0, by the command that measures peers."""
    name = "peers-ours"
    with defaulter(plane, tmp_path / "served", name):
        damage = corpus.damage({LABEL: name})
    assert (damage.refused, damage.overwritten) == ({}, {})
    assert damage.accepted == 735


def _do_harm(pod: Any) -> dict[str, Any]:
    """Set a memory limit on each container, whatever it has: the careless default that the figures are about."""
    operations = []
    for index, container in enumerate(pod["spec"]["containers"]):
        limits = {**container["resources"].get("limits", {}), "memory": _LIMIT}
        operations.append({"op": "add", "path": f"/spec/containers/{index}/resources/limits", "value": limits})
    return {"patch": operations}


def test_harm_is_counted(plane: ControlPlane, corpus: Corpus) -> None:
    """A limit below a request is refused by the API server; a limit that an author chose is overwritten."""
    name = "peers-harm"
    plane.namespace(f"{name}-probe", {LABEL: name})
    with injector(plane, name, _do_harm):
        damage = corpus.damage({LABEL: name})
    tell(f"a memory limit of {_LIMIT} on all: {len(damage.refused)} refused, {len(damage.overwritten)} overwritten")
    accepted = [row.pod for row in corpus.before if row.pod is not None]
    expected = {pod["metadata"]["name"] for pod in accepted if _has_higher_request(pod)}
    assert damage.refused.keys() == expected
    assert all("must be less than or equal to memory limit" in message for message in damage.refused.values())
    changed = {pod["metadata"]["name"] for pod in accepted if _has_other_limit(pod)} - expected
    assert damage.overwritten.keys() == changed
    assert len(expected) > 10
    assert len(changed) > 10


def _memory(pod: Any, kind: str) -> list[str]:
    rows = [row.get("resources", {}).get(kind, {}).get("memory") for row in pod["spec"]["containers"]]
    return [row for row in rows if row is not None]


def _has_higher_request(pod: Any) -> bool:
    return any(_mebibytes(row) > _mebibytes(_LIMIT) for row in _memory(pod, "requests"))


def _has_other_limit(pod: Any) -> bool:
    return any(row != _LIMIT for row in _memory(pod, "limits"))


def _mebibytes(quantity: str) -> float:
    units = {"Ki": 2**-10, "Mi": 1, "Gi": 2**10, "M": 1e6 / 2**20, "G": 1e9 / 2**20, "k": 1e3 / 2**20}
    for unit, size in units.items():
        if quantity.endswith(unit):
            return float(quantity.removesuffix(unit)) * size
    return float(quantity) / 2**20


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command(plane: ControlPlane, tmp_path: Path) -> None:
    """From clones to the figures: it saves what is without policies, compares with that, and leaves nothing behind."""
    container = {"name": "c", "image": "i", "resources": {"requests": {"memory": "1Gi"}}}
    document = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container], "serviceAccountName": "a"}}
    broken = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "C", "image": "i"}]}}
    commit = commit_files(tmp_path / "clones" / "a" / "one", {"x.yaml": [document, broken]})
    write_list([Workload("a/one", commit, "x.yaml", index) for index in (0, 1)], tmp_path / "list.csv")
    name, saved = "peers-command", tmp_path / "saved.json.gz"

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "bench.peers", "--clones", str(tmp_path / "clones")]
        command += ["--list", str(tmp_path / "list.csv"), "--kubeconfig", str(plane.kubeconfig("peers")), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    earlier = _namespaces(plane)
    assert run("--save", str(saved)) == "1 of 2 pods accepted\n"
    lines = ["1 of 2 pods accepted before", "0 of them refused now"]
    assert run("--against", str(saved)).splitlines()[:2] == lines
    plane.namespace(f"{name}-probe", {LABEL: name})
    with injector(plane, name, _do_harm):
        text = run("--against", str(saved), "--label", f"{LABEL}={name}")
    assert text.splitlines()[1] == "1 of them refused now"
    assert "refused: w0: " in text
    assert _namespaces(plane) - earlier == {f"{name}-probe"}


def _namespaces(plane: ControlPlane) -> set[str]:
    """Those that are not being deleted: without kube-controller-manager nobody finishes that."""
    items = plane.admin.must("GET", "/api/v1/namespaces")["items"]
    return {row["metadata"]["name"] for row in items if "deletionTimestamp" not in row["metadata"]}
