"""The shortest edits after which a pod passes a level.

What an author set stands against the profile and has to go; what is unset the defaults fill in. So a privileged
container is told to drop `privileged` and nothing else. Only where nobody fills in a field, because a default is off or
may not act, or the pod is judged as it was sent, the field has to be set. Each edit is needed, since the pod violates
the level for that alone; that all of them suffice is verified by adding the defaults to the edited pod and judging it.

Each edit names the check that asks for it, so that callers can tell a careless value from what a workload is made for:
who removes `hostNetwork` or a `hostPath` from a node's agent has another program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cache, lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from patches.arrival import arrive_to_checks
from patches.evaluation import Evaluation, Stage, admit_to_checks
from patches.model.editing import with_value, without
from patches.model.images import ImageUser
from patches.model.patch import escape, unescape
from patches.model.pod import ContainerView, Origin, Pod
from patches.model.shapes import Json
from patches.model.starting import is_windows_root
from patches.model.updates import as_stored
from patches.placeholders import as_if_filled_in
from patches.standards.checks import CHECKS
from patches.standards.judge import judge
from patches.standards.levels import LevelVersion
from patches.standards.violations import Violation

_MOST_CONTAINERS: Final = 32
"""Of a pod with more, no edits are looked for: the defaults are tried on it up to four times, while others wait."""
_MOST_EDITS: Final = 64
"""A longer list helps nobody."""
_MOST_EXAMPLES: Final = 4096
_MOST_SETS: Final = 256
"""A pod violates one set of checks, of some tens that occur."""
_MOST_CHARACTERS: Final = 256
"""Of an example that is remembered."""
_MOST_VALUES: Final = 512
"""Of the fields that violated checks read."""
_NON_ROOT: Final = "runAsNonRoot"
_SOME_USER: Final = 65532
"""Stands for the user that an author has to choose, while the edits are verified."""
_EXAMPLE: Final = "example"
_EXAMPLES: Final[dict[tuple[str, str, str, LevelVersion, int], bool]] = {}
"""Whether a value alone violates a level: pods often say the same."""
_CHECKS: Final = {check.id: check for check in CHECKS}


class Action(StrEnum):
    """What an edit does with a value."""

    REMOVE = "remove"
    """It goes."""
    SET = "set"
    """It is set, or replaced."""
    CHOOSE = "choose"
    """It is set to a user that the image supports, which only its author knows."""


class Edit(NamedTuple):
    """One edit of a document.

    Attributes:
        check: the id of the check that asks for it.
        action: what is done.
        path: where, as a JSON Pointer. Maps on the way to a value that is set may be missing.
        value: what is removed, or what is set; null if it is to be chosen.
    """

    check: str
    action: Action
    path: str
    value: Json = None


def shortest_edits(
    evaluation: Evaluation, level: LevelVersion, stage: Stage = Stage.ADMITTED
) -> tuple[Edit, ...] | None:
    """Find the edits after which a pod passes a level.

    This tries the defaults on the pod up to four times more, so ask for pods only that do not pass.

    Args:
        evaluation: an evaluation of the pod. If its namespace adds nothing, it is asked about as in mode enforce.
        level: the level.
        stage: ADMITTED to have the defaults added first, ARRIVING to have the pod pass as it was sent. No other one.

    Returns:
        The edits, removals first, to be made together. Paths lead into the document as it is before them.
        Empty if the pod passes. None if no edits of this kind make it pass, or they are too many to be looked for.
    """
    search = _Search(evaluation, level, stage)
    violations = search.judge(evaluation.to_checks(stage))
    if not violations:
        return ()
    return None if len(evaluation.pod.containers) > _MOST_CONTAINERS else search.find(violations)


class _Search:
    def __init__(self, evaluation: Evaluation, level: LevelVersion, stage: Stage) -> None:
        self._pod = evaluation.pod
        self._old = evaluation.old
        self._namespace = evaluation.namespace.enforcing() if stage is Stage.ADMITTED else evaluation.namespace
        self._policy = evaluation.policy
        self._level = level
        self._stage = stage
        self._editable: str | tuple[str, ...] = ""
        if self._old is not None:  # nothing else of a pod that exists may change
            self._editable = tuple(f"{path}/" for path in evaluation.created or ())

    def find(self, violations: Sequence[Violation]) -> tuple[Edit, ...] | None:
        values = list(islice(self._values(violations), _MOST_VALUES + 1))
        edits = [edit for pattern, edit in values if self._violates(pattern, edit)]
        if len(values) > _MOST_VALUES or len(edits) > _MOST_EDITS:
            return None
        edited = self._edited(edits)
        violated = [violation.id for violation in self.judge(edited)]
        for look in (self._users, self._users, self._missing):
            more = look(edited, violated) if violated else ()
            if more:
                replaced = tuple(edit.path for edit in more)
                edits = [*(edit for edit in edits if not edit.path.startswith(replaced)), *more]
                edited = self._edited(edits)
                violated = [violation.id for violation in self.judge(edited)]
        return None if violated or len(edits) > _MOST_EDITS else tuple(edits)

    def judge(self, pod: Pod) -> tuple[Violation, ...]:
        """What a pod violates at the stage."""
        return judge(as_if_filled_in(pod, self._policy.placeholders), self._level, self._policy.server_minor)

    def _edited(self, edits: Iterable[Edit]) -> Pod:
        """The pod with edits, at the stage."""
        pod = self._pod.view(edit_document(self._pod.document, edits))
        if self._stage is Stage.ADMITTED:
            return admit_to_checks(pod, self._namespace, old=self._old)
        if self._old is not None:
            pod = as_stored(pod, self._old)
        return arrive_to_checks(pod)

    def _values(self, violations: Sequence[Violation]) -> Iterator[tuple[str, Edit]]:
        """Find the values that violated checks read, each with the pattern of its field."""
        pod = self._pod
        patterns: dict[str, str] = {}
        for violation in violations:
            for pattern in _CHECKS[violation.id].removable:
                patterns.setdefault(pattern, violation.id)
        read = tuple(patterns)
        for position, path, value in _expand(pod, read):
            if path.startswith(self._editable):
                pattern = read[position]
                yield pattern, Edit(patterns[pattern], Action.REMOVE, path, value)
        for violation in violations:
            prefixes = _CHECKS[violation.id].removable_annotations
            for key, value in pod.annotations.items():
                if prefixes and key.startswith(prefixes) and self._old is None:
                    path = f"{pod.prefix}/metadata/annotations/{escape(key)}"
                    yield "", Edit(violation.id, Action.REMOVE, path, value)

    def _violates(self, pattern: str, edit: Edit) -> bool:
        """Whether a value alone violates the level, in a pod that complies in all else."""
        spec = self._pod.spec
        surroundings: dict[str, Any] = {key: spec[key] for key in ("os", "hostUsers") if key in spec}
        place = pattern or unescape(edit.path.rpartition("/")[2])
        key = (place, repr(edit.value), repr(surroundings), self._level, self._policy.server_minor)
        known = _EXAMPLES.get(key)
        if known is None:
            example = _example(pattern, place, edit.value, surroundings)
            known = bool(judge(example, self._level, self._policy.server_minor))
            if len(_EXAMPLES) >= _MOST_EXAMPLES:
                _EXAMPLES.clear()
            if len(key[1]) <= _MOST_CHARACTERS:
                _EXAMPLES[key] = known
        return known

    def _users(self, pod: Pod, violated: Sequence[str]) -> list[Edit]:
        """Find who keeps the default from adding runAsNonRoot, or would not start with it."""
        if _NON_ROOT not in violated:
            return []
        found = [edit for container in self._containers(pod) if (edit := self._user(pod, container)) is not None]
        return list(dict.fromkeys(edit for edit in found if edit.path.startswith(self._editable)))

    def _user(self, pod: Pod, container: ContainerView) -> Edit | None:
        own = f"{container.path}/securityContext"
        if container.security.get(_NON_ROOT):
            return None
        for owner, security in ((own, container.security), (f"{pod.spec_path}/securityContext", pod.security)):
            options = security.get("windowsOptions") or {}
            name = options.get("runAsUserName")
            if name is not None:
                path = f"{owner}/windowsOptions/runAsUserName"
                return Edit(_NON_ROOT, Action.REMOVE, path, name) if is_windows_root(name) else None
            user = security.get("runAsUser")
            if user is not None:
                return None if user else Edit(_NON_ROOT, Action.REMOVE, f"{owner}/runAsUser", user)
        return None if pod.windows else self._image_user(container, f"{own}/runAsUser")

    def _image_user(self, container: ContainerView, path: str) -> Edit | None:
        image = self._namespace.images.find(container.value.get("image"))
        skips_unknown = self._policy.settings.run_as_non_root.unknown_images == "skip"
        match image.kind_of_user:
            case ImageUser.NAMED:
                return Edit(_NON_ROOT, Action.SET, path, image.uid)
            case ImageUser.ROOT | ImageUser.NAME:
                return Edit(_NON_ROOT, Action.CHOOSE, path)
            case ImageUser.UNKNOWN if skips_unknown:
                return Edit(_NON_ROOT, Action.CHOOSE, path)
            case _:
                return None

    def _missing(self, pod: Pod, violated: Sequence[str]) -> list[Edit]:
        """Find the fields that are to be set and that nobody fills in."""
        found: list[Edit] = []
        for check in violated:
            if pod.windows and check != _NON_ROOT:
                continue  # those may not set the Linux fields
            for pattern, value in _CHECKS[check].settable:
                first, _, rest = pattern.partition(".")
                path = pattern.replace(".", "/")
                if first != "container":
                    found.append(Edit(check, Action.SET, f"{pod.spec_path}/{path}", value))
                    continue
                for container in self._containers(pod):
                    current = _value_at(container.value, rest.split("."))
                    if not (set(value) <= set(current or ()) if isinstance(value, list) else current == value):
                        found.append(Edit(check, Action.SET, f"{container.path}/{rest.replace('.', '/')}", value))
        return [edit for edit in found if edit.path.startswith(self._editable)]

    def _containers(self, pod: Pod) -> list[ContainerView]:
        return [row for row in pod.containers if not row.is_placeholder(self._policy.placeholders)]


def _example(pattern: str, place: str, value: Json, surroundings: dict[str, Any]) -> Pod:
    """Return a pod that complies but for a value: at a pattern, or that of the annotation `place`."""
    spec: dict[str, Any] = surroundings
    container: dict[str, Any] = {"name": _EXAMPLE, "image": _EXAMPLE}
    annotations = {}
    steps = _steps(place)
    if not pattern:
        annotations[place], container["name"] = value, place.rpartition("/")[2]
    elif steps[0].name == "container":
        container |= _nested(steps[1:], value)
    else:
        spec |= _nested(steps, value)
    document = {"metadata": {"annotations": annotations}, "spec": {**spec, "containers": [container]}}
    return as_if_filled_in(Pod(document, "", "Pod", Origin.ADMISSION), (_EXAMPLE,))


def edit_document(document: Any, edits: Iterable[Edit]) -> Any:
    """Return a copy of a document with some edits. A user that is to be chosen is a number that is not 0."""
    rows = list(edits)
    for edit in reversed(rows):  # of one list the last item first, so that the other indexes stay right
        if edit.action is Action.REMOVE:
            document = without(document, edit.path)
    for edit in rows:
        if edit.action is not Action.REMOVE:
            document = with_value(document, edit.path, _SOME_USER if edit.action is Action.CHOOSE else edit.value)
    return document


class _Step(NamedTuple):
    """One step of a pattern: the name of a field, and whether the rest holds for each item of its list."""

    name: str
    is_list: bool


@cache
def _steps(pattern: str) -> tuple[_Step, ...]:
    return tuple(_Step(step.removesuffix("[*]"), step.endswith("[*]")) for step in pattern.split("."))


class _Field:
    """A field that patterns lead to.

    Attributes:
        below: those that they lead to below it, by name.
        is_list: whether that is below each item of its list.
        position: of the pattern that ends here; -1 if none does.
    """

    __slots__ = ("below", "is_list", "position")

    def __init__(self) -> None:
        self.below: dict[str, _Field] = {}
        self.is_list = False
        self.position = -1


@lru_cache(_MOST_SETS)
def _fields(patterns: tuple[str, ...]) -> tuple[dict[str, _Field], dict[str, _Field]]:
    """The fields that patterns lead to from a pod spec, and from each of its containers."""
    root = _Field()
    for position, pattern in enumerate(patterns):
        field = root
        for name, is_list in _steps(pattern):
            field = field.below.setdefault(name, _Field())
            field.is_list = is_list
        field.position = position
    of_container = root.below.pop("container", None)
    return root.below, {} if of_container is None else of_container.below


def _expand(pod: Pod, patterns: tuple[str, ...]) -> list[tuple[int, str, Json]]:
    """Find the values at patterns, pattern by pattern: the position of the pattern, the path of the value, the value.

    The pod is walked once: patterns have much of their way in common, and few lead to a value.
    """
    found: list[tuple[int, str, Json]] = []
    of_spec, of_container = _fields(patterns)
    _find(pod.spec, of_spec, pod.spec_path, found)
    for container in pod.containers:
        _find(container.value, of_container, container.path, found)
    found.sort(key=itemgetter(0))
    return found


def _find(value: Any, fields: dict[str, _Field], path: str, found: list[tuple[int, str, Json]]) -> None:
    for name in value if len(value) < len(fields) else fields:
        field, item = fields.get(name), value.get(name)
        if field is None or item is None:
            continue
        place = f"{path}/{name}"
        places = [(f"{place}/{index}", entry) for index, entry in enumerate(item)] if field.is_list else [(place, item)]
        for at, entry in places:
            if field.position >= 0:
                found.append((field.position, at, entry))
            if field.below:
                _find(entry, field.below, at, found)


def _nested(steps: Sequence[_Step], value: Json) -> Any:
    """Return an object with one value at the path of a pattern."""
    for name, is_list in reversed(steps):
        value = {name: [value] if is_list else value}
        if name == "volumes":
            value["volumes"][0] = {"name": _EXAMPLE, **value["volumes"][0]}
    return value


def _value_at(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        value = (value or {}).get(step)
    return value
