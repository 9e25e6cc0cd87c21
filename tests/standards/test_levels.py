"""Levels and versions, as Pod Security Admission reads its labels."""

from __future__ import annotations

import pytest

from patches.standards.levels import (
    LATEST,
    Level,
    LevelVersion,
    Version,
    parse_level,
    parse_level_version,
    parse_version,
)


@pytest.mark.parametrize("text", ["privileged", "baseline", "restricted"])
def test_levels(text: str) -> None:
    """The three names of the standards."""
    assert str(parse_level(text)) == text


@pytest.mark.parametrize("text", ["", "Restricted", " restricted", "strict"])
def test_no_level(text: str) -> None:
    """Anything else is none, in upstream's words."""
    with pytest.raises(ValueError, match=r"^must be one of privileged, baseline, restricted$"):
        parse_level(text)


def test_strictness_orders_the_levels() -> None:
    """Each level is stricter than the one before."""
    assert [level.strictness for level in (Level.PRIVILEGED, Level.BASELINE, Level.RESTRICTED)] == [0, 1, 2]


@pytest.mark.parametrize(("text", "minor"), [("v1.0", 0), ("v1.9", 9), ("v1.30", 30), ("v1.999999999", 999_999_999)])
def test_versions(text: str, minor: int) -> None:
    """A version is `v1.` and a number without leading zeros, also one that does not exist yet."""
    assert parse_version(text) == Version(minor)
    assert str(parse_version(text)) == text


@pytest.mark.parametrize("text", ["", "1.30", "v1", "v1.", "v1.01", "v1.-1", "v2.0", "v1.30.1", "Latest", "v1.30\n"])
def test_no_version(text: str) -> None:
    """Anything else is none, in upstream's words."""
    with pytest.raises(ValueError, match=r'^must be "latest" or "v1\.x"$'):
        parse_version(text)


def test_latest_is_newer_than_any_version() -> None:
    """Also than versions of the far future."""
    assert parse_version("latest") is LATEST
    assert str(LATEST) == "latest"
    assert parse_version("v1.999999999") < LATEST


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("restricted", "restricted:latest"),
        ("baseline:latest", "baseline:latest"),
        ("restricted:v1.30", "restricted:v1.30"),
    ],
)
def test_level_with_version(text: str, printed: str) -> None:
    """Without a version it is latest."""
    assert str(parse_level_version(text)) == printed


@pytest.mark.parametrize("text", ["", ":", "restricted:", "strict:v1.30", "restricted:1.30", "restricted:v1.30:x"])
def test_no_level_with_version(text: str) -> None:
    """Both halves must be right."""
    with pytest.raises(ValueError, match=r"^must be"):
        parse_level_version(text)


def test_a_level_version_is_a_pair() -> None:
    """It can be a key and be compared."""
    assert parse_level_version("baseline:v1.5") == LevelVersion(Level.BASELINE, Version(5))
