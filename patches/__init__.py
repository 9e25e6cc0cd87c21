"""Secure defaults for Kubernetes pods, and the verdict of the Pod Security Standards on them. Pure: no I/O, no clock.

    snapshot  →  compile_namespace  →  evaluate  →  Evaluation

A gatherer reports what is known of a namespace as a Snapshot, `compile_namespace` makes of it all that need not be
worked out per pod, and `evaluate` says what becomes of a pod there: the patch, a decision for each default at each
path, and what the pod still violates. `validate` judges a pod as it is, `judge` judges it by one level. `locate` finds
the pod in a document. `shortest_edits` says which values of its author keep a pod from passing a level, and
`edit_document` makes such edits.

What is listed here is the surface. Everything else is private to the package.
"""

from __future__ import annotations

from types import FunctionType
from typing import Final

from patches.compiler import NamespaceCompiler, compile_namespace
from patches.defaults import DEFAULTS
from patches.defaults.allow_privilege_escalation import SYS_ADMIN
from patches.defaults.app_armor_profile import ANNOTATION as APP_ARMOR_ANNOTATION
from patches.defaults.automount_service_account_token import MOUNT_PATH as TOKEN_MOUNT_PATH
from patches.defaults.automount_service_account_token import TOKEN_SOURCES
from patches.defaults.automount_service_account_token import VOLUME_PREFIX as TOKEN_VOLUME_PREFIX
from patches.defaults.capabilities import PORT_SYSCTLS
from patches.defaults.cloud_identities import find_cloud_identity
from patches.defaults.default import Default
from patches.defaults.host_users import MAPPED_IDS, NETWORK_DRIVERS, NETWORK_VOLUMES
from patches.defaults.identity import FS_GROUP_VOLUMES
from patches.defaults.os import LINUX_CONTAINER_SECURITY, LINUX_POD, LINUX_POD_SECURITY
from patches.defaults.seccomp_profile import POD_ANNOTATION as SECCOMP_POD_ANNOTATION
from patches.defaults.seccomp_profile import RUNTIME_DEFAULT as RUNTIME_DEFAULT_ANNOTATIONS
from patches.edits import Action, Edit, edit_document, shortest_edits
from patches.errors import DefaulterError, InvalidObject, ObjectTooLarge, invalid_object
from patches.evaluation import APPLIED_ANNOTATION, MIRROR_ANNOTATION, Evaluation, Stage, evaluate, validate
from patches.learning import (
    STEADY,
    Certainty,
    ContainerState,
    Experience,
    Failure,
    Lesson,
    Owner,
    PodState,
    Suspicion,
    learn,
)
from patches.model.custom import WELL_KNOWN, CustomTemplates, kind_of
from patches.model.decisions import Decision, Reason, State, Withheld
from patches.model.images import (
    NO_IMAGES,
    UNKNOWN_IMAGE,
    ImageFacts,
    ImageReference,
    Images,
    ImageUser,
    parse_image_reference,
)
from patches.model.notices import Notice, NoticeCode
from patches.model.operation import Operation
from patches.model.patch import escape, unescape
from patches.model.pod import OS_LABELS, TEMPLATES, Origin, Pod, field_path, locate
from patches.model.quantities import nanos
from patches.model.shapes import Quantity
from patches.model.starting import Cause, Forecast, Start
from patches.model.unknown_fields import FieldTypes, UnknownField, UnknownFields, unknown_fields
from patches.policy.configuration import (
    DefaulterConfiguration,
    Exemption,
    Mode,
    RegistrySettings,
    enabled_ids,
    json_schema,
)
from patches.policy.configuration_warnings import configuration_warnings
from patches.policy.limits import LimitItem
from patches.policy.namespace import CompiledNamespace, Missing
from patches.policy.nodes import Node, user_namespaces_everywhere
from patches.policy.policy import (
    MODE_LABEL,
    PROFILE_LABEL,
    PROFILE_VERSION_LABEL,
    PSA_PREFIX,
    SKIP_ANNOTATION,
    USER_RANGE_ANNOTATION,
    Policy,
    relevant_marks,
)
from patches.policy.snapshot import (
    UNKNOWN,
    UNKNOWN_BINDINGS,
    Bindings,
    Coverage,
    Objects,
    ResourceQuota,
    RuntimeClass,
    ServiceAccount,
    Snapshot,
    UnknownType,
    empty_snapshot,
)
from patches.policy.templates import custom_templates
from patches.standards.checks import CHECK_FIELDS, CHECKS
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import go_quoted
from patches.standards.judge import judge
from patches.standards.levels import NEWEST_MINOR, Level, LevelVersion, Version, parse_level_version
from patches.standards.violations import Violation, violation_text
from patches.verdicts import BY_NATURE, Fit, Verdict, fit, worst

FORM: Final = "interpreted" if isinstance(evaluate, FunctionType) else "compiled"
"""How the engine runs, and some of webhook/ with it: as written, or as setup.py compiles it. Only speed differs."""

__all__ = [
    "APPLIED_ANNOTATION",
    "APP_ARMOR_ANNOTATION",
    "BY_NATURE",
    "CHECKS",
    "CHECK_FIELDS",
    "DEFAULTS",
    "FORM",
    "FS_GROUP_VOLUMES",
    "LINUX_CONTAINER_SECURITY",
    "LINUX_POD",
    "LINUX_POD_SECURITY",
    "MAPPED_IDS",
    "MIRROR_ANNOTATION",
    "MODE_LABEL",
    "NETWORK_DRIVERS",
    "NETWORK_VOLUMES",
    "NEWEST_MINOR",
    "NO_IMAGES",
    "OS_LABELS",
    "PORT_SYSCTLS",
    "PROFILE_LABEL",
    "PROFILE_VERSION_LABEL",
    "PSA_PREFIX",
    "RUNTIME_DEFAULT_ANNOTATIONS",
    "SECCOMP_POD_ANNOTATION",
    "SKIP_ANNOTATION",
    "STEADY",
    "SYS_ADMIN",
    "TEMPLATES",
    "TOKEN_MOUNT_PATH",
    "TOKEN_SOURCES",
    "TOKEN_VOLUME_PREFIX",
    "UNKNOWN",
    "UNKNOWN_BINDINGS",
    "UNKNOWN_IMAGE",
    "USER_RANGE_ANNOTATION",
    "WELL_KNOWN",
    "Action",
    "Bindings",
    "Cause",
    "Certainty",
    "Check",
    "CompiledNamespace",
    "ContainerState",
    "Coverage",
    "CustomTemplates",
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
    "Fit",
    "Forecast",
    "ImageFacts",
    "ImageReference",
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
    "RegistrySettings",
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
    "Verdict",
    "Version",
    "Violation",
    "Withheld",
    "compile_namespace",
    "configuration_warnings",
    "custom_templates",
    "edit_document",
    "empty_snapshot",
    "enabled_ids",
    "escape",
    "evaluate",
    "field_path",
    "find_cloud_identity",
    "fit",
    "go_quoted",
    "invalid_object",
    "json_schema",
    "judge",
    "kind_of",
    "learn",
    "locate",
    "nanos",
    "parse_image_reference",
    "parse_level_version",
    "relevant_marks",
    "shortest_edits",
    "unescape",
    "unknown_fields",
    "user_namespaces_everywhere",
    "validate",
    "violation_text",
    "worst",
]
