"""What kubectl's own reader makes of inputs, and whether ours makes the same of them."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from tests.cluster import binaries
from webhook.documents.reader import Document, read_documents
from webhook.errors import BrokenDocument

_PROGRAM: Final = "yaml-reader"
_SECONDS: Final = 120
_FLOATS: Final = 2**63
"""From here on kubectl holds an integer as a double."""


class Theirs(NamedTuple):
    """The documents that kubectl takes from an input, and the error at which it stops, or ""."""

    documents: list[Any]
    error: str


def read_as_kubectl(inputs: Sequence[bytes]) -> list[Theirs]:
    """Read each input as kubectl does. Skips the test where the program for that is missing."""
    program = binaries.find(_PROGRAM) / _PROGRAM
    lines = "\n".join(json.dumps(base64.b64encode(data).decode()) for data in inputs)
    done = subprocess.run([str(program)], input=lines, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return [Theirs(**json.loads(line)) for line in done.stdout.splitlines()]


def compare(data: bytes, theirs: Theirs) -> str:
    """Read an input ourselves.

    Returns:
        "same" or "refused" where we make of it what kubectl does; "warned" where we read what it refuses or skips, and
        say so; else what is different.
    """
    ours = list(read_documents(data, "f"))
    documents = [document for document in ours if isinstance(document, Document)]
    broken = [document for document in ours if isinstance(document, BrokenDocument)]
    if any(warning.problem.startswith("kubectl ") for document in documents for warning in document.warnings):
        return "warned"
    if theirs.error:
        return "refused" if broken else f"kubectl refuses it: {theirs.error}"
    if broken:
        return f"we refuse it: {broken[0]}"
    values = [document.value for document in documents]
    return "same" if same(values, theirs.documents) else f"kubectl reads {theirs.documents}, we {values}"


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal in value and kind; 1 and 1.0 are the same number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) in (int, float) and type(other) in (int, float):
        return bool(one == other) or (abs(one) >= _FLOATS and float(one) == float(other))
    return type(one) is type(other) and bool(one == other)
