"""The pod of an object, for tests that know that it has one."""

from __future__ import annotations

from patches.model.pod import Origin, Pod, locate
from patches.model.shapes import Json


def view(document: Json, origin: Origin = Origin.ADMISSION) -> Pod:
    """The pod of a document that has one."""
    pod = locate(document, origin)
    assert pod is not None
    return pod
