"""Writes values as CEL."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def literal(value: Any) -> str:
    """Write a JSON value as CEL. The parts of maps and lists are dyn, since CEL wants theirs to be of one type."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: dyn({literal(row)})" for key, row in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(f"dyn({literal(row)})" for row in value) + "]"
    return text(value) if isinstance(value, str) else json.dumps(value)


def text(value: str) -> str:
    """Write a string as CEL: its escapes are those of JSON, but the quotes suit YAML better."""
    return "'" + json.dumps(value)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def texts(values: Iterable[str]) -> str:
    """Write strings as a list of CEL, sorted."""
    return "[" + ", ".join(text(value) for value in sorted(values)) + "]"
