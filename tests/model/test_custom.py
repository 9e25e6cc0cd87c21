"""Where custom objects hold pod templates."""

from __future__ import annotations

from typing import Any, Final

import pytest

from patches.errors import InvalidObject
from patches.model.custom import WELL_KNOWN, CustomTemplates, TemplatePath
from patches.model.pod import TEMPLATES, Origin

_TEMPLATE: Final[dict[str, Any]] = {"spec": {"containers": [{"name": "app", "image": "i"}]}}
_LISTED: Final = TemplatePath("example.org", "Widget", "spec.parts[].template")
_DIRECT: Final = TemplatePath("example.org", "Widget", "spec.template")


def _prefixes(document: Any, *rows: TemplatePath) -> list[str]:
    return [pod.prefix for pod in CustomTemplates(rows).locate(document, Origin.MANIFEST)]


def _widget(spec: Any) -> Any:
    return {"apiVersion": "example.org/v1", "kind": "Widget", "spec": spec}


def test_lists_are_walked() -> None:
    """Each template has its pointer; paths that lead nowhere find none."""
    value = _widget({"parts": [{"template": _TEMPLATE}, {}, {"template": _TEMPLATE}], "template": None})
    assert _prefixes(value, _LISTED, _DIRECT) == ["/spec/parts/0/template", "/spec/parts/2/template"]
    assert _prefixes(_widget({"parts": None}), _LISTED) == []


def test_kinds_of_kubernetes_have_their_own_place() -> None:
    """One template at most."""
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": _TEMPLATE}}
    assert _prefixes(deployment) == ["/spec/template"]
    assert _prefixes({"apiVersion": "v1", "kind": "ConfigMap"}) == []
    assert CustomTemplates().knows(deployment)
    assert not CustomTemplates().knows("text")


def test_a_container_may_lack_its_name() -> None:
    """As Knative's do."""
    (pod,) = CustomTemplates([_DIRECT]).locate(
        _widget({"template": {"spec": {"containers": [{"image": "i"}]}}}), Origin.MANIFEST
    )
    assert [container.name for container in pod.containers] == [""]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"parts": "none"}, "spec.parts"),
        ({"parts": [3]}, "spec.parts[0]"),
        ({"parts": [{"template": 3}]}, "spec.parts[0].template"),
        ({"parts": [{"template": {"spec": 3}}]}, "spec.parts[0].template.spec"),
        ({"parts": [{"template": {"spec": {"containers": 3}}}]}, "spec.parts[0].template.spec.containers"),
        ({"parts": [{"template": {"spec": {"containers": [3]}}}]}, "spec.parts[0].template.spec.containers[0]"),
    ],
)
def test_a_wrong_type_is_named_by_its_field(spec: Any, field: str) -> None:
    """From the top of the object."""
    with pytest.raises(InvalidObject) as caught:
        _prefixes(_widget(spec), _LISTED)
    assert caught.value.field == field


def test_the_claims_of_a_stateful_set_are_checked() -> None:
    """OpenKruise's has them where Kubernetes' has."""
    spec = {"template": _TEMPLATE, "volumeClaimTemplates": 3}
    with pytest.raises(InvalidObject, match="volumeClaimTemplates"):
        _prefixes({"apiVersion": "apps.kruise.io/v1beta1", "kind": "StatefulSet", "spec": spec})


def test_what_is_known_says_each_thing_once() -> None:
    """With a source, never about a kind of Kubernetes' own; a path that is configured again adds nothing."""
    assert len({row[:3] for row in WELL_KNOWN}) == len(WELL_KNOWN)
    assert all(row.source for row in WELL_KNOWN)
    assert not {(row.group, row.kind) for row in WELL_KNOWN} & set(TEMPLATES)
    templates = CustomTemplates(WELL_KNOWN)
    assert templates.paths == CustomTemplates().paths
