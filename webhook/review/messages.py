"""The texts of a response: warnings, audit annotations and refusals, made of the engine's codes.

The API server drops a warning with a control character, shows identical ones once, and cuts each to 256 characters if
they exceed 4,096 together. So useful words come first, and warnings of violations use upstream's exact text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from patches import (
    CHECK_FIELDS,
    Action,
    Decision,
    Evaluation,
    Level,
    LevelVersion,
    Mode,
    Stage,
    State,
    Violation,
    Withheld,
    shortest_edits,
    violation_text,
)
from webhook.review.edits import edits_text
from webhook.review.notices import arrival_warnings, image_sentences, notice_warnings
from webhook.review.starts import depends_on_unknown_images, start_warnings

TEXT_LIMIT: Final = 64 * 1024
"""Bytes. No text is longer, so that answers and audit events stay small; real pods keep upstream's exact text."""
WARNINGS_LIMIT: Final = 256 * 1024
"""Bytes, of all warnings together."""
_NON_ROOT: Final = "runAsNonRoot"
"""The check that images fail."""
_BRIEF: Final = 200
"""Characters. A longer list is shortened to its ids; the audit annotation keeps all of it."""


def would_violate(level: LevelVersion, violations: Sequence[Violation]) -> str:
    """Upstream's exact text of a warning or audit annotation."""
    return f'would violate PodSecurity "{level}": {violation_text(violations)}'


def violates(level: LevelVersion, violations: Sequence[Violation]) -> str:
    """Upstream's exact text of a refusal."""
    return f'violates PodSecurity "{level}": {violation_text(violations)}'


def hint(evaluation: Evaluation, level: LevelVersion) -> str:
    """What to do so that the pod passes a level that it violates: the shortest edits, else the fields to change.

    Where the mode keeps the defaults from pods, the edits suppose that they are added, except for what refuses the pod
    as it was sent: the enforce level.
    """
    return _hint(evaluation, level, ())


def _hint(evaluation: Evaluation, level: LevelVersion, explained: tuple[str, ...]) -> str:
    """`explained`: the paths of containers of which another sentence says which user to choose."""
    withheld = evaluation.withheld
    as_sent = withheld is not None and not withheld.deferred
    hypothetical = withheld is Withheld.MODE and level != evaluation.policy.enforce
    edits = shortest_edits(evaluation, level, Stage.ARRIVING if as_sent and not hypothetical else Stage.ADMITTED)
    if edits is None or (not edits and not hypothetical):
        fields = dict.fromkeys(CHECK_FIELDS[violation.id] for violation in evaluation.verdicts[level])
        return "to pass, change " + "; ".join(fields)
    once = " once the defaults are added" if hypothetical else ""
    if not edits:
        return f"passes{once}"
    told = [edit for edit in edits if edit.action is not Action.CHOOSE or not edit.path.startswith(explained)]
    return f"to pass{once}, {edits_text(told)}" if told else ""


def refusal(evaluation: Evaluation) -> str:
    """The message of a refusal: upstream's text, the hint, and which images run as a user that the level forbids.

    A controller that is refused shows this message only, and none of the warnings.
    """
    level = evaluation.policy.enforce
    violations = evaluation.verdicts[level]
    asks_for_user = any(violation.id == _NON_ROOT for violation in violations)
    images = image_sentences(evaluation) if asks_for_user else {}
    texts = [violates(level, violations), _hint(evaluation, level, tuple(images)), *images.values()]
    return printable("; ".join(text for text in texts if text))


def mutation_warnings(evaluation: Evaluation) -> list[str]:
    """The warnings for the sender of an object, the most useful first."""
    policy = evaluation.policy
    warnings = _verdict_warnings(evaluation)
    if evaluation.applied:
        if policy.mode is Mode.WARN:
            warnings.append(f"pod-security-defaulter (mode warn) would add {_brief(evaluation)}")
        elif evaluation.withheld is not None and evaluation.withheld.deferred:
            warnings.append(_deferred(evaluation))
        elif evaluation.withheld is None and evaluation.is_update:  # the API server would drop an annotation on the pod
            warnings.append(f"pod-security-defaulter added {_brief(evaluation)}")
    if policy.mode is not Mode.AUDIT:
        warnings += start_warnings(evaluation)
        warnings += notice_warnings(evaluation)
    warnings += [f"pod-security-defaulter: {problem}" for problem in policy.problems]
    return [printable(text) for text in warnings]


def _brief(evaluation: Evaluation) -> str:
    """What was added, in short, and a note on runAsNonRoot where only the kubelet sees which user an image has."""
    applied = evaluation.applied
    entries = applied.split(",")
    if len(applied) > _BRIEF:
        entries = list(dict.fromkeys(entry.partition(":")[0] for entry in entries))
    doubtful = "runAsNonRoot" in applied and depends_on_unknown_images(evaluation)
    note = " (an image that runs as root will not start)" if doubtful else ""
    return ", ".join(entries) + note


def preview_warnings(evaluation: Evaluation, mode: Mode) -> list[str]:
    """The warnings that applying the object would give. `mode`: of the namespace; the preview evaluates as enforce."""
    warnings = [*_template_warnings(evaluation, Stage.ADMITTED), *_verdict_warnings(evaluation)]
    if mode is not Mode.ENFORCE:
        warnings.append(f"the namespace's mode is {mode}: admission adds nothing")
    elif evaluation.withheld is not None and evaluation.withheld.deferred:
        warnings += [_deferred(evaluation)] if evaluation.applied else []
    elif evaluation.withheld is not None:
        warnings.append(f"admission adds nothing ({evaluation.withheld}): {evaluation.withheld.means}")
    warnings += start_warnings(evaluation)
    warnings += notice_warnings(evaluation)
    warnings += arrival_warnings(evaluation, Stage.ADMITTED)
    warnings += [f"pod-security-defaulter: {problem}" for problem in evaluation.policy.problems]
    return [printable(text) for text in dict.fromkeys(warnings)]


def check_warnings(evaluation: Evaluation) -> list[str]:
    """The warnings about an object that is only judged: where what its author wrote is not what is judged."""
    warnings = [*_template_warnings(evaluation, Stage.ARRIVING), *arrival_warnings(evaluation, Stage.ARRIVING)]
    return [printable(text) for text in warnings]


def _template_warnings(evaluation: Evaluation, stage: Stage) -> list[str]:
    """What the built-in plugin says of a template now, where its pods will violate something else at a stage."""
    warn = evaluation.policy.warn
    if not evaluation.pod.is_template or warn.level is Level.PRIVILEGED:
        return []
    now = evaluation.violations(warn, Stage.STORED)
    return [would_violate(warn, now)] if now and now != evaluation.violations(warn, stage) else []


def _deferred(evaluation: Evaluation) -> str:
    return f"pod-security-defaulter will add to the pods {_brief(evaluation)}"


def _verdict_warnings(evaluation: Evaluation) -> list[str]:
    """Warn of the warn level in upstream's exact text, which the built-in plugin repeats; add a hint to the others."""
    policy, verdicts = evaluation.policy, evaluation.verdicts
    warnings: list[str] = []
    if not any(verdicts.values()):
        return warnings
    hints: dict[str, None] = {}
    ours = (
        () if policy.mode is Mode.AUDIT else (policy.enforce, policy.target)
    )  # in mode audit, only the audit log is written
    for level in dict.fromkeys((policy.warn, *ours)):
        violations = verdicts.get(level)
        if not violations:
            continue
        if level != policy.warn:
            warnings.append(f"{would_violate(level, violations)}; {hint(evaluation, level)}")
        else:
            warnings.append(would_violate(level, violations))
            if level in ours:
                hints[f"pod-security-defaulter: {hint(evaluation, level)}"] = None
    return [*warnings, *hints]


def mutation_audit(evaluation: Evaluation) -> dict[str, str]:
    """The audit annotations of a mutation. The API server prefixes each key with the webhook's name."""
    audit = verdict_audit(evaluation)
    if evaluation.applied:
        audit["applied" if evaluation.withheld is None else "would-apply"] = printable(evaluation.applied)
    skipped = skipped_list(evaluation.decisions)
    if skipped:
        audit["skipped"] = printable(skipped)
    return audit


def verdict_audit(evaluation: Evaluation) -> dict[str, str]:
    """The audit annotations of a verdict, as Pod Security Admission writes them."""
    policy = evaluation.policy
    audit = {}
    if not evaluation.pod.is_template:
        levels = {policy.enforce.level, policy.audit.level, policy.warn.level}
        unjudged = levels == {Level.PRIVILEGED} and not policy.psa_problems  # then upstream ignores the versions
        audit["enforce-policy"] = "privileged:latest" if unjudged else str(policy.enforce)
    if policy.psa_problems:
        audit["error"] = printable("Failed to parse policy: " + ", ".join(policy.psa_problems))
    violations = evaluation.verdicts.get(policy.audit)
    if violations:
        audit["audit-violations"] = printable(would_violate(policy.audit, violations))
    return audit


def add_generation(audit: dict[str, str], generation: str) -> dict[str, str]:
    """Add the generation of the configuration to audit annotations, unless it is ""."""
    if generation:
        audit["generation"] = generation
    return audit


def skipped_list(decisions: Iterable[Decision]) -> str:
    """What was not added and why: `id:reason`, joined by commas, each pair once."""
    entries = dict.fromkeys(
        f"{decision.id}:{decision.reason}"
        for decision in decisions
        if decision.state in (State.SKIPPED, State.CONFLICT)
    )
    return ",".join(entries)


def shortened(warnings: Iterable[str]) -> list[str]:
    """Return the first warnings up to their limit, and a last one that counts those left out."""
    kept: list[str] = []
    size = left_out = 0
    for warning in warnings:
        size += len(warning.encode())
        if size > WARNINGS_LIMIT:
            left_out += 1
        else:
            kept.append(warning)
    return [*kept, f"pod-security-defaulter: {left_out} more warnings"] if left_out else kept


def printable(text: str) -> str:
    """Replace control characters by spaces, because the API server drops a warning that has one. Cut a huge text."""
    text = _cut(text)
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def _cut(text: str) -> str:
    encoded = text.encode() if len(text) > TEXT_LIMIT // 4 else b""  # a character has up to four bytes
    if len(encoded) <= TEXT_LIMIT:
        return text
    kept = encoded[:TEXT_LIMIT].decode(errors="ignore")
    return f"{kept}... ({len(encoded) - TEXT_LIMIT} bytes more)"
