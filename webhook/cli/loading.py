"""Loads the configuration for a command, and prints the warnings about it."""

from __future__ import annotations

import sys
from pathlib import Path

from patches import DefaulterConfiguration, configuration_warnings
from webhook.configuration.reader import load_configuration


def load_with_warnings(path: Path | None) -> DefaulterConfiguration:
    """Load the configuration as `load_configuration` does, and print warnings to standard error."""
    configuration = load_configuration(path)
    for warning in configuration_warnings(configuration):
        print(f"warning: {path}: {warning}", file=sys.stderr)
    return configuration
