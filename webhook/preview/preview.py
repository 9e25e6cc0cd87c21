"""Runs the engine on manifests, for the command line and the preview endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from patches import (
    DefaulterConfiguration,
    Evaluation,
    LevelVersion,
    Mode,
    NamespaceCompiler,
    Origin,
    Pod,
    Stage,
    evaluate,
    field_path,
    locate,
)
from webhook.documents.document import line_of_field
from webhook.documents.reader import Document
from webhook.documents.writer import unified_diff
from webhook.errors import BrokenDocument, InvalidObject
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.results import (
    Failure,
    Report,
    Result,
    Summary,
    ViolationRow,
    Violations,
    default_row,
    violation_row,
)
from webhook.preview.unknown_fields import unknown_field_warnings
from webhook.review import messages


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """What to preview for.

    Attributes:
        namespace: namespace of objects without one.
        profile: replaces each namespace's target, and then decides `allowed` too; None keeps the targets.
        patch: whether to add defaults; False only judges.
        full_diff: whether each diff shows the whole document as one hunk, even if nothing changes.
    """

    namespace: str = "default"
    profile: LevelVersion | None = None
    patch: bool = True
    full_diff: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The context of a preview: the namespaces, the configuration, and the API server's own minor version."""

    namespaces: GatheredNamespaces
    configuration: DefaulterConfiguration
    server_minor: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A result, and the facts that the summary and the exit status need."""

    result: Result
    has_pod: bool = False
    compliant_before: bool = True
    compliant_after: bool = True


def preview(
    documents: Sequence[Document | BrokenDocument], surroundings: Surroundings, options: PreviewOptions
) -> tuple[Report, int]:
    """Preview documents.

    Args:
        documents: the manifests. Cluster objects among them count for all other documents, before and after them.
        surroundings: what else is known; it is not changed.
        options: what to preview for.

    Returns:
        The report, and the exit status: 0 if all comply, 1 if violations remain, 2 if a document cannot be read.
    """
    gatherer = ManifestGatherer(default_namespace=options.namespace, base=surroundings.namespaces.snapshots)
    failures = [_add_cluster_object(document, gatherer) for document in documents]
    previewer = _Previewer(surroundings, gatherer, options)
    rows = [
        previewer.preview(document)
        if failure is None and isinstance(document, Document)
        else _Row(Result(error=failure or UNSET))
        for document, failure in zip(documents, failures, strict=True)
    ]
    pods = [row for row in rows if row.has_pod]
    summary = Summary(len(pods), sum(row.compliant_before for row in pods))
    if options.patch:
        summary.compliant_after = sum(row.compliant_after for row in pods)
    results = [row.result for row in rows]
    if any(result.error for result in results):
        status = 2
    else:
        status = int(not all(row.compliant_after if options.patch else row.compliant_before for row in pods))
    return Report(results, summary), status


def namespaces_of(documents: Sequence[Document | BrokenDocument], options: PreviewOptions) -> tuple[str, ...]:
    """The namespaces of the documents, each once. A document without one counts in that of the options."""
    found = [
        _namespace(document.value) or options.namespace
        for document in documents
        if isinstance(document, Document) and isinstance(document.value, dict)
    ]
    return tuple(dict.fromkeys(found)) or (options.namespace,)


def _add_cluster_object(document: Document | BrokenDocument, gatherer: ManifestGatherer) -> Failure | None:
    """Add a document to the gatherer if it is a cluster object. Return a failure if it cannot be read."""
    if isinstance(document, BrokenDocument):
        return Failure(document.source, document.number, document.line, document.field, document.message)
    if not isinstance(document.value, dict):
        return _failure(document, "", "expected an object with apiVersion and kind")
    try:
        gatherer.add(document.value)
    except InvalidObject as error:
        return _failure(document, error.field, error.problem)
    return None


def _failure(document: Document, field: str, problem: str) -> Failure:
    return Failure(document.source, document.number, line_of_field(document, field), field, problem)


class _Previewer:
    """Previews single documents: gather, compile, evaluate, print."""

    def __init__(self, surroundings: Surroundings, gatherer: ManifestGatherer, options: PreviewOptions) -> None:
        self._problems = surroundings.namespaces.problems
        self._gatherer = gatherer
        self._compiler = NamespaceCompiler(surroundings.configuration, surroundings.server_minor)
        self._options = options

    def preview(self, document: Document) -> _Row:
        try:
            pod = locate(document.value, Origin.MANIFEST)
            if pod is None:
                return _Row(_unchanged_result(document, self._options))
            return self._preview_pod(document, pod)
        except InvalidObject as error:
            return _Row(Result(error=_failure(document, error.field, error.problem)))

    def _preview_pod(self, document: Document, pod: Pod) -> _Row:
        name = _namespace(document.value) or self._options.namespace
        namespace = self._compiler.compile(self._gatherer.snapshot(name))
        mode = namespace.policy.mode
        namespace = namespace.enforcing()  # in the modes warn and audit, people want to see what enforce would do
        if self._options.profile is not None:
            namespace = namespace.retargeted(self._options.profile)
        evaluation = evaluate(pod, namespace)
        row = (_exempt_row if evaluation.exempt else _evaluated_row)(document, evaluation, mode, self._options)
        problem = self._problems.get(name)
        if isinstance(row.result.warnings, list):
            row.result.warnings[:0] = unknown_field_warnings(pod)
            row.result.warnings += [problem] if problem else []
        return row


def _evaluated_row(document: Document, evaluation: Evaluation, mode: Mode, options: PreviewOptions) -> _Row:
    policy, pod = evaluation.policy, evaluation.pod
    target = policy.target
    decides = policy.enforce if options.profile is None else options.profile
    result = _result(pod.document, evaluation.namespace.name)
    result.profile = str(target)
    result.violations = Violations(_violation_rows(evaluation, Stage.SENT))
    result.warnings = [warning.message for warning in document.warnings] + _duplicate_name_errors(pod)
    compliant = not evaluation.violations(target, Stage.ARRIVING)
    if not options.patch:
        result.allowed = not evaluation.violations(decides, Stage.ARRIVING)
        return _Row(result, has_pod=True, compliant_before=compliant, compliant_after=compliant)
    result.patch = list(evaluation.operations)
    result.patched = evaluation.patched
    result.diff = _diff(document, pod.document, evaluation.patched, options)
    result.defaults = [default_row(row) for row in evaluation.decisions]
    result.violations.after = _violation_rows(evaluation, Stage.PATCHED)
    admitted = Stage.ADMITTED if mode is Mode.ENFORCE else Stage.ARRIVING
    result.allowed = not evaluation.violations(decides, admitted)
    result.warnings += messages.preview_warnings(evaluation, mode)
    return _Row(
        result,
        has_pod=True,
        compliant_before=compliant,
        compliant_after=not evaluation.violations(target, Stage.ADMITTED),
    )


def _exempt_row(document: Document, evaluation: Evaluation, _mode: Mode, options: PreviewOptions) -> _Row:
    """An object that admission neither patches nor judges. The result still lists its violations."""
    result = _unchanged_result(document, options)
    result.namespace = evaluation.namespace.name
    result.profile = str(evaluation.policy.target)
    rows = _violation_rows(evaluation, Stage.SENT)
    compliant = not evaluation.violations(evaluation.policy.target, Stage.ARRIVING)
    result.violations = Violations(rows, rows if options.patch else UNSET)
    result.warnings = [
        *(warning.message for warning in document.warnings),
        "the configuration exempts it: admission adds nothing, and judges nothing",
    ]
    return _Row(result, has_pod=True, compliant_before=compliant, compliant_after=compliant)


def _violation_rows(evaluation: Evaluation, stage: Stage) -> list[ViolationRow]:
    return [violation_row(row) for row in evaluation.violations(evaluation.policy.target, stage)]


def _unchanged_result(document: Document, options: PreviewOptions) -> Result:
    """The result of an object that stays as it is, such as one without a pod."""
    value: Any = document.value
    result = _result(value, _namespace(value) or options.namespace)
    result.profile = ""
    result.violations = Violations([])
    result.allowed = True
    result.warnings = [warning.message for warning in document.warnings]
    if options.patch:
        result.patch, result.patched, result.defaults = [], value, []
        result.diff = _diff(document, value, value, options)
        result.violations.after = []
    return result


def _diff(document: Document, before: Any, after: Any, options: PreviewOptions) -> str:
    if before is after and not options.full_diff:
        return ""
    return unified_diff(before, after, f"{document.source}#{document.number}", None if options.full_diff else 3)


def _result(value: Any, namespace: str) -> Result:
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


def _duplicate_name_errors(pod: Pod) -> list[str]:
    """The API server's error for each container name that occurs twice."""
    seen: set[str] = set()
    errors = []
    for container in pod.containers:
        if container.name in seen:
            errors.append(f'{field_path(container.path)}.name: Duplicate value: "{container.name}"')
        seen.add(container.name)
    return errors
