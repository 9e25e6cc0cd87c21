"""A closed set of codes, each with its own words in the docs."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ExplainedCode(StrEnum):
    """A code with what it means and what to do about it, both in Markdown. It compares and prints as its code."""

    means: str
    advice: str

    def __new__(cls, code: str, means: str, advice: str) -> Self:
        """A member that is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.means = means
        member.advice = advice
        return member
