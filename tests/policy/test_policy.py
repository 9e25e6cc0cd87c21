"""A namespace's policy: upstream's labels as PolicyToEvaluate reads them (1.34 to 1.37), and ours."""

from __future__ import annotations

from typing import Any

import pytest

from patches.policy.configuration import Mode
from patches.policy.policy import IDS, USER_RANGE_ANNOTATION, Policy, relevant_marks, retarget, split_ids
from patches.standards.levels import parse_level_version
from tests.patches.build import OURS, PSA, policy


def levels(found: Policy) -> tuple[str, str, str]:
    """Enforce, audit and warn as text."""
    return str(found.enforce), str(found.audit), str(found.warn)


PRIVILEGED = "privileged:latest"
STRICT: dict[str, Any] = {"defaults": {"enforce": "restricted", "enforce-version": "v1.20", "warn": "baseline"}}


@pytest.mark.parametrize(
    ("labels", "parts", "expected"),
    [
        ({}, {}, (PRIVILEGED, PRIVILEGED, PRIVILEGED)),
        ({"other": "x"}, {}, (PRIVILEGED, PRIVILEGED, PRIVILEGED)),
        ({"enforce": "baseline"}, {}, ("baseline:latest", PRIVILEGED, "baseline:latest")),
        ({"audit": "baseline"}, {}, (PRIVILEGED, "baseline:latest", PRIVILEGED)),
        ({"warn": "baseline"}, {}, (PRIVILEGED, PRIVILEGED, "baseline:latest")),
        ({"enforce-version": "v1.20"}, {}, ("privileged:v1.20", PRIVILEGED, PRIVILEGED)),
        ({"audit-version": "v1.20"}, {}, (PRIVILEGED, "privileged:v1.20", PRIVILEGED)),
        ({"warn-version": "v1.20"}, {}, (PRIVILEGED, PRIVILEGED, "privileged:v1.20")),
        # the configuration's defaults hold where no label is
        ({}, STRICT, ("restricted:v1.20", PRIVILEGED, "baseline:latest")),
        ({"enforce": "privileged"}, STRICT, ("privileged:v1.20", PRIVILEGED, "baseline:latest")),
        # warn follows an enforce label that is stricter than the default for warn, with its version
        ({"enforce": "restricted", "enforce-version": "v1.5"}, {}, ("restricted:v1.5", PRIVILEGED, "restricted:v1.5")),
        ({"enforce": "restricted"}, STRICT, ("restricted:v1.20", PRIVILEGED, "restricted:v1.20")),
        ({"enforce": "baseline"}, STRICT, ("baseline:v1.20", PRIVILEGED, "baseline:latest")),
        ({"enforce-version": "v1.5"}, STRICT, ("restricted:v1.5", PRIVILEGED, "baseline:latest")),
        # unless warn says something itself
        ({"enforce": "restricted", "warn": "privileged"}, {}, ("restricted:latest", PRIVILEGED, PRIVILEGED)),
        (
            {"enforce": "restricted", "enforce-version": "v1.5", "warn-version": "v1.6"},
            {},
            ("restricted:v1.5", PRIVILEGED, "restricted:v1.6"),
        ),
    ],
)
def test_upstream_s_labels(labels: dict[str, str], parts: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """Each label alone and together."""
    found = policy({PSA + key: value for key, value in labels.items()}, **parts)
    assert levels(found) == expected
    assert found.psa_problems == ()


@pytest.mark.parametrize("value", ["", "Restricted", "strict", None])
@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("enforce", ("restricted:v1.20", PRIVILEGED, "baseline:latest")),
        ("audit", ("restricted:v1.20", PRIVILEGED, "baseline:latest")),
        ("warn", ("restricted:v1.20", PRIVILEGED, PRIVILEGED)),
    ],
)
def test_an_invalid_level(label: str, expected: tuple[str, str, str], value: str | None) -> None:
    """Restricted for enforce, which warn does not follow then; privileged for audit and warn; null reads as empty."""
    found = policy({PSA + label: value}, **STRICT)
    assert levels(found) == expected
    names = "must be one of privileged, baseline, restricted"
    assert found.psa_problems == (f'metadata.labels[{PSA}{label}]: Invalid value: "{value or ""}": {names}',)
    assert found.problems == ()


@pytest.mark.parametrize("value", ["", "1.30", "v1.05", "newest"])
@pytest.mark.parametrize("label", ["enforce", "audit", "warn"])
def test_an_invalid_version(label: str, value: str) -> None:
    """It means latest."""
    labels = {f"{PSA}{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    versions = {f"{PSA}{mode}-version": "v1.9" for mode in ("enforce", "audit", "warn")}
    found = policy({**labels, **versions, f"{PSA}{label}-version": value})
    assert str(getattr(found, label)) == "restricted:latest"
    assert sorted(levels(found)) == ["restricted:latest", "restricted:v1.9", "restricted:v1.9"]
    assert found.psa_problems == (
        f'metadata.labels[{PSA}{label}-version]: Invalid value: "{value}": must be "latest" or "v1.x"',
    )


def test_problems_stand_in_upstream_s_order() -> None:
    """Enforce, audit, warn; the level before the version."""
    keys = [f"{PSA}{mode}{part}" for mode in ("enforce", "audit", "warn") for part in ("", "-version")]
    found = policy(dict.fromkeys(reversed(keys), "x"))
    assert [problem.split("[")[1].split("]")[0] for problem in found.psa_problems] == keys


@pytest.mark.parametrize(
    ("labels", "target", "problems"),
    [
        # no label: the configured target
        ({}, "baseline:v1.30", 0),
        ({PSA + "enforce-version": "v1.9"}, "baseline:v1.30", 0),
        ({OURS + "profile-version": "v1.9"}, "baseline:v1.9", 0),
        ({PSA + "warn": "restricted"}, "baseline:v1.30", 0),
        # the enforce label, also where it opts out or means nothing
        ({PSA + "enforce": "restricted"}, "restricted:latest", 0),
        ({PSA + "enforce": "restricted", PSA + "enforce-version": "v1.9"}, "restricted:v1.9", 0),
        ({PSA + "enforce": "privileged"}, "privileged:latest", 0),
        ({PSA + "enforce": "strict"}, "restricted:latest", 0),
        ({PSA + "enforce": "restricted", OURS + "profile-version": "v1.9"}, "restricted:v1.9", 0),
        # our label outranks it, and does not take the version of the other
        ({OURS + "profile": "restricted"}, "restricted:latest", 0),
        ({OURS + "profile": "privileged", PSA + "enforce": "restricted"}, "privileged:latest", 0),
        ({OURS + "profile": "restricted", PSA + "enforce": "baseline", PSA + "enforce-version": "v1.9"}, None, 0),
        ({OURS + "profile": "restricted", OURS + "profile-version": "v1.9"}, "restricted:v1.9", 0),
        # what means nothing: restricted, latest
        ({OURS + "profile": "strict"}, "restricted:latest", 1),
        ({OURS + "profile": None}, "restricted:latest", 1),
        ({OURS + "profile-version": "x"}, "baseline:latest", 1),
    ],
)
def test_the_target_profile(labels: dict[str, str | None], target: str | None, problems: int) -> None:
    """What pods are defaulted for: the profile label, else the enforce label, else the configuration."""
    found = policy(labels, target={"profile": "baseline", "profile-version": "v1.30"})
    assert str(found.target) == (target or "restricted:latest")
    assert len(found.problems) == problems
    assert found.psa_problems == () or labels.get(PSA + "enforce") == "strict"


def test_a_profile_that_means_nothing_is_said() -> None:
    """In the words of the API server's own validation."""
    problems = policy({OURS + "profile": "strict", OURS + "profile-version": "9"}).problems
    assert problems == (
        f'metadata.labels[{OURS}profile]: Invalid value: "strict": must be one of privileged, baseline, restricted',
        f'metadata.labels[{OURS}profile-version]: Invalid value: "9": must be "latest" or "v1.x"',
    )


@pytest.mark.parametrize("mode", Mode)
def test_the_mode_label(mode: Mode) -> None:
    """Its four values; without it the configuration's."""
    assert policy({OURS + "mode": mode.value}).mode is mode
    assert policy(mode=mode.value).mode is mode
    assert policy({OURS + "mode": "off"}, mode=mode.value).mode is Mode.OFF


@pytest.mark.parametrize("value", ["", "Enforce", "on", None])
def test_another_mode_counts_as_warn(value: str | None) -> None:
    """A typing error neither patches pods nor goes unnoticed."""
    found = policy({OURS + "mode": value})
    assert found.mode is Mode.WARN
    values = "must be one of enforce, warn, audit, off; it counts as warn"
    assert found.problems == (f'metadata.labels[{OURS}mode]: Invalid value: "{value or ""}": {values}',)


def test_the_skip_annotation() -> None:
    """Those that are on and named; what is named and off is no matter; what nobody knows is said."""
    found = policy(annotations={OURS + "skip": " seccompProfile,resources ,, hostUsers,typo,Other"})
    assert found.skip == {"seccompProfile", "resources"}
    assert found.enabled >= found.skip
    assert found.problems == (f"metadata.annotations[{OURS}skip]: no default is called typo, Other",)


@pytest.mark.parametrize("annotations", [{}, {OURS + "skip": None}, {OURS + "skip": ""}, {OURS + "skip": " , "}])
def test_nothing_to_skip(annotations: dict[str, str | None]) -> None:
    """No annotation, null, and nothing but commas."""
    found = policy(annotations=annotations)
    assert (found.skip, found.problems) == (frozenset(), ())


def test_ids_in_a_skip_annotation() -> None:
    """They are the ids of the defaults, exactly."""
    assert split_ids("os,identity") == (frozenset({"os", "identity"}), ())
    assert split_ids("OS, run_as_non_root,os") == (frozenset({"os"}), ("OS", "run_as_non_root"))
    assert split_ids(",".join(IDS))[0] == frozenset(IDS)


@pytest.mark.parametrize(
    ("annotation", "name", "is_on"),
    [
        (None, "gvisor", False),
        ({OURS + "runtime-class": "kata"}, "kata", True),
        ({OURS + "runtime-class": ""}, "", True),
        ({OURS + "runtime-class": None}, "", True),
    ],
)
def test_the_runtime_class_annotation(annotation: Any, name: str, is_on: bool) -> None:  # noqa: FBT001
    """A namespace that names a class has opted in; an empty name means none."""
    found = policy(annotations=annotation, settings={"runtimeClassName": {"name": "gvisor"}})
    assert found.runtime_class == name
    assert ("runtimeClassName" in found.enabled) is is_on


def test_what_comes_from_the_configuration() -> None:
    """Settings that no namespace changes."""
    found = policy(
        server_minor=30,
        allowPodSkip=True,
        patchTemplates=True,
        exemptions={"runtimeClasses": ["a", "b"]},
        settings={"os": {"enabled": False}},
    )
    assert (found.server_minor, found.allow_pod_skip, found.patch_templates) == (30, True, True)
    assert set(found.exemptions.runtime_classes) == {"a", "b"}
    assert "os" not in found.enabled
    assert found.item_limits.default_requests["cpu"].text == "100m"
    assert found.settings.os.enabled is False


@pytest.mark.parametrize(
    ("labels", "judged"),
    [
        ({}, ["restricted:latest"]),
        ({PSA + "enforce": "privileged"}, []),
        ({PSA + "enforce": "baseline"}, ["baseline:latest"]),
        (
            {
                PSA + "enforce": "baseline",
                PSA + "audit": "restricted",
                PSA + "warn": "baseline",
                PSA + "warn-version": "v1.5",
            },
            ["baseline:latest", "restricted:latest", "baseline:v1.5"],
        ),
        (
            {OURS + "profile": "restricted", PSA + "enforce": "baseline"},
            ["restricted:latest", "baseline:latest"],
        ),
    ],
)
def test_what_is_judged(labels: dict[str, str | None], judged: list[str]) -> None:
    """Target, enforce, audit and warn, each once, and never the privileged profile."""
    assert [str(level) for level in policy(labels).judged] == judged


@pytest.mark.parametrize(
    ("labels", "server_minor", "oldest"),
    [
        ({}, 37, 37),
        ({}, 33, 33),
        ({PSA + "enforce": "privileged"}, 37, 37),
        ({PSA + "enforce": "baseline", PSA + "enforce-version": "v1.5"}, 37, 37),
        ({PSA + "enforce": "restricted", PSA + "enforce-version": "v1.24"}, 37, 24),
        ({PSA + "audit": "restricted", PSA + "audit-version": "v1.20"}, 37, 20),
        ({PSA + "enforce": "restricted", PSA + "enforce-version": "v1.99"}, 35, 35),
    ],
)
def test_conditions_on_a_version(labels: dict[str, str | None], server_minor: int, oldest: int) -> None:
    """They hold where every restricted level that a pod is judged at is new enough, and the server too."""
    found = policy(labels, server_minor=server_minor)
    assert found.restricted_since(oldest)
    assert not found.restricted_since(oldest + 1)


def test_what_a_policy_is_made_of() -> None:
    """Labels and annotations of ours and of Pod Security; of a platform's range of users only that it is there."""
    marks = {
        "team": "a",
        PSA + "warn": None,
        OURS + "mode": "off",
        "pod-security-defaulter.iox/mode": "off",
        USER_RANGE_ANNOTATION: "1000660000/10000",
        USER_RANGE_ANNOTATION + "-more": "x",
    }
    expected = ((USER_RANGE_ANNOTATION, ""), (OURS + "mode", "off"), (PSA + "warn", ""))
    assert relevant_marks(marks) == relevant_marks(dict(reversed(marks.items()))) == expected


def test_a_platform_that_assigns_users() -> None:
    """Said by an annotation of the namespace, whatever its value."""
    assert policy(annotations={USER_RANGE_ANNOTATION: ""}).platform_assigns_users
    assert not policy({USER_RANGE_ANNOTATION: "1000660000/10000"}).platform_assigns_users
    assert not policy().platform_assigns_users


def test_another_target() -> None:
    """The question "what if": the namespace's own levels are judged still."""
    found = policy({PSA + "enforce": "restricted", PSA + "enforce-version": "v1.30"})
    asked = retarget(found, parse_level_version("restricted:v1.20"))
    assert str(asked.target) == "restricted:v1.20"
    assert [str(level) for level in asked.judged] == ["restricted:v1.20", "restricted:v1.30"]
    assert (found.restricted_since(30), asked.restricted_since(21), asked.restricted_since(20)) == (True, False, True)
    relaxed = retarget(found, parse_level_version("privileged"))
    assert [str(level) for level in relaxed.judged] == ["restricted:v1.30"]
    assert (relaxed.enforce, relaxed.enabled, relaxed.mode) == (found.enforce, found.enabled, found.mode)
