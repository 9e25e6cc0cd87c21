"""Asks the cluster of a kubeconfig about namespaces, with the rights of whoever runs the command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from patches.configuration import DefaulterConfiguration
from webhook.cli import inputs
from webhook.cluster.api import Cluster, ClusterError
from webhook.sources.asked import Asked
from webhook.sources.manifests import ManifestSource


async def asked_source(
    options: argparse.Namespace, config: DefaulterConfiguration, namespaces: Sequence[str]
) -> ManifestSource:
    """What --objects and, after them, the cluster say. What may not be read is told. Raises InputError."""
    try:
        cluster = await Cluster.connect(options.kubeconfig, options.context)
        try:
            asked = Asked(cluster)
            source = inputs.source_of(config, options.objects, newest=await asked.minor())
            await asked.describe(source, namespaces)
        finally:
            await cluster.close()
    except (ClusterError, ValueError) as error:
        raise inputs.InputError(f"{error}; --offline asks no cluster") from None
    for problem in asked.problems:
        print(f"warning: {problem}", file=sys.stderr)
    return source
