"""Secure defaults for Kubernetes pods, and the verdict of the Pod Security Standards on them. Pure: no I/O, no clock.

Two calls do the work: `mutate` adds what a pod leaves unset, `judge` says what it violates. `locate` finds the pod in a
document, `resolve` a namespace's policy.
"""

from __future__ import annotations

from patches.configuration import DefaulterConfiguration
from patches.facts import Facts, RuntimeClass
from patches.judge import judge
from patches.levels import Level, LevelVersion, Version, parse_level_version
from patches.limits import LimitItem, Limits, compile_limits
from patches.outcome import Decision, Outcome, Reason, State
from patches.patch import Operation
from patches.pipeline import mutate
from patches.pod import Origin, Pod, locate
from patches.policy import Policy, resolve
from patches.shapes import InvalidPod
from patches.violations import Violation, violation_text

__all__ = [
    "Decision",
    "DefaulterConfiguration",
    "Facts",
    "InvalidPod",
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
    "compile_limits",
    "judge",
    "locate",
    "mutate",
    "parse_level_version",
    "resolve",
    "violation_text",
]
