"""`config`: prints the effective configuration, with every setting explained by the schema."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from patches import json_schema
from webhook.cli.loading import load_with_warnings
from webhook.cli.options import ConfigOptions
from webhook.documents.writer import to_json, to_yaml

OPTIONS: Final = ConfigOptions
_INDENT: Final = "  "


def run(options: ConfigOptions) -> int:
    """Print the configuration and return the exit status. Raises ConfigurationError if it cannot be used."""
    schema = json_schema()
    effective = msgspec.json.decode(msgspec.json.encode(load_with_warnings(options.config)))
    match options.output:
        case "schema":
            text = to_json(schema)
        case "json":
            text = to_json(effective)
        case "yaml":
            text = to_yaml(effective)
        case _:
            text = "\n".join(_explain(effective, schema, schema, "")) + "\n"
    sys.stdout.write(text)
    return 0


def _explain(value: dict[str, Any], node: dict[str, Any], schema: dict[str, Any], indent: str) -> Iterator[str]:
    """Yield the fields of an object as YAML, each below a comment that explains it."""
    properties = _resolve(node, schema).get("properties", {})
    for name, field in value.items():
        described = properties[name]
        text = described.get("description") or _resolve(described, schema).get("description")
        if text:
            yield f"{indent}# {text}"
        if isinstance(field, dict) and "properties" in _resolve(described, schema):
            yield f"{indent}{name}:"
            yield from _explain(field, described, schema, indent + _INDENT)
        else:
            yield from (f"{indent}{line}" for line in to_yaml({name: field}).splitlines())


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Resolve the reference of a schema node, if it has one."""
    for candidate in (node, *node.get("allOf", ())):
        reference = candidate.get("$ref")
        if reference:
            resolved: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
            return resolved
    return node
