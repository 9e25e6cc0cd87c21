"""`config`: the effective configuration, each setting explained in the words of the schema."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from patches.policy.configuration import json_schema
from webhook.cli import inputs
from webhook.documents.writer import to_yaml
from webhook.errors import ConfigurationError

_INDENT = "  "


def run(options: argparse.Namespace) -> int:
    """Print the configuration; returns the exit status."""
    schema = json_schema()
    try:
        effective = msgspec.json.decode(msgspec.json.encode(inputs.configuration(options.config)))
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    match options.output:
        case "schema":
            text = _json(schema)
        case "json":
            text = _json(effective)
        case "yaml":
            text = to_yaml(effective)
        case _:
            text = "\n".join(_explained(effective, schema, schema, "")) + "\n"
    sys.stdout.write(text)
    return 0


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _explained(value: dict[str, Any], node: dict[str, Any], schema: dict[str, Any], indent: str) -> Iterator[str]:
    """The fields of an object as YAML, each under a comment that says what it does."""
    properties = _resolve(node, schema).get("properties", {})
    for name, field in value.items():
        described = properties[name]
        text = described.get("description") or _resolve(described, schema).get("description")
        if text:
            yield f"{indent}# {text}"
        if isinstance(field, dict) and "properties" in _resolve(described, schema):
            yield f"{indent}{name}:"
            yield from _explained(field, described, schema, indent + _INDENT)
        else:
            yield from (f"{indent}{line}" for line in to_yaml({name: field}).splitlines())


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema node, with its reference followed."""
    for candidate in (node, *node.get("allOf", ())):
        reference = candidate.get("$ref")
        if reference:
            resolved: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
            return resolved
    return node
