"""What the states of containers say of images, and which default is to blame."""

from __future__ import annotations

from typing import Any

import pytest

from patches import learning
from patches.learning import (
    STEADY,
    Certainty,
    ContainerState,
    Experience,
    Failure,
    Lesson,
    Owner,
    PodState,
    failure_of,
    learn,
)
from patches.model.images import ImageFacts

OWNER = Owner("apps/v1", "ReplicaSet", "web-1", "u")
ROOT = "container has runAsNonRoot and image will run as root (pod: web, container: app)"
NAMED = "container has runAsNonRoot and image has non-numeric user (memcache), cannot verify user is non-root"
REFUSED = 'runc create failed: unable to start container process: exec: "/usr/bin/caddy": operation not permitted'
NOW = 1_000_000.0
ID = "docker.io/library/app@sha256:" + "a" * 64


def container(**fields: Any) -> ContainerState:
    """A container `app` in some state."""
    return ContainerState("app", "app:1", **fields)


def running(**fields: Any) -> ContainerState:
    """One that has run for long."""
    return container(running_since=NOW - STEADY, **fields)


def pod(*containers: ContainerState, applied: str = "", namespace: str = "shop", workload: str = "web") -> PodState:
    """A pod with these containers."""
    defaults = frozenset(applied.split())
    return PodState(namespace, "web-1-a", "uid", NOW, OWNER, workload, defaults, containers)


def refused(message: str, **fields: Any) -> ContainerState:
    """A container that the kubelet does not start."""
    return container(reason="CreateContainerConfigError", message=message, **fields)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (running(uid=101, gid=102), ImageFacts(uid=101, gid=102)),
        (running(uid=0, gid=0), ImageFacts(uid=0, gid=0)),
        (running(uid=101, gid=102, sets_group=True), ImageFacts(uid=101)),
        (running(uid=101, gid=101, non_root=True), ImageFacts(user="101", uid=101, gid=101)),
        (refused(ROOT, non_root=True), ImageFacts(user="", uid=0)),
        (refused(NAMED, non_root=True), ImageFacts(user="memcache")),
        (container(reason="StartError", message=REFUSED, drops_all=True), ImageFacts(file_capabilities=True)),
    ],
)
def test_facts(state: ContainerState, expected: ImageFacts) -> None:
    """A running container shows its user; the kubelet's and the kernel's refusals are definite."""
    (lesson,) = learn(pod(state))
    assert lesson == Lesson("app:1", expected, by_kubelet=state.running_since is None)


@pytest.mark.parametrize(
    "state",
    [
        running(),
        running(uid=101, sets_user=True),
        refused(ROOT, sets_user=True),
        refused('secret "key" not found'),
        container(reason="StartError", message=REFUSED),
        container(reason="ContainerCreating"),
        container(reason="Error", restarts=3),
    ],
)
def test_what_teaches_nothing(state: ContainerState) -> None:
    """A user that the pod sets, one that is not reported, a failure that is not about the image."""
    assert list(learn(pod(state))) == []


def test_the_digest_learns_too() -> None:
    """By the reference that the pod names, and by the digest that the runtime has found; once if they are one."""
    facts = ImageFacts(uid=7)
    assert [lesson.reference for lesson in learn(pod(running(uid=7, image_id=ID)))] == ["app:1", ID]
    same = running(uid=7, image_id=ID)._replace(image=ID)
    assert list(learn(pod(same))) == [Lesson(ID, facts, by_kubelet=False)]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (container(), None),
        (container(reason="Completed"), None),
        (container(reason="Error", message="exit 1"), None),
        (container(reason="Error", message="exit 1", restarts=1), Failure.CRASH),
        (container(reason="OOMKilled"), Failure.MEMORY),
        (container(reason="RunContainerError", message=REFUSED), Failure.EXEC),
        (container(reason="StartError", message="exec /usr/bin/x: operation not permitted"), Failure.EXEC),
        (container(reason="StartError", message="exec /usr/bin/x: no such file"), None),
        (refused(ROOT), Failure.IMAGE_USER),
        (refused("configmap not found"), None),
    ],
)
def test_how_a_container_fails(state: ContainerState, expected: Failure | None) -> None:
    """One that has ended once may be meant to."""
    assert failure_of(state) is expected


@pytest.mark.parametrize(
    ("state", "ran"),
    [
        (container(), False),
        (running(), True),
        (container(reason="Error", exit_code=1, lived=0.0), True),
        (container(reason="Error", exit_code=255, lived=0.0), False),
        (container(reason="Error", exit_code=255), False),
        (container(reason="Error", exit_code=255, lived=2.0), True),
        (container(reason="StartError", exit_code=128, lived=0.0), False),
    ],
)
def test_whether_it_ever_ran_its_program(state: ContainerState, *, ran: bool) -> None:
    """It did, if it runs or has ended; but not if the program could not be executed, as far as that can be seen."""
    assert state.ran is ran


def test_a_program_that_is_refused_in_silence() -> None:
    """Runc says why in the log only: exit 255 at once, again and again, is likely, and only where ALL is dropped."""
    silent = container(reason="Error", exit_code=255, lived=0.0, drops_all=True, restarts=1)
    assert failure_of(silent) is Failure.EXEC
    assert failure_of(silent._replace(restarts=0)) is None
    assert failure_of(silent._replace(lived=9.0)) is Failure.CRASH
    (found,) = Experience().suspect(pod(silent, applied="capabilities"), NOW)
    assert (found.default, found.certainty) == ("capabilities", Certainty.LIKELY)
    assert Experience().suspect(pod(silent._replace(drops_all=False), applied="capabilities"), NOW) == []
    assert list(learn(pod(silent))) == []


@pytest.mark.parametrize(
    ("state", "applied", "default"),
    [
        (refused(ROOT, non_root=True), "runAsNonRoot capabilities", "runAsNonRoot"),
        (container(reason="StartError", message=REFUSED, drops_all=True), "capabilities resources", "capabilities"),
    ],
)
def test_certain(state: ContainerState, applied: str, default: str) -> None:
    """The kubelet or the kernel says so, and the field stands on the container."""
    (found,) = Experience().suspect(pod(state, applied=applied), NOW)
    assert (found.default, found.certainty, found.image, found.message) == (
        default,
        Certainty.CERTAIN,
        "app:1",
        state.message,
    )


@pytest.mark.parametrize(
    ("state", "applied"),
    [
        (refused(ROOT, non_root=True), ""),
        (refused(ROOT, non_root=True), "capabilities"),
        (refused(ROOT), "runAsNonRoot"),
        (refused(ROOT, non_root=True, sets_user=True), "runAsNonRoot"),
        (container(reason="StartError", message=REFUSED), "capabilities"),
        (container(reason="OOMKilled"), "resources"),
        (container(reason="Error", restarts=4), "capabilities"),
        (refused(ROOT, non_root=True), "os imagePullPolicy"),
    ],
)
def test_not_to_blame(state: ContainerState, applied: str) -> None:
    """Not ours, not standing on the container, or a crash of which nothing says that it was not there before."""
    assert Experience().suspect(pod(state, applied=applied), NOW) == []


def test_memory_is_likely() -> None:
    """A LimitRange may have given the limit."""
    (found,) = Experience().suspect(pod(container(reason="OOMKilled", limits_memory=True), applied="resources"), NOW)
    assert (found.default, found.certainty) == ("resources", Certainty.LIKELY)


def test_a_crash_is_likely_where_the_image_ran_without() -> None:
    """Of the defaults, those that it ran with are not to blame; a minute has to pass before it counts as running."""
    experience = Experience()
    crash = container(reason="Error", restarts=2)
    young = container(running_since=NOW - STEADY + 1)
    assert experience.suspect(pod(young, applied="seccompProfile"), NOW) == []
    assert experience.suspect(pod(crash, applied="seccompProfile capabilities", workload="other"), NOW) == []
    experience.suspect(pod(running(), applied="seccompProfile"), NOW)
    (found,) = experience.suspect(pod(crash, applied="seccompProfile capabilities"), NOW)
    assert (found.default, found.failure, found.certainty) == ("capabilities", Failure.CRASH, Certainty.LIKELY)


def test_a_failure_that_was_there_without_us() -> None:
    """Ten workloads that failed before: nothing is blamed, whatever stands on the pods afterwards."""
    experience = Experience()
    for number in range(10):
        workload = f"web-{number}"
        for state in (
            container(reason="Error", restarts=2),
            container(reason="OOMKilled", limits_memory=True),
            refused(ROOT, non_root=True),
        ):
            assert experience.suspect(pod(state, workload=workload), NOW) == []
            applied = "capabilities resources runAsNonRoot"
            assert experience.suspect(pod(state, workload=workload, applied=applied), NOW) == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace forgets its own oldest; all of them together forget the oldest of all."""
    monkeypatch.setattr(learning, "_MOST_IN_NAMESPACE", 2)
    monkeypatch.setattr(learning, "_MOST_MEMORIES", 3)
    experience = Experience()
    crash = container(reason="Error", restarts=2)

    def blames(namespace: str, workload: str) -> bool:
        return bool(experience.suspect(pod(crash, applied="capabilities", namespace=namespace, workload=workload), NOW))

    def runs(namespace: str, workload: str) -> None:
        experience.suspect(pod(running(), namespace=namespace, workload=workload), NOW)

    runs("a", "one")
    runs("a", "two")
    assert blames("a", "one")
    runs("a", "three")  # "two" was not needed for longest
    assert blames("a", "one")
    assert not blames("a", "two")
    runs("b", "one")
    runs("c", "one")
    assert len(experience) == 3
    assert blames("c", "one")
    assert not blames("d", "one")
