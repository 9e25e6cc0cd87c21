"""An overlay may give everything another name: `namePrefix`, `nameSuffix`, with or without `namespace`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.manifests.building import (
    BASE,
    COMPONENTS,
    MANIFESTS,
    NAME,
    OVERLAYS,
    TOGETHER,
    Objects,
    build,
    find,
    try_build,
    write_overlay,
)
from tests.manifests.references import own_objects, present_in, references_of

_LATER: Final = ("cert-manager", "managed-control-planes")
_NAMES: Final[dict[str, dict[str, Any]]] = {
    "prefix": {"namePrefix": "a-"},
    "suffix": {"nameSuffix": "-z"},
    "everything": {"namePrefix": "a-", "nameSuffix": "-z", "namespace": "elsewhere"},
    "our own name again": {"namePrefix": f"{NAME}-", "nameSuffix": f"-{NAME}"},
}


def _components(name: str | None) -> tuple[str, ...]:
    every = tuple(sorted(TOGETHER, key=lambda component: (component in _LATER, component)))
    return every if name == "all" else () if name is None else (name,)


def _check(objects: Objects, fields: dict[str, Any]) -> None:
    """Every reference leads to an object, every object has the name, and a replica finds its own objects."""
    present = present_in(objects)
    assert references_of(objects) <= present
    for value in objects:
        name = value["metadata"]["name"]
        if value["kind"] != "Namespace":
            assert name.startswith(fields.get("namePrefix", "")), name
            assert name.endswith(fields.get("nameSuffix", "")), name
    assert not [text for text in str(objects).split() if "$(" in text]
    if {value["kind"] for value in objects} & {"Certificate"}:
        with pytest.raises(AssertionError, match="OWN_NAME"):
            own_objects(objects)
        return
    own = own_objects(objects)
    assert find(objects, "Service", own.name)["metadata"]["namespace"] == own.namespace
    assert find(objects, "Secret", own.secret)["metadata"]["namespace"] == own.namespace
    configurations = [value["metadata"]["name"] for value in objects if value["kind"].endswith("WebhookConfiguration")]
    assert set(configurations) == {own.name}


@pytest.mark.parametrize("fields", _NAMES.values(), ids=_NAMES)
@pytest.mark.parametrize("component", [None, *COMPONENTS, "all"])
def test_every_reference_follows(tmp_path: Path, component: str | None, fields: dict[str, Any]) -> None:
    """Of base and of each component: Services, roles, subjects, volumes, certificates, policies, the server's own."""
    _check(build(write_overlay(tmp_path, *_components(component), **fields)), fields)


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_of_ours_can_be_renamed(tmp_path: Path, name: str) -> None:
    """What stands on base is renamed with it."""
    fields = _NAMES["everything"]
    _check(build(write_overlay(tmp_path, on=MANIFESTS / "overlays" / name, **fields)), fields)


def test_without_another_name_nothing_changes() -> None:
    """The defaults of the server are the names of the manifests."""
    own = own_objects(build(BASE))
    assert (own.namespace, own.name, own.secret) == (NAME, NAME, f"{NAME}-tls")


def test_names_add_up(tmp_path: Path) -> None:
    """A folder on a folder: each may add a prefix and a suffix."""
    inner = write_overlay(tmp_path / "inner", "validate", namePrefix="a-", nameSuffix="-z")
    outer = write_overlay(tmp_path / "outer", on=inner, namePrefix="b-", nameSuffix="-y", namespace="elsewhere")
    _check(build(outer), {"namePrefix": "b-a-", "nameSuffix": "-z-y"})


@pytest.mark.parametrize("component", [name for name in COMPONENTS if name != "validate"])
def test_components_may_stand_above_the_name(tmp_path: Path, component: str) -> None:
    """What such a component adds has no prefix, and what it refers to still exists."""
    inner = write_overlay(tmp_path / "inner", namePrefix="a-")
    objects = build(write_overlay(tmp_path / "outer", component, on=inner))
    assert references_of(objects) <= present_in(objects)


def test_validate_above_the_name_is_refused(tmp_path: Path) -> None:
    """The server finds both webhook configurations by one name, which only one of them would have."""
    inner = write_overlay(tmp_path / "inner", namePrefix="a-")
    done = try_build(write_overlay(tmp_path / "outer", "validate", on=inner))
    assert done.returncode != 0
    assert "components/validate" in done.stderr
    assert "/metadata/name" in done.stderr
