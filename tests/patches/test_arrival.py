"""What admission does before us: the steps of `core/v1` defaulting and of the LimitRanger that a file has not had."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from patches.arrival import arrive, read_spec, worsened
from patches.model.notices import NoticeCode
from patches.model.pod import Origin
from patches.policy.limits import LimitItem, Limits, compile_limits
from patches.standards.levels import NEWEST_MINOR, parse_level_version
from tests.patches.build import document, template
from tests.pods import view
from webhook.errors import InvalidObject

GIVES = compile_limits({"a": [LimitItem("Container", default={"cpu": "4"}, default_request={"cpu": "2"})]})


def arrived(value: Any, limits: Limits | None = None) -> Any:
    """The spec of the pod as it arrives. The document itself stays as it is."""
    before = copy.deepcopy(value)
    pod = view(value, Origin.MANIFEST)
    result = arrive(pod) if limits is None else arrive(pod, limits)
    assert value == before, "the input was modified"
    assert (result.prefix, result.kind, result.origin) == (pod.prefix, pod.kind, Origin.MANIFEST)
    return result.spec


def test_a_pod_that_needs_nothing() -> None:
    """Nothing is made up."""
    value = document({"resources": {}}, hostNetwork=False, volumes=None)
    assert arrived(value) == value["spec"]


def test_a_limit_without_a_request_becomes_the_request() -> None:
    """Of every resource on its own; what is set stays, other fields of resources too."""
    resources = {"limits": {"cpu": "1", "memory": "2"}, "requests": {"cpu": "500m"}, "claims": [{"name": "gpu"}]}
    spec = arrived(document({"resources": resources}))
    assert spec["containers"][0]["resources"] == {
        "limits": {"cpu": "1", "memory": "2"},
        "requests": {"cpu": "500m", "memory": "2"},
        "claims": [{"name": "gpu"}],
    }


def test_limit_range_defaults_come_after_that() -> None:
    """Regular and init containers get them; the request of a container with a limit is that limit already."""
    value = document({"resources": {"limits": {"cpu": "1"}}}, {"resources": None}, initContainers=[{"name": "i"}])
    spec = arrived(value, GIVES)
    given = {"requests": {"cpu": "2"}, "limits": {"cpu": "4"}}
    assert spec["containers"][0]["resources"] == {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}
    assert spec["containers"][1]["resources"] == given
    assert spec["initContainers"][0]["resources"] == given


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"serviceAccount": "builder"}, "builder"),
        ({"serviceAccount": "builder", "serviceAccountName": ""}, "builder"),
        ({"serviceAccount": "builder", "serviceAccountName": "other"}, "other"),
        ({"serviceAccount": ""}, None),
        ({"serviceAccount": None}, None),
        ({}, None),
    ],
)
def test_service_account_is_an_alias(fields: dict[str, Any], name: str | None) -> None:
    """The old name counts where the new one is unset."""
    assert arrived(document(**fields)).get("serviceAccountName") == name


def test_the_host_s_network_makes_every_port_a_host_port() -> None:
    """Of regular and init containers, where hostPort is unset or 0."""
    ports: list[Any] = [
        {"containerPort": 80},
        {"containerPort": 81, "hostPort": 0},
        {"containerPort": 82, "hostPort": 8082},
        {"hostPort": None},
    ]
    value = document({"ports": ports}, {"ports": None}, initContainers=[{"name": "i", "ports": [{"containerPort": 9}]}])
    assert arrived(value) == value["spec"]
    value["spec"]["hostNetwork"] = True
    spec = arrived(value)
    assert [port.get("hostPort") for port in spec["containers"][0]["ports"]] == [80, 81, 8082, None]
    assert spec["initContainers"][0]["ports"] == [{"containerPort": 9, "hostPort": 9}]


@pytest.mark.parametrize("volume", [{"name": "v"}, {"name": "v", "emptyDir": None}, {"name": "v", "hostPath": None}])
def test_a_volume_without_a_source_is_an_empty_dir(volume: Any) -> None:
    """A source that is null is none."""
    assert arrived(document(volumes=[volume]))["volumes"] == [{**volume, "emptyDir": {}}]


@pytest.mark.parametrize("source", [{"emptydir": {}}, {"ramDisk": {"a": 1}, "hostPath": None}])
def test_an_unknown_source_is_none(source: Any) -> None:
    """The API server drops the field, also a known one in another case."""
    assert arrived(document(volumes=[{"name": "v", **source}]))["volumes"] == [{"name": "v", **source, "emptyDir": {}}]


@pytest.mark.parametrize("source", [{"configMap": {"name": "x"}}, {"emptyDir": {}}, {"hostPath": {"path": "/"}}])
def test_a_volume_with_a_source_stays(source: Any) -> None:
    """Whatever the source says."""
    assert arrived(document(volumes=[{"name": "v", **source}]))["volumes"] == [{"name": "v", **source}]


def test_ephemeral_containers_get_neither_ports_nor_requests() -> None:
    """`SetDefaults_Pod` visits regular and init containers only."""
    debugger = {"name": "d", "ports": [{"containerPort": 1}], "resources": {"limits": {"cpu": "1"}}}
    value = document(hostNetwork=True, ephemeralContainers=[debugger])
    assert arrived(value, GIVES)["ephemeralContainers"] == [debugger]


def test_a_template_itself_gets_what_is_not_for_pods_only() -> None:
    """The account's name and the volumes' sources, as the API server stores it."""
    value = template(hostNetwork=True, volumes=[{"name": "v"}], serviceAccount="builder")
    value["spec"]["template"]["spec"]["containers"] = [{"name": "c", "ports": [{"containerPort": 1}]}]
    before = copy.deepcopy(value)
    spec: Any = read_spec(view(value, Origin.MANIFEST)).spec
    assert value == before, "the input was modified"
    assert spec["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert spec["serviceAccountName"] == "builder"
    assert spec["containers"] == [{"name": "c", "ports": [{"containerPort": 1}]}]


def test_a_template_arrives_as_its_pods_will() -> None:
    """The controller creates pods, and they are given all of it."""
    value = template(hostNetwork=True, volumes=[{"name": "v"}])
    value["spec"]["template"]["spec"]["containers"] = [{"name": "c", "ports": [{"containerPort": 1}]}]
    spec = arrived(value, GIVES)
    assert spec["containers"][0]["ports"] == [{"containerPort": 1, "hostPort": 1}]
    assert spec["containers"][0]["resources"]["limits"] == {"cpu": "4"}
    assert spec["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_a_quantity_that_is_none() -> None:
    """It is refused with the name of its field."""
    with pytest.raises(InvalidObject, match=r"^spec\.containers\[0\]\.resources\.requests: 'x' is not a quantity"):
        arrived(document({"resources": {"requests": {"cpu": "x"}}}))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("unconfined", {"type": "Unconfined"}),
        ("runtime/default", {"type": "RuntimeDefault"}),
        ("localhost/p", {"type": "Localhost", "localhostProfile": "p"}),
        ("localhost/", None),
        ("", None),
        (None, None),
        ("p", None),
    ],
)
def test_an_app_armor_annotation_becomes_the_field(text: str | None, field: Any) -> None:
    """Of the container that it names; an annotation that means nothing is left alone."""
    metadata = {"annotations": {"container.apparmor.security.beta.kubernetes.io/c0": text, "a": "b"}}
    spec = arrived(document({}, {"securityContext": {"privileged": False}}, metadata=metadata))
    assert (spec["containers"][0].get("securityContext") or {}).get("appArmorProfile") == field
    assert spec["containers"][1]["securityContext"] == {"privileged": False}


@pytest.mark.parametrize("type_", ["RuntimeDefault", "Unconfined"])
def test_an_app_armor_annotation_beside_fields(type_: str) -> None:
    """The container's own field stays, and nothing is written that the pod says already, or on Windows."""
    metadata = {"annotations": {"container.apparmor.security.beta.kubernetes.io/c0": "unconfined"}}
    profile = {"appArmorProfile": {"type": type_}}
    own = arrived(document({"securityContext": profile}, metadata=metadata))
    assert own["containers"][0]["securityContext"] == profile
    of_pod = arrived(document({}, metadata=metadata, securityContext=profile))
    expected = None if type_ == "Unconfined" else {"appArmorProfile": {"type": "Unconfined"}}
    assert of_pod["containers"][0].get("securityContext") == expected
    windows = arrived(document({}, metadata=metadata, os={"name": "windows"}))
    assert "securityContext" not in windows["containers"][0]


BASELINE = parse_level_version("baseline:latest")
RESTRICTED = parse_level_version("restricted:latest")
APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
PORTS: Any = {"ports": [{"containerPort": 9100}]}


def made(value: Any, *levels: Any) -> list[tuple[NoticeCode, str, str]]:
    """The steps that make violations, by code, with the reason and the path."""
    pod = read_spec(view(value, Origin.MANIFEST))
    return [(notice.code, notice.values[0], notice.path) for notice in worsened(pod, levels, NEWEST_MINOR)]


def test_the_step_that_made_a_violation_is_named() -> None:
    """Each violation once, whatever the number of levels that it violates."""
    annotations = {APP_ARMOR + "c0": "unconfined"}
    value = document(PORTS, hostNetwork=True, metadata={"annotations": annotations})
    expected = [
        (NoticeCode.HOST_PORTS_COPIED, "hostPort", "/spec"),
        (NoticeCode.APP_ARMOR_FIELDS, "forbidden AppArmor profiles", "/spec"),
    ]
    assert made(value, BASELINE, RESTRICTED) == expected
    assert made(value, BASELINE) == expected
    assert made(value) == []
    nested = template(hostNetwork=True)
    nested["spec"]["template"]["spec"]["containers"][0] |= PORTS
    assert made(nested, BASELINE) == [(NoticeCode.HOST_PORTS_COPIED, "hostPort", "/spec/template/spec")]


def test_a_step_that_adds_to_a_violation_is_named() -> None:
    """The author set one hostPort, the API server the other; what it says names both."""
    value = document({"ports": [{"containerPort": 80, "hostPort": 80}]}, PORTS, hostNetwork=True)
    (notice,) = worsened(view(value, Origin.MANIFEST), [BASELINE], NEWEST_MINOR)
    assert notice.values == ("hostPort", 'containers "c0", "c1" use hostPorts 80, 9100')


@pytest.mark.parametrize(
    "value",
    [
        document(PORTS),
        document(hostNetwork=True),
        document({"ports": [{"containerPort": 80, "hostPort": 80}]}, hostNetwork=True),
        document(volumes=[{"name": "a"}, {"name": "b", "hostPath": {"path": "/"}}]),
        document(metadata={"annotations": {APP_ARMOR + "c0": "runtime/default"}}),
        document(serviceAccount="builder"),
    ],
)
def test_a_step_that_makes_no_violation_is_not_named(value: Any) -> None:
    """What the author wrote violates or it does not, and a step that takes a violation away is no news."""
    assert made(value, BASELINE, RESTRICTED) == []
