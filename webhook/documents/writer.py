"""Writes values as YAML that kubectl reads back the same, and the differences between two of them.

Block style, keys in their order, text of several lines as a literal block where that is exact, and quotes around every
string that would read as something else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

import yaml

from webhook.documents.bounds import MAX_DEPTH
from webhook.documents.differences import unified
from webhook.documents.paths import field_of
from webhook.documents.scalars import to_value
from webhook.documents.tags import resolve
from webhook.errors import UnwritableValue

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WIDTH: Final = 1 << 20
"""Characters in a line: as many as it takes, so that a long string stays one line in a diff."""


class _Dumper(yaml.SafeDumper):
    """PyYAML's emitter with our own choice of quotes."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (PyYAML calls it so)
        """Write every value in full: anchors that nobody wrote help no reader."""
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
        text = text.replace("e", ".0e")  # what PyYAML too takes for a number, so that it writes no tag
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _represent_string)
_Dumper.add_representer(float, _represent_float)


def to_yaml(value: Any) -> str:
    """`value`, of JSON types, as one YAML document. Raises UnwritableValue for what JSON cannot say."""
    _check(value, ())
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text.removesuffix("...\n")


def to_yaml_all(values: Iterable[Any]) -> str:
    """The values as a stream of documents. Raises UnwritableValue."""
    return "---\n".join(map(to_yaml, values))


def unified_diff(before: Any, after: Any, name: str, context: int | None = 3) -> str:
    """What changes from one value to the other, as a unified diff of their YAML; "" where nothing does.

    Each change has `context` lines around it. With None there is one hunk of the whole document, also where nothing
    changes: both texts can be had from it. Raises UnwritableValue.
    """
    was, becomes = (to_yaml(value).splitlines() for value in (before, after))
    return "".join(f"{line}\n" for line in unified(was, becomes, name, context))


def _is_literal(text: str) -> bool:
    """Whether a literal block holds the text exactly, whoever reads it."""
    lines = text.split("\n")
    return (
        not text[0].isspace()
        and not text.endswith("\n\n")
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _reads_differently(text: str) -> bool:
    """Whether kubectl would read the plain text as something else than this string."""
    try:
        return to_value(resolve(None, text)) != text or text == "<<"
    except ValueError:
        return True


def _check(value: Any, at: tuple[str | int, ...]) -> None:
    if len(at) >= MAX_DEPTH and isinstance(value, dict | list):
        raise UnwritableValue(f"mappings and lists nest deeper than {MAX_DEPTH}", field="")
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise UnwritableValue("a key is not a string", field=field_of(at))
            _check(key, at)
            _check(part, (*at, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _check(part, (*at, index))
    else:
        problem = _problem(value)
        if problem:
            raise UnwritableValue(problem, field=field_of(at))


def _problem(value: Any) -> str:
    """Why a scalar cannot be written, "" where it can."""
    if isinstance(value, str):
        return "half a surrogate pair is no character" if _SURROGATE.search(value) else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else "an infinite number or not-a-number has no JSON form"
    return "" if isinstance(value, int | bool | None) else f"{type(value).__name__} is no JSON type"
