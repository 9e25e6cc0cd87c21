"""The kinds of objects around a pod that decide what may be added to it."""

from __future__ import annotations

from enum import StrEnum


class Need(StrEnum):
    """A kind of object in the cluster that a default must know before it adds anything."""

    LIMIT_RANGE = "LimitRange"
    RESOURCE_QUOTA = "ResourceQuota"
    SERVICE_ACCOUNT = "ServiceAccount"
    ROLE_BINDING = "RoleBinding"
    RUNTIME_CLASS = "RuntimeClass"
