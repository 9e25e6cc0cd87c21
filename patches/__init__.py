"""Secure defaults for Kubernetes pods, and the verdict of the Pod Security Standards on them. Pure: no I/O, no clock.

Two calls do the work: `mutate` adds what a pod leaves unset, `judge` says what it violates. `locate` finds the pod in a
document, `resolve` a namespace's policy.
"""

from __future__ import annotations

from patches.errors import DefaulterError, InvalidObject
from patches.evaluation import Outcome, mutate
from patches.model.decisions import Decision, Reason, State, Withheld
from patches.model.patch import Operation
from patches.model.pod import Origin, Pod, locate
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.limits import LimitItem, Limits, compile_limits
from patches.policy.policy import Policy, resolve
from patches.policy.snapshot import Facts, RuntimeClass
from patches.standards.judge import judge
from patches.standards.levels import Level, LevelVersion, Version, parse_level_version
from patches.standards.violations import Violation, violation_text

__all__ = [
    "Decision",
    "DefaulterConfiguration",
    "DefaulterError",
    "Facts",
    "InvalidObject",
    "Level",
    "LevelVersion",
    "LimitItem",
    "Limits",
    "Operation",
    "Origin",
    "Outcome",
    "Pod",
    "Policy",
    "Reason",
    "RuntimeClass",
    "State",
    "Version",
    "Violation",
    "Withheld",
    "compile_limits",
    "judge",
    "locate",
    "mutate",
    "parse_level_version",
    "resolve",
    "violation_text",
]
