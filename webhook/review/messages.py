"""The words of an answer: warnings, audit annotations and refusals, from the engine's codes.

A warning with a control character is lost, identical ones are shown once, and past 4,096 characters in all the API
server cuts each to 256: so useful words come first, and the re-validation's warning is upstream's exact text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from patches.evaluation import Outcome
from patches.model.decisions import Decision, State
from patches.policy.configuration import Mode
from patches.policy.policy import Policy
from patches.standards.checks import FIELDS
from patches.standards.levels import Level, LevelVersion
from patches.standards.violations import Violation, violation_text

_BRIEF: Final = 200
"""Characters. Longer than this, the ids alone are said; the audit annotation has all of it."""


def would_violate(level: LevelVersion, violations: Sequence[Violation]) -> str:
    """Upstream's text of a warning or audit annotation, to the letter."""
    return f'would violate PodSecurity "{level}": {violation_text(violations)}'


def violates(level: LevelVersion, violations: Sequence[Violation]) -> str:
    """Upstream's text of a refusal, to the letter."""
    return f'violates PodSecurity "{level}": {violation_text(violations)}'


def hint(violations: Iterable[Violation]) -> str:
    """Which explicit fields to change, shortly."""
    return "to pass, change " + "; ".join(dict.fromkeys(FIELDS[violation.id] for violation in violations))


def refusal(level: LevelVersion, violations: Sequence[Violation]) -> str:
    """The message of a refusal: upstream's text, then the hint."""
    return printable(f"{violates(level, violations)}; {hint(violations)}")


def mutate_warnings(policy: Policy, outcome: Outcome, *, is_update: bool) -> list[str]:
    """What the person who sent the object should read, the most useful first."""
    warnings = _verdict_warnings(policy, outcome)
    if outcome.applied:
        added = _brief(outcome.applied)
        if policy.mode is Mode.WARN:
            warnings.append(f"pod-security-defaulter (mode warn) would add {added}")
        elif outcome.withheld is not None and outcome.withheld.deferred:
            warnings.append(f"pod-security-defaulter will add to the pods {added}")
        elif outcome.withheld is None and is_update:  # an annotation on the pod would be dropped silently
            warnings.append(f"pod-security-defaulter added {added}")
    warnings += [f"pod-security-defaulter: {problem}" for problem in policy.problems]
    return [printable(text) for text in warnings]


def _brief(applied: str) -> str:
    """What was added, short enough to be read; and what the kubelet makes of runAsNonRoot, which nobody sees here."""
    entries = applied.split(",")
    if len(applied) > _BRIEF:
        entries = list(dict.fromkeys(entry.partition(":")[0] for entry in entries))
    note = " (an image that runs as root will not start)" if "runAsNonRoot" in applied else ""
    return ", ".join(entries) + note


def preview_warnings(policy: Policy, outcome: Outcome, mode: Mode) -> list[str]:
    """What applying the object would warn of. `mode` is the namespace's: in the preview it counts as enforce."""
    warnings = _verdict_warnings(policy, outcome)
    if mode is not Mode.ENFORCE:
        warnings.append(f"the namespace's mode is {mode}: admission adds nothing")
    warnings += [f"pod-security-defaulter: {problem}" for problem in policy.problems]
    return [printable(text) for text in warnings]


def _verdict_warnings(policy: Policy, outcome: Outcome) -> list[str]:
    """The warn level in upstream's exact text, so that the built-in plugin's line is the same; others with a hint."""
    warnings: list[str] = []
    if not any(outcome.verdicts.values()):
        return warnings
    hints: dict[str, None] = {}
    ours = () if policy.mode is Mode.AUDIT else (policy.enforce, policy.target)  # audit is for the log alone
    for level in dict.fromkeys((policy.warn, *ours)):
        violations = outcome.verdicts.get(level)
        if not violations:
            continue
        if level != policy.warn:
            warnings.append(f"{would_violate(level, violations)}; {hint(violations)}")
        else:
            warnings.append(would_violate(level, violations))
            if level in ours:
                hints[f"pod-security-defaulter: {hint(violations)}"] = None
    return [*warnings, *hints]


def mutate_audit(policy: Policy, outcome: Outcome, *, is_pod: bool) -> dict[str, str]:
    """The audit annotations of a mutation. The API server prefixes each key with the webhook's name."""
    audit = judged_audit(policy, outcome.verdicts, is_pod=is_pod)
    if outcome.applied:
        audit["applied" if outcome.withheld is None else "would-apply"] = printable(outcome.applied)
    skipped = skipped_list(outcome.decisions)
    if skipped:
        audit["skipped"] = printable(skipped)
    return audit


def judged_audit(
    policy: Policy,
    verdicts: Mapping[LevelVersion, Sequence[Violation]],
    *,
    is_pod: bool,
) -> dict[str, str]:
    """The audit annotations of a judgement, as Pod Security Admission writes them."""
    audit = {}
    if is_pod:
        levels = {policy.enforce.level, policy.audit.level, policy.warn.level}
        unjudged = levels == {Level.PRIVILEGED} and not policy.psa_problems  # upstream then looks at no version
        audit["enforce-policy"] = "privileged:latest" if unjudged else str(policy.enforce)
    if policy.psa_problems:
        audit["error"] = printable("Failed to parse policy: " + ", ".join(policy.psa_problems))
    violations = verdicts.get(policy.audit)
    if violations:
        audit["audit-violations"] = printable(would_violate(policy.audit, violations))
    return audit


def skipped_list(decisions: Iterable[Decision]) -> str:
    """What was not added and why, as `id:reason` joined by commas, each pair once."""
    entries = dict.fromkeys(
        f"{decision.id}:{decision.reason}"
        for decision in decisions
        if decision.state in (State.SKIPPED, State.CONFLICT)
    )
    return ",".join(entries)


def printable(text: str) -> str:
    """The text without control characters: the API server drops a warning that has one."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)
