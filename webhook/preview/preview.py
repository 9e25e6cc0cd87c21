"""Runs the engine on manifests, for the command line and the preview endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from patches import (
    CompiledNamespace,
    DefaulterConfiguration,
    Evaluation,
    LevelVersion,
    Mode,
    NamespaceCompiler,
    Origin,
    Pod,
    Stage,
    Withheld,
    custom_templates,
    evaluate,
    field_path,
    shortest_edits,
    validate,
)
from webhook.documents.reader import Document
from webhook.documents.writer import unified_diff
from webhook.errors import BrokenDocument, InvalidObject
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.manifests import Manifest, failure, metadata_of, read_manifest, text_of
from webhook.preview.results import (
    EditRow,
    Failure,
    Report,
    Result,
    StartRow,
    Summary,
    ViolationRow,
    Violations,
    default_row,
    edit_row,
    join_results,
    start_row,
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
    manifests = [read_object(document, gatherer) for document in documents]
    previewer = _Previewer(surroundings, gatherer, options)
    rows = [
        previewer.preview(manifest) if isinstance(manifest, Manifest) else _Row(Result(error=manifest))
        for manifest in manifests
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
    found = [_namespace_of(document) or options.namespace for document in documents if isinstance(document, Document)]
    return tuple(dict.fromkeys(found)) or (options.namespace,)


def images_of(documents: Sequence[Document | BrokenDocument], configuration: DefaulterConfiguration) -> tuple[str, ...]:
    """The images that containers in the documents name, each once."""
    templates = custom_templates(configuration)
    found: dict[str, None] = {}
    for document in documents:
        if isinstance(document, Document):
            try:
                pods = templates.locate(read_manifest(document).value, Origin.MANIFEST)
            except InvalidObject:
                continue  # the preview reports it as an error
            images = (view.value.get("image") for pod in pods for view in pod.containers)
            found |= dict.fromkeys(image for image in images if image)
    return tuple(found)


def _namespace_of(document: Document) -> str:
    try:
        return read_manifest(document).namespace
    except InvalidObject:
        return ""  # the preview reports it as an error


def read_object(document: Document | BrokenDocument, gatherer: ManifestGatherer) -> Manifest | Failure:
    """Read a document, and add its object to the gatherer if it is a cluster object."""
    if isinstance(document, BrokenDocument):
        return Failure(document.source, document.number, document.line, document.field, document.message)
    try:
        manifest = read_manifest(document)
    except InvalidObject as error:
        return failure(document, error)
    value = manifest.value
    if manifest.request is not None:  # whose namespace counts
        value = {**value, "metadata": {**metadata_of(value), "namespace": manifest.namespace}}
    try:
        gatherer.add(value)
    except InvalidObject as error:
        return manifest.failure(error)
    return manifest


class _Previewer:
    """Previews single documents: gather, compile, evaluate, print."""

    def __init__(self, surroundings: Surroundings, gatherer: ManifestGatherer, options: PreviewOptions) -> None:
        self._problems = surroundings.namespaces.problems
        self._gatherer = gatherer
        self._compiler = NamespaceCompiler(surroundings.configuration, surroundings.server_minor)
        self._options = options
        self._templates = custom_templates(surroundings.configuration)

    def preview(self, manifest: Manifest) -> _Row:
        try:
            pods, old = self._locate(manifest)
        except InvalidObject as error:
            return _Row(Result(error=failure(manifest.document, error)))
        if not pods:
            return _Row(_unchanged_result(manifest, self._options))
        try:
            rows = [self._preview_pod(manifest, pod, old) for pod in pods]
            return rows[0] if len(rows) == 1 else self._join(manifest, pods, rows)
        except InvalidObject as error:  # a malformed quantity, which is read only when a rule needs it
            return _Row(Result(error=manifest.failure(error)))

    def _locate(self, manifest: Manifest) -> tuple[Sequence[Pod], Pod | None]:
        """Find the pods in an object, custom ones included; an admission review has one at most."""
        if manifest.request is None:
            return self._templates.locate(manifest.value, Origin.MANIFEST), None
        pod, old = manifest.locate()
        return (() if pod is None else (pod,)), old

    def _join(self, manifest: Manifest, pods: Sequence[Pod], rows: Sequence[_Row]) -> _Row:
        """Join what becomes of the several templates of one object: they stand in different places of it."""
        joined = join_results([row.result for row in rows])
        if self._options.patch:
            namespace = self._namespace(manifest)[0]
            for pod in pods:
                joined.patched = evaluate(pod.view(joined.patched), namespace, annotate=False).patched
            joined.diff = _diff(manifest, manifest.value, joined.patched, self._options)
        return _Row(
            joined,
            has_pod=True,
            compliant_before=all(row.compliant_before for row in rows),
            compliant_after=all(row.compliant_after for row in rows),
        )

    def _namespace(self, manifest: Manifest) -> tuple[CompiledNamespace, Mode]:
        """The namespace of a manifest as a preview evaluates it, and the mode that it really has."""
        namespace = self._compiler.compile(self._gatherer.snapshot(manifest.namespace or self._options.namespace))
        mode = namespace.policy.mode
        namespace = namespace.enforcing()  # in the modes warn and audit, people want to see what enforce would do
        if self._options.profile is not None:
            namespace = namespace.retargeted(self._options.profile)
        return namespace, mode

    def _preview_pod(self, manifest: Manifest, pod: Pod, old: Pod | None) -> _Row:
        name = manifest.namespace or self._options.namespace
        namespace, mode = self._namespace(manifest)
        evaluation = evaluate(pod, namespace, old=old, user=manifest.user, annotate=False)
        if evaluation.exempt:
            row = _exempt_row(manifest, evaluation, self._options)
        else:
            row = _evaluated_row(manifest, evaluation, mode, self._options)
            if old is not None and validate(pod, namespace, old=old).withheld is Withheld.UPDATE:
                row.result.allowed = True  # an update that changes no image and adds no container is not judged
        problem = self._problems.get(name)
        if isinstance(row.result.warnings, list):
            row.result.warnings[:0] = unknown_field_warnings(pod)
            row.result.warnings += [problem] if problem else []
        return row


def _evaluated_row(manifest: Manifest, evaluation: Evaluation, mode: Mode, options: PreviewOptions) -> _Row:
    policy, pod = evaluation.policy, evaluation.pod
    decides = policy.enforce if options.profile is None else options.profile
    result = _result(manifest.value, evaluation.namespace.name)
    result.profile = str(policy.target)
    before = _violation_rows(evaluation, Stage.ARRIVING)
    result.violations = Violations(before)
    result.edits = _edit_rows(manifest, evaluation, Stage.ADMITTED if options.patch else Stage.ARRIVING)
    result.warnings = _document_warnings(manifest) + _duplicate_name_errors(pod)
    if not options.patch:
        result.allowed = not evaluation.violations(decides, Stage.ARRIVING)
        result.starts = _start_rows(evaluation, Stage.SENT)
        result.warnings += messages.check_warnings(evaluation)
        return _Row(result, has_pod=True, compliant_before=not before, compliant_after=not before)
    is_patched = evaluation.withheld is None
    result.patch = list(evaluation.operations) if is_patched else []
    result.patched = _patched(manifest.value, evaluation) if is_patched else manifest.value
    result.diff = _diff(manifest, manifest.value, result.patched, options)
    result.defaults = [default_row(row) for row in evaluation.decisions]
    after = result.violations.after = _violation_rows(evaluation, Stage.ADMITTED)
    result.allowed = not evaluation.violations(decides, Stage.ADMITTED if mode is Mode.ENFORCE else Stage.ARRIVING)
    result.starts = _start_rows(evaluation, Stage.PATCHED)
    result.warnings += messages.preview_warnings(evaluation, mode)
    return _Row(result, has_pod=True, compliant_before=not before, compliant_after=not after)


def _patched(value: Any, evaluation: Evaluation) -> Any:
    """The object with the patch. Of a debug session the engine patches the pod as it will be stored."""
    if evaluation.pod.document is value:
        return evaluation.patched
    debuggers = {"ephemeralContainers": evaluation.patched["spec"]["ephemeralContainers"]}
    return {**value, "spec": {**value["spec"], **debuggers}}


def _exempt_row(manifest: Manifest, evaluation: Evaluation, options: PreviewOptions) -> _Row:
    """An object that admission neither patches nor judges. The result still lists its violations."""
    result = _unchanged_result(manifest, options)
    result.namespace = evaluation.namespace.name
    result.profile = str(evaluation.policy.target)
    rows = _violation_rows(evaluation, Stage.ARRIVING)
    result.violations = Violations(rows, rows if options.patch else UNSET)
    result.starts = _start_rows(evaluation, Stage.SENT)
    result.edits = _edit_rows(manifest, evaluation, Stage.ARRIVING)
    result.warnings = [
        *_document_warnings(manifest),
        "the configuration exempts it: admission adds nothing, and judges nothing",
        *messages.check_warnings(evaluation),
    ]
    return _Row(result, has_pod=True, compliant_before=not rows, compliant_after=not rows)


def _violation_rows(evaluation: Evaluation, stage: Stage) -> list[ViolationRow]:
    return [violation_row(row) for row in evaluation.violations(evaluation.policy.target, stage)]


def _start_rows(evaluation: Evaluation, stage: Stage) -> list[StartRow]:
    return [start_row(row) for row in evaluation.starts(stage)]


def _edit_rows(manifest: Manifest, evaluation: Evaluation, stage: Stage) -> list[EditRow] | None:
    edits = shortest_edits(evaluation, evaluation.policy.target, stage)
    return None if edits is None else [edit_row(edit, manifest.line_of(edit.path)) for edit in edits]


def _document_warnings(manifest: Manifest) -> list[str]:
    return [warning.message for warning in manifest.document.warnings]


def _unchanged_result(manifest: Manifest, options: PreviewOptions) -> Result:
    """The result of an object that stays as it is, such as one without a pod."""
    value: Any = manifest.value
    result = _result(value, manifest.namespace or options.namespace)
    if manifest.problem and manifest.request is not None:  # a review has no metadata
        result.name = manifest.request.name
    result.profile = ""
    result.violations = Violations([])
    result.edits = []
    result.allowed = True
    result.starts = []
    result.warnings = _document_warnings(manifest)
    if manifest.problem:
        result.warnings.append(messages.printable(manifest.problem))
    if options.patch:
        result.patch, result.patched, result.defaults = [], value, []
        result.diff = _diff(manifest, value, value, options)
        result.violations.after = []
    return result


def _diff(manifest: Manifest, before: Any, after: Any, options: PreviewOptions) -> str:
    if before is after and not options.full_diff:
        return ""
    document = manifest.document
    return unified_diff(before, after, f"{document.source}#{document.number}", None if options.full_diff else 3)


def _result(value: Any, namespace: str) -> Result:
    metadata = metadata_of(value)
    return Result(
        api_version=text_of(value.get("apiVersion")),
        kind=text_of(value.get("kind")),
        name=text_of(metadata.get("name") or metadata.get("generateName")),
        namespace=namespace,
    )


def _duplicate_name_errors(pod: Pod) -> list[str]:
    """The API server's error for each container name that occurs twice."""
    seen: set[str] = set()
    errors = []
    for container in pod.containers:
        if container.name in seen:
            errors.append(f'{field_path(container.path)}.name: Duplicate value: "{container.name}"')
        seen.add(container.name)
    return errors
