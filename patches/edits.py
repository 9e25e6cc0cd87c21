"""The shortest edits after which a pod passes once the defaults are added.

Only removals are tried: what an author set stands against the profile, and what is unset the defaults fill in. Every
list is verified by evaluating the edited pod again, and no edit can be left out of it. So a privileged container is
told to drop `privileged` and nothing else, since the defaults then do the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from patches.evaluation import Evaluation, Stage, evaluate
from patches.model.patch import escape, unescape
from patches.model.pod import Pod
from patches.model.shapes import Json
from patches.policy.namespace import CompiledNamespace
from patches.standards.checks import CHECKS

_MOST_EVALUATIONS: Final = 64
_MOST_WORK: Final = 512
"""Evaluations times containers. Beyond either bound nobody is told more than the fields of the violated checks."""
_REMOVABLE: Final = {check.id: check.removable for check in CHECKS}
_ANNOTATIONS: Final = {check.id: check.removable_annotations for check in CHECKS}


class Edit(NamedTuple):
    """A value to remove: where it stands in the document (a JSON Pointer), and the value."""

    path: str
    value: Json


def shortest_edits(evaluation: Evaluation) -> tuple[Edit, ...]:
    """Find the edits after which the pod violates none of the levels by which it is judged.

    Args:
        evaluation: the evaluation of a pod that violates one of them.

    Returns:
        The removals, in the order of the checks; empty if removals alone do not suffice or take too long to find.
    """
    pod, namespace = evaluation.pod, evaluation.namespace.enforcing()
    candidates = list(_candidates(evaluation))
    evaluations = len(candidates) + 1
    if evaluations > _MOST_EVALUATIONS or evaluations * len(pod.containers) > _MOST_WORK:
        return ()
    if not candidates or not _passes(pod, candidates, namespace):
        return ()
    needed = candidates
    for edit in candidates:
        fewer = [other for other in needed if other is not edit]
        if _passes(pod, fewer, namespace):
            needed = fewer
    return tuple(needed)


def _candidates(evaluation: Evaluation) -> Iterator[Edit]:
    pod = evaluation.pod
    violated = dict.fromkeys(
        violation.id for level in evaluation.policy.judged for violation in evaluation.violations(level, Stage.ADMITTED)
    )
    for pattern in dict.fromkeys(pattern for check in violated for pattern in _REMOVABLE[check]):
        yield from _expand(pod, pattern)
    prefixes = tuple(prefix for check in violated for prefix in _ANNOTATIONS[check])
    for key, value in pod.annotations.items():
        if key.startswith(prefixes):
            yield Edit(f"{pod.prefix}/metadata/annotations/{escape(key)}", value)


def _expand(pod: Pod, pattern: str) -> Iterator[Edit]:
    first, _, rest = pattern.partition(".")
    if first == "container":
        for container in pod.containers:
            yield from _walk(container.value, rest.split("."), container.path)
    else:
        yield from _walk(pod.spec, pattern.split("."), pod.spec_path)


def _walk(value: Any, steps: Sequence[str], path: str) -> Iterator[Edit]:
    if value is None:
        return
    if not steps:
        yield Edit(path, value)
        return
    name = steps[0].removesuffix("[*]")
    found, path = value.get(name), f"{path}/{name}"
    if name == steps[0]:
        yield from _walk(found, steps[1:], path)
    else:
        for index, item in enumerate(found or ()):
            yield from _walk(item, steps[1:], f"{path}/{index}")


def _passes(pod: Pod, edits: Iterable[Edit], namespace: CompiledNamespace) -> bool:
    document = pod.document
    for edit in reversed(list(edits)):  # of one list the last entry first, so that the other indexes stay right
        document = _without(document, [unescape(token) for token in edit.path[1:].split("/")])
    evaluation = evaluate(pod.view(document), namespace)
    return not any(evaluation.violations(level, Stage.ADMITTED) for level in evaluation.policy.judged)


def _without(value: Any, tokens: list[str]) -> Any:
    """Return a copy of a document without one value; untouched parts are shared."""
    head, rest = tokens[0], tokens[1:]
    if isinstance(value, list):
        index = int(head)
        middle = [_without(value[index], rest)] if rest else []
        return [*value[:index], *middle, *value[index + 1 :]]
    if rest:
        return {**value, head: _without(value[head], rest)}
    return {key: item for key, item in value.items() if key != head}
