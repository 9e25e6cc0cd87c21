"""Our own pods: as strict as what they ask of others, reachable, and gone without losing a review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patches.model.pod import Origin, locate
from patches.standards.judge import judge
from patches.standards.levels import parse_level_version
from tests.manifests.building import (
    BASE,
    COMPONENTS,
    MANIFESTS,
    NAME,
    OVERLAYS,
    Objects,
    build,
    find,
    pod_of,
    write_overlay,
)
from webhook.cli import _parser


@pytest.fixture(params=[None, *COMPONENTS, *(f"overlays/{name}" for name in OVERLAYS)])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """Base, each component on it, and every overlay."""
    if request.param is None:
        return build(BASE)
    if request.param in COMPONENTS:
        return build(write_overlay(tmp_path, request.param))
    return build(MANIFESTS / request.param)


def test_our_own_pods_are_restricted(objects: Objects) -> None:
    """At the newest version, with every field explicit: nobody has to default the defaulter."""
    value = pod_of(objects)
    pod = locate(value, Origin.ADMISSION)
    assert pod is not None
    assert judge(pod, parse_level_version("restricted:latest")) == ()
    spec = value["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["securityContext"]["runAsUser"] == 65532
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


def test_the_arguments_are_ones_the_command_takes(objects: Objects) -> None:
    """By the real parser; and they fit what the Deployment mounts and opens."""
    spec = pod_of(objects)["spec"]
    (container,) = spec["containers"]
    options = _parser().parse_args(container["args"])
    assert options.command == "serve"
    assert options.cluster
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"admission": options.port, "metrics": options.health_port}
    assert options.host == ""
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert str(options.config) in mounts
    assert not any("subPath" in mount for mount in mounts.values())
    assert spec["terminationGracePeriodSeconds"] > options.drain_seconds + 30
    assert container["livenessProbe"]["terminationGracePeriodSeconds"] < options.drain_seconds  # it hangs
    configurations = {value["kind"] for value in objects if value["kind"].endswith("WebhookConfiguration")}
    if options.managed_certificates:
        assert {f"{kind.capitalize()}WebhookConfiguration" for kind in options.inject_ca} == configurations
        assert find(objects, "Secret", "pod-security-defaulter-tls")
        assert options.tls_cert is None
    else:
        assert {str(options.tls_cert.parent), str(options.tls_key.parent)} <= mounts.keys()


def test_what_leads_to_the_pods_finds_them(objects: Objects) -> None:
    """Services, budget, policy and spread select the pods by their labels, and name ports that they have."""
    pod = pod_of(objects)
    labels, spec = pod["metadata"]["labels"], pod["spec"]
    services = [find(objects, "Service", name) for name in (NAME, f"{NAME}-metrics")]
    selectors = [value["spec"]["selector"] for value in services]
    selectors.append(find(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"])
    policy = find(objects, "NetworkPolicy")["spec"]
    selectors.append(policy["podSelector"]["matchLabels"])
    selectors += [row["labelSelector"]["matchLabels"] for row in spec["topologySpreadConstraints"]]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    ports = {port["name"]: port["containerPort"] for container in spec["containers"] for port in container["ports"]}
    for value in services:
        assert {port["targetPort"] for port in value["spec"]["ports"]} <= ports.keys()
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == list(ports.values())


def test_there_is_always_one_that_answers(objects: Objects) -> None:
    """More replicas than the budget keeps, so that nodes can be drained; a rollout takes none away first."""
    deployment: dict[str, Any] = find(objects, "Deployment")["spec"]
    least = find(objects, "PodDisruptionBudget")["spec"]["minAvailable"]
    assert 1 <= least < deployment["replicas"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_high_availability(tmp_path: Path) -> None:
    """Three replicas, of which two stay; never two on one node, and zones as far as there are some."""
    built = build(write_overlay(tmp_path, "high-availability"))
    deployment = find(built, "Deployment")["spec"]
    assert (deployment["replicas"], find(built, "PodDisruptionBudget")["spec"]["minAvailable"]) == (3, 2)
    rows = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [(row["topologyKey"], row["whenUnsatisfiable"]) for row in rows] == [
        ("kubernetes.io/hostname", "DoNotSchedule"),
        ("topology.kubernetes.io/zone", "ScheduleAnyway"),
    ]
