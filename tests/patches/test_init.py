"""The package's surface."""

from __future__ import annotations

import patches


def test_the_surface_is_what_it_says() -> None:
    """Adding a name, or taking one away, is a decision."""
    assert patches.__all__ == [
        "Decision",
        "DefaulterConfiguration",
        "DefaulterError",
        "Facts",
        "InvalidObject",
        "Level",
        "LevelVersion",
        "LimitItem",
        "Limits",
        "Operation",
        "Origin",
        "Outcome",
        "Pod",
        "Policy",
        "Reason",
        "RuntimeClass",
        "State",
        "Version",
        "Violation",
        "Withheld",
        "compile_limits",
        "judge",
        "locate",
        "mutate",
        "parse_level_version",
        "resolve",
        "violation_text",
    ]
    assert all(hasattr(patches, name) for name in patches.__all__)


def test_the_two_calls_work_with_what_is_exported() -> None:
    """From a document to the patched one and its verdicts, without another import."""
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}
    pod = patches.locate(document, patches.Origin.MANIFEST)
    assert pod is not None
    restricted = patches.parse_level_version("restricted")
    assert len(patches.judge(pod, restricted)) == 4
    policy = patches.resolve(patches.DefaulterConfiguration(), {}, {})
    outcome = patches.mutate(pod, None, policy, patches.Facts())
    assert outcome.verdicts == {restricted: ()}
