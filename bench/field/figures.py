"""How many workloads pass a profile as written, and how many with what is missing filled in: as `preview` counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from patches import (
    DefaulterConfiguration,
    Evaluation,
    Origin,
    Stage,
    compile_namespace,
    empty_snapshot,
    evaluate,
    locate,
)


class Verdict(NamedTuple):
    """Whether one workload passes."""

    as_written: bool
    filled_in: bool


class Figures(NamedTuple):
    """How many do. `profile` is the level that was asked for."""

    profile: str
    workloads: int
    as_written: int
    filled_in: int

    def table(self) -> str:
        """The figures as a Markdown table."""
        rows = {"as written": self.as_written, "with what is missing filled in": self.filled_in}
        lines = [f"| | pass `{self.profile}` |", "|---|---|"]
        for what, number in rows.items():
            lines.append(f"| {what} | {100 * number / self.workloads:.0f} % ({number} of {self.workloads}) |")
        return "\n".join(lines)


def judge_workloads(objects: Iterable[dict[str, Any]]) -> list[Verdict]:
    """Judge each workload in a namespace without labels, by the default configuration, whose target is restricted."""
    namespace = compile_namespace(empty_snapshot("default"), DefaulterConfiguration()).enforcing()
    verdicts = []
    for value in objects:
        pod = locate(value, Origin.MANIFEST)
        assert pod is not None, value
        evaluation = evaluate(pod, namespace)
        verdicts.append(Verdict(_passes(evaluation, Stage.ARRIVING), _passes(evaluation, Stage.ADMITTED)))
    return verdicts


def count(objects: Iterable[dict[str, Any]]) -> Figures:
    """Count the workloads that pass."""
    verdicts = judge_workloads(objects)
    return Figures(
        str(DefaulterConfiguration().target.level_version),
        len(verdicts),
        sum(row.as_written for row in verdicts),
        sum(row.filled_in for row in verdicts),
    )


def _passes(evaluation: Evaluation, stage: Stage) -> bool:
    return not evaluation.violations(evaluation.policy.target, stage)
