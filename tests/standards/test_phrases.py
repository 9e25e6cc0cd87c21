"""The phrases that the texts of the checks share."""

from __future__ import annotations

import pytest

from patches.standards.checks import phrases


@pytest.mark.parametrize(("count", "text"), [(0, "ports"), (1, "port"), (2, "ports")])
def test_plural(count: int, text: str) -> None:
    """One is singular, all else is plural."""
    assert phrases.plural("port", count) == text


def test_names_are_quoted_raw() -> None:
    """Quotes go around a name, and nothing inside it is escaped."""
    assert phrases.quoted(["b", 'a"\n']) == '"b", "a"\n"'


def test_sets_are_sorted() -> None:
    """A set is printed once each and in byte order, capitals first."""
    assert phrases.quoted_set(["b", "B", "a", "b"]) == '"B", "a", "b"'


@pytest.mark.parametrize(
    ("names", "pod", "text"),
    [
        ([], True, "pod"),
        (["a"], False, 'container "a"'),
        (["a"], True, 'pod and container "a"'),
        (["b", "a"], True, 'pod and containers "b", "a"'),
    ],
)
def test_setters(names: list[str], pod: bool, text: str) -> None:  # noqa: FBT001 - a parameter of the table above
    """The pod comes first, then its containers in the order given."""
    assert phrases.setters(names, pod=pod) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("unconfined", "unconfined"),
        ('say "x" \\', r"say \"x\" \\"),
        ("\a\b\f\n\r\t\v", r"\a\b\f\n\r\t\v"),
        ("\x00\x1b\x7f", r"\x00\x1b\x7f"),
        ("é 日本 🎉 'x'", "é 日本 🎉 'x'"),
        ("\x85\xa0\u200b\u2028\ufeff", r"\u0085\u00a0\u200b\u2028\ufeff"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_annotation_values_are_quoted_as_go_does(value: str, text: str) -> None:
    """What Go does not call printable is escaped as `%q` escapes it."""
    assert phrases.annotation("key", value) == f'key="{text}"'
