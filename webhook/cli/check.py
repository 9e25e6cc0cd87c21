"""`check`: what violates the profile as written. Nothing is patched."""

from __future__ import annotations

import argparse

from webhook.cli.manifests import run_on_manifests


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    return run_on_manifests(options, patch=False)
