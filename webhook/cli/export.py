"""`export`: prints the configuration as Kubernetes' own admission policies."""

from __future__ import annotations

import sys
from typing import Final

import yaml

from webhook.cli.loading import load_with_warnings
from webhook.cli.options import ExportOptions
from webhook.errors import ConfigurationError
from webhook.export.policies import carried_by, mutating_policy, validating_policy

OPTIONS: Final = ExportOptions


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as blocks, to be read."""


def run(options: ExportOptions) -> int:
    """Print the policies and return the exit status. Raises ConfigurationError if they cannot be made."""
    configuration = load_with_warnings(options.config)
    if options.kind == "validatingadmissionpolicy":
        objects = validating_policy(configuration, static=options.static)
    else:
        carried = carried_by(configuration, options.defaults)
        for name, obstacle in carried.items():
            if obstacle:
                print(f"warning: left out {name}: {obstacle}", file=sys.stderr)
        ids = [name for name, obstacle in carried.items() if not obstacle]
        if not ids:
            raise ConfigurationError(str(options.config or "configuration"), 0, "", "no default is left to export")
        objects = mutating_policy(configuration, ids, static=options.static)
    yaml.dump_all(objects, sys.stdout, Dumper=_Dumper, sort_keys=False, width=1 << 16)
    return 0


def _write_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _write_text)
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
