"""The shortest edits: enough, each of them needed, and no single edit that is overlooked."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from patches import edits
from patches.edits import Edit, shortest_edits
from patches.evaluation import Stage, evaluate
from patches.model.pod import Origin, locate
from tests.patches.build import document, namespace, policy, run, template
from tests.shared_data import read_jsonl_gz, shared

_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/c0"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_OF_C0 = "/spec/containers/0/securityContext"


def _edits(value: Any, **parts: Any) -> dict[str, Any]:
    """The edits of a manifest in a namespace of restricted, by path."""
    return {edit.path: edit.value for edit in shortest_edits(run(value, policy(**parts), origin=Origin.MANIFEST))}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (document({"securityContext": {"privileged": True}}), {f"{_OF_C0}/privileged": True}),
        (
            document({"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}),
            {f"{_OF_C0}/privileged": True, f"{_OF_C0}/allowPrivilegeEscalation": True},
        ),
        (
            document({"securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE", "SYS_ADMIN", "CHOWN"]}}}),
            {f"{_OF_C0}/capabilities/add/1": "SYS_ADMIN", f"{_OF_C0}/capabilities/add/2": "CHOWN"},
        ),
        (document({}, securityContext={"runAsUser": 0}), {"/spec/securityContext/runAsUser": 0}),
        (
            document({"securityContext": {"runAsUser": 0}}, securityContext={"runAsUser": 7, "runAsNonRoot": False}),
            {f"{_OF_C0}/runAsUser": 0, "/spec/securityContext/runAsNonRoot": False},
        ),
        (
            document({"ports": [{"containerPort": 9100}, {"containerPort": 9, "hostPort": 9}]}, hostNetwork=True),
            {"/spec/hostNetwork": True, "/spec/containers/0/ports/1/hostPort": 9},
        ),
        (document({"ports": [{"containerPort": 9100}]}, hostNetwork=True), {"/spec/hostNetwork": True}),
        (
            document({}, volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/x"}}]),
            {"/spec/volumes/1/hostPath": {"path": "/x"}},
        ),
        (
            document({}, securityContext={"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_syncookies"}]}),
            {"/spec/securityContext/sysctls/0": {"name": "kernel.msgmax"}},
        ),
        (
            document({"livenessProbe": {"httpGet": {"port": 1, "host": "h"}}, "lifecycle": {"preStop": None}}),
            {"/spec/containers/0/livenessProbe/httpGet/host": "h"},
        ),
        (
            document({"securityContext": {"seLinuxOptions": {"type": "spc_t", "user": "u", "level": "s0"}}}),
            {f"{_OF_C0}/seLinuxOptions/type": "spc_t", f"{_OF_C0}/seLinuxOptions/user": "u"},
        ),
        (
            document({}, metadata={"name": "p", "annotations": {_APP_ARMOR: "unconfined", "other": "x"}}),
            {"/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1c0": "unconfined"},
        ),
    ],
)
def test_what_has_to_go(pod: Any, expected: dict[str, Any]) -> None:
    """Only what stands against the profile, although other checks are violated beside it."""
    assert _edits(pod) == expected


def test_a_template() -> None:
    """Paths lead into the template."""
    assert _edits(template(hostPID=True)) == {"/spec/template/spec/hostPID": True}


def test_annotations_of_old() -> None:
    """Up to 1.18 seccomp is judged by annotation."""
    pod = document({}, metadata={"name": "p", "annotations": {_SECCOMP: "unconfined"}})
    assert _edits(pod, target={"profile": "baseline", "profile-version": "v1.18"}) == {
        "/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod": "unconfined"
    }


def test_what_removals_cannot_mend() -> None:
    """A default that is off leaves a field unset: nothing to remove, or not enough."""
    off = {"settings": {"seccompProfile": {"enabled": False}}}
    assert _edits(document({}), **off) == {}
    assert _edits(document({"securityContext": {"privileged": True}}), **off) == {}


def test_a_pod_in_mode_warn() -> None:
    """The edits suppose that the defaults are added, as they will be."""
    assert _edits(document({}, hostIPC=True), mode="warn") == {"/spec/hostIPC": True}


@pytest.mark.parametrize(("bound", "value"), [("_MOST_EVALUATIONS", 2), ("_MOST_WORK", 2)])
def test_too_much_work(bound: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried beyond the bounds."""
    pod = document({"securityContext": {"privileged": True, "procMount": "Unmasked"}})
    assert len(_edits(pod)) == 2
    monkeypatch.setattr(edits, bound, value)
    assert _edits(pod) == {}


def _mended(value: Any, some: tuple[Edit, ...]) -> bool:
    """Whether a pod passes without these values, removed by a second way: one operation after the other."""
    import jsonpatch  # noqa: PLC0415

    operations = [{"op": "remove", "path": edit.path} for edit in reversed(some)]
    pod = locate(jsonpatch.apply_patch(value, operations), Origin.MANIFEST)
    assert pod is not None
    evaluation = evaluate(pod, namespace())
    return not evaluation.violations(evaluation.policy.target, Stage.ADMITTED)


@pytest.mark.slow
def test_real_workloads() -> None:
    """Each list suffices, and no shorter one of the same or any other candidates does (brute force up to six)."""
    found = 0
    for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz")):
        pod = locate(row["object"], Origin.MANIFEST)
        assert pod is not None
        evaluation = evaluate(pod, namespace())
        if not evaluation.violations(evaluation.policy.target, Stage.ADMITTED):
            continue
        shortest = shortest_edits(evaluation)
        candidates = tuple(edits._candidates(evaluation))
        if not shortest:
            assert not candidates or not _mended(row["object"], candidates) or len(candidates) > 8
            continue
        found += 1
        assert _mended(row["object"], shortest)
        if len(candidates) <= 6:
            shorter = [some for size in range(len(shortest)) for some in combinations(candidates, size)]
            assert not any(_mended(row["object"], some) for some in shorter)
    assert found > 100
