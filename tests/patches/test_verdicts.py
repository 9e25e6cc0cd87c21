"""How a workload fits a level."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

import pytest

from patches.compiler import compile_namespace
from patches.edits import Action, Edit, edit_document, shortest_edits
from patches.evaluation import Evaluation, Stage, evaluate
from patches.model.pod import Origin, locate
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.snapshot import empty_snapshot
from patches.standards.levels import Level, LevelVersion, parse_level_version
from patches.verdicts import Verdict, fit, worst
from tests.shared_data import read_jsonl_gz, shared

_RESTRICTED: Final = parse_level_version("restricted")
_BASELINE: Final = parse_level_version("baseline")
_SAFE: Final[dict[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _evaluation(spec: Any, security: Any, level: LevelVersion = _RESTRICTED) -> Evaluation:
    container = {"name": "app", "image": "i", "securityContext": security}
    return _evaluate({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container], **spec}}, level)


def _evaluate(document: Any, level: LevelVersion = _RESTRICTED) -> Evaluation:
    pod = locate(document, Origin.MANIFEST)
    assert pod is not None
    namespace = compile_namespace(empty_snapshot("shop"), DefaulterConfiguration()).retargeted(level)
    return evaluate(pod, namespace, annotate=False)


@pytest.mark.parametrize(
    ("spec", "security", "verdict", "fits"),
    [
        ({}, _SAFE, Verdict.COMPLIANT, Level.RESTRICTED),
        ({}, {}, Verdict.WITH_DEFAULTS, Level.RESTRICTED),
        ({}, {"privileged": True}, Verdict.NEEDS_EDITS, Level.PRIVILEGED),
        ({}, {"allowPrivilegeEscalation": True}, Verdict.NEEDS_EDITS, Level.BASELINE),
        ({"volumes": [{"name": "v", "nfs": {}}]}, {}, Verdict.NEEDS_EDITS, Level.BASELINE),
        ({"volumes": [{"name": "v", "hostPath": {}}]}, {}, Verdict.CANNOT, Level.PRIVILEGED),
        ({"hostPID": True}, {"privileged": True}, Verdict.CANNOT, Level.PRIVILEGED),
    ],
)
def test_restricted(spec: Any, security: Any, verdict: Verdict, fits: Level) -> None:
    """What needs the host cannot pass; what its author may change needs edits; the level that fits is said."""
    found = fit(_evaluation(spec, security), _RESTRICTED)
    assert (found.verdict, found.fits) == (verdict, fits)
    assert bool(found.nature) == (verdict is Verdict.CANNOT)


def test_baseline() -> None:
    """Asked about baseline, what does not pass fits privileged; what restricted alone forbids is compliant."""
    assert fit(_evaluation({}, {"privileged": True}, _BASELINE), _BASELINE)[:2] == (
        Verdict.NEEDS_EDITS,
        Level.PRIVILEGED,
    )
    assert fit(_evaluation({}, {}, _BASELINE), _BASELINE)[:2] == (Verdict.COMPLIANT, Level.BASELINE)


def test_without_known_edits_it_cannot() -> None:
    """Of so many containers nobody looks for edits."""
    containers = [{"name": f"c-{index}", "image": "i", "securityContext": {"privileged": True}} for index in range(40)]
    found = fit(_evaluation({"containers": containers}, {}), _RESTRICTED)
    assert (found.verdict, found.edits, found.nature) == (Verdict.CANNOT, None, ())


def test_the_worst_counts() -> None:
    """Of nothing it is compliant."""
    assert worst([Verdict.WITH_DEFAULTS, Verdict.CANNOT, Verdict.COMPLIANT]) is Verdict.CANNOT
    assert worst([]) is Verdict.COMPLIANT


_MOST: Final = 6
_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")


def _single_edits(pod: Any) -> list[Edit]:
    """The removal of each value of a security context, source of a volume, port and namespace of the host."""
    found = [(f"/spec/{key}", pod["spec"][key]) for key in _HOST if key in pod["spec"]]
    for index, volume in enumerate(pod["spec"].get("volumes") or ()):
        found += [(f"/spec/volumes/{index}/{key}", part) for key, part in volume.items() if key != "name"]
    found += _leaves(pod["spec"].get("securityContext") or {}, "/spec/securityContext")
    for name in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(name) or ()):
            path = f"/spec/{name}/{index}"
            found += _leaves(container.get("securityContext") or {}, f"{path}/securityContext")
            for number, port in enumerate(container.get("ports") or ()):
                if "hostPort" in port:
                    found.append((f"{path}/ports/{number}/hostPort", port["hostPort"]))
    return [Edit("", Action.REMOVE, path, value) for path, value in found]


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, part in value.items() for leaf in _leaves(part, f"{path}/{key}")]
    if isinstance(value, list):
        return [leaf for index, part in enumerate(value) for leaf in _leaves(part, f"{path}/{index}")]
    return [(path, value)]


@pytest.mark.slow
def test_no_list_is_longer_than_brute_force_finds() -> None:
    """Of real pods with few explicit violations: no smaller set of single removals makes one pass."""
    compared = 0
    for row in read_jsonl_gz(shared("corpus/pods.jsonl.gz")):
        evaluation = _evaluate(row["pod"])
        edits = shortest_edits(evaluation, _RESTRICTED)
        if not edits or len(edits) > _MOST or any(edit.action is not Action.REMOVE for edit in edits):
            continue
        candidates = _single_edits(row["pod"])
        if len(candidates) > 12:
            continue
        compared += 1
        for size in range(1, len(edits)):
            for chosen in combinations(candidates, size):
                edited = _evaluate(edit_document(row["pod"], chosen))
                assert edited.violations(_RESTRICTED, Stage.ADMITTED), (row["id"], edits, chosen)
    print(f"{compared} lists compared")
    assert compared > 50
