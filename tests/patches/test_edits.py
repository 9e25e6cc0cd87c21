"""The shortest edits: enough, each of them needed, and no single edit that is overlooked."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any, Final

import pytest

from patches import edits
from patches.edits import Action, Edit, edit_document, shortest_edits
from patches.evaluation import Evaluation, Stage, evaluate
from patches.model.images import ImageFacts, Images
from patches.model.pod import Origin
from patches.policy.policy import Policy
from tests.patches.build import document, namespace, policy, run, template
from tests.pods import view
from tests.shared_data import read_jsonl_gz, shared

REMOVE: Final = Action.REMOVE
SET: Final = Action.SET
CHOOSE: Final = Action.CHOOSE
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/c0"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_OF_C0 = "/spec/containers/0/securityContext"


def _find(value: Any, rules: Policy, stage: Stage = Stage.ADMITTED, **around: Any) -> tuple[Edit, ...] | None:
    known = replace(namespace(rules), **around)
    return shortest_edits(run(value, around=known, origin=Origin.MANIFEST), rules.target, stage)


def _edits(value: Any, **parts: Any) -> dict[str, Any]:
    """The removals of a manifest in a namespace of restricted, by path."""
    found = _find(value, policy(**parts))
    assert found
    assert {edit.action for edit in found} == {Action.REMOVE}
    return {edit.path: edit.value for edit in found}


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


def test_each_edit_names_its_check() -> None:
    """By it a caller tells what a workload is made for."""
    value = document({"securityContext": {"privileged": True}}, hostNetwork=True)
    assert [edit.check for edit in _find(value, policy()) or ()] == ["hostNamespaces", "privileged"]


def test_a_pod_that_passes() -> None:
    """There is nothing to do."""
    assert _find(document({}), policy()) == ()


def test_what_nobody_fills_in() -> None:
    """A default that is off leaves a field to its author: it is set, beside what has to go."""
    rules = policy(settings={"seccompProfile": {"enabled": False}, "runAsNonRoot": {"enabled": False}})
    expected = (
        Edit("runAsNonRoot", SET, "/spec/securityContext/runAsNonRoot", value=True),
        Edit("seccompProfile_restricted", SET, "/spec/securityContext/seccompProfile", {"type": "RuntimeDefault"}),
    )
    assert _find(document({}), rules) == expected
    privileged = document({"securityContext": {"privileged": True}})
    assert _find(privileged, rules) == (Edit("privileged", REMOVE, f"{_OF_C0}/privileged", value=True), *expected)


def test_a_pod_as_it_was_sent() -> None:
    """Nobody adds defaults: all is set, only where it lacks, and a value that is set anew need not be removed first."""
    bad = {"allowPrivilegeEscalation": True, "capabilities": {"drop": ["NET_RAW"]}}
    good = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL", "NET_RAW"]}}
    value = document({"securityContext": bad}, {"securityContext": good}, {"image": "auto"})
    assert _find(value, policy(), Stage.ARRIVING) == (
        Edit("allowPrivilegeEscalation", SET, f"{_OF_C0}/allowPrivilegeEscalation", value=False),
        Edit("capabilities_restricted", SET, f"{_OF_C0}/capabilities/drop", ["ALL"]),
        Edit("runAsNonRoot", SET, "/spec/securityContext/runAsNonRoot", value=True),
        Edit("seccompProfile_restricted", SET, "/spec/securityContext/seccompProfile", {"type": "RuntimeDefault"}),
    )


_IMAGES = Images({"root": ImageFacts(user=""), "name": ImageFacts(user="x"), "uid": ImageFacts(user="x", uid=7)})
_USER_OF_C0 = f"{_OF_C0}/runAsUser"


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"image": "root"}, [Edit("runAsNonRoot", CHOOSE, _USER_OF_C0)]),
        ({"image": "name"}, [Edit("runAsNonRoot", CHOOSE, _USER_OF_C0)]),
        (
            {"image": "root", "securityContext": {"privileged": True}},
            [
                Edit("privileged", REMOVE, f"{_OF_C0}/privileged", value=True),
                Edit("runAsNonRoot", CHOOSE, _USER_OF_C0),
            ],
        ),
        ({"image": "root", "securityContext": {"runAsUser": 0}}, [Edit("runAsNonRoot", CHOOSE, _USER_OF_C0)]),
        ({"image": "other", "securityContext": {"runAsUser": 0}}, [Edit("runAsUser", REMOVE, _USER_OF_C0, 0)]),
    ],
)
def test_an_image_that_runs_as_root(container: Any, expected: list[Edit]) -> None:
    """No `runAsNonRoot: true` with which it would not start: only its author knows another user."""
    assert _find(document(container), policy(), images=_IMAGES) == tuple(expected)


def test_images_without_the_default() -> None:
    """Where runAsNonRoot is to be written, so is the user of the image that the kubelet cannot verify."""
    rules = policy(settings={"runAsNonRoot": {"enabled": False, "unknownImages": "skip"}})
    verified = {"securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}}
    value = document({"image": "uid"}, {"image": "other"}, {"image": "root", **verified})
    assert _find(value, rules, images=_IMAGES) == (
        Edit("runAsNonRoot", SET, _USER_OF_C0, 7),
        Edit("runAsNonRoot", CHOOSE, "/spec/containers/1/securityContext/runAsUser"),
        Edit("runAsNonRoot", SET, "/spec/securityContext/runAsNonRoot", value=True),
    )
    known = policy(settings={"runAsNonRoot": {"enabled": False}})
    assert _find(document({"image": "other"}), known, images=_IMAGES) == (
        Edit("runAsNonRoot", SET, "/spec/securityContext/runAsNonRoot", value=True),
    )


@pytest.mark.parametrize(
    ("own", "of_pod", "path"),
    [
        ({"runAsUser": 0}, {"runAsUser": 7}, _USER_OF_C0),
        ({}, {"runAsUser": 0}, "/spec/securityContext/runAsUser"),
        (
            {"windowsOptions": {"runAsUserName": "ContainerAdministrator"}},
            {},
            f"{_OF_C0}/windowsOptions/runAsUserName",
        ),
    ],
)
def test_a_user_that_keeps_the_default_away(own: Any, of_pod: Any, path: str) -> None:
    """Up to 1.22 no check forbids user 0, and none ever the name of Windows' root; the default still refrains."""
    rules = policy(target={"profile": "restricted", "profile-version": "v1.22"})
    found = _find(document({"securityContext": own}, securityContext=of_pod), rules)
    assert [edit.path for edit in found or ()] == [path]
    assert _find(document({"securityContext": {"runAsUser": 7}}, securityContext=of_pod), rules) is not None


def test_windows() -> None:
    """Its pods may not set the Linux fields, so an old level that asks for them cannot be met."""
    windows = document({}, os={"name": "windows"})
    assert _find(windows, policy(target={"profile": "restricted", "profile-version": "v1.24"})) is None
    assert _find(windows, policy(), Stage.ARRIVING) == (
        Edit("runAsNonRoot", SET, "/spec/securityContext/runAsNonRoot", value=True),
    )
    named = document(
        {"securityContext": {"windowsOptions": {"runAsUserName": "ContainerUser"}}}, os={"name": "windows"}
    )
    assert _find(named, policy(), Stage.ARRIVING) == _find(windows, policy(), Stage.ARRIVING)


def _session(*containers: Any, **of_pod: Any) -> tuple[Any, Any]:
    old = document({}, **of_pod)
    named = [{"name": f"d{index}", **container} for index, container in enumerate(containers)]
    return old, {**old, "spec": {**old["spec"], "ephemeralContainers": named}}


def test_a_debug_session() -> None:
    """Only the new container can be edited: of the pod, which exists, nothing may change."""
    unconfined = {"securityContext": {"seccompProfile": {"type": "Unconfined"}, "privileged": True}}
    strict = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    secured = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    old, new = _session(unconfined, securityContext=strict)
    for value in (old, new):
        value["spec"]["containers"][0]["securityContext"] = secured
    evaluation = run(new, old=old)
    debugger = "/spec/ephemeralContainers/0/securityContext"
    removals = [f"{debugger}/privileged", f"{debugger}/seccompProfile"]
    target = evaluation.policy.target
    assert [edit.path for edit in shortest_edits(evaluation, target) or ()] == removals
    as_sent = shortest_edits(evaluation, target, Stage.ARRIVING) or ()
    assert [edit.path for edit in as_sent] == [
        *removals,
        f"{debugger}/allowPrivilegeEscalation",
        f"{debugger}/capabilities/drop",
    ]


def test_a_debug_session_in_a_pod_that_does_not_pass() -> None:
    """No edit of the session mends the pod."""
    annotated = {"name": "p", "annotations": {_APP_ARMOR: "unconfined"}}
    old, new = _session({}, metadata=annotated, hostPID=True, securityContext={"runAsNonRoot": True})
    evaluation = run(new, old=old)
    assert shortest_edits(evaluation, evaluation.policy.target) is None


def test_a_pod_in_mode_warn() -> None:
    """Once admitted, as in mode enforce; as sent, nothing is added."""
    value = document({}, hostIPC=True)
    rules = policy(mode="warn")
    assert [edit.path for edit in _find(value, rules) or ()] == ["/spec/hostIPC"]
    assert len(_find(value, rules, Stage.ARRIVING) or ()) == 5


@pytest.mark.interpreted
@pytest.mark.parametrize(("bound", "value"), [("_MOST_CONTAINERS", 0), ("_MOST_EDITS", 1), ("_MOST_VALUES", 1)])
def test_too_much_work(bound: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked for beyond the bounds."""
    pod = document({"securityContext": {"privileged": True, "procMount": "Unmasked"}})
    assert len(_edits(pod)) == 2
    monkeypatch.setattr(edits, bound, value)
    assert _find(pod, policy()) is None


@pytest.mark.interpreted
def test_what_is_remembered_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number, and in length: an author may write anything, and it goes all the same."""
    known: dict[Any, bool] = {}
    monkeypatch.setattr(edits, "_EXAMPLES", known)
    monkeypatch.setattr(edits, "_MOST_EXAMPLES", 2)
    for name in ("CHOWN", "SYS_ADMIN", "SYS_TIME", "X" * 300):
        value = document({"securityContext": {"capabilities": {"add": [name]}}})
        assert _edits(value) == {f"{_OF_C0}/capabilities/add/0": name}
        assert len(known) <= 2
    assert not any("X" * 300 in text for _, text, *_ in known)
    assert known


@pytest.mark.interpreted
def test_too_many_fields_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be set counts too."""
    monkeypatch.setattr(edits, "_MOST_EDITS", 3)
    assert _find(document({}), policy(), Stage.ARRIVING) is None


def _mended(value: Any, some: tuple[Edit, ...]) -> bool:
    """Whether a pod passes without these values, removed by a second way: one operation after the other."""
    import jsonpatch  # noqa: PLC0415

    operations = [{"op": "remove", "path": edit.path} for edit in reversed(some)]
    return _passes(jsonpatch.apply_patch(value, operations))


def _passes(value: Any, stage: Stage = Stage.ADMITTED) -> bool:
    evaluation = evaluate(view(value, Origin.MANIFEST), namespace())
    return not evaluation.violations(evaluation.policy.target, stage)


@pytest.mark.slow
def test_real_workloads() -> None:
    """Each list makes its workload pass, and no shorter one does: of removals of up to six values, by brute force."""
    found = searched = 0
    for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz")):
        value = row["object"]
        evaluation = evaluate(view(value, Origin.MANIFEST), namespace())
        target = evaluation.policy.target
        as_sent = shortest_edits(evaluation, target, Stage.ARRIVING)
        assert as_sent is not None
        assert _passes(edit_document(value, as_sent), Stage.ARRIVING)
        shortest = shortest_edits(evaluation, target)
        assert shortest is not None
        assert bool(shortest) is bool(evaluation.violations(target, Stage.ADMITTED))
        if not shortest:
            continue
        found += 1
        assert _passes(edit_document(value, shortest))
        candidates = _explicit_values(evaluation)
        if len(candidates) <= 6:
            searched += 1
            assert _mended(value, shortest)
            shorter = [some for size in range(len(shortest)) for some in combinations(candidates, size)]
            assert not any(_mended(value, some) for some in shorter)
    assert found > 150
    assert searched > 100


def _explicit_values(evaluation: Evaluation) -> tuple[Edit, ...]:
    """Every value that a violated check reads, whether it is forbidden or not."""
    target = evaluation.policy.target
    search = edits._Search(evaluation, target, Stage.ADMITTED)
    return tuple(edit for _, edit in search._values(evaluation.violations(target, Stage.ADMITTED)))
