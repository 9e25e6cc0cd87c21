"""Judges workloads, one object at a time, and adds up what becomes of their namespaces."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from patches import (
    APPLIED_ANNOTATION,
    CHECKS,
    MIRROR_ANNOTATION,
    CompiledNamespace,
    Evaluation,
    Fit,
    InvalidObject,
    Level,
    LevelVersion,
    NamespaceCompiler,
    Origin,
    Pod,
    Snapshot,
    Stage,
    Verdict,
    Violation,
    edit_document,
    evaluate,
    fit,
    locate,
    worst,
)
from webhook.documents.writer import unified_diff
from webhook.preview.manifests import metadata_of, text_of
from webhook.preview.results import EditRow, StartRow, edit_row, start_row, violation_row
from webhook.review.notices import doubt_sentences
from webhook.scan.results import NamespaceResult, Position, Workload

_NAMESPACES: Final = 4096
"""How many compiled namespaces to keep."""
_CONTEXT: Final = 2
"""Lines around each change of a difference."""
_UNSHOWN: Final = ("env", "envFrom", "command", "args")
_OWN_OF_EACH_POD: Final = ("affinity", "hostname", "nodeName")
"""Fields that differ in the pods of one workload: a DaemonSet's are bound to their nodes by `affinity`."""
_DECIDING: Final = (
    *(prefix for check in CHECKS for prefix in check.removable_annotations),
    APPLIED_ANNOTATION.partition("/")[0],
    MIRROR_ANNOTATION,
)
"""Annotations by which pods are judged. Networks write addresses, and the kubelet times, into others."""
_MOST_OWNERS: Final = 8
"""So many objects may own each other in a row."""


class Key(NamedTuple):
    """What names a workload. Of several manifests of one object each has a `copy` of its own."""

    namespace: str
    group: str
    kind: str
    name: str
    copy: int = 0


class _Judged(NamedTuple):
    """What becomes of one pod or template."""

    fit: Fit
    before: tuple[Violation, ...]
    after: tuple[Violation, ...]
    edits: list[EditRow] | None
    starts: list[StartRow]
    doubts: list[str]
    containers: frozenset[str]
    diff: str


@dataclass(slots=True)
class _Entry:
    """One workload so far. `pods` are the distinct ones."""

    api_version: str
    position: Position | None = None
    templates: list[_Judged] = field(default_factory=list)
    pods: list[_Judged] = field(default_factory=list)
    digests: set[bytes] = field(default_factory=set)
    count: int = 0


class Scanner:
    """Judges workloads at one profile. Pods of a workload that say the same are judged once."""

    def __init__(
        self,
        compiler: NamespaceCompiler,
        snapshot: Callable[[str], Snapshot],
        profile: LevelVersion,
        *,
        differences: bool = False,
    ) -> None:
        """Judge by this profile, in the namespaces that `snapshot` returns; with `differences`, show changes."""
        self._compile = lru_cache(_NAMESPACES)(lambda name: _target(compiler.compile(snapshot(name)), profile))
        self._profile = profile
        self._entries: dict[Key, _Entry] = {}
        self._owners: dict[Key, Key] = {}
        self._with_differences = differences
        self._differences: dict[str, str] = {}
        self.kinds: Counter[str] = Counter()
        self.evaluated = 0

    def add_owner(self, key: Key, owner: Key) -> None:
        """Note that a workload is part of another one."""
        self._owners[key] = owner

    def add_templates(
        self,
        key: Key,
        pods: Sequence[Pod],
        line_of: Callable[[str], int] = lambda _: 0,
        position: Position | None = None,
    ) -> None:
        """Judge the templates of a workload, or a pod that nobody owns.

        Args:
            key: the workload.
            pods: its templates.
            line_of: the line of a JSON Pointer into the object.
            position: where the object stands.

        Raises:
            InvalidObject: if a quantity is malformed.
        """
        judged = [self._judge(pod, key.namespace, line_of) for pod in pods]
        while position is not None and key in self._entries:  # overlays and examples say things twice
            key = key._replace(copy=key.copy + 1)
        entry = self._entry(key, text_of(pods[0].document.get("apiVersion")))
        entry.position = position
        entry.templates += judged
        self.kinds[key.kind] += 1

    def add_pod(self, document: Any, namespace: str) -> None:
        """Judge a pod of a cluster. Raises InvalidObject if it cannot be read."""
        owner = owner_of(document, namespace)
        own = Key(namespace, "", "Pod", text_of(metadata_of(document).get("name")))
        key = own if owner is None else self._root(owner)
        version = "v1" if owner is None else _owner_version(document) if key == owner else ""
        entry = self._entry(key, version)
        digest = _digest(document)
        if digest not in entry.digests:
            pod = locate(document, Origin.ADMISSION)
            if pod is None:
                return
            judged = self._judge(pod, namespace, lambda _: 0)
            (entry.templates if owner is None else entry.pods).append(judged)
            entry.digests.add(digest)
        entry.count += 1
        self.kinds["Pod"] += 1

    def has(self, key: Key) -> bool:
        """Whether this workload, or that which it is part of, was judged."""
        return self._root(key) in self._entries

    def namespaces(self, names: Iterable[str] = ()) -> list[NamespaceResult]:
        """Add up. `names`: the namespaces to list even if nothing runs in them."""
        found: dict[str, list[Workload]] = {name: [] for name in names}
        for key, entry in self._entries.items():
            if entry.templates or entry.pods:
                workload = _workload(key, entry)
                if self._with_differences:
                    parts = entry.templates or entry.pods
                    workload.diff = "".join(dict.fromkeys(part.diff for part in parts))
                found.setdefault(key.namespace, []).append(workload)
        return [self._namespace(name, found[name]) for name in sorted(found)]

    def _namespace(self, name: str, workloads: list[Workload]) -> NamespaceResult:
        rows = sorted(workloads, key=lambda row: (-list(Verdict).index(row.verdict), row.kind, row.name))
        return NamespaceResult(name, worst([row.verdict for row in rows]), self._least(rows), rows)

    def _least(self, rows: Iterable[Workload]) -> Level:
        return min((row.fits for row in rows), key=lambda level: level.strictness, default=self._profile.level)

    def _entry(self, key: Key, api_version: str) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(api_version)
        return entry

    def _root(self, key: Key) -> Key:
        for _ in range(_MOST_OWNERS):
            owner = self._owners.get(key)
            if owner is None:
                break
            key = owner
        return key

    def _judge(self, pod: Pod, namespace: str, line_of: Callable[[str], int]) -> _Judged:
        self.evaluated += 1
        evaluation = evaluate(pod, self._compile(namespace), annotate=False)
        found = fit(evaluation, self._profile)
        return _Judged(
            found,
            evaluation.violations(self._profile, Stage.ARRIVING),
            evaluation.violations(self._profile, Stage.ADMITTED),
            None if found.edits is None else [edit_row(edit, line_of(edit.path)) for edit in found.edits],
            [start_row(start) for start in evaluation.starts(Stage.PATCHED)],
            doubt_sentences(evaluation),
            frozenset(container.name for container in pod.containers),
            self._difference(evaluation, found) if self._with_differences else "",
        )

    def _difference(self, evaluation: Evaluation, found: Fit) -> str:
        """What the edits, if it passes with them, and the defaults change. Equal ones are kept once."""
        pod = evaluation.pod
        document = evaluation.patched
        if found.verdict is Verdict.NEEDS_EDITS and found.edits:
            edited = pod.view(edit_document(pod.document, found.edits))
            document = evaluate(edited, evaluation.namespace, annotate=False).patched
        after = pod.view(document)
        removed = {key: value for key, value in pod.annotations.items() if key not in after.annotations}
        before = ({"annotations": removed} if removed else {}) | _shown(pod)
        text = unified_diff(before, _shown(after), "", _CONTEXT).partition("@@")
        diff = "".join(text[1:])
        return self._differences.setdefault(diff, diff)


def _shown(pod: Pod) -> dict[str, Any]:
    """What of a pod spec may stand in a report, which is passed on: no variables and commands, which hold secrets."""
    spec: dict[str, Any] = dict(pod.spec)
    for name in ("initContainers", "containers", "ephemeralContainers"):
        if spec.get(name):
            spec[name] = [{key: row[key] for key in row if key not in _UNSHOWN} for row in spec[name]]
    return {"spec": spec}


def owner_of(document: Any, namespace: str) -> Key | None:
    """The controller that owns an object; None without one."""
    reference = _controller(document)
    if reference is None:
        return None
    group = text_of(reference.get("apiVersion")).rpartition("/")[0]
    return Key(namespace, group, text_of(reference.get("kind")), text_of(reference.get("name")))


def _owner_version(document: Any) -> str:
    return text_of((_controller(document) or {}).get("apiVersion"))


def _controller(document: Any) -> dict[str, Any] | None:
    references = metadata_of(document).get("ownerReferences")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("controller"):
            return reference
    return None


def _target(namespace: CompiledNamespace, profile: LevelVersion) -> CompiledNamespace:
    """The namespace as it would be in mode enforce, for that profile."""
    return namespace.enforcing().retargeted(profile)


def _workload(key: Key, entry: _Entry) -> Workload:
    parts = [*entry.templates, *entry.pods]
    written = frozenset().union(*(part.containers for part in entry.templates)) if entry.templates else None
    running = frozenset().union(*(part.containers for part in entry.pods))
    rows = entry.templates or entry.pods
    starts = {(start.container, start.image): start for part in parts for start in part.starts}
    return Workload(
        entry.api_version,
        key.kind,
        key.name,
        key.namespace,
        verdict=worst([part.fit.verdict for part in parts]),
        fits=min((part.fit.fits for part in parts), key=lambda level: level.strictness),
        nature=list(dict.fromkeys(check for part in parts for check in part.fit.nature)),
        violations=list(map(violation_row, dict.fromkeys(row for part in parts for row in part.before))),
        violations_after=list(map(violation_row, dict.fromkeys(row for part in parts for row in part.after))),
        edits=_edits(rows, entry.pods if entry.templates else ()),
        starts=list(starts.values()),
        doubts=list(dict.fromkeys(text for part in parts for text in part.doubts)),
        pods=entry.count,
        only_in_pods=[] if written is None else sorted(running - written),
        position=entry.position,
    )


def _edits(written: Sequence[_Judged], running: Sequence[_Judged]) -> list[EditRow] | None:
    """The edits of what its author wrote, and, if that passes then, of what only its pods say."""
    edits: dict[tuple[str, str], EditRow] = {}
    for part in written:
        if part.edits is None:
            return None
        edits.update({(row.path, row.text): row for row in part.edits})
    known = set(edits)
    for part in running:
        if not all(row.fit.verdict.is_ready for row in written):
            break  # its pods are made anew from the edited template
        if part.edits is None:
            return None
        for row in part.edits:
            if (row.path, row.text) not in known:
                text = f"in its pods, {row.text}"
                edits[row.path, text] = msgspec.structs.replace(row, text=text)
    return list(edits.values())


def _digest(document: Any) -> bytes:
    """What tells a pod from others of its workload: all but what differs in each pod and decides nothing."""
    spec = document.get("spec") if isinstance(document, dict) else None
    if not isinstance(spec, dict):
        raise InvalidObject("spec", "Expected `object`")
    kept: dict[str, Any] = {key: value for key, value in spec.items() if key not in _OWN_OF_EACH_POD}
    volumes = kept.get("volumes")
    if isinstance(volumes, list):  # a claim and a token have names of their own in each pod
        kept["volumes"] = sorted({_sources(volume) for volume in volumes})
    for name in ("initContainers", "containers", "ephemeralContainers"):
        if isinstance(kept.get(name), list):
            kept[name] = [_without_mounts(container) for container in kept[name]]
    marks = metadata_of(document).get("annotations")
    relevant = {key: value for key, value in (marks or {}).items() if key.startswith(_DECIDING)}
    return hashlib.blake2b(msgspec.json.encode([kept, relevant], order="sorted"), digest_size=16).digest()


def _sources(volume: Any) -> str:
    return " ".join(sorted(key for key in volume if key != "name")) if isinstance(volume, dict) else ""


def _without_mounts(container: Any) -> Any:
    if not isinstance(container, dict):
        return container
    return {key: value for key, value in container.items() if key not in ("volumeMounts", "env")}
