"""What the defaults share while they act on one pod: what they read, the patch, and their decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from patches.model.decisions import Decision, Reason, State
from patches.model.notices import Notice, NoticeCode
from patches.model.patch import PatchBuilder
from patches.model.pod import ContainerView, Pod
from patches.model.shapes import Json
from patches.policy.namespace import CompiledNamespace

_NOT_ONE: Final[frozenset[str]] = frozenset()


class Draft:
    """One pod while the defaults act on it.

    Attributes:
        pod: the pod as it came.
        policy: the policy of its namespace.
        namespace: its namespace, compiled.
        patch: takes the operations, and has the document as they leave it.
        decisions: one for each path that a default looked at, in order.
        notices: what a person should hear in time, in order.
        whole_pod: False on an update, which may change nothing but the new ephemeral containers.
        containers: those that may be patched: all of them, or on an update the new ephemeral ones. A default that adds
            to single containers asks `containers_for` instead, which leaves some out.
        left_out: the defaults that do not act on this pod, by id, and why.
        windows: whether the pod is a Windows pod; the default `os` may make it one.
        security_path: the JSON Pointer of the pod's security context.
    """

    __slots__ = (
        "_excepted",
        "_placeholders",
        "containers",
        "decisions",
        "left_out",
        "namespace",
        "notices",
        "patch",
        "pod",
        "policy",
        "security_path",
        "whole_pod",
        "windows",
    )

    def __init__(self, pod: Pod, namespace: CompiledNamespace, new_ephemeral: list[ContainerView] | None) -> None:
        """Start a draft of `pod`; `new_ephemeral` is given on an update."""
        self.pod = pod
        self.namespace = namespace
        self.policy = namespace.policy
        self.patch = PatchBuilder(pod.document)
        self.decisions: list[Decision] = []
        self.notices: list[Notice] = []
        self.whole_pod = new_ephemeral is None
        self.containers = pod.containers if new_ephemeral is None else new_ephemeral
        self.left_out: Mapping[str, Reason] = {}
        self.windows = pod.windows
        self.security_path = f"{pod.prefix}/spec/securityContext"
        images, exceptions = self.policy.placeholders, namespace.exceptions
        self._placeholders = frozenset(row.path for row in self.containers if row.is_placeholder(images))
        self._excepted: Mapping[str, Collection[str]] = (
            exceptions.find(self.containers, self._placeholders) if exceptions.rules else {}
        )

    def acts(self, default: str) -> bool:
        """Whether a default acts on this pod, at the levels from which it acts."""
        return default in self.policy.enabled and default not in self.left_out

    def excepts(self, default: str) -> bool:
        """Whether a container is excepted from a default, so that nothing may be added that holds for all of them."""
        return bool(self._excepted.get(default))

    def containers_for(self, default: str, field: str) -> Iterator[ContainerView]:
        """Yield the containers to which a default may add. Of each other one, note on the way why it is left out.

        Args:
            default: its id.
            field: what it would add, as a path below the container.
        """
        excepted = self._excepted.get(default, _NOT_ONE)
        for container in self.containers:
            if container.path in self._placeholders:
                self.skipped(default, f"{container.path}/{field}", Reason.PLACEHOLDER)
            elif container.path in excepted:
                self.skipped(default, f"{container.path}/{field}", Reason.EXCEPTION)
            else:
                yield container

    def add(self, default: str, parent: str, key: str, value: Json, reason: Reason = Reason.UNSET) -> None:
        """Set a value that is unset, and note it as applied."""
        path = self.patch.add(parent, key, value)
        self.decisions.append(Decision(default, path, State.APPLIED, reason, value))

    def append(self, default: str, parent: str, value: Json) -> None:
        """Append to a list that may exist, and note it as applied."""
        path = self.patch.append(parent, value)
        self.decisions.append(Decision(default, path, State.APPLIED, Reason.UNSET, value))

    def remove(self, default: str, parent: str, index: int) -> None:
        """Remove a part of the injected token, and note it as applied."""
        self.patch.remove(parent, index)
        self.decisions.append(Decision(default, f"{parent}/{index}", State.APPLIED, Reason.INJECTED_TOKEN))

    def replace(self, default: str, parent: str, key: str, value: Json) -> None:
        """Overwrite a value that an operator wants enforced, and note it as applied."""
        path = self.patch.replace(parent, key, value)
        self.decisions.append(Decision(default, path, State.APPLIED, Reason.ENFORCED, value))

    def kept(self, default: str, path: str, value: Json, reason: Reason = Reason.AUTHOR) -> None:
        """Note a value that stands."""
        self.decisions.append(Decision(default, path, State.KEPT, reason, value))

    def skipped(self, default: str, path: str, reason: Reason) -> None:
        """Note that nothing is added, and why."""
        self.decisions.append(Decision(default, path, State.SKIPPED, reason))

    def conflict(self, default: str, path: str, value: Json, reason: Reason = Reason.EXPLICIT_VALUE) -> None:
        """Note an explicit value that stands against the target profile."""
        self.decisions.append(Decision(default, path, State.CONFLICT, reason, value))

    def notice(self, code: NoticeCode, path: str, *values: str) -> None:
        """Note what a person should hear in time; `values` are what its sentence names."""
        self.notices.append(Notice(code, path, values))
