"""Writes objects as manifests in the ways in which people write YAML, at random: the same text for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from webhook.documents.writer import to_yaml

_COMMENTS: Final = ("# why: it's so", "#- name: old", "# securityContext: {}", "#", "# é ☃", "# 'x")
_LONG: Final = 60


def write_stream(values: Sequence[Any], chance: random.Random) -> bytes:
    """The objects as one input. Now and then its lines end as on Windows, or its last line does not end."""
    parts = [chance.choice(("", "", "---\n", "# a file\n", "# x\n---\n"))]
    for index, value in enumerate(values):
        parts += [chance.choice(("---\n", "--- # next\n", "\n---\n", "...\n---\n"))] if index else []
        parts.append("\n".join(_Writer(chance).lines(value)) + "\n")
    text = "".join(parts) + chance.choice(("", "", "\n", "# the end\n", "---\n"))
    if chance.random() < 0.2:
        text = text.removesuffix("\n")
    mark = "\ufeff" if chance.random() < 0.05 else ""
    return (mark + text.replace("\n", "\r\n" if chance.random() < 0.25 else "\n")).encode()


class _Writer:
    """Writes one document. Its author indents in one way, and slips now and then."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._step = chance.choice((1, 2, 2, 2, 3, 4, 8))
        self._dash = chance.choice((0, 0, 2, 2, 1, 4))
        self._gap = chance.choice((1, 1, 1, 3))
        self._anchors = 0

    def lines(self, value: Any) -> Iterator[str]:
        return self._mapping(value, 0)

    def _odds(self, odds: float) -> bool:
        return self._chance.random() < odds

    def _mapping(self, value: dict[str, Any], indent: int) -> Iterator[str]:
        for key, part in value.items():
            if self._odds(0.06):
                yield " " * indent + self._chance.choice(_COMMENTS)
            if self._odds(0.03):
                yield ""
            yield from self._part(f"{' ' * indent}{self._key(key)}:", part, indent, self._dash)

    def _part(self, head: str, part: Any, indent: int, dash: int) -> Iterator[str]:
        """The lines of a value behind `head`, in a mapping in the column `indent`."""
        anchor = self._anchor()
        if isinstance(part, dict | list) and part and not self._odds(0.04):
            step = self._step if self._odds(0.95) else self._chance.choice((1, 3, 5))
            yield head + anchor + self._tail()
            yield from self._mapping(part, indent + step) if isinstance(part, dict) else self._list(part, indent + dash)
        elif isinstance(part, str) and _may_be_literal(part) and self._odds(0.8):
            yield f"{head}{anchor} |{'' if part.endswith(chr(10)) else '-'}"
            yield from (" " * (indent + self._step) + line if line else "" for line in part.splitlines())
        else:
            yield f"{head}{anchor} {self._inline(part, indent)}{self._tail()}"

    def _list(self, values: list[Any], indent: int) -> Iterator[str]:
        for value in values:
            if self._odds(0.05):
                yield " " * indent + self._chance.choice(_COMMENTS)
            head = " " * indent + "-"
            if isinstance(value, dict) and value and not self._odds(0.04):
                if self._odds(0.05):
                    yield head + self._anchor() + self._chance.choice(("", " ", "  # an item"))  # a tab here cannot be
                    yield from self._mapping(value, indent + self._step)
                    continue
                deep = indent + 1 + self._gap
                first = next(iter(value))
                lines = [*self._part(f"{' ' * deep}{self._key(first)}:", value[first], deep, self._dash)]
                yield head + " " * self._gap + lines[0][deep:]
                yield from lines[1:]
                yield from self._mapping({key: value[key] for key in value if key != first}, deep)
            elif isinstance(value, str):
                yield from self._part(head, value, indent, self._dash)
            else:
                yield f"{head} {self._inline(value, indent)}"

    def _inline(self, value: Any, indent: int) -> str:
        """A value in one line, or a long string in several."""
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self._key(key)}: {json.dumps(value[key])}" for key in value) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(json.dumps, value)) + "]"
        if value is None:
            return self._chance.choice(("", "null", "~"))
        return self._string(value, indent) if isinstance(value, str) else to_yaml(value).rstrip("\n")

    def _string(self, value: str, indent: int) -> str:
        if len(value) > _LONG and self._odds(0.7) and "  " not in value and " " in value.strip():
            return f"\n{' ' * (indent + self._step + 1)}".join(json.dumps(value, ensure_ascii=False).split(" "))
        style = self._chance.random()
        if style < 0.2 or "\n" in value:
            return json.dumps(value, ensure_ascii=self._odds(0.5))
        if style < 0.3 and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        return to_yaml(value).rstrip("\n")

    def _key(self, key: str) -> str:
        return json.dumps(key) if self._odds(0.03) else to_yaml(key).rstrip("\n")

    def _anchor(self) -> str:
        if not self._odds(0.02):
            return ""
        self._anchors += 1
        return f" &a{self._anchors}"

    def _tail(self) -> str:
        """What follows on a line: spaces, tabs, a comment."""
        return self._chance.choice(("", "", "", "", "", "", " ", "\t", "\t# tab", "  # note"))


def _may_be_literal(text: str) -> bool:
    lines = text.split("\n")
    return (
        len(lines) > 1
        and bool(lines[0].strip())
        and not text[0].isspace()
        and not text.endswith("\n\n")
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )
