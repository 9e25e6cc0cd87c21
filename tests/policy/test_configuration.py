"""The configuration file's types: what it may say, and what holds where it says nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from patches.model.decisions import Reason
from patches.policy.configuration import (
    DefaulterConfiguration,
    DenyIn,
    Mode,
    ResourceItem,
    enabled_ids,
    json_schema,
)
from patches.policy.policy import IDS
from patches.standards.levels import Level
from tests.patches.build import configuration


def test_everything_is_optional() -> None:
    """An empty file is the configuration out of the box."""
    empty = configuration()
    assert empty == DefaulterConfiguration()
    assert empty.mode is Mode.ENFORCE
    assert empty.deny_in is DenyIn.VALIDATE
    assert str(empty.target.level_version) == "restricted:latest"
    assert (empty.allow_pod_skip, empty.patch_templates) == (False, False)
    assert empty.exemptions.usernames == empty.exemptions.runtime_classes == empty.exemptions.namespaces == ()
    defaults = empty.defaults
    assert {defaults.enforce, defaults.audit, defaults.warn} == {Level.PRIVILEGED}
    assert {defaults.enforce_version, defaults.audit_version, defaults.warn_version} == {"latest"}


def test_what_is_on_out_of_the_box() -> None:
    """What the restricted profile asks for, the token and requests; everything that may break an image is opt-in."""
    assert enabled_ids(DefaulterConfiguration().settings) == {
        "allowPrivilegeEscalation",
        "automountServiceAccountToken",
        "capabilities",
        "os",
        "resources",
        "runAsNonRoot",
        "seccompProfile",
    }


def test_the_settings_out_of_the_box() -> None:
    """Each default's own settings."""
    settings = DefaulterConfiguration().settings
    assert (settings.seccomp_profile.type, settings.seccomp_profile.localhost_profile) == ("RuntimeDefault", None)
    assert settings.capabilities.net_bind_service_for_low_ports is True
    assert settings.automount_service_account_token.service_accounts == "default"
    assert settings.resources.limits == (ResourceItem(default_request={"cpu": "100m", "memory": "128Mi"}),)
    assert settings.read_only_root_filesystem.writable_tmp is False
    identity = settings.identity
    assert identity.run_as_user == identity.run_as_group == identity.fs_group == 65532
    assert settings.runtime_class_name.name == ""


@pytest.mark.parametrize("default", IDS)
def test_each_default_can_be_switched(default: str) -> None:
    """One entry per id, with `enabled`; a RuntimeClass needs its name."""
    extra = {"name": "gvisor"} if default == "runtimeClassName" else {}
    assert default in enabled_ids(configuration(settings={default: {"enabled": True, **extra}}).settings)
    assert default not in enabled_ids(configuration(settings={default: {"enabled": False}}).settings)


@pytest.mark.parametrize(
    "parts",
    [
        {"apiVersion": "v1"},
        {"kind": "Configuration"},
        {"surprise": 1},
        {"defaults": {"enforce": "strict"}},
        {"defaults": {"enforceVersion": "latest"}},
        {"defaults": {"warn-version": "1.30"}},
        {"defaults": {"warn-version": "v1.030"}},
        {"defaults": {"warn-version": "v1.30 "}},
        {"target": {"profile-version": "newest"}},
        {"mode": "Enforce"},
        {"denyIn": "both"},
        {"allowPodSkip": "yes"},
        {"exemptions": {"usernames": "me"}},
        {"settings": {"unknown": {}}},
        {"settings": {"runAsNonRoot": {"enabled": 1}}},
        {"settings": {"runAsNonRoot": {"value": True}}},
        {"settings": {"seccompProfile": {"type": "Unconfined"}}},
        {"settings": {"seccompProfile": {"type": "Localhost"}}},
        {"settings": {"seccompProfile": {"type": "Localhost", "localhostProfile": ""}}},
        {"settings": {"seccompProfile": {"localhostProfile": "p.json"}}},
        {"settings": {"automountServiceAccountToken": {"serviceAccounts": "none"}}},
        {"settings": {"resources": {"limits": [{"type": "Pod"}]}}},
        {"settings": {"resources": {"limits": [{"default": {"nvidia.com/gpu": 1}}]}}},
        {"settings": {"resources": {"limits": [{"default": {"cpu": "x"}}]}}},
        {"settings": {"resources": {"limits": [{"defaultRequest": {"cpu": "-1"}}]}}},
        {"settings": {"resources": {"limits": [{"min": {"cpu": -1}}]}}},
        {"settings": {"resources": {"limits": [{"max": {"cpu": "1 Gi"}}]}}},
        {"settings": {"resources": {"limits": [{"maxLimitRequestRatio": {"cpu": "-1n"}}]}}},
        {"settings": {"identity": {"runAsUser": -1}}},
        {"settings": {"identity": {"fsGroup": 2**31}}},
        {"settings": {"runtimeClassName": {"enabled": True}}},
        {"observer": {"registry": {"pullSecrets": "named"}}},
        {"observer": {"registry": {"secrets": ["mine"]}}},
        {"observer": {"registry": {"pullSecrets": "pod", "secrets": ["mine"]}}},
        {"observer": {"registry": {"allow": "*"}}},
        {"observer": {"registry": {"fileCapabilities": ["NET_RAW"]}}},
        {"placeholders": "auto"},
        {"templates": [{"group": "example.org", "kind": "Widget"}]},
        {"templates": [{"group": "example.org", "kind": "Widget", "path": "spec..template"}]},
        {"templates": [{"group": "example.org", "kind": "Widget", "path": "spec.parts[0].template"}]},
        {"exceptions": [{"images": ["*"]}]},
        {"exceptions": [{"images": ["*"], "defaults": []}]},
        {"exceptions": [{"images": [], "defaults": ["os"]}]},
        {"exceptions": [{"images": [""], "defaults": ["os"]}]},
        {"exceptions": [{"image": ["*"], "defaults": ["os"]}]},
        {"exceptions": [{"defaults": ["os"]}]},
    ],
)
def test_what_is_refused(parts: Any) -> None:
    """Unknown fields, wrong types, values that no API server would take, and halves of what belongs together."""
    with pytest.raises(msgspec.ValidationError):
        configuration(**parts)


def test_refusals_name_the_field() -> None:
    """The reader of the file finds file and line by it."""
    with pytest.raises(msgspec.ValidationError, match=r"\$\.settings\.resources\.limits\[0\]"):
        configuration(settings={"resources": {"limits": [{"default": {"cpu": "-1"}}]}})
    with pytest.raises(msgspec.ValidationError, match=r"^'-1' is negative\b"):
        configuration(settings={"resources": {"limits": [{"default": {"cpu": "-1"}}]}})
    with pytest.raises(
        msgspec.ValidationError, match=r"^localhostProfile must be set where type is Localhost, and only there\b"
    ):
        configuration(settings={"seccompProfile": {"type": "Localhost"}})
    with pytest.raises(msgspec.ValidationError, match=r"^name must be set where runtimeClassName is enabled\b"):
        configuration(settings={"runtimeClassName": {"enabled": True}})
    rules = [{"images": ["*"], "defaults": [name]} for name in ("os", "runasnonroot")]
    with pytest.raises(msgspec.ValidationError, match=r"\bat `\$\.exceptions\[1\]\.defaults\[0\]`"):
        configuration(exceptions=rules)
    with pytest.raises(msgspec.ValidationError, match=r"^containers, images or namespaces must be set\b.*exceptions\["):
        configuration(exceptions=[{"defaults": ["os"]}])


def test_what_is_accepted() -> None:
    """Every part at once, as the documentation shows it."""
    read = configuration(
        apiVersion="pod-security-defaulter.io/v1alpha1",
        kind="DefaulterConfiguration",
        defaults={"enforce": "baseline", "enforce-version": "v1.30", "warn": "restricted", "audit-version": "latest"},
        exemptions={"usernames": ["u"], "runtimeClasses": ["r"], "namespaces": ["n"]},
        target={"profile": "baseline", "profile-version": "v1.25"},
        mode="audit",
        denyIn="mutate",
        allowPodSkip=True,
        patchTemplates=True,
        exceptions=[{"containers": ["a"], "images": ["*/a:*"], "namespaces": ["*"], "defaults": ["runAsNonRoot"]}],
        placeholders=["auto", "mesh.example/placeholder"],
        templates=[{"group": "example.org", "kind": "Widget", "path": "spec.parts[].pod-template"}],
        settings={
            "seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"},
            "identity": {"enabled": True, "runAsUser": 0, "runAsGroup": 2**31 - 1, "fsGroup": None},
            "resources": {"limits": [{"type": "Container", "default": {"cpu": 0, "ephemeral-storage": 1.5}}]},
            "runtimeClassName": {"enabled": False},
            "readOnlyRootFilesystem": {"enabled": True, "writableTmp": True},
        },
    )
    assert (read.defaults.enforce, read.defaults.enforce_version) == (Level.BASELINE, "v1.30")
    assert str(read.target.level_version) == "baseline:v1.25"
    assert (read.mode, read.deny_in) == (Mode.AUDIT, DenyIn.MUTATE)
    assert read.settings.identity.fs_group is None


def test_resource_items_compile_without_fallbacks() -> None:
    """In order, each field where it belongs."""
    item = {
        "default": {"cpu": "2"},
        "defaultRequest": {"cpu": "1"},
        "min": {"cpu": "500m"},
        "max": {"memory": "1Gi"},
        "maxLimitRequestRatio": {"cpu": 4},
    }
    limits = configuration(settings={"resources": {"limits": [item]}}).settings.resources.compiled()
    assert limits.default_requests["cpu"] == (10**9, "1", Reason.UNSET)
    assert limits.default_limits["cpu"] == (2 * 10**9, "2", Reason.UNSET)
    assert "memory" not in limits.default_limits
    assert [constraint.bound.value for constraint in limits.container["cpu"]] == ["min", "maxLimitRequestRatio"]
    assert [constraint.bound.value for constraint in limits.container["memory"]] == ["max"]
    assert limits.pod == {}


def test_the_schema_is_drawn_from_the_types() -> None:
    """Every part and every default is in it, unknown fields are refused, everything is described."""
    schema = json_schema()
    parts = schema["$defs"]
    assert set(parts["Settings"]["properties"]) == set(IDS)
    top = parts["DefaulterConfiguration"]
    assert set(top["properties"]) == {
        "apiVersion",
        "kind",
        "defaults",
        "exemptions",
        "target",
        "mode",
        "denyIn",
        "allowPodSkip",
        "patchTemplates",
        "images",
        "observer",
        "exceptions",
        "placeholders",
        "templates",
        "settings",
    }
    assert "enforce-version" in parts["LevelDefaults"]["properties"]
    assert all(part["additionalProperties"] is False for part in parts.values() if part.get("type") == "object")
    assert all(field.get("description") for field in top["properties"].values())
