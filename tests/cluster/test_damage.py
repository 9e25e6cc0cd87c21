"""Damage: of the pods that the API server accepts without us it accepts each with us, and changes no author's value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.client import pods, spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.differences import entry, is_injected, normalized
from tests.cluster.telling import tell
from tests.cluster.webhooks import defaulter, namespace
from tests.defaults.test_everything_on import EVERYTHING, RUNTIME_CLASS
from tests.shared_data import read_jsonl_gz, shared

pytestmark = pytest.mark.cluster

APPLIED: Final = PREFIX + "applied"
CONFIGURATIONS: Final[dict[str, Any]] = {"default": None, "everything": {"settings": EVERYTHING}}
_ACCEPTED: Final = {"corpus": 735, "legality": 102}
_EMPTY: Final[tuple[Any, ...]] = ({}, [], None)
_TOKEN: Final = "automountServiceAccountToken:"  # noqa: S105 (an id)


class Pair(NamedTuple):
    """What came back of one pod, without us and with us."""

    id: str
    without: Any
    patched: Any

    @property
    def applied(self) -> list[str]:
        """What we say that we added."""
        return [row for row in (self.patched["metadata"].get("annotations") or {}).get(APPLIED, "").split(",") if row]


def _accepted(source: str) -> list[tuple[str, Any]]:
    """The pods that were accepted when the data were recorded."""
    if source == "corpus":
        rows = read_jsonl_gz(shared("corpus/pods.jsonl.gz"))
        return [(row["id"], row["pod"]) for row in rows if row["accepted_by_api_server"]]
    rows = read_jsonl_gz(shared("conformance/legality.jsonl.gz"))
    return [(row["id"], row["pod"]) for row in rows if row["accepted"]]


@pytest.fixture(scope="module", params=[(a, b) for a in _ACCEPTED for b in CONFIGURATIONS], ids="-".join)
def pairs(
    request: pytest.FixtureRequest, plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Pair]]:
    """Each accepted pod of a source, created without us and with us, under one configuration."""
    source, configuration = request.param
    rows = _accepted(source)
    name = f"damage-{source}-{configuration}"
    accounts = {
        row["spec"].get("serviceAccountName") or row["spec"].get("serviceAccount") or "default" for _, row in rows
    }
    objects: list[Any] = [namespace(name)]
    objects += [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": name}}
        for account in sorted(accounts - {"default"})
    ]
    if configuration == "everything":
        objects.append(RUNTIME_CLASS)
    for priority in sorted({row["spec"].get("priorityClassName", "system-") for _, row in rows}):
        if not priority.startswith("system-"):  # those exist in every cluster
            value = {"metadata": {"name": priority}, "value": 1}
            answer = plane.admin.create("/apis/scheduling.k8s.io/v1/priorityclasses", value)
            assert answer.ok or answer.status == 409, answer.message
    directory = tmp_path_factory.mktemp(name) / "served"
    with defaulter(plane, directory, name, objects=objects, config=CONFIGURATIONS[configuration]):
        yield _created(plane, name, rows)


def _created(plane: ControlPlane, name: str, rows: Sequence[tuple[str, Any]]) -> list[Pair]:
    def create(row: tuple[str, Any]) -> Pair | str:
        value = {**row[1], "metadata": {**row[1]["metadata"], "namespace": name}}
        without = plane.bypassing.create(pods(name), value, dry_run=True)
        patched = plane.admin.create(pods(name), value, dry_run=True)
        if not (without.ok and patched.ok):
            return (
                f"{row[0]}: without us {without.status} {without.message}; with us {patched.status} {patched.message}"
            )
        return Pair(row[0], without.body, patched.body)

    results = spread(create, rows)
    assert [row for row in results if isinstance(row, str)] == []
    return [row for row in results if isinstance(row, Pair)]


def test_all_are_accepted(pairs: list[Pair], request: pytest.FixtureRequest) -> None:
    """As many as were accepted without us are accepted with us, and most are changed."""
    source = request.node.callspec.params["pairs"][0]
    changed = sum(bool(pair.applied) for pair in pairs)
    tell(f"{len(pairs)} accepted without us and with us; {changed} of them changed")
    assert len(pairs) == _ACCEPTED[source]
    assert changed > len(pairs) * 0.9


def test_only_what_is_listed_differs(pairs: list[Pair]) -> None:
    """Every field that differs is in the pod's own list of what was added, and everything in the list differs."""
    counts: Counter[str] = Counter()
    for pair in pairs:
        before, after = normalized(pair.without), normalized(pair.patched)
        after.pop(("metadata", "annotations", APPLIED), None)
        paths = {path for path in {*before, *after} if before.get(path, _EMPTY) != after.get(path, _EMPTY)}
        entries = {entry(path) for path in paths if before.get(path) not in _EMPTY or after.get(path) not in _EMPTY}
        listed = {row for row in pair.applied if not (row.startswith(_TOKEN) and not row.endswith(":pod"))}
        assert entries == listed, pair.id
        counts.update(row.partition(":")[0] for row in listed)
    tell(f"{dict(counts.most_common())}")


def test_every_author_value_is_kept(pairs: list[Pair], request: pytest.FixtureRequest) -> None:
    """Each value that came back without us comes back with us, one by one (but an enforced pull policy)."""
    everything = request.node.callspec.params["pairs"][1] == "everything"
    count = 0
    for pair in pairs:
        after = normalized(pair.patched)
        for path, value in normalized(pair.without).items():
            if value in _EMPTY or (everything and path[-1] in ("imagePullPolicy", "pullPolicy")):
                continue
            assert after.get(path) == value, (pair.id, path)
            count += 1
    tell(f"{count} values compared")


def test_the_token_goes_where_it_is_said_to(pairs: list[Pair]) -> None:
    """The injected volume is gone exactly from the pods that say so, and no mount of it is left behind."""
    gone = 0
    for pair in pairs:
        volumes = [row for row in pair.patched["spec"].get("volumes") or () if is_injected(row)]
        had = [row for row in pair.without["spec"].get("volumes") or () if is_injected(row)]
        removed = any(row.startswith(_TOKEN) for row in pair.applied)
        assert bool(volumes) is (bool(had) and not removed), pair.id
        gone += bool(had) and not volumes
    tell(f"{gone} pods without their token")
    assert gone
