"""Levels and versions of the Pod Security Standards.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ and the namespace labels of Pod Security
Admission, which write a version as `v1.MINOR` or `latest`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple, Self

NEWEST_MINOR: Final = 37
"""The newest Kubernetes minor version whose standards the checks know. A newer one is judged as this one."""

_LATEST: Final = 1 << 30
_VERSION: Final = re.compile(r"v1\.(0|[1-9][0-9]{0,8})")


class Level(StrEnum):
    """A Pod Security Standards profile. `strictness` is 0 for privileged, 1 for baseline, 2 for restricted."""

    PRIVILEGED = "privileged", 0
    BASELINE = "baseline", 1
    RESTRICTED = "restricted", 2

    strictness: int

    def __new__(cls, text: str, strictness: int) -> Self:
        """A member that is its text."""
        member = str.__new__(cls, text)
        member._value_ = text
        member.strictness = strictness
        return member

    __hash__ = str.__hash__  # levels are keys of each request's verdicts, and Enum's own hash is ten times as slow


_LEVELS: Final = {level.value: level for level in Level}


class Version(NamedTuple):
    """A version of the standards. The `minor` of LATEST is larger than any other."""

    minor: int

    def __str__(self) -> str:
        return "latest" if self.minor == _LATEST else f"v1.{self.minor}"


LATEST: Final = Version(_LATEST)


class LevelVersion(NamedTuple):
    """A profile at a version, written `restricted:v1.30` or `restricted:latest`."""

    level: Level
    version: Version

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


def parse_level(text: str) -> Level:
    """Read a level label.

    Raises:
        ValueError: it is none of the three profiles; the message is upstream's.
    """
    level = _LEVELS.get(text)
    if level is None:
        raise ValueError("must be one of privileged, baseline, restricted")
    return level


def parse_version(text: str) -> Version:
    """Read a version label.

    Raises:
        ValueError: it is neither `latest` nor `v1.MINOR`; the message is upstream's.
    """
    if text == "latest":
        return LATEST
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ValueError('must be "latest" or "v1.x"')
    return Version(int(match[1]))


def parse_level_version(text: str) -> LevelVersion:
    """Read `restricted`, `restricted:latest` or `restricted:v1.30`. Without a version it is latest.

    Raises:
        ValueError: the level or the version is malformed.
    """
    level, colon, version = text.partition(":")
    return LevelVersion(parse_level(level), parse_version(version) if colon else LATEST)
