"""The types of the configuration file. They generate the JSON Schema and the explanations of `config`.

`webhook.configuration` reads the file; this module defines its fields and their defaults. Every part is optional, and
an unknown field is an error.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, field

from patches.model.decisions import Reason
from patches.model.quantities import nanos
from patches.policy.limits import LimitItem, Limits, compile_items
from patches.standards.levels import Level, LevelVersion, parse_version

API_VERSION: Final = "pod-security-defaulter.io/v1alpha1"
KIND: Final = "DefaulterConfiguration"

VersionText = Annotated[
    str,
    Meta(pattern=r"^(latest|v1\.(0|[1-9][0-9]{0,8}))$", description="`latest` or `v1.MINOR`."),
]
QuantityText = Annotated[str | int | float, Meta(description="A Kubernetes quantity, as 100m or 128Mi.")]
ResourceName = Annotated[
    str,
    Meta(pattern="^(cpu|memory|ephemeral-storage)$", description="`cpu`, `memory` or `ephemeral-storage`."),
]
Amounts = Annotated[dict[ResourceName, QuantityText], Meta(description="Quantities by resource.")]
UserId = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Mode(StrEnum):
    """What /mutate does with its patch: send it, only warn of it, only audit it, or nothing at all."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"
    OFF = "off"


class DenyIn(StrEnum):
    """Where a violation of the enforce level is refused."""

    VALIDATE = "validate"
    MUTATE = "mutate"


class Exemption(StrEnum):
    """Why a request is neither patched nor judged."""

    NAMESPACE = "namespace"
    USER = "user"
    RUNTIME_CLASS = "runtimeClass"


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A part of the configuration."""


class LevelDefaults(_Part, frozen=True, rename="kebab"):
    """Levels for namespaces without the labels of Pod Security Admission. As in its own configuration file."""

    enforce: Annotated[Level, Meta(description="Level to enforce where a namespace has no enforce label.")] = (
        Level.PRIVILEGED
    )
    enforce_version: VersionText = "latest"
    audit: Annotated[Level, Meta(description="Level to audit where a namespace has no audit label.")] = Level.PRIVILEGED
    audit_version: VersionText = "latest"
    warn: Annotated[Level, Meta(description="Level to warn of where a namespace has no warn label.")] = Level.PRIVILEGED
    warn_version: VersionText = "latest"


class Exemptions(_Part, frozen=True):
    """Requests that are neither patched nor judged. Use what the API server's own configuration exempts."""

    usernames: Annotated[tuple[str, ...], Meta(description="Exempt users, by name.")] = ()
    runtime_classes: Annotated[tuple[str, ...], Meta(description="Exempt RuntimeClasses, by name.")] = ()
    namespaces: Annotated[tuple[str, ...], Meta(description="Exempt namespaces, by name.")] = ()

    def find(self, *, namespace: str, user: str, runtime_class: str = "") -> Exemption | None:
        """Find out why a request is exempt. `runtime_class` is "" for a pod without one. None if it is not exempt."""
        if namespace in self.namespaces:
            return Exemption.NAMESPACE
        if user in self.usernames:
            return Exemption.USER
        return Exemption.RUNTIME_CLASS if runtime_class in self.runtime_classes else None


class Target(_Part, frozen=True, rename="kebab"):
    """The profile that pods are defaulted for where a namespace has neither a profile nor an enforce label."""

    profile: Annotated[Level, Meta(description="Profile to default for.")] = Level.RESTRICTED
    profile_version: VersionText = "latest"

    @property
    def level_version(self) -> LevelVersion:
        """The target as a level and version."""
        return LevelVersion(self.profile, parse_version(self.profile_version))


class ImageSettings(_Part, frozen=True):
    """What is known of images."""

    tag_days: Annotated[
        int,
        Meta(ge=1, le=3650, description="Days for which what was seen of a tag holds; of a digest it holds forever."),
    ] = 7


class RegistrySettings(_Part, frozen=True):
    """What the observer asks registries."""

    enabled: Annotated[bool, Meta(description="Whether to ask registries what is not known of images.")] = False
    allow: Annotated[
        tuple[str, ...],
        Meta(
            description="Registries that may be asked, by host or host:port, with * and ?. One that is named in full "
            "may have any address; one that only a pattern fits has to have a public one."
        ),
    ] = ("*",)
    pull_secrets: Annotated[
        Literal["none", "pod", "named"],
        Meta(
            description="Whose credentials to use: nobody's; those that the pod names, for the images of that pod; or "
            "those of Secrets in our own namespace."
        ),
    ] = "none"
    secrets: Annotated[
        tuple[str, ...],
        Meta(description="The names of these Secrets; needed by, and only by, pullSecrets: named."),
    ] = ()
    file_capabilities: Annotated[
        bool,
        Meta(
            description="Whether to look for file capabilities of an image's program, which takes downloading all its "
            "layers, once. Not of an image that runs as root, unless a pod sets runAsUser, or rootImages is "
            "userNamespace: else it keeps its capabilities."
        ),
    ] = True

    def __post_init__(self) -> None:
        """Refuse Secrets that would not be read, and to read none."""
        if (self.pull_secrets == "named") != bool(self.secrets):
            raise ValueError("secrets must be set where pullSecrets is named, and only there")


class ObserverSettings(_Part, frozen=True):
    """The observer, which learns from running pods what their images need."""

    heal: Annotated[
        Literal["off", "recreate"],
        Meta(
            description="What to do with a pod that never starts because of a default, once that is known of its "
            "image: nothing; or delete it once, so that its controller makes another that starts."
        ),
    ] = "off"
    forget_after_days: Annotated[
        int, Meta(ge=1, le=3650, description="Days after which an image that no pod uses is forgotten.")
    ] = 30
    registry: Annotated[RegistrySettings, Meta(description="What it asks registries.")] = RegistrySettings()


class Switch(_Part, frozen=True):
    """A default that is on out of the box."""

    enabled: Annotated[bool, Meta(description="Whether this default acts.")] = True


class OptIn(_Part, frozen=True):
    """A default that is off out of the box."""

    enabled: Annotated[bool, Meta(description="Whether this default acts.")] = False


class RunAsNonRootSettings(Switch, frozen=True):
    """runAsNonRoot."""

    root_images: Annotated[
        Literal["skip", "userNamespace", "warn"],
        Meta(
            description="A container whose image runs as root: leave it without runAsNonRoot and with its "
            "capabilities; give its pod a user namespace instead, where nodes offer them; or add it and warn."
        ),
    ] = "skip"
    named_users: Annotated[
        Literal["explicit", "warn"],
        Meta(
            description="A container whose image has a USER by name: write its number as runAsUser, or leave it "
            "without runAsNonRoot where the number is not known; or add runAsNonRoot and warn."
        ),
    ] = "explicit"
    unknown_images: Annotated[
        Literal["add", "skip"],
        Meta(
            description="A container of whose image nothing is known: add runAsNonRoot; or leave it without, and with "
            "its capabilities."
        ),
    ] = "add"
    user_namespaces: Annotated[
        bool,
        Meta(
            description="Whether every node offers user namespaces to pods without a RuntimeClass, as rootImages: "
            "userNamespace requires. If not, a server in a cluster asks the nodes, which takes the right to read them."
        ),
    ] = False

    @property
    def avoids_root_images(self) -> bool:
        """Whether a container whose image runs as root is left as it is, unless a user namespace makes it pass."""
        return self.root_images != "warn"

    @property
    def asks_nodes(self) -> bool:
        """Whether what the nodes offer decides what is added."""
        return self.enabled and self.root_images == "userNamespace" and not self.user_namespaces


class SeccompSettings(Switch, frozen=True):
    """seccompProfile."""

    type: Annotated[Literal["RuntimeDefault", "Localhost"], Meta(description="The profile's type.")] = "RuntimeDefault"
    localhost_profile: Annotated[
        str | None,
        Meta(
            description="The profile's file below the kubelet's seccomp directory; needed by, and only by, Localhost."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse a type that does not match localhostProfile, as the API server does."""
        if (self.type == "Localhost") != bool(self.localhost_profile):
            raise ValueError("localhostProfile must be set where type is Localhost, and only there")


class CapabilitiesSettings(Switch, frozen=True):
    """capabilities."""

    net_bind_service_for_low_ports: Annotated[
        bool,
        Meta(description="Add NET_BIND_SERVICE to a container that declares a port below 1024, where ALL is dropped."),
    ] = True


class TokenSettings(Switch, frozen=True):
    """automountServiceAccountToken."""

    service_accounts: Annotated[
        Literal["default", "unbound", "all"],
        Meta(
            description="Whose pods lose the token: those of the account `default`; of every account to which no "
            "binding gives rights; or of all. Who opted in keeps it."
        ),
    ] = "default"
    injectors: Annotated[
        Literal["warn", "keep"],
        Meta(description="Whether pods that ask for an injected container which needs the token lose it, or keep it."),
    ] = "warn"
    injector_annotations: Annotated[
        tuple[str, ...],
        Meta(description="Annotations that ask for such a container, beside the well-known ones."),
    ] = ()

    @property
    def asks_for_bindings(self) -> bool:
        """Whether it counts which accounts have rights: to keep their token, or to say that they lose it."""
        return self.enabled and self.service_accounts != "default"


class ResourceItem(_Part, frozen=True):
    """What a LimitRange item of type Container says. Nothing falls back from one field to another."""

    type: Literal["Container"] = "Container"
    default: Annotated[Amounts, Meta(description="Limits to add where a container has none.")] = {}
    default_request: Annotated[Amounts, Meta(description="Requests to add where a container has none.")] = {}
    min: Annotated[Amounts, Meta(description="Add nothing below this.")] = {}
    max: Annotated[Amounts, Meta(description="Add nothing above this.")] = {}
    max_limit_request_ratio: Annotated[
        Amounts, Meta(description="Add nothing that makes limit/request exceed this.")
    ] = {}

    def __post_init__(self) -> None:
        """Refuse quantities that are malformed or negative."""
        for amounts in (self.default, self.default_request, self.min, self.max, self.max_limit_request_ratio):
            for quantity in amounts.values():
                if nanos(quantity) < 0:
                    raise ValueError(f"{quantity!r} is negative")


class ResourceSettings(Switch, frozen=True):
    """resources."""

    limits: Annotated[
        tuple[ResourceItem, ...],
        Meta(
            description="What to add, as items of a LimitRange. Of several items the first that has a value gives it."
        ),
    ] = (ResourceItem(default_request={"cpu": "100m", "memory": "128Mi"}),)

    @property
    def limits_memory(self) -> bool:
        """Whether it gives containers a memory limit, at which they can be killed."""
        return self.enabled and any("memory" in item.default for item in self.limits)

    def compiled(self) -> Limits:
        """Compile the items, without the fallbacks of a LimitRange."""
        items = [
            LimitItem(item.type, item.default, item.default_request, item.min, item.max, item.max_limit_request_ratio)
            for item in self.limits
        ]
        return compile_items(items, Reason.UNSET)


class ReadOnlySettings(OptIn, frozen=True):
    """readOnlyRootFilesystem."""

    writable_tmp: Annotated[
        bool,
        Meta(description="Also mount an emptyDir at /tmp where nothing is mounted there."),
    ] = False


class IdentitySettings(OptIn, frozen=True):
    """identity. A null leaves that field alone."""

    run_as_user: Annotated[UserId | None, Meta(description="User id for pods that set none.")] = 65532
    run_as_group: Annotated[UserId | None, Meta(description="Group id for pods that set none.")] = 65532
    fs_group: Annotated[UserId | None, Meta(description="Group id that owns volumes, for pods that set none.")] = 65532


class RuntimeClassSettings(OptIn, frozen=True):
    """runtimeClassName."""

    name: Annotated[
        str,
        Meta(description="The RuntimeClass to use. A namespace's runtime-class annotation outranks it."),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse an enabled default without a name."""
        if self.enabled and not self.name:
            raise ValueError("name must be set where runtimeClassName is enabled")


class Settings(_Part, frozen=True):
    """One entry per default, by its id."""

    run_as_non_root: Annotated[
        RunAsNonRootSettings, Meta(description="runAsNonRoot: true at pod or container level.")
    ] = RunAsNonRootSettings()
    os: Annotated[Switch, Meta(description="spec.os.name: windows where the nodeSelector already says so.")] = Switch()
    seccomp_profile: Annotated[SeccompSettings, Meta(description="seccompProfile at pod level.")] = SeccompSettings()
    allow_privilege_escalation: Annotated[
        Switch,
        Meta(description="allowPrivilegeEscalation: false on each container."),
    ] = Switch()
    capabilities: Annotated[CapabilitiesSettings, Meta(description="capabilities.drop: [ALL] on each container.")] = (
        CapabilitiesSettings()
    )
    automount_service_account_token: Annotated[
        TokenSettings,
        Meta(description="automountServiceAccountToken: false, and the token that was injected removed."),
    ] = TokenSettings()
    resources: Annotated[ResourceSettings, Meta(description="Requests and limits on each container.")] = (
        ResourceSettings()
    )
    read_only_root_filesystem: Annotated[
        ReadOnlySettings,
        Meta(description="readOnlyRootFilesystem: true on each container."),
    ] = ReadOnlySettings()
    identity: Annotated[IdentitySettings, Meta(description="runAsUser, runAsGroup and fsGroup at pod level.")] = (
        IdentitySettings()
    )
    runtime_class_name: Annotated[RuntimeClassSettings, Meta(description="runtimeClassName.")] = RuntimeClassSettings()
    image_pull_policy: Annotated[OptIn, Meta(description="imagePullPolicy: Always; on pods it is enforced.")] = OptIn()
    host_users: Annotated[OptIn, Meta(description="hostUsers: false: a user namespace for each pod.")] = OptIn()
    app_armor_profile: Annotated[OptIn, Meta(description="appArmorProfile RuntimeDefault at pod level.")] = OptIn()


DefaultId = Annotated[
    str,
    Meta(
        pattern=f"^({'|'.join(info.encode_name for info in msgspec.structs.fields(Settings))})$",
        description="The id of a default, as in `settings`.",
    ),
]
Glob = Annotated[str, Meta(min_length=1, description="A glob: `*` stands for any characters, `?` for one.")]
Globs = Annotated[tuple[Glob, ...], Meta(min_length=1)]


class ExceptionRule(_Part, frozen=True):
    """Defaults that leave some containers alone. Every list that is given must have a match."""

    defaults: Annotated[tuple[DefaultId, ...], Meta(min_length=1, description="The defaults that do not act.")]
    containers: Annotated[Globs | None, Meta(description="Names of containers; any if unset.")] = None
    images: Annotated[Globs | None, Meta(description="Images, as pods write them; any if unset.")] = None
    namespaces: Annotated[Globs | None, Meta(description="Names of namespaces; any if unset.")] = None

    def __post_init__(self) -> None:
        """Refuse a rule that would switch defaults off for the whole cluster."""
        if self.containers is None and self.images is None and self.namespaces is None:
            raise ValueError("containers, images or namespaces must be set; to switch a default off, use settings")


class TemplateRule(_Part, frozen=True):
    """Where the objects of a custom kind hold a pod template."""

    group: Annotated[str, Meta(min_length=1, description="Their API group.")]
    kind: Annotated[str, Meta(min_length=1, description="Their kind.")]
    path: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_-]+(\[\])?(\.[A-Za-z0-9_-]+(\[\])?)*$",
            description="The fields that lead to the template, joined by dots. `[]` behind one walks a list.",
        ),
    ]


class DefaulterConfiguration(_Part, frozen=True):
    """The configuration file."""

    api_version: Annotated[Literal["pod-security-defaulter.io/v1alpha1"], Meta(description="The file's version.")] = (
        API_VERSION
    )
    kind: Annotated[Literal["DefaulterConfiguration"], Meta(description="The file's kind.")] = KIND
    defaults: Annotated[LevelDefaults, Meta(description="Levels of namespaces without labels.")] = LevelDefaults()
    exemptions: Annotated[Exemptions, Meta(description="Whom to leave alone.")] = Exemptions()
    target: Annotated[
        Target,
        Meta(description="The profile to default for where a namespace has neither a profile nor an enforce label."),
    ] = Target()
    mode: Annotated[Mode, Meta(description="What /mutate does where a namespace has no mode label.")] = Mode.ENFORCE
    deny_in: Annotated[
        DenyIn,
        Meta(description="Where a violation of the enforce level is refused: by /validate only, or by /mutate too."),
    ] = DenyIn.VALIDATE
    allow_pod_skip: Annotated[bool, Meta(description="Whether the skip annotation counts on new pods too.")] = False
    patch_templates: Annotated[
        bool,
        Meta(description="Whether pod templates of controllers are patched too. GitOps tools then see a difference."),
    ] = False
    images: Annotated[ImageSettings, Meta(description="What is known of images.")] = ImageSettings()
    observer: Annotated[ObserverSettings, Meta(description="The observer.")] = ObserverSettings()
    exceptions: Annotated[
        tuple[ExceptionRule, ...],
        Meta(description="Containers that some defaults leave alone."),
    ] = ()
    placeholders: Annotated[
        tuple[str, ...],
        Meta(description="Images of containers that another webhook fills in, exactly as written. They get nothing."),
    ] = ("auto",)
    templates: Annotated[
        tuple[TemplateRule, ...],
        Meta(description="Custom kinds that hold pod templates. Previews and scans see these, admission their pods."),
    ] = ()
    settings: Annotated[Settings, Meta(description="The defaults.")] = field(default_factory=Settings)


def enabled_ids(settings: Settings) -> frozenset[str]:
    """Return the ids of the enabled defaults. An id is the name of the entry in the file."""
    names = msgspec.structs.fields(Settings)
    return frozenset(info.encode_name for info in names if getattr(settings, info.name).enabled)


def json_schema() -> dict[str, Any]:
    """Generate the JSON Schema of the file."""
    return msgspec.json.schema(DefaulterConfiguration)
