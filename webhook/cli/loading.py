"""Loads the configuration and what is known of images for a command, and prints the warnings about them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from patches import NO_IMAGES, DefaulterConfiguration, Images, configuration_warnings
from webhook.configuration.reader import load_configuration
from webhook.images.facts import current_facts, tag_age
from webhook.images.file import load_image_facts


def load_with_warnings(path: Path | None) -> DefaulterConfiguration:
    """Load the configuration as `load_configuration` does, and print warnings to standard error."""
    configuration = load_configuration(path)
    for warning in configuration_warnings(configuration):
        print(f"warning: {path}: {warning}", file=sys.stderr)
    return configuration


def load_images(path: Path | None, configuration: DefaulterConfiguration) -> Images:
    """Load what is known of images now, from a file of kind ImageFacts; nothing without a file."""
    if path is None:
        return NO_IMAGES
    return Images(current_facts(load_image_facts(path), datetime.now(UTC), tag_age(configuration)))
