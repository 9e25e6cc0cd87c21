"""Leaves only some defaults on."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from patches import DEFAULTS, DefaulterConfiguration
from webhook.errors import InputError


def only(configuration: DefaulterConfiguration, ids: Collection[str]) -> DefaulterConfiguration:
    """The configuration with every default off that is not among `ids`; as it is if there are none.

    Raises:
        InputError: if there is no default of that id.
    """
    if not ids:
        return configuration
    unknown = [name for name in ids if name not in {default.id for default in DEFAULTS}]
    if unknown:
        known = ", ".join(default.id for default in DEFAULTS)
        raise InputError(f"--defaults: there is no default {', '.join(unknown)}; there are {known}")
    settings = configuration.settings
    off = {
        info.name: msgspec.structs.replace(getattr(settings, info.name), enabled=False)
        for info in msgspec.structs.fields(settings)
        if info.encode_name not in ids
    }
    return msgspec.structs.replace(configuration, settings=msgspec.structs.replace(settings, **off))
