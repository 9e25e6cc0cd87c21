"""`bench`: what one review of each pod costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from webhook.cli import main

_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: c, image: i}]}\n"
_CONTAINERS = "".join(f"{{name: c{number}, image: i}}, " for number in range(40))
_LARGE = f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: large}}
spec: {{template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{_CONTAINERS}]}}}}}}
"""
_OFF = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security-defaulter.io/mode: 'off'}}\n"


def _bench(capsys: pytest.CaptureFixture[str], tmp_path: Path, *documents: str, status: int = 0) -> list[list[str]]:
    """The rows of the table, without the header."""
    path = tmp_path / "manifests.yaml"
    path.write_text("---\n".join(documents))
    assert main(["bench", "-f", str(path)]) == status
    heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split() == ["µs", "CONTAINERS", "REVIEW", "PATCH", "OBJECT"]
    return [row.split(maxsplit=4) for row in rows]


def test_the_dearest_is_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Forty containers cost more than one, and a pod template is reviewed as the pod that it makes."""
    large, small = _bench(capsys, tmp_path, _POD, _LARGE)
    assert (large[1], large[4]) == ("40", "Deployment/large in default")
    assert (small[1], small[4]) == ("1", "Pod/web in shop")
    assert int(large[0]) > int(small[0]) > 0
    assert int(large[2]) > int(small[2])
    assert int(large[3]) > int(small[3]) > 0


def test_a_namespace_among_the_manifests_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where it is off, there is no patch to make, and a review costs less."""
    (off,), (on,) = _bench(capsys, tmp_path, _POD, _OFF), _bench(capsys, tmp_path, _POD)
    assert off[3] == "0"
    assert int(off[0]) < int(on[0])


def test_what_cannot_be_read_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The others are measured all the same."""
    wrong = "apiVersion: v1\nkind: Pod\nmetadata: {name: wrong}\nspec: {containers: [{name: c, image: 3}]}\n"
    assert len(_bench(capsys, tmp_path, wrong, _POD, "a: [", status=2)) == 1
