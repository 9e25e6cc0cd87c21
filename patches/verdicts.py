"""Whether a workload fits a level: as it is, once defaulted, after edits, or not at all.

What a workload needs by nature is no value of its manifest that could be another one: the namespaces of its host, a
path of its node, or to be a process of a Windows host. Who removes these has another program. Everything else that a
profile forbids (privileged, a capability, a sysctl, a port of the node, root, a volume of another kind) is a value that
its author may change, and often has set without need.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from patches.edits import Edit, shortest_edits
from patches.evaluation import Evaluation, Stage
from patches.standards.levels import Level, LevelVersion

BY_NATURE: Final = frozenset({"hostNamespaces", "hostPathVolumes", "windowsHostProcess"})
"""The checks that ask what a workload is for, not how careful its author was."""


class Verdict(StrEnum):
    """How a workload fares at a level, the best first."""

    COMPLIANT = "compliant"
    """It passes as it is."""
    WITH_DEFAULTS = "with defaults"
    """It passes once defaulted."""
    NEEDS_EDITS = "needs edits"
    """It passes once edited and defaulted."""
    CANNOT = "cannot"
    """It needs by nature what the level forbids, or no edits are known that make it pass."""

    @property
    def is_ready(self) -> bool:
        """Whether it passes without an edit."""
        return self in (Verdict.COMPLIANT, Verdict.WITH_DEFAULTS)


class Fit(NamedTuple):
    """How a workload fits a level.

    Attributes:
        verdict: how it fares.
        fits: the strictest level, up to the one asked about, that it passes once defaulted.
        edits: the shortest edits after which it passes. None if none are known.
        nature: the violated checks that it needs by nature.
    """

    verdict: Verdict
    fits: Level
    edits: tuple[Edit, ...] | None = ()
    nature: tuple[str, ...] = ()


def fit(evaluation: Evaluation, level: LevelVersion) -> Fit:
    """Say how a workload fits a level. `evaluation`: of its pod, in a namespace whose target is that level."""
    if not evaluation.violations(level, Stage.ARRIVING):
        return Fit(Verdict.COMPLIANT, level.level)
    violations = evaluation.violations(level, Stage.ADMITTED)
    if not violations:
        return Fit(Verdict.WITH_DEFAULTS, level.level)
    edits = shortest_edits(evaluation, level)
    baseline = violations  # `restricted` has checks that stand for those of `baseline`
    if level.level is Level.RESTRICTED:
        baseline = evaluation.violations(LevelVersion(Level.BASELINE, level.version), Stage.ADMITTED)
    nature = tuple(violation.id for violation in baseline if violation.id in BY_NATURE)
    verdict = Verdict.CANNOT if nature or edits is None else Verdict.NEEDS_EDITS
    return Fit(verdict, Level.PRIVILEGED if baseline else Level.BASELINE, edits, nature)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of some verdicts; compliant without any."""
    order = tuple(Verdict)
    return max(verdicts, key=order.index, default=Verdict.COMPLIANT)
