"""The judge: which checks apply, in which order, and at which version."""

from __future__ import annotations

from typing import Any

import pytest

from patches.model.pod import Origin, Pod, locate
from patches.standards.judge import judge
from patches.standards.levels import NEWEST_MINOR, parse_level_version
from patches.standards.violations import violation_text


def view(spec: dict[str, Any]) -> Pod:
    """A pod with this spec."""
    pod = locate({"apiVersion": "v1", "kind": "Pod", "spec": spec}, Origin.ADMISSION)
    assert pod is not None
    return pod


def ids(pod: Pod, level: str, server_minor: int = NEWEST_MINOR) -> list[str]:
    """The ids of what `pod` violates."""
    return [violation.id for violation in judge(pod, parse_level_version(level), server_minor)]


BARE = view({"containers": [{"name": "app"}]})
BAD = view(
    {
        "hostNetwork": True,
        "securityContext": {"runAsUser": 0, "sysctls": [{"name": "vm.swappiness"}]},
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        "containers": [{"name": "app", "securityContext": {"privileged": True, "capabilities": {"add": ["NET_RAW"]}}}],
    }
)
SAFE_FROM_1_37 = view({"containers": [], "securityContext": {"sysctls": [{"name": "net.ipv4.tcp_notsent_lowat"}]}})


@pytest.mark.parametrize("level", ["privileged", "privileged:v1.0"])
def test_privileged_allows_everything(level: str) -> None:
    """Nothing violates the privileged profile."""
    assert ids(BAD, level) == []


def test_baseline_asks_nothing_of_a_bare_pod() -> None:
    """Baseline forbids; it does not require."""
    assert ids(BARE, "baseline:latest") == []


def test_restricted_asks_four_things_of_a_bare_pod() -> None:
    """Restricted requires four settings, in the order of their ids."""
    expected = ["allowPrivilegeEscalation", "capabilities_restricted", "runAsNonRoot", "seccompProfile_restricted"]
    assert ids(BARE, "restricted:latest") == expected


def test_restricted_runs_baseline_first_and_replaces_what_it_overrides() -> None:
    """Baseline's checks come first, without those for which restricted has its own."""
    assert ids(BAD, "baseline:latest") == [
        "capabilities_baseline",
        "hostNamespaces",
        "hostPathVolumes",
        "privileged",
        "sysctls",
    ]
    assert ids(BAD, "restricted:latest") == [
        "hostNamespaces",
        "privileged",
        "sysctls",
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "restrictedVolumes",
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile_restricted",
    ]


def test_an_override_begins_with_its_own_version() -> None:
    """Before a restricted check exists, the baseline check that it will replace applies."""
    assert "capabilities_baseline" in ids(BAD, "restricted:v1.21")
    assert "capabilities_baseline" not in ids(BAD, "restricted:v1.22")


@pytest.mark.parametrize("level", ["baseline", "baseline:latest", "baseline:v1.37", "baseline:v1.999"])
def test_latest_and_newer_versions_are_the_newest_known(level: str) -> None:
    """Whatever is newer than the newest known version behaves as it, also where the API server is newer."""
    assert ids(SAFE_FROM_1_37, level) == []
    assert ids(SAFE_FROM_1_37, level, server_minor=99) == []


@pytest.mark.parametrize("level", ["baseline:latest", "baseline:v1.37"])
def test_nothing_is_newer_than_the_api_server(level: str) -> None:
    """In a cluster, latest and any version newer than the API server's own mean that one."""
    assert ids(SAFE_FROM_1_37, level, server_minor=36) == ["sysctls"]


def test_an_older_version_stays_what_it_says() -> None:
    """A version older than the API server's own is not moved."""
    assert ids(SAFE_FROM_1_37, "baseline:v1.36") == ["sysctls"]


def test_a_template_is_judged_as_its_pods_would_be() -> None:
    """The pod template of a controller is read like a pod."""
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"template": {"spec": {"containers": [{"name": "app"}]}}},
    }
    pod = locate(document, Origin.MANIFEST)
    assert pod is not None
    assert ids(pod, "restricted:latest") == ids(BARE, "restricted:latest")


def test_a_pod_without_a_spec_is_judged() -> None:
    """Null in place of metadata and spec is as good as nothing."""
    pod = locate({"apiVersion": "v1", "kind": "Pod", "metadata": None, "spec": None}, Origin.MANIFEST)
    assert pod is not None
    assert judge(pod, parse_level_version("restricted")) == ()


def test_the_text_joins_the_checks() -> None:
    """The whole text lists the failed checks behind each other, as `reason (detail)`."""
    level = parse_level_version("baseline")
    violations = judge(view({"hostPID": True, "containers": [], "volumes": [{"name": "v", "hostPath": {}}]}), level)
    assert violation_text(violations) == 'host namespaces (hostPID=true), hostPath volumes (volume "v")'
