"""Documents in, results out: the engine run on manifests, for the command line and the preview endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET

from patches.arrival import arrive
from patches.evaluation import mutate
from patches.model.pod import Origin, Pod, field_path, locate
from patches.policy.configuration import Mode
from patches.policy.limits import NO_LIMITS
from patches.policy.policy import retarget
from patches.standards.judge import judge
from patches.standards.levels import LevelVersion
from webhook.documents.document import line_of_field
from webhook.documents.reader import Document
from webhook.documents.writer import unified_diff
from webhook.errors import BrokenDocument, InvalidObject
from webhook.preview.results import (
    Failure,
    Report,
    Result,
    Summary,
    Violations,
    default_row,
    violation_row,
)
from webhook.review import messages
from webhook.sources.manifests import ManifestSource
from webhook.sources.state import NamespaceState


@dataclass(frozen=True, slots=True)
class Options:
    """What to preview for. `profile` overrides each namespace's target, and then decides `allowed` too.

    With `full_diff` every diff holds the whole document as one hunk, also where nothing changes.
    """

    namespace: str = "default"
    profile: LevelVersion | None = None
    patch: bool = True
    full_diff: bool = False


@dataclass(frozen=True, slots=True)
class Examined:
    """A result with what the summary and the exit status need."""

    result: Result
    has_pod: bool = False
    compliant_before: bool = True
    compliant_after: bool = True


def preview(
    documents: Sequence[Document | BrokenDocument],
    source: ManifestSource,
    options: Options,
) -> tuple[Report, int]:
    """The report, and the exit status: 0 all compliant, 1 violations remain, 2 something could not be read.

    Cluster objects among `documents` are added to `source` first, wherever they stand.
    """
    source.default_namespace = options.namespace
    failures = [_learn(document, source) for document in documents]
    examined = [
        _examine(document, source, options)
        if failure is None and isinstance(document, Document)
        else Examined(Result(error=failure or UNSET))
        for document, failure in zip(documents, failures, strict=True)
    ]
    pods = [row for row in examined if row.has_pod]
    summary = Summary(len(pods), sum(row.compliant_before for row in pods))
    if options.patch:
        summary.compliant_after = sum(row.compliant_after for row in pods)
    results = [row.result for row in examined]
    if any(result.error for result in results):
        status = 2
    else:
        status = int(not all(row.compliant_after if options.patch else row.compliant_before for row in pods))
    return Report(results, summary), status


def namespaces_of(documents: Sequence[Document | BrokenDocument], options: Options) -> tuple[str, ...]:
    """The namespaces that the documents are about, each once; that of the options where they name none."""
    found = [
        _namespace(document.value) or options.namespace
        for document in documents
        if isinstance(document, Document) and isinstance(document.value, dict)
    ]
    return tuple(dict.fromkeys(found)) or (options.namespace,)


def _learn(document: Document | BrokenDocument, source: ManifestSource) -> Failure | None:
    if isinstance(document, BrokenDocument):
        return Failure(document.source, document.number, document.line, document.field, document.message)
    if not isinstance(document.value, dict):
        return _failure(document, "", "expected an object with apiVersion and kind")
    try:
        source.add(document.value)
    except InvalidObject as error:
        return _failure(document, error.field, error.problem)
    return None


def _failure(document: Document, field: str, problem: str) -> Failure:
    return Failure(document.source, document.number, line_of_field(document, field), field, problem)


def _examine(document: Document, source: ManifestSource, options: Options) -> Examined:
    try:
        pod = locate(document.value, Origin.MANIFEST)
        if pod is None:
            return Examined(_untouched(document, options))
        namespace = _namespace(document.value) or options.namespace
        return _in_namespace(document, pod, namespace, source, options)
    except InvalidObject as error:
        return Examined(Result(error=_failure(document, error.field, error.problem)))


def _in_namespace(document: Document, pod: Pod, namespace: str, source: ManifestSource, options: Options) -> Examined:
    state = source.state_now(namespace)
    runtime_class = pod.spec.get("runtimeClassName")
    if source.is_exempt(namespace) or runtime_class in state.policy.exempt_runtime_classes:
        examined = _exempt(document, pod, namespace, state, options)
    else:
        examined = _judged(document, pod, namespace, state, options)
    problem = source.problem(namespace)
    if problem and isinstance(examined.result.warnings, list):
        examined.result.warnings.append(problem)
    return examined


def _judged(document: Document, pod: Pod, namespace: str, state: NamespaceState, options: Options) -> Examined:
    policy = state.policy
    if policy.mode is not Mode.OFF:  # in the modes warn and audit people want to see what enforce would do
        policy = replace(policy, mode=Mode.ENFORCE)
    if options.profile is not None:
        policy = retarget(policy, options.profile)
    decides = policy.enforce if options.profile is None else options.profile
    target, newest = policy.target, policy.newest
    limits = state.facts.limits or NO_LIMITS
    arrived = arrive(pod, limits)
    result = _described(pod.document, namespace)
    result.profile = str(target)
    result.violations = Violations([violation_row(row) for row in judge(pod, target, newest)])
    result.warnings = [warning.message for warning in document.warnings] + _duplicate_names(pod)
    compliant = not judge(arrived, target, newest)
    if not options.patch:
        result.allowed = not judge(arrived, decides, newest)
        return Examined(result, has_pod=True, compliant_before=compliant, compliant_after=compliant)
    outcome = mutate(pod, None, policy, state.facts)
    patched = pod.view(outcome.patched)
    received = arrive(patched, limits)
    admitted = received if state.policy.mode is Mode.ENFORCE else arrived
    result.patch = list(outcome.operations)
    result.patched = outcome.patched
    result.diff = _diff(document, pod.document, outcome.patched, options)
    result.defaults = [default_row(row) for row in outcome.decisions]
    result.violations.after = [violation_row(row) for row in judge(patched, target, newest)]
    result.allowed = not judge(admitted, decides, newest)
    result.warnings += messages.preview_warnings(policy, outcome, state.policy.mode)
    return Examined(
        result,
        has_pod=True,
        compliant_before=compliant,
        compliant_after=not judge(received, target, newest),
    )


def _exempt(document: Document, pod: Pod, namespace: str, state: NamespaceState, options: Options) -> Examined:
    """An object that admission neither patches nor judges; what it violates is shown all the same."""
    result = _untouched(document, options)
    result.namespace = namespace
    target = options.profile or state.policy.target
    result.profile = str(target)
    rows = [violation_row(row) for row in judge(pod, target, state.policy.newest)]
    compliant = not judge(arrive(pod, state.facts.limits or NO_LIMITS), target, state.policy.newest)
    result.violations = Violations(rows, rows if options.patch else UNSET)
    result.warnings = [
        *(warning.message for warning in document.warnings),
        "the configuration exempts it: admission adds nothing, and judges nothing",
    ]
    return Examined(result, has_pod=True, compliant_before=compliant, compliant_after=compliant)


def _untouched(document: Document, options: Options) -> Result:
    """An object without a pod: it passes through."""
    value: Any = document.value
    result = _described(value, _namespace(value) or options.namespace)
    result.profile = ""
    result.violations = Violations([])
    result.allowed = True
    result.warnings = [warning.message for warning in document.warnings]
    if options.patch:
        result.patch, result.patched, result.defaults = [], value, []
        result.diff = _diff(document, value, value, options)
        result.violations.after = []
    return result


def _diff(document: Document, before: Any, after: Any, options: Options) -> str:
    if before is after and not options.full_diff:
        return ""
    return unified_diff(before, after, f"{document.source}#{document.number}", None if options.full_diff else 3)


def _described(value: Any, namespace: str) -> Result:
    metadata = _metadata(value)
    return Result(
        api_version=_text(value.get("apiVersion")),
        kind=_text(value.get("kind")),
        name=_text(metadata.get("name") or metadata.get("generateName")),
        namespace=_text(namespace),
    )


def _metadata(value: Any) -> dict[str, Any]:
    metadata = value.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _namespace(value: Any) -> str:
    return _text(_metadata(value).get("namespace"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _duplicate_names(pod: Pod) -> list[str]:
    """What the API server will say of two containers of one name."""
    seen: set[str] = set()
    complaints = []
    for container in pod.containers:
        if container.name in seen:
            complaints.append(f'{field_path(container.path)}.name: Duplicate value: "{container.name}"')
        seen.add(container.name)
    return complaints
