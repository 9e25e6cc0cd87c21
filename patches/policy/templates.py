"""The custom kinds that hold pod templates, as a configuration has them."""

from __future__ import annotations

from patches.model.custom import CustomTemplates, TemplatePath
from patches.policy.configuration import DefaulterConfiguration


def custom_templates(configuration: DefaulterConfiguration) -> CustomTemplates:
    """Return the well-known kinds with those of the configuration's `templates`."""
    return CustomTemplates(TemplatePath(rule.group, rule.kind, rule.path) for rule in configuration.templates)
