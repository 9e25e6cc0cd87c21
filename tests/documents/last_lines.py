"""Inputs whose last line matters, with what kubectl 1.37's own reader makes of them.

`tests/cluster/test_kubectl_reader.py` compares each with that reader.
"""

from __future__ import annotations

from typing import Any, Final

LAST_LINES: Final[tuple[tuple[str, list[Any]], ...]] = (
    # Block scalars: literal and folded; clipped, stripped and kept.
    ("a: |\n  x\n  y", [{"a": "x\ny\n"}]),
    ("a: >\n  x\n  y", [{"a": "x y\n"}]),
    ("a: |-\n  x", [{"a": "x"}]),
    ("a: >-\n  x\n\n  y", [{"a": "x\ny"}]),
    ("a: |+\n  x", [{"a": "x\n"}]),
    ("a: |+\n  x\n\n", [{"a": "x\n\n"}]),
    ("a: |+\n  x\n  ", [{"a": "x\n\n"}]),
    ("a: >+\n  x\n \n", [{"a": "x\n\n"}]),
    ("a: |2\n    x\n   ", [{"a": "  x\n \n"}]),
    ("a: |", [{"a": ""}]),
    ("a: |+\n", [{"a": ""}]),
    ("a:\n- b: |\n    x", [{"a": [{"b": "x\n"}]}]),
    ("|\n  x", ["x\n"]),
    # Line ends of Windows, and a carriage return that ends everything.
    ("a: |\r\n  x\r\n  y", [{"a": "x\ny\n"}]),
    ("a: |\n  x\r", [{"a": "x\n"}]),
    ("a: |+\r\n  x\r", [{"a": "x\n"}]),
    ("a: 1\r\n---\r\nb: >\r\n  x\r\n  y", [{"a": 1}, {"b": "x y\n"}]),
    # A comment as the last line; in a scalar it is text.
    ("a: |\n  x\n# c", [{"a": "x\n"}]),
    ("a: |\n  x\n  # c", [{"a": "x\n# c\n"}]),
    ("a: x # c", [{"a": "x"}]),
    # The end of a document, and several documents.
    ("a: |\n  x\n...", [{"a": "x\n"}]),
    ("a: |\n  x\n---", [{"a": "x\n"}]),
    ("a: |+\n  x\n\n---\nb: |+\n  y", [{"a": "x\n\n"}, {"b": "y\n"}]),
    ("a: |\n  x\n---\n# c\n---\nb: |\n  y", [{"a": "x\n"}, {"b": "y\n"}]),
    ("a: |\n  x\n---# c\nb: |\n  y", [{"a": "x\n"}, {"b": "y\n"}]),
    # Other scalars know no line end.
    ('a: "x\n  y"', [{"a": "x y"}]),
    ("a: 'x\n\n  y'", [{"a": "x\ny"}]),
    ("a: x\n  y", [{"a": "x y"}]),
    ("a: x\n\n  y", [{"a": "x\ny"}]),
    ("a:", [{"a": None}]),
    ("a: [1,\n  2]", [{"a": [1, 2]}]),
    # JSON, and YAML after it.
    ('{"a": "x"}', [{"a": "x"}]),
    ('{"a": "x"}\n---\nb: |\n  y', [{"a": "x"}, {"b": "y\n"}]),
    # Byte order marks.
    ("\ufeffa: |\n  x", [{"a": "x\n"}]),
)
