"""The defaults, one module each. A new one needs its import and its line here; CONTRIBUTING.md shows the steps."""

from __future__ import annotations

from typing import Final

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
from patches.defaults.default import Default

DEFAULTS: Final[tuple[Default, ...]] = (
    run_as_non_root.DEFAULT,
    os.DEFAULT,
    seccomp_profile.DEFAULT,
    allow_privilege_escalation.DEFAULT,
    capabilities.DEFAULT,
    automount_service_account_token.DEFAULT,
    resources.DEFAULT,
    read_only_root_filesystem.DEFAULT,
    identity.DEFAULT,
    runtime_class_name.DEFAULT,
    image_pull_policy.DEFAULT,
    host_users.DEFAULT,
    app_armor_profile.DEFAULT,
)
"""Every default, in the order in which they act."""

__all__ = ["DEFAULTS"]
