"""Writes values as YAML that kubectl reads back the same, or as JSON, and what differs between two of them.

YAML is in block style, with the keys in their order. A text of several lines is a literal block if that is exact, and a
string that would read as something else has quotes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import yaml

from webhook.documents.bounds import MAX_DEPTH
from webhook.documents.differences import diff_lines
from webhook.documents.paths import field_of
from webhook.documents.scalars import read_plain, to_value
from webhook.errors import UnwritableValue

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WIDTH: Final = 1 << 20
"""Characters in a line: more than there are, so that a long string stays one line in a diff."""


class _Dumper(yaml.SafeDumper):
    """PyYAML's emitter with our choice of quotes."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Write every value in full, as anchors that the author did not write help no reader."""
        return True


def _represent_string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text and _is_literal(text):
        style = "|"
    elif not text.isprintable() or _reads_differently(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")  # a number to PyYAML too, which otherwise writes a tag
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _represent_string)
_Dumper.add_representer(float, _represent_float)


def to_json(value: Any) -> str:
    """Write `value`, of JSON types or a struct, as indented JSON that ends with a newline."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def to_yaml(value: Any) -> str:
    """Write `value`, of JSON types, as one YAML document. Raises UnwritableValue if JSON has no form for it."""
    _check(value, ())
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text.removesuffix("...\n")


def to_yaml_all(values: Iterable[Any]) -> str:
    """Write the values as documents of one stream. Raises UnwritableValue, as `to_yaml`."""
    return "---\n".join(map(to_yaml, values))


def unified_diff(before: Any, after: Any, name: str, context: int | None = 3) -> str:
    """Compare the YAML of two values.

    Args:
        before: the old value, of JSON types.
        after: the new one.
        name: the file name in the heads of the diff.
        context: how many unchanged lines to show around a change. With None the diff is one hunk of the whole document,
            also if nothing changes: both texts can be had from it.

    Returns:
        A unified diff; "" if nothing changes.

    Raises:
        UnwritableValue: JSON has no form for one of them.
    """
    old, new = (to_yaml(value).splitlines() for value in (before, after))
    return "".join(f"{line}\n" for line in diff_lines(old, new, name, context))


def _is_literal(text: str) -> bool:
    """Whether every reader reads the text back exactly from a literal block."""
    lines = text.split("\n")
    return (
        not text[0].isspace()
        and not text.endswith("\n\n")
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _reads_differently(text: str) -> bool:
    """Whether kubectl would read the text, without quotes, as anything but this string."""
    try:
        return to_value(read_plain(text)) != text or text == "<<"
    except ValueError:
        return True


def _check(value: Any, path: tuple[str | int, ...]) -> None:
    """Raise UnwritableValue if JSON has no form for the value at `path`."""
    if len(path) >= MAX_DEPTH and isinstance(value, dict | list):
        raise UnwritableValue(f"mappings and lists nest deeper than {MAX_DEPTH}", field="")
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise UnwritableValue("a key is not a string", field=field_of(path))
            _check(key, path)
            _check(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _check(part, (*path, index))
    else:
        problem = _problem(value)
        if problem:
            raise UnwritableValue(problem, field=field_of(path))


def _problem(value: Any) -> str:
    """Why a scalar cannot be written; "" if it can."""
    if isinstance(value, str):
        return "half a surrogate pair is no character" if _SURROGATE.search(value) else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else "an infinite number or not-a-number has no JSON form"
    return "" if isinstance(value, int | bool | None) else f"{type(value).__name__} is no JSON type"
