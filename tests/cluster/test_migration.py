"""docs/migration.md on a real API server: what a row calls refused is, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.client import Answer
from tests.cluster.control_plane import ControlPlane
from tests.docs.migration import Row, rows

pytestmark = pytest.mark.cluster


def _create(plane: ControlPlane, spec: Any) -> Answer:
    """Create the pod in a template, in which nothing is filled in before it is validated."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": spec}
    value = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    return plane.admin.create("/apis/apps/v1/namespaces/default/deployments", value, dry_run=True)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_only_what_a_row_calls_refused_is_refused(plane: ControlPlane, row: Row) -> None:
    """With what the rule writes; with what we write, none is."""
    for spec, refused in ((row.spec, False), (row.written_there(), row.refused), (row.written_here(), False)):
        answer = _create(plane, spec)
        assert answer.ok != refused, answer.message or spec
