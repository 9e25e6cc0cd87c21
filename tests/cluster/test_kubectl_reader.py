"""Whole inputs mean to us what they mean to kubectl's own reader, down to their last line."""

from __future__ import annotations

import random
from collections import Counter
from typing import Final

import pytest

from tests.cluster.reading import compare, read_as_kubectl, same
from tests.cluster.telling import FIXED, fresh, tell
from tests.documents.last_lines import LAST_LINES
from tests.documents.reading import values
from tests.shared_data import read_jsonl_gz, shared

pytestmark = pytest.mark.cluster

_RANDOM: Final = 3000
"""Inputs for each of two seeds."""


def test_the_last_lines_are_those_of_kubectl() -> None:
    """Kubectl makes of LAST_LINES what they say."""
    found = read_as_kubectl([text.encode() for text, _ in LAST_LINES])
    assert [(text, *theirs) for (text, _), theirs in zip(LAST_LINES, found, strict=True)] == [
        (text, expected, "") for text, expected in LAST_LINES
    ]
    assert all(same(values(text), theirs.documents) for (text, _), theirs in zip(LAST_LINES, found, strict=True))


def test_real_files_are_read_as_kubectl_reads_them() -> None:
    """Files of public repositories, as they are: the same documents, or an error for both."""
    files = list(read_jsonl_gz(shared("corpus/raw.jsonl.gz")))
    inputs = [file["text"].encode() for file in files]
    compared = list(map(compare, inputs, read_as_kubectl(inputs)))
    counts = Counter(compared)
    tell(f"{len(files)} files: {counts['same']} read alike, {counts['refused']} refused by both")
    assert len(files) > 2000
    different = [(file["path"], found) for file, found in zip(files, compared, strict=True)]
    assert [row for row in different if row[1] not in ("same", "refused")] == []


@pytest.mark.parametrize("seed", [FIXED, None], ids=["fixed", "fresh"])
def test_random_ends_are_read_as_kubectl_reads_them(seed: int | None) -> None:
    """Scalars of every style, ends of lines and of documents, in any combination."""
    chance = random.Random(fresh() if seed is None else seed)  # noqa: S311 (test data)
    inputs = list(dict.fromkeys(_input(chance).encode() for _ in range(_RANDOM)))
    compared = list(map(compare, inputs, read_as_kubectl(inputs)))
    counts = Counter(compared)
    tell(", ".join(f"{counts[name]} {name}" for name in ("same", "refused", "warned")))
    assert min(counts[name] for name in ("same", "refused", "warned")) > 20
    different = list(zip(inputs, compared, strict=True))
    assert [row for row in different if row[1] not in ("same", "refused", "warned")] == []


_WORDS: Final = ("x", "y z", "# no", "z: 1", "- q", "  more", "", "\tt", "'q", "é")
_FLOW: Final = ('"d"', '"d\n{0}e"', "'s\n\n{0}t'", '"d \\\n{0}e"', '""', "[1,\n{0}2]", "{{b: |}}", "{{b: 1}}")
_PLAIN: Final = ("p", "p\n{0}q", "p # c", "p\n{0}# c", "p\n\n{0}q", "", "~", "&x 1", "!!str", "!!str 1")
_BEFORE: Final = ("", "", "---\n", "# c\n---\n", "---#c\n", "\n---#c\n")
_BETWEEN: Final = ("---", "---", "--- # c", "...\n---", "---\n---", "---#c", "--- x", "---b: 2", "----")
_ENDS: Final = ("", "", "\n", "\n\n", "\n# c", "\n  # c", "\n...", "\n...\n", "\n---", " ", "\n  ", "\t", "\r", "\n\r")


def _input(chance: random.Random) -> str:
    """Documents whose last value is a scalar, more often than not without a line end behind it."""
    between = f"\n{chance.choice(_BETWEEN)}\n"
    documents = between.join(_document(chance) for _ in range(chance.randint(1, 3)))
    text = chance.choice(_BEFORE) + documents + chance.choice(_ENDS)
    return text.replace("\n", chance.choice(("\n", "\n", "\r\n")))


def _document(chance: random.Random) -> str:
    before, indent = chance.choice((("a: ", 2), ("a: 1\nb: ", 2), ("a:\n- ", 2), ("a:\n  b:\n    c: ", 6)))
    if chance.random() < 0.5:
        return before + chance.choice(_FLOW + _PLAIN).format(" " * indent)
    header = chance.choice("|>") + chance.choice(("", "", "+", "-")) + chance.choice(("", "", "", "2", " # c"))
    lines = [" " * indent + chance.choice(_WORDS) for _ in range(chance.randint(0, 3))]
    lines = [line if chance.random() < 0.85 else " " * chance.randint(0, indent + 2) for line in lines]
    return before + "\n".join([header, *lines])
