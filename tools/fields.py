"""Read the fields of pods from a real API server, and keep them for previews: `make fields`.

The API server is the one of the tests. Names are kept, from the OpenAPI document that it serves, and its version.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.cluster.assets.build import HOW, cache_directory
from tests.cluster.client import Client
from tests.cluster.programs import control_plane

ROOT: Final = Path(__file__).resolve().parent.parent
FILE: Final = ROOT / "webhook" / "preview" / "pod_fields.json"
_ROOTS: Final = ("io.k8s.api.core.v1.Pod", "io.k8s.api.core.v1.PodTemplateSpec")

Fields = dict[str, str | list[str] | None]


def read_fields(client: Client) -> str:
    """The text that the file should have: the API server's version, and all types of which pods are made."""
    version = client.must("GET", "/version")["gitVersion"].removeprefix("v")
    schemas = client.must("GET", "/openapi/v3/api/v1")["components"]["schemas"]
    types = fields_of(schemas, _ROOTS)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(types[name])}" for name in sorted(types))
    return f'{{"kubernetes": "{version}", "types": {{\n{lines}\n}}}}\n'


def fields_of(schemas: Mapping[str, Any], roots: tuple[str, ...]) -> dict[str, Fields]:
    """The fields of the types `roots` and of all types inside them, by a type's last name.

    Raises ValueError for two types of one name, and for a map of objects, which previews do not look into.
    """
    types: dict[str, Fields] = {}
    found = dict.fromkeys(roots)
    for name in (queue := [*roots]):
        if _short(name) in types:
            raise ValueError(f"two types are called {_short(name)}")
        fields = types[_short(name)] = {}
        for field, schema in sorted(schemas[name]["properties"].items()):
            inside = _object(schema.get("items", schema), schemas)
            if _object(schema.get("additionalProperties", {}), schemas):
                raise ValueError(f"{name}.{field} is a map of objects")
            fields[field] = None if inside is None else [_short(inside)] if "items" in schema else _short(inside)
            if inside is not None and inside not in found:
                found[inside] = None
                queue.append(inside)
    return types


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str | None:
    """The name of the type that a schema refers to, if that is an object with fields."""
    reference = schema.get("$ref") or next((part.get("$ref") for part in schema.get("allOf", ())), None)
    name = reference.rpartition("/")[2] if reference else None
    return name if name and "properties" in schemas[name] else None


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def main() -> int:
    """Write the file if it is stale; returns the exit status."""
    programs = Path(os.environ.get("KUBEBUILDER_ASSETS") or cache_directory())
    if not (programs / "kube-apiserver").exists():
        print(f"no kube-apiserver in {programs}: {HOW}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory, control_plane(Path(directory), programs) as plane:
        text = read_fields(plane.admin)
    if not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        FILE.write_text(text, encoding="utf-8")
        print(f"made {FILE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
