"""YAML: scalars and mapping keys mean to us what they mean to kubectl."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, Final

import pytest

from tests.cluster.kubectl import Kubectl
from tests.cluster.telling import FIXED, fresh, tell
from webhook.documents.reader import read_documents
from webhook.errors import BrokenDocument

pytestmark = pytest.mark.cluster

_SCALARS: Final = 700  # as values, and again as keys; for each of two seeds
_BATCH: Final = 100
_BROKEN: Final = object()
_FLOATS: Final = 2**63
"""From here on kubectl holds an integer as a double."""

_TEXT: Final = """
y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE null Null NULL ~ .nan .NaN .inf
-.inf +.inf nan inf 0x1F 0X1f 0o14 0O7 014 08 09 0b11 1_000 0x_1 1__0 _1 0_7 00 -0 +0 +1 -1 1e3 12e03 1E5 1e+3 1e-3
.5 5. 1. 1.0 -1.50 +.5 1.e2 .e2 e3 1e 0.0 1e400 1e308 0e0 1.7976931348623157e309 22:22 1:30:00 190:20:30.15 1:60
2024-01-01 2024-1-1 2024-01-01T00:00:00Z 12:30 1.2.3 1.2.3.4 v1.2 9223372036854775807 9223372036854775808
18446744073709551615 18446744073709551616 -9223372036854775808 9007199254740993 123456789012345678901234567890
0777777777777777777777 0x7fffffffffffffff 0xffffffffffffffff = << a-b a.b a:b a#b -a --- ... 1,000 100m 128Mi 1e3Mi
0.5Gi 1E 1P é ü 日本 ß
"""
_WORDS: Final = tuple(_TEXT.split())
_ALPHABET: Final = "0123456789" * 3 + "abefnoxyEXN" + "..--++__::" + "eE"


def _scalar(chance: random.Random) -> str:
    """A plain scalar: a word that some reader takes for more than text, a number, or close to one; some quoted."""
    text = (
        chance.choice(_WORDS) if chance.random() < 0.5 else "".join(chance.choices(_ALPHABET, k=chance.randint(1, 6)))
    )
    if chance.random() < 0.1:
        text = chance.choice((f"'{text}'", f'"{text}"', f"!!str {text}"))
    return text


def _document(rows: Sequence[tuple[int, str]], *, keys: bool) -> str:
    lines = [f"  r{index}:\n    {text}: v" if keys else f"  r{index}: {text}" for index, text in rows]
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n" + "\n".join(lines) + "\n"


def _kubectl(kubectl: Kubectl, rows: Sequence[tuple[int, str]], *, keys: bool) -> dict[int, Any]:
    """What kubectl reads. A batch that it cannot read is halved until what is broken stands alone."""
    arguments = ("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-")
    done = kubectl.run(*arguments, stdin=_document(rows, keys=keys), check=False)
    if done.returncode == 0:
        data = json.loads(done.stdout)["data"]
        return {index: data.get(f"r{index}") for index, _ in rows}
    if len(rows) == 1:
        return {rows[0][0]: _BROKEN}
    half = len(rows) // 2
    return _kubectl(kubectl, rows[:half], keys=keys) | _kubectl(kubectl, rows[half:], keys=keys)


def _ours(row: tuple[int, str], *, keys: bool) -> Any:
    (document,) = read_documents(_document([row], keys=keys).encode(), "test")
    if isinstance(document, BrokenDocument):
        return _BROKEN
    value: Any = document.value
    return value["data"][f"r{row[0]}"]


def _same(one: Any, other: Any) -> bool:
    """Equal in value and kind; 1 and 1.0 are the same JSON number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other)
    if type(one) in (int, float) and type(other) in (int, float):
        return bool(one == other) or (abs(one) >= _FLOATS and float(one) == float(other))
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("keys", [False, True], ids=["values", "keys"])
@pytest.mark.parametrize("seed", [FIXED, None], ids=["fixed", "fresh"])
def test_scalars_are_read_as_kubectl_reads_them(kubectl: Kubectl, seed: int | None, *, keys: bool) -> None:
    """Values and keys alike, and what kubectl cannot read, we cannot read either."""
    seed = fresh() if seed is None else seed
    chance = random.Random(seed)  # noqa: S311 (test data)
    texts = list(dict.fromkeys([*_WORDS, *(_scalar(chance) for _ in range(2 * _SCALARS))]))[:_SCALARS]
    rows = list(enumerate(texts))
    theirs: dict[int, Any] = {}
    for start in range(0, len(rows), _BATCH):
        theirs |= _kubectl(kubectl, rows[start : start + _BATCH], keys=keys)
    ours = {row[0]: _ours(row, keys=keys) for row in rows}
    broken = sum(value is _BROKEN for value in theirs.values())
    tell(f"{len(rows)} compared, {broken} of them cannot be read")
    different = [(text, theirs[index], ours[index]) for index, text in rows if not _same(theirs[index], ours[index])]
    assert different == []
