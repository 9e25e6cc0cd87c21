"""The package's surface."""

from __future__ import annotations

import patches


def test_the_surface_is_what_it_says() -> None:
    """Adding a name, or taking one away, is a decision."""
    assert patches.__all__ == [
        "APPLIED_ANNOTATION",
        "CHECKS",
        "CHECK_FIELDS",
        "DEFAULTS",
        "NEWEST_MINOR",
        "NO_IMAGES",
        "STEADY",
        "TEMPLATES",
        "UNKNOWN",
        "UNKNOWN_BINDINGS",
        "UNKNOWN_IMAGE",
        "Action",
        "Bindings",
        "Cause",
        "Certainty",
        "Check",
        "CompiledNamespace",
        "ContainerState",
        "Coverage",
        "Decision",
        "Default",
        "DefaulterConfiguration",
        "DefaulterError",
        "Edit",
        "Evaluation",
        "Exemption",
        "Experience",
        "Failure",
        "FieldTypes",
        "Forecast",
        "ImageFacts",
        "ImageUser",
        "Images",
        "InvalidObject",
        "Lesson",
        "Level",
        "LevelVersion",
        "LimitItem",
        "Missing",
        "Mode",
        "NamespaceCompiler",
        "Node",
        "Notice",
        "NoticeCode",
        "ObjectTooLarge",
        "Objects",
        "Operation",
        "Origin",
        "Owner",
        "Pod",
        "PodState",
        "Policy",
        "Quantity",
        "Reason",
        "ResourceQuota",
        "RuntimeClass",
        "ServiceAccount",
        "Snapshot",
        "Stage",
        "Start",
        "State",
        "Suspicion",
        "UnknownField",
        "UnknownFields",
        "UnknownType",
        "Version",
        "Violation",
        "Withheld",
        "compile_namespace",
        "configuration_warnings",
        "edit_document",
        "empty_snapshot",
        "escape",
        "evaluate",
        "field_path",
        "find_cloud_identity",
        "go_quoted",
        "invalid_object",
        "json_schema",
        "judge",
        "learn",
        "locate",
        "nanos",
        "parse_level_version",
        "relevant_marks",
        "shortest_edits",
        "unescape",
        "unknown_fields",
        "user_namespaces_everywhere",
        "validate",
        "violation_text",
    ]
    assert all(hasattr(patches, name) for name in patches.__all__)


def test_the_calls_work_with_what_is_exported() -> None:
    """From a document to the patched one and its verdicts, without another import."""
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}
    pod = patches.locate(document, patches.Origin.MANIFEST)
    assert pod is not None
    restricted = patches.parse_level_version("restricted")
    assert len(patches.judge(pod, restricted)) == 4
    namespace = patches.compile_namespace(patches.empty_snapshot("shop"), patches.DefaulterConfiguration())
    evaluation = patches.evaluate(pod, namespace)
    assert evaluation.verdicts == {restricted: ()}
