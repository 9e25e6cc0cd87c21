"""`check`: shows what violates the profile as written. It patches nothing."""

from __future__ import annotations

from typing import Final

from webhook.cli.manifests import run_on_manifests
from webhook.cli.options import ManifestOptions

OPTIONS: Final = ManifestOptions


def run(options: ManifestOptions) -> int:
    """Run the command and return the exit status."""
    return run_on_manifests(options, patch=False)
