"""Resolves the policy of a namespace from the configuration and the namespace's labels and annotations.

Source: `PolicyToEvaluate` of Pod Security Admission for the `pod-security.kubernetes.io/` labels; ours begin with
`pod-security-defaulter.io/`. A policy is resolved when a namespace or the configuration changes, not per request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import msgspec

from patches.policy.configuration import DefaulterConfiguration, DenyIn, Exemptions, Mode, Settings, enabled_ids
from patches.policy.limits import Limits
from patches.standards.levels import LATEST, NEWEST_MINOR, Level, LevelVersion, Version, parse_level, parse_version

PREFIX: Final = "pod-security-defaulter.io/"
PSA_PREFIX: Final = "pod-security.kubernetes.io/"
MODE_LABEL: Final = PREFIX + "mode"
PROFILE_LABEL: Final = PREFIX + "profile"
PROFILE_VERSION_LABEL: Final = PREFIX + "profile-version"
RUNTIME_CLASS_ANNOTATION: Final = PREFIX + "runtime-class"
SKIP_ANNOTATION: Final = PREFIX + "skip"
USER_RANGE_ANNOTATION: Final = "openshift.io/sa.scc.uid-range"
"""By this annotation of a namespace a platform says that it assigns the users of its pods."""

IDS: Final = tuple(info.encode_name for info in msgspec.structs.fields(Settings))
"""The ids of the defaults."""

Marks: TypeAlias = tuple[tuple[str, str], ...]
"""Labels or annotations."""

_PREFIXES: Final = (PREFIX, PSA_PREFIX)
_PSA_LABEL: Final = PSA_PREFIX + "enforce"
_LEVELS: Final = frozenset(Level)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done to the pods of one namespace.

    Attributes:
        mode: what /mutate does with its patch.
        target: the level that pods are defaulted for.
        enforce: the level that pods must not violate.
        audit: the level whose violations are audited.
        warn: the level whose violations give a warning.
        server_minor: the API server's own minor version.
        settings: the settings of the defaults.
        enabled: ids of the enabled defaults.
        item_limits: the resources that our own configuration gives, compiled.
        skip: ids of the enabled defaults that the namespace opts out of.
        runtime_class: name of the RuntimeClass to add; "" for none.
        exemptions: the requests that are neither patched nor judged.
        deny_in: the review that refuses violations of `enforce`.
        allow_pod_skip: whether the skip annotation counts on new pods too.
        patch_templates: whether pod templates are patched too.
        placeholders: the images of containers that another webhook fills in.
        platform_assigns_users: whether the platform gives the namespace's pods their users.
        problems: a line for each invalid label and annotation of ours.
        psa_problems: a line for each invalid label of Pod Security Admission.
        judged: the levels by which pods are judged, without privileged.
        oldest_restricted: the lowest minor version among those levels that are restricted; `server_minor` if none is.
    """

    mode: Mode
    target: LevelVersion
    enforce: LevelVersion
    audit: LevelVersion
    warn: LevelVersion
    server_minor: int
    settings: Settings
    enabled: frozenset[str]
    item_limits: Limits
    skip: frozenset[str]
    runtime_class: str
    exemptions: Exemptions
    deny_in: DenyIn
    allow_pod_skip: bool
    patch_templates: bool
    placeholders: frozenset[str]
    platform_assigns_users: bool
    problems: tuple[str, ...]
    psa_problems: tuple[str, ...]
    judged: tuple[LevelVersion, ...]
    oldest_restricted: int

    def restricted_since(self, minor: int) -> bool:
        """Whether every restricted level by which pods are judged has at least version v1.`minor`."""
        return self.oldest_restricted >= minor


def relevant_marks(marks: Mapping[str, str | None]) -> Marks:
    """Return the labels, or the annotations, of a namespace on which its policy depends.

    Args:
        marks: all of its labels, or all of its annotations; null counts as empty, as in the API server.

    Returns:
        Pairs of key and value, sorted, so that those of equal policies compare equal. Where it only counts that a key
        is there, its value is empty.
    """
    return tuple(
        sorted(
            (key, "" if key == USER_RANGE_ANNOTATION else value or "")
            for key, value in marks.items()
            if key.startswith(_PREFIXES) or key == USER_RANGE_ANNOTATION
        )
    )


def resolve(
    configuration: DefaulterConfiguration,
    labels: Mapping[str, str | None],
    annotations: Mapping[str, str | None],
    server_minor: int = NEWEST_MINOR,
) -> Policy:
    """Resolve the policy of a namespace. Invalid labels and annotations become problems of the policy.

    Args:
        configuration: decides what labels and annotations leave open.
        labels: labels of the namespace; null counts as empty, as in the API server.
        annotations: annotations of the namespace, likewise.
        server_minor: the API server's own minor version.
    """
    known = {key: value or "" for key, value in labels.items()}
    defaults = configuration.defaults
    labels_read = _Labels(known)
    psa = _Labels(known)
    enforce = LevelVersion(
        psa.level(PSA_PREFIX + "enforce", defaults.enforce, invalid=Level.RESTRICTED),
        psa.version(PSA_PREFIX + "enforce-version", parse_version(defaults.enforce_version)),
    )
    audit = LevelVersion(
        psa.level(PSA_PREFIX + "audit", defaults.audit, invalid=Level.PRIVILEGED),
        psa.version(PSA_PREFIX + "audit-version", parse_version(defaults.audit_version)),
    )
    warn = LevelVersion(
        psa.level(PSA_PREFIX + "warn", defaults.warn, invalid=Level.PRIVILEGED),
        psa.version(PSA_PREFIX + "warn-version", parse_version(defaults.warn_version)),
    )
    follows = PSA_PREFIX + "warn" not in known and known.get(_PSA_LABEL) in _LEVELS
    if follows and enforce.level.strictness > warn.level.strictness:
        warn = LevelVersion(
            enforce.level,
            warn.version if PSA_PREFIX + "warn-version" in known else enforce.version,
        )
    target = _target(configuration, labels_read, known, enforce)
    mode = labels_read.mode(configuration.mode)
    skip = labels_read.skip(annotations.get(SKIP_ANNOTATION) or "")
    enabled = enabled_ids(configuration.settings)
    if "runAsNonRoot" in enabled and configuration.settings.run_as_non_root.root_images == "userNamespace":
        enabled |= {"hostUsers"}  # which then acts on pods with such an image only
    runtime_class = configuration.settings.runtime_class_name.name
    if RUNTIME_CLASS_ANNOTATION in annotations:  # naming a class opts in
        runtime_class = annotations[RUNTIME_CLASS_ANNOTATION] or ""
        enabled |= {"runtimeClassName"}
    levels = (target, enforce, audit, warn)
    return Policy(
        mode=mode,
        target=target,
        enforce=enforce,
        audit=audit,
        warn=warn,
        server_minor=server_minor,
        settings=configuration.settings,
        enabled=enabled,
        item_limits=configuration.settings.resources.compiled(),
        skip=enabled & skip,
        runtime_class=runtime_class,
        exemptions=configuration.exemptions,
        deny_in=configuration.deny_in,
        allow_pod_skip=configuration.allow_pod_skip,
        patch_templates=configuration.patch_templates,
        placeholders=frozenset(configuration.placeholders),
        platform_assigns_users=USER_RANGE_ANNOTATION in annotations,
        problems=tuple(labels_read.problems),
        psa_problems=tuple(psa.problems),
        judged=_judged_levels(levels),
        oldest_restricted=_oldest_restricted(levels, server_minor),
    )


def retarget(policy: Policy, target: LevelVersion) -> Policy:
    """Return the policy with another target, for a preview."""
    levels = (target, policy.enforce, policy.audit, policy.warn)
    return replace(
        policy,
        target=target,
        judged=_judged_levels(levels),
        oldest_restricted=_oldest_restricted(levels, policy.server_minor),
    )


def _judged_levels(levels: Iterable[LevelVersion]) -> tuple[LevelVersion, ...]:
    return tuple(level for level in dict.fromkeys(levels) if level.level is not Level.PRIVILEGED)


def _oldest_restricted(levels: Iterable[LevelVersion], server_minor: int) -> int:
    minors = (level.version.minor for level in levels if level.level is Level.RESTRICTED)
    return min((server_minor, *minors))


def _target(
    configuration: DefaulterConfiguration,
    labels_read: _Labels,
    labels: Mapping[str, str],
    enforce: LevelVersion,
) -> LevelVersion:
    if PROFILE_LABEL in labels:
        fallback = LevelVersion(labels_read.level(PROFILE_LABEL, Level.RESTRICTED, invalid=Level.RESTRICTED), LATEST)
    elif _PSA_LABEL in labels:
        fallback = enforce
    else:
        fallback = configuration.target.level_version
    return LevelVersion(fallback.level, labels_read.version(PROFILE_VERSION_LABEL, fallback.version))


class _Labels:
    """Reads labels and collects a problem for each invalid one."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = labels
        self.problems: list[str] = []

    def level(self, key: str, default: Level, *, invalid: Level) -> Level:
        text = self.labels.get(key)
        if text is None:
            return default
        try:
            return parse_level(text)
        except ValueError as error:
            self.problems.append(f'metadata.labels[{key}]: Invalid value: "{text}": {error}')
            return invalid

    def version(self, key: str, default: Version) -> Version:
        text = self.labels.get(key)
        if text is None:
            return default
        try:
            return parse_version(text)
        except ValueError as error:
            self.problems.append(f'metadata.labels[{key}]: Invalid value: "{text}": {error}')
            return LATEST

    def mode(self, default: Mode) -> Mode:
        text = self.labels.get(MODE_LABEL)
        if text is None:
            return default
        try:
            return Mode(text)
        except ValueError:
            self.problems.append(
                f'metadata.labels[{MODE_LABEL}]: Invalid value: "{text}": must be one of enforce, warn, audit, off; '
                "it counts as warn",
            )
            return Mode.WARN

    def skip(self, text: str) -> frozenset[str]:
        known, unknown = split_ids(text)
        if unknown:
            names = ", ".join(unknown)
            self.problems.append(f"metadata.annotations[{SKIP_ANNOTATION}]: no default is called {names}")
        return known


def split_ids(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Split the value of a skip annotation into the ids of defaults and the unknown names."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    return frozenset(names) & frozenset(IDS), tuple(name for name in names if name not in IDS)
