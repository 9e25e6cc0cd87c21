"""What a real API server accepts: pods made to trip a defaulter, and what became of each single addition to them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import jsonpatch
import msgspec
import pytest

from patches.compiler import compile_namespace
from patches.evaluation import Evaluation, evaluate
from patches.model.decisions import Decision, Reason, State
from patches.model.pod import Origin
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.snapshot import empty_snapshot
from tests.defaults.test_everything_on import EVERYTHING
from tests.patches.written import written
from tests.pods import view
from tests.shared_data import read_jsonl_gz, shared

AT_LEAST: Final = {
    "seccompProfile": (92, 96),
    "allowPrivilegeEscalation": (93, 101),
    "capabilities": (92, 107),
    "readOnlyRootFilesystem": (106, 109),
    "automountServiceAccountToken": (100, 101),
    "hostUsers": (88, 89),
    "appArmorProfile": (92, 96),
    "identity": (264, 288),
}
"""Of the additions that the API server accepted, how many at least are made, of how many."""

NOT_ASKED: Final = "nothing says Windows"
"""`os` says nothing of pods whose nodeSelector does not say Windows, or that are Windows pods already."""


@pytest.fixture(scope="module")
def rows() -> list[tuple[Any, Evaluation]]:
    """Each pod that the API server accepted, and what the engine makes of it with every default on."""
    configuration = msgspec.convert({"settings": EVERYTHING}, DefaulterConfiguration)
    namespace = compile_namespace(empty_snapshot("default"), configuration)
    return [
        (row, evaluate(view(row["pod"], Origin.MANIFEST), namespace))
        for row in read_jsonl_gz(shared("conformance/legality.jsonl.gz"))
        if row["accepted"]
    ]


def is_made(addition: Any, outcome: Evaluation) -> bool:
    """Whether the engine makes an addition: at its very place, or at the end of the list that stands there."""
    path = addition["patch"][-1]["path"]
    return not written(outcome.operations).keys().isdisjoint((path, f"{path}/-"))


def test_nothing_that_was_refused_is_added(rows: list[tuple[Any, Evaluation]]) -> None:
    """No addition that the API server refused is made."""
    refused = [(row["id"], addition, out) for row, out in rows for addition in row["adds"] if not addition["accepted"]]
    assert not [(name, addition["patch"]) for name, addition, out in refused if is_made(addition, out)]
    sys.stdout.write(f"\nof {len(refused)} refused additions to {len(rows)} pods none is made\n")
    assert (len(rows), len(refused)) == (102, 255)


def test_adding_nothing_does_not_pass(rows: list[tuple[Any, Evaluation]]) -> None:
    """Of what the API server accepted, at least so many additions are made, and each other one has its reason."""
    made: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for row, outcome in rows:
        for addition in row["adds"]:
            if addition["accepted"]:
                default = addition["default"]
                total[default] += 1
                made[default] += is_made(addition, outcome)
                if not is_made(addition, outcome):
                    path = addition["patch"][-1]["path"]
                    sys.stdout.write(f"{default:30}{row['id']:40}{path:64}{why_not(default, path, outcome)}\n")
    for default, count in sorted(total.items()):
        sys.stdout.write(f"{default:30}{made[default]:4} of {count:3} made\n")
    for default, (least, recorded) in AT_LEAST.items():
        assert total[default] == recorded
        assert made[default] >= least, default


def why_not(default: str, path: str, outcome: Evaluation) -> str:
    """The decision nearest to an addition that is not made; of `os`, which may not have been asked, none is needed."""
    default = "readOnlyRootFilesystem" if default == "writableTmp" else default
    own = [decision for decision in outcome.decisions if decision.id == default]
    if not own and default == "os":
        return NOT_ASKED
    field = path.rpartition("/")[2]
    nearest = max(own, key=lambda row: (row.path.endswith(f"/{field}"), shared_length(row.path, path)))
    assert isinstance(nearest.reason, Reason)
    where = "" if nearest.path == path else f" at {nearest.path}"
    return f"{nearest.state}: {nearest.reason}{where}"


def shared_length(one: str, other: str) -> int:
    """How many tokens two pointers have in common at their beginning."""
    count = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count


def test_every_skip_names_a_rule(rows: list[tuple[Any, Evaluation]]) -> None:
    """What is skipped, kept or in conflict has a reason that belongs to its state."""
    assert reasons(rows, State.CONFLICT) <= {Reason.EXPLICIT_VALUE, Reason.RUNS_AS_ROOT, Reason.ADDED_CAPABILITIES}
    assert reasons(rows, State.KEPT) <= {
        Reason.AUTHOR,
        Reason.EVERY_CONTAINER,
        Reason.LIMIT_RANGE,
        Reason.OPTED_IN,
        Reason.REQUEST_EQUALS_LIMIT,
    }
    assert reasons(rows, State.SKIPPED) == {
        Reason.APPARMOR_ANNOTATION,
        Reason.AUTHOR_IDENTITY,
        Reason.AUTHOR_VOLUME,
        Reason.CAP_SYS_ADMIN,
        Reason.HOST_NAMESPACES,
        Reason.LINUX_FIELD,
        Reason.NO_VOLUME,
        Reason.POD_LEVEL_RESOURCES,
        Reason.PRIVILEGED,
        Reason.RAW_BLOCK_VOLUME,
        Reason.REQUEST_ABOVE_LIMIT,
        Reason.SECCOMP_ANNOTATION,
        Reason.SYS_ADMIN,
        Reason.TMP_IN_USE,
        Reason.UNKNOWN,
        Reason.USER_NAMESPACE,
        Reason.WINDOWS,
    }


def reasons(rows: Iterable[tuple[Any, Evaluation]], state: State) -> set[Reason]:
    """The reasons that are given for a state."""
    decisions: Iterable[Decision] = (decision for _, outcome in rows for decision in outcome.decisions)
    return {decision.reason for decision in decisions if decision.state is state}


def test_patches_apply_and_need_no_second_pass(rows: list[tuple[Any, Evaluation]]) -> None:
    """Each patch applies, leads to what the engine says, and leaves nothing to do."""
    configuration = msgspec.convert({"settings": EVERYTHING}, DefaulterConfiguration)
    namespace = compile_namespace(empty_snapshot("default"), configuration)
    for row, outcome in rows:
        patched: Json = jsonpatch.apply_patch(row["pod"], list(outcome.operations))
        assert patched == outcome.patched
        assert not evaluate(view(patched, Origin.MANIFEST), namespace).operations, row["id"]
