"""Removes and sets single values of a document. Untouched parts are shared with the original, which stays as it is."""

from __future__ import annotations

from typing import Any

from patches.model.patch import unescape


def without(document: Any, path: str) -> Any:
    """Return a copy of a document without the value at a JSON Pointer. Later items of a list move up."""
    return _without(document, _tokens(path))


def with_value(document: Any, path: str, value: Any) -> Any:
    """Return a copy of a document with a value at a JSON Pointer. Maps on the way that are missing or null are made."""
    return _with(document, _tokens(path), value)


def _tokens(path: str) -> list[str]:
    return [unescape(token) for token in path[1:].split("/")]


def _without(value: Any, tokens: list[str]) -> Any:
    head, rest = tokens[0], tokens[1:]
    if isinstance(value, list):
        index = int(head)
        middle = [_without(value[index], rest)] if rest else []
        return [*value[:index], *middle, *value[index + 1 :]]
    if rest:
        return {**value, head: _without(value[head], rest)}
    return {key: item for key, item in value.items() if key != head}


def _with(value: Any, tokens: list[str], new: Any) -> Any:
    if not tokens:
        return new
    head, rest = tokens[0], tokens[1:]
    if isinstance(value, list):
        index = int(head)
        return [*value[:index], _with(value[index], rest, new), *value[index + 1 :]]
    known = value or {}
    return {**known, head: _with(known.get(head), rest, new)}
