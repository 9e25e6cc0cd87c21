"""What the states of a pod's containers say of their images, and which of our defaults may keep a pod from running.

Pure: `learn` reads facts of images off one pod, `Experience` remembers with which defaults an image ran or failed, so
that a default is blamed only for a failure that was not there without it. Sources: `ContainerUser` of the container
status (GA in 1.35); `verifyRunAsNonRoot` of the kubelet; execve(2) for EPERM.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from patches.model.images import ImageFacts

_RUNS_AS_ROOT: Final = "image will run as root"
_NON_NUMERIC: Final = re.compile(r"image has non-numeric user \(([^)]{1,256})\)")
_EXEC_REFUSED: Final = re.compile(r"\bexec\b.{0,512}operation not permitted", re.DOTALL)
_EXEC_FAILED: Final = (128, 255)
"""The exit codes of a container whose program could not be executed, of containerd and of runc."""
_AT_ONCE: Final = 2.0
"""Seconds within which such a container has ended, as far as whole seconds tell."""
_SUSPECTS: Final = frozenset(
    {
        "allowPrivilegeEscalation",
        "appArmorProfile",
        "automountServiceAccountToken",
        "capabilities",
        "hostUsers",
        "identity",
        "readOnlyRootFilesystem",
        "resources",
        "runAsNonRoot",
        "runtimeClassName",
        "seccompProfile",
    }
)
"""The defaults that can end a program which would run without them."""
STEADY: Final = 60.0
"""Seconds after which a container counts as running: until then it may be between two crashes."""
_MOST_MEMORIES: Final = 20_000
_MOST_IN_NAMESPACE: Final = 500


class Failure(Enum):
    """How a container fails."""

    IMAGE_USER = "image-user"
    """The kubelet does not start it: under runAsNonRoot its image runs as root, or as a user by name."""
    EXEC = "exec"
    """The kernel does not start its program: it carries file capabilities that the container may not have."""
    MEMORY = "memory"
    """It was killed because it used more memory than its limit."""
    CRASH = "crash"
    """It ends by itself, again and again."""


class Certainty(StrEnum):
    """How surely a default is to blame."""

    CERTAIN = "certain"
    LIKELY = "likely"


class Owner(NamedTuple):
    """The controller of a pod."""

    api_version: str
    kind: str
    name: str
    uid: str


class ContainerState(NamedTuple):
    """One container of a pod: what its spec says of the fields that count, and its state.

    Attributes:
        name: its name.
        image: its image, as the pod names it.
        image_id: its image by digest, as the runtime reports it; "" before it is known.
        sets_user: whether it or the pod sets runAsUser.
        sets_group: whether it or the pod sets runAsGroup.
        non_root: whether runAsNonRoot is true for it.
        drops_all: whether it drops all capabilities.
        limits_memory: whether it has a memory limit.
        running_since: Unix time at which it was started, if it runs now.
        uid: the user as which it runs; None if that is not reported.
        gid: the group as which it runs, likewise.
        reason: why it waits or ended, in one word; "" if it runs.
        message: the sentence beside the reason.
        exit_code: that of its last end; None before the first.
        lived: seconds from its last start to that end; None before the first.
        restarts: how often it was started again.
    """

    name: str
    image: str
    image_id: str = ""
    sets_user: bool = False
    sets_group: bool = False
    non_root: bool = False
    drops_all: bool = False
    limits_memory: bool = False
    running_since: float | None = None
    uid: int | None = None
    gid: int | None = None
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    lived: float | None = None
    restarts: int = 0

    @property
    def ran(self) -> bool:
        """Whether it has ever run its program."""
        return self.running_since is not None or (self.exit_code is not None and not self.exec_failed)

    @property
    def exec_failed(self) -> bool:
        """Whether its last end looks as if its program could not be executed: runc says why in the log only."""
        return self.exit_code in _EXEC_FAILED and (self.lived or 0) < _AT_ONCE


class PodState(NamedTuple):
    """A pod as the observer sees it.

    Attributes:
        namespace: its namespace.
        name: its name.
        uid: its uid.
        created: Unix time at which it was created.
        owner: its controller; None if it has none.
        workload: a name that all pods of one workload share, across its rollouts.
        applied: the defaults that our annotation names. Anyone can write it.
        containers: its containers of every kind.
        deleted: whether it is being deleted.
    """

    namespace: str
    name: str
    uid: str
    created: float
    owner: Owner | None
    workload: str
    applied: frozenset[str]
    containers: tuple[ContainerState, ...]
    deleted: bool = False


class Lesson(NamedTuple):
    """A fact about an image. `by_kubelet`: whether the kubelet said it; else a running container shows it."""

    reference: str
    facts: ImageFacts
    by_kubelet: bool


class Suspicion(NamedTuple):
    """A default that keeps a container of a pod from running.

    Attributes:
        container: name of the container.
        image: its image.
        default: id of the default.
        failure: how the container fails.
        certainty: how surely the default is to blame.
        message: what the kubelet says.
    """

    container: str
    image: str
    default: str
    failure: Failure
    certainty: Certainty
    message: str


def learn(pod: PodState) -> Iterator[Lesson]:
    """Yield what a pod teaches about its images, by the reference that it names and by the digest that it got."""
    for container in pod.containers:
        lesson = _lesson(container)
        if lesson is None:
            continue
        yield lesson
        if "@" in container.image_id and container.image_id != container.image:
            yield lesson._replace(reference=container.image_id)


def _lesson(container: ContainerState) -> Lesson | None:
    if container.running_since is not None:
        if container.uid is None or container.sets_user:
            return None
        user = str(container.uid) if container.non_root and container.uid else None  # the kubelet has verified a number
        gid = None if container.sets_group else container.gid
        return Lesson(container.image, ImageFacts(user=user, uid=container.uid, gid=gid), by_kubelet=False)
    match failure_of(container):
        case Failure.IMAGE_USER if not container.sets_user:
            named = _NON_NUMERIC.search(container.message)
            facts = ImageFacts(user=named[1]) if named else ImageFacts(user="", uid=0)
            return Lesson(container.image, facts, by_kubelet=True)
        case Failure.EXEC if container.drops_all and container.message:
            return Lesson(container.image, ImageFacts(file_capabilities=True), by_kubelet=True)
    return None


def failure_of(container: ContainerState) -> Failure | None:
    """Find out how a container fails; None if it does not, or has only ended once."""
    if container.reason in ("", "Completed"):
        return None
    message = container.message
    if container.reason == "CreateContainerConfigError":
        user = _RUNS_AS_ROOT in message or _NON_NUMERIC.search(message) is not None
        return Failure.IMAGE_USER if user else None
    if container.reason == "OOMKilled":
        return Failure.MEMORY
    if _EXEC_REFUSED.search(message) or (container.exec_failed and not message and container.restarts):
        return Failure.EXEC
    return Failure.CRASH if container.restarts else None


@dataclass(slots=True)
class _Memory:
    """With which defaults an image ran in a workload, and how it failed with which."""

    ran: set[frozenset[str]] = field(default_factory=set)
    failed: set[tuple[Failure, frozenset[str]]] = field(default_factory=set)


class Experience:
    """Remembers how the images of workloads fared, and says which default is to blame for a failure.

    A default is certain to be to blame where the kubelet or the kernel says so and the field stands on the container;
    it is likely where the same image of the same workload ran without it, or used more memory than a limit allows. It
    is never to blame for a failure that was there without it, nor where the image ran with it.
    """

    def __init__(self) -> None:
        """Remember nothing."""
        self._memories: OrderedDict[tuple[str, str, str, str], _Memory] = OrderedDict()
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._memories)

    def suspect(self, pod: PodState, now: float) -> list[Suspicion]:
        """Remember how the containers of a pod fare, and return the defaults that keep them from running.

        Args:
            pod: the pod.
            now: the time, as Unix time.
        """
        found: list[Suspicion] = []
        applied = pod.applied & _SUSPECTS
        for container in pod.containers:
            failure = failure_of(container)
            since = container.running_since
            if failure is None and (since is None or now - since < STEADY):
                continue
            memory = self._recall(pod, container)
            if failure is None:
                memory.ran.add(applied)
            else:
                memory.failed.add((failure, applied))
                found += _suspicions(container, failure, applied, memory)
        return found

    def _recall(self, pod: PodState, container: ContainerState) -> _Memory:
        """Return the memory of a container; the one that was not needed for the longest time is forgotten for it."""
        key = (pod.namespace, pod.workload, container.name, container.image)
        memory = self._memories.get(key)
        if memory is not None:
            self._memories.move_to_end(key)
            return memory
        if self._counts.get(pod.namespace, 0) >= _MOST_IN_NAMESPACE:
            self._forget(next(old for old in self._memories if old[0] == pod.namespace))
        elif len(self._memories) >= _MOST_MEMORIES:
            self._forget(next(iter(self._memories)))
        self._counts[pod.namespace] = self._counts.get(pod.namespace, 0) + 1
        memory = self._memories[key] = _Memory()
        return memory

    def _forget(self, key: tuple[str, str, str, str]) -> None:
        del self._memories[key]
        self._counts[key[0]] -= 1
        if not self._counts[key[0]]:
            del self._counts[key[0]]


def _suspicions(
    container: ContainerState, failure: Failure, applied: frozenset[str], memory: _Memory
) -> Iterator[Suspicion]:
    named = _named(container, failure)
    for default in sorted(applied if failure is Failure.CRASH else applied & {named}):
        without = any(kind is failure and default not in others for kind, others in memory.failed)
        if without or any(default in others for others in memory.ran):
            continue
        if failure is Failure.IMAGE_USER or (failure is Failure.EXEC and container.message):
            certainty = Certainty.CERTAIN
        elif failure is not Failure.CRASH or memory.ran:  # a LimitRange may have given the limit
            certainty = Certainty.LIKELY
        else:
            continue
        yield Suspicion(container.name, container.image, default, failure, certainty, container.message)


def _named(container: ContainerState, failure: Failure) -> str:
    """The default that a failure names, if its field stands on the container; "" for none."""
    match failure:
        case Failure.IMAGE_USER if container.non_root and not container.sets_user:
            return "runAsNonRoot"
        case Failure.EXEC if container.drops_all:
            return "capabilities"
        case Failure.MEMORY if container.limits_memory:
            return "resources"
    return ""
