"""Leaves only some defaults on."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from patches import DefaulterConfiguration


def only(configuration: DefaulterConfiguration, ids: Collection[str]) -> DefaulterConfiguration:
    """The configuration with every default off that is not among `ids`."""
    settings = configuration.settings
    off = {
        info.name: msgspec.structs.replace(getattr(settings, info.name), enabled=False)
        for info in msgspec.structs.fields(settings)
        if info.encode_name not in ids
    }
    return msgspec.structs.replace(configuration, settings=msgspec.structs.replace(settings, **off))
