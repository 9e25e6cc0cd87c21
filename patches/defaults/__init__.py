"""The defaults, in the order in which they act. Adding one is one module and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from patches.defaults import (
    allow_privilege_escalation,
    app_armor_profile,
    automount_service_account_token,
    capabilities,
    host_users,
    identity,
    image_pull_policy,
    os,
    read_only_root_filesystem,
    resources,
    run_as_non_root,
    runtime_class_name,
    seccomp_profile,
)
from patches.defaults.draft import Draft
from patches.standards.levels import Level


class Default(NamedTuple):
    """A default: its id, the least profile that it acts at, and what decides and records."""

    id: str
    level: Level
    apply: Callable[[Draft], None]


DEFAULTS: Final = (
    Default(run_as_non_root.ID, Level.RESTRICTED, run_as_non_root.apply),
    Default(os.ID, Level.RESTRICTED, os.apply),
    Default(seccomp_profile.ID, Level.RESTRICTED, seccomp_profile.apply),
    Default(allow_privilege_escalation.ID, Level.RESTRICTED, allow_privilege_escalation.apply),
    Default(capabilities.ID, Level.RESTRICTED, capabilities.apply),
    Default(automount_service_account_token.ID, Level.BASELINE, automount_service_account_token.apply),
    Default(resources.ID, Level.BASELINE, resources.apply),
    Default(read_only_root_filesystem.ID, Level.BASELINE, read_only_root_filesystem.apply),
    Default(identity.ID, Level.BASELINE, identity.apply),
    Default(runtime_class_name.ID, Level.BASELINE, runtime_class_name.apply),
    Default(image_pull_policy.ID, Level.BASELINE, image_pull_policy.apply),
    Default(host_users.ID, Level.BASELINE, host_users.apply),
    Default(app_armor_profile.ID, Level.BASELINE, app_armor_profile.apply),
)
