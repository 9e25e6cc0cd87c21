"""The engine: evaluates one pod in one namespace, as mutating or as validating admission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from patches.arrival import arrive, arrive_to_checks, read_spec, with_app_armor_fields, with_resources, worsened
from patches.compiler import active_defaults
from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Decision, Reason, State, Withheld
from patches.model.notices import Notice
from patches.model.operation import Operation
from patches.model.pod import IMMUTABLE_TEMPLATES, ContainerView, Origin, Pod
from patches.model.shapes import Json
from patches.model.starting import Start, foresee
from patches.model.updates import as_stored, changes_template, is_significant, new_ephemeral_containers
from patches.notices import find_notices
from patches.placeholders import as_if_filled_in
from patches.policy.configuration import DenyIn, Exemption, Mode
from patches.policy.exceptions import NO_EXCEPTIONS
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import PREFIX, SKIP_ANNOTATION, Policy, split_ids
from patches.standards.judge import judge
from patches.standards.levels import Level, LevelVersion
from patches.standards.violations import Violation

APPLIED_ANNOTATION: Final = PREFIX + "applied"
MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"
_ANNOTATIONS_LIMIT: Final = 256 * 1024
"""Bytes. The API server refuses an object if the keys and values of its annotations are longer together."""


class Stage(Enum):
    """The moments at which a pod can be judged."""

    SENT = "sent"
    """As it was sent."""
    PATCHED = "patched"
    """With the patch."""
    ARRIVING = "arriving"
    """As it was sent, after the API server's own steps."""
    ADMITTED = "admitted"
    """With the patch, after the API server's own steps."""
    STORED = "stored"
    """A template as the API server judges it before there are pods of it, patched only if templates are."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What becomes of one pod in one namespace.

    Attributes:
        pod: the pod as it was sent. Of an update that adds ephemeral containers: as it will be stored.
        namespace: the namespace in which it was evaluated.
        exempt: why the pod is neither patched nor judged: there are then no operations, decisions and verdicts. None if
            it is not exempt.
        withheld: why the patch is not sent. The operations then say what it would be, or are empty if the defaults were
            not tried. None if it is sent.
        operations: the patch (RFC 6902), from the document as sent to `patched`.
        patched: the document with the patch.
        decisions: the state of each default at each path, and the reason.
        notices: what a person should hear in time, in the order in which it was found.
        applied: what was, or would be, added: `id:place`, joined by commas.
        verdicts: what the pod violates, for each level by which admission judges it. In the modes warn and audit, and
            for mirror pods, the pod is judged as sent, else as patched. A template that is not patched is judged as
            its pods will be, but for the steps that the API server takes with pods only. A manifest is judged as an
            API server will see it, and a placeholder as if it were filled in.
        denied: whether this review refuses the pod, because it violates the enforce level.
        is_update: whether an existing pod is updated. It took the steps of its arrival when it was created.
        created: the paths of the ephemeral containers that an update adds; None if all containers are new.
        old: the pod before an update that adds ephemeral containers; None of any other request.
    """

    pod: Pod
    namespace: CompiledNamespace
    exempt: Exemption | None = None
    withheld: Withheld | None = None
    operations: tuple[Operation, ...] = ()
    patched: Json = None
    decisions: tuple[Decision, ...] = ()
    notices: tuple[Notice, ...] = ()
    applied: str = ""
    verdicts: Mapping[LevelVersion, tuple[Violation, ...]] = field(default_factory=dict)
    denied: bool = False
    is_update: bool = False
    created: frozenset[str] | None = None
    old: Pod | None = None

    @property
    def policy(self) -> Policy:
        """The policy by which the pod was evaluated."""
        return self.namespace.policy

    def at(self, stage: Stage) -> Pod:
        """Return the pod at a stage. Raises InvalidObject if a quantity is malformed."""
        pod = self.to_checks(stage)
        if self.is_update or stage not in (Stage.ARRIVING, Stage.ADMITTED):
            return pod
        return with_resources(pod, self.namespace.known_limits)

    def to_checks(self, stage: Stage) -> Pod:
        """Return the pod at a stage, as far as a check reads it: without what `at` does to requests and limits."""
        match stage:
            case Stage.SENT:
                return self.pod
            case Stage.PATCHED:
                return self.pod.view(self.patched)
            case Stage.STORED:
                patched = self.withheld is None and _find_withheld_template(self.pod, None, self.policy) is None
                return read_spec(self.pod.view(self.patched) if patched else self.pod)
        pod = self.pod if stage is Stage.ARRIVING else self.pod.view(self.patched)
        return pod if self.is_update else arrive_to_checks(pod)

    def violations(self, level: LevelVersion, stage: Stage) -> tuple[Violation, ...]:
        """Return what the pod violates of any level at a stage. Placeholders are judged as `as_if_filled_in`.

        Raises InvalidObject if a quantity is malformed, as the API server would.
        """
        pod = as_if_filled_in(self.at(stage), self.policy.placeholders)
        return judge(pod, level, self.policy.server_minor)

    def starts(self, stage: Stage) -> tuple[Start, ...]:
        """Foresee whether each container starts that the request creates, if the pod runs as at a stage."""
        if self.withheld in (Withheld.UPDATE, Withheld.DELETING):
            return ()
        pod, created = self.to_checks(stage), self.created
        containers = pod.containers if created is None else [row for row in pod.containers if row.path in created]
        return tuple(foresee(pod, containers, self.namespace.images, self.policy.placeholders))

    def worsened(self, stage: Stage) -> tuple[Notice, ...]:
        """Say what the API server's own steps make the pod violate on its way to a stage, ARRIVING or ADMITTED."""
        if self.is_update:
            return ()
        pod = self.pod if stage is Stage.ARRIVING else self.pod.view(self.patched)
        return _worsened(read_spec(pod), self.policy)


def evaluate(
    pod: Pod, namespace: CompiledNamespace, *, old: Pod | None = None, user: str = "", annotate: bool = True
) -> Evaluation:
    """Evaluate a pod as mutating admission does: add the defaults that it lacks, then judge the result.

    Args:
        pod: the pod or pod template, from `locate`.
        namespace: its namespace.
        old: the pod or pod template before an update; None for a new one.
        user: name of the user who sends the request.
        annotate: whether a new pod gets the annotation that lists what was added.

    Raises:
        InvalidObject: if a quantity of the pod is malformed.
    """
    pod, new_ephemeral = _as_updated(pod, old)
    is_update = new_ephemeral is not None
    exempt = namespace.exemption(user, pod.spec.get("runtimeClassName"))
    if exempt is not None:
        return Evaluation(pod, namespace, exempt, patched=pod.document, is_update=is_update)
    withheld = _find_withheld(pod, old, namespace.policy, new_ephemeral)
    if withheld is not None and not withheld.evaluated:
        return _conclude(pod, namespace, withheld, is_update=is_update)
    draft = Draft(pod, namespace, new_ephemeral)
    _add_defaults(draft)
    applied = applied_list(pod, draft.decisions)
    if applied and withheld is None and annotate:
        _annotate(draft, applied)
    evaluation = _conclude(pod, namespace, withheld, draft, applied, is_update=is_update)
    return replace(evaluation, old=old) if new_ephemeral else evaluation


def admit_to_checks(pod: Pod, namespace: CompiledNamespace, *, old: Pod | None = None) -> Pod:
    """Return the pod as `evaluate` has it at Stage.ADMITTED, as far as a check reads it, and not judged.

    Args:
        pod: the pod or pod template, as for `evaluate`.
        namespace: its namespace.
        old: the pod before an update that adds ephemeral containers; None of any other request.

    Raises:
        InvalidObject: if a quantity of the pod is malformed.
    """
    pod, new_ephemeral = _as_updated(pod, old)
    withheld = _find_withheld(pod, old, namespace.policy, new_ephemeral)
    exempt = namespace.exemption("", pod.spec.get("runtimeClassName"))
    if exempt is None and (withheld is None or withheld.evaluated):
        draft = Draft(pod, namespace, new_ephemeral)
        _add_defaults(draft)
        pod = pod.view(draft.patch.document)
    return pod if new_ephemeral is not None else arrive_to_checks(pod)


def validate(pod: Pod, namespace: CompiledNamespace, *, old: Pod | None = None, user: str = "") -> Evaluation:
    """Evaluate a pod as validating admission does: judge it as it is.

    As in Pod Security Admission, an update is judged only if it changes an image or adds an ephemeral container.

    Args:
        pod: the pod or pod template, from `locate`.
        namespace: its namespace.
        old: the pod or pod template before an update; None for a new one.
        user: name of the user who sends the request.
    """
    policy = namespace.policy
    exempt = namespace.exemption(user, pod.spec.get("runtimeClassName"))
    if exempt is not None:
        return Evaluation(pod, namespace, exempt, patched=pod.document)
    if old is not None and not pod.is_template and not is_significant(pod, old):
        return Evaluation(pod, namespace, withheld=Withheld.UPDATE, patched=pod.document)
    levels = dict.fromkeys((policy.enforce, policy.audit, policy.warn))
    verdicts = {
        level: judge(pod, level, policy.server_minor) for level in levels if level.level is not Level.PRIVILEGED
    }
    denied = bool(verdicts.get(policy.enforce)) and not pod.is_template
    return Evaluation(pod, namespace, patched=pod.document, verdicts=verdicts, denied=denied)


def _as_updated(pod: Pod, old: Pod | None) -> tuple[Pod, list[ContainerView] | None]:
    """The pod as an update will store it, and the new ephemeral containers; None of a new pod and of a template."""
    if old is None or pod.is_template:
        return pod, None
    new_ephemeral = new_ephemeral_containers(pod, old)
    return (as_stored(pod, old) if new_ephemeral else pod), new_ephemeral


def _find_withheld(
    pod: Pod, old: Pod | None, policy: Policy, new_ephemeral: list[ContainerView] | None
) -> Withheld | None:
    withheld = _find_withheld_by_kind(pod, old, policy)
    if (withheld is None or withheld.evaluated) and new_ephemeral is not None and not new_ephemeral:
        return Withheld.UPDATE
    return withheld


def _find_withheld_by_kind(pod: Pod, old: Pod | None, policy: Policy) -> Withheld | None:
    if policy.mode is Mode.OFF:
        return Withheld.OFF
    if pod.object_metadata.get("deletionTimestamp"):
        return Withheld.DELETING
    if MIRROR_ANNOTATION in pod.annotations:
        return Withheld.MIRROR_POD
    if policy.mode is not Mode.ENFORCE:
        return Withheld.MODE
    if pod.is_template and pod.origin is Origin.ADMISSION:
        return _find_withheld_template(pod, old, policy)
    return None


def _find_withheld_template(pod: Pod, old: Pod | None, policy: Policy) -> Withheld | None:
    if not policy.patch_templates:
        return Withheld.TEMPLATE
    if pod.owner:
        return Withheld.OWNED_TEMPLATE
    if old is None:
        return None
    if pod.kind in IMMUTABLE_TEMPLATES:
        return Withheld.IMMUTABLE_TEMPLATE
    return None if changes_template(pod, old) else Withheld.UNCHANGED_TEMPLATE


def _add_defaults(draft: Draft) -> None:
    pod, policy = draft.pod, draft.policy
    skipped = policy.skip
    if policy.allow_pod_skip and draft.whole_pod:  # on an update: anyone may have written it since the pod was created
        skipped |= policy.enabled & split_ids(pod.annotations.get(SKIP_ANNOTATION) or "")[0]
    active = active_defaults(policy.target.level, policy.enabled)
    draft.left_out = {**_find_exceptions(draft, active), **dict.fromkeys(skipped, Reason.SKIP_ANNOTATION)}
    for default in active:
        reason = draft.left_out.get(default.id)
        if reason is None:
            default.apply(draft)
        else:
            draft.skipped(default.id, pod.spec_path, reason)


def _find_exceptions(draft: Draft, active: tuple[Default, ...]) -> dict[str, Reason]:
    """Find the defaults that an exception keeps from the whole pod."""
    exceptions = draft.namespace.exceptions
    if exceptions is NO_EXCEPTIONS:
        return {}
    return {
        default.id: Reason.EXCEPTION
        for default in active
        if default.id in exceptions.everywhere
        or (draft.whole_pod and not default.per_container and draft.excepts(default.id))
    }


def _conclude(  # noqa: PLR0913 (the last goes by name, the two before it have defaults)
    pod: Pod,
    namespace: CompiledNamespace,
    withheld: Withheld | None,
    draft: Draft | None = None,
    applied: str = "",
    *,
    is_update: bool,
) -> Evaluation:
    policy = namespace.policy
    received = pod
    if draft is not None and draft.patch.operations and (withheld is None or withheld.deferred):
        received = pod.view(draft.patch.document)
    judged = _as_judged(received, namespace, is_update=is_update)
    judged = as_if_filled_in(judged, policy.placeholders)
    verdicts = {}
    if withheld is None or withheld.judged:
        verdicts = {level: judge(judged, level, policy.server_minor) for level in policy.judged}
    notices = () if draft is None else (*draft.notices, *find_notices(draft, judged, withheld, verdicts))
    if verdicts and pod.is_template and pod.origin is Origin.ADMISSION:  # of others, previews say it
        notices += _worsened(received, policy)
    denies = policy.deny_in is DenyIn.MUTATE and not pod.is_template
    return Evaluation(
        pod=pod,
        namespace=namespace,
        withheld=withheld,
        operations=() if draft is None else tuple(draft.patch.operations),
        patched=pod.document if draft is None else draft.patch.document,
        decisions=() if draft is None else tuple(draft.decisions),
        notices=notices,
        applied=applied,
        verdicts=verdicts,
        denied=denies and bool(verdicts.get(policy.enforce)),
        is_update=is_update,
        created=None if draft is None or draft.whole_pod else frozenset(row.path for row in draft.containers),
    )


def _as_judged(pod: Pod, namespace: CompiledNamespace, *, is_update: bool) -> Pod:
    """The pod or template as the built-in plugin will see it, so that our text is the same."""
    if pod.origin is Origin.MANIFEST:
        return read_spec(pod) if pod.is_template else arrive(pod, namespace.known_limits)
    return pod if is_update or pod.is_template else with_app_armor_fields(pod)


def _worsened(pod: Pod, policy: Policy) -> tuple[Notice, ...]:
    """The notices of the levels that people are warned of."""
    warned = [level for level in policy.judged if level in (policy.target, policy.enforce, policy.warn)]
    return worsened(pod, warned, policy.server_minor)


def applied_list(pod: Pod, decisions: list[Decision]) -> str:
    """List what was added: `id:place`, joined by commas, each pair once. A place is `pod` or `containers/NAME`.

    It names containers, because their positions change if another webhook adds one.
    """
    places = {container.path: f"{container.list_name}/{container.name}" for container in pod.containers}
    root = len(pod.spec_path) + 1
    entries: dict[str, None] = {}
    for default, path, state, _, _ in decisions:
        if state is State.APPLIED:
            of_list = path.find("/", root) + 1
            head = path[: path.find("/", of_list)] if of_list else path
            entries[f"{default}:{places.get(head, 'pod')}"] = None
    return ",".join(entries)


def _annotate(draft: Draft, applied: str) -> None:
    """Add an annotation with what was added, if the pod is new. Keep what an earlier round wrote there."""
    pod = draft.pod
    if pod.origin is not Origin.ADMISSION or pod.is_template or not draft.whole_pod:
        return
    earlier = pod.annotations.get(APPLIED_ANNOTATION)
    value = ",".join(dict.fromkeys(f"{earlier},{applied}".split(","))) if earlier else applied
    annotations = {**pod.annotations, APPLIED_ANNOTATION: value}
    if sum(len(key.encode()) + len((text or "").encode()) for key, text in annotations.items()) > _ANNOTATIONS_LIMIT:
        return
    parent = f"{pod.prefix}/metadata/annotations"
    if APPLIED_ANNOTATION in pod.annotations:
        draft.patch.replace(parent, APPLIED_ANNOTATION, value)
    else:
        draft.patch.add(parent, APPLIED_ANNOTATION, value)
