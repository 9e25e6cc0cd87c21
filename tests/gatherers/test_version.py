"""The API server's own minor version, as `/version` writes it."""

from __future__ import annotations

import pytest

from webhook.gatherers.version import read_minor


@pytest.mark.parametrize(("minor", "number"), [("37", 37), ("33+", 33), ("7", 7)])
def test_the_minor_version(minor: str, number: int) -> None:
    """As `/version` writes it."""
    assert read_minor(f'{{"major":"1","minor":"{minor}"}}'.encode()) == number


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"minor":37}', b'{"minor":""}', b'{"minor":"x7"}'])
def test_no_minor_version(answer: bytes) -> None:
    """It is said."""
    with pytest.raises(ValueError, match=r"minor|JSON|truncated|number"):
        read_minor(answer)
