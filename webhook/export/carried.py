"""What a policy in CEL can carry of each default: the rules of its module in `patches/defaults`, translated.

Each default says in a variable which containers, or whether the pod, gets it; its operations are the patch. All
variables look at the pod as it came, as the defaults of the engine do, so that one patch carries all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from patches import (
    APP_ARMOR_ANNOTATION,
    FS_GROUP_VOLUMES,
    LINUX_CONTAINER_SECURITY,
    LINUX_POD,
    LINUX_POD_SECURITY,
    MAPPED_IDS,
    NETWORK_DRIVERS,
    NETWORK_VOLUMES,
    OS_LABELS,
    PORT_SYSCTLS,
    RUNTIME_DEFAULT_ANNOTATIONS,
    SECCOMP_POD_ANNOTATION,
    SYS_ADMIN,
    TOKEN_MOUNT_PATH,
    TOKEN_SOURCES,
    TOKEN_VOLUME_PREFIX,
    USER_RANGE_ANNOTATION,
    DefaulterConfiguration,
)
from webhook.export.cel import literal, text, texts

Variables = dict[str, str]
"""Expressions by name, in order: each may use those above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What policies carry of one default.

    Attributes:
        id: the default's.
        webhook_only: what of it only the webhook knows, for the table in docs/export.md, in Markdown.
        variables: what decides, for a configuration.
        operations: the patch, as a list of CEL.
        touches: the variables that list containers which need a security context.
        obstacle: why policies cannot carry it in this configuration; "" if they can.
    """

    id: str
    webhook_only: str
    variables: Callable[[DefaulterConfiguration], Variables]
    operations: Callable[[DefaulterConfiguration], str]
    touches: tuple[str, ...] = ()
    obstacle: Callable[[DefaulterConfiguration], str] = lambda _: ""


def _add(path: str, value: str) -> str:
    return f"JSONPatch{{op: 'add', path: {path}, value: {value}}}"


def _add_to_pod(condition: str, key: str, value: str) -> str:
    return f"({condition} ? [{_add(text('/spec/' + key), value)}] : [])"


def _add_to_each(variable: str, key: str, value: str) -> str:
    return f"variables.{variable}.map(c, {_add('c.path + ' + text('/' + key), value)})"


def _joined(*parts: str) -> str:
    return "\n+ ".join(parts)


def _add_to_pod_or_each(name: str, value: str) -> str:
    """Add a field to the security context of the pod or of containers, by the variables that are called after it."""
    path = f"securityContext/{name}"
    return _joined(_add_to_pod(f"variables.{name}AtPod", path, value), _add_to_each(name, path, value))


def _constant(variables: Variables) -> Callable[[DefaulterConfiguration], Variables]:
    return lambda _: variables


_SECURITY: Final = "object.spec.?securityContext"
_OWN: Final = "c.it.?securityContext"
_PRIVILEGED: Final = f"{_OWN}.?privileged.orValue(false)"
_USER: Final = f"{_OWN}.?runAsUser.orValue({_SECURITY}.?runAsUser.orValue(-1))"
_ADDED: Final = f"{_OWN}.?capabilities.?add.orValue([])"
_DROPPED: Final = f"{_OWN}.?capabilities.?drop.orValue([])"
_CREATES: Final = "request.operation == 'CREATE'"


def _active(default: str) -> str:
    return f"{text(default)} in variables.active"


def _each(default: str, condition: str) -> str:
    """The containers that get a default which Windows pods and privileged containers may not have."""
    return (
        f"!({_active(default)}) || variables.windows ? [] : variables.fillable.filter(c,\n"
        f"  !{_PRIVILEGED} && {condition})"
    )


# --- os ---------------------------------------------------------------------------------------------------------------


def _any_of(parent: str, keys: tuple[str, ...]) -> str:
    return " || ".join(f"{parent}.?{key}.hasValue()" for key in keys)


_SELECTOR: Final = "object.spec.?nodeSelector"
_OS: Final = Carried(
    id="os",
    webhook_only="",
    variables=_constant(
        {
            "selectsWindows": " && ".join(
                f"{_SELECTOR}[?{text(key)}].orValue('windows') == 'windows'" for key in OS_LABELS
            )
            + " && ("
            + " || ".join(f"{_SELECTOR}[?{text(key)}].hasValue()" for key in OS_LABELS)
            + ")",
            "linuxField": "object.spec.?hostPID.orValue(false) || object.spec.?hostIPC.orValue(false)\n"
            f"|| size({_SECURITY}.?sysctls.orValue([])) > 0\n"
            f"|| {_any_of('object.spec', LINUX_POD)}\n|| {_any_of(_SECURITY, LINUX_POD_SECURITY)}\n"
            f"|| variables.all.exists(c, {_any_of(_OWN, LINUX_CONTAINER_SECURITY)})",
            "os": f"{_active('os')} && {_CREATES} && variables.selectsWindows && !has(object.spec.os)\n"
            "&& variables.oldestRestricted >= 25 && !variables.linuxField",
        }
    ),
    operations=lambda _: _add_to_pod("variables.os", "os", "{'name': 'windows'}"),
)

# --- hostUsers --------------------------------------------------------------------------------------------------------

_HOST_USERS: Final = Carried(
    id="hostUsers",
    webhook_only="whether the nodes offer user namespaces; users of images; `rootImages: userNamespace`",
    variables=_constant(
        {
            "ids": f"[{_SECURITY}.?runAsUser.orValue(0), {_SECURITY}.?runAsGroup.orValue(0),"
            f" {_SECURITY}.?fsGroup.orValue(0)]\n+ {_SECURITY}.?supplementalGroups.orValue([])\n"
            f"+ variables.all.map(c, {_OWN}.?runAsUser.orValue(0))\n"
            f"+ variables.all.map(c, {_OWN}.?runAsGroup.orValue(0))",
            "onNetwork": "variables.volumes.exists(v, "
            + _any_of("v", NETWORK_VOLUMES)
            + f"\n|| v.?csi.?driver.orValue('') in {texts(NETWORK_DRIVERS)})",
            "hostUsers": f"{_active('hostUsers')} && {_CREATES} && !has(object.spec.hostUsers) && !variables.windows\n"
            "&& !object.spec.?hostNetwork.orValue(false) && !object.spec.?hostPID.orValue(false)"
            " && !object.spec.?hostIPC.orValue(false)\n"
            "&& !variables.all.exists(c, size(c.it.?volumeDevices.orValue([])) > 0)\n"
            f"&& !variables.onNetwork && !variables.ids.exists(id, id >= {MAPPED_IDS})",
        }
    ),
    operations=lambda _: _add_to_pod("variables.hostUsers", "hostUsers", "false"),
)

# --- runAsNonRoot -----------------------------------------------------------------------------------------------------


def _unknown_images(configuration: DefaulterConfiguration) -> str:
    skips = configuration.settings.run_as_non_root.unknown_images == "skip"
    return "unknownImages: skip needs what is known of images" if skips else ""


_WINDOWS_USER: Final = (
    f"{_OWN}.?windowsOptions.?runAsUserName.orValue({_SECURITY}.?windowsOptions.?runAsUserName.orValue(''))"
)
_RUN_AS_NON_ROOT: Final = Carried(
    id="runAsNonRoot",
    webhook_only="users of images: `rootImages`, `namedUsers`, `unknownImages`",
    variables=_constant(
        {
            "nonRoot": "variables.mine.filter(c,\n"
            f"  {_OWN}.?runAsNonRoot.orValue(!({_PRIVILEGED} || {_USER} == 0\n"
            f"    || {_WINDOWS_USER}.lowerAscii() == 'containeradministrator')))",
            "wantsNonRoot": f"{_active('runAsNonRoot')} && !{_SECURITY}.?runAsNonRoot.hasValue()\n"
            "&& !(variables.oldestRestricted >= 35 && !object.spec.?hostUsers.orValue(true))",
            "nonRootAtPod": f"{_CREATES} && size(variables.nonRoot) == size(variables.mine)",
            "runAsNonRootAtPod": "variables.wantsNonRoot && variables.nonRootAtPod\n"
            f"&& !variables.mine.all(c, {_OWN}.?runAsNonRoot.orValue(false))",
            "runAsNonRoot": "!variables.wantsNonRoot || variables.nonRootAtPod ? [] : variables.nonRoot.filter(c,\n"
            f"  !{_OWN}.?runAsNonRoot.hasValue() && !c.placeholder)",
        }
    ),
    operations=lambda _: _add_to_pod_or_each("runAsNonRoot", "true"),
    touches=("runAsNonRoot",),
    obstacle=_unknown_images,
)

# --- seccompProfile and appArmorProfile -------------------------------------------------------------------------------


def _seccomp(configuration: DefaulterConfiguration) -> str:
    settings = configuration.settings.seccomp_profile
    profile: dict[str, str] = {"type": settings.type}
    if settings.localhost_profile is not None:
        profile["localhostProfile"] = settings.localhost_profile
    return literal(profile)


def _seccomp_variables(configuration: DefaulterConfiguration) -> Variables:
    local = configuration.settings.seccomp_profile.localhost_profile
    agreeing = [*RUNTIME_DEFAULT_ANNOTATIONS] if local is None else [f"localhost/{local}"]
    annotation = f"variables.annotations[?{text(SECCOMP_POD_ANNOTATION)}]"
    return {
        "wantsSeccomp": f"{_active('seccompProfile')} && !variables.windows && !{_SECURITY}.?seccompProfile.hasValue()",
        "seccompProfileAtPod": f"variables.wantsSeccomp && {_CREATES}\n"
        f"&& !variables.all.all(c, {_OWN}.?seccompProfile.hasValue())\n"
        f"&& {annotation}.orValue({text(agreeing[0])}) in [{', '.join(map(text, agreeing))}]",
        "seccompProfile": f"!variables.wantsSeccomp || {_CREATES} ? [] : variables.fillable.filter(c,\n"
        f"  !{_OWN}.?seccompProfile.hasValue() && !{_PRIVILEGED})",
    }


_SECCOMP_PROFILE: Final = Carried(
    id="seccompProfile",
    webhook_only="",
    variables=_seccomp_variables,
    operations=lambda configuration: _add_to_pod_or_each("seccompProfile", _seccomp(configuration)),
    touches=("seccompProfile",),
)
_APP_ARMOR_PROFILE: Final = Carried(
    id="appArmorProfile",
    webhook_only="",
    variables=_constant(
        {
            "appArmorProfile": f"{_active('appArmorProfile')} && {_CREATES} && !variables.windows\n"
            f"&& !{_SECURITY}.?appArmorProfile.hasValue()\n"
            f"&& !variables.all.all(c, {_OWN}.?appArmorProfile.hasValue())\n"
            f"&& !variables.annotations.exists(key, key.startsWith({text(APP_ARMOR_ANNOTATION)}))"
        }
    ),
    operations=lambda _: _add_to_pod(
        "variables.appArmorProfile", "securityContext/appArmorProfile", "{'type': 'RuntimeDefault'}"
    ),
)

# --- of each container ------------------------------------------------------------------------------------------------

_ALLOW_PRIVILEGE_ESCALATION: Final = Carried(
    id="allowPrivilegeEscalation",
    webhook_only="",
    variables=_constant(
        {
            "allowPrivilegeEscalation": _each(
                "allowPrivilegeEscalation",
                f"!{_OWN}.?allowPrivilegeEscalation.hasValue()\n"
                f"  && !{_ADDED}.exists(name, name.upperAscii() in {texts(SYS_ADMIN)})",
            )
        }
    ),
    operations=lambda _: _add_to_each("allowPrivilegeEscalation", "securityContext/allowPrivilegeEscalation", "false"),
    touches=("allowPrivilegeEscalation",),
)


def _capabilities_variables(configuration: DefaulterConfiguration) -> Variables:
    variables = {
        "rootPasses": "variables.oldestRestricted >= 35"
        " && (!object.spec.?hostUsers.orValue(true) || variables.hostUsers)",
        "capabilities": _each(
            "capabilities",
            f"!('ALL' in {_DROPPED})\n"
            f"  && ({_DROPPED}.exists(name, name.upperAscii() == 'ALL')\n"
            f"    || ({_ADDED}.all(name, name == 'NET_BIND_SERVICE') && ({_USER} != 0 || variables.rootPasses)))",
        ),
        "openPorts": f"{_SECURITY}.?sysctls.orValue([]).filter(s,\n"
        f"  s.name in {texts(PORT_SYSCTLS)}\n"
        "  && s.?value.orValue('').matches('^\\\\s*(0|[1-9][0-9]{0,4})\\\\s*$')).map(s, int(s.value.trim()))",
        "firstOpenPort": "size(variables.openPorts) > 0 ? variables.openPorts[0] : 1024",
    }
    binds = (
        f"variables.capabilities.filter(c, !{_DROPPED}.exists(name,\n"
        "    name.upperAscii() in ['ALL', 'CAP_NET_BIND_SERVICE', 'NET_BIND_SERVICE'])\n"
        f"  && !('NET_BIND_SERVICE' in {_ADDED})\n"
        "  && c.it.?ports.orValue([]).exists(p,"
        " p.?containerPort.orValue(0) > 0 && p.containerPort < variables.firstOpenPort))"
    )
    wanted = configuration.settings.capabilities.net_bind_service_for_low_ports
    return {**variables, "netBindService": binds if wanted else "[]"}


_CAPABILITIES_PATH: Final = "c.path + '/securityContext/capabilities'"
_CAPABILITIES: Final = Carried(
    id="capabilities",
    webhook_only="users, ports and file capabilities of images",
    variables=_capabilities_variables,
    operations=lambda _: (
        f"variables.capabilities.filter(c, !{_OWN}.?capabilities.hasValue())"
        f".map(c, {_add(_CAPABILITIES_PATH, '{}')})\n"
        "+ variables.capabilities.map(c, "
        f"{_OWN}.?capabilities.?drop.hasValue() ? {_add(_CAPABILITIES_PATH + ' + ' + text('/drop/-'), text('ALL'))}\n"
        f"  : {_add(_CAPABILITIES_PATH + ' + ' + text('/drop'), '[' + text('ALL') + ']')})\n"
        "+ variables.netBindService.map(c, "
        f"{_OWN}.?capabilities.?add.hasValue() ? "
        f"{_add(_CAPABILITIES_PATH + ' + ' + text('/add/-'), text('NET_BIND_SERVICE'))}\n"
        f"  : {_add(_CAPABILITIES_PATH + ' + ' + text('/add'), '[' + text('NET_BIND_SERVICE') + ']')})"
    ),
    touches=("capabilities",),
    obstacle=_unknown_images,
)
_READ_ONLY_ROOT_FILESYSTEM: Final = Carried(
    id="readOnlyRootFilesystem",
    webhook_only="`writableTmp`; VOLUMEs of images",
    variables=_constant(
        {"readOnlyRootFilesystem": _each("readOnlyRootFilesystem", f"!{_OWN}.?readOnlyRootFilesystem.hasValue()")}
    ),
    operations=lambda _: _add_to_each("readOnlyRootFilesystem", "securityContext/readOnlyRootFilesystem", "true"),
    touches=("readOnlyRootFilesystem",),
    obstacle=lambda configuration: (
        "writableTmp adds volumes" if configuration.settings.read_only_root_filesystem.writable_tmp else ""
    ),
)

# --- resources --------------------------------------------------------------------------------------------------------


def _requests(configuration: DefaulterConfiguration) -> dict[str, str]:
    requests: dict[str, str] = {}
    for item in configuration.settings.resources.limits:
        for name, amount in item.default_request.items():
            requests.setdefault(name, str(amount))
    return requests


def _resources_obstacle(configuration: DefaulterConfiguration) -> str:
    items = configuration.settings.resources.limits
    if any(item.default or item.min or item.max or item.max_limit_request_ratio for item in items):
        return "only requests without bounds can be carried, no limits"
    return "" if _requests(configuration) else "no requests are configured"


def _resources_variables(configuration: DefaulterConfiguration) -> Variables:
    variables = {
        "resourceless": f"!({_active('resources')} && {_CREATES})\n"
        "|| size(object.spec.?resources.?requests.orValue({})) > 0\n"
        "|| size(object.spec.?resources.?limits.orValue({})) > 0 ? [] : variables.fillable"
    }
    for name in _requests(configuration):
        key = text(name)
        variables[_request_variable(name)] = (
            f"variables.resourceless.filter(c, !c.it.?resources.?requests[?{key}].hasValue()\n"
            f"  && !c.it.?resources.?limits[?{key}].hasValue())"
        )
    return variables


def _request_variable(name: str) -> str:
    return "".join(part.capitalize() if index else part for index, part in enumerate(name.split("-"))) + "Requests"


def _resources_operations(configuration: DefaulterConfiguration) -> str:
    requests = _requests(configuration)
    lists = " + ".join(f"variables.{_request_variable(name)}.map(c, c.path)" for name in requests)
    parents = (
        f"variables.resourceless.filter(c, !c.it.?resources.?requests.hasValue() && c.path in ({lists}))"
        f".map(c, {_add('c.path + ' + text('/resources/requests'), '{}')})"
    )
    rows = [
        _add_to_each(_request_variable(name), f"resources/requests/{name}", text(requests[name])) for name in requests
    ]
    return _joined(parents, *rows)


_RESOURCES: Final = Carried(
    id="resources",
    webhook_only="limits, `min`, `max` and ratio; bounds of LimitRanges; scopes of ResourceQuotas",
    variables=_resources_variables,
    operations=_resources_operations,
    obstacle=_resources_obstacle,
)

# --- identity ---------------------------------------------------------------------------------------------------------

_OWNED: Final = f"!v.name.startsWith({text(TOKEN_VOLUME_PREFIX)}) && ({_any_of('v', tuple(sorted(FS_GROUP_VOLUMES)))})"


def _identity_operations(configuration: DefaulterConfiguration) -> str:
    settings = configuration.settings.identity
    policy = None if settings.fs_group is None else "OnRootMismatch"
    rows = (
        ("identity", "runAsUser", settings.run_as_user),
        ("identity", "runAsGroup", settings.run_as_group),
        ("fsGroup", "fsGroup", settings.fs_group),
        ("fsGroupChangePolicy", "fsGroupChangePolicy", policy),
    )
    return _joined(
        *(
            _add_to_pod(f"variables.{variable}", f"securityContext/{key}", literal(value))
            for variable, key, value in rows
            if value is not None
        )
    )


def _identity_obstacle(configuration: DefaulterConfiguration) -> str:
    settings = configuration.settings.identity
    ids = (settings.run_as_user, settings.run_as_group, settings.fs_group)
    return "no ids are configured" if all(value is None for value in ids) else ""


_IDENTITY: Final = Carried(
    id="identity",
    webhook_only="",
    variables=_constant(
        {
            "identity": f"{_active('identity')} && {_CREATES} && !variables.windows\n"
            f"&& !({text(USER_RANGE_ANNOTATION)} in namespaceObject.?metadata.?annotations.orValue({{}}))\n"
            f"&& !({_any_of(_SECURITY, ('runAsUser', 'runAsGroup'))})\n"
            f"&& !variables.all.exists(c, {_any_of(_OWN, ('runAsUser', 'runAsGroup'))})",
            "owned": f"variables.volumes.filter(v, {_OWNED}).map(v, v.name)",
            "fsGroup": f"variables.identity && !{_SECURITY}.?fsGroup.hasValue()\n"
            "&& variables.all.exists(c, c.it.?volumeMounts.orValue([]).exists(m, m.name in variables.owned))",
            "fsGroupChangePolicy": f"variables.fsGroup && !{_SECURITY}.?fsGroupChangePolicy.hasValue()",
        }
    ),
    operations=_identity_operations,
    obstacle=_identity_obstacle,
)

# --- imagePullPolicy --------------------------------------------------------------------------------------------------

_ALWAYS: Final = text("Always")
_IMAGE_PULL_POLICY: Final = Carried(
    id="imagePullPolicy",
    webhook_only="",
    variables=_constant(
        {
            "imagePullPolicy": f"!({_active('imagePullPolicy')}) ? [] : variables.fillable.filter(c,\n"
            f"  c.it.?imagePullPolicy.orValue('') != {_ALWAYS})",
            "pulledVolumes": f"!({_active('imagePullPolicy')} && {_CREATES}) ? []\n"
            ": variables.volumes.transformList(i, v,\n"
            f"  v.?image.hasValue() && v.image.?pullPolicy.orValue('') != {_ALWAYS},\n"
            "  '/spec/volumes/' + string(i) + '/image/pullPolicy')",
        }
    ),
    operations=lambda _: _joined(
        _add_to_each("imagePullPolicy", "imagePullPolicy", _ALWAYS),
        f"variables.pulledVolumes.map(path, {_add('path', _ALWAYS)})",
    ),
)

# --- automountServiceAccountToken -------------------------------------------------------------------------------------

_PROJECTED: Final = {"defaultMode": 420, "sources": TOKEN_SOURCES}


def _token_obstacle(configuration: DefaulterConfiguration) -> str:
    settings = configuration.settings.automount_service_account_token
    if settings.service_accounts == "unbound":
        return "serviceAccounts: unbound needs the bindings of accounts"
    return "injectors: keep needs the annotations of injectors" if settings.injectors == "keep" else ""


def _token_variables(configuration: DefaulterConfiguration) -> Variables:
    everyone = configuration.settings.automount_service_account_token.service_accounts == "all"
    account = "true" if everyone else "object.spec.?serviceAccountName.orValue('default') in ['', 'default']"
    mount = "{'name': dyn(v.name), 'readOnly': dyn(true), 'mountPath': dyn(" + text(TOKEN_MOUNT_PATH) + ")}"
    return {
        "tokens": f"variables.volumes.filter(v, v.name.startsWith({text(TOKEN_VOLUME_PREFIX)}))",
        "injected": "variables.tokens.all(v, size(v) == 2\n"
        f"  && v.?projected.orValue({{}}) == {literal(_PROJECTED)}\n"
        "  && !object.metadata.?managedFields.orValue([]).exists(e,\n"
        "    ('k:{\"name\":\"' + v.name + '\"}') in e.?fieldsV1[?'f:spec'][?'f:volumes'].orValue({}))\n"
        "  && variables.all.all(c, c.it.?volumeMounts.orValue([]).all(m,\n"
        f"    m.name != v.name || m == {mount})))",
        "withoutToken": f"{_active('automountServiceAccountToken')} && {_CREATES}\n"
        f"&& !has(object.spec.automountServiceAccountToken) && {account}\n"
        "&& size(variables.tokens) <= 1 && variables.injected",
        "tokenVolume": "variables.withoutToken && size(variables.tokens) == 1 ? variables.tokens[0].name : ''",
    }


_REMOVE: Final = "JSONPatch{op: 'remove', path: "
_AUTOMOUNT_SERVICE_ACCOUNT_TOKEN: Final = Carried(
    id="automountServiceAccountToken",
    webhook_only="accounts that opted in; `serviceAccounts: unbound`; `injectors: keep`",
    variables=_token_variables,
    operations=lambda _: (
        "(variables.tokenVolume == '' ? [] :\n"
        "  variables.all.filter(c, c.it.?volumeMounts.orValue([]).exists(m, m.name == variables.tokenVolume)).map(c,\n"
        f"    {_REMOVE}c.path + '/volumeMounts/'\n"
        "      + string(c.it.volumeMounts.map(m, m.name).indexOf(variables.tokenVolume))})\n"
        f"  + [{_REMOVE}'/spec/volumes/'\n"
        "      + string(variables.volumes.map(v, v.name).indexOf(variables.tokenVolume))}])\n"
        "+ " + _add_to_pod("variables.withoutToken", "automountServiceAccountToken", "false")
    ),
    obstacle=_token_obstacle,
)

NOT_CARRIED: Final = {
    "runtimeClassName": "whether the class exists and fits the pod and its quotas, which these policies cannot see",
}
"""What only the webhook can do, and why: for the table in docs/export.md."""

CARRIED: Final = (
    _OS,
    _HOST_USERS,
    _RUN_AS_NON_ROOT,
    _SECCOMP_PROFILE,
    _APP_ARMOR_PROFILE,
    _ALLOW_PRIVILEGE_ESCALATION,
    _CAPABILITIES,
    _READ_ONLY_ROOT_FILESYSTEM,
    _RESOURCES,
    _IDENTITY,
    _IMAGE_PULL_POLICY,  # while the volumes have the positions that they came with
    _AUTOMOUNT_SERVICE_ACCOUNT_TOKEN,
)
"""In the order of their variables: `os` and `hostUsers` decide what others may add."""
