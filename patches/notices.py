"""Finds what a person should hear in time about an object as a whole: its owner, Kubernetes' own warning, its quotas.

What belongs to one default, that default notes itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from patches.arrival import read_spec
from patches.defaults.draft import Draft
from patches.model.decisions import State
from patches.model.notices import Notice, NoticeCode
from patches.model.pod import Origin, Pod
from patches.model.withheld import Withheld
from patches.policy.namespace import CompiledNamespace
from patches.policy.quotas import find_unstated
from patches.standards.judge import judge
from patches.standards.levels import LevelVersion
from patches.standards.violations import Violation

_Verdicts: TypeAlias = Mapping[LevelVersion, tuple[Violation, ...]]

_MOST_NAMES: Final = 5
"""Containers. More are only counted, so that the sentence stays short."""


def find_notices(draft: Draft, judged: Pod, withheld: Withheld | None, verdicts: _Verdicts) -> Iterator[Notice]:
    """Find the notices of an object.

    Args:
        draft: the object after the defaults.
        judged: the pod as it was judged: with the patch, where it or its pods get it.
        withheld: why the object gets no patch; None if it does.
        verdicts: what `judged` violates.

    Raises:
        InvalidObject: if a quantity is malformed.
    """
    pod = draft.pod
    if not draft.whole_pod:
        return
    if draft.patch.operations and draft.namespace.images:
        yield from _suspected_notices(draft)
    changes = draft.patch.operations or any(verdicts.values())
    if pod.origin is Origin.MANIFEST and pod.owner and changes:
        yield Notice(NoticeCode.OWNER, "/metadata/ownerReferences", (pod.owner,))
    if pod.is_template and draft.patch.operations and not draft.namespace.hypothetical:
        yield from _template_notices(draft, withheld, verdicts)
    if pod.is_template and verdicts.get(draft.policy.enforce) and not draft.namespace.hypothetical:
        yield Notice(NoticeCode.PODS_REFUSED, pod.prefix, (pod.kind, str(draft.policy.enforce)))
    if draft.namespace.quota_demands:
        yield from _quota_notices(judged, draft.namespace)


def _suspected_notices(draft: Draft) -> Iterator[Notice]:
    """Of each container that gets a default after which containers of its image failed in this namespace."""
    namespace, suspects = draft.namespace, dict[str, list[str]]()
    for image in dict.fromkeys(row.value.get("image") or "" for row in draft.containers):
        ids = [id_ for name, id_ in namespace.images.find(image).suspected if name == namespace.name]
        if ids:
            suspects[image] = ids
    getting = _containers_getting(draft) if suspects else {}
    for container in draft.containers:
        image = container.value.get("image") or ""
        for id_ in suspects.get(image, ()):
            paths = getting.get(id_)
            if paths is not None and (container.path in paths or not paths):
                yield Notice(NoticeCode.SUSPECTED_DEFAULT, container.path, (container.name, image, id_))


def _containers_getting(draft: Draft) -> dict[str, set[str]]:
    """The paths of the containers that get each default, by its id; none of a default that is added to the pod."""
    known = {row.path for row in draft.containers}
    length = draft.pod.spec_path.count("/") + 3  # tokens of a container's path, with the empty one in front
    found: dict[str, set[str]] = {}
    for row in draft.decisions:
        if row.state is State.APPLIED:
            found.setdefault(row.id, set()).update(known & {"/".join(row.path.split("/")[:length])})
    return found


def _template_notices(draft: Draft, withheld: Withheld | None, verdicts: _Verdicts) -> Iterator[Notice]:
    pod, policy = draft.pod, draft.policy
    if withheld is None:
        left_as_written = pod.origin is Origin.MANIFEST and (not policy.patch_templates or pod.owner)
    else:
        left_as_written = withheld.deferred
    pods_pass = verdicts.get(policy.warn) == () and not verdicts.get(policy.enforce)
    if left_as_written and pods_pass and judge(read_spec(pod), policy.warn, policy.server_minor):
        yield Notice(NoticeCode.TEMPLATE_AS_WRITTEN, pod.prefix, (pod.kind, str(policy.warn)))


def _quota_notices(pod: Pod, namespace: CompiledNamespace) -> Iterator[Notice]:
    placeholders = namespace.policy.placeholders
    found = find_unstated(pod, namespace.known_limits, namespace.quota_demands, placeholders)
    for refuses, quotas, containers in found:
        code = NoticeCode.QUOTA_REFUSAL if refuses else NoticeCode.QUOTA_UNCOUNTED
        resources = [f"{resource} for: {_listed(names)}" for resource, names in containers.items()]
        yield Notice(code, pod.spec_path, (", ".join(quotas), "; ".join(resources)))


def _listed(names: Sequence[str]) -> str:
    """The names as the API server lists them, the first few of them."""
    more = len(names) - _MOST_NAMES
    return ",".join(names) if more <= 0 else f"{','.join(names[:_MOST_NAMES])} and {more} more"
