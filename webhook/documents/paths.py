"""The three forms of a path: tokens, a JSON Pointer (RFC 6901), and a field (`spec.containers[0].image`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from patches import escape, unescape

_STEP: Final = re.compile(r"\[([^\]]*)\]|([^.\[]+)")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


def pointer(tokens: Iterable[str | int]) -> str:
    """The JSON Pointer of `tokens`, with `~` and `/` escaped; "" for the whole document."""
    return "".join("/" + escape(str(token)) for token in tokens)


def pointer_tokens(path: str) -> list[str]:
    """The tokens of a JSON Pointer. Never raises: the first `/` may be missing."""
    return [unescape(token) for token in path.removeprefix("/").split("/")] if path else []


def field_of(tokens: Iterable[str | int]) -> str:
    """The field, as messages write it: indexes, and keys that are not plain names, are in brackets."""
    return "".join(
        f".{token}" if isinstance(token, str) and _NAME.fullmatch(token) else f"[{token}]" for token in tokens
    ).lstrip(".")


def field_tokens(field: str) -> Sequence[str]:
    """The tokens of `spec.containers[0].image` or `metadata.annotations[example.com/a]`. Never raises."""
    return [inside or name for inside, name in _STEP.findall(field)]
