"""Makes the policies and bindings: one policy with one patch for all defaults, one that warns of what is violated."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from patches import (
    DEFAULTS,
    MIRROR_ANNOTATION,
    MODE_LABEL,
    PROFILE_LABEL,
    PROFILE_VERSION_LABEL,
    PSA_PREFIX,
    SKIP_ANNOTATION,
    DefaulterConfiguration,
    Level,
    Version,
    enabled_ids,
    parse_level_version,
)
from webhook.errors import ConfigurationError
from webhook.export.carried import CARRIED, NOT_CARRIED, Carried, Variables
from webhook.export.cel import text, texts
from webhook.export.violations import VALIDATIONS

STATIC_SUFFIX: Final = ".static.k8s.io"
"""Ends the names of policies that the API server reads from files, and no others."""

_NAME: Final = "pods.pod-security-defaulter.io"
_API_VERSION: Final = "admissionregistration.k8s.io/v1"
_LATEST: Final = parse_level_version("restricted:latest").version.minor
_VERSION: Final = text(r"^v1\.(0|[1-9][0-9]{0,8})$")
_ENFORCE: Final = PSA_PREFIX + "enforce"
_LEVELS: Final = "['privileged', 'baseline', 'restricted']"
_RULES: Final = [
    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "Namespaced"},
    {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["pods/ephemeralcontainers"],
        "scope": "Namespaced",
    },
]


def carried_by(configuration: DefaulterConfiguration, wanted: Collection[str] | None) -> dict[str, str]:
    """Find out which enabled defaults policies can carry.

    Args:
        configuration: says which are enabled.
        wanted: the ids to look at; None for all that are enabled.

    Returns:
        By id, why policies cannot carry a default; "" for those that they can.

    Raises:
        ConfigurationError: an exception of containers is configured, which no policy knows.
    """
    if configuration.exceptions:
        raise ConfigurationError("configuration", 0, "exceptions", "policies cannot leave single containers alone")
    known = {row.id: row for row in CARRIED}
    enabled = enabled_ids(configuration.settings)
    return {
        default.id: known[default.id].obstacle(configuration) if default.id in known else NOT_CARRIED[default.id]
        for default in DEFAULTS
        if default.id in (enabled if wanted is None else wanted)
    }


def mutating_policy(configuration: DefaulterConfiguration, ids: Collection[str], *, static: bool) -> list[Any]:
    """Make the policy that adds defaults, and its binding to the namespaces in mode enforce.

    Args:
        configuration: what to translate.
        ids: the defaults to carry.
        static: whether the API server shall read it from a file.
    """
    rows = [row for row in CARRIED if row.id in ids]
    variables = {
        **_of_namespace(configuration),
        "active": _active(configuration, ids),
        **_of_pod(configuration),
        **_decisions(configuration, rows, ids),
    }
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": {"resourceRules": _RULES},
        "matchConditions": _conditions(configuration),
        "variables": _listed(variables),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": _patch(configuration, rows)}}],
    }
    name = _NAME + (STATIC_SUFFIX if static else "")
    selector = _selector(configuration, ["enforce"])
    return [
        _object("MutatingAdmissionPolicy", name, spec),
        _object("MutatingAdmissionPolicyBinding", name, {"policyName": name, "matchResources": selector}),
    ]


def validating_policy(configuration: DefaulterConfiguration, *, static: bool) -> list[Any]:
    """Make the policy that says what pods violate of their profile, and its binding: it warns and refuses nothing.

    Args:
        configuration: what to translate.
        static: whether the API server shall read it from a file.
    """
    variables = {**_of_namespace(configuration), **_of_pod(configuration)}
    variables["windows"] = "object.spec.?os.?name.orValue('') == 'windows'"
    spec = {
        "failurePolicy": "Ignore",
        "matchConstraints": {"resourceRules": _RULES},
        "matchConditions": _conditions(configuration),
        "variables": _listed(variables),
        "validations": VALIDATIONS,
    }
    name = _NAME + (STATIC_SUFFIX if static else "")
    warns = {
        "policyName": name,
        "validationActions": ["Warn"],
        "matchResources": _selector(configuration, ["enforce", "warn"]),
    }
    return [
        _object("ValidatingAdmissionPolicy", name, spec),
        _object("ValidatingAdmissionPolicyBinding", name, warns),
    ]


def _object(kind: str, name: str, spec: Any) -> Any:
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _listed(variables: Variables) -> list[Any]:
    return [{"name": name, "expression": expression} for name, expression in variables.items()]


def _selector(configuration: DefaulterConfiguration, modes: list[str]) -> Any:
    """The namespaces in these modes, as the base manifest selects them: by the label alone."""
    exempt = sorted({"kube-system", "pod-security-defaulter", *configuration.exemptions.namespaces})
    return {
        "namespaceSelector": {
            "matchExpressions": [
                {"key": MODE_LABEL, "operator": "In", "values": modes},
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": exempt},
            ]
        }
    }


def _conditions(configuration: DefaulterConfiguration) -> list[Any]:
    conditions = {
        "not-deleted": "!has(object.metadata.deletionTimestamp)",
        "no-mirror-pod": f"!({text(MIRROR_ANNOTATION)} in object.metadata.?annotations.orValue({{}}))",
    }
    exemptions = configuration.exemptions
    if exemptions.usernames:
        conditions["no-exempt-user"] = f"!(request.userInfo.username in {texts(exemptions.usernames)})"
    if exemptions.runtime_classes:
        classes = texts(exemptions.runtime_classes)
        conditions["no-exempt-runtime-class"] = f"!(object.spec.?runtimeClassName.orValue('') in {classes})"
    return [{"name": name, "expression": expression} for name, expression in conditions.items()]


# --- the namespace ----------------------------------------------------------------------------------------------------


def _level(key: str, unset: str, *, invalid: Level) -> str:
    at = f"variables.labels[{text(key)}]"
    return f"!({text(key)} in variables.labels) ? {unset}\n: {at} in {_LEVELS} ? {at} : {text(invalid)}"


def _version(key: str, unset: str) -> str:
    at = f"variables.labels[{text(key)}]"
    read = f"{at}.matches({_VERSION}) ? int({at}.substring(3)) : {_LATEST}"
    return f"!({text(key)} in variables.labels) ? {unset}\n: {read}"


def _minor(version: str) -> str:
    found: Version = parse_level_version(f"restricted:{version}").version
    return str(found.minor)


def _of_namespace(configuration: DefaulterConfiguration) -> Variables:
    """The levels by which its labels have pods defaulted and judged, read as `patches/policy/policy.py` does."""
    levels, target = configuration.defaults, configuration.target
    stricter = [text(level) for level in Level if level.strictness > levels.warn.strictness]
    return {
        "labels": "namespaceObject.?metadata.?labels.orValue({})",
        "enforce": _level(_ENFORCE, text(levels.enforce), invalid=Level.RESTRICTED),
        "enforceVersion": _version(f"{_ENFORCE}-version", _minor(levels.enforce_version)),
        "audit": _level(f"{PSA_PREFIX}audit", text(levels.audit), invalid=Level.PRIVILEGED),
        "auditVersion": _version(f"{PSA_PREFIX}audit-version", _minor(levels.audit_version)),
        "warnFollows": f"!({text(PSA_PREFIX + 'warn')} in variables.labels)\n"
        f"&& variables.labels[?{text(_ENFORCE)}].orValue('') in [{', '.join(stricter)}]",
        "warn": _level(
            f"{PSA_PREFIX}warn",
            f"(variables.warnFollows ? variables.enforce : {text(levels.warn)})",
            invalid=Level.PRIVILEGED,
        ),
        "warnVersion": _version(
            f"{PSA_PREFIX}warn-version",
            f"(variables.warnFollows ? variables.enforceVersion : {_minor(levels.warn_version)})",
        ),
        "profile": _level(
            PROFILE_LABEL,
            f"({text(_ENFORCE)} in variables.labels ? variables.enforce : {text(target.profile)})",
            invalid=Level.RESTRICTED,
        ),
        "profileVersion": _version(
            PROFILE_VERSION_LABEL,
            f"({text(PROFILE_LABEL)} in variables.labels ? {_LATEST}\n"
            f": {text(_ENFORCE)} in variables.labels ? variables.enforceVersion : {_minor(target.profile_version)})",
        ),
        "oldestRestricted": "["
        + ",\n".join(
            f"variables.{name} == 'restricted' ? variables.{name}Version : {_LATEST}"
            for name in ("profile", "enforce", "audit", "warn")
        )
        + "].min()",
    }


def _active(configuration: DefaulterConfiguration, ids: Collection[str]) -> str:
    """The ids of the defaults that act: by the profile, the namespace's annotation and, if it counts, the pod's."""
    baseline = [row.id for row in DEFAULTS if row.id in ids and row.level is Level.BASELINE]
    names = f".?metadata.?annotations[?{text(SKIP_ANNOTATION)}].orValue('').split(',').map(name, name.trim())"
    skipped = [f"namespaceObject{names}"]
    if configuration.allow_pod_skip:
        skipped.append(f"(request.operation == 'CREATE' ? object{names} : [])")
    return (
        f"(variables.profile == 'restricted' ? {texts(ids)}\n"
        f": variables.profile == 'baseline' ? {texts(baseline)} : [])\n"
        ".filter(id, " + " && ".join(f"!(id in {row})" for row in skipped) + ")"
    )


# --- the pod ----------------------------------------------------------------------------------------------------------


def _containers(list_name: str, placeholder: str) -> str:
    return (
        f"object.spec.?{list_name}.orValue([]).transformList(i, c, {{'path': dyn('/spec/{list_name}/' + string(i)),"
        f" 'it': dyn(c), 'placeholder': dyn({placeholder})}})"
    )


def _of_pod(configuration: DefaulterConfiguration) -> Variables:
    placeholder = (
        f"c.?image.orValue('') in {texts(configuration.placeholders)}" if configuration.placeholders else "false"
    )
    rows = (("initContainers", placeholder), ("containers", placeholder), ("ephemeralContainers", "false"))
    return {
        "annotations": "object.metadata.?annotations.orValue({})",
        "volumes": "object.spec.?volumes.orValue([])",
        "all": "\n+ ".join(_containers(*row) for row in rows),
        "mine": "request.operation == 'CREATE' ? variables.all : variables.all.filter(c,\n"
        "  c.path.startsWith('/spec/ephemeralContainers/')\n"
        "  && !oldObject.spec.?ephemeralContainers.orValue([]).exists(old, old.name == c.it.name))",
        "fillable": "variables.mine.filter(c, !c.placeholder)",
    }


def _decisions(configuration: DefaulterConfiguration, rows: list[Carried], ids: Collection[str]) -> Variables:
    """The variables of the defaults. `os` and `hostUsers` count for others, and are false if they are not carried."""
    variables = {"os": "false", "hostUsers": "false"}
    windows = "variables.os || object.spec.?os.?name.orValue('') == 'windows'"
    if "os" not in ids:
        variables["windows"] = windows
    for row in rows:
        for name, expression in row.variables(configuration).items():
            variables.pop(name, None)  # a variable stands below those that it uses
            variables[name] = expression
        if row.id == "os":
            variables["windows"] = windows
    touched = [f"variables.{name}.map(c, c.path)" for row in rows for name in row.touches]
    if touched:
        paths = "\n+ ".join(touched)
        variables["bare"] = f"variables.fillable.filter(c, !has(c.it.securityContext) && c.path in (\n{paths}))"
    return variables


def _patch(configuration: DefaulterConfiguration, rows: list[Carried]) -> str:
    blocks = []
    if any(row.touches for row in rows):
        value = "JSONPatch{op: 'add', path: c.path + '/securityContext', value: {}}"
        blocks.append(f"// the security context that others add to\nvariables.bare.map(c, {value})")
    blocks += [f"// {row.id}\n{row.operations(configuration)}" for row in rows]
    return "\n+\n".join(blocks)
